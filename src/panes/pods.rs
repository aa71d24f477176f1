//! Pods: ready, the true reason, restarts with the time of the last, node, age, CPU and memory.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::SignedDuration;

use super::{Cell, Column, Pane, PaneId, Summary, Width};
use crate::app::{App, Health, Row};
use crate::model::{ContainerRole, FeedId, Freshness, Kind, Phase, Pod};
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
    summary,
    empty: "no pods here",
};

const CPU: Column = Column::new("cpu", "CPU", Width::Fixed(6), 4).right();

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
        columns.push(CPU);
        columns.push(Column::new("memory", "MEM", Width::Fixed(7), 4).right());
    }
    columns.push(Column::new("node", "NODE", Width::Fixed(16), 5));
    columns.push(Column::new("age", "AGE", Width::Fixed(4), 2).right());
    columns.push(Column::new("ip", "IP", Width::Fixed(15), 6).wide());
    columns.push(Column::new("image", "IMAGE", Width::Grow(14, 40), 6).wide());
    columns.push(Column::new("owner", "OWNER", Width::Grow(16, 32), 6).wide());
    columns.push(Column::new("qos", "QOS", Width::Fixed(10), 7).wide());
    columns.push(Column::new("account", "SERVICE ACCOUNT", Width::Grow(15, 32), 7).wide());
    columns
}

/// As narrow as the table can be with CPU: what is dropped after it, and itself.
pub fn least_width_with_usage(app: &App) -> u16 {
    let least = |c: &Column| match c.width {
        Width::Fixed(n) | Width::Grow(n, _) | Width::Fill(n) => n + 2,
    };
    let others = columns(app)
        .iter()
        .filter(|c| c.priority < CPU.priority && !c.wide)
        .map(least)
        .sum::<u16>();
    others + least(&CPU) - 2
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

/// The number that a column orders by, the lowest first; the same for all where it orders by text.
pub fn rank(app: &App, column: &str, p: &Pod) -> i64 {
    let usage = || app.world.pod_usage.get(&p.meta.key()).copied().unwrap_or_default();
    match column {
        "" => pod_health(p) as i64,
        "age" => -p.meta.created.as_microsecond(),
        "restarts" => -i64::from(p.restarts),
        "cpu" => -i64::try_from(usage().cpu_m).unwrap_or(i64::MAX),
        "memory" => -i64::try_from(usage().memory).unwrap_or(i64::MAX),
        _ => 0,
    }
}

fn compare(_: &App, column: &str, a: &Row, b: &Row) -> Ordering {
    let (Row::Pod(a), Row::Pod(b)) = (a, b) else {
        return Ordering::Equal;
    };
    match column {
        "node" => a.node.cmp(&b.node),
        "status" => a.status.cmp(&b.status),
        "namespace" => a.meta.namespace.cmp(&b.meta.namespace),
        "ready" => a.ready.cmp(&b.ready),
        "ip" => a.ip.cmp(&b.ip),
        "image" => image(a).cmp(image(b)),
        "owner" => owner(a).cmp(owner(b)),
        "qos" => a.qos.cmp(&b.qos),
        "account" => a.service_account.cmp(&b.service_account),
        _ => Ordering::Equal,
    }
}

/// Of the first container that is no init container.
pub(super) fn image(p: &Pod) -> &str {
    let main = p.containers.iter().find(|c| c.role != ContainerRole::Init);
    main.map_or("", |c| &c.image)
}

pub(super) fn owner(p: &Pod) -> &str {
    p.meta.owner.as_ref().map_or("", |o| &o.name)
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
            "ip" => Cell::muted(&*p.ip),
            "image" => Cell::muted(super::short_image(image(p))),
            "owner" => Cell::muted(owner(p)),
            "qos" => Cell::muted(&*p.qos),
            "account" => Cell::muted(&*p.service_account),
            _ => Cell::muted(""),
        })
        .collect()
}

/// Why a pod that is wrong is so, in the order in which the summary names reasons of one weight.
const REASONS: [(Health, &str); 5] = [
    (Health::Critical, "image not pulled"),
    (Health::Warning, "crash-looping"),
    (Health::Warning, "unschedulable"),
    (Health::Warning, "failed"),
    (Health::Warning, "not ready"),
];

/// How many pods there are of what kind, kept by the changes: counting fifty thousand takes longer than a key may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    ready: usize,
    total: usize,
    wrong: [usize; REASONS.len()],
}

impl Tally {
    pub fn of<'a>(pods: impl Iterator<Item = &'a Arc<Pod>>) -> Self {
        let mut tally = Self::default();
        for p in pods {
            tally.count(p, |n| *n += 1);
        }
        tally
    }

    /// A pod became another, came (`before` is none) or went (`after` is none).
    pub fn change(&mut self, before: Option<&Pod>, after: Option<&Pod>) {
        if let Some(p) = before {
            self.count(p, |n| *n = n.saturating_sub(1));
        }
        if let Some(p) = after {
            self.count(p, |n| *n += 1);
        }
    }

    fn count(&mut self, p: &Pod, step: impl Fn(&mut usize)) {
        if p.phase == Phase::Succeeded {
            return;
        }
        step(&mut self.total);
        if p.is_ready {
            step(&mut self.ready);
        }
        if pod_health(p) > Health::Warning {
            return;
        }
        let why = if p.image_trouble().is_some() {
            0
        } else if p.crash_looping().is_some() {
            1
        } else if p.unschedulable.is_some() {
            2
        } else if p.phase == Phase::Failed {
            3
        } else {
            4
        };
        if let Some(n) = self.wrong.get_mut(why) {
            step(n);
        }
    }
}

fn summary(app: &App) -> Summary {
    let tally = &app.pod_tally;
    let mut wrong: Vec<(Health, &str, usize)> = REASONS
        .iter()
        .zip(tally.wrong)
        .filter(|(_, n)| *n > 0)
        .map(|((health, what), n)| (*health, *what, n))
        .collect();
    wrong.sort_by_key(|(h, _, n)| (*h, std::cmp::Reverse(*n)));
    Summary {
        count: format!("{}/{} ready", tally.ready, tally.total),
        wrong: wrong
            .into_iter()
            .map(|(h, what, n)| (h, format!("{n} {what}")))
            .collect(),
    }
}
