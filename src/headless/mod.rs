//! Panes without a screen: aligned text for people, JSON for programs, an exit code for scripts.
//!
//! The field names of the JSON are stable: a field may be added, none is renamed or removed. Times are RFC 3339 in
//! UTC; what is not known is `null`. Text from outside is clean in both forms.

mod check;
mod pods;
mod rollouts;
mod signals;
mod table;

use std::process::ExitCode;

use crate::model::{Freshness, Kind, World};

pub use check::check;
pub use pods::pods;
pub use rollouts::rollouts;
pub use signals::signals;

/// What a command prints, and what it says of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Ends with a line end.
    pub text: String,
    /// For the error stream: why the answer is not complete. Empty when it is.
    pub doubts: Vec<String>,
    pub verdict: Verdict,
}

/// The exit code, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// 0
    Fine,
    /// 1: something is wrong.
    Wrong,
    /// 2: it cannot be told, because what it rests on is not fully known.
    Unknown,
}

impl Verdict {
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Wrong => 1,
            Self::Unknown => 2,
        }
    }

    /// Something wrong is wrong whatever else is not known; nothing wrong is fine only when all is known.
    fn of(wrong: bool, doubts: &[String]) -> Self {
        match (wrong, doubts.is_empty()) {
            (true, _) => Self::Wrong,
            (false, true) => Self::Fine,
            (false, false) => Self::Unknown,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.code())
    }
}

/// Why `kinds` are not fully known, a sentence each.
fn doubts(world: &World, kinds: &[Kind]) -> Vec<String> {
    use crate::model::FeedId;
    kinds
        .iter()
        .filter_map(|kind| {
            let why = match world.feed(FeedId::Watch(*kind)) {
                Freshness::Fresh => return None,
                Freshness::Off => "not asked for yet".to_owned(),
                Freshness::Syncing { rows } => format!("{rows} so far, the list is not complete"),
                Freshness::Stale { since, why, .. } => format!("not seen since {since}: {why}"),
                Freshness::Failed { why, .. } => why.to_string(),
                Freshness::Forbidden { why } => format!("not permitted: {why}"),
                Freshness::Absent { why } => format!("the server does not have them: {why}"),
            };
            Some(crate::text::clean(&format!("{}: {why}", kind.plural())).into_owned())
        })
        .collect()
}

/// One JSON document on indented lines.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
