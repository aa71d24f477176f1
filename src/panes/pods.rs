//! Pods: ready, the true reason, restarts with the time of the last, node, age, CPU and memory.

use std::cmp::Ordering;

use jiff::SignedDuration;

use super::{Cell, Column, Pane, PaneId, Summary, Width, contains};
use crate::app::{App, Health, Row};
use crate::model::{FeedId, Freshness, Kind, Phase, Pod};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Pods,
    title: "Pods",
    context: "pods",
    main: true,
    kinds: &[Kind::Pod],
    sources: &[],
    views: &[],
    detail: |_, _| None,
    wants: &[],
    metrics: true,
    columns,
    rows,
    health,
    compare,
    cells,
    matches,
    summary,
    empty: "no pods here",
};

fn columns(app: &App) -> Vec<Column> {
    let mut columns = Vec::with_capacity(9);
    if app.many_namespaces() {
        columns.push(Column::new("namespace", "NAMESPACE", Width::Fixed(14), 3));
    }
    columns.push(Column::new("name", "NAME", Width::Fill(16), 0));
    columns.push(Column::new("ready", "READY", Width::Fixed(5), 1).right());
    columns.push(Column::new("status", "STATUS", Width::Grow(16, 26), 0));
    columns.push(Column::new("restarts", "RST", Width::Grow(6, 8), 1).right());
    if matches!(
        app.world.feed(FeedId::Metrics),
        Freshness::Fresh | Freshness::Stale { .. }
    ) {
        columns.push(Column::new("cpu", "CPU", Width::Fixed(6), 4).right());
        columns.push(Column::new("memory", "MEM", Width::Fixed(7), 4).right());
    }
    columns.push(Column::new("node", "NODE", Width::Fixed(16), 5));
    columns.push(Column::new("age", "AGE", Width::Fixed(4), 2).right());
    columns
}

fn rows(app: &App) -> Vec<Row> {
    app.world.pods.values().cloned().map(Row::Pod).collect()
}

/// How bad a pod is by itself. Its owner may be worse or better off: that is the signals' business.
pub fn pod_health(p: &Pod) -> Health {
    match p.phase {
        Phase::Succeeded => Health::Quiet,
        Phase::Failed => Health::Warning,
        _ if p.meta.deleting.is_some() => Health::Moving,
        _ if p.image_trouble().is_some() => Health::Critical,
        _ if p.crash_looping().is_some() || p.unschedulable.is_some() => Health::Warning,
        _ if p.is_ready => Health::Good,
        Phase::Pending if p.status_is_transient() => Health::Moving,
        _ => Health::Warning,
    }
}

fn health(_: &App, row: &Row) -> Health {
    let Row::Pod(p) = row else { return Health::Good };
    pod_health(p)
}

fn compare(app: &App, column: &str, a: &Row, b: &Row) -> Ordering {
    let (Row::Pod(a), Row::Pod(b)) = (a, b) else {
        return Ordering::Equal;
    };
    let usage = |p: &Pod| app.world.pod_usage.get(&p.meta.key()).copied().unwrap_or_default();
    match column {
        "age" => b.meta.created.cmp(&a.meta.created),
        "restarts" => b.restarts.cmp(&a.restarts),
        "cpu" => usage(b).cpu_m.cmp(&usage(a).cpu_m),
        "memory" => usage(b).memory.cmp(&usage(a).memory),
        "node" => a.node.cmp(&b.node),
        "status" => a.status.cmp(&b.status),
        _ => Ordering::Equal,
    }
}

/// Restarts with the time of the last: `7 2h`, so that an old wound does not look like a new one.
fn restarts(app: &App, p: &Pod) -> Cell {
    let now = app.server_now();
    match p.last_restart {
        _ if p.restarts == 0 => Cell::muted("0"),
        None => Cell::plain(p.restarts.to_string()),
        Some(t) => {
            let ago = now.duration_since(t);
            let role = if ago < SignedDuration::from_mins(10) {
                Role::Warn
            } else {
                Role::Text
            };
            Cell::new(format!("{} {:>3}", p.restarts, text::age(ago)), role)
        }
    }
}

fn cells(app: &App, row: &Row, columns: &[Column]) -> Vec<Cell> {
    let Row::Pod(p) = row else { return Vec::new() };
    let now = app.server_now();
    let health = pod_health(p);
    let usage = app.world.pod_usage.get(&p.meta.key());
    columns
        .iter()
        .map(|c| match c.id {
            "namespace" => Cell::muted(&*p.meta.namespace),
            "name" => Cell::plain(&*p.meta.name),
            "ready" => {
                let role = if p.ready < p.total && health <= Health::Moving {
                    health.role()
                } else {
                    Role::Text
                };
                Cell::new(format!("{}/{}", p.ready, p.total), role)
            }
            "status" => Cell::new(
                &*p.status,
                if health == Health::Good {
                    Role::Text
                } else {
                    health.role()
                },
            ),
            "restarts" => restarts(app, p),
            "cpu" => Cell::plain(usage.map_or_else(String::new, |u| text::cpu(u.cpu_m))),
            "memory" => Cell::plain(usage.map_or_else(String::new, |u| text::bytes(u.memory))),
            "node" => Cell::muted(&*p.node),
            "age" => Cell::muted(text::age(now.duration_since(p.meta.created))),
            _ => Cell::muted(""),
        })
        .collect()
}

fn matches(row: &Row, term: &str) -> bool {
    let Row::Pod(p) = row else { return false };
    [&*p.meta.name, &*p.status, &*p.node, &*p.meta.namespace]
        .iter()
        .any(|t| contains(t, term))
}

fn summary(app: &App) -> Summary {
    let (mut ready, mut total) = (0usize, 0usize);
    let mut wrong: Vec<(Health, &str, usize)> = Vec::new();
    for p in app.world.pods.values() {
        if p.phase == Phase::Succeeded {
            continue;
        }
        total += 1;
        ready += usize::from(p.is_ready);
        let health = pod_health(p);
        if health > Health::Warning {
            continue;
        }
        let what = if p.image_trouble().is_some() {
            "image not pulled"
        } else if p.crash_looping().is_some() {
            "crash-looping"
        } else if p.unschedulable.is_some() {
            "unschedulable"
        } else if p.phase == Phase::Failed {
            "failed"
        } else {
            "not ready"
        };
        match wrong.iter_mut().find(|(_, w, _)| *w == what) {
            Some((_, _, n)) => *n += 1,
            None => wrong.push((health, what, 1)),
        }
    }
    wrong.sort_by_key(|(h, _, n)| (*h, std::cmp::Reverse(*n)));
    Summary {
        count: format!("{ready}/{total} ready"),
        wrong: wrong
            .into_iter()
            .map(|(h, what, n)| (h, format!("{n} {what}")))
            .collect(),
    }
}
