//! Changing a value that a run works with: which one, and from what list or in what words.

use super::runbooks::entry;
use crate::app::layers::{Choice, Picker, PickerFor, Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::runbook::cel::Answer;

/// The one parameter that the step speaks of, else a choice among all of the run.
pub(super) fn edit(app: &mut App) -> Vec<Effect> {
    let Some(entry) = entry(app) else { return Vec::new() };
    let run = entry.number;
    let mut params = entry.run.shown().params.clone();
    if let [only] = params.as_slice() {
        let name = only.name.clone();
        return edit_param(app, run, &name);
    }
    for param in entry.run.parameters() {
        if !params.iter().any(|known| known.name == param.name) {
            params.push(param);
        }
    }
    let choices = params.iter().map(|param| Choice {
        value: param.name.clone(),
        label: param.name.clone(),
        hint: match &param.value {
            Answer::Known(value) => value.to_string(),
            Answer::Unknown(why) => format!("? ({why})"),
        },
    });
    let picker = Picker::new("Change", PickerFor::RunParams { run }, choices.collect());
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}

/// A list of what there is, where the type has one; else a line to type.
pub(super) fn edit_param(app: &mut App, run: u64, name: &str) -> Vec<Effect> {
    let Some(entry) = app.runs.iter().find(|r| r.number == run) else {
        return Vec::new();
    };
    let mut all = entry.run.shown().params.clone();
    all.extend(entry.run.parameters());
    let Some(param) = all.into_iter().find(|param| param.name == name) else {
        return Vec::new();
    };
    let name = param.name.clone();
    let label = param
        .help
        .clone()
        .unwrap_or_else(|| name.trim_start_matches("out.").to_owned());
    if let Some(choices) = app.param_choices(&entry.run, &param.kind) {
        let mut choices = choices;
        let proposed = match &param.value {
            Answer::Known(value) if !param.secret => Some(value.to_string()),
            _ => None,
        };
        // What is proposed may lie outside of what is looked at.
        if let Some(value) = proposed.clone().filter(|v| choices.iter().all(|c| c.value != *v)) {
            choices.insert(
                0,
                Choice {
                    label: value.clone(),
                    value,
                    hint: "proposed".to_owned(),
                },
            );
        }
        let note = match choices.len() {
            0 => "nothing of that kind is known now; type it",
            _ => "another one can be typed",
        };
        let mut picker = Picker::new(&label, PickerFor::RunParam { run, name }, choices);
        note.clone_into(&mut picker.note);
        if let Some(value) = proposed {
            picker.cursor = picker.choices.iter().position(|c| c.value == value).unwrap_or(0);
        }
        app.layers.push(Layer::Picker(picker));
        return Vec::new();
    }
    let now = match &param.value {
        Answer::Known(value) if !param.secret => value.to_string(),
        _ => String::new(),
    };
    let hint = match (param.secret, param.min, param.max) {
        (true, ..) => "not shown, not recorded, forgotten when the run ends".to_owned(),
        (_, Some(a), Some(b)) => format!("from {a} to {b}"),
        _ => String::new(),
    };
    let secret = param.secret;
    let mut prompt = Prompt::new(PromptFor::RunAnswer { run, name, secret }, label, hint, "");
    prompt.field.set(&now);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}
