//! Our [`Backend`]: frames in, as few bytes as possible out, one write a frame.
//!
//! The one place where what was drawn meets what the terminal can show: colours go down to its depth, glyphs to ASCII
//! where it has no others, and control characters go nowhere. It remembers what is on the screen, so that a cell that
//! looks the same after all this costs nothing, and a frame in which nothing changed costs no write at all.

mod aside;
mod scroll;

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use super::cell::unsafe_to_show;
use super::cell::{BLANK, Change, Glyph, Shown, UNKNOWN};
use super::flow::ASK;
use super::sgr::Pen;
use crate::theme::symbols::ascii;
use crate::theme::{Depth, Glyphs};
pub use aside::{CLIPBOARD_LIMIT, Through, TooLong};

const FRAME_BEGINS: &[u8] = b"\x1b[?2026h";
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

/// The terminal's screen.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    size: Size,
    depth: Depth,
    glyphs: Glyphs,
    /// The frame so far.
    frame: Vec<u8>,
    shown: Vec<Shown>,
    /// Halves of wide glyphs that lost their other half in this frame.
    orphans: Vec<Position>,
    pen: Option<Pen>,
    /// Where the terminal's cursor is, when that is certain.
    at: Option<Position>,
    cursor_wanted: Option<Position>,
    cursor_place: Position,
    cursor_shown: Option<bool>,
    /// Whether the terminal is asked after each frame how far it has come.
    asks: bool,
    bytes_written: u64,
    writes: u64,
}

impl<W: Write> Screen<W> {
    /// A screen of that size, freshly cleared. Each frame is one `write_all` to `out`, which must not cut it up: a file,
    /// not the standard output, which is line-buffered.
    pub fn new(out: W, size: Size, depth: Depth, glyphs: Glyphs) -> Self {
        let mut screen = Self {
            out,
            size,
            depth,
            glyphs,
            frame: Vec::with_capacity(32 * 1024),
            shown: Vec::new(),
            orphans: Vec::new(),
            pen: None,
            at: None,
            cursor_wanted: None,
            cursor_place: Position::ORIGIN,
            cursor_shown: None,
            asks: false,
            bytes_written: 0,
            writes: 0,
        };
        screen.resize(size);
        screen
    }

    /// The terminal has a new size; ratatui clears and draws everything at the next frame.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.shown = vec![BLANK; usize::from(size.width) * usize::from(size.height)];
        self.at = None;
    }

    /// Nothing is known about the terminal any more: something else wrote to it. The caller clears ratatui's terminal too.
    pub fn forget(&mut self) {
        self.frame.clear();
        self.shown.fill(UNKNOWN);
        self.pen = None;
        self.at = None;
        self.cursor_shown = None;
    }

    /// Change the colour depth. The caller clears ratatui's terminal, so that everything is drawn again.
    pub fn set_depth(&mut self, depth: Depth) {
        self.depth = depth;
        self.shown.fill(UNKNOWN);
    }

    /// The colour depth.
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Bytes sent since the start.
    pub const fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Writes since the start.
    pub const fn writes(&self) -> u64 {
        self.writes
    }

    /// What the bytes go to.
    pub const fn writer(&self) -> &W {
        &self.out
    }

    /// The same, to wait until it has taken them.
    pub const fn writer_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Asks the terminal after each frame how far it has come; see [`super::flow`].
    pub const fn ask_after_frames(&mut self) {
        self.asks = true;
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.bytes_written += bytes.len() as u64;
        self.writes += 1;
        self.out.flush()
    }

    /// The cell as the terminal will show it.
    fn shown(&self, cell: &Cell, x: u16) -> Shown {
        let pen = Pen {
            fg: self.depth.nearest(cell.fg),
            bg: self.depth.nearest(cell.bg),
            modifier: cell.modifier,
        };
        let glyph = self.glyph(cell.symbol(), x);
        let pen = if glyph == Glyph::One(' ') { pen.on_blank() } else { pen };
        Shown { glyph, pen }
    }

    fn glyph(&self, symbol: &str, x: u16) -> Glyph {
        let mut chars = symbol.chars();
        let (first, more) = (chars.next().unwrap_or(' '), chars.next().is_some());
        let placeholder = match self.glyphs {
            Glyphs::Unicode => '·',
            Glyphs::Ascii => '.',
        };
        // Last line of defence: whatever slipped in from outside, the terminal never gets to obey it.
        if symbol.chars().any(unsafe_to_show) {
            return Glyph::One(placeholder);
        }
        let width = if more {
            symbol.width()
        } else {
            first.width().unwrap_or(0)
        };
        match (self.glyphs, more, width) {
            (_, false, 1) if first.is_ascii() => Glyph::One(first),
            (Glyphs::Unicode, false, 1) => Glyph::One(first),
            (Glyphs::Ascii, _, 1) => Glyph::One(ascii(first)),
            (Glyphs::Unicode, true, 1) => Glyph::Many(symbol.into()),
            (_, _, 2) if x + 1 < self.size.width => match self.glyphs {
                Glyphs::Unicode => Glyph::Many(symbol.into()),
                Glyphs::Ascii => Glyph::Many("??".into()),
            },
            // Nothing to see, or more than fits.
            _ => Glyph::One(placeholder),
        }
    }

    fn index(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.size.width) + usize::from(x)
    }

    /// The cells of a frame that look different from what is shown, in reading order.
    fn changes<'a>(&self, content: impl Iterator<Item = (u16, u16, &'a Cell)>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut covered = None;
        for (x, y, cell) in content {
            // ratatui repeats the cell under the second half of some wide glyphs: drawing it would break the glyph.
            if x >= self.size.width || y >= self.size.height || covered == Some((x, y)) {
                continue;
            }
            let new = self.shown(cell, x);
            covered = new.wide().then_some((x + 1, y));
            if self.shown.get(self.index(x, y)) != Some(&new) {
                changes.push(Change { x, y, new });
            }
        }
        changes
    }

    /// Draw what has one look before what has the next: moving the cursor is cheaper than naming a colour, from 256 of
    /// them on. The frame is shown as a whole, so the order is not seen.
    fn by_look(&self, changes: Vec<Change>) -> Vec<Change> {
        if self.depth < Depth::Indexed {
            return changes;
        }
        let mut pens: Vec<Pen> = self.pen.into_iter().collect();
        let mut groups: Vec<(usize, Change)> = Vec::with_capacity(changes.len());
        let mut before: Option<(u16, u16, usize)> = None;
        for change in changes {
            // A blank goes with the text before it when it looks the same.
            let along = before.filter(|(x, y, group)| {
                (*x, *y) == (change.x, change.y)
                    && change.new.blank()
                    && pens.get(*group).is_some_and(|pen| pen.blanks_like(change.new.pen))
            });
            let known = || pens.iter().position(|pen| *pen == change.new.pen);
            let group = along.map(|(.., group)| group).or_else(known).unwrap_or(pens.len());
            if group == pens.len() {
                pens.push(change.new.pen);
            }
            before = Some((change.x + 1 + u16::from(change.new.wide()), change.y, group));
            groups.push((group, change));
        }
        groups.sort_by_key(|(group, _)| *group);
        groups.into_iter().map(|(_, change)| change).collect()
    }

    fn put(&mut self, change: Change) {
        let Change { x, y, new } = change;
        let index = self.index(x, y);
        self.go(x, y);
        self.paint(&new);
        self.place(x, y, index, new);
    }

    /// Write a glyph in its look, at the cursor.
    fn paint(&mut self, new: &Shown) {
        let same = self
            .pen
            .is_some_and(|pen| pen == new.pen || (new.blank() && pen.blanks_like(new.pen)));
        if !same {
            new.pen.write(self.pen, &mut self.frame);
            self.pen = Some(new.pen);
        }
        match &new.glyph {
            Glyph::One(c) => {
                let mut utf8 = [0; 4];
                self.frame.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            }
            Glyph::Many(text) => self.frame.extend_from_slice(text.as_bytes()),
            Glyph::Tail | Glyph::Unknown => {}
        }
    }

    /// Remember what is shown at a cell now, and where the cursor went.
    fn place(&mut self, x: u16, y: u16, index: usize, new: Shown) {
        let wide = new.wide();
        // Terminals differ in how wide they think such a glyph is, so the next cell is addressed anew.
        let certain = matches!(new.glyph, Glyph::One(_)) && x + 1 < self.size.width;
        self.at = self.at.filter(|_| certain).map(|at| Position { x: at.x + 1, y: at.y });
        // Half of a wide glyph takes the other half with it.
        if x > 0 && self.shown.get(index).is_some_and(|old| old.glyph == Glyph::Tail) {
            self.orphan(x - 1, y);
        }
        let after = x + 1 + u16::from(wide);
        let next = index + usize::from(after - x);
        if after < self.size.width && self.shown.get(next).is_some_and(|old| old.glyph == Glyph::Tail) {
            self.orphan(after, y);
        }
        if wide {
            self.set(
                index + 1,
                Shown {
                    glyph: Glyph::Tail,
                    pen: new.pen,
                },
            );
        }
        self.set(index, new);
    }

    /// A half of a wide glyph whose other half was drawn over. ratatui draws it in the same frame, or wants it blank.
    fn orphan(&mut self, x: u16, y: u16) {
        self.set(self.index(x, y), UNKNOWN);
        self.orphans.push(Position { x, y });
    }

    fn set(&mut self, index: usize, shown: Shown) {
        if let Some(cell) = self.shown.get_mut(index) {
            *cell = shown;
        }
    }

    /// Move the terminal's cursor, the shortest way.
    fn go(&mut self, x: u16, y: u16) {
        let target = Position { x, y };
        let Some(from) = self.at else {
            self.jump(target);
            return;
        };
        self.at = Some(target);
        if from == target {
            return;
        }
        if x == 0 && (y == from.y || y == from.y + 1) {
            self.frame.push(b'\r');
            if y != from.y {
                self.frame.push(b'\n');
            }
            return;
        }
        if from.y == y {
            if x > from.x {
                self.forward(from, x - from.x);
            } else {
                let _ = write!(self.frame, "\x1b[{}G", x + 1);
            }
        } else if from.x == x && y == from.y + 1 {
            self.frame.extend_from_slice(b"\x1b[B");
        } else {
            self.jump(target);
        }
    }

    /// Go right by a few cells: by writing them again when that is shorter than saying so.
    fn forward(&mut self, from: Position, distance: u16) {
        let step = if distance == 1 {
            "\x1b[C".to_owned()
        } else {
            format!("\x1b[{distance}C")
        };
        let begin = self.index(from.x, from.y);
        let between = self.shown.get(begin..begin + usize::from(distance)).unwrap_or_default();
        let mut again = String::new();
        for cell in between {
            match (&cell.glyph, self.pen) {
                (Glyph::One(c), Some(pen)) if cell.pen == pen || (*c == ' ' && pen.blanks_like(cell.pen)) => {
                    again.push(*c);
                }
                _ => return self.frame.extend_from_slice(step.as_bytes()),
            }
            if again.len() > step.len() {
                return self.frame.extend_from_slice(step.as_bytes());
            }
        }
        self.frame.extend_from_slice(again.as_bytes());
    }

    fn jump(&mut self, to: Position) {
        self.at = Some(to);
        let _ = match (to.x, to.y) {
            (0, 0) => write!(self.frame, "\x1b[H"),
            (0, y) => write!(self.frame, "\x1b[{}H", y + 1),
            (x, y) => write!(self.frame, "\x1b[{};{}H", y + 1, x + 1),
        };
    }

    fn default_pen(&mut self) {
        Pen::DEFAULT.write(self.pen, &mut self.frame);
        self.pen = Some(Pen::DEFAULT);
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let changes = self.changes(content);
        let changes = self.moved(changes);
        for change in self.by_look(changes) {
            self.put(change);
        }
        for Position { x, y } in std::mem::take(&mut self.orphans) {
            if self.shown.get(self.index(x, y)) == Some(&UNKNOWN) {
                self.put(Change { x, y, new: BLANK });
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.cursor_wanted = None;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor_wanted = Some(self.cursor_place);
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor_place)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor_place = position.into();
        if self.cursor_wanted.is_some() {
            self.cursor_wanted = Some(self.cursor_place);
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.default_pen();
        self.frame.extend_from_slice(b"\x1b[2J");
        self.shown.fill(BLANK);
        Ok(())
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        let code = match clear_type {
            ClearType::All => return self.clear(),
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        };
        self.default_pen();
        let Position { x, y } = self.cursor_place;
        self.go(x, y);
        self.frame.extend_from_slice(code.as_bytes());
        self.shown.fill(UNKNOWN);
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::ZERO,
        })
    }

    /// End of the frame: everything that was drawn goes out in one write. Nothing drawn and the cursor where it was: no write.
    fn flush(&mut self) -> io::Result<()> {
        if let Some(Position { x, y }) = self.cursor_wanted {
            self.go(
                x.min(self.size.width.saturating_sub(1)),
                y.min(self.size.height.saturating_sub(1)),
            );
        }
        let show = self.cursor_wanted.is_some();
        if self.cursor_shown != Some(show) {
            self.frame
                .extend_from_slice(if show { b"\x1b[?25h" } else { b"\x1b[?25l" });
            self.cursor_shown = Some(show);
        }
        if self.frame.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(FRAME_BEGINS.len() + self.frame.len() + FRAME_ENDS.len());
        bytes.extend_from_slice(FRAME_BEGINS);
        bytes.append(&mut self.frame);
        bytes.extend_from_slice(FRAME_ENDS);
        if self.asks {
            bytes.extend_from_slice(ASK);
        }
        self.send(&bytes).inspect_err(|_| self.forget())
    }
}
