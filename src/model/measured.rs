//! A value over time as a Prometheus has it: what is asked for one, and what came back.

use super::Str;

/// What is asked: one value of one thing over some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeAsk {
    /// By its name; `None`: the first that has such a series.
    pub source: Option<Str>,
    /// The query's id: `pod.memory`.
    pub id: &'static str,
    /// The id of the query of what it is held against: `pod.memory-limit`.
    pub bound: Option<&'static str>,
    /// What `$namespace`, `$pod` and so on stand for.
    pub about: Vec<(&'static str, Str)>,
    pub pick: Pick,
    /// Seconds since 1970 of the last point, seconds before it, and seconds between two points.
    pub to: i64,
    pub seconds: i64,
    pub step: i64,
}

/// Which of several series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The highest of all at each moment.
    Highest,
    /// The one with this value of the label that tells services apart.
    Service(Str),
    /// The one of this machine.
    Instance(Str),
}

/// Seconds since 1970, and the value. What was no number is left out: it is a gap.
pub type Points = Vec<(i64, f64)>;

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeAnswer {
    /// Who was asked last.
    pub source: Str,
    /// What was asked, to be read.
    pub query: String,
    pub found: Found,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Series {
        points: Points,
        bound: Points,
        /// What the server said beside it: partial data, say.
        warnings: Vec<Str>,
    },
    /// The server knows no such series in this time; `needs` names where such series come from, if known.
    NoSeries { needs: Str },
    /// There is no such query: one has to be written under `queries` in the configuration.
    NotAsked,
    /// Why it was not answered.
    Failed(String),
}
