//! A shell in a container of a pod, through kubectl.

use crate::action::Class;
use crate::app::command::Command;
use crate::app::layers::{Choice, Picker, PickerFor, Question, QuestionFor};
use crate::app::msg::{Effect, ExecAsk};
use crate::app::{App, Layer};
use crate::keys::MUTATE;
use crate::model::{ContainerState, Kind, ObjectRef};

pub(super) const TABLE: &[Command] = &[Command {
    id: "action.exec",
    doc: "open a shell in a container of the pod, through kubectl",
    short: "shell",
    group: MUTATE,
    when: may_exec,
    run: pick,
}];

/// Whether a shell may be opened here now.
fn may_open(app: &App) -> Result<(), String> {
    app.may_mutate_object(Kind::Pod)?;
    let production = app.class().is_none_or(Class::is_production);
    match app.seat.exec {
        Some(false) => return Err("policy forbids it (exec = false)".to_owned()),
        None if production => {
            return Err("off in production: exec = true under [policy] allows it".to_owned());
        }
        _ => {}
    }
    match app.seat.freezes.iter().find(|f| f.holds(app.now)) {
        Some(freeze) => Err(format!("a freeze holds: {freeze}")),
        None => Ok(()),
    }
}

fn may_exec(app: &App) -> Result<(), String> {
    may_open(app)?;
    match app.subject() {
        Some(o) if o.kind == Kind::Pod => Ok(()),
        _ => Err("no pod is selected".to_owned()),
    }
}

fn pick(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.subject() else { return Vec::new() };
    let Some(pod) = app.world.pod(&object) else {
        return app.complain(format!("{object} is gone"));
    };
    let running = pod
        .containers
        .iter()
        .filter(|c| matches!(c.state, ContainerState::Running { .. }));
    let choices: Vec<Choice> = running
        .map(|c| Choice {
            value: c.name.to_string(),
            label: c.name.to_string(),
            hint: crate::panes::short_image(&c.image).to_owned(),
        })
        .collect();
    match choices.as_slice() {
        [] => app.complain("no container of it runs"),
        [one] => {
            let container = one.value.clone();
            ask(app, object, &container)
        }
        _ => {
            let picker = Picker::new("Shell in container", PickerFor::ExecContainer(object), choices);
            app.layers.push(Layer::Picker(picker));
            Vec::new()
        }
    }
}

/// Asks before the screen is given away: where, which pod, and what will be on record.
pub(super) fn ask(app: &mut App, pod: ObjectRef, container: &str) -> Vec<Effect> {
    if let Err(why) = may_open(app) {
        return app.complain(format!("shell: {why}"));
    }
    let Some(place) = app.place().cloned() else {
        return app.complain("shell: not connected to a cluster");
    };
    let badge = app.class().map_or("", Class::badge);
    let detail = format!(
        "{badge} · {} · {}/{} · container {container}. The screen is given to kubectl until the shell ends. What is typed \
         there is not recorded: only that it was opened, by whom, and how it ended.",
        place.context, pod.namespace, pod.name
    );
    let asked = app.now;
    let ask = ExecAsk {
        place,
        pod,
        container: container.to_owned(),
    };
    app.layers.push(Layer::Question(Question {
        text: format!("Open a shell in {}?", ask.pod.name),
        detail,
        yes: "Open".to_owned(),
        no: "Cancel".to_owned(),
        on_yes: false,
        purpose: QuestionFor::Exec(Box::new(ask), asked),
    }));
    Vec::new()
}

/// After the yes: the same conditions once more.
pub(super) fn begin(app: &mut App, ask: ExecAsk) -> Vec<Effect> {
    if let Err(why) = may_open(app) {
        return app.complain(format!("shell: {why}"));
    }
    if !app.place().is_some_and(|here| here.is_same_cluster(&ask.place)) {
        return app.complain("shell: the console went on to another cluster");
    }
    if app.world.pod(&ask.pod).is_none() {
        return app.complain(format!("shell: {} is gone", ask.pod));
    }
    vec![Effect::Exec(Box::new(ask))]
}
