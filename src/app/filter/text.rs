//! How a text is searched: for a part of it, for letters in their order, for a pattern with gaps.

use regex::Regex;

use crate::app::BETWEEN;

#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Lower case.
    pub text: String,
    /// The same, made ready to be searched for.
    finder: memchr::memmem::Finder<'static>,
}

impl Word {
    pub fn new(text: &str) -> Box<Self> {
        let text = text.to_lowercase();
        Box::new(Self {
            finder: memchr::memmem::Finder::new(&text).into_owned(),
            text,
        })
    }

    /// In texts in small letters, [`BETWEEN`] between them: it must stand in one of them.
    pub fn is_in(&self, words: &str) -> bool {
        self.finder.find(words.as_bytes()).is_some() && !self.text.contains(BETWEEN)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub regex: Regex,
    /// It takes capitals and small letters for the same, in every part.
    pub small: bool,
}

/// Case-insensitive search for `term` (already lower case) in `text`.
pub fn contains(text: &str, term: &str) -> bool {
    let (text, term) = (text.as_bytes(), term.as_bytes());
    let Some(first) = term.first() else { return true };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        text.get(at..at + term.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(term))
    })
}

/// Whether the letters (lower case) stand in the text in this order.
pub fn in_order(text: &str, letters: &str) -> bool {
    let mut rest = text.as_bytes();
    letters.bytes().all(|letter| {
        let found = memchr::memchr2(letter, letter.to_ascii_uppercase(), rest);
        rest = found.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
        found.is_some()
    })
}

/// Equal but for case; `*` in `pattern` (lower case) stands for anything.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let begins = text.get(..first.len()).is_some_and(|t| t.eq_ignore_ascii_case(first));
    let mut rest = match text.get(first.len()..) {
        Some(rest) if begins => rest,
        _ => return false,
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            let from = rest.len().checked_sub(part.len());
            return from
                .and_then(|from| rest.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(part));
        }
        let found = (0..=rest.len().saturating_sub(part.len())).find(|at| {
            rest.get(*at..at + part.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(part))
        });
        match found.and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}
