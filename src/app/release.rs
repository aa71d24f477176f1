//! Leaving a cluster with something under way: what was sent has its answer first, and runs are let go, not ended. The
//! record says where each stands, and whoever comes back goes on with it.

use jiff::Timestamp;

use super::msg::Effect;
use super::{App, RunEntry};
use crate::action::ActionId;
use crate::runbook::engine::Phase;

/// What was asked for and waits until nothing is being sent.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    effect: Effect,
    /// Where to, for the notes.
    to: String,
}

impl App {
    /// What becomes of changes that are still verified, and of runs that are under way, when this console ends.
    pub(crate) fn leaving_words(&self, live: usize, runs: usize) -> String {
        let left = self.unfinished.items.len();
        // A demonstration's cluster is never opened again.
        let passing = self.seat.passing;
        match (live, runs) {
            (0, 0) if left > 0 && !passing => {
                format!("Nothing is under way. Left unfinished, and offered again: {left}.")
            }
            (0, 0) => "Nothing is under way.".to_owned(),
            (0, 1) if passing => "1 runbook under way: it ends with this console and its servers.".to_owned(),
            (0, n) if passing => format!("{n} runbooks under way: they end with this console and its servers."),
            (0, 1) => "1 runbook under way: this cluster offers it when opened again.".to_owned(),
            (0, n) => format!("{n} runbooks under way: this cluster offers them when opened again."),
            (1, _) if passing => "1 change still being verified: the servers end with this console.".to_owned(),
            (n, _) if passing => format!("{n} changes still being verified: the servers end with this console."),
            (1, _) => "1 change still being verified: it goes on, but nobody watches it.".to_owned(),
            (n, _) => format!("{n} changes still being verified: they go on, but nobody watches them."),
        }
    }

    /// What was sent and has no answer yet.
    pub(crate) fn in_flight(&self) -> Option<&str> {
        let sent = self.activities.iter().find(|a| a.is_live() && !a.answered);
        sent.map(|a| a.title.as_str())
    }

    /// Goes to another cluster; while something is being sent here, as soon as its result is known.
    pub(crate) fn depart(&mut self, effect: Effect, to: String) -> Vec<Effect> {
        let Some(title) = self.in_flight().map(str::to_owned) else {
            self.departure = None;
            self.say(format!("switching to {to}"));
            return vec![effect];
        };
        self.say(format!(
            "{title} is being sent: {to} follows once its result is on record"
        ));
        self.departure = Some(Departure { effect, to });
        Vec::new()
    }

    /// Something was answered: who waited for it goes on.
    pub(super) fn departs(&mut self) -> Vec<Effect> {
        if self.in_flight().is_some() {
            return Vec::new();
        }
        let Some(Departure { effect, to }) = self.departure.take() else {
            return Vec::new();
        };
        self.say(format!("the result is on record; switching to {to}"));
        vec![effect]
    }

    /// Lets all runs go: what they are about is out of sight. They stay unfinished on record, free to be gone on with.
    pub(super) fn release_runs(&mut self, to: &str) -> Vec<Effect> {
        let live: Vec<u64> = self.runs.iter().filter(|r| r.is_live()).map(|r| r.number).collect();
        let text = format!("let go: the console went on to {to}");
        let mut effects = Vec::new();
        for number in &live {
            effects.extend(self.run_record(*number, "left", &text).map(|record| match record {
                Effect::Record(mut entry) => {
                    if let Some(data) = entry.data.as_object_mut() {
                        data.insert("released".to_owned(), true.into());
                    }
                    Effect::Record(entry)
                }
                other => other,
            }));
        }
        if !live.is_empty() {
            let runs = if live.len() == 1 { "its run is" } else { "its runs are" };
            let key = self.keys_for("unfinished.open");
            self.say(format!(
                "{runs} left open there: {key} goes on with what was left, once you are back"
            ));
        }
        effects.extend(self.steps_forgotten());
        self.runs.clear();
        effects
    }

    /// Until when at most the run waits for what it waits for.
    pub fn waits_until(&self, entry: &RunEntry) -> Option<Timestamp> {
        let activity = |id: &ActionId| self.activities.iter().find(|a| a.id == *id);
        match entry.run.phase() {
            Phase::Waiting { deadline, .. } => Some(*deadline),
            Phase::Soaking { until, .. } => Some(*until),
            Phase::Verifying { plan, .. } => activity(plan)?.verify_until,
            Phase::Approving { .. } => self.step_asked_until(entry.number),
            Phase::Confirming { plan, .. } => self.layers.iter().find_map(|l| match l {
                super::Layer::Plan(layer) if layer.id == *plan => layer.plan().map(|p| p.expires_at),
                _ => None,
            }),
            _ => None,
        }
    }
}
