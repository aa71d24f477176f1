//! The memory between two looks.

use jiff::Timestamp;

use super::{Signal, SignalKey, Thresholds};
use crate::model::World;

#[derive(Debug, Default)]
pub struct Judge {
    thresholds: Thresholds,
    signals: Vec<Signal>,
    journal: Option<String>,
}

impl Judge {
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            ..Self::default()
        }
    }

    /// Looks at the world at our time `now`. Returns whether [`Judge::signals`] changed.
    pub fn update(&mut self, _world: &World, _now: Timestamp) -> bool {
        false
    }

    /// What is wrong, worst first, then oldest; snoozed ones last.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// Tells whether the journal can be written: `Some(why)` when it cannot. Counts at the next update.
    pub fn set_journal_trouble(&mut self, why: Option<String>) {
        self.journal = why;
    }

    /// Puts a signal aside until `until`. It comes back before that if it gets worse.
    pub fn snooze(&mut self, _key: SignalKey, _until: Timestamp, _reason: impl Into<String>) {}

    /// Takes a snooze back.
    pub fn wake(&mut self, _key: &SignalKey) {}
}
