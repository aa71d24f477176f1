//! Opening objects: detail, YAML, events, owner, related ones, history.

use crate::app::command::Command;
use crate::app::doc::Scroll;
use crate::app::jumps::Jump;
use crate::app::layers::{Content, Detail, DiffAgainst, History, ItemView, TextView};
use crate::app::msg::{Effect, Fetch};
use crate::app::{App, ItemRef, Layer, Row};
use crate::model::{Kind, ObjectRef};
use crate::panes::PaneId;

const G: &str = "Objects";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "object.yaml",
        doc: "show the object as YAML, without managedFields",
        short: "yaml",
        group: G,
        when: has_object,
        run: yaml,
    },
    Command {
        id: "object.events",
        doc: "show what happened to the object",
        short: "events",
        group: G,
        when: has_object,
        run: events,
    },
    Command {
        id: "object.owner",
        doc: "go to the workload that owns the pod",
        short: "owner",
        group: G,
        when: has_workload,
        run: owner,
    },
    Command {
        id: "rollout.pods",
        doc: "show the pods of the workload",
        short: "pods",
        group: G,
        when: has_workload,
        run: pods,
    },
    Command {
        id: "rollout.history",
        doc: "show the revisions, and what differs between them",
        short: "history",
        group: G,
        when: has_workload,
        run: history,
    },
    Command {
        id: "history.against",
        doc: "compare with the current revision, or with the one before",
        short: "compare",
        group: G,
        when: in_history,
        run: against,
    },
];

fn has_object(app: &App) -> Result<(), String> {
    match app.subject() {
        Some(o) if o.kind == Kind::Event => Err(format!(
            "open what the event is about first ({})",
            app.keys_for("list.open")
        )),
        Some(_) => Ok(()),
        None => Err("nothing is selected".to_owned()),
    }
}

fn has_workload(app: &App) -> Result<(), String> {
    app.subject_workload()
        .map(|_| ())
        .ok_or_else(|| "no Deployment, StatefulSet or DaemonSet is selected".to_owned())
}

fn in_history(app: &App) -> Result<(), String> {
    if matches!(app.layers.last(), Some(Layer::History(_))) {
        Ok(())
    } else {
        Err("only in a history".to_owned())
    }
}

/// Opens the selected row: its detail; for an event, the object that it is about.
pub(super) fn open_selected(app: &mut App) -> Vec<Effect> {
    let Some(row) = app.list(app.pane).selected().cloned() else {
        return app.say("there is nothing to open");
    };
    if let Row::Item(item) = &row {
        if item.what == ItemRef::Line {
            return app.say("there is no more to this line");
        }
        if let ItemRef::Object(object) = &item.what {
            app.layers.push(Layer::Detail(Detail::new(object.clone(), false)));
            return Vec::new();
        }
        // Of these there is nothing to say but how they went.
        if matches!(
            item.what,
            ItemRef::Slo { .. } | ItemRef::Service { .. } | ItemRef::Host { .. }
        ) {
            return super::charts::open(app);
        }
        app.layers.push(Layer::Item(ItemView::new(app.pane, item.what.clone())));
        return Vec::new();
    }
    if let Row::Event(e) = &row
        && let Some(certificate) = app.certificate_of(e)
    {
        return app.jump(Jump::Item(PaneId::Certificates, certificate));
    }
    let Some(object) = app.object_of(&row) else {
        return app.say(match &row {
            Row::Event(e) => format!("the console does not show a {}", e.about_kind),
            _ => "this row has no detail".to_owned(),
        });
    };
    app.layers.push(Layer::Detail(Detail::new(object, false)));
    Vec::new()
}

/// Goes to the object; one can come back.
pub(super) fn show(app: &mut App, object: &ObjectRef) -> Vec<Effect> {
    app.jump(Jump::Object(object.clone()))
}

fn yaml(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.subject() else { return Vec::new() };
    let token = app.next_token();
    app.layers.push(Layer::Text(TextView {
        title: format!("{object} · yaml"),
        object: Some(object.clone()),
        content: Content::Loading(token),
        scroll: Scroll::default(),
        yaml: true,
    }));
    vec![Effect::Fetch(token, Fetch::Yaml(object))]
}

fn events(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.subject() else { return Vec::new() };
    if let Some(Layer::Detail(d)) = app.layers.last_mut() {
        d.events_first = true;
        d.scroll.top = 0;
        return Vec::new();
    }
    app.layers.push(Layer::Detail(Detail::new(object, true)));
    Vec::new()
}

fn owner(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.subject_workload().map(|w| w.meta.object(w.kind)) else {
        return Vec::new();
    };
    show(app, &object)
}

fn pods(app: &mut App) -> Vec<Effect> {
    match app.subject_workload().map(|w| app.pods_of_workload(w)) {
        Some(pods) => app.jump(pods),
        None => Vec::new(),
    }
}

/// Opens the history of a workload.
pub(super) fn open_history(app: &mut App, object: ObjectRef) -> Vec<Effect> {
    let token = app.next_token();
    app.layers.push(Layer::History(History::new(object.clone(), token)));
    vec![Effect::Fetch(token, Fetch::History(object))]
}

fn history(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.subject_workload().map(|w| w.meta.object(w.kind)) else {
        return Vec::new();
    };
    open_history(app, object)
}

fn against(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::History(h)) = app.layers.last_mut() {
        h.against = match h.against {
            DiffAgainst::Current => DiffAgainst::Previous,
            DiffAgainst::Previous => DiffAgainst::Current,
        };
        h.scroll.top = 0;
    }
    Vec::new()
}
