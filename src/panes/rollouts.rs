//! Rollouts: Deployments, StatefulSets and DaemonSets: how many of what revision are up, and where a rollout stands.

use std::cmp::Ordering;

use super::{Cell, Column, Pane, PaneId, Summary, Width};
use crate::app::{App, Health, Row};
use crate::model::{Kind, RolloutState, Workload};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Rollouts,
    title: "Rollouts",
    context: "rollouts",
    main: true,
    kinds: &Kind::WORKLOADS,
    sources: &[],
    views: &[],
    detail: |_, _| None,
    wants: &[Kind::ControllerRevision],
    metrics: false,
    columns,
    rows,
    health,
    compare,
    cells,
    summary,
    empty: "no Deployments, StatefulSets or DaemonSets here",
};

fn columns(app: &App) -> Vec<Column> {
    let mut columns = Vec::with_capacity(8);
    if app.many_namespaces() {
        columns.push(Column::new("namespace", "NAMESPACE", Width::Fixed(14), 3));
    }
    columns.push(Column::new("name", "NAME", Width::Fill(14), 0));
    columns.push(Column::new("ready", "READY", Width::Fixed(5), 0).right());
    columns.push(Column::new("updated", "UPD", Width::Fixed(4), 6).right());
    columns.push(Column::new("available", "AVAIL", Width::Fixed(5), 7).right());
    columns.push(Column::new("revision", "REV", Width::Fixed(3), 3).right());
    columns.push(Column::new("image", "IMAGE", Width::Grow(10, 26), 4));
    columns.push(Column::new("state", "STATE", Width::Grow(15, 24), 0));
    columns.push(Column::new("hpa", "HPA", Width::Fixed(6), 5));
    columns.push(Column::new("by", "BY", Width::Fixed(5), 8));
    columns.push(Column::new("age", "AGE", Width::Fixed(4), 9).right());
    columns.push(Column::new("kind", "KIND", Width::Fixed(11), 6).wide());
    columns.push(Column::new("cause", "CHANGE CAUSE", Width::Grow(16, 40), 6).wide());
    columns
}

fn rows(app: &App) -> Vec<Row> {
    app.world.workloads().cloned().map(Row::Workload).collect()
}

/// How bad a state is.
pub fn state_health(state: &RolloutState) -> Health {
    match state {
        RolloutState::Stalled { .. } | RolloutState::Degraded { available: 0, .. } => Health::Critical,
        RolloutState::Degraded { .. } => Health::Warning,
        RolloutState::Progressing { .. } | RolloutState::Unobserved | RolloutState::Paused => Health::Moving,
        RolloutState::Complete => Health::Good,
        RolloutState::ScaledToZero => Health::Quiet,
    }
}

/// The state in a few words: `stalled 2/5 6m`.
pub fn state_text(app: &App, state: &RolloutState) -> String {
    let age = |t: &Option<jiff::Timestamp>| {
        t.map_or_else(String::new, |t| {
            format!(" {}", text::age(app.server_now().duration_since(t)))
        })
    };
    match state {
        RolloutState::Complete => "complete".to_owned(),
        RolloutState::Progressing { done, want } => format!("progressing {done}/{want}"),
        RolloutState::Stalled { done, want, since, .. } => format!("stalled {done}/{want}{}", age(since)),
        RolloutState::Paused => "paused".to_owned(),
        RolloutState::ScaledToZero => "scaled to zero".to_owned(),
        RolloutState::Unobserved => "waiting for controller".to_owned(),
        RolloutState::Degraded { available, want, .. } => format!("degraded {available}/{want}"),
    }
}

fn health(app: &App, row: &Row) -> Health {
    let Row::Workload(w) = row else { return Health::Good };
    state_health(&app.rollout_state(w))
}

fn compare(app: &App, column: &str, a: &Row, b: &Row) -> Ordering {
    let (Row::Workload(a), Row::Workload(b)) = (a, b) else {
        return Ordering::Equal;
    };
    match column {
        "age" => b.meta.created.cmp(&a.meta.created),
        "ready" => a.ready.cmp(&b.ready),
        "revision" => app.world.revision_of(b).cmp(&app.world.revision_of(a)),
        "image" => a.image().cmp(b.image()),
        "updated" => a.updated.cmp(&b.updated),
        "available" => a.available.cmp(&b.available),
        "kind" => a.kind.cmp(&b.kind),
        "namespace" => a.meta.namespace.cmp(&b.meta.namespace),
        "cause" => a.change_cause.cmp(&b.change_cause),
        "state" => state_health(&app.rollout_state(a)).cmp(&state_health(&app.rollout_state(b))),
        _ => Ordering::Equal,
    }
}

/// `registry.lab/cortex/api:1.5.1` as `api:1.5.1`.
pub fn short_image(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    image.rsplit_once('/').map_or(image, |(_, last)| last)
}

fn cells(app: &App, row: &Row, columns: &[Column]) -> Vec<Cell> {
    let Row::Workload(w) = row else { return Vec::new() };
    let state = app.rollout_state(w);
    let health = state_health(&state);
    columns.iter().map(|c| cell(app, w, &state, health, c.id)).collect()
}

fn cell(app: &App, w: &Workload, state: &RolloutState, health: Health, column: &str) -> Cell {
    match column {
        "namespace" => Cell::muted(&*w.meta.namespace),
        "name" => {
            let mark = match w.kind {
                Kind::StatefulSet => " (sts)",
                Kind::DaemonSet => " (ds)",
                _ => "",
            };
            Cell::plain(format!("{}{mark}", w.meta.name))
        }
        "ready" => {
            let role = if w.ready < w.desired { health.role() } else { Role::Text };
            Cell::new(format!("{}/{}", w.ready, w.desired), role)
        }
        "updated" => Cell::plain(w.updated.to_string()),
        "available" => Cell::plain(w.available.to_string()),
        "revision" => match app.world.revision_of(w) {
            0 => Cell::muted("–"),
            n => Cell::plain(n.to_string()),
        },
        "image" => Cell::muted(short_image(w.image())),
        "state" => {
            let role = if health == Health::Good {
                Role::TextMuted
            } else {
                health.role()
            };
            Cell::new(state_text(app, state), role)
        }
        "hpa" => app.world.hpa_of(w).map_or_else(
            || Cell::muted(""),
            |h| {
                let at_limit = h.current >= h.max && h.max > 0;
                let role = if at_limit { Role::Warn } else { Role::TextMuted };
                Cell::new(format!("{}–{}", h.min, h.max), role)
            },
        ),
        "kind" => Cell::muted(w.kind.api()),
        "cause" => Cell::muted(&*w.change_cause),
        "by" => Cell::muted(w.steward.as_ref().map_or("", |s| s.badge())),
        "age" => Cell::muted(text::age(app.server_now().duration_since(w.meta.created))),
        _ => Cell::muted(""),
    }
}

fn summary(app: &App) -> Summary {
    let (mut healthy, mut total) = (0usize, 0usize);
    let mut wrong: Vec<(Health, String)> = Vec::new();
    for w in app.world.workloads() {
        total += 1;
        let state = app.rollout_state(w);
        let health = state_health(&state);
        if health >= Health::Good {
            healthy += 1;
        } else {
            let text = state_text(app, &state);
            let word = text.split(' ').next().unwrap_or("");
            wrong.push((health, format!("{} {word}", w.meta.name)));
        }
    }
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: format!("{healthy}/{total} healthy"),
        wrong,
    }
}
