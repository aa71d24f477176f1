//! What the action pipeline says, and what follows from it. Only the plan that was asked for counts, and only a plan
//! that was confirmed can have a result.

use super::progress::later;
use super::saved::judged;
use super::{ActionAsk, Came, Effect, Event, Phase, Recorded, Run, Status, StepState, Undoable};
use crate::action::{ActionId, Outcome, Stage, Undo};
use crate::runbook::cel::Answer;
use crate::runbook::format::ActionStep;
use crate::runbook::value::Value;
use jiff::Timestamp;

impl Run {
    /// Asks for a plan of the current action step. The parameters that it rests on are fixed from here.
    pub(super) fn ask_plan(&mut self, action: &ActionStep, now: Timestamp, effects: &mut Vec<Effect>) {
        let templates = || std::iter::once(&action.target).chain(action.args.iter().map(|(_, template)| template));
        let target = match action.target.answer(&self.scope) {
            Answer::Known(value) => value.to_string(),
            Answer::Unknown(why) => {
                self.notice = Some(format!("cannot plan: {why}"));
                return;
            }
        };
        let mut args: Vec<(&'static str, Value)> = Vec::new();
        for (name, template) in &action.args {
            match template.answer(&self.scope) {
                Answer::Known(value) => args.push((name, value)),
                Answer::Unknown(why) => {
                    self.notice = Some(format!("cannot plan: {name}: {why}"));
                    return;
                }
            }
        }
        let expressions: Vec<&str> = templates()
            .flat_map(|template| template.expressions().map(|(text, _)| text))
            .collect();
        self.fix_params(&expressions);
        let ask = self.next_ask();
        self.phase = Phase::Planning { ask };
        let told: Vec<String> = args.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let text = format!("{} {target}{}", action.action.name(), told.concat());
        self.record(now, self.step_id(), Recorded::PlanAsked, text, effects);
        effects.push(Effect::Plan(ActionAsk {
            ask,
            step: self.step().map(|step| step.title.clone()).unwrap_or_default(),
            action: action.action,
            target,
            args,
            reason: action
                .reason
                .as_ref()
                .map_or_else(String::new, |text| text.text(&self.scope)),
            verify_for: action.verify_for,
            soak: action.soak,
        }));
    }

    /// Asks for a plan that takes back the newest change; when there is none left, it is over.
    pub(super) fn ask_undo(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.status = Status::RollingBack;
        let Some(undo) = self.undos.last().cloned() else {
            // Those that were left by choice, and those that nothing takes back.
            let (status, what, text) = match self.changes.max(self.left) {
                0 => {
                    let text = "every change was taken back".to_owned();
                    (Status::RolledBack, Recorded::RolledBack, text)
                }
                n => (Status::ChangesLeft(n), Recorded::ChangesLeft, super::left_words(n)),
            };
            self.finish(status, now);
            self.record(now, None, what, text, effects);
            return;
        };
        let ask = self.next_ask();
        self.phase = Phase::Planning { ask };
        let step = self
            .book
            .steps
            .get(undo.step)
            .map(|step| step.title.clone())
            .unwrap_or_default();
        self.record(
            now,
            None,
            Recorded::PlanAsked,
            format!("take back: {}", undo.label),
            effects,
        );
        effects.push(Effect::PlanUndo {
            ask,
            step,
            label: undo.label,
            request: undo.request,
        });
    }

    /// Leaves the newest change as it is, and goes on with the one before.
    pub(super) fn leave_change(&mut self, reason: &str, now: Timestamp, effects: &mut Vec<Effect>) {
        self.undo_is_on();
        if let Some(undo) = self.undos.pop() {
            self.left += 1;
            let text = format!("{}: stays as it is: {reason}", undo.label);
            self.record(now, None, Recorded::Skipped, text, effects);
        }
        self.ask_undo(now, effects);
    }

    /// From here the run takes back, whatever becomes of it.
    fn undo_is_on(&mut self) {
        let first = self.before_undo.take().is_some();
        if first && matches!(self.states.get(self.current), Some(StepState::Current)) {
            let why = "left here, to take back what the run changed";
            self.set_state(self.current, StepState::Skipped(why.to_owned()));
        }
    }

    /// Back to where the run stood, as long as nothing was sent to take anything back. Whether it is there now.
    pub(super) fn back_from_undo(&mut self) -> bool {
        let before = self.before_undo.take();
        before.is_some_and(|phase| {
            (self.status, self.phase) = (Status::Active, phase);
            true
        })
    }

    pub(super) fn pipeline(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match (self.phase.clone(), event) {
            (
                Phase::Planning { ask: asked } | Phase::Confirming { ask: asked, .. },
                Event::PlanMade { ask, plan, title },
            ) if asked == ask => {
                self.notice = None;
                self.phase = Phase::Confirming { ask, plan, title };
            }
            (
                Phase::Planning { ask: asked } | Phase::Confirming { ask: asked, .. },
                Event::PlanRefused { ask, why },
            ) if asked == ask => {
                self.ended_badly(StepState::Failed(why), now, effects);
            }
            (
                Phase::Planning { ask: asked } | Phase::Confirming { ask: asked, .. },
                Event::PlanCancelled { ask, why },
            ) if asked == ask => {
                self.notice = Some(why);
                if self.back_from_undo() {
                    let text = "nothing was taken back: its plan was closed".to_owned();
                    self.record(now, self.step_id(), Recorded::Decided, text, effects);
                } else {
                    self.phase = if self.status == Status::RollingBack {
                        Phase::Stopped
                    } else {
                        Phase::Showing
                    };
                }
            }
            (Phase::Planning { ask: asked } | Phase::Confirming { ask: asked, .. }, Event::Barred { ask, why })
                if asked == ask =>
            {
                self.notice = Some(why.clone());
                if !self.back_from_undo() {
                    self.phase = if self.status == Status::RollingBack {
                        Phase::Stopped
                    } else {
                        Phase::Barred { why }
                    };
                }
            }
            (Phase::Confirming { plan: shown, .. }, Event::Confirmed { plan }) if shown == plan => {
                self.undo_is_on();
                self.phase = Phase::Executing { plan };
            }
            (
                Phase::Executing { plan } | Phase::Verifying { plan, .. } | Phase::Soaking { plan, .. },
                Event::Progress(progress),
            ) if plan == progress.id => self.staged(plan, progress.stage, now, effects),
            // Another plan's, or none that was confirmed here.
            _ => {}
        }
    }

    fn staged(&mut self, plan: ActionId, stage: Stage, now: Timestamp, effects: &mut Vec<Effect>) {
        match stage {
            Stage::Recorded => {}
            Stage::Output(lines) => self.wrote(lines),
            Stage::Exited(code) => {
                self.result.insert("exit".to_owned(), Value::Int(code.into()));
            }
            Stage::Executed { outcome, .. } => {
                if outcome == Outcome::Applied {
                    self.phase = Phase::Verifying {
                        plan,
                        text: String::new(),
                        worrying: false,
                    };
                }
            }
            Stage::Verifying { text, worrying } => self.phase = Phase::Verifying { plan, text, worrying },
            Stage::Soaking { until } => self.phase = Phase::Soaking { plan, until },
            Stage::Done { outcome, verdict, undo } => {
                let came = Came::of(&outcome, verdict.as_ref());
                if self.change_ended(came, undo, now, effects).is_some() {
                    self.ask_undo(now, effects);
                }
            }
        }
    }

    /// Takes in how a change ended: what is left to take back, and where the run goes from here. What was taken back, if
    /// that is what it was about; the caller says what follows then.
    pub(super) fn change_ended(
        &mut self,
        came: Came,
        undo: Option<Undo>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let rolling_back = self.status == Status::RollingBack;
        // Even what is not known to have been made may have to be taken back.
        let changed = match &came {
            Came::NotSent => false,
            Came::Unknown(_) => true,
            Came::Ended { applied, .. } => *applied,
        };
        if changed && !rolling_back {
            self.changes += 1;
            if let Some(Undo::By {
                label,
                request,
                valid_for_s,
            }) = undo
            {
                self.undos.push(Undoable {
                    step: self.current,
                    label,
                    request,
                    until: later(now, i64::try_from(valid_for_s).unwrap_or(i64::MAX)),
                });
            }
        }
        match judged(came) {
            StepState::Passed(text) if rolling_back => {
                let label = self.undos.pop().map(|undo| undo.label).unwrap_or_default();
                self.changes = self.changes.saturating_sub(1);
                let text = format!("{label}: {text}");
                self.record(now, None, Recorded::TakenBack, text.clone(), effects);
                return Some(text);
            }
            StepState::Passed(text) => self.leave(StepState::Passed(text), self.current + 1, now, effects),
            bad => self.ended_badly(bad, now, effects),
        }
        None
    }

    fn ended_badly(&mut self, state: StepState, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.status != Status::RollingBack {
            self.fail(state, now, effects);
            return;
        }
        // The step keeps the state it had before the roll-back.
        let (what, why) = match state {
            StepState::Unknown(why) => (Recorded::Unknown, why),
            StepState::Failed(why) => (Recorded::Failed, why),
            _ => (Recorded::Failed, String::new()),
        };
        self.record(now, None, what, format!("roll-back: {why}"), effects);
        self.notice = Some(format!("not taken back: {why}"));
        self.phase = Phase::Stopped;
    }
}
