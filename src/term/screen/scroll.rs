//! What only moved up or down is moved by the terminal itself: a followed log, a table that scrolls by a row. Over a slow
//! link that is the difference between one line and a whole screen of them.
//!
//! Only the oldest means are used (margins, index and reverse index, as a VT100 has them): terminals that lack the newer
//! ones, as the Linux console does, are the ones at the far end of a bad night.

use std::io::Write;
use std::ops::Range;

use super::super::cell::{BLANK, Change, Glyph, Shown};
use super::Screen;

/// So many cells it must save, or the sequences cost more than they bring.
const WORTH: i64 = 40;

/// Lines `top..bottom` move by `by` lines: up when it is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    top: usize,
    bottom: usize,
    by: isize,
}

/// Two screens of the same width, as rows.
struct Rows<'a> {
    is: &'a [Shown],
    wanted: &'a [Shown],
    width: usize,
}

impl Rows<'_> {
    fn count(&self) -> usize {
        self.is.len() / self.width.max(1)
    }

    fn row<'b>(&self, of: &'b [Shown], y: usize) -> &'b [Shown] {
        of.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }

    /// Cells of the wanted row `y` that a terminal showing the row `from` lacks; all that are not blank where there is none.
    fn lacking(&self, from: Option<usize>, y: usize) -> i64 {
        let wanted = self.row(self.wanted, y);
        let lacks = match from {
            Some(from) => wanted
                .iter()
                .zip(self.row(self.is, from))
                .filter(|(w, s)| w != s)
                .count(),
            None => wanted.iter().filter(|w| **w != BLANK).count(),
        };
        i64::try_from(lacks).unwrap_or(i64::MAX)
    }

    /// By how many lines most of the rows that differ have moved.
    fn distance(&self) -> Option<isize> {
        let mut votes: Vec<(isize, usize)> = Vec::new();
        for y in 0..self.count() {
            let wanted = self.row(self.wanted, y);
            if wanted == self.row(self.is, y) || wanted.iter().all(Shown::blank) {
                continue;
            }
            for from in 0..self.count() {
                if self.row(self.is, from) == wanted {
                    let by = from.cast_signed() - y.cast_signed();
                    match votes.iter_mut().find(|(known, _)| *known == by) {
                        Some((_, count)) => *count += 1,
                        None => votes.push((by, 1)),
                    }
                }
            }
        }
        votes
            .into_iter()
            .max_by_key(|(by, count)| (*count, -by.abs()))
            .map(|(by, _)| by)
    }

    /// The lines whose move by `by` saves the most cells.
    fn best(&self, by: isize) -> Option<Move> {
        let count = self.count();
        let source = |y: usize| y.checked_add_signed(by).filter(|from| *from < count);
        let mut best: Option<(i64, Range<usize>)> = None;
        let (mut sum, mut begin) = (0, 0);
        for y in 0..count {
            let Some(from) = source(y) else {
                (sum, begin) = (0, y + 1);
                continue;
            };
            sum += self.lacking(Some(y), y) - self.lacking(Some(from), y);
            if sum <= 0 {
                (sum, begin) = (0, y + 1);
            } else if best.as_ref().is_none_or(|(most, _)| sum > *most) {
                best = Some((sum, begin..y + 1));
            }
        }
        let (saved, lines) = best?;
        let distance = by.unsigned_abs();
        // The lines that the move uncovers come blank.
        let (uncovered, top, bottom) = if by > 0 {
            (lines.end..lines.end + distance, lines.start, lines.end + distance)
        } else {
            (lines.start - distance..lines.start, lines.start - distance, lines.end)
        };
        let lost: i64 = uncovered
            .map(|y| self.lacking(None, y) - self.lacking(Some(y), y))
            .sum();
        (saved - lost >= WORTH).then_some(Move { top, bottom, by })
    }
}

impl<W: Write> Screen<W> {
    /// Has the terminal move what only moved, and returns what is left to be drawn.
    pub(super) fn moved(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let width = usize::from(self.size.width);
        if changes.len() < width.max(2 * usize::try_from(WORTH).unwrap_or(0)) {
            return changes;
        }
        let mut wanted = self.shown.clone();
        for change in &changes {
            let at = self.index(change.x, change.y);
            if let Some(cell) = wanted.get_mut(at) {
                *cell = change.new.clone();
            }
        }
        let rows = Rows {
            is: &self.shown,
            wanted: &wanted,
            width,
        };
        let Some(Move { top, bottom, by }) = rows.distance().and_then(|by| rows.best(by)) else {
            return changes;
        };
        let cells = top * width..bottom * width;
        // Halves of wide glyphs, and what nobody knows, stay out of it.
        let odd = |s: &Shown| matches!(s.glyph, Glyph::Tail | Glyph::Unknown) || s.wide();
        let mut all = self
            .shown
            .get(cells.clone())
            .into_iter()
            .chain(wanted.get(cells.clone()))
            .flatten();
        if all.any(odd) {
            return changes;
        }
        self.scroll(top, bottom, by);
        let mut left: Vec<Change> = Vec::new();
        let mut old = changes.into_iter().peekable();
        let y_of = |change: &Change| usize::from(change.y);
        while let Some(change) = old.next_if(|c| y_of(c) < top) {
            left.push(change);
        }
        for at in cells {
            if let (Some(is), Some(new)) = (self.shown.get(at), wanted.get(at))
                && is != new
                && let (Ok(x), Ok(y)) = (u16::try_from(at % width), u16::try_from(at / width))
            {
                left.push(Change { x, y, new: new.clone() });
            }
        }
        left.extend(old.skip_while(|c| y_of(c) < bottom));
        left
    }

    fn scroll(&mut self, top: usize, bottom: usize, by: isize) {
        let width = usize::from(self.size.width);
        // What comes in is filled with the colour at hand.
        self.default_pen();
        let distance = by.unsigned_abs();
        let (edge, step) = if by > 0 { (bottom, "\n") } else { (top + 1, "\x1bM") };
        let _ = write!(
            self.frame,
            "\x1b[{};{bottom}r\x1b[{edge}H{}\x1b[r",
            top + 1,
            step.repeat(distance)
        );
        self.at = None;
        if let Some(cells) = self.shown.get_mut(top * width..bottom * width) {
            let come = distance * width;
            if by > 0 {
                cells.rotate_left(come);
                let begin = cells.len() - come;
                if let Some(new) = cells.get_mut(begin..) {
                    new.fill(BLANK);
                }
            } else {
                cells.rotate_right(come);
                if let Some(new) = cells.get_mut(..come) {
                    new.fill(BLANK);
                }
            }
        }
    }
}
