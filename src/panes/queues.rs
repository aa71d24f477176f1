//! Queues: how much waits, for how long, how fast it comes and goes, and who works it.

use super::item::{self, Build, count, rate, sparkline};
use super::{Column, Pane, PaneId, Summary, View, Width};
use crate::app::doc::Line;
use crate::app::{App, Health, ItemRef, Row};
use crate::model::{Empties, Queue, QueueCounts, SourceKind, Str};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Queues,
    title: "Queues",
    context: "queues",
    main: true,
    kinds: &[],
    sources: &[SourceKind::Queues],
    views: VIEWS,
    detail,
    wants: &[],
    metrics: false,
    columns,
    rows,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "no queues were found",
};

const VIEWS: &[View] = &[View {
    id: "queues",
    title: "queues",
    columns,
    rows,
    empty: "no queues were found",
}];

/// Minutes of the sparkline in the table.
const SPARK: usize = 60;

fn columns(app: &App) -> Vec<Column> {
    let mut columns = vec![
        Column::new("name", "QUEUE", Width::Fill(10), 0),
        Column::new("ready", "READY", Width::Fixed(6), 0).right(),
        Column::new("oldest", "OLDEST", Width::Fixed(6), 0).right(),
        Column::new("in", "IN/m", Width::Fixed(4), 2).right(),
        Column::new("out", "OUT/m", Width::Fixed(5), 2).right(),
        Column::new("failed", "FAILED", Width::Fixed(6), 1).right(),
        Column::new("active", "ACTIVE", Width::Fixed(6), 7).right(),
        Column::new("delayed", "DELAYED", Width::Fixed(7), 9).right(),
        Column::new("workers", "WORKERS", Width::Fixed(7), 6).right(),
        Column::new("empty", "EMPTY IN", Width::Fixed(8), 8).right(),
        // It goes before a name is cut, and only then.
        Column::new("history", "60 min", Width::Grow(6, 12), 5),
        Column::new("worker", "WORKED BY", Width::Fixed(28), 10),
    ];
    item::source_column(app, SourceKind::Queues, &mut columns);
    columns
}

/// How bad a queue is by itself, by the limits of the rules; the signals weigh time and growth too.
fn queue_health(app: &App, queue: &Queue) -> Health {
    let fails = app.failing(queue).map(|(health, _)| health);
    waiting_health(app, queue).min(fails.unwrap_or(Health::Quiet))
}

/// How bad it is that jobs wait.
fn waiting_health(app: &App, queue: &Queue) -> Health {
    let Some(counts) = queue.counts.last() else {
        return Health::Moving;
    };
    let age = queue.oldest_age(app.now).unwrap_or_default();
    let limits = app.judge.thresholds();
    if counts.workers == Some(0) && counts.ready + counts.overdue.unwrap_or(0) > 0 || age > limits.queue_oldest_critical
    {
        Health::Critical
    } else if age > limits.queue_oldest_warning {
        Health::Warning
    } else if counts.paused == Some(true) || queue.counts.problem.is_some() {
        Health::Moving
    } else {
        Health::Good
    }
}

fn maybe(n: Option<u64>) -> String {
    n.map_or_else(|| "?".to_owned(), count)
}

fn rows(app: &App) -> Vec<Row> {
    let columns = columns(app).len();
    let named = app.sources.iter().filter(|id| id.kind == SourceKind::Queues).count() > 1;
    let mut out = Vec::new();
    for (source, set) in &app.world.sources.queues {
        out.extend(item::trouble(source, "found", &set.found, columns, usize::from(named)));
        out.extend(set.queues.iter().map(|q| row(app, source, q, named)));
    }
    out
}

fn row(app: &App, source: &Str, queue: &Queue, named: bool) -> Row {
    let health = queue_health(app, queue);
    let empty = QueueCounts::default();
    let known = queue.counts.last();
    let counts = known.unwrap_or(&empty);
    let age = queue.oldest_age(app.now);
    let uid = format!("queue/{source}/{}", queue.name);
    let mut build = Build::new(&uid, source, queue.name.clone(), health)
        .rank(age.map_or(-1.0, |a| a.as_secs_f64()) * 1e9 + counts.ready as f64)
        .what(ItemRef::Queue {
            source: source.clone(),
            queue: queue.name.clone(),
        });
    if named {
        build = build.muted(&**source);
    }
    let paused = counts.paused == Some(true);
    let name = if paused {
        format!("{} (paused)", queue.name)
    } else {
        queue.name.to_string()
    };
    let look = |health: Health| {
        if health <= Health::Warning {
            health.role()
        } else {
            Role::Text
        }
    };
    // Each number is marked for what is wrong with it, and for nothing else.
    let bad = look(waiting_health(app, queue));
    let failing = app.failing(queue).map_or(Role::Text, |(health, _)| look(health));
    let rates = queue.rates;
    let number = |n: Option<u64>| n.map(|n| n as f64);
    let ready = if known.is_some() {
        count(counts.ready)
    } else {
        "?".to_owned()
    };
    build
        .text(name)
        .number(known.map(|c| c.ready as f64), ready, bad)
        .number(
            age.map(|a| a.as_secs_f64()),
            age.map_or_else(|| "–".to_owned(), text::age),
            if age.is_some() { bad } else { Role::TextMuted },
        )
        .number(
            rates.and_then(|r| r.added),
            per_minute(rates.and_then(|r| r.added)),
            Role::Text,
        )
        .number(
            rates.and_then(|r| r.finished),
            per_minute(rates.and_then(|r| r.finished)),
            Role::Text,
        )
        .number(number(counts.failed), maybe(counts.failed), failing)
        .number(number(counts.active), maybe(counts.active), Role::Text)
        .number(number(counts.delayed), maybe(counts.delayed), Role::Text)
        .number(
            number(counts.workers),
            maybe(counts.workers),
            if counts.workers == Some(0) { bad } else { Role::Text },
        )
        .muted(empties(queue))
        .muted(sparkline(queue.history.iter().map(|(_, n)| *n as f64), SPARK))
        .muted(worker(app, source, queue))
        .row()
}

/// `cortex-worker (KEDA 4–12)`; a guess ends in a question mark.
fn worker(app: &App, source: &Str, queue: &Queue) -> String {
    let Some(by) = app.world.worked_by(source, &queue.name) else {
        return String::new();
    };
    let mark = if by.is_guess() { "?" } else { "" };
    let scaler = by
        .scaler
        .as_ref()
        .map_or_else(String::new, |s| format!(" ({})", s.bounds()));
    format!("{}{mark}{scaler}", by.name())
}

fn per_minute(value: Option<f64>) -> String {
    value.map_or_else(|| "?".to_owned(), rate)
}

fn empties(queue: &Queue) -> String {
    match queue.empties() {
        None => "?".to_owned(),
        Some(Empties::Now) => "–".to_owned(),
        Some(Empties::Never) => "never".to_owned(),
        // A time would be no more than a wish.
        Some(Empties::In(_)) if queue.grows() => "grows".to_owned(),
        Some(Empties::In(long)) => text::age(long),
    }
}

fn summary(app: &App) -> Summary {
    let all: Vec<&Queue> = app.world.sources.queues.values().flat_map(|s| &s.queues).collect();
    let ready: u64 = all.iter().filter_map(|q| q.counts.last()).map(|c| c.ready).sum();
    let mut wrong: Vec<(Health, String)> = all
        .iter()
        .map(|q| (queue_health(app, q), *q))
        .filter(|(h, _)| *h <= Health::Warning)
        .map(|(h, q)| {
            let waits = q
                .oldest_age(app.now)
                .filter(|_| waiting_health(app, q) <= Health::Warning);
            let why = match (waits, app.failing(q)) {
                (None, Some((_, percent))) => format!(" {percent:.0} % fail"),
                (None, None) => String::new(),
                (Some(age), _) => format!(" {}", text::age(age)),
            };
            (h, format!("{}{why}", q.name))
        })
        .collect();
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: if all.is_empty() {
            String::new()
        } else {
            format!("{} ready", count(ready))
        },
        wrong,
    }
}

fn detail(app: &App, what: &ItemRef) -> Option<(String, Vec<Line>)> {
    let ItemRef::Queue { source, queue } = what else {
        return None;
    };
    let set = app.world.sources.queues.get(source)?;
    let q = set.queues.iter().find(|q| q.name == *queue)?;
    let mut lines = vec![Line::pair("system", q.system.word())];
    worked_by(app, source, q, &mut lines);
    if let Some(problem) = &q.counts.problem {
        lines.push(Line::pair_role("not read", item::problem_words(problem), Role::Warn));
    }
    if let Some(c) = q.counts.last() {
        lines.push(Line::pair("ready", count(c.ready)));
        for (label, value) in [
            ("waiting", c.waiting),
            ("prioritized", c.prioritized),
            ("held", c.held),
            ("active", c.active),
            ("stalled", c.stalled),
            ("delayed", c.delayed),
            ("overdue", c.overdue),
            ("for children", c.waiting_children),
            ("failed", c.failed),
            ("completed", c.completed),
            ("workers", c.workers),
        ] {
            if let Some(n) = value {
                lines.push(Line::pair(label, count(n)));
            }
        }
        if c.paused == Some(true) {
            lines.push(Line::pair_role(
                "paused",
                "yes: workers take nothing from it",
                Role::Warn,
            ));
        }
        let age = q
            .oldest_age(app.now)
            .map_or_else(|| "nothing waits".to_owned(), text::age);
        lines.push(Line::pair("oldest", age));
    }
    if let Some(r) = q.rates {
        lines.push(Line::pair(
            "a minute",
            format!(
                "{} in, {} out, {}",
                per_minute(r.added),
                per_minute(r.finished),
                match (rate(r.growth.abs()), r.growth < 0.0) {
                    (by, _) if by == "0" => "stands still".to_owned(),
                    (by, true) => format!("shrinks by {by}"),
                    (by, false) => format!("grows by {by}"),
                }
            ),
        ));
        let never = match q.empties() {
            Some(Empties::In(long)) if q.grows() => format!("never, as it grows; {} if nothing came", text::age(long)),
            _ => empties(q),
        };
        lines.push(Line::pair("empty in", never));
        if let (Some(failed), Some(done)) = (r.failed_10m, r.finished_10m) {
            lines.push(Line::pair(
                "in 10 min",
                format!("{} failed of {}", count(failed), count(done)),
            ));
        }
    }
    if !q.history.is_empty() {
        let values = q.history.iter().map(|(_, n)| *n as f64);
        lines.push(Line::pair("ready, 60 min", sparkline(values, 60)));
    }
    for (field, problem) in &q.missing {
        lines.push(Line::pair_role(field, item::problem_words(problem), Role::TextMuted));
    }
    failed(app, q, &mut lines);
    Some((format!("queue {source}/{queue}"), lines))
}

/// Who works it, how that is known, and what scales that.
fn worked_by(app: &App, source: &Str, q: &Queue, lines: &mut Vec<Line>) {
    let Some(by) = app.world.worked_by(source, &q.name) else {
        lines.push(Line::pair_role(
            "worked by",
            "not known: `workload` in [[platform.queues]] says it",
            Role::TextMuted,
        ));
        return;
    };
    lines.push(Line::pair("worked by", &*by.workload));
    let role = if by.is_guess() { Role::Warn } else { Role::TextMuted };
    lines.push(Line::pair_role("  known", by.how(), role));
    if by.object.is_none() && !app.world.deployments.is_empty() {
        lines.push(Line::pair_role("  but", "there is no such workload now", Role::Warn));
    }
    let Some(scaler) = &by.scaler else {
        if by.object.is_some() {
            lines.push(Line::pair_role("  scaled by", "nobody", Role::TextMuted));
        }
        return;
    };
    let who = if scaler.keda { "KEDA, ScaledObject" } else { "HPA" };
    let bounds = format!("{who} {}: {} to {}", scaler.name, scaler.min, scaler.max);
    lines.push(Line::pair("  scaled by", bounds));
    let workload = by.object.as_ref().and_then(|o| app.world.workload(o));
    if let Some(w) = workload {
        lines.push(Line::pair("  pods", format!("{} ready of {}", w.ready, w.desired)));
    }
}

fn failed(app: &App, q: &Queue, lines: &mut Vec<Line>) {
    let Some(jobs) = q.failed_jobs.last() else { return };
    lines.push(Line::default());
    lines.push(Line::new(
        format!("Failed jobs: {} of {}", jobs.jobs.len(), count(jobs.total)),
        Role::Heading,
    ));
    for job in &jobs.jobs {
        let when = job.failed_at.map_or_else(|| "?".to_owned(), |t| item::ago(app, t));
        let attempts = job.attempts.map_or_else(String::new, |n| format!(", attempt {n}"));
        lines.push(
            Line::new(format!("{when:>4}  "), Role::TextMuted)
                .and(format!("{} {}", job.id, job.name), Role::TextStrong)
                .and(attempts, Role::TextMuted),
        );
        lines.push(Line::new("      ", Role::Text).and(text::clean(&job.reason).into_owned(), Role::Warn));
        if let Some(payload) = &job.payload {
            lines.push(Line::new("      ", Role::Text).and(text::clean(payload).into_owned(), Role::TextMuted));
        }
    }
}
