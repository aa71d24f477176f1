//! What the operator may do now, and what follows from it. One list says both what is offered and what is accepted.

use super::{Effect, Event, Phase, Recorded, Run, Status, StepState};
use crate::runbook::cel::Answer;
use crate::runbook::format::{Ask, ParamKind, Step, StepKind};
use jiff::Timestamp;

/// Something that the operator may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub kind: OfferKind,
    pub label: String,
}

/// Which event takes the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferKind {
    Continue,
    Retry,
    Skip,
    RollBack,
    Abort,
    /// `Event::Choose` with this index.
    Choose(usize),
    /// `Event::SetParam` for the parameters of `Shown::params`.
    SetParam,
}

impl Run {
    /// What is offered now. Notes are always taken, and a step's views can always be opened.
    pub fn offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        let mut add = |kind, label: &str| {
            offers.push(Offer {
                kind,
                label: label.to_owned(),
            });
        };
        if self.status.is_over() {
            return offers;
        }
        if self.status == Status::RollingBack {
            if self.phase == Phase::Stopped {
                add(OfferKind::RollBack, "go on rolling back");
            }
            add(OfferKind::Abort, "abort");
            return offers;
        }
        let Some(step) = self.step() else { return offers };
        let asks = matches!(step.kind, StepKind::Action(_) | StepKind::Ask(Ask::Param(_)));
        match self.phase {
            Phase::Showing => {
                match &step.kind {
                    StepKind::Action(_) => add(OfferKind::Continue, "plan"),
                    StepKind::Ask(Ask::Param(_)) => add(OfferKind::Continue, "take it"),
                    StepKind::Ask(Ask::Choices(_)) => {}
                    StepKind::Note { .. } => add(OfferKind::Continue, "done"),
                    _ => add(OfferKind::Continue, "next"),
                }
                for (index, label) in self.ways(step).iter().enumerate() {
                    add(OfferKind::Choose(index), label);
                }
                if asks && !self.shown.params.is_empty() {
                    add(OfferKind::SetParam, "change");
                }
            }
            Phase::Undecided => {
                for (index, label) in self.ways(step).iter().enumerate() {
                    add(OfferKind::Choose(index), label);
                }
            }
            Phase::Stopped => {
                add(OfferKind::Retry, "retry");
                if !step.required {
                    add(OfferKind::Continue, "go on without it");
                }
            }
            _ => {}
        }
        if matches!(
            self.phase,
            Phase::Showing | Phase::Undecided | Phase::Stopped | Phase::Waiting { .. }
        ) {
            add(OfferKind::Skip, "skip with a reason");
            if !self.undos.is_empty() {
                add(OfferKind::RollBack, "roll back");
            }
        }
        add(OfferKind::Abort, "abort");
        offers
    }

    /// The ways that a step lets the operator choose from.
    fn ways(&self, step: &Step) -> Vec<String> {
        match &step.kind {
            StepKind::Ask(Ask::Choices(choices)) => choices.iter().map(|choice| choice.label.clone()).collect(),
            StepKind::Ask(Ask::Param(name)) => match self.book.param(name).map(|param| &param.kind) {
                Some(ParamKind::Choice(choices)) => choices.clone(),
                _ => Vec::new(),
            },
            StepKind::Branch { cases, .. } if self.phase == Phase::Undecided => {
                let label =
                    |case: &crate::runbook::format::Case| case.label.clone().unwrap_or_else(|| case.condition.clone());
                cases.iter().map(label).chain(["none of these".to_owned()]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn offered(&self, event: &Event) -> bool {
        let wanted = match event {
            Event::Continue => OfferKind::Continue,
            Event::Skip { .. } => OfferKind::Skip,
            Event::Retry => OfferKind::Retry,
            Event::RollBack => OfferKind::RollBack,
            Event::Abort { .. } => OfferKind::Abort,
            Event::Choose(index) => OfferKind::Choose(*index),
            Event::SetParam { .. } => OfferKind::SetParam,
            Event::Open(open) => return self.step().is_some_and(|step| step.opens.contains(open)),
            _ => return false,
        };
        self.offers().iter().any(|offer| offer.kind == wanted)
    }

    pub(super) fn choose(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        self.notice = None;
        if !self.offered(&event) {
            self.notice = Some("that is not possible at this point".to_owned());
            return;
        }
        match event {
            Event::Continue => self.go_on(now, effects),
            Event::Skip { reason } => {
                let reason = reason.trim();
                if reason.is_empty() {
                    self.notice = Some("give a reason first: it goes on record".to_owned());
                    return;
                }
                self.leave(StepState::Skipped(reason.to_owned()), self.current + 1, now, effects);
            }
            Event::Retry => self.phase = Phase::Entering,
            Event::RollBack => {
                if matches!(self.states.get(self.current), Some(StepState::Current)) {
                    self.set_state(self.current, StepState::Skipped("the run was rolled back".to_owned()));
                }
                self.ask_undo(now, effects);
            }
            Event::Abort { reason } => self.abort(reason, now, effects),
            Event::Choose(index) => self.take_way(index, now, effects),
            Event::SetParam { name, text } => match self.set_param(&name, &text) {
                Ok(()) => self.record(
                    now,
                    self.step_id(),
                    Recorded::Decided,
                    format!("{name} = {text}"),
                    effects,
                ),
                Err(why) => self.notice = Some(why),
            },
            Event::Open(open) => effects.push(Effect::Open(open)),
            _ => {}
        }
    }

    fn go_on(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(step) = self.step() else { return };
        let kind = step.kind.clone();
        if self.phase == Phase::Stopped {
            let state = self.states.get(self.current).cloned().unwrap_or(StepState::Todo);
            self.leave(state, self.current + 1, now, effects);
            return;
        }
        match kind {
            StepKind::Action(action) => self.ask_plan(&action, now, effects),
            StepKind::Ask(Ask::Param(name)) => self.take_param(&name, now, effects),
            StepKind::Note { needs_text: true } if !self.notes.iter().any(|(step, _)| *step == self.current) => {
                self.notice = Some("write a note first".to_owned());
            }
            _ => {
                let told = self.evidence_text();
                self.leave(StepState::Passed(told), self.current + 1, now, effects);
            }
        }
    }

    fn take_param(&mut self, name: &str, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(value) = self.scope.known.get(name).cloned() else {
            let why = self
                .scope
                .unknown
                .get(name)
                .cloned()
                .unwrap_or_else(|| "not set".to_owned());
            self.notice = Some(format!("{name} is {why}; choose a value"));
            return;
        };
        self.fix_params(&[name]);
        let told = format!("{name} = {value}");
        self.record(now, self.step_id(), Recorded::Decided, told.clone(), effects);
        self.leave(StepState::Passed(told), self.current + 1, now, effects);
    }

    fn take_way(&mut self, index: usize, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(step) = self.step() else { return };
        let Some(label) = self.ways(step).into_iter().nth(index) else {
            return;
        };
        let goto = match &step.kind {
            StepKind::Ask(Ask::Choices(choices)) => choices.get(index).and_then(|choice| choice.goto.clone()),
            StepKind::Branch { cases, otherwise } => {
                cases.get(index).map(|case| case.goto.clone()).or(otherwise.clone())
            }
            StepKind::Ask(Ask::Param(name)) => {
                let name = name.clone();
                match self.set_param(&name, &label) {
                    Ok(()) => {
                        self.refresh_scope();
                        self.take_param(&name, now, effects);
                    }
                    Err(why) => self.notice = Some(why),
                }
                return;
            }
            _ => return,
        };
        let next = goto
            .and_then(|id| self.book.step_index(&id))
            .unwrap_or(self.current + 1);
        self.record(now, self.step_id(), Recorded::Decided, label.clone(), effects);
        self.leave(StepState::Passed(label), next, now, effects);
    }

    fn abort(&mut self, reason: String, now: Timestamp, effects: &mut Vec<Effect>) {
        // Leaving does not stop what was sent: the pipeline goes on by itself and keeps its own record.
        let state = match self.phase {
            Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Soaking { .. } => Some(StepState::Unknown(
                "the run was left before the result was known".to_owned(),
            )),
            _ if matches!(self.states.get(self.current), Some(StepState::Current)) => {
                Some(StepState::Skipped("the run was aborted here".to_owned()))
            }
            _ => None,
        };
        if let Some(state) = state
            && self.status == Status::Active
        {
            self.set_state(self.current, state);
        }
        let open = self.undos.len();
        let text = match open {
            0 => reason.trim().to_owned(),
            1 => format!("{} (1 change of this run remains)", reason.trim()),
            _ => format!("{} ({open} changes of this run remain)", reason.trim()),
        };
        self.finish(Status::Aborted(text.clone()), now);
        self.record(now, self.step_id(), Recorded::Aborted, text, effects);
    }

    /// The evidence as one line for the record.
    fn evidence_text(&self) -> String {
        let rows = self.shown.evidence.iter().map(|row| match &row.value {
            Answer::Known(value) => format!("{} {value}", row.label),
            Answer::Unknown(_) => format!("{} ?", row.label),
        });
        rows.collect::<Vec<_>>().join(", ")
    }
}
