//! The attention strip: which of the signals is the current one.

use crate::model::Uid;
use crate::panes::PaneId;
use crate::signal::{Judge, Signal, SignalKey};

/// Whether keys such as `r` mean the strip's signal or the one of the selected row: what was chosen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lead {
    /// Nobody chose anything yet: the worst leads, whatever stands in the first row.
    #[default]
    Worst,
    /// The strip was stepped through while this row was the chosen one.
    Strip(PaneId, Option<Uid>),
    Row,
}

#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// The current signal, by identity: it stays current when others come and go.
    key: Option<SignalKey>,
    chosen: bool,
    pub lead: Lead,
}

impl Strip {
    /// Signals that are shown: not snoozed.
    pub fn shown(judge: &Judge) -> impl Iterator<Item = &Signal> {
        judge.signals().iter().filter(|s| s.snoozed.is_none())
    }

    pub fn position(&self, judge: &Judge) -> usize {
        self.key
            .as_ref()
            .and_then(|k| Self::shown(judge).position(|s| s.key() == *k))
            .unwrap_or(0)
    }

    pub fn current<'a>(&self, judge: &'a Judge) -> Option<&'a Signal> {
        Self::shown(judge).nth(self.position(judge))
    }

    /// After the signals changed: until somebody chose, the worst is current.
    pub fn settle(&mut self, judge: &Judge) {
        let there = self
            .key
            .as_ref()
            .is_some_and(|k| Self::shown(judge).any(|s| s.key() == *k));
        if !(there && self.chosen) {
            self.chosen = false;
            self.key = Self::shown(judge).next().map(Signal::key);
        }
    }

    pub fn step(&mut self, by: isize, judge: &Judge) {
        let n = Self::shown(judge).count();
        if n == 0 {
            return;
        }
        let to = (self.position(judge) as isize + by).rem_euclid(n as isize) as usize;
        self.key = Self::shown(judge).nth(to).map(Signal::key);
        self.chosen = true;
    }

    pub fn select(&mut self, key: SignalKey) {
        self.key = Some(key);
        self.chosen = true;
    }
}
