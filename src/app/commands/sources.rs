//! What changes something of a database, a queue, Redis, a certificate or an alert. Each command only asks for a plan.

use super::bulk;
use crate::action::{JobFilter, PostgresAsk, Relation, Request, Thing};
use crate::app::command::Command;
use crate::app::layers::{Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{App, ItemRef, Layer};
use crate::keys::MUTATE;
use crate::model::{CertificateId, QueueCounts, QueueSystem, SourceId, SourceKind, Str};

/// How long a silence lasts when nothing else is said, in minutes.
const SILENCE: u32 = 60;

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "action.cancel_query",
        doc: "end the statement that the session runs; the session stays",
        short: "cancel query",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::cancel, session),
        run: |app| bulk::run(app, bulk::cancel, |app| end(app, false)),
    },
    Command {
        id: "action.terminate_session",
        doc: "end the session, and roll back what it has open",
        short: "end session",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::terminate, session),
        run: |app| bulk::run(app, bulk::terminate, |app| end(app, true)),
    },
    Command {
        id: "action.vacuum",
        doc: "vacuum the table, and analyze it",
        short: "vacuum",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::vacuum, table),
        run: |app| {
            bulk::run(app, bulk::vacuum, |app| {
                relation(app, |table| PostgresAsk::Vacuum { table, analyze: true })
            })
        },
    },
    Command {
        id: "action.vacuum_database",
        doc: "vacuum and analyze every table of the database, one after the other",
        short: "vacuum database",
        group: MUTATE,
        when: table,
        run: |app| relation(app, |_| PostgresAsk::VacuumDatabase),
    },
    Command {
        id: "action.analyze",
        doc: "gather the planner's statistics of the table",
        short: "analyze",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::analyze, table),
        run: |app| {
            bulk::run(app, bulk::analyze, |app| {
                relation(app, |table| PostgresAsk::Analyze { table })
            })
        },
    },
    Command {
        id: "action.reindex",
        doc: "build the index anew while it is in use",
        short: "reindex",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::reindex, index),
        run: |app| {
            bulk::run(app, bulk::reindex, |app| {
                relation(app, |index| PostgresAsk::Reindex { index })
            })
        },
    },
    Command {
        id: "action.reset_statement",
        doc: "begin the counters of this one statement anew",
        short: "reset statement",
        group: MUTATE,
        when: statement,
        run: reset,
    },
    Command {
        id: "action.retry_jobs",
        doc: "give failed jobs back to the workers, all or by a text in their reason",
        short: "retry jobs",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::retry_jobs, failed_jobs),
        run: |app| bulk::run(app, bulk::retry_jobs, ask_retry),
    },
    Command {
        id: "action.pause_queue",
        doc: "let the queue's workers take no more jobs, or let them take jobs again",
        short: "pause queue",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::pause_queue, bull_queue),
        run: |app| bulk::run(app, bulk::pause_queue, pause_queue),
    },
    Command {
        id: "action.delete_keys",
        doc: "delete the keys of a prefix, a hundred at a time, within a budget",
        short: "delete keys",
        group: MUTATE,
        when: redis,
        run: ask_prefix,
    },
    Command {
        id: "action.renew",
        doc: "have cert-manager issue the certificate anew",
        short: "renew",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::renew, certificate),
        run: |app| bulk::run(app, bulk::renew, renew),
    },
    Command {
        id: "action.silence",
        doc: "hold the alert back for an hour, with a comment",
        short: "silence",
        group: MUTATE,
        when: alert,
        run: ask_silence,
    },
];

/// What is acted on: it must be fresh, and something must be allowed to change at all.
fn at_hand(app: &App, kind: SourceKind, fits: impl Fn(&ItemRef) -> bool, what: &str) -> Result<(), String> {
    app.may_mutate()?;
    let item = app.item_at_hand().filter(|i| fits(i)).ok_or(format!("needs {what}"))?;
    let Some(source) = source_of(item) else {
        return Ok(());
    };
    let id = SourceId {
        kind,
        name: source.clone(),
    };
    match app.world.sources.reach.get(&id) {
        Some(f) if f.is_fresh() => Ok(()),
        _ => Err(format!("{} {source} is not fresh: wait until it answers", kind.word())),
    }
}

pub(super) fn source_of(item: &ItemRef) -> Option<&Str> {
    match item {
        ItemRef::Queue { source, .. }
        | ItemRef::Redis { source, .. }
        | ItemRef::Session { source, .. }
        | ItemRef::Statement { source, .. }
        | ItemRef::Table { source, .. }
        | ItemRef::Index { source, .. }
        | ItemRef::Certificate { source, .. }
        | ItemRef::Endpoint { source, .. }
        | ItemRef::Slo { source, .. }
        | ItemRef::Service { source, .. }
        | ItemRef::Host { source, .. }
        | ItemRef::Alert { source, .. } => Some(source),
        ItemRef::HttpCheck { .. } | ItemRef::Object(_) | ItemRef::Line => None,
    }
}

fn thing(kind: SourceKind, source: &Str, what: &str, within: &str, name: &str, id: &str) -> Thing {
    Thing {
        source: SourceId {
            kind,
            name: source.clone(),
        },
        kind: what.into(),
        within: within.into(),
        name: name.into(),
        id: id.into(),
    }
}

fn session(app: &App) -> Result<(), String> {
    let fits = |i: &ItemRef| matches!(i, ItemRef::Session { .. });
    at_hand(app, SourceKind::Postgres, fits, "a session")?;
    match app.item_at_hand() {
        Some(ItemRef::Session {
            backend_start: Some(_), ..
        }) => Ok(()),
        _ => Err("when the session began is not known, so it cannot be told from a later one".to_owned()),
    }
}

/// What is needed, and the key that goes to the pane's table that has it.
fn elsewhere(app: &App, what: &str) -> String {
    format!("{what} ({} goes to the other tables)", app.keys_for("pane.view"))
}

fn table(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Postgres,
        |i| matches!(i, ItemRef::Table { .. }),
        &elsewhere(app, "a table"),
    )
}

fn index(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Postgres,
        |i| matches!(i, ItemRef::Index { .. }),
        &elsewhere(app, "an index"),
    )
}

fn statement(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Postgres,
        |i| matches!(i, ItemRef::Statement { .. }),
        &elsewhere(app, "a statement"),
    )
}

fn bull_queue(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Queues,
        |i| matches!(i, ItemRef::Queue { .. }),
        "a queue",
    )?;
    writable_queue(app, app.item_at_hand()).map(|_| ())
}

/// A queue that can be changed and has failed jobs, as far as is known.
fn failed_jobs(app: &App) -> Result<(), String> {
    bull_queue(app)?;
    let counts = app.item_at_hand().and_then(|item| counts(app, item));
    match counts.and_then(|c| c.failed) {
        Some(0) => Err("the queue has no failed jobs: there is nothing to retry".to_owned()),
        _ => Ok(()),
    }
}

/// The queue, if it is one that can be changed.
pub(super) fn writable_queue(app: &App, item: Option<&ItemRef>) -> Result<Thing, String> {
    let Some(ItemRef::Queue { source, queue }) = item else {
        return Err("needs a queue".to_owned());
    };
    let sets = &app.world.sources.queues;
    let found = sets
        .get(source)
        .and_then(|s| s.queues.iter().find(|q| q.name == *queue));
    match found.map(|q| &q.system) {
        Some(QueueSystem::BullMq(layout)) if layout.is_writable() => {
            Ok(thing(SourceKind::Queues, source, "queue", "", queue, ""))
        }
        Some(QueueSystem::BullMq(_)) => {
            Err("only BullMQ 5 and 6 are changed, and this queue's layout is older or not known".to_owned())
        }
        Some(other) => Err(format!("a {} queue is shown, not changed", other.word())),
        None => Err("the queue is gone".to_owned()),
    }
}

fn redis(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Redis,
        |i| matches!(i, ItemRef::Redis { .. }),
        "a server",
    )
}

fn certificate(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Certificates,
        |i| matches!(i, ItemRef::Certificate { .. }),
        "a Certificate of cert-manager",
    )
}

fn alert(app: &App) -> Result<(), String> {
    at_hand(
        app,
        SourceKind::Prometheus,
        |i| matches!(i, ItemRef::Alert { .. }),
        &elsewhere(app, "an alert"),
    )
}

pub(super) fn postgres(source: &Str, ask: PostgresAsk) -> Request {
    Request::Postgres {
        source: SourceId {
            kind: SourceKind::Postgres,
            name: source.clone(),
        },
        ask,
    }
}

fn end(app: &mut App, whole: bool) -> Vec<Effect> {
    let Some(ItemRef::Session {
        source,
        pid,
        backend_start: Some(backend_start),
    }) = app.item_at_hand().cloned()
    else {
        return Vec::new();
    };
    let ask = if whole {
        PostgresAsk::TerminateSession { pid, backend_start }
    } else {
        PostgresAsk::CancelQuery { pid, backend_start }
    };
    app.open_plan(postgres(&source, ask), None)
}

fn relation(app: &mut App, ask: impl FnOnce(Relation) -> PostgresAsk) -> Vec<Effect> {
    let (source, relation) = match app.item_at_hand().cloned() {
        Some(ItemRef::Table { source, schema, name } | ItemRef::Index { source, schema, name }) => {
            (source, Relation { schema, name })
        }
        _ => return Vec::new(),
    };
    app.open_plan(postgres(&source, ask(relation)), None)
}

fn reset(app: &mut App) -> Vec<Effect> {
    let Some(ItemRef::Statement { source, id }) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    app.open_plan(postgres(&source, PostgresAsk::ResetStatement { id }), None)
}

fn ask_retry(app: &mut App) -> Vec<Effect> {
    let Some(ItemRef::Queue { source, queue }) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    let label = format!("Retry failed jobs of {queue} whose reason holds");
    let hint = "nothing written: all failed jobs".to_owned();
    let queue = thing(SourceKind::Queues, &source, "queue", "", &queue, "");
    let prompt = Prompt::new(PromptFor::RetryJobs { queue }, label, hint, "");
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

fn pause_queue(app: &mut App) -> Vec<Effect> {
    let Some(item) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    let paused = is_paused(app, &item);
    let ItemRef::Queue { source, queue } = item else {
        return Vec::new();
    };
    let queue = thing(SourceKind::Queues, &source, "queue", "", &queue, "");
    let request = if paused {
        Request::ResumeQueue { queue }
    } else {
        Request::PauseQueue { queue }
    };
    app.open_plan(request, None)
}

/// Whether the queue hands out no jobs.
pub(super) fn is_paused(app: &App, item: &ItemRef) -> bool {
    counts(app, item).is_some_and(|c| c.paused == Some(true))
}

/// How many jobs the queue holds, as it was read last.
fn counts<'a>(app: &'a App, item: &ItemRef) -> Option<&'a QueueCounts> {
    let ItemRef::Queue { source, queue } = item else {
        return None;
    };
    let set = app.world.sources.queues.get(source)?;
    set.queues.iter().find(|q| q.name == *queue)?.counts.last()
}

/// A Certificate of cert-manager, for a request.
pub(super) fn certificate_thing(source: &Str, id: &CertificateId) -> Thing {
    let kind = SourceKind::Certificates;
    thing(kind, source, "certificate", &id.namespace, &id.name, &id.uid)
}

fn ask_prefix(app: &mut App) -> Vec<Effect> {
    let Some(ItemRef::Redis { source, .. }) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    let label = format!("Delete the keys of {source} that begin with");
    let hint = "a prefix, without a star: cache:page:".to_owned();
    let prompt = Prompt::new(PromptFor::DeleteKeys { source }, label, hint, "");
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// The plan for deleting the keys of a prefix.
pub(super) fn delete_keys(app: &mut App, source: &Str, prefix: &str) -> Vec<Effect> {
    let keys = thing(SourceKind::Redis, source, "keys", "", prefix, "");
    app.open_plan(Request::DeleteKeys { keys }, None)
}

/// The plan for retrying failed jobs; without a text all of them.
pub(super) fn retry(app: &mut App, queue: Thing, text: &str) -> Vec<Effect> {
    let failed_with = Some(text.to_owned()).filter(|t| !t.is_empty());
    let request = Request::RetryJobs {
        queue,
        which: Box::new(JobFilter {
            failed_with,
            ..JobFilter::default()
        }),
    };
    app.open_plan(request, None)
}

fn renew(app: &mut App) -> Vec<Effect> {
    let Some(ItemRef::Certificate { source, id }) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    let certificate = certificate_thing(&source, &id);
    app.open_plan(Request::Renew { certificate }, None)
}

fn ask_silence(app: &mut App) -> Vec<Effect> {
    let Some(ItemRef::Alert { source, labels }) = app.item_at_hand().cloned() else {
        return Vec::new();
    };
    let name = labels.iter().find(|(k, _)| &**k == "alertname").map_or("", |(_, v)| v);
    let label = format!("Comment for silencing {name} for {SILENCE} min");
    let hint = "why, and who works on it".to_owned();
    let alert = thing(SourceKind::Prometheus, &source, "alert", "", name, "");
    let labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let prompt = Prompt::new(PromptFor::Silence { alert, labels }, label, hint, "");
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// The plan for a silence.
pub(super) fn silence(app: &mut App, alert: Thing, labels: Vec<(String, String)>, comment: &str) -> Vec<Effect> {
    let request = Request::Silence {
        alert,
        labels,
        minutes: SILENCE,
        comment: comment.to_owned(),
    };
    app.open_plan(request, None)
}
