//! Going from step to step: what is decided by facts and time alone.

use super::{Effect, Phase, Recorded, Run, Status, StepState};
use crate::runbook::cel::{self, Truth};
use crate::runbook::format::{Case, Look, OnFail, StepKind, Threshold, WaitStep};
use crate::runbook::said;
use crate::runbook::template::Template;
use crate::runbook::value::duration_text;
use jiff::{SignedDuration, Timestamp};

impl Run {
    /// Takes every step that needs no person, then fills in what is shown. It ends: a run only ever goes forward.
    pub(super) fn settle(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while self.status == Status::Active && self.advance(now, effects) {}
        self.refresh_shown();
    }

    /// Whether the run moved.
    fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        match self.phase {
            Phase::Entering => self.enter(now, effects),
            Phase::Undecided => self.decide(now, effects),
            Phase::Waiting { .. } => self.keep_waiting(now, effects),
            _ => false,
        }
    }

    fn enter(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let Some(step) = self.book.steps.get(self.current) else {
            self.finish(Status::Completed, now);
            self.record(now, None, Recorded::Completed, self.book.title.clone(), effects);
            return false;
        };
        if let Some(when) = &step.when
            && cel::truth(when, &self.scope) == Truth::False
        {
            let why = format!("not needed here: only where {}", said::condition(when, &step.look));
            self.leave(StepState::Skipped(why), self.current + 1, now, effects);
            return true;
        }
        let kind = step.kind.clone();
        self.set_state(self.current, StepState::Current);
        self.result.clear();
        self.output.clear();
        match kind {
            StepKind::Gate { .. } | StepKind::Branch { .. } => {
                self.phase = Phase::Undecided;
                true
            }
            StepKind::Wait(wait) => {
                let deadline = later(now, wait.deadline);
                let missing = format!("until it is judged: {}", self.in_words(&wait.until));
                self.breaches = vec![(0, None); wait.abort_if.len()];
                self.phase = Phase::Waiting {
                    since: now,
                    deadline,
                    held_since: None,
                    missing,
                };
                true
            }
            StepKind::Note { .. }
            | StepKind::Diagnose
            | StepKind::Action(_)
            | StepKind::Ask(_)
            | StepKind::Approve { .. }
            | StepKind::Notify(_)
            | StepKind::Run(_) => {
                self.phase = Phase::Showing;
                false
            }
        }
    }

    /// Judges a gate or a branch; one that is unknown waits for better facts or for the operator.
    fn decide(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        match self.book.steps.get(self.current).map(|step| step.kind.clone()) {
            Some(StepKind::Gate { expect, why, on_fail }) => {
                self.judge_gate(&expect, why.as_ref(), &on_fail, now, effects)
            }
            Some(StepKind::Branch { cases, otherwise }) => {
                self.judge_branch(&cases, otherwise.as_deref(), now, effects)
            }
            _ => false,
        }
    }

    fn judge_gate(
        &mut self,
        expect: &str,
        why: Option<&Template>,
        on_fail: &OnFail,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> bool {
        match cel::truth(expect, &self.scope) {
            Truth::True => {
                let told = self.in_words(expect);
                self.leave(StepState::Passed(told), self.current + 1, now, effects);
                true
            }
            Truth::Unknown(why) => self.undecided(why, now, effects),
            Truth::False => {
                let why = match why {
                    Some(text) => text.text(&self.scope),
                    None => said::refuted(expect, self.look()),
                };
                match on_fail {
                    OnFail::Stop => {
                        self.fail(StepState::Failed(why), now, effects);
                        false
                    }
                    OnFail::Goto(id) => {
                        let next = self.book.step_index(id).unwrap_or(self.current + 1);
                        self.leave(StepState::Failed(why), next, now, effects);
                        true
                    }
                }
            }
        }
    }

    fn judge_branch(
        &mut self,
        cases: &[Case],
        otherwise: Option<&str>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let conditions: Vec<String> = cases.iter().map(|case| case.condition.clone()).collect();
        for (case, answer) in cases.iter().zip(cel::evaluate(&conditions, &self.scope)) {
            match Truth::from(answer) {
                Truth::True => {
                    let next = self.book.step_index(&case.goto).unwrap_or(self.current + 1);
                    let why = case.label.clone().unwrap_or_else(|| self.in_words(&case.condition));
                    self.leave(StepState::Passed(why), next, now, effects);
                    return true;
                }
                Truth::False => {}
                // An earlier way that may be the right one is not passed by.
                Truth::Unknown(why) => return self.undecided(why, now, effects),
            }
        }
        let next = otherwise
            .and_then(|id| self.book.step_index(id))
            .unwrap_or(self.current + 1);
        self.leave(StepState::Passed("none of the cases".to_owned()), next, now, effects);
        true
    }

    fn undecided(&mut self, why: String, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        if !matches!(self.states.get(self.current), Some(StepState::Unknown(_))) {
            self.record(now, self.step_id(), Recorded::Unknown, why.clone(), effects);
        }
        self.set_state(self.current, StepState::Unknown(why));
        false
    }

    fn keep_waiting(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let Some(StepKind::Wait(wait)) = self.book.steps.get(self.current).map(|step| step.kind.clone()) else {
            return false;
        };
        let Phase::Waiting {
            since,
            deadline,
            held_since,
            ..
        } = self.phase
        else {
            return false;
        };
        let mut conditions = vec![wait.until.clone()];
        conditions.extend(wait.abort_if.iter().map(|threshold| threshold.when.clone()));
        let mut answers = cel::evaluate(&conditions, &self.scope).into_iter().map(Truth::from);
        let until = answers
            .next()
            .unwrap_or_else(|| Truth::Unknown("it was not judged".to_owned()));
        let passed = self.breached(&wait.abort_if, answers, now);
        if let Some(threshold) = passed {
            let words = match &threshold.text {
                Some(text) => text.text(&self.scope),
                None => self.in_words(&threshold.when),
            };
            let often = match threshold.times {
                1 => String::new(),
                times => format!(" ({times} looks in a row)"),
            };
            let state = StepState::Failed(format!("the wait was given up: {words}{often}"));
            self.fail(state, now, effects);
            return false;
        }
        let held_since = if until == Truth::True {
            held_since.or(Some(now))
        } else {
            None
        };
        if let Some(held) = held_since
            && now.duration_since(held).as_secs() >= wait.hold
        {
            let waited = duration_text(now.duration_since(since).as_secs());
            self.leave(
                StepState::Passed(format!("{} after {waited}", self.in_words(&wait.until))),
                self.current + 1,
                now,
                effects,
            );
            return true;
        }
        if now >= deadline {
            let state = self.too_late(&wait, &until);
            self.fail(state, now, effects);
            return false;
        }
        let missing = match until {
            Truth::True => format!("until that has held for {}", duration_text(wait.hold)),
            Truth::False => self.missing(&wait.until),
            Truth::Unknown(why) => why,
        };
        self.phase = Phase::Waiting {
            since,
            deadline,
            held_since,
            missing,
        };
        false
    }

    fn look(&self) -> &[Look] {
        self.step().map_or(&[], |step| &step.look)
    }

    fn in_words(&self, condition: &str) -> String {
        said::condition(condition, self.look())
    }

    fn missing(&self, condition: &str) -> String {
        let holds = |part: &str| cel::truth(part, &self.scope) == Truth::True;
        said::missing(condition, self.look(), holds)
    }

    /// How a wait ends at its deadline: as failed when the condition is known not to hold, else as unknown.
    fn too_late(&self, wait: &WaitStep, until: &Truth) -> StepState {
        let limit = duration_text(wait.deadline);
        match until {
            Truth::True => {
                let words = self.in_words(&wait.until);
                StepState::Failed(format!(
                    "only at the end of {limit}, too late to watch that it stays: {words}"
                ))
            }
            Truth::False => StepState::Failed(format!("it did not hold within {limit}; {}", self.missing(&wait.until))),
            Truth::Unknown(why) => StepState::Unknown(format!("not known after {limit}: {why}")),
        }
    }

    /// Counts looks at the thresholds of a wait. Gives the first that was passed often enough without a break; a look
    /// that cannot tell breaks nothing and counts nothing.
    fn breached<'a>(
        &mut self,
        thresholds: &'a [Threshold],
        answers: impl Iterator<Item = Truth>,
        now: Timestamp,
    ) -> Option<&'a Threshold> {
        let mut found = None;
        for ((threshold, answer), (count, counted)) in thresholds.iter().zip(answers).zip(&mut self.breaches) {
            match answer {
                Truth::False => (*count, *counted) = (0, None),
                Truth::Unknown(_) => {}
                Truth::True => {
                    if counted.is_none_or(|at| now.duration_since(at).as_secs() >= threshold.every) {
                        (*count, *counted) = (*count + 1, Some(now));
                    }
                    if *count >= threshold.times {
                        found = found.or(Some(threshold));
                    }
                }
            }
        }
        found
    }

    /// Ends the current step in `state` and goes on at `next`. Steps that are jumped over say so.
    pub(super) fn leave(&mut self, state: StepState, next: usize, now: Timestamp, effects: &mut Vec<Effect>) {
        let (what, text) = match &state {
            StepState::Passed(text) => (Recorded::Passed, text.clone()),
            StepState::Skipped(text) => (Recorded::Skipped, text.clone()),
            StepState::Unknown(text) => (Recorded::Unknown, text.clone()),
            StepState::Failed(text) => (Recorded::Failed, text.clone()),
            StepState::Todo | StepState::Current => (Recorded::Passed, String::new()),
        };
        self.record(now, self.step_id(), what, text, effects);
        if let StepState::Passed(text) = &state {
            let text = text.clone();
            self.hand_on(&text, now, effects);
        }
        self.set_state(self.current, state);
        let next = next.max(self.current + 1);
        for jumped in self.current + 1..next {
            self.set_state(jumped, StepState::Skipped("not on this way".to_owned()));
        }
        self.current = next;
        self.phase = Phase::Entering;
    }

    /// Ends the current step badly and stops, until the operator says what next.
    pub(super) fn fail(&mut self, state: StepState, now: Timestamp, effects: &mut Vec<Effect>) {
        let (what, text) = match &state {
            StepState::Unknown(why) => (Recorded::Unknown, why.clone()),
            StepState::Failed(why) => (Recorded::Failed, why.clone()),
            _ => (Recorded::Failed, String::new()),
        };
        self.record(now, self.step_id(), what, text, effects);
        self.set_state(self.current, state);
        self.phase = Phase::Stopped;
    }

    pub(super) fn finish(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.forget_secrets();
        self.ended = Some(now);
        self.phase = Phase::Stopped;
    }
}

/// `seconds` after `now`, or the end of time.
pub(super) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
