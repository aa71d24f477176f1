//! Leaving a cluster with something under way: what was sent has its answer first, and runs are let go, not ended. The
//! record says where each stands, and whoever comes back goes on with it.

use jiff::Timestamp;

use super::msg::Effect;
use super::{Activity, App, RunEntry};
use crate::action::ActionId;
use crate::runbook::engine::Phase;

/// What was asked for and waits until nothing is being sent.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    effect: Effect,
    /// Where to, for the notes.
    to: String,
}

/// `1 change goes on. ` or `3 changes go on. `: of one and of several; nothing of none.
fn counted(n: usize, what: &str, [one, several]: &[String; 2]) -> String {
    match n {
        0 => String::new(),
        1 => format!("1 {what} {one}. "),
        n => format!("{n} {what}s {several}. "),
    }
}

impl App {
    /// What becomes of changes and runs that are under way when this console ends, and whether there are any.
    pub(crate) fn leaving_words(&self) -> (String, bool) {
        let live = self.activities.iter().filter(|a| a.is_live()).count();
        let sent = self.activities.iter().filter(|a| a.is_live() && !a.answered).count();
        let runs = self.runs.iter().filter(|r| r.is_live() && !r.run.is_only_looked_at());
        let runs = runs.count();
        // A demonstration's cluster is never opened again.
        let words = if self.seat.passing {
            let ends = ["it ends", "they end"].map(|end| format!("under way: {end} with this console and its servers"));
            [
                counted(live, "change", &ends),
                counted(runs, "runbook", &ends),
                String::new(),
            ]
        } else {
            let open = [
                "is not finished: what is left of it",
                "are not finished: what is left of them",
            ];
            let open = open.map(|words| format!("{words} is not done, and a command is ended"));
            let watched = [
                "it goes on, but nobody watches it",
                "they go on, but nobody watches them",
            ];
            let watched = watched.map(|words| format!("still being verified: {words}"));
            let offered = ["it", "them"].map(|them| format!("under way: this cluster offers {them} when opened again"));
            [
                counted(sent, "change", &open),
                counted(live - sent, "change", &watched),
                counted(runs, "runbook", &offered),
            ]
        };
        let left = self.unfinished.items.len();
        match live + runs {
            0 if left > 0 && !self.seat.passing => {
                let text = format!("Nothing is under way. Left unfinished, and offered again: {left}.");
                (text, false)
            }
            0 => ("Nothing is under way.".to_owned(), false),
            _ => (words.concat().trim_end().to_owned(), true),
        }
    }

    /// What was sent and has no answer yet.
    fn in_flight(&self) -> Option<&Activity> {
        self.activities.iter().find(|a| a.is_live() && !a.answered)
    }

    /// Goes to another cluster; while something is being sent here, as soon as its result is known.
    pub(crate) fn depart(&mut self, to: String, platform: bool) -> Vec<Effect> {
        let effect = if platform {
            Effect::GoTo(to.clone())
        } else {
            Effect::Connect {
                context: Some(to.clone()),
                scope: None,
            }
        };
        let Some(sent) = self.in_flight() else {
            self.departure = None;
            self.say(format!("switching to {to}"));
            return vec![effect];
        };
        let mut text = format!(
            "{} is being sent: {to} follows once its result is on record",
            sent.title
        );
        if sent.request.is_drain() {
            text = format!("{text}; {} stops it", self.keys_for("action.stop"));
        }
        self.say(text);
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
