//! Nodes, and what runs to an end on them: Jobs and CronJobs. Opened when it is asked for.

use std::collections::HashMap;

use super::item::{self, Build};
use super::{Column, Pane, PaneId, Summary, View, Width};
use crate::app::{App, Health, ItemRef, Row};
use crate::model::{Job, Kind, Meta, Node, Scope, Str};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Nodes,
    title: "Nodes",
    context: "nodes",
    main: false,
    kinds: &[Kind::Node],
    sources: &[],
    views: VIEWS,
    detail: |_, _| None,
    wants: &[Kind::Node, Kind::Job, Kind::CronJob],
    metrics: false,
    columns: node_columns,
    rows: nodes,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "no node is seen: listing them needs a right of its own",
};

const VIEWS: &[View] = &[
    View {
        id: "nodes",
        title: "nodes",
        columns: node_columns,
        rows: nodes,
        empty: "no node is seen: listing them needs a right of its own",
    },
    View {
        id: "cronjobs",
        title: "CronJobs",
        columns: cron_columns,
        rows: crons,
        empty: "no CronJob",
    },
    View {
        id: "jobs",
        title: "Jobs",
        columns: job_columns,
        rows: jobs,
        empty: "no Job",
    },
];

fn row(meta: &Meta, kind: Kind, health: Health) -> Build {
    let uid = format!("{}/{}", kind.short(), meta.uid);
    Build::new(&uid, &meta.namespace, meta.name.clone(), health).what(ItemRef::Object(meta.object(kind)))
}

fn age(app: &App, at: Option<jiff::Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), |t| text::age(app.server_now().duration_since(t)))
}

fn node_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "NODE", Width::Fill(20), 0),
        Column::new("status", "STATUS", Width::Fixed(22), 0),
        Column::new("pods", "PODS", Width::Fixed(5), 1).right(),
        Column::new("bad", "BAD", Width::Fixed(4), 1).right(),
        Column::new("cpu", "CPU", Width::Fixed(6), 3).right(),
        Column::new("memory", "MEMORY", Width::Fixed(8), 3).right(),
        Column::new("roles", "ROLES", Width::Fixed(14), 4),
        Column::new("version", "VERSION", Width::Fixed(10), 5),
        Column::new("age", "AGE", Width::Fixed(5), 2).right(),
    ]
}

/// In words, and how bad it is: not ready, under pressure, closed to new pods.
fn state(node: &Node) -> (Health, String) {
    let pressure = node
        .conditions
        .iter()
        .find(|c| &*c.kind != "Ready" && &*c.status == "True");
    let cordoned = if node.cordoned { ", cordoned" } else { "" };
    if !node.ready {
        return (Health::Critical, format!("not ready{cordoned}"));
    }
    match (pressure, node.cordoned) {
        (Some(c), _) => (Health::Warning, format!("{}{cordoned}", text::clean(&c.kind))),
        (None, true) => (Health::Moving, "cordoned".to_owned()),
        (None, false) => (Health::Good, "ready".to_owned()),
    }
}

fn nodes(app: &App) -> Vec<Row> {
    let mut on: HashMap<&Str, (usize, usize)> = HashMap::new();
    for pod in app.world.pods.values() {
        let (all, bad) = on.entry(&pod.node).or_default();
        *all += 1;
        *bad += usize::from(pod.is_bad());
    }
    // Of other namespaces nothing is read: there may be more.
    let some = matches!(app.place().map(|p| &p.scope), Some(Scope::Namespaces(_)));
    let others = if some { "+" } else { "" };
    let make = |node: &Node| {
        let (health, words) = state(node);
        let (pods, bad) = on.get(&node.meta.name).copied().unwrap_or_default();
        let look = if health <= Health::Moving {
            health.role()
        } else {
            Role::Text
        };
        let count = |n: usize| if n == 0 { "–".to_owned() } else { n.to_string() };
        row(&node.meta, Kind::Node, health)
            .text(text::clean(&node.meta.name))
            .cell(words, look)
            .number(Some(pods as f64), format!("{pods}{others}"), Role::Text)
            .number(
                Some(bad as f64),
                count(bad),
                if bad > 0 { Role::Warn } else { Role::TextMuted },
            )
            .number(Some(node.cpu_m as f64), text::cpu(node.cpu_m), Role::TextMuted)
            .number(Some(node.memory as f64), text::bytes(node.memory), Role::TextMuted)
            .muted(text::clean(&node.roles))
            .muted(text::clean(&node.version))
            .muted(age(app, Some(node.meta.created)))
            .row()
    };
    app.world.nodes.values().map(|n| make(n)).collect()
}

fn with_namespace(app: &App, mut columns: Vec<Column>) -> Vec<Column> {
    if app.many_namespaces() {
        columns.insert(1, Column::new("namespace", "NAMESPACE", Width::Fixed(14), 3));
    }
    columns
}

fn cron_columns(app: &App) -> Vec<Column> {
    with_namespace(
        app,
        vec![
            Column::new("name", "CRONJOB", Width::Fill(20), 0),
            Column::new("schedule", "SCHEDULE", Width::Fixed(16), 1),
            Column::new("state", "STATE", Width::Fixed(11), 0),
            Column::new("last", "LAST RUN", Width::Fixed(8), 0).right(),
            Column::new("success", "SUCCESS", Width::Fixed(8), 1).right(),
        ],
    )
}

fn crons(app: &App) -> Vec<Row> {
    let many = app.many_namespaces();
    let make = |c: &crate::model::CronJob| {
        let (health, words) = match (c.suspended, c.active) {
            (true, _) => (Health::Quiet, "suspended".to_owned()),
            (_, 0) => (Health::Good, "waiting".to_owned()),
            (_, n) => (Health::Moving, format!("{n} running")),
        };
        let mut row = row(&c.meta, Kind::CronJob, health).text(text::clean(&c.meta.name));
        if many {
            row = row.muted(text::clean(&c.meta.namespace));
        }
        row.muted(text::clean(&c.schedule))
            .cell(
                words,
                if health == Health::Moving {
                    Role::Info
                } else {
                    Role::TextMuted
                },
            )
            .text(age(app, c.last_scheduled))
            .muted(age(app, c.last_success))
            .row()
    };
    app.world.cron_jobs.values().map(|c| make(c)).collect()
}

fn job_columns(app: &App) -> Vec<Column> {
    with_namespace(
        app,
        vec![
            Column::new("name", "JOB", Width::Fill(24), 0),
            Column::new("state", "STATE", Width::Fixed(24), 0),
            Column::new("done", "DONE", Width::Fixed(5), 1).right(),
            Column::new("took", "TOOK", Width::Fixed(5), 2).right(),
            Column::new("age", "AGE", Width::Fixed(5), 1).right(),
        ],
    )
}

fn job_state(job: &Job) -> (Health, String) {
    match (&job.failure, job.completed, job.active) {
        (Some((_, reason)), ..) => (Health::Warning, format!("failed: {}", text::clean(reason))),
        (None, Some(_), _) => (Health::Quiet, "succeeded".to_owned()),
        (None, None, 0) => (Health::Moving, "waiting".to_owned()),
        (None, None, n) => (Health::Moving, format!("{n} running")),
    }
}

fn jobs(app: &App) -> Vec<Row> {
    let many = app.many_namespaces();
    let make = |j: &Job| {
        let (health, words) = job_state(j);
        let mut row = row(&j.meta, Kind::Job, health).text(text::clean(&j.meta.name));
        if many {
            row = row.muted(text::clean(&j.meta.namespace));
        }
        let took = j
            .started
            .map(|from| j.completed.unwrap_or_else(|| app.server_now()).duration_since(from));
        let look = match health {
            Health::Quiet => Role::TextMuted,
            health => health.role(),
        };
        row.cell(words, look)
            .muted(format!("{}/{}", j.succeeded, j.completions))
            .muted(took.map_or_else(|| "–".to_owned(), text::age))
            .muted(age(app, Some(j.meta.created)))
            .row()
    };
    app.world.jobs.values().map(|j| make(j)).collect()
}

fn summary(app: &App) -> Summary {
    let all = app.world.nodes.len();
    let ready = app.world.nodes.values().filter(|n| n.ready).count();
    let cordoned = app.world.nodes.values().filter(|n| n.cordoned).count();
    let mut wrong = Vec::new();
    if ready < all {
        wrong.push((Health::Critical, format!("{} not ready", all - ready)));
    }
    if cordoned > 0 {
        wrong.push((Health::Moving, format!("{cordoned} cordoned")));
    }
    Summary {
        count: if all == 0 {
            String::new()
        } else {
            format!("{ready}/{all} ready")
        },
        wrong,
    }
}
