//! Reading steps that speak with people: what is asked, what a second person approves, what others are told.

use super::Context;
use crate::runbook::format::fields::{Fields, Placed};
use crate::runbook::format::params::check_default;
use crate::runbook::format::source::Source;
use crate::runbook::format::{Ask, Choice, Notify, Param, ParamKind, StepKind};
use crate::runbook::template::Template;

const ANSWERS: &str = "int, string, bool or duration";

/// `param`, `[[choices]]` or `answer`.
pub(super) fn read_ask(
    source: &mut Source<'_>,
    context: &mut Context<'_>,
    fields: &mut Fields<'_, '_>,
) -> Option<StepKind> {
    let mut choices = Vec::new();
    for mut row in fields.tables(source, "choices") {
        let label = row.required_text(source, "label", "a few words");
        let goto = row.text(source, "goto").map(|target| context.goto(source, target));
        row.finish(source, "a choice");
        choices.extend(label.map(|label| Choice {
            label: label.value,
            goto,
        }));
    }
    let (param, answer) = (fields.text(source, "param"), fields.text(source, "answer"));
    let name = fields.text(source, "as");
    match (param, answer, choices.is_empty()) {
        (Some(param), None, true) => {
            if !context.params.iter().any(|known| known.name == param.value) {
                let known: Vec<&str> = context.params.iter().map(|param| param.name.as_str()).collect();
                source.problem(
                    param.at,
                    format!("there is no parameter `{}`", param.value),
                    format!("one of {}", known.join(", ")),
                );
            }
            if let Some(name) = name {
                source.problem(name.at, "a parameter has its name", "no `as` beside `param`");
            }
            Some(StepKind::Ask(Ask::Param(param.value)))
        }
        (None, None, false) => {
            let labels = choices.iter().map(|choice| choice.label.clone()).collect();
            let answer = name.and_then(|name| give_name(source, context, &name, ParamKind::Choice(labels), None));
            Some(StepKind::Ask(Ask::Choices { choices, answer }))
        }
        (None, Some(answer), true) => {
            let kind = match answer.value.as_str() {
                "int" => ParamKind::Int,
                "string" => ParamKind::Text,
                "bool" => ParamKind::Bool,
                "duration" => ParamKind::Duration,
                other => {
                    source.problem(answer.at, format!("there is no answer of type `{other}`"), ANSWERS);
                    return None;
                }
            };
            let Some(name) = name else {
                fields.missing(source, "as", "the name under which later steps find it: `out.NAME`");
                return None;
            };
            let default = fields.template_text(source, "default");
            let (min, max) = (fields.int(source, "min"), fields.int(source, "max"));
            if let Some(bound) = min.as_ref().or(max.as_ref()).filter(|_| kind != ParamKind::Int) {
                source.problem(bound.at, "only an int has `min` and `max`", "no bounds");
            }
            let full = give_name(source, context, &name, kind, default)?;
            if let Some(param) = context.answers.last_mut() {
                (param.min, param.max) = (min.map(|bound| bound.value), max.map(|bound| bound.value));
            }
            Some(StepKind::Ask(Ask::Param(full)))
        }
        _ => {
            source.problem(
                fields.at,
                "it asks for nothing, or for two things",
                "either `param`, `answer` or [[choices]]",
            );
            None
        }
    }
}

/// Makes the parameter that keeps an answer. Gives its whole name.
fn give_name(
    source: &mut Source<'_>,
    context: &mut Context<'_>,
    name: &Placed<String>,
    kind: ParamKind,
    default: Option<Placed<String>>,
) -> Option<String> {
    let full = context.output_name(source, name)?;
    let default = default.and_then(|text| match Template::parse(&text.value) {
        Ok(template) => {
            check_default(source, context, &template, text.at, &kind);
            Some(template)
        }
        Err(flaw) => {
            source.flaw(text.at, flaw);
            None
        }
    });
    context.add_output(&full, kind.value_type());
    context.answers.push(Param {
        name: full.clone(),
        kind,
        help: None,
        default,
        min: None,
        max: None,
        keep: false,
        secret: false,
        answer: true,
    });
    Some(full)
}

fn required_template(
    source: &mut Source<'_>,
    context: &Context<'_>,
    fields: &mut Fields<'_, '_>,
    doc: &str,
) -> Option<Template> {
    let text = fields.required_text(source, "text", doc)?;
    context.template(source, &text, crate::runbook::value::Type::Text)
}

pub(super) fn read_approve(
    source: &mut Source<'_>,
    context: &Context<'_>,
    fields: &mut Fields<'_, '_>,
) -> Option<StepKind> {
    let text = required_template(source, context, fields, "what the second person agrees to")?;
    Some(StepKind::Approve { text })
}

pub(super) fn read_notify(
    source: &mut Source<'_>,
    context: &Context<'_>,
    fields: &mut Fields<'_, '_>,
) -> Option<StepKind> {
    let to = fields.text(source, "to").map(|text| text.value);
    let text = required_template(source, context, fields, "what the others are told")?;
    Some(StepKind::Notify(Notify { to, text }))
}
