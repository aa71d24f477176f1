//! What is wrong with a file that the user wrote, and where.

use std::fmt;
use std::ops::Range;

/// One fault in a keymap or theme: where it is, what is wrong, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name as the user knows it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected, in one sentence.
    pub message: String,
}

impl Problem {
    /// A fault at a byte range of `text`.
    pub fn at(file: &str, text: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
            message: message.into(),
        }
    }

    /// A syntax error of the TOML parser.
    pub fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(file, text, &error.span().unwrap_or(0..0), error.message())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}

/// The candidate that the user most likely meant, for "did you mean".
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= 2.max(word.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (to, above) in b.chars().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(from != to)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = cost;
            left = cost;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_points_at_line_and_column_in_characters() {
        let text = "a = 1\n\"é\" = x\n";
        let at = text.find('x').unwrap();
        assert_eq!(
            Problem::at("f.toml", text, &(at..at + 1), "no").to_string(),
            "f.toml:2:7: no"
        );
    }

    #[test]
    fn a_typing_error_finds_the_word_that_was_meant() {
        assert_eq!(nearest("list.dwon", ["list.down", "list.up"]), Some("list.down"));
        assert_eq!(nearest("zebra", ["list.down", "list.up"]), None);
    }
}
