//! Checking a file without running it.

use super::format::{self, Problem};

/// What is wrong in `text`; empty when it can be run. `file` is only for the places.
pub fn lint(text: &str, file: &str) -> Vec<Problem> {
    format::parse(text, file).err().unwrap_or_default()
}
