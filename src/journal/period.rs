//! What belongs to an incident: what says so itself, and what was done to the same platform within its time by whoever
//! did not know of it yet.

use jiff::Timestamp;

use super::incident::Incident;
use super::record::Target;
use super::timeline::{About, Moment};

impl Incident {
    /// Whether a line of the timeline belongs to it.
    pub fn holds(&self, moment: &Moment) -> bool {
        moment.incident == self.id
            || matches!(moment.about, About::Action | About::Run | About::Temporary)
                && self.touches(moment.target.as_ref(), moment.at)
    }

    /// Whether a change of that target falls into its time, and on its platform. One that was opened without a cluster
    /// is about all of them.
    pub fn touches(&self, target: Option<&Target>, at: Timestamp) -> bool {
        let here = target.is_some_and(|t| self.context.is_empty() || t.context == self.context);
        here && at >= self.started && self.ended().is_none_or(|end| at <= end)
    }

    /// It had begun, and nobody had opened it.
    pub fn precedes_opening(&self, at: Timestamp) -> bool {
        at < self.opened
    }
}
