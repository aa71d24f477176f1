//! The values of one thing as they went: which of them, and how far back.

use crate::app::ItemRef;

/// How far back a chart looks: in words, and in seconds.
pub const RANGES: [(&str, i64); 4] = [("15 m", 900), ("1 h", 3_600), ("6 h", 21_600), ("24 h", 86_400)];

#[derive(Clone, Debug)]
pub struct ChartView {
    pub of: ItemRef,
    /// Which of its values.
    pub at: usize,
    /// Which of the [`RANGES`].
    pub range: usize,
}

impl ChartView {
    /// The shortest range that holds what is known for so many seconds.
    pub fn new(of: ItemRef, seconds: i64) -> Self {
        let range = RANGES.iter().position(|(_, range)| seconds <= *range);
        let range = range.unwrap_or(RANGES.len() - 1);
        Self { of, at: 0, range }
    }

    /// In words, and in seconds.
    pub fn range(&self) -> (&'static str, i64) {
        RANGES.get(self.range).copied().unwrap_or(("1 h", 3_600))
    }
}
