//! What is being typed: one line, or several. The editing itself (words, undo, kill) is tui-textarea's.

use tui_textarea::{CursorMove, Input, Key as TextKey, TextArea};

use crate::keys::{Chord, Key};

#[derive(Clone, Debug, Default)]
pub struct Field {
    area: TextArea<'static>,
    /// All of the text is selected: what is typed next replaces it.
    selected: bool,
}

impl Field {
    pub fn with(text: &str) -> Self {
        let mut field = Self::default();
        field.insert(text);
        field
    }

    pub fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Characters before the cursor.
    pub fn cursor(&self) -> usize {
        self.area.cursor().1
    }

    /// Takes a key; true when the text or the cursor changed.
    pub fn input(&mut self, chord: Chord) -> bool {
        let key = match chord.key {
            Key::Char(c) => TextKey::Char(c),
            Key::Backspace => TextKey::Backspace,
            Key::Delete => TextKey::Delete,
            Key::Left => TextKey::Left,
            Key::Right => TextKey::Right,
            Key::Home => TextKey::Home,
            Key::End => TextKey::End,
            _ => return false,
        };
        let before = (self.text().to_owned(), self.cursor());
        if std::mem::take(&mut self.selected) {
            let erases = matches!(chord.key, Key::Backspace | Key::Delete);
            if erases || chord.typed().is_some() {
                self.clear();
            }
            if erases {
                return true;
            }
        }
        self.area.input(Input {
            key,
            ctrl: chord.ctrl,
            alt: chord.alt,
            shift: chord.shift,
        });
        before != (self.text().to_owned(), self.cursor())
    }

    /// Selects the text: it stays when the cursor moves, and gives way to what is typed.
    pub fn select(&mut self) {
        self.selected = !self.is_empty();
    }

    pub const fn is_selected(&self) -> bool {
        self.selected
    }

    /// Puts text in at the cursor: one line, without control characters.
    pub fn insert(&mut self, text: &str) {
        if std::mem::take(&mut self.selected) {
            self.clear();
        }
        self.area.insert_str(harmless(text));
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn set(&mut self, text: &str) {
        *self = Self::with(text);
        self.area.move_cursor(CursorMove::End);
    }
}

/// What may be pasted at once. It is more than anybody can mean, and little enough to be drawn at once.
pub(super) const MOST: usize = 16 * 1024;
const MOST_LINES: usize = 500;

/// One line without what could steer a terminal or turn the order of what is read.
fn harmless(text: &str) -> String {
    let text: String = text.chars().take(MOST).collect();
    crate::text::clean(&text).into_owned()
}

/// A text of several lines that is being written.
#[derive(Clone, Debug, Default)]
pub struct Pad {
    area: TextArea<'static>,
}

impl Pad {
    pub fn with(text: &str) -> Self {
        let mut pad = Self::default();
        pad.insert(text);
        // To the first thing that is to be filled in.
        let gap = text.lines().position(|l| l.contains('<') && l.contains("?>"));
        let column = gap.and_then(|row| text.lines().nth(row)?.chars().position(|c| c == '<'));
        let at = |n: Option<usize>| u16::try_from(n.unwrap_or(0)).unwrap_or(0);
        pad.area.move_cursor(CursorMove::Jump(at(gap), at(column)));
        pad
    }

    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }

    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Line and column of the cursor.
    pub fn cursor(&self) -> (usize, usize) {
        let at = self.area.cursor();
        (at.0, at.1)
    }

    /// Where in its line what is still to be filled in stands, if the cursor is on it: from its `<` to after its `?>`,
    /// in characters.
    pub fn gap_here(&self) -> Option<(usize, usize)> {
        let (row, column) = self.cursor();
        let line: Vec<char> = self.area.lines().get(row)?.chars().collect();
        let from = line.get(..=column)?.iter().rposition(|c| *c == '<')?;
        let rest = line.get(from..)?;
        let end = from + 2 + rest.windows(2).position(|w| w == ['?', '>'])?;
        (column < end).then_some((from, end))
    }

    /// What is typed on what is to be filled in takes its place.
    fn fill_gap(&mut self) {
        if let Some((from, end)) = self.gap_here() {
            let at = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            self.area.move_cursor(CursorMove::Jump(at(self.cursor().0), at(from)));
            self.area.delete_str(end - from);
        }
    }

    /// Puts text in at the cursor, without control characters but line breaks.
    pub fn insert(&mut self, text: &str) {
        self.fill_gap();
        let lines: Vec<String> = text.split('\n').take(MOST_LINES).map(harmless).collect();
        self.area.insert_str(lines.join("\n"));
    }

    pub fn input(&mut self, chord: Chord) {
        let key = match chord.key {
            Key::Char(c) => TextKey::Char(c),
            Key::Enter => TextKey::Enter,
            Key::Backspace => TextKey::Backspace,
            Key::Delete => TextKey::Delete,
            Key::Left => TextKey::Left,
            Key::Right => TextKey::Right,
            Key::Up => TextKey::Up,
            Key::Down => TextKey::Down,
            Key::Home => TextKey::Home,
            Key::End => TextKey::End,
            _ => return,
        };
        if chord.typed().is_some() {
            self.fill_gap();
        }
        self.area.input(Input {
            key,
            ctrl: chord.ctrl,
            alt: chord.alt,
            shift: chord.shift,
        });
    }
}
