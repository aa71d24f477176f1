//! What the panel shows of the current step: prose, evidence and parameters, filled in once per change, not per frame.

use super::{ParamView, Run};
use crate::runbook::cel::{self, Answer, Truth};
use crate::runbook::format::{Ask, Block, EnvValue, Notify, Span, StepKind, Style};
use crate::runbook::said;
use crate::runbook::template::Template;
use crate::runbook::value::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// The current step, filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    pub prose: Vec<TextBlock>,
    pub evidence: Vec<Evidence>,
    /// The parameters that the step asks for or acts with.
    pub params: Vec<ParamView>,
    /// What an action step would do: `Roll back deployment cortex/cortex-api  revision 13`.
    pub proposal: Option<String>,
    /// What a second person is to agree to, or others are told.
    pub message: Option<Message>,
}

/// A text for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub to: Option<String>,
    /// Filled in; what is not known reads `?`.
    pub text: String,
    /// How many of its facts are not known.
    pub gaps: usize,
}

/// A block of prose with its expressions filled in; what is not known reads `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextBlock {
    Paragraph(Vec<(String, Style)>),
    Heading(Vec<(String, Style)>),
    Item {
        depth: usize,
        number: Option<u64>,
        text: Vec<(String, Style)>,
    },
    Code(Vec<String>),
}

/// A row of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub label: String,
    pub value: Answer,
    /// What should be there, in words; empty when nothing is expected.
    pub expected: String,
    pub verdict: Verdict,
}

/// How a row of evidence compares with what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is expected; it is only shown.
    Plain,
    Good,
    Bad,
    /// Why it cannot be told.
    Unknown(String),
}

impl Shown {
    /// What is copied for others: the message where the step has one, else what the step says, as plain text.
    pub fn for_others(&self) -> String {
        if let Some(message) = &self.message {
            return message.text.clone();
        }
        let words = |pieces: &[(String, Style)]| pieces.iter().map(|(text, _)| text.as_str()).collect::<String>();
        let lines = self.prose.iter().map(|block| match block {
            TextBlock::Paragraph(pieces) | TextBlock::Heading(pieces) => words(pieces),
            TextBlock::Item { depth, number, text } => {
                let mark = number.map_or_else(|| "-".to_owned(), |n| format!("{n}."));
                format!("{}{mark} {}", "  ".repeat(*depth), words(text))
            }
            TextBlock::Code(lines) => lines.join("\n"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Run {
    pub(super) fn refresh_shown(&mut self) {
        let book = Arc::clone(&self.book);
        let Some(step) = book.steps.get(self.current) else {
            self.shown = Shown::default();
            return;
        };
        // All expressions of the step in one batch, in the order in which they are filled in below.
        let mut batch = Batch::default();
        for span in step.prose.iter().flat_map(Block::spans) {
            batch.template(&span.text);
        }
        for look in &step.look {
            batch.template(&look.value);
            batch.sources.extend(look.expect.clone());
            if let Some(expected) = &look.expected {
                batch.template(expected);
            }
        }
        let gate = match &step.kind {
            StepKind::Gate { expect, .. } => Some(expect),
            StepKind::Wait(wait) => Some(&wait.until),
            _ => None,
        };
        batch.sources.extend(gate.cloned());
        if let StepKind::Action(action) = &step.kind {
            batch.template(&action.target);
            action.args.iter().for_each(|(_, template)| batch.template(template));
        }
        match &step.kind {
            StepKind::Run(command) => command.argv.iter().for_each(|word| batch.template(word)),
            StepKind::Approve { text } | StepKind::Notify(Notify { text, .. }) => batch.template(text),
            _ => {}
        }
        let answers = cel::evaluate(&batch.sources, &self.scope);
        let mut answers = answers.iter();
        let prose = step.prose.iter().map(|block| fill_block(block, &mut answers)).collect();
        let mut evidence: Vec<Evidence> = Vec::new();
        for look in &step.look {
            let value = as_said(look.value.only_expression(), look.value.fill(&mut answers));
            let verdict = look.expect.as_ref().map_or(Verdict::Plain, |_| verdict(answers.next()));
            let expected = match (&look.expected, &look.expect) {
                (Some(words), _) => words.fill_text(&mut answers),
                (None, Some(condition)) => said::condition(condition, &[]),
                (None, None) => String::new(),
            };
            evidence.push(Evidence {
                label: look.label.clone(),
                value,
                expected,
                verdict,
            });
        }
        if let (Some(condition), answer) = (gate, gate.and_then(|_| answers.next())) {
            let value = answer
                .cloned()
                .unwrap_or_else(|| Answer::Unknown("not judged".to_owned()));
            let (label, expected) = ("holds".to_owned(), said::condition(condition, &step.look));
            evidence.push(Evidence {
                label,
                verdict: verdict(answer),
                value,
                expected,
            });
        }
        let (mut params, mut proposal, mut message) = (Vec::new(), None, None);
        match &step.kind {
            StepKind::Action(action) => {
                let words = |answer: Answer| match answer {
                    Answer::Known(value) => value.to_string(),
                    Answer::Unknown(_) => "?".to_owned(),
                };
                let mut text = said::change(action.action, &words(action.target.fill(&mut answers)));
                for (name, template) in &action.args {
                    let _ = write!(
                        text,
                        "  {} {}",
                        name.replace('_', " "),
                        words(template.fill(&mut answers))
                    );
                }
                proposal = Some(text);
                let templates = std::iter::once(&action.target).chain(action.args.iter().map(|(_, template)| template));
                for name in templates.filter_map(Template::only_expression) {
                    params.extend(self.param_view(name.strip_prefix("params.").unwrap_or(name)));
                }
            }
            StepKind::Ask(Ask::Param(name)) => params.extend(self.param_view(name)),
            StepKind::Run(command) => {
                let words: Vec<String> = command
                    .argv
                    .iter()
                    .map(|word| crate::action::quoted(&word.fill_text(&mut answers)))
                    .collect();
                proposal = Some(words.join(" "));
                for name in command.argv.iter().filter_map(Template::only_expression) {
                    params.extend(self.param_view(name.strip_prefix("params.").unwrap_or(name)));
                }
                for (_, value) in &command.env {
                    if let EnvValue::Secret(name) = value {
                        params.extend(self.param_view(name));
                    }
                }
            }
            StepKind::Approve { text } => message = Some(fill_message(text, None, &mut answers)),
            StepKind::Notify(notify) => message = Some(fill_message(&notify.text, notify.to.clone(), &mut answers)),
            _ => {}
        }
        // Two settings may take the same parameter: it is asked for once.
        let mut seen = std::collections::BTreeSet::new();
        params.retain(|param: &ParamView| seen.insert(param.name.clone()));
        self.shown = Shown {
            prose,
            evidence,
            params,
            proposal,
            message,
        };
    }
}

/// A fact that is the target of an action, as people say it.
fn as_said(name: Option<&str>, answer: Answer) -> Answer {
    match (name, answer) {
        (Some(name), Answer::Known(Value::Text(text)))
            if matches!(name.rsplit('.').next(), Some("target" | "again")) =>
        {
            Answer::Known(Value::Text(said::target(&text)))
        }
        (_, answer) => answer,
    }
}

#[derive(Default)]
struct Batch {
    sources: Vec<String>,
}

impl Batch {
    fn template(&mut self, template: &Template) {
        self.sources
            .extend(template.expressions().map(|(source, _)| source.to_owned()));
    }
}

fn verdict(answer: Option<&Answer>) -> Verdict {
    match answer.cloned().map(Truth::from) {
        Some(Truth::True) => Verdict::Good,
        Some(Truth::False) => Verdict::Bad,
        Some(Truth::Unknown(why)) => Verdict::Unknown(why),
        None => Verdict::Unknown("not judged".to_owned()),
    }
}

fn fill_message<'a>(text: &Template, to: Option<String>, answers: &mut impl Iterator<Item = &'a Answer>) -> Message {
    let mine: Vec<&Answer> = answers.take(text.expressions().count()).collect();
    Message {
        to,
        text: text.fill_text(&mut mine.iter().copied()).trim().to_owned(),
        gaps: mine
            .iter()
            .filter(|answer| matches!(answer, Answer::Unknown(_)))
            .count(),
    }
}

fn fill_block<'a>(block: &Block, answers: &mut impl Iterator<Item = &'a Answer>) -> TextBlock {
    let mut fill = |spans: &[Span]| {
        spans
            .iter()
            .map(|span| (span.text.fill_text(answers), span.style))
            .collect()
    };
    match block {
        Block::Paragraph(spans) => TextBlock::Paragraph(fill(spans)),
        Block::Heading(spans) => TextBlock::Heading(fill(spans)),
        Block::Item { depth, number, spans } => TextBlock::Item {
            depth: *depth,
            number: *number,
            text: fill(spans),
        },
        Block::Code(lines) => TextBlock::Code(lines.clone()),
    }
}
