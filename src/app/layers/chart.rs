//! The values of one thing as they went: which of them, and how far back.

use crate::app::ItemRef;
use crate::app::charts::Asked;

/// How far back a chart looks: in words, and in seconds.
pub const RANGES: [(&str, i64); 5] = [
    ("15 m", 900),
    ("1 h", 3_600),
    ("6 h", 21_600),
    ("1 d", 86_400),
    ("7 d", 604_800),
];

/// What is measured elsewhere is looked at an hour back first.
const HOUR: usize = 1;

#[derive(Clone, Debug)]
pub struct ChartView {
    pub of: ItemRef,
    /// Which of its values.
    pub at: usize,
    /// Which of the [`RANGES`].
    pub range: usize,
    /// What a Prometheus was asked for it.
    pub asked: Vec<Asked>,
}

impl ChartView {
    /// The shortest range that holds what is known for so many seconds; an hour of what is measured elsewhere.
    pub fn new(of: ItemRef, seconds: Option<i64>) -> Self {
        let range = match seconds {
            None => HOUR,
            Some(seconds) => RANGES
                .iter()
                .position(|(_, range)| seconds <= *range)
                .unwrap_or(RANGES.len() - 1),
        };
        Self {
            of,
            at: 0,
            range,
            asked: Vec::new(),
        }
    }

    /// In words, and in seconds.
    pub fn range(&self) -> (&'static str, i64) {
        RANGES.get(self.range).copied().unwrap_or(("1 h", 3_600))
    }
}
