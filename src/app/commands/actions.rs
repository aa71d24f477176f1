//! What changes something. Each command only asks for a plan: the pipeline does the rest.

use super::bulk;
use crate::action::{Request, RollbackTo};
use crate::app::command::Command;
use crate::app::layers::{Choice, Picker, PickerFor, Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::seat::Doing;
use crate::app::{App, Layer};
use crate::keys::MUTATE;
use crate::model::{Kind, ObjectRef};

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "action.scale",
        doc: "change the number of replicas",
        short: "scale",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::scale, scalable),
        run: scale,
    },
    Command {
        id: "action.restart",
        doc: "restart the pods one after another (rollout restart)",
        short: "restart",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::restart, workload),
        run: |app| bulk::run(app, bulk::restart, restart),
    },
    Command {
        id: "action.rollback",
        doc: "go back to a revision that you choose; marked workloads together",
        short: "roll back",
        group: MUTATE,
        when: workload_or_marks,
        run: rollback,
    },
    Command {
        id: "action.set_image",
        doc: "set a container's image",
        short: "set image",
        group: MUTATE,
        when: workload,
        run: set_image,
    },
    Command {
        id: "action.pause",
        doc: "pause the rollout, or resume it",
        short: "pause",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::pause, deployment),
        run: |app| bulk::run(app, bulk::pause, pause),
    },
    Command {
        id: "action.hpa_bounds",
        doc: "change the autoscaler's minimum and maximum",
        short: "HPA bounds",
        group: MUTATE,
        when: with_hpa,
        run: hpa_bounds,
    },
    Command {
        id: "action.delete_pod",
        doc: "delete the pod (disruption budgets are not asked)",
        short: "delete pod",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::delete_pod, pod),
        run: |app| bulk::run(app, bulk::delete_pod, delete_pod),
    },
    Command {
        id: "action.evict_pod",
        doc: "evict the pod (disruption budgets are asked)",
        short: "evict pod",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::evict_pod, pod),
        run: |app| bulk::run(app, bulk::evict_pod, evict_pod),
    },
    Command {
        id: "action.undo",
        doc: "plan the undo of the newest change that offers one",
        short: "undo",
        group: MUTATE,
        when: undoable,
        run: undo,
    },
];

fn workload(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    let w = app
        .subject_workload()
        .ok_or("no Deployment, StatefulSet or DaemonSet is selected")?;
    app.may_mutate_object(w.kind)
}

fn workload_or_marks(app: &App) -> Result<(), String> {
    if app.layers.is_empty() {
        let marks = app
            .list(app.pane)
            .marks
            .values()
            .filter_map(|m| Some(m.object.as_ref()?.kind));
        let mut kinds = marks.filter(|kind| Kind::WORKLOADS.contains(kind)).peekable();
        if kinds.peek().is_some() {
            return kinds.try_for_each(|kind| app.may_mutate_object(kind));
        }
    }
    workload(app)
}

fn scalable(app: &App) -> Result<(), String> {
    workload(app)?;
    match app.subject_workload() {
        Some(w) if w.kind == Kind::DaemonSet => Err("a DaemonSet runs one pod a node: it has no replicas".to_owned()),
        _ => Ok(()),
    }
}

fn deployment(app: &App) -> Result<(), String> {
    workload(app)?;
    match app.subject_workload() {
        Some(w) if w.kind != Kind::Deployment => Err(format!("a {} cannot be paused", w.kind.api())),
        _ => Ok(()),
    }
}

fn with_hpa(app: &App) -> Result<(), String> {
    workload(app)?;
    app.subject_workload()
        .and_then(|w| app.world.hpa_of(w))
        .map(|_| ())
        .ok_or_else(|| "no autoscaler (HPA) targets this workload".to_owned())
}

fn pod(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    let subject = app
        .subject()
        .filter(|s| s.kind == Kind::Pod)
        .ok_or("no pod is selected")?;
    app.world.pod(&subject).ok_or("the pod is gone")?;
    app.may_mutate_object(Kind::Pod)
}

fn undoable(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    if app
        .activities
        .iter()
        .any(|a| a.offered_undo(app.place(), app.now).is_some())
    {
        Ok(())
    } else {
        Err("nothing that was done in this session can be undone now".to_owned())
    }
}

/// The workload that is acted on, as it is frozen into the request.
fn target(app: &App) -> Option<(ObjectRef, u32)> {
    app.subject_workload().map(|w| (w.meta.object(w.kind), w.desired))
}

fn scale(app: &mut App) -> Vec<Effect> {
    if let Some(targets) = bulk::to_scale(app).filter(|t| t.len() > 1) {
        let label = format!("Replicas of all {} marked workloads", targets.len());
        let now: Vec<String> = targets.iter().map(|(t, n)| format!("{} {n}", t.name)).collect();
        let purpose = PromptFor::ReplicasOfAll { targets };
        let prompt = Prompt::new(purpose, label, format!("now {}", now.join(", ")), "");
        app.layers.push(Layer::Prompt(prompt));
        return Vec::new();
    }
    let Some((target, seen)) = target(app) else {
        return Vec::new();
    };
    let held = app.subject_workload().and_then(|w| app.world.hpa_of(w));
    let held = held.map(|h| format!("; the HPA {} holds it between {} and {}", h.meta.name, h.min, h.max));
    let hint = format!("now {seen}{}", held.unwrap_or_default());
    let label = format!("Replicas of {target}");
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::Replicas { target, seen },
        label,
        hint,
        "",
    )));
    Vec::new()
}

fn restart(app: &mut App) -> Vec<Effect> {
    let Some((target, _)) = target(app) else {
        return Vec::new();
    };
    app.open_plan(Request::Restart { target }, None)
}

fn pause(app: &mut App) -> Vec<Effect> {
    let Some(w) = app.subject_workload() else {
        return Vec::new();
    };
    let target = w.meta.object(w.kind);
    let request = if w.paused {
        Request::Resume { target }
    } else {
        Request::Pause { target }
    };
    app.open_plan(request, None)
}

fn hpa_bounds(app: &mut App) -> Vec<Effect> {
    let Some(hpa) = app.subject_workload().and_then(|w| app.world.hpa_of(w)).cloned() else {
        return Vec::new();
    };
    let target = hpa.bounds_at();
    let label = format!("Minimum and maximum of {target}");
    let hint = format!("now {} {}; write both, as in: 3 12", hpa.min, hpa.max);
    let purpose = PromptFor::HpaBounds {
        target,
        min: hpa.min,
        max: hpa.max,
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        purpose,
        label,
        hint,
        &format!("{} {}", hpa.min, hpa.max),
    )));
    Vec::new()
}

fn set_image(app: &mut App) -> Vec<Effect> {
    let Some(w) = app.subject_workload() else {
        return Vec::new();
    };
    let target = w.meta.object(w.kind);
    let containers: Vec<Choice> = w
        .containers
        .iter()
        .map(|c| Choice {
            value: c.name.to_string(),
            label: c.name.to_string(),
            hint: format!("{}{}", c.image, if c.init { "  (init)" } else { "" }),
        })
        .collect();
    if let [one] = containers.as_slice() {
        return ask_image(app, target, &one.value);
    }
    app.layers.push(Layer::Picker(Picker::new(
        "Set the image of",
        PickerFor::ImageContainer(target),
        containers,
    )));
    Vec::new()
}

/// Asks for the new image of a container.
pub(super) fn ask_image(app: &mut App, target: ObjectRef, container: &str) -> Vec<Effect> {
    let Some(seen) = app.world.workload(&target).and_then(|w| {
        w.containers
            .iter()
            .find(|c| &*c.name == container)
            .map(|c| c.image.to_string())
    }) else {
        return app.complain(format!("{target} has no container {container} any more"));
    };
    let label = format!("Image of {container} in {target}");
    let hint = format!("now {seen}");
    let purpose = PromptFor::Image {
        target,
        container: container.to_owned(),
        seen: seen.clone(),
    };
    let mut prompt = Prompt::new(purpose, label, hint, "");
    prompt.field.set(&seen);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

fn delete_pod(app: &mut App) -> Vec<Effect> {
    let Some(target) = app.subject() else { return Vec::new() };
    app.open_plan(Request::DeletePod { target, force: false }, None)
}

fn evict_pod(app: &mut App) -> Vec<Effect> {
    let Some(target) = app.subject() else { return Vec::new() };
    app.open_plan(Request::EvictPod { target }, None)
}

/// One workload: its history, to choose from. Several marked ones: each to the revision before its current one.
fn rollback(app: &mut App) -> Vec<Effect> {
    if app.layers.is_empty() && !app.list(app.pane).marks.is_empty() {
        let marked: Vec<ObjectRef> = app
            .list(app.pane)
            .marks
            .values()
            .filter_map(|m| m.object.clone())
            .collect();
        let mut to = Vec::new();
        for object in marked.iter().filter(|o| Kind::WORKLOADS.contains(&o.kind)) {
            let Some(w) = app.world.workload(object) else {
                return app.complain(format!("{object} is gone: unmark it"));
            };
            let current = app.world.revision_of(w);
            let previous = app
                .world
                .revisions_of(w)
                .map(|r| r.number)
                .filter(|n| *n < current)
                .max();
            let Some(revision) = previous else {
                return app.complain(format!("{object} has no earlier revision"));
            };
            let newest = app.world.newest_revision(w).map_or(current, |r| r.number);
            to.push(RollbackTo {
                target: object.clone(),
                revision,
                newest_seen: newest,
            });
        }
        return app.open_plan(Request::RollBack { to }, None);
    }
    let Some((target, _)) = target(app) else {
        return Vec::new();
    };
    super::objects::open_history(app, target)
}

/// Enter in the history: plans the roll-back to the selected revision.
pub(super) fn roll_back_to_selected(app: &mut App) -> Vec<Effect> {
    let Some(Layer::History(h)) = app.layers.last() else {
        return Vec::new();
    };
    if let Err(why) = app.may_mutate_object(h.object.kind) {
        return app.complain(format!("roll back: {why}"));
    }
    let Some(row) = h.selected() else {
        return app.say("the revisions are still being read");
    };
    if row.current {
        return app.say(format!(
            "revision {} is the one that is on: choose another",
            row.revision
        ));
    }
    let newest_seen = h.rows().iter().map(|r| r.revision).max().unwrap_or(row.revision);
    let to = RollbackTo {
        target: h.object.clone(),
        revision: row.revision,
        newest_seen,
    };
    app.open_plan(Request::RollBack { to: vec![to] }, None)
}

/// Plans the undo of the activity at `at` in the list, newest first.
pub(super) fn undo_at(app: &mut App, at: usize) -> Vec<Effect> {
    let found = match app.doings().get(at) {
        Some(Doing::Activity(a)) => a.offered_undo(app.place(), app.now).map(|(_, r)| r.clone()),
        _ => None,
    };
    match found {
        Some(request) => match app.may_mutate() {
            Ok(()) => app.open_plan(request, None),
            Err(why) => app.complain(format!("undo: {why}")),
        },
        None => app.say("no undo is offered for this one now"),
    }
}

fn undo(app: &mut App) -> Vec<Effect> {
    let request = app
        .activities
        .iter()
        .rev()
        .find_map(|a| a.offered_undo(app.place(), app.now).map(|(_, r)| r.clone()));
    match request {
        Some(request) => app.open_plan(request, None),
        None => Vec::new(),
    }
}
