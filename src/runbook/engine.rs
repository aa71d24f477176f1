//! A run of a runbook: a pure state machine.
//!
//! It is told what happened ([`Event`]) with the facts and the time of that moment, and says what is to be done
//! ([`Effect`]). It changes nothing itself: for an action it asks for a plan, and is told what became of it by the one
//! pipeline that every change goes through. A result counts only for the plan that it asked for and that was confirmed.

mod choices;
mod message;
mod params;
mod people;
mod pipeline;
mod progress;
mod saved;
mod shown;

pub use choices::{Offer, OfferKind};
pub use message::{ActionAsk, AskId, CommandAsk, Effect, Event, Record, Recorded};
pub use params::ParamView;
pub use saved::{Came, Return, Saved};
pub use shown::{Evidence, Message, Shown, TextBlock, Verdict};

use super::cel::{Answer, Scope};
use super::facts::{Facts, Subject};
use super::format::{Runbook, Step};
use super::value::Value;
use crate::action::{ActionId, Request};
use jiff::Timestamp;
use params::ParamState;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    Todo,
    Current,
    /// With what it came to.
    Passed(String),
    Failed(String),
    /// Passed over, and why.
    Skipped(String),
    /// It cannot be told, and why. A step that is left in this state stays so.
    Unknown(String),
}

/// What the current step is at.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Not yet looked at; never seen from outside.
    Entering,
    /// It waits for the operator.
    Showing,
    /// Its condition is not known; the operator may decide.
    Undecided,
    Planning {
        ask: AskId,
    },
    Confirming {
        ask: AskId,
        plan: ActionId,
        title: String,
    },
    Executing {
        plan: ActionId,
    },
    Verifying {
        plan: ActionId,
        text: String,
        worrying: bool,
    },
    Soaking {
        plan: ActionId,
        until: Timestamp,
    },
    /// Waiting for a condition: since when, until when at most, since when it holds, and what is missing.
    Waiting {
        since: Timestamp,
        deadline: Timestamp,
        held_since: Option<Timestamp>,
        missing: String,
    },
    /// A second person was asked.
    Approving {
        ask: AskId,
    },
    /// It ended badly and the operator must say what next.
    Stopped,
    /// This console may not do what the step asks for, now or later: another one can.
    Barred {
        why: String,
    },
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Active,
    /// Taking back what was changed, newest first.
    RollingBack,
    Completed,
    /// Everything that it changed was taken back.
    RolledBack,
    /// Its taking back is over, and so many changes stay as they are.
    ChangesLeft(usize),
    Aborted(String),
    /// It goes on in the hands of this other operator.
    HandedOver(String),
}

impl Status {
    /// Whether this console has nothing more to do with it.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::RolledBack | Self::ChangesLeft(_) | Self::Aborted(_) | Self::HandedOver(_)
        )
    }
}

/// `1 change left as it is`, of a run whose taking back is over.
pub fn left_words(changes: usize) -> String {
    match changes {
        1 => "1 change left as it is".to_owned(),
        n => format!("{n} changes left as they are"),
    }
}

/// A change that can be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undoable {
    /// The index of the step that made it.
    pub step: usize,
    pub label: String,
    pub request: Request,
    /// After this the console no longer offers it as sure.
    pub until: Timestamp,
}

/// Who starts what.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// A short name of the run, such as `7f3a`.
    pub id: String,
    pub operator: String,
    pub subject: Subject,
    /// Parameters that are given from the start, as text.
    pub params: BTreeMap<String, String>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    book: Arc<Runbook>,
    id: String,
    operator: String,
    subject: Subject,
    started: Timestamp,
    /// When it came to an end.
    ended: Option<Timestamp>,
    status: Status,
    current: usize,
    phase: Phase,
    states: Vec<StepState>,
    notes: Vec<(usize, String)>,
    params: Vec<ParamState>,
    undos: Vec<Undoable>,
    /// Changes of this run that were, or may have been, made and not taken back.
    changes: usize,
    /// Somebody decided something in it: it was not only looked at.
    begun: bool,
    /// Changes that a roll-back was told to leave as they are.
    left: usize,
    /// Where it stood before it was to take back its changes, as long as nothing was sent for that.
    before_undo: Option<Phase>,
    /// What steps handed on, by `out.NAME`.
    outputs: BTreeMap<String, Answer>,
    /// What the current step came to so far, by `result.NAME`.
    result: BTreeMap<String, Value>,
    /// The newest lines that the current step's command wrote.
    output: Vec<String>,
    /// How many lines commands of this run wrote in all, those included that are not kept.
    written: usize,
    /// How often in a row each threshold of the current wait was passed, and when that was counted last.
    breaches: Vec<(u32, Option<Timestamp>)>,
    next_ask: u64,
    /// What the operator should know about the last key, until the next one.
    notice: Option<String>,
    facts: Facts,
    scope: Arc<Scope>,
    shown: Shown,
}

impl Run {
    /// Begins a run. Parameters that do not fit are left at their default, and the notice says so.
    pub fn start(book: Arc<Runbook>, mut start: Start, facts: &Facts, now: Timestamp) -> (Self, Vec<Effect>) {
        let params = std::mem::take(&mut start.params);
        let mut run = Self::bare(book, start, facts, now);
        let mut effects = Vec::new();
        let text = format!("{} on {} ({})", run.book.id, run.subject.name(), run.book.digest);
        run.record(now, None, Recorded::Started, text, &mut effects);
        for (name, text) in params {
            if let Err(why) = run.set_param(&name, &text) {
                run.notice = Some(why);
            }
        }
        run.refresh_scope();
        run.settle(now, &mut effects);
        (run, effects)
    }

    /// At its first step, which is not yet looked at.
    fn bare(book: Arc<Runbook>, start: Start, facts: &Facts, started: Timestamp) -> Self {
        let states = vec![StepState::Todo; book.steps.len()];
        let params = book.params.iter().map(|_| ParamState::default()).collect();
        Self {
            id: start.id,
            operator: start.operator,
            subject: start.subject,
            started,
            ended: None,
            status: Status::Active,
            current: 0,
            phase: Phase::Entering,
            states,
            notes: Vec::new(),
            params,
            undos: Vec::new(),
            changes: 0,
            begun: false,
            left: 0,
            before_undo: None,
            outputs: BTreeMap::new(),
            result: BTreeMap::new(),
            output: Vec::new(),
            written: 0,
            breaches: Vec::new(),
            next_ask: 1,
            notice: None,
            facts: facts.clone(),
            scope: Arc::default(),
            shown: Shown::default(),
            book,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, facts: &Facts, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Event::Note(text) = event {
            self.note(text, now, &mut effects);
        } else if !self.status.is_over() {
            self.facts = facts.clone();
            self.refresh_scope();
            self.apply(event, now, &mut effects);
            // What was chosen may have fixed a parameter.
            self.refresh_scope();
        }
        self.settle(now, &mut effects);
        effects
    }

    fn apply(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match event {
            Event::Tick | Event::Note(_) => {}
            Event::PlanMade { .. }
            | Event::PlanRefused { .. }
            | Event::PlanCancelled { .. }
            | Event::Barred { .. }
            | Event::Confirmed { .. }
            | Event::Progress(_) => self.pipeline(event, now, effects),
            Event::Approved { .. }
            | Event::ApprovalRefused { .. }
            | Event::ApprovalUnavailable { .. }
            | Event::Alone { .. } => self.approval(event, now, effects),
            choice => self.choose(choice, now, effects),
        }
    }

    fn note(&mut self, text: String, now: Timestamp, effects: &mut Vec<Effect>) {
        let text = text.trim().to_owned();
        if !text.is_empty() {
            self.begun = true;
            self.notes.push((self.current, text.clone()));
            self.record(now, self.step_id(), Recorded::Noted, text, effects);
        }
    }

    fn record(&self, at: Timestamp, step: Option<String>, what: Recorded, text: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Record(Record {
            run: self.id.clone(),
            at,
            step,
            what,
            text,
        }));
    }

    fn step_id(&self) -> Option<String> {
        self.step().map(|step| step.id.clone())
    }

    fn set_state(&mut self, index: usize, state: StepState) {
        if let Some(slot) = self.states.get_mut(index) {
            *slot = state;
        }
    }

    fn next_ask(&mut self) -> AskId {
        let ask = AskId(self.next_ask);
        self.next_ask += 1;
        ask
    }

    pub fn book(&self) -> &Arc<Runbook> {
        &self.book
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn operator(&self) -> &str {
        &self.operator
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn started(&self) -> Timestamp {
        self.started
    }

    pub fn ended(&self) -> Option<Timestamp> {
        self.ended
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The current step; none once the run is completed.
    pub fn step(&self) -> Option<&Step> {
        self.book.steps.get(self.current)
    }

    /// The current step's index.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The states of all steps, in order.
    pub fn states(&self) -> &[StepState] {
        &self.states
    }

    /// What can be taken back, oldest first.
    pub fn undos(&self) -> &[Undoable] {
        &self.undos
    }

    /// Changes that were, or may have been, made and not taken back; some of them nothing can take back.
    pub const fn changes(&self) -> usize {
        self.changes
    }

    /// Whether it stands at a decision, and nobody decided anything in it yet.
    pub fn is_only_looked_at(&self) -> bool {
        !self.begun && matches!(self.phase, Phase::Showing | Phase::Undecided)
    }

    /// Whether it goes on only when its operator says how: it stands at a decision and was not only looked at, or it
    /// stopped. What stopped did so because something went wrong.
    pub fn waits_for_operator(&self) -> bool {
        let here = matches!(self.phase, Phase::Showing | Phase::Undecided | Phase::Stopped);
        here && !self.is_only_looked_at() && !self.status.is_over()
    }

    /// The change that was confirmed and whose end is not known yet.
    pub fn changing(&self) -> Option<ActionId> {
        match self.phase {
            Phase::Executing { plan } | Phase::Verifying { plan, .. } | Phase::Soaking { plan, .. } => Some(plan),
            _ => None,
        }
    }

    /// Notes with the index of the step under which each was written.
    pub fn notes(&self) -> &[(usize, String)] {
        &self.notes
    }

    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What steps handed on, by `out.NAME`.
    pub fn outputs(&self) -> &BTreeMap<String, Answer> {
        &self.outputs
    }

    /// The newest lines that the current step's command wrote.
    pub fn output(&self) -> &[String] {
        &self.output
    }

    /// How many lines commands of this run wrote in all.
    pub const fn written(&self) -> usize {
        self.written
    }

    /// The current step's text and evidence, filled in.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;
