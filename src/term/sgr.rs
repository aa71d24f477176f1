//! Colours and weights on the wire: the shortest way from one look to the next.

use std::io::Write as _;

use ratatui::style::{Color, Modifier};

/// How a cell looks: what the terminal is told, after the colour depth was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pen {
    pub fg: Color,
    pub bg: Color,
    pub modifier: Modifier,
}

/// Each modifier with the code that switches it on and the one that switches it off.
const CODES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

impl Pen {
    /// The terminal's own look.
    pub const DEFAULT: Self = Self {
        fg: Color::Reset,
        bg: Color::Reset,
        modifier: Modifier::empty(),
    };

    /// Modifiers that show on a blank.
    const ON_BLANK: Modifier = Modifier::REVERSED
        .union(Modifier::UNDERLINED)
        .union(Modifier::CROSSED_OUT)
        .union(Modifier::SLOW_BLINK);

    /// The same look on a blank, without what does not show there.
    pub fn on_blank(self) -> Self {
        let modifier = self.modifier & Self::ON_BLANK;
        Self {
            fg: if modifier.is_empty() { Color::Reset } else { self.fg },
            bg: self.bg,
            modifier,
        }
    }

    /// Whether a blank drawn with this pen looks as with `blank`, a pen made by [`Pen::on_blank`].
    pub fn blanks_like(self, blank: Self) -> bool {
        self.on_blank() == blank
    }

    /// Write what leads from `from` (none when it is not known) to this pen.
    pub fn write(self, from: Option<Self>, out: &mut Vec<u8>) {
        let mut fresh = vec![0u8];
        self.codes(Self::DEFAULT, &mut fresh, true);
        let mut codes = Vec::new();
        match from {
            Some(from) if from == self => return,
            Some(from) => {
                self.codes(from, &mut codes, false);
                // Starting over from the default look may be shorter: `0` instead of `22;24;39;49`.
                if length(&fresh) < length(&codes) {
                    codes = fresh;
                }
            }
            None => codes = fresh,
        }
        out.extend_from_slice(b"\x1b[");
        // `0` alone is said by saying nothing.
        if codes != [0] {
            for (index, code) in codes.iter().enumerate() {
                let _ = if index == 0 {
                    write!(out, "{code}")
                } else {
                    write!(out, ";{code}")
                };
            }
        }
        out.push(b'm');
    }

    fn codes(self, from: Self, codes: &mut Vec<u8>, after_reset: bool) {
        let (mut had, want) = (from.modifier, self.modifier);
        if !after_reset {
            let mut last = 0;
            for (modifier, _, off) in CODES {
                if had.contains(modifier) && !want.contains(modifier) && off != last {
                    codes.push(off);
                    last = off;
                    // One code switches off two: bold and dim, slow and fast blinking.
                    for (other, _, same) in CODES {
                        if same == off {
                            had.remove(other);
                        }
                    }
                }
            }
        }
        for (modifier, on, _) in CODES {
            if want.contains(modifier) && !had.contains(modifier) {
                codes.push(on);
            }
        }
        if self.fg != from.fg {
            colour(self.fg, 0, codes);
        }
        if self.bg != from.bg {
            colour(self.bg, 10, codes);
        }
    }
}

fn length(codes: &[u8]) -> usize {
    codes
        .iter()
        .map(|code| {
            if *code >= 100 {
                4
            } else if *code >= 10 {
                3
            } else {
                2
            }
        })
        .sum()
}

/// The codes of a colour; `shift` is 0 for the text and 10 for what is under it.
fn colour(colour: Color, shift: u8, codes: &mut Vec<u8>) {
    let named = |n: u8| if n < 8 { 30 + n + shift } else { 82 + n + shift };
    codes.push(match colour {
        Color::Reset => 39 + shift,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Indexed(n @ 0..16) => named(n),
        Color::Indexed(n) => return codes.extend([38 + shift, 5, n]),
        Color::Rgb(r, g, b) => return codes.extend([38 + shift, 2, r, g, b]),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(from: Option<Pen>, to: Pen) -> String {
        let mut out = Vec::new();
        to.write(from, &mut out);
        String::from_utf8(out).unwrap().replace('\x1b', "")
    }

    #[test]
    fn the_way_from_look_to_look_is_the_shortest() {
        let plain = Pen::DEFAULT;
        let red = Pen {
            fg: Color::Red,
            ..plain
        };
        let loud = Pen {
            fg: Color::Rgb(1, 2, 3),
            bg: Color::Indexed(238),
            modifier: Modifier::BOLD | Modifier::DIM,
        };
        let bold = Pen {
            modifier: Modifier::BOLD,
            ..red
        };
        assert_eq!(way(Some(red), red), "");
        assert_eq!(way(Some(plain), red), "[31m");
        assert_eq!(way(Some(red), plain), "[m");
        assert_eq!(way(Some(red), bold), "[1m");
        assert_eq!(way(Some(bold), red), "[22m");
        assert_eq!(way(Some(plain), loud), "[1;2;38;2;1;2;3;48;5;238m");
        assert_eq!(
            way(
                Some(loud),
                Pen {
                    modifier: Modifier::DIM,
                    ..loud
                }
            ),
            "[22;2m"
        );
        assert_eq!(way(Some(loud), plain), "[m");
        assert_eq!(way(None, red), "[0;31m");
        assert_eq!(way(None, plain), "[m");
    }
}
