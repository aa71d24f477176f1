//! A run without anybody at a screen (`qd runbook run`): what a person would press is pressed only where it asks for no
//! judgement. What is small and reversible is confirmed when that was asked for; everything else ends the run, with what
//! it would have been on record.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::layers::{PlanFocus, PlanState};
use super::{App, Effect, Layer};
use crate::action::{Confirm, Plan, Risk, Undo};
use crate::runbook::cel::Answer;
use crate::runbook::engine::{Event, Phase, Run, Status, StepState};
use crate::runbook::format::{Ask, StepKind};

/// How long facts that are not known are waited for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// How a run without a screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It came to its end, or to the first change of a dry run.
    Done,
    /// A step failed, or needs a person.
    Stopped,
    /// A condition stayed unknown.
    Unknown,
}

/// What may be done without asking.
#[derive(Clone, Debug, Default)]
pub struct Leave {
    /// Plans of R0 and R1 are confirmed.
    pub yes: bool,
    /// It ends at the first plan, which is shown.
    pub dry_run: bool,
    /// Parameters and answers, by name.
    pub given: BTreeMap<String, String>,
}

/// One run without a screen.
#[derive(Clone, Debug)]
pub struct Unattended {
    run: u64,
    leave: Leave,
    told: Vec<StepState>,
    /// So many lines of output were told.
    output: usize,
    shown: Option<crate::action::ActionId>,
    unknown_since: Option<Timestamp>,
    end: Option<End>,
}

/// What one look at the run gave.
#[derive(Debug, Default)]
pub struct Turn {
    /// For the reader, an object each.
    pub lines: Vec<Value>,
    pub effects: Vec<Effect>,
    pub end: Option<End>,
}

impl App {
    /// Confirms the plan on top for a run without a screen: one of R0 or R1 that asks for nothing but its button.
    ///
    /// # Errors
    /// Why a person must do that.
    fn confirm_small(&mut self, reason: &str) -> Result<Vec<Effect>, String> {
        let now = self.now;
        let Some(Layer::Plan(layer)) = self.layers.last_mut() else {
            return Err("there is no plan".to_owned());
        };
        let plan = layer.plan().ok_or("there is no plan")?;
        if plan.risk > Risk::R1 || plan.confirm != Confirm::Button {
            return Err(format!("{:?}: a person must confirm it", plan.risk));
        }
        if let Some(check) = plan.blocked() {
            return Err(format!("{}: {}", check.name, check.detail));
        }
        let id = layer.id;
        if layer.reason.is_empty() {
            layer.reason.set(reason);
        }
        let before = now.checked_sub(SignedDuration::from_secs(1)).unwrap_or(now);
        layer.focus_on(PlanFocus::Go, before);
        let effects = self.run_command("plan.press");
        let sent = effects
            .iter()
            .any(|e| matches!(e, Effect::Execute(c) if c.plan().id == id));
        if sent {
            Ok(effects)
        } else {
            Err("a person must confirm it".to_owned())
        }
    }
}

impl Unattended {
    /// Starts a runbook.
    ///
    /// # Errors
    /// There is none of that name, or it has no such parameter.
    pub fn start(app: &mut App, book: &str, on: Option<&str>, leave: Leave) -> Result<(Self, Vec<Effect>), String> {
        let Some(known) = app.books.get(book).cloned() else {
            let all: Vec<&str> = app.books.iter().map(|b| b.id.as_str()).collect();
            return Err(format!("there is no runbook `{book}`; there are: {}", all.join(", ")));
        };
        let mut params = BTreeMap::new();
        for (name, text) in &leave.given {
            let answer = format!("out.{name}");
            match (known.param(name), known.param(&answer)) {
                (Some(param), _) if param.secret => {
                    return Err(format!("{name} is secret: only a person can type it, at the screen"));
                }
                (Some(_), _) => drop(params.insert(name.clone(), text.clone())),
                (None, Some(_)) => {}
                (None, None) => {
                    let all: Vec<&str> = known.params.iter().map(|p| p.name.trim_start_matches("out.")).collect();
                    return Err(format!("{book} has no parameter `{name}`; it has: {}", all.join(", ")));
                }
            }
        }
        // What it is about: named, or the first parameter that names something.
        let mut names = on.into_iter().chain(
            known
                .params
                .iter()
                .filter_map(|p| params.get(&p.name).map(String::as_str)),
        );
        let subject = match (on, names.find(|text| text.contains('/'))) {
            (Some(on), _) => crate::runbook::request::subject(&app.world, on)?,
            (None, Some(text)) => crate::runbook::request::subject(&app.world, text).unwrap_or_default(),
            (None, None) => crate::runbook::facts::Subject::default(),
        };
        let names: Vec<String> = params.keys().cloned().collect();
        let effects = app.start_run_with(book, subject, params);
        let run = app.runs.last().ok_or("it could not be started")?;
        let set = run.run.parameters();
        if let Some(wrong) = names.iter().find(|name| !set.iter().any(|p| p.name == **name && p.set)) {
            let why = run.run.notice().unwrap_or("it does not fit").to_owned();
            return Err(format!("{wrong}: {why}"));
        }
        let unattended = Self {
            run: run.number,
            told: vec![StepState::Todo; run.run.states().len()],
            leave,
            output: 0,
            shown: None,
            unknown_since: None,
            end: None,
        };
        Ok((unattended, effects))
    }

    fn run<'a>(&self, app: &'a App) -> Option<&'a Run> {
        app.runs.iter().find(|r| r.number == self.run).map(|r| &r.run)
    }

    /// Looks at the run, tells what is new, and does what may be done.
    pub fn turn(&mut self, app: &mut App) -> Turn {
        let mut turn = Turn::default();
        self.tell(app, &mut turn);
        let Some(run) = self.run(app) else {
            turn.end = Some(End::Stopped);
            return turn;
        };
        if run.status().is_over() {
            let end = self.end.unwrap_or(match run.status() {
                Status::Completed => End::Done,
                _ => End::Stopped,
            });
            let word = match run.status() {
                Status::Completed => "completed",
                Status::RolledBack => "rolled-back",
                Status::ChangesLeft(_) => "changes-left",
                Status::HandedOver(_) => "handed-over",
                _ => "aborted",
            };
            turn.lines
                .push(json!({"event": "end", "run": run.id(), "status": word}));
            turn.end = Some(end);
            return turn;
        }
        match app.layers.last() {
            Some(Layer::Plan(layer)) if layer.run == Some(self.run) => self.plan(app, &mut turn),
            _ => self.step(app, &mut turn),
        }
        self.tell(app, &mut turn);
        turn
    }

    /// What steps came to since the last look, and what a command wrote.
    fn tell(&mut self, app: &App, turn: &mut Turn) {
        let Some(run) = self.run(app) else { return };
        for (index, state) in run.states().iter().enumerate() {
            let Some(told) = self.told.get_mut(index) else { continue };
            if told == state {
                continue;
            }
            told.clone_from(state);
            let (word, text) = match state {
                StepState::Todo => continue,
                StepState::Current => ("begun", ""),
                StepState::Passed(text) => ("passed", text.as_str()),
                StepState::Failed(text) => ("failed", text.as_str()),
                StepState::Skipped(text) => ("skipped", text.as_str()),
                StepState::Unknown(text) => ("unknown", text.as_str()),
            };
            let Some(step) = run.book().steps.get(index) else {
                continue;
            };
            turn.lines.push(json!({
                "event": "step", "number": index + 1, "id": step.id, "title": step.title, "kind": step.kind.name(),
                "state": word, "text": text,
            }));
        }
        let (kept, new) = (run.output(), run.written().saturating_sub(self.output));
        for line in kept.iter().skip(kept.len().saturating_sub(new)) {
            turn.lines.push(json!({"event": "output", "line": line}));
        }
        self.output = run.written();
    }

    fn give_up(&mut self, app: &mut App, turn: &mut Turn, end: End, why: &str) {
        self.end = Some(end);
        turn.lines.push(json!({"event": "stopped", "why": why}));
        let reason = format!("without a screen: {why}");
        turn.effects.extend(app.run_event(self.run, Event::Abort { reason }));
    }

    fn plan(&mut self, app: &mut App, turn: &mut Turn) {
        let Some(Layer::Plan(layer)) = app.layers.last() else {
            return;
        };
        let (id, state) = (layer.id, layer.state.clone());
        match state {
            PlanState::Planning => {}
            PlanState::Refused(refusal) => {
                turn.lines
                    .push(json!({"event": "refused", "what": refusal.what, "hint": refusal.hint}));
                turn.effects.extend(app.pop_layer());
            }
            PlanState::Ready(plan) => {
                if self.shown.replace(id) != Some(id) {
                    turn.lines.push(shown(&plan));
                }
                if self.leave.dry_run {
                    turn.effects.extend(app.pop_layer());
                    self.give_up(app, turn, End::Done, "a dry run ends before the first change");
                } else if plan.no_op.is_some() {
                    turn.effects.extend(app.pop_layer());
                } else if !self.leave.yes {
                    turn.effects.extend(app.pop_layer());
                    self.give_up(app, turn, End::Stopped, "nothing is changed without --yes");
                } else {
                    match app.confirm_small("qd runbook run --yes") {
                        Ok(effects) => turn.effects.extend(effects),
                        Err(why) => {
                            turn.effects.extend(app.pop_layer());
                            self.give_up(app, turn, End::Stopped, &why);
                        }
                    }
                }
            }
        }
    }

    fn step(&mut self, app: &mut App, turn: &mut Turn) {
        let Some(run) = self.run(app) else { return };
        if !matches!(run.phase(), Phase::Undecided) {
            self.unknown_since = None;
        }
        match run.phase() {
            Phase::Undecided => {
                let since = *self.unknown_since.get_or_insert(app.now);
                if app.now.duration_since(since) >= PATIENCE {
                    self.give_up(
                        app,
                        turn,
                        End::Unknown,
                        "a condition is not known: a person must decide",
                    );
                }
            }
            Phase::Stopped => {
                let unknown = matches!(run.states().get(run.current()), Some(StepState::Unknown(_)));
                let end = if unknown { End::Unknown } else { End::Stopped };
                self.give_up(app, turn, end, "a step did not pass");
            }
            Phase::Barred { why } => {
                let why = why.clone();
                self.give_up(app, turn, End::Stopped, &why);
            }
            Phase::Showing => self.showing(app, turn),
            _ => {}
        }
    }

    /// A step that waits for the operator.
    fn showing(&mut self, app: &mut App, turn: &mut Turn) {
        let Some(run) = self.run(app) else { return };
        let Some(step) = run.step() else { return };
        let skip = |reason: &str| Event::Skip {
            reason: reason.to_owned(),
        };
        let given = |name: &str| self.leave.given.get(name.trim_start_matches("out.")).cloned();
        let before = (run.current(), run.phase().clone());
        let events: Vec<Event> = match &step.kind {
            StepKind::Note { .. } => vec![skip("nobody was there to do or read it")],
            StepKind::Notify(_) => {
                let message = run.shown().message.clone().unwrap_or_default();
                turn.lines
                    .push(json!({"event": "message", "to": message.to, "text": message.text}));
                vec![skip("nobody was there to send it")]
            }
            StepKind::Ask(Ask::Param(name)) => match (given(name), known(run, name)) {
                (Some(text), _) => {
                    let name = name.clone();
                    vec![Event::SetParam { name, text }, Event::Continue]
                }
                (None, true) => vec![Event::Continue],
                (None, false) => Vec::new(),
            },
            StepKind::Ask(Ask::Choices { choices, answer }) => {
                let wanted = answer.as_deref().and_then(given);
                let index = wanted.and_then(|label| choices.iter().position(|choice| choice.label == label));
                index.map(Event::Choose).into_iter().collect()
            }
            _ => vec![Event::Continue],
        };
        for event in events {
            turn.effects.extend(app.run_event(self.run, event));
        }
        let Some(run) = self.run(app) else { return };
        if !run.status().is_over() && (run.current(), run.phase().clone()) == before {
            let why = run.notice().unwrap_or("a person must decide this").to_owned();
            self.give_up(app, turn, End::Stopped, &why);
        }
    }
}

/// Whether a parameter has a value, if only a proposed one.
fn known(run: &Run, name: &str) -> bool {
    let params = &run.shown().params;
    params
        .iter()
        .any(|p| p.name == name && matches!(p.value, Answer::Known(_)))
}

fn shown(plan: &Plan) -> Value {
    let steps = plan.steps.iter().map(|step| {
        let changes = step
            .changes
            .iter()
            .map(|c| json!({"field": c.field, "before": c.before, "after": c.after}));
        json!({
            "target": step.target.to_string(), "same_as": step.same_as, "changes": changes.collect::<Vec<_>>(),
        })
    });
    let failed = plan.checks.iter().filter(|c| c.passed != Some(true));
    let checks = failed.map(|c| json!({"name": c.name, "passed": c.passed, "detail": c.detail}));
    json!({
        "event": "plan", "title": plan.title, "risk": format!("{:?}", plan.risk), "steps": steps.collect::<Vec<_>>(),
        "checks": checks.collect::<Vec<_>>(), "impact": plan.impact,
        "warnings": plan.warnings.iter().map(|w| &w.text).collect::<Vec<_>>(),
        "undo": match &plan.undo { Undo::By { label, .. } => Some(label), Undo::Nothing { .. } => None },
        "nothing_to_do": plan.no_op,
    })
}
