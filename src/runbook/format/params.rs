//! Reading the parameters of the front matter.

use super::fields::Fields;
use super::source::Source;
use super::steps::{Context, is_name};
use super::{Param, ParamKind};
use crate::runbook::facts;
use crate::runbook::template::Template;
use crate::runbook::value::parse_duration;
use std::sync::Arc;

const PARAM_TYPES: &str = "workload, pod, namespace, node, host, revision, int, string, bool, duration, choice, queue, \
                           postgres, session, table, index, redis, certificate or alert";

pub(super) fn read(source: &mut Source<'_>, table: &Fields<'_, '_>) -> Vec<Param> {
    let mut params: Vec<Param> = Vec::new();
    let mut defaults = Vec::new();
    for (name, mut fields) in table.named_tables(source) {
        let valid = is_name(&name.value);
        // A parameter that hides a family of facts would make the same word mean two things.
        let family = |spec: &facts::Spec| spec.path.split('.').next() == Some(name.value.as_str());
        let hides = ["params", "out", "result"].contains(&name.value.as_str()) || facts::registry().any(family);
        if !valid || hides {
            let expected = "lower-case letters, digits and _, and no family of facts such as rollout or queue";
            source.problem(name.at, format!("`{}` cannot name a parameter", name.value), expected);
        }
        let kind = param_kind(source, &mut fields);
        let help = fields.text(source, "help").map(|text| text.value);
        let default = fields.template_text(source, "default");
        let (min, max) = (fields.int(source, "min"), fields.int(source, "max"));
        let keep = fields.flag(source, "keep", false);
        let secret = fields.flag(source, "secret", false);
        fields.finish(source, "a parameter");
        let Some(kind) = kind else { continue };
        if secret && (kind != ParamKind::Text || default.is_some()) {
            let expected = "type = \"string\" and no default: whoever runs it types it";
            source.problem(name.at, format!("`{}` is secret", name.value), expected);
        }
        let counts = matches!(kind, ParamKind::Int | ParamKind::Revision);
        if let Some(bound) = min.as_ref().or(max.as_ref()).filter(|_| !counts) {
            source.problem(
                bound.at,
                "only an int has `min` and `max`",
                format!("no bounds for `{}`", name.value),
            );
        }
        if let (Some(low), Some(high)) = (&min, &max)
            && low.value > high.value
        {
            source.problem(high.at, "`max` is below `min`", format!("at least {}", low.value));
        }
        let default = default.and_then(|text| match Template::parse(&text.value) {
            Ok(template) => {
                defaults.push((template.clone(), text.at, kind.clone()));
                Some(template)
            }
            Err(flaw) => {
                source.flaw(text.at, flaw);
                None
            }
        });
        let (min, max) = (min.map(|bound| bound.value), max.map(|bound| bound.value));
        params.push(Param {
            name: name.value,
            kind,
            help,
            default,
            min,
            max,
            keep,
            secret,
            answer: false,
        });
    }
    // A default may speak of facts only: parameters that wait for one another would have no order.
    let context = Context {
        names: facts::names_with(std::iter::empty()),
        ids: Vec::new(),
        index: 0,
        params: &[],
        answers: Vec::new(),
    };
    for (template, at, kind) in defaults {
        check_default(source, &context, &template, at, &kind);
    }
    params
}

pub(super) fn check_default(
    source: &mut Source<'_>,
    context: &Context<'_>,
    template: &Template,
    at: usize,
    kind: &ParamKind,
) {
    let written = template.expressions().next().is_none();
    let text = template.text(&Arc::default());
    match kind {
        ParamKind::Duration if written && parse_duration(&text).is_none() => {
            source.problem(
                at,
                format!("`{text}` is not a duration"),
                "a number with its unit, such as \"90s\"",
            );
        }
        ParamKind::Duration if written => {}
        ParamKind::Choice(choices) if written && !choices.contains(&text) => {
            source.problem(at, format!("`{text}` is not one of the choices"), choices.join(", "));
        }
        _ => context.check_template(source, template, at, kind.value_type()),
    }
}

fn param_kind(source: &mut Source<'_>, fields: &mut Fields<'_, '_>) -> Option<ParamKind> {
    let choices = fields.texts(source, "choices");
    let name = fields.required_text(source, "type", PARAM_TYPES)?;
    Some(match name.value.as_str() {
        "workload" => ParamKind::Workload,
        "pod" => ParamKind::Pod,
        "namespace" => ParamKind::Namespace,
        "node" => ParamKind::Node,
        "host" => ParamKind::Host,
        "revision" => ParamKind::Revision,
        "int" => ParamKind::Int,
        "string" => ParamKind::Text,
        "bool" => ParamKind::Bool,
        "duration" => ParamKind::Duration,
        "choice" if choices.is_empty() => {
            fields.missing(source, "choices", "a list of texts");
            return None;
        }
        "choice" => ParamKind::Choice(choices.into_iter().map(|choice| choice.value).collect()),
        thing if ParamKind::THINGS.contains(&thing) => {
            ParamKind::Thing(ParamKind::THINGS.into_iter().find(|known| *known == thing)?)
        }
        "database" => {
            source.problem(
                name.at,
                "there is no type `database`",
                "`postgres`, a database server of the platform",
            );
            return None;
        }
        other => {
            source.problem(name.at, format!("there is no type `{other}`"), PARAM_TYPES);
            return None;
        }
    })
}
