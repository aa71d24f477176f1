//! What is done to all marked rows together: one plan that lists each of them, those that the filter hides included.

use super::sources;
use crate::action::{ObjectAsk, PostgresAsk, Relation, Request};
use crate::app::msg::Effect;
use crate::app::{App, Focus, ItemRef, Layer, Mark};
use crate::model::{Kind, ObjectRef, SourceId, SourceKind, Str, Workload};

/// The request for one of them, or why it cannot be had.
pub(super) type Make = fn(&App, &Mark) -> Result<Request, String>;

/// Whether the marked rows are meant, rather than the selected one.
fn is_meant(app: &App) -> bool {
    app.layers.is_empty() && app.focus == Focus::Pane && !app.list(app.pane).marks.is_empty()
}

/// Whether it can be done to what is marked; to the selected row where nothing is.
pub(super) fn may(app: &App, make: Make, single: fn(&App) -> Result<(), String>) -> Result<(), String> {
    if !is_meant(app) {
        return single(app);
    }
    app.may_mutate()?;
    for mark in app.list(app.pane).marks.values() {
        make(app, mark)?;
        match (&mark.object, &mark.item) {
            (Some(object), _) => app.may_mutate_object(object.kind)?,
            (None, Some(item)) => is_fresh(app, item)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn is_fresh(app: &App, item: &ItemRef) -> Result<(), String> {
    let Some((kind, name)) = sources::source_of(item).and_then(|name| Some((kind_of(item)?, name))) else {
        return Ok(());
    };
    let id = SourceId {
        kind,
        name: name.clone(),
    };
    match app.world.sources.reach.get(&id) {
        Some(f) if f.is_fresh() => Ok(()),
        _ => Err(format!("{} {name} is not fresh: wait until it answers", kind.word())),
    }
}

const fn kind_of(item: &ItemRef) -> Option<SourceKind> {
    Some(match item {
        ItemRef::Queue { .. } => SourceKind::Queues,
        ItemRef::Session { .. } | ItemRef::Table { .. } | ItemRef::Index { .. } => SourceKind::Postgres,
        ItemRef::Certificate { .. } => SourceKind::Certificates,
        _ => return None,
    })
}

/// Plans it for what is marked; for the selected row where nothing is.
pub(super) fn run(app: &mut App, make: Make, single: fn(&mut App) -> Vec<Effect>) -> Vec<Effect> {
    if !is_meant(app) {
        return single(app);
    }
    let mut requests: Vec<Request> = Vec::new();
    for mark in app.list(app.pane).marks.values() {
        match make(app, mark) {
            // Two pods may have one owner.
            Ok(request) if !requests.contains(&request) => requests.push(request),
            Ok(_) => {}
            Err(why) => return app.complain(why),
        }
    }
    open(app, requests)
}

/// Opens the plan of these.
pub(super) fn open(app: &mut App, mut requests: Vec<Request>) -> Vec<Effect> {
    let hidden: Vec<String> = app
        .list(app.pane)
        .hidden_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let effects = match requests.len() {
        0 => return app.say("nothing is marked"),
        1 => app.open_plan(requests.remove(0), None),
        _ => app.open_plan(Request::Together { requests, go_on: false }, None),
    };
    if let (Some(Layer::Plan(plan)), false) = (app.layers.last_mut(), hidden.is_empty()) {
        plan.aside = Some(match hidden.as_slice() {
            [one] => format!("1 marked row is hidden by the filter, and meant too: {one}"),
            many => format!(
                "{} marked rows are hidden by the filter, and meant too: {}",
                many.len(),
                many.join(", ")
            ),
        });
    }
    effects
}

fn object(mark: &Mark, kinds: &[Kind], what: &str) -> Result<ObjectRef, String> {
    let found = mark.object.clone().filter(|o| kinds.contains(&o.kind));
    found.ok_or_else(|| format!("{} is marked, and is no {what}: unmark it", mark.name))
}

fn workload<'a>(app: &'a App, mark: &Mark) -> Result<&'a Workload, String> {
    let gone = || format!("{} is marked, and is no workload in sight: unmark it", mark.name);
    let object = mark.object.as_ref().ok_or_else(gone)?;
    let owner = match object.kind {
        Kind::Pod => app.world.pod(object).and_then(|p| app.world.top_owner(p)),
        _ => Some(object.clone()),
    };
    let found = owner.as_ref().and_then(|o| app.world.workload(o));
    found.map(|w| &**w).ok_or_else(gone)
}

pub(super) fn delete_pod(_: &App, mark: &Mark) -> Result<Request, String> {
    let target = object(mark, &[Kind::Pod], "pod")?;
    Ok(Request::DeletePod { target, force: false })
}

pub(super) fn evict_pod(_: &App, mark: &Mark) -> Result<Request, String> {
    let target = object(mark, &[Kind::Pod], "pod")?;
    Ok(Request::EvictPod { target })
}

pub(super) fn restart(app: &App, mark: &Mark) -> Result<Request, String> {
    let w = workload(app, mark)?;
    Ok(Request::Restart {
        target: w.meta.object(w.kind),
    })
}

/// What is to be scaled, and its size as it is seen.
pub(super) fn scalable(app: &App, mark: &Mark) -> Result<(ObjectRef, u32), String> {
    let w = workload(app, mark)?;
    if w.kind == Kind::DaemonSet {
        return Err(format!("{} is a DaemonSet: it has no replicas; unmark it", w.meta.name));
    }
    Ok((w.meta.object(w.kind), w.desired))
}

/// To the size that it has: whether it can be scaled is all that is asked.
pub(super) fn scale(app: &App, mark: &Mark) -> Result<Request, String> {
    scalable(app, mark).map(|(target, seen)| Request::Scale {
        target,
        replicas: seen,
        seen,
    })
}

/// All that are marked to be scaled; `None`: the selected row is meant.
pub(super) fn to_scale(app: &App) -> Option<Vec<(ObjectRef, u32)>> {
    if !is_meant(app) {
        return None;
    }
    let marks = app.list(app.pane).marks.values();
    let mut all: Vec<(ObjectRef, u32)> = marks.filter_map(|m| scalable(app, m).ok()).collect();
    all.sort();
    all.dedup();
    Some(all)
}

/// Resumes where all of them are paused; else those that are not are paused.
pub(super) fn pause(app: &App, mark: &Mark) -> Result<Request, String> {
    let paused = |mark: &Mark| workload(app, mark).is_ok_and(|w| w.paused);
    let target = object(mark, &[Kind::Deployment], "Deployment")?;
    Ok(if app.list(app.pane).marks.values().all(paused) {
        Request::Resume { target }
    } else {
        Request::Pause { target }
    })
}

pub(super) fn cordon(app: &App, mark: &Mark) -> Result<Request, String> {
    let nodes = &app.world.nodes;
    let closed = |mark: &Mark| {
        let node = mark.object.as_ref().and_then(|o| nodes.get(&o.key()));
        node.is_some_and(|n| n.cordoned)
    };
    let ask = if app.list(app.pane).marks.values().all(closed) {
        ObjectAsk::Uncordon
    } else {
        ObjectAsk::Cordon
    };
    let target = object(mark, &[Kind::Node], "node")?;
    Ok(Request::Object { target, ask })
}

pub(super) fn delete_job(_: &App, mark: &Mark) -> Result<Request, String> {
    let target = object(mark, &[Kind::Job], "Job")?;
    let ask = ObjectAsk::DeleteJob;
    Ok(Request::Object { target, ask })
}

pub(super) fn terminate(_: &App, mark: &Mark) -> Result<Request, String> {
    session(mark, true)
}

pub(super) fn cancel(_: &App, mark: &Mark) -> Result<Request, String> {
    session(mark, false)
}

fn session(mark: &Mark, whole: bool) -> Result<Request, String> {
    let Some(ItemRef::Session {
        source,
        pid,
        backend_start: Some(backend_start),
    }) = mark.item.clone()
    else {
        return Err(format!(
            "{} is marked, and is no session that can be told from a later one: unmark it",
            mark.name
        ));
    };
    let ask = if whole {
        PostgresAsk::TerminateSession { pid, backend_start }
    } else {
        PostgresAsk::CancelQuery { pid, backend_start }
    };
    Ok(sources::postgres(&source, ask))
}

fn marked_table(mark: &Mark) -> Result<(Str, Relation), String> {
    match mark.item.clone() {
        Some(ItemRef::Table { source, schema, name }) => Ok((source, Relation { schema, name })),
        _ => Err(format!("{} is marked, and is no table: unmark it", mark.name)),
    }
}

pub(super) fn vacuum(_: &App, mark: &Mark) -> Result<Request, String> {
    let (source, table) = marked_table(mark)?;
    Ok(sources::postgres(&source, PostgresAsk::Vacuum { table, analyze: true }))
}

pub(super) fn analyze(_: &App, mark: &Mark) -> Result<Request, String> {
    let (source, table) = marked_table(mark)?;
    Ok(sources::postgres(&source, PostgresAsk::Analyze { table }))
}

pub(super) fn reindex(_: &App, mark: &Mark) -> Result<Request, String> {
    match mark.item.clone() {
        Some(ItemRef::Index { source, schema, name }) => {
            let index = Relation { schema, name };
            Ok(sources::postgres(&source, PostgresAsk::Reindex { index }))
        }
        _ => Err(format!("{} is marked, and is no index: unmark it", mark.name)),
    }
}

pub(super) fn retry_jobs(app: &App, mark: &Mark) -> Result<Request, String> {
    let queue = sources::writable_queue(app, mark.item.as_ref())?;
    Ok(Request::RetryJobs {
        queue,
        which: Box::default(),
    })
}

pub(super) fn pause_queue(app: &App, mark: &Mark) -> Result<Request, String> {
    let queue = sources::writable_queue(app, mark.item.as_ref())?;
    let paused = |mark: &Mark| mark.item.as_ref().is_some_and(|item| sources::is_paused(app, item));
    Ok(if app.list(app.pane).marks.values().all(paused) {
        Request::ResumeQueue { queue }
    } else {
        Request::PauseQueue { queue }
    })
}

pub(super) fn renew(_: &App, mark: &Mark) -> Result<Request, String> {
    match &mark.item {
        Some(ItemRef::Certificate { source, id }) => Ok(Request::Renew {
            certificate: sources::certificate_thing(source, id),
        }),
        _ => Err(format!(
            "{} is marked, and is no Certificate of cert-manager: unmark it",
            mark.name
        )),
    }
}
