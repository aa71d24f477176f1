//! Parameters of a run: given, proposed from facts, or fixed by use.

use super::{Effect, Recorded, Run};
use crate::action::Hidden;
use crate::runbook::cel::{self, Answer, Scope};
use crate::runbook::facts::{About, target_text};
use crate::runbook::format::{Param, ParamKind};
use crate::runbook::template::Template;
use crate::runbook::value::{Value, parse_duration};
use jiff::Timestamp;
use std::sync::Arc;

/// What is said of a parameter without a default.
const NOT_GIVEN: &str = "not chosen yet";

/// A parameter's value. What was not set follows its default, and so the facts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ParamState {
    /// Set by the operator or by use; no longer follows anything.
    pub(super) set: Option<Value>,
    /// What the default gives now.
    proposed: Option<Answer>,
    /// Of a secret one. It is in no scope, and so in no text.
    secret: Option<Hidden>,
}

/// A parameter as the panel shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamView {
    pub name: String,
    pub help: Option<String>,
    pub kind: ParamKind,
    pub value: Answer,
    /// It was set, not only proposed.
    pub set: bool,
    pub min: Option<i64>,
    pub max: Option<i64>,
    /// Its value is never shown; `value` only says whether there is one.
    pub secret: bool,
}

impl Run {
    /// Builds the scope of facts and parameters anew.
    pub(super) fn refresh_scope(&mut self) {
        let mut scope = Scope::default();
        self.facts.fill(&mut scope);
        let facts_only = Arc::new(scope.clone());
        let book = Arc::clone(&self.book);
        let open = |state: &ParamState| state.set.is_none();
        let sources: Vec<String> = book
            .params
            .iter()
            .zip(&self.params)
            .filter(|(_, state)| open(state))
            .flat_map(|(param, _)| param.default.iter().flat_map(Template::expressions))
            .map(|(source, _)| source.to_owned())
            .collect();
        let answers = cel::evaluate(&sources, &facts_only);
        let mut answers = answers.iter();
        for (param, state) in book.params.iter().zip(&mut self.params) {
            if state.set.is_none() {
                let proposed = match &param.default {
                    Some(default) => default.fill(&mut answers),
                    None => from_subject(param, &self.subject),
                };
                let proposed = match proposed {
                    Answer::Known(value) => match coerce(param, &value).map(|value| clamp(param, value)) {
                        Ok(value) => Answer::Known(value),
                        Err(why) => Answer::Unknown(why),
                    },
                    unknown @ Answer::Unknown(_) => unknown,
                };
                if let (true, Answer::Known(value)) = (param.keep, &proposed) {
                    state.set = Some(value.clone());
                }
                state.proposed = Some(proposed);
            }
            if param.secret {
                continue;
            }
            if param.answer {
                // Only a given answer is one: what is proposed was not said by anybody.
                match &state.set {
                    Some(value) => scope.known.insert(param.name.clone(), value.clone()).map(drop),
                    None => scope
                        .unknown
                        .insert(param.name.clone(), format!("{} is not answered", param.label()))
                        .map(drop),
                };
                continue;
            }
            match state.value() {
                Answer::Known(value) => {
                    scope.known.insert(format!("params.{}", param.name), value.clone());
                    scope.known.insert(param.name.clone(), value);
                }
                Answer::Unknown(why) => {
                    let why = format!("{}: {why}", param.label());
                    scope.unknown.insert(format!("params.{}", param.name), why.clone());
                    scope.unknown.insert(param.name.clone(), why);
                }
            }
        }
        for output in book.steps.iter().flat_map(|step| &step.outputs) {
            match self.outputs.get(&output.name) {
                Some(Answer::Known(value)) => scope.known.insert(output.name.clone(), value.clone()).map(drop),
                Some(Answer::Unknown(why)) => scope.unknown.insert(output.name.clone(), why.clone()).map(drop),
                None => scope
                    .unknown
                    .insert(output.name.clone(), "the step that gives it has not passed".to_owned())
                    .map(drop),
            };
        }
        self.scope = Arc::new(scope);
    }

    /// Hands on what the current step gives, now that it has passed with `text`.
    pub(super) fn hand_on(&mut self, text: &str, now: Timestamp, effects: &mut Vec<Effect>) {
        let book = Arc::clone(&self.book);
        let outputs = book.steps.get(self.current).map_or(&[][..], |step| &step.outputs);
        if outputs.is_empty() {
            return;
        }
        let mut scope = Scope::clone(&self.scope);
        scope.known.insert("result.text".to_owned(), Value::text(text));
        let result = self
            .result
            .iter()
            .map(|(name, value)| (format!("result.{name}"), value.clone()));
        scope.known.extend(result);
        let sources: Vec<String> = outputs.iter().map(|output| output.expression.clone()).collect();
        for (output, answer) in outputs.iter().zip(cel::evaluate(&sources, &Arc::new(scope))) {
            let told = match &answer {
                Answer::Known(value) => format!("{} = {value}", output.name),
                Answer::Unknown(why) => format!("{} is not known: {why}", output.name),
            };
            self.record(now, self.step_id(), Recorded::Decided, told, effects);
            self.outputs.insert(output.name.clone(), answer);
        }
        self.refresh_scope();
    }

    /// The value of a secret parameter, for the one place that may use it.
    pub(super) fn secret(&self, name: &str) -> Option<Hidden> {
        let index = self
            .book
            .params
            .iter()
            .position(|param| param.secret && param.name == name)?;
        self.params.get(index)?.secret.clone()
    }

    /// What was typed in secret does not outlive the run.
    pub(super) fn forget_secrets(&mut self) {
        for state in &mut self.params {
            state.secret = None;
        }
    }

    /// Every parameter that the operator may set, in the file's order.
    pub fn parameters(&self) -> Vec<ParamView> {
        let names = self.book.params.iter().filter(|param| !param.answer);
        names.filter_map(|param| self.param_view(&param.name)).collect()
    }

    /// Sets a parameter from text.
    pub(super) fn set_param(&mut self, name: &str, text: &str) -> Result<(), String> {
        let index = self.book.params.iter().position(|param| param.name == name);
        let found = index.and_then(|index| Some((self.book.params.get(index)?, self.params.get_mut(index)?)));
        let Some((param, state)) = found else {
            return Err(format!("there is no parameter `{name}`"));
        };
        if param.secret {
            state.secret = Some(Hidden::new(text)).filter(|_| !text.is_empty());
            return Ok(());
        }
        let value = coerce(param, &Value::text(text.trim()))?;
        if clamp(param, value.clone()) != value {
            return Err(format!("{} is {value}; expected {}", param.label(), bounds(param)));
        }
        state.set = Some(value);
        Ok(())
    }

    /// Fixes every parameter that these expressions name at its present value: what was planned or decided with it
    /// must not change behind the operator's back.
    pub(super) fn fix_params(&mut self, expressions: &[&str]) {
        let book = Arc::clone(&self.book);
        for (param, state) in book.params.iter().zip(&mut self.params) {
            let named = |expression: &&str| {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                expression
                    .split(|c| !word(c))
                    .any(|name| name == param.name || name.strip_prefix("params.") == Some(&param.name))
            };
            if state.set.is_none()
                && expressions.iter().any(named)
                && let Some(Answer::Known(value)) = &state.proposed
            {
                state.set = Some(value.clone());
            }
        }
    }

    pub(super) fn param_view(&self, name: &str) -> Option<ParamView> {
        let index = self.book.params.iter().position(|param| param.name == name)?;
        let (param, state) = (self.book.params.get(index)?, self.params.get(index)?);
        Some(ParamView {
            name: param.name.clone(),
            help: param.help.clone(),
            kind: param.kind.clone(),
            value: match &state.secret {
                _ if !param.secret => state.value(),
                Some(_) => Answer::Known(Value::text("(set, not shown)")),
                None => Answer::Unknown("not typed yet".to_owned()),
            },
            set: state.set.is_some() || state.secret.is_some(),
            min: param.min,
            max: param.max,
            secret: param.secret,
        })
    }
}

impl ParamState {
    fn value(&self) -> Answer {
        match (&self.set, &self.proposed) {
            (Some(value), _) => Answer::Known(value.clone()),
            (None, Some(proposed)) => proposed.clone(),
            (None, None) => Answer::Unknown(NOT_GIVEN.to_owned()),
        }
    }
}

/// A parameter without a default takes what the run is about.
fn from_subject(param: &Param, subject: &crate::runbook::facts::Subject) -> Answer {
    let object = match param.kind {
        ParamKind::Workload => subject.workload.as_ref(),
        ParamKind::Pod => subject.pod.as_ref(),
        ParamKind::Thing(kind) => {
            let target = subject.about.as_ref().and_then(About::target);
            return target.filter(|target| is_thing(kind, target)).map_or_else(
                || Answer::Unknown(format!("the run is about no {kind}")),
                |target| Answer::Known(Value::Text(target)),
            );
        }
        ParamKind::Node => {
            return match &subject.about {
                Some(About::Node(node)) => Answer::Known(Value::Text(format!("node/{}", node.name))),
                _ => Answer::Unknown("the run is about no node".to_owned()),
            };
        }
        ParamKind::Host => {
            return match &subject.about {
                Some(About::Endpoint { address, .. }) => {
                    let host = address.rsplit_once(':').map_or(&**address, |(host, _)| host);
                    Answer::Known(Value::text(host))
                }
                _ => Answer::Unknown("the run is about no host".to_owned()),
            };
        }
        ParamKind::Namespace => {
            let object = subject.workload.as_ref().or(subject.pod.as_ref());
            return object.map_or_else(
                || Answer::Unknown("the run is about no object".to_owned()),
                |object| Answer::Known(Value::text(&*object.namespace)),
            );
        }
        _ => return Answer::Unknown(NOT_GIVEN.to_owned()),
    };
    object.map_or_else(
        || Answer::Unknown("the run is about no such object".to_owned()),
        |object| Answer::Known(Value::Text(target_text(object))),
    )
}

/// Whether a target is written as one of that kind.
fn is_thing(kind: &str, target: &str) -> bool {
    target
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|rest| !rest.is_empty())
}

/// A value as the parameter's type, or why not.
fn coerce(param: &Param, value: &Value) -> Result<Value, String> {
    let wrong = |expected: &str| Err(format!("{} is {value}; expected {expected}", param.label()));
    match (&param.kind, value) {
        (ParamKind::Int | ParamKind::Revision | ParamKind::Duration, Value::Int(_))
        | (ParamKind::Bool, Value::Bool(_)) => Ok(value.clone()),
        (ParamKind::Int | ParamKind::Revision, Value::Text(text)) => match text.parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => wrong("a whole number"),
        },
        (ParamKind::Int | ParamKind::Revision, _) => wrong("a whole number"),
        (ParamKind::Duration, Value::Text(text)) => match parse_duration(text) {
            Some(seconds) => Ok(Value::Int(seconds)),
            None => wrong("a duration such as 90s or 2m"),
        },
        (ParamKind::Duration, _) => wrong("a duration such as 90s or 2m"),
        (ParamKind::Bool, Value::Text(text)) => match text.as_str() {
            "yes" | "true" => Ok(Value::Bool(true)),
            "no" | "false" => Ok(Value::Bool(false)),
            _ => wrong("yes or no"),
        },
        (ParamKind::Bool, _) => wrong("yes or no"),
        (ParamKind::Choice(choices), _) => {
            let text = value.to_string();
            if choices.contains(&text) {
                Ok(Value::Text(text))
            } else {
                wrong(&choices.join(", "))
            }
        }
        (ParamKind::Workload | ParamKind::Pod, _) => {
            let text = value.to_string();
            if text.split('/').filter(|part| !part.is_empty()).count() == 3 {
                Ok(Value::Text(text))
            } else {
                wrong("kind/namespace/name")
            }
        }
        (ParamKind::Node, _) => {
            let text = value.to_string();
            if is_thing("node", &text) {
                Ok(Value::Text(text))
            } else {
                wrong("node/NAME")
            }
        }
        (ParamKind::Host, _) => {
            let text = value.to_string();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            if !text.is_empty() && text.chars().all(fits) {
                Ok(Value::Text(text))
            } else {
                wrong("a host name")
            }
        }
        (ParamKind::Thing(kind), _) => {
            let text = value.to_string();
            if is_thing(kind, &text) {
                Ok(Value::Text(text))
            } else {
                wrong(&format!("{kind}/…"))
            }
        }
        (ParamKind::Namespace | ParamKind::Text, _) => Ok(Value::Text(value.to_string())),
    }
}

/// A proposal beyond the bounds is brought to the nearest; what the operator types is refused instead.
fn clamp(param: &Param, value: Value) -> Value {
    match value {
        Value::Int(number) => {
            let low = number.max(param.min.unwrap_or(i64::MIN));
            Value::Int(low.min(param.max.unwrap_or(i64::MAX)))
        }
        other => other,
    }
}

fn bounds(param: &Param) -> String {
    match (param.min, param.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "another value".to_owned(),
    }
}
