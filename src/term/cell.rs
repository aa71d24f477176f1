//! One cell of the terminal, as the screen remembers it.

use unicode_width::UnicodeWidthStr;

use super::sgr::Pen;

/// What a cell of the terminal shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glyph {
    One(char),
    /// Several code points, or two cells wide.
    Many(Box<str>),
    /// The second cell of a wide glyph.
    Tail,
    /// Not known: draw it whatever it shows.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub glyph: Glyph,
    pub pen: Pen,
}

impl Shown {
    pub fn blank(&self) -> bool {
        self.glyph == Glyph::One(' ')
    }

    pub fn wide(&self) -> bool {
        matches!(&self.glyph, Glyph::Many(text) if text.width() > 1)
    }
}

/// A cell that must be drawn.
pub(super) struct Change {
    pub x: u16,
    pub y: u16,
    pub new: Shown,
}

pub(super) const BLANK: Shown = Shown {
    glyph: Glyph::One(' '),
    pen: Pen::DEFAULT,
};
pub(super) const UNKNOWN: Shown = Shown {
    glyph: Glyph::Unknown,
    pen: Pen::DEFAULT,
};

/// Characters that a terminal might obey, or that turn the reading order around: never sent.
pub fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}
