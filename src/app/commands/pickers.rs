//! The keys of lists to choose from, and what becomes of the choice.

use super::{actions, cluster, logs};
use crate::app::command::{Command, always};
use crate::app::layers::{Choice, Picker, PickerFor};
use crate::app::msg::{ContextRow, Effect};
use crate::app::{App, Layer};
use crate::model::{Scope, namespace_name};
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
        run: |app| match app.layers.last() {
            Some(Layer::Picker(Picker {
                purpose: PickerFor::Theme { was },
                ..
            })) => {
                let was = was.clone();
                app.layers.pop();
                app.theme_not_chosen(was)
            }
            _ => app.pop_layer(),
        },
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
            app.preview_theme()
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
            app.preview_theme()
        },
    },
    Command {
        id: "picker.mark",
        doc: "mark the choice: several may be taken",
        short: "mark",
        group: G,
        when: takes_several,
        run: mark,
    },
];

fn takes_several(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Picker(p)) if matches!(p.purpose, PickerFor::Namespaces | PickerFor::Columns) => Ok(()),
        _ => Err("only one is taken here".to_owned()),
    }
}

fn mark(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Picker(p)) = app.layers.last_mut() {
        p.mark();
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
                let rows = app.contexts.as_ref().and_then(|c| c.as_ref().ok());
                // The platform that is open: there is nowhere to go.
                if rows.is_some_and(|r| r.iter().any(|c| c.name == context && c.platform && c.current)) {
                    return Vec::new();
                }
                // A context of the kubeconfig goes before a platform of that name.
                let named = |platform: bool| {
                    rows.is_some_and(|r| r.iter().any(|c| c.name == context && c.platform == platform))
                };
                let platform = named(true) && !named(false);
                app.depart(context, platform)
            }
            None => Vec::new(),
        },
        PickerFor::Namespaces => {
            let names: Vec<String> = match value {
                _ if picker.chose => picker.marked.iter().cloned().collect(),
                Some(one) => vec![one],
                None => picker.typed(),
            };
            if let Some(why) = names.iter().find_map(|n| no_namespace(app, n)) {
                app.layers.push(Layer::Picker(picker));
                return app.complain(why);
            }
            let scope = if names.is_empty() || names.iter().any(|n| n == "*") {
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
        PickerFor::Columns => super::finding::take_columns(app, &picker),
        PickerFor::Sort => super::finding::take_sort(app, &value.unwrap_or_default()),
        PickerFor::Jump { to, .. } => {
            let at = value.and_then(|v| v.parse::<usize>().ok());
            match at.and_then(|at| to.into_iter().nth(at)) {
                Some(jump) => app.jump(jump),
                None => Vec::new(),
            }
        }
        PickerFor::Theme { .. } => app.theme_chosen(value),
        PickerFor::Incident(pick) => match value {
            Some(value) => super::incident_asks::chosen(app, pick, &value),
            None => Vec::new(),
        },
        PickerFor::LogContainer => {
            let container = value.filter(|v| !v.is_empty());
            logs::reopen(app, |q| q.container.clone_from(&container))
        }
        PickerFor::ExecContainer(pod) => match value {
            Some(container) => super::exec::ask(app, pod, &container),
            None => Vec::new(),
        },
        PickerFor::CopyCell => match value {
            Some(text) => app.copy("cell", text),
            None => Vec::new(),
        },
        PickerFor::ImageContainer(target) => match value {
            Some(container) => actions::ask_image(app, target, &container),
            None => Vec::new(),
        },
        PickerFor::RunParams { run } => match value {
            Some(name) => super::run_params::edit_param(app, run, &name),
            None => Vec::new(),
        },
        PickerFor::RunParam { run, name } => {
            let text = value.unwrap_or_else(|| picker.field.text().trim().to_owned());
            app.run_event(run, crate::runbook::engine::Event::SetParam { name, text })
        }
        PickerFor::ResourcesContainer(target) => match value {
            Some(container) => cluster::ask_resources(app, target, &container),
            None => Vec::new(),
        },
        PickerFor::Offer { offer, offered, .. } => {
            let at = value.and_then(|v| v.parse::<usize>().ok());
            match at.and_then(|at| offered.into_iter().nth(at)) {
                Some(picked) => cluster::chosen(app, offer, picked),
                None => Vec::new(),
            }
        }
        PickerFor::SecretValue { target, key } => match value {
            Some(value) => cluster::value_chosen(app, target, key, &value),
            None => Vec::new(),
        },
        PickerFor::Resume => match value.and_then(|v| v.parse().ok()) {
            Some(number) => app.show_run(number),
            None => Vec::new(),
        },
        PickerFor::BestRunbook { subject, cause } => match (value, subject) {
            (Some(value), _) if value.is_empty() => app.start_on_cause(cause.as_ref()),
            (Some(book), Some(subject)) => app.start_run(&book, *subject),
            _ => Vec::new(),
        },
        PickerFor::Runbook(subject) => match (value, subject) {
            (Some(book), Some(subject)) => app.start_run(&book, *subject),
            // Some are about no one thing.
            (Some(book), None) if book == "incident-response" => app.start_run(&book, Subject::default()),
            (Some(_), None) => app.complain("select what the runbook is for first"),
            _ => Vec::new(),
        },
    }
}

pub(super) fn pick_context(app: &mut App) -> Vec<Effect> {
    let mut picker = Picker::new("Context", PickerFor::Context, Vec::new());
    "reading the kubeconfig".clone_into(&mut picker.note);
    app.layers.push(Layer::Picker(picker));
    vec![Effect::ListContexts]
}

pub(super) fn pick_namespaces(app: &mut App) -> Vec<Effect> {
    let choices = namespace_choices(app);
    let title = format!("Namespaces  ({} marks several)", app.keys_for("picker.mark"));
    let mut picker = Picker::new(&title, PickerFor::Namespaces, choices);
    if let Some(Scope::Namespaces(list)) = app.place().map(|p| &p.scope) {
        picker.marked = list.iter().cloned().collect();
    }
    "type names, with commas between several; the list follows when you may list namespaces"
        .clone_into(&mut picker.note);
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}

/// The picker on top, if it is for this.
fn picker_for<'a>(app: &'a mut App, purpose: &PickerFor) -> Option<&'a mut Picker> {
    match app.layers.last_mut() {
        Some(Layer::Picker(picker)) if picker.purpose == *purpose => Some(picker),
        _ => None,
    }
}

/// The contexts were read: the picker that waits for them shows them.
pub(crate) fn fill_contexts(app: &mut App) {
    app.refresh_palette();
    let contexts = app.contexts.clone();
    let choices: Vec<Choice> = match &contexts {
        Some(Ok(rows)) => rows.iter().map(|row| context_choice(app, row)).collect(),
        _ => Vec::new(),
    };
    let (Some(picker), Some(contexts)) = (picker_for(app, &PickerFor::Context), contexts) else {
        return;
    };
    match contexts {
        Ok(rows) => {
            picker.choices = choices;
            let note = if rows.is_empty() {
                "the kubeconfig names no context"
            } else {
                ""
            };
            note.clone_into(&mut picker.note);
        }
        Err(why) => picker.note = why,
    }
    app.dirty = true;
}

fn context_choice(app: &App, c: &ContextRow) -> Choice {
    let mut hint: Vec<String> = Vec::new();
    if c.platform {
        hint.push("platform".to_owned());
        hint.extend(Some(c.class.clone()).filter(|class| !class.is_empty()));
        if !c.current
            && let Some(sister) = app.seat.fleet.iter().find(|s| s.name == c.name)
        {
            hint.push(sister.state.words());
        }
    } else {
        hint.push(c.cluster.clone());
    }
    hint.extend(Some(c.namespace.clone()).filter(|n| !n.is_empty()));
    hint.extend(c.current.then(|| "current".to_owned()));
    Choice {
        value: c.name.clone(),
        label: c.name.clone(),
        hint: hint.join(" · "),
    }
}

/// Namespaces came or went: the picker that is open follows, with the cursor on its choice.
pub(crate) fn fill_namespaces(app: &mut App) {
    if picker_for(app, &PickerFor::Namespaces).is_none() {
        return;
    }
    let choices = namespace_choices(app);
    if let Some(picker) = picker_for(app, &PickerFor::Namespaces)
        && picker.choices != choices
    {
        let under = picker.selected().map(|c| c.value.clone());
        picker.choices = choices;
        let at = picker.shown().iter().position(|c| Some(&c.value) == under.as_ref());
        picker.cursor = at.unwrap_or(0);
        app.dirty = true;
    }
}

/// Why there is nothing of that name to look at. Where namespaces may not be listed, the server will say.
fn no_namespace(app: &App, name: &str) -> Option<String> {
    if name == "*" {
        return None;
    }
    namespace_name(name).err().or_else(|| {
        app.lacks_namespace(name)
            .then(|| format!("there is no namespace {name} on this cluster"))
    })
}

/// Namespaces that are known: listed, or seen on objects.
fn namespace_choices(app: &App) -> Vec<Choice> {
    let mut names: Vec<String> = app.world.namespaces.keys().map(|k| k.name.to_string()).collect();
    names.extend(app.world.pods.keys().map(|k| k.namespace.to_string()));
    if let Some(Scope::Namespaces(list)) = app.place().map(|p| &p.scope) {
        names.extend(list.iter().cloned());
    }
    names.sort();
    names.dedup();
    let mut choices = vec![Choice {
        value: "*".to_owned(),
        label: "all namespaces".to_owned(),
        hint: "needs cluster scope".to_owned(),
    }];
    choices.extend(names.into_iter().map(|n| Choice {
        value: n.clone(),
        label: n,
        hint: String::new(),
    }));
    choices
}
