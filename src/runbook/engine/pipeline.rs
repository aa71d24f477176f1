//! What the action pipeline says, and what follows from it. Only the plan that was asked for counts, and only a plan
//! that was confirmed can have a result.

use super::progress::later;
use super::{ActionAsk, Effect, Event, Phase, Recorded, Run, Status, StepState, Undoable};
use crate::action::{ActionId, Outcome, Stage, Undo, Verdict};
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

    /// Asks for a plan that takes back the newest change; when there is none left, the run is rolled back.
    pub(super) fn ask_undo(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.status = Status::RollingBack;
        let Some(undo) = self.undos.last().cloned() else {
            self.finish(Status::RolledBack, now);
            let text = match self.left {
                0 => "every change was taken back".to_owned(),
                left => format!("taken back, but for {left} that stay as they are"),
            };
            self.record(now, None, Recorded::RolledBack, text, effects);
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
        self.before_back = None;
        if let Some(undo) = self.undos.pop() {
            self.left += 1;
            let text = format!("{}: stays as it is: {reason}", undo.label);
            self.record(now, None, Recorded::Skipped, text, effects);
        }
        self.ask_undo(now, effects);
    }

    /// Whoever closes the first plan of taking back goes on where the run stood.
    fn stays_on(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let Some((phase, state)) = self.before_back.take().filter(|_| self.status == Status::RollingBack) else {
            return false;
        };
        self.status = Status::Active;
        self.phase = phase;
        self.set_state(self.current, state);
        let text = "nothing was taken back: its plan was closed".to_owned();
        self.record(now, self.step_id(), Recorded::Decided, text, effects);
        true
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
                if self.stays_on(now, effects) {
                    return;
                }
                self.phase = if self.status == Status::RollingBack {
                    Phase::Stopped
                } else {
                    Phase::Showing
                };
            }
            (Phase::Confirming { plan: shown, .. }, Event::Confirmed { plan }) if shown == plan => {
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
            Stage::Done { outcome, verdict, undo } => self.done(outcome, verdict, undo, now, effects),
        }
    }

    fn done(
        &mut self,
        outcome: Outcome,
        verdict: Option<Verdict>,
        undo: Option<Undo>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let rolling_back = self.status == Status::RollingBack;
        // Even an outcome that is not known may have to be taken back.
        let changed = matches!(outcome, Outcome::Applied | Outcome::Unknown(_));
        self.changes += usize::from(changed && !rolling_back);
        if let (
            Some(Undo::By {
                label,
                request,
                valid_for_s,
            }),
            true,
            false,
        ) = (undo, changed, rolling_back)
        {
            let until = later(now, i64::try_from(valid_for_s).unwrap_or(i64::MAX));
            self.undos.push(Undoable {
                step: self.current,
                label,
                request,
                until,
            });
        }
        let state = match (outcome, verdict) {
            (Outcome::NoOp, _) => StepState::Passed("nothing to change: it already is so".to_owned()),
            (Outcome::Applied, Some(Verdict::Healthy(text))) => StepState::Passed(text),
            (Outcome::Applied, Some(Verdict::Failed(why))) => StepState::Failed(why),
            (Outcome::Applied, Some(Verdict::Superseded(by))) => StepState::Failed(format!("superseded: {by}")),
            (Outcome::Applied, Some(Verdict::Lost(why))) => StepState::Failed(format!("lost: {why}")),
            (Outcome::Applied, Some(Verdict::Paused)) => StepState::Failed("it was paused meanwhile".to_owned()),
            (Outcome::Applied, Some(Verdict::Unknown(why))) => StepState::Unknown(why),
            (Outcome::Applied, None) => StepState::Unknown("applied, but nobody verified it".to_owned()),
            (Outcome::Unknown(why), _) => StepState::Unknown(format!(
                "it may or may not have been applied ({why}): look before you plan again"
            )),
            (Outcome::Refused(why), _) => StepState::Failed(format!("refused: {why}")),
            (Outcome::Conflict(why), _) => StepState::Failed(format!("changed meanwhile: {why}; plan again")),
            (Outcome::Throttled(seconds), _) => {
                StepState::Failed(format!("the server is overloaded; try again in {seconds} s"))
            }
            (Outcome::Skipped(why), _) => StepState::Failed(format!("the server skipped it: {why}")),
            (Outcome::NotRecorded(why), _) => StepState::Failed(format!("nothing was sent: {why}")),
        };
        match state {
            StepState::Passed(text) if rolling_back => {
                let label = self.undos.pop().map(|undo| undo.label).unwrap_or_default();
                self.before_back = None;
                self.changes = self.changes.saturating_sub(1);
                self.record(now, None, Recorded::RolledBack, format!("{label}: {text}"), effects);
                self.ask_undo(now, effects);
            }
            StepState::Passed(text) => self.leave(StepState::Passed(text), self.current + 1, now, effects),
            bad => self.ended_badly(bad, now, effects),
        }
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
        self.before_back = None;
        self.record(now, None, what, format!("roll-back: {why}"), effects);
        self.notice = Some(format!("not taken back: {why}"));
        self.phase = Phase::Stopped;
    }
}
