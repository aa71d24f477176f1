//! The text of a file, places in it, and what is wrong there.

use crate::runbook::cel::Flaw;
use std::fmt;

/// Something wrong in a file, where, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            expected,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}; expected {expected}")
    }
}

impl std::error::Error for Problem {}

/// A file that is being read, collecting problems.
pub(super) struct Source<'a> {
    pub text: &'a str,
    pub file: &'a str,
    pub problems: Vec<Problem>,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Self {
            text,
            file,
            problems: Vec::new(),
        }
    }

    /// Line and column, both from 1, of a byte.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let (mut line, mut column) = (1, 1);
        for (at, letter) in self.text.char_indices() {
            if at >= offset {
                break;
            }
            if letter == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        (line, column)
    }

    pub fn problem(&mut self, offset: usize, message: impl Into<String>, expected: impl Into<String>) {
        let (line, column) = self.place(offset);
        let file = self.file.to_owned();
        self.problems.push(Problem {
            file,
            line,
            column,
            message: message.into(),
            expected: expected.into(),
        });
    }

    /// A flaw of an expression or template whose text begins at `base`.
    pub fn flaw(&mut self, base: usize, flaw: Flaw) {
        self.problem(base + flaw.offset, flaw.message, flaw.expected);
    }
}
