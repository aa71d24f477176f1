//! What the operator may do now, and what follows from it. One list says both what is offered and what is accepted.

use super::{Effect, Event, Phase, Recorded, Run, Status, StepState};
use crate::runbook::cel::Answer;
use crate::runbook::format::{Ask, Param, ParamKind, Step, StepKind};
use crate::runbook::said;
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
    /// `Event::SetParam` for the parameters of `Shown::params`, or any other of the run.
    SetParam,
    HandOver,
    /// `Event::Copy`
    Copy,
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
                add(OfferKind::RollBack, "go on taking back");
                add(OfferKind::Skip, "leave this change as it is");
                if self.before_undo.is_some() {
                    add(OfferKind::Retry, "back to the step");
                }
            }
            add(OfferKind::Abort, "abort");
            return offers;
        }
        let Some(step) = self.step() else { return offers };
        match self.phase {
            Phase::Showing => {
                match &step.kind {
                    StepKind::Action(_) | StepKind::Run(_) => add(OfferKind::Continue, "plan"),
                    StepKind::Ask(Ask::Param(name)) => match self.proposal_of(name) {
                        Some(value) => add(OfferKind::Continue, &format!("take it: {value}")),
                        // There is nothing to take: one of the ways is.
                        None if !self.ways(step).is_empty() => {}
                        None => add(OfferKind::Continue, "take it"),
                    },
                    StepKind::Ask(Ask::Choices { .. }) => {}
                    StepKind::Approve { .. } => add(OfferKind::Continue, "ask for approval"),
                    StepKind::Notify(_) => {
                        add(OfferKind::Copy, "copy");
                        add(OfferKind::Continue, "it is sent");
                    }
                    StepKind::Note { .. } => {
                        add(OfferKind::Copy, "copy");
                        add(OfferKind::Continue, "done");
                    }
                    _ => add(OfferKind::Continue, "next"),
                }
                for (index, label) in self.ways(step).iter().enumerate() {
                    add(OfferKind::Choose(index), label);
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
            Phase::Approving { .. } => add(OfferKind::Retry, "ask again"),
            _ => {}
        }
        if self.is_idle() {
            let given = |param: &crate::runbook::format::Param| !param.answer;
            if !self.shown.params.is_empty() || self.book.params.iter().any(given) {
                add(OfferKind::SetParam, "change");
            }
            // Nobody passes over a second person.
            if !(step.required && matches!(step.kind, StepKind::Approve { .. })) {
                add(OfferKind::Skip, "skip");
            }
            if !self.undos.is_empty() {
                add(OfferKind::RollBack, "take back");
            }
            add(OfferKind::HandOver, "hand over");
        }
        add(OfferKind::Abort, "abort");
        offers
    }

    /// Whether nothing is under way that somebody else must answer.
    fn is_idle(&self) -> bool {
        matches!(
            self.phase,
            Phase::Showing | Phase::Undecided | Phase::Stopped | Phase::Waiting { .. } | Phase::Barred { .. }
        )
    }

    /// The ways that a step lets the operator choose from.
    fn ways(&self, step: &Step) -> Vec<String> {
        match &step.kind {
            StepKind::Ask(Ask::Choices { choices, .. }) => choices.iter().map(|choice| choice.label.clone()).collect(),
            StepKind::Ask(Ask::Param(name)) => match self.book.param(name).map(|param| &param.kind) {
                Some(ParamKind::Choice(choices)) => choices.clone(),
                _ => Vec::new(),
            },
            StepKind::Branch { cases, .. } if self.phase == Phase::Undecided => {
                let label = |case: &crate::runbook::format::Case| {
                    case.label
                        .clone()
                        .unwrap_or_else(|| said::condition(&case.condition, &step.look))
                };
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
            Event::HandOver { .. } => OfferKind::HandOver,
            Event::Copy => OfferKind::Copy,
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
        self.begun |= !matches!(event, Event::Open(_) | Event::Copy);
        match event {
            Event::Continue => self.go_on(now, effects),
            Event::Skip { reason } => {
                let reason = reason.trim();
                if reason.is_empty() {
                    self.notice = Some("give a reason first: it goes on record".to_owned());
                    return;
                }
                if self.status == Status::RollingBack {
                    self.leave_change(reason, now, effects);
                    return;
                }
                self.leave(StepState::Skipped(reason.to_owned()), self.current + 1, now, effects);
            }
            Event::Retry => {
                let is_back = self.back_from_undo();
                if !is_back {
                    self.phase = Phase::Entering;
                }
            }
            Event::RollBack => {
                if self.status == Status::Active {
                    self.before_undo = Some(self.phase.clone());
                }
                self.ask_undo(now, effects);
            }
            Event::Abort { reason } => self.abort(reason, now, effects),
            Event::Choose(index) => self.take_way(index, now, effects),
            Event::SetParam { name, text } => match self.set_param(&name, &text) {
                Ok(()) => {
                    let secret = self.book.param(&name).is_some_and(|param| param.secret);
                    let text = if secret { "(secret)" } else { text.trim() };
                    let told = format!("{name} = {text}");
                    self.record(now, self.step_id(), Recorded::Decided, told, effects);
                }
                Err(why) => self.notice = Some(why),
            },
            Event::HandOver { to, reason } => self.hand_over(&to, &reason, now, effects),
            Event::Copy => effects.push(Effect::Copy(self.shown.for_others())),
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
            StepKind::Run(command) => self.ask_command(&command, now, effects),
            StepKind::Approve { text } => self.ask_approval(&text, now, effects),
            StepKind::Notify(_) => self.told(now, effects),
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
        if self.book.param(name).is_some_and(|param| param.secret) {
            if self.secret(name).is_none() {
                self.notice = Some(format!("{} is not typed yet", self.label_of(name)));
                return;
            }
            self.leave(
                StepState::Passed(format!("{} is given", self.label_of(name))),
                self.current + 1,
                now,
                effects,
            );
            return;
        }
        // An answer that is only proposed becomes one by being taken.
        self.fix_params(&[name]);
        self.refresh_scope();
        let Some(value) = self.scope.known.get(name).cloned() else {
            let why = self.scope.unknown.get(name).cloned();
            self.notice = Some(why.unwrap_or_else(|| format!("{}: not chosen yet", self.label_of(name))));
            return;
        };
        let told = format!("{name} = {value}");
        self.record(now, self.step_id(), Recorded::Decided, told.clone(), effects);
        self.leave(StepState::Passed(told), self.current + 1, now, effects);
    }

    /// What a parameter holds now, as people say it; of a secret one nothing.
    fn proposal_of(&self, name: &str) -> Option<String> {
        let param = self.param_view(name).filter(|param| !param.secret)?;
        match param.value {
            Answer::Known(value) => Some(said::target(&value.to_string())),
            Answer::Unknown(_) => None,
        }
    }

    fn label_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.book.param(name).map_or(name, Param::label)
    }

    fn take_way(&mut self, index: usize, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(step) = self.step() else { return };
        let Some(label) = self.ways(step).into_iter().nth(index) else {
            return;
        };
        let goto = match &step.kind {
            StepKind::Ask(Ask::Choices { choices, answer }) => {
                let goto = choices.get(index).and_then(|choice| choice.goto.clone());
                if let Some(name) = answer.clone() {
                    // One of the labels always fits.
                    let _ = self.set_param(&name, &label);
                    self.refresh_scope();
                }
                goto
            }
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
        let changing = self.changing();
        effects.extend(changing.map(|plan| Effect::Stop { plan }));
        // What may have been made counts. What is being taken back is counted already.
        self.changes += usize::from(changing.is_some() && self.status == Status::Active);
        // Leaving does not stop what was sent: the pipeline goes on by itself and keeps its own record.
        let state = match changing {
            Some(_) => Some(StepState::Unknown(
                "the run was left before the result was known".to_owned(),
            )),
            None if matches!(self.states.get(self.current), Some(StepState::Current)) => {
                Some(StepState::Skipped("the run was aborted here".to_owned()))
            }
            _ => None,
        };
        if let Some(state) = state
            && (self.status == Status::Active || self.before_undo.is_some())
        {
            self.set_state(self.current, state);
        }
        let open = self.changes;
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
