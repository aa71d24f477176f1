//! Logs of pods, workloads and label selectors.

use crate::app::command::Command;
use crate::app::layers::{Choice, Logs, Picker, PickerFor, Prompt, PromptFor};
use crate::app::msg::{Effect, LogQuery, LogTarget};
use crate::app::{App, Layer};
use crate::model::Kind;

const G: &str = "Logs";

/// Lines asked for at first.
const TAIL: u32 = 500;

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "pod.logs",
        doc: "follow the logs of the pod",
        short: "logs",
        group: G,
        when: has_pod,
        run: |app| pod_logs(app, false),
    },
    Command {
        id: "pod.previous_logs",
        doc: "show the logs of the pod's previous containers",
        short: "previous logs",
        group: G,
        when: has_pod,
        run: |app| pod_logs(app, true),
    },
    Command {
        id: "rollout.logs",
        doc: "follow the logs of all pods of the workload, as they come and go",
        short: "logs",
        group: G,
        when: has_workload,
        run: workload_logs,
    },
    Command {
        id: "logs.labels",
        doc: "follow the logs of all pods with certain labels",
        short: "logs by label",
        group: G,
        when: connected,
        run: ask_labels,
    },
    Command {
        id: "logs.follow",
        doc: "follow the end, or stay where you are",
        short: "follow",
        group: G,
        when: in_logs,
        run: |app| {
            edit(app, |l| {
                l.follow = !l.follow;
                if l.follow {
                    l.scroll.end();
                }
            })
        },
    },
    Command {
        id: "logs.previous",
        doc: "switch between this and the previous run of the containers",
        short: "previous",
        group: G,
        when: in_logs,
        run: previous,
    },
    Command {
        id: "logs.container",
        doc: "choose a container, or all",
        short: "container",
        group: G,
        when: in_logs,
        run: containers,
    },
    Command {
        id: "logs.timestamps",
        doc: "show or hide the server's timestamps",
        short: "times",
        group: G,
        when: in_logs,
        run: |app| edit(app, |l| l.timestamps = !l.timestamps),
    },
    Command {
        id: "logs.json",
        doc: "lay JSON lines out, or show them as they are",
        short: "json",
        group: G,
        when: in_logs,
        run: |app| edit(app, |l| l.json = !l.json),
    },
    Command {
        id: "logs.only",
        doc: "show only lines that hold a text",
        short: "only",
        group: G,
        when: in_logs,
        run: only,
    },
    Command {
        id: "logs.clear",
        doc: "forget the lines read so far",
        short: "clear",
        group: G,
        when: in_logs,
        run: |app| edit(app, Logs::clear),
    },
];

fn has_pod(app: &App) -> Result<(), String> {
    match app.subject() {
        Some(o) if o.kind == Kind::Pod => Ok(()),
        _ => Err("no pod is selected".to_owned()),
    }
}

fn has_workload(app: &App) -> Result<(), String> {
    app.subject_workload()
        .map(|_| ())
        .ok_or_else(|| "no workload is selected".to_owned())
}

fn connected(app: &App) -> Result<(), String> {
    app.place()
        .map(|_| ())
        .ok_or_else(|| "not connected to a cluster".to_owned())
}

fn in_logs(app: &App) -> Result<(), String> {
    if matches!(app.layers.last(), Some(Layer::Logs(_))) {
        Ok(())
    } else {
        Err("only in logs".to_owned())
    }
}

fn edit(app: &mut App, change: impl Fn(&mut Logs)) -> Vec<Effect> {
    if let Some(Layer::Logs(logs)) = app.layers.last_mut() {
        change(logs);
    }
    Vec::new()
}

/// Opens a log view.
pub(crate) fn open(app: &mut App, title: String, query: LogQuery) -> Vec<Effect> {
    let token = app.next_token();
    app.layers.push(Layer::Logs(Logs::new(title, token, query.clone())));
    vec![Effect::OpenLogs(token, query)]
}

fn pod_logs(app: &mut App, previous: bool) -> Vec<Effect> {
    let Some(pod) = app.subject() else { return Vec::new() };
    let title = format!("{pod}");
    // Of a container that crashes, what it said last is in the run before.
    open(
        app,
        title,
        LogQuery {
            target: LogTarget::Pod(pod),
            container: None,
            previous,
            tail: TAIL,
        },
    )
}

fn workload_logs(app: &mut App) -> Vec<Effect> {
    let Some(w) = app.subject_workload() else {
        return Vec::new();
    };
    let title = w.meta.object(w.kind).to_string();
    let target = LogTarget::Workload {
        namespace: w.meta.namespace.clone(),
        name: w.meta.name.clone(),
        kind: w.kind,
        selector: w.selector.clone(),
    };
    open(
        app,
        title,
        LogQuery {
            target,
            container: None,
            previous: false,
            tail: 100,
        },
    )
}

fn ask_labels(app: &mut App) -> Vec<Effect> {
    let text = app.subject_workload().map(|w| w.selector.query()).unwrap_or_default();
    let mut prompt = Prompt::new(
        PromptFor::LogLabels,
        "Logs of pods with labels",
        "as kubectl -l takes them: app=web,tier!=cache",
        "",
    );
    prompt.field.set(&text);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// Opens the stream anew with another query, in the same view.
pub(super) fn reopen(app: &mut App, change: impl Fn(&mut LogQuery)) -> Vec<Effect> {
    let token = app.next_token();
    let Some(Layer::Logs(logs)) = app.layers.last_mut() else {
        return Vec::new();
    };
    let old = std::mem::replace(&mut logs.token, token);
    change(&mut logs.query);
    logs.clear();
    logs.ended = None;
    logs.follow = true;
    let query = logs.query.clone();
    vec![Effect::CloseLogs(old), Effect::OpenLogs(token, query)]
}

fn previous(app: &mut App) -> Vec<Effect> {
    reopen(app, |q| q.previous = !q.previous)
}

fn containers(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Logs(logs)) = app.layers.last() else {
        return Vec::new();
    };
    let mut names = logs.containers.clone();
    if let LogTarget::Pod(pod) = &logs.query.target
        && let Some(pod) = app.world.pod(pod)
    {
        names = pod.containers.iter().map(|c| c.name.to_string()).collect();
    }
    let mut choices = vec![Choice {
        value: String::new(),
        label: "all containers".to_owned(),
        hint: String::new(),
    }];
    choices.extend(names.into_iter().map(|n| Choice {
        value: n.clone(),
        label: n,
        hint: String::new(),
    }));
    app.layers.push(Layer::Picker(Picker::new(
        "Container",
        PickerFor::LogContainer,
        choices,
    )));
    Vec::new()
}

fn only(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Logs(logs)) = app.layers.last() else {
        return Vec::new();
    };
    let text = logs.only.clone();
    let mut prompt = Prompt::new(PromptFor::LogFilter, "only lines with", "", "");
    prompt.field.set(&text);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}
