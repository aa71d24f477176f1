//! How severe an incident is, and how often others must hear of it.

use serde::{Deserialize, Serialize};

/// One level of severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// `P1`
    pub name: String,
    /// `complete outage`
    pub means: String,
    /// Who must hear of it.
    pub tell: String,
    /// Minutes until the first update is due.
    pub first_minutes: u32,
    /// Minutes between updates from then on.
    pub every_minutes: u32,
}

/// The levels, most severe first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(pub Vec<Level>);

impl Default for Levels {
    /// The cadences of the safety reference (C8), the meanings of the platform's communication plan (7.3).
    fn default() -> Self {
        let level = |name: &str, means: &str, tell: &str, first_minutes, every_minutes| Level {
            name: name.to_owned(),
            means: means.to_owned(),
            tell: tell.to_owned(),
            first_minutes,
            every_minutes,
        };
        Self(vec![
            level("P1", "complete outage", "all hands, executives", 5, 15),
            level("P2", "partial outage", "on-call team, manager", 15, 30),
            level("P3", "degraded performance", "on-call team", 30, 120),
            level("P4", "minor issue", "ticket", 240, 1440),
        ])
    }
}

impl Levels {
    /// The level of this name, or of the one that a sentence begins with (`P2 partial outage`).
    pub fn get(&self, name: &str) -> Option<&Level> {
        let word = name.split_whitespace().next()?;
        self.0.iter().find(|l| l.name.eq_ignore_ascii_case(word))
    }
}
