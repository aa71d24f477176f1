//! A run as the journal keeps it, and going on with it: after a crash, a closed laptop, a dropped connection, or in
//! another person's hands.
//!
//! What is kept is what cannot be found out again: what was decided, what the steps came to, what can be taken back.
//! Facts are looked at anew. A change that was on its way is not sent again: what became of it comes from the record, and
//! where the record does not know it, the step stays unknown until the operator says what next.

use super::{Effect, Phase, Run, Status, StepState, Undoable};
use crate::action::{Outcome, Request, Undo, Verdict, recorded_verdict};
use crate::runbook::cel::Answer;
use crate::runbook::facts::{Facts, Subject};
use crate::runbook::format::Runbook;
use crate::runbook::value::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So much of a step's own words is kept; the record of the step has them all.
const WORDS: usize = 120;

/// A run at one time. Steps go by their id, so that a runbook that was edited meanwhile can still be gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub started: Timestamp,
    pub subject: Subject,
    /// Parameters that are fixed; never a secret one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
    /// Steps that are no longer to do, in the file's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The id of the current step; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    pub phase: Kept,
    /// What steps handed on, by `out.NAME`; what was not known stays so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolling_back: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undos: Vec<KeptUndo>,
    /// Changes that were, or may have been, made and not taken back.
    #[serde(default)]
    pub changes: usize,
    /// Changes that a roll-back was told to leave as they are.
    #[serde(default)]
    pub left: usize,
    pub asks: u64,
}

/// A step that is no longer to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: String,
    pub state: Word,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// [`StepState`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Passed,
    Failed,
    Skipped,
    Unknown,
}

/// What matters of [`Phase`] later on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// It waited for facts, for the operator or for a plan: it is entered again.
    Open,
    /// It ended badly, and the operator was to say what next.
    Stopped,
    /// A change was confirmed, and its end was not seen.
    Changing,
}

/// [`Undoable`], its step by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptUndo {
    pub step: String,
    pub label: String,
    pub request: Request,
    pub until: Timestamp,
}

/// What the record says of the change that was on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    NotSent,
    Unknown(String),
    Ended {
        /// At least one request changed something.
        applied: bool,
        /// Every request did as wished.
        whole: bool,
        outcome: String,
        /// `healthy: 5 of 5 ready`, or what else the verification said; none when nobody watched to the end.
        verdict: Option<String>,
    },
}

/// Who goes on with a run, and what the record adds to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// The run's id, which stays.
    pub id: String,
    pub operator: String,
    /// The change that was on its way, and how the plan would have it taken back.
    pub change: Option<(Came, Option<Undo>)>,
    /// Notes with the id of their step.
    pub notes: Vec<(String, String)>,
}

impl Run {
    /// What must be on record so that somebody can go on from here.
    pub fn saved(&self) -> Saved {
        let id = |at: usize| self.book.steps.get(at).map(|step| step.id.clone());
        let params = self.book.params.iter().zip(&self.params);
        let steps = self.book.steps.iter().zip(&self.states);
        // A taking back of which nothing was sent is as good as not begun.
        let phase = self.before_undo.as_ref().unwrap_or(&self.phase);
        Saved {
            started: self.started,
            subject: self.subject.clone(),
            params: params
                .filter(|(param, _)| !param.secret)
                .filter_map(|(param, state)| Some((param.name.clone(), state.set.clone()?)))
                .collect(),
            steps: steps
                .filter_map(|(step, state)| {
                    let (state, text) = kept(state)?;
                    let text = text.chars().take(WORDS).collect();
                    let id = step.id.clone();
                    Some(Step { id, state, text })
                })
                .collect(),
            at: id(self.current),
            phase: match phase {
                Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Soaking { .. } => Kept::Changing,
                // A run that was handed over stopped, its step did not.
                Phase::Stopped if !matches!(self.states.get(self.current), Some(StepState::Current)) => Kept::Stopped,
                _ => Kept::Open,
            },
            outputs: self
                .outputs
                .iter()
                .filter_map(|(name, answer)| match answer {
                    Answer::Known(value) => Some((name.clone(), value.clone())),
                    Answer::Unknown(_) => None,
                })
                .collect(),
            rolling_back: self.status == Status::RollingBack && self.before_undo.is_none(),
            undos: self
                .undos
                .iter()
                .map(|undo| KeptUndo {
                    step: id(undo.step).unwrap_or_default(),
                    label: undo.label.clone(),
                    request: undo.request.clone(),
                    until: undo.until,
                })
                .collect(),
            changes: self.changes,
            left: self.left,
            asks: self.next_ask,
        }
    }

    /// Goes on with a run where the record left it. The current step is entered again with the facts of now; only what
    /// was confirmed is never asked for a second time by itself.
    pub fn resume(
        book: Arc<Runbook>,
        saved: Saved,
        back: Return,
        facts: &Facts,
        now: Timestamp,
    ) -> (Self, Vec<Effect>) {
        let start = super::Start {
            id: back.id,
            operator: back.operator,
            subject: saved.subject,
            params: BTreeMap::new(),
        };
        let mut run = Self::bare(book, start, facts, saved.started);
        let step = |id: &str| run.book.step_index(id);
        let notes = back.notes.into_iter().map(|(id, text)| (step(&id).unwrap_or(0), text));
        run.notes = notes.collect();
        let undos = saved.undos.into_iter().map(|undo| Undoable {
            step: step(&undo.step).unwrap_or(0),
            label: undo.label,
            request: undo.request,
            until: undo.until,
        });
        run.undos = undos.collect();
        run.changes = saved.changes.max(run.undos.len());
        run.begun = true;
        let states: Vec<(usize, StepState)> = saved
            .steps
            .into_iter()
            .filter_map(|kept| Some((step(&kept.id)?, restored(kept.state, kept.text))))
            .collect();
        let at = match &saved.at {
            None => Some(run.book.steps.len()),
            Some(id) => step(id),
        };
        for (index, state) in states {
            run.set_state(index, state);
        }
        let book = Arc::clone(&run.book);
        for (param, state) in book.params.iter().zip(&mut run.params) {
            state.set = saved.params.get(&param.name).cloned();
        }
        // A step that the runbook no longer has: the first that is to do.
        let gone = at.is_none();
        run.current = at.unwrap_or_else(|| {
            let todo = run.states.iter().position(|state| *state == StepState::Todo);
            todo.unwrap_or(run.states.len())
        });
        let outputs = saved
            .outputs
            .into_iter()
            .map(|(name, value)| (name, Answer::Known(value)));
        run.outputs = outputs.collect();
        run.next_ask = saved.asks;
        run.left = saved.left;
        if saved.rolling_back {
            run.status = Status::RollingBack;
        }
        run.refresh_scope();
        let mut effects = Vec::new();
        match saved.phase {
            Kept::Changing => run.came(back.change, now, &mut effects),
            Kept::Stopped if !gone => run.phase = Phase::Stopped,
            Kept::Open if saved.rolling_back => {
                run.phase = Phase::Stopped;
                run.notice = Some("the roll-back was not finished: go on with it, or abort".to_owned());
            }
            _ => run.phase = Phase::Entering,
        }
        run.settle(now, &mut effects);
        (run, effects)
    }

    /// Takes in what the record says of the change that was on its way.
    fn came(&mut self, change: Option<(Came, Option<Undo>)>, now: Timestamp, effects: &mut Vec<Effect>) {
        let (came, undo) = change.unwrap_or_else(|| (Came::Unknown("the record does not name it".to_owned()), None));
        if let Some(told) = self.change_ended(came, undo, now, effects) {
            self.phase = Phase::Stopped;
            self.notice = Some(format!("{told}. Go on taking back, or abort"));
        }
    }
}

impl Came {
    /// The same of a change whose end was seen.
    pub(super) fn of(outcome: &Outcome, verdict: Option<&Verdict>) -> Self {
        let text = match outcome {
            Outcome::Unknown(why) => return Self::Unknown(why.clone()),
            Outcome::Applied => "applied".to_owned(),
            Outcome::NoOp => "nothing to change: it already is so".to_owned(),
            Outcome::Refused(why) => format!("refused: {why}"),
            Outcome::Conflict(why) => format!("changed meanwhile: {why}; plan again"),
            Outcome::Throttled(seconds) => format!("the server is overloaded; try again in {seconds} s"),
            Outcome::Skipped(why) => format!("the server skipped it: {why}"),
            Outcome::NotRecorded(why) => format!("not sent, because it cannot be recorded: {why}"),
        };
        Self::Ended {
            // What has a verdict was made, at least in part.
            applied: *outcome == Outcome::Applied || verdict.is_some(),
            whole: matches!(outcome, Outcome::Applied | Outcome::NoOp),
            outcome: text,
            verdict: verdict.map(recorded_verdict),
        }
    }
}

/// What a step comes to whose change ended so.
pub(super) fn judged(came: Came) -> StepState {
    match came {
        Came::NotSent => {
            StepState::Failed("it was confirmed, but the console ended before anything was sent".to_owned())
        }
        Came::Unknown(why) => StepState::Unknown(format!(
            "it may or may not have been applied ({why}): look before you plan again"
        )),
        Came::Ended {
            applied: true,
            whole: true,
            outcome,
            verdict,
        } => match verdict
            .as_deref()
            .map(|text| text.split_once(": ").unwrap_or((text, "")))
        {
            Some(("healthy", text)) => StepState::Passed(text.to_owned()),
            Some(("unknown", why)) => StepState::Unknown(why.to_owned()),
            Some(("failed", why)) => StepState::Failed(why.to_owned()),
            Some(("paused", _)) => StepState::Failed("it was paused meanwhile".to_owned()),
            Some((word, why)) => StepState::Failed(format!("{word}: {why}")),
            None => StepState::Unknown(format!("{outcome}, but nobody saw whether it did good: look")),
        },
        Came::Ended {
            applied: true, outcome, ..
        } => StepState::Unknown(format!(
            "only a part of it was done ({outcome}): look before you plan again"
        )),
        Came::Ended {
            whole: true, outcome, ..
        } => StepState::Passed(outcome),
        Came::Ended { outcome, .. } => StepState::Failed(outcome),
    }
}

fn kept(state: &StepState) -> Option<(Word, &str)> {
    Some(match state {
        StepState::Todo | StepState::Current => return None,
        StepState::Passed(text) => (Word::Passed, text),
        StepState::Failed(text) => (Word::Failed, text),
        StepState::Skipped(text) => (Word::Skipped, text),
        StepState::Unknown(text) => (Word::Unknown, text),
    })
}

fn restored(word: Word, text: String) -> StepState {
    match word {
        Word::Passed => StepState::Passed(text),
        Word::Failed => StepState::Failed(text),
        Word::Skipped => StepState::Skipped(text),
        Word::Unknown => StepState::Unknown(text),
    }
}
