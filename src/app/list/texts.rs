//! The texts that a filter searches, all rows' in one stretch of memory and in small letters: to ask fifty thousand objects
//! for their names is to fetch each from its own corner, for every key anew.

use super::Placed;

/// Between two texts of a row.
pub const BETWEEN: char = '\0';

/// With less than this nothing is gained by tidying up.
const LITTLE: usize = 1 << 16;

/// Where a row's texts stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    at: u32,
    len: u32,
}

impl Span {
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    pub const fn len(self) -> usize {
        self.len as usize
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    text: String,
    /// Bytes that no row has any more.
    waste: usize,
}

impl Texts {
    /// Takes a row's texts in.
    pub fn add<const N: usize>(&mut self, texts: [&str; N]) -> Span {
        let at = self.text.len();
        for (i, text) in texts.into_iter().enumerate() {
            if i > 0 {
                self.text.push(BETWEEN);
            }
            let from = self.text.len();
            self.text.push_str(text);
            if let Some(new) = self.text.get_mut(from..) {
                new.make_ascii_lowercase();
            }
        }
        Span {
            at: at as u32,
            len: (self.text.len() - at) as u32,
        }
    }

    /// Empty for a row that has none.
    pub fn of(&self, span: Span) -> &str {
        let at = span.at as usize;
        self.text.get(at..at + span.len as usize).unwrap_or("")
    }

    /// So many bytes have no row any more.
    pub const fn drop(&mut self, bytes: usize) {
        self.waste += bytes;
    }

    /// These rows are all that there are, with so many bytes.
    pub fn only(&mut self, used: usize, rows: &mut [Placed]) {
        self.waste = self.text.len().saturating_sub(used);
        self.tidy(rows);
        if self.text.capacity() - self.text.len() > LITTLE {
            self.text.shrink_to_fit();
        }
    }

    /// Gives back what nobody has any more, once it is a quarter of all.
    pub fn tidy(&mut self, rows: &mut [Placed]) {
        if self.waste < LITTLE || self.waste * 4 < self.text.len() {
            return;
        }
        let mut text = String::with_capacity(self.text.len() - self.waste);
        for row in rows {
            let at = text.len() as u32;
            text.push_str(self.of(row.texts));
            row.texts.at = at;
        }
        *self = Self { text, waste: 0 };
    }
}
