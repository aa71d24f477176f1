//! What a run asks of people and of this machine: approval by a second person, texts for others, handing over, local
//! commands.

use super::{CommandAsk, Effect, Event, Phase, Recorded, Run, Status, StepState};
use crate::action::{Command, Variable};
use crate::runbook::cel::Answer;
use crate::runbook::format::{CommandStep, EnvValue, StepKind};
use crate::runbook::template::Template;
use crate::runbook::value::Value;
use jiff::Timestamp;

/// Lines of a command that are kept for the panel.
const KEPT_LINES: usize = 200;

impl Run {
    /// Asks a second person. What they are asked is fixed by being recorded.
    pub(super) fn ask_approval(&mut self, text: &Template, now: Timestamp, effects: &mut Vec<Effect>) {
        let text = match text.answer(&self.scope) {
            Answer::Known(value) => value.to_string().trim().to_owned(),
            // Nobody can agree to a gap.
            Answer::Unknown(why) => {
                self.notice = Some(format!("cannot ask: {why}"));
                return;
            }
        };
        let ask = self.next_ask();
        self.phase = Phase::Approving { ask };
        self.record(now, self.step_id(), Recorded::ApprovalAsked, text.clone(), effects);
        effects.push(Effect::AskApproval { ask, text, plan: None });
    }

    /// Whether the current step is one that a person could pass without the second one, where policy says so.
    pub fn may_be_alone(&self) -> bool {
        let approves = matches!(self.step().map(|s| &s.kind), Some(StepKind::Approve { .. }));
        let open = matches!(self.phase, Phase::Showing | Phase::Approving { .. } | Phase::Stopped);
        approves && open && self.status == Status::Active
    }

    pub(super) fn approval(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        if let Event::Alone { reason } = &event {
            let reason = reason.trim();
            if self.may_be_alone() && !reason.is_empty() {
                self.agreed(format!("BREAK GLASS, alone: {reason}"), now, effects);
            }
            return;
        }
        let Phase::Approving { ask: asked } = self.phase else {
            return;
        };
        match event {
            Event::Approved { ask, by } if ask == asked => self.agreed(format!("approved by {by}"), now, effects),
            Event::ApprovalUnavailable { ask, why, solo: true } if ask == asked => {
                self.agreed(format!("solo: {why}"), now, effects);
            }
            Event::ApprovalUnavailable { ask, why, .. } if ask == asked => {
                self.fail(StepState::Failed(format!("nobody could be asked: {why}")), now, effects);
            }
            Event::ApprovalRefused { ask, by, why } if ask == asked => {
                self.fail(StepState::Failed(format!("{by} refused: {why}")), now, effects);
            }
            // An answer to an older question.
            _ => {}
        }
    }

    fn agreed(&mut self, text: String, now: Timestamp, effects: &mut Vec<Effect>) {
        self.record(now, self.step_id(), Recorded::Approved, text.clone(), effects);
        self.leave(StepState::Passed(text), self.current + 1, now, effects);
    }

    /// The operator says that the text went out.
    pub(super) fn told(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(message) = self.shown.message.clone() else {
            return;
        };
        let to = message.to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        self.record(
            now,
            self.step_id(),
            Recorded::Told,
            format!("sent{to}: {}", message.text),
            effects,
        );
        self.leave(StepState::Passed(format!("sent{to}")), self.current + 1, now, effects);
    }

    /// Lets go of the run for another operator. Nothing is under way that this console must answer for.
    pub(super) fn hand_over(&mut self, to: &str, reason: &str, now: Timestamp, effects: &mut Vec<Effect>) {
        let (to, reason) = (to.trim(), reason.trim());
        if to.is_empty() {
            self.notice = Some("name who takes it over".to_owned());
            return;
        }
        let text = match reason {
            "" => format!("to {to}"),
            reason => format!("to {to}: {reason}"),
        };
        self.record(now, self.step_id(), Recorded::HandedOver, text, effects);
        // Whoever takes it up stands where it stood.
        let phase = self.phase.clone();
        self.finish(Status::HandedOver(to.to_owned()), now);
        self.phase = phase;
    }

    /// Asks for the plan of a local command. Each argument is filled in whole; what is not known stops it.
    pub(super) fn ask_command(&mut self, step: &CommandStep, now: Timestamp, effects: &mut Vec<Effect>) {
        let command = match self.command(step) {
            Ok(command) => command,
            Err(why) => {
                self.notice = Some(format!("cannot plan: {why}"));
                return;
            }
        };
        let expressions: Vec<&str> = step.argv.iter().filter_map(Template::only_expression).collect();
        self.fix_params(&expressions);
        let ask = self.next_ask();
        self.phase = Phase::Planning { ask };
        self.output.clear();
        self.record(now, self.step_id(), Recorded::PlanAsked, command.line(), effects);
        effects.push(Effect::PlanCommand(CommandAsk {
            ask,
            step: self.step().map(|step| step.title.clone()).unwrap_or_default(),
            command,
            reason: step
                .reason
                .as_ref()
                .map_or_else(String::new, |text| text.text(&self.scope)),
        }));
    }

    fn command(&self, step: &CommandStep) -> Result<Command, String> {
        let mut argv: Vec<String> = Vec::new();
        for word in &step.argv {
            let text = match word.answer(&self.scope) {
                Answer::Known(value) => value.to_string(),
                Answer::Unknown(why) => return Err(why),
            };
            // What was written in the file may be an option; what was filled in may not become one.
            let options_over = argv.iter().any(|word| word == "--");
            if word.only_expression().is_some() && text.starts_with('-') && !options_over {
                return Err(format!("`{text}` would be read as an option"));
            }
            argv.push(text);
        }
        let mut env = Vec::new();
        for (name, value) in &step.env {
            let (value, secret) = match value {
                EnvValue::Secret(param) => {
                    let value = self.secret(param).ok_or_else(|| format!("{param} is not typed yet"))?;
                    (value, true)
                }
                EnvValue::Text(template) => match template.answer(&self.scope) {
                    Answer::Known(value) => (crate::action::Hidden::new(&value.to_string()), false),
                    Answer::Unknown(why) => return Err(format!("{name}: {why}")),
                },
            };
            let name = name.clone();
            env.push(Variable { name, value, secret });
        }
        Ok(Command {
            argv,
            env,
            timeout_s: u32::try_from(step.timeout).unwrap_or(60),
            ok: step.ok.iter().filter_map(|code| i32::try_from(*code).ok()).collect(),
        })
    }

    /// Lines of a command arrived.
    pub(super) fn wrote(&mut self, lines: Vec<String>) {
        if !matches!(self.step().map(|step| &step.kind), Some(StepKind::Run(_))) {
            return;
        }
        if let Some(last) = lines.iter().rev().find(|line| !line.trim().is_empty()) {
            self.result.insert("line".to_owned(), Value::text(last.trim()));
        }
        // What came last stays whole until more comes: whoever reads on misses nothing of a burst.
        let over = self.output.len().saturating_sub(KEPT_LINES);
        self.output.drain(..over);
        self.written += lines.len();
        self.output.extend(lines);
    }
}
