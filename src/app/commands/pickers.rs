//! The keys of lists to choose from, and what becomes of the choice.

use super::{actions, logs};
use crate::app::command::{Command, always};
use crate::app::layers::PickerFor;
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::model::Scope;
use crate::runbook::facts::Subject;

const G: &str = "Dialogs";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "picker.accept",
        doc: "take the choice",
        short: "take",
        group: G,
        when: always,
        run: picked,
    },
    Command {
        id: "picker.cancel",
        doc: "choose nothing",
        short: "cancel",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "picker.down",
        doc: "next choice",
        short: "down",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Picker(p)) = app.layers.last_mut() {
                p.step(1);
            }
            Vec::new()
        },
    },
    Command {
        id: "picker.up",
        doc: "previous choice",
        short: "up",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Picker(p)) = app.layers.last_mut() {
                p.step(-1);
            }
            Vec::new()
        },
    },
    Command {
        id: "picker.mark",
        doc: "mark the choice: several may be taken",
        short: "mark",
        group: G,
        when: always,
        run: mark,
    },
];

fn mark(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Picker(p)) = app.layers.last_mut()
        && p.purpose == PickerFor::Namespaces
        && let Some(value) = p.selected().map(|c| c.value.clone())
    {
        if !p.marked.remove(&value) {
            p.marked.insert(value);
        }
        p.step(1);
    }
    Vec::new()
}

fn picked(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Picker(picker)) = app.layers.pop() else {
        return Vec::new();
    };
    let value = picker.selected().map(|c| c.value.clone());
    match picker.purpose {
        PickerFor::Context => match value {
            Some(context) => {
                app.say(format!("switching to {context}"));
                vec![Effect::Connect {
                    context: Some(context),
                    scope: None,
                }]
            }
            None => Vec::new(),
        },
        PickerFor::Namespaces => {
            let typed = picker.field.text().trim().to_owned();
            let mut names: Vec<String> = picker.marked.iter().filter(|n| *n != "*").cloned().collect();
            match value {
                Some(v) if v == "*" && picker.field.is_empty() => names.clear(),
                Some(v) if !picker.field.is_empty() || names.is_empty() => names = vec![v],
                None if !typed.is_empty() => names = vec![typed],
                _ => {}
            }
            let scope = if names.is_empty() {
                Scope::All
            } else {
                Scope::Namespaces(names)
            };
            let context = app.place().map(|p| p.context.clone());
            vec![Effect::Connect {
                context,
                scope: Some(scope),
            }]
        }
        PickerFor::LogContainer => {
            let container = value.filter(|v| !v.is_empty());
            logs::reopen(app, |q| q.container.clone_from(&container))
        }
        PickerFor::ImageContainer(target) => match value {
            Some(container) => actions::ask_image(app, target, &container),
            None => Vec::new(),
        },
        PickerFor::Runbook(subject) => match (value, subject) {
            (Some(book), Some(object)) => {
                let subject = Subject::of(&app.world, &object);
                app.start_run(&book, subject)
            }
            (Some(_), None) => app.complain("select the object that the runbook is for first"),
            _ => Vec::new(),
        },
    }
}
