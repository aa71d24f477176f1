//! The tables of the pane.

use super::super::item::{self, Build, count, lasted, rate};
use super::super::{Column, Width};
use super::{session_health, waiter_health};
use crate::app::{App, Health, ItemRef, Row};
use crate::model::postgres::{Session, Waiter};
use crate::model::{Postgres, SourceKind, Str};
use crate::text;
use crate::theme::Role;

pub(super) fn servers(app: &App) -> impl Iterator<Item = (&Str, &Postgres)> {
    app.world.sources.postgres.iter().map(|(n, p)| (n, &**p))
}

pub(super) fn many(app: &App) -> bool {
    app.sources.iter().filter(|id| id.kind == SourceKind::Postgres).count() > 1
}

pub(super) fn with_source(app: &App, mut columns: Vec<Column>) -> Vec<Column> {
    item::source_column(app, SourceKind::Postgres, &mut columns);
    columns
}

/// A row that begins with its source, where several are configured.
pub(super) fn begin(app: &App, source: &Str, uid: &str, name: &str, health: Health) -> Build {
    let build = Build::new(uid, source, name, health);
    if many(app) { build.muted(&**source) } else { build }
}

pub(super) fn bad(health: Health) -> Role {
    if health <= Health::Moving {
        health.role()
    } else {
        Role::Text
    }
}

/// A statement on one line.
fn one_line(query: Option<&str>) -> String {
    let query = query.unwrap_or("");
    let words: Vec<&str> = query.split_whitespace().collect();
    text::clean(&words.join(" ")).into_owned()
}

pub fn activity_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("user", "ROLE", Width::Fixed(9), 1),
            Column::new("age", "AGE", Width::Fixed(6), 0).right(),
            Column::new("wait", "WAIT", Width::Grow(10, 22), 0),
            Column::new("pid", "PID", Width::Fixed(7), 5).right(),
            Column::new("application", "APPLICATION", Width::Fixed(14), 6),
            Column::new("query", "QUERY", Width::Fill(18), 0),
        ],
    )
}

/// The lock tree first, roots on top and those that wait below them; then everything that runs, oldest first.
pub fn activity(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        let query_at = 5 + usize::from(many(app));
        out.extend(item::trouble(source, "activity", &pg.activity, query_at + 1, query_at));
        let mut shown = std::collections::BTreeSet::new();
        for (i, w) in pg
            .locks
            .last()
            .map(|t| t.lines.as_slice())
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            shown.insert(w.row.pid);
            out.push(waiter(app, source, i, w));
        }
        for s in pg.activity.last().map(Vec::as_slice).unwrap_or_default() {
            if !shown.contains(&s.pid) && (s.is_client() || s.age_s() > 60.0) {
                out.push(session(app, source, s));
            }
        }
    }
    out
}

fn waiter(app: &App, source: &Str, i: usize, w: &Waiter) -> Row {
    let row = &w.row;
    let age = if w.depth == 0 {
        row.xact_s.or(row.query_s)
    } else {
        row.wait_s
    }
    .unwrap_or(0.0);
    let health = waiter_health(w);
    let wait = match (w.depth, &row.lock_mode) {
        (0, _) => format!("blocks {}", w.below),
        (_, Some(mode)) => format!("lock {}", mode.trim_end_matches("Lock")),
        (_, None) => "lock".to_owned(),
    };
    let indent = "  ".repeat(w.depth);
    let mark = if w.depth > 0 { "└ " } else { "" };
    let what = match &row.state {
        Some(s) if w.depth == 0 && s.starts_with("idle") => format!("[{s}] "),
        _ => String::new(),
    };
    begin(
        app,
        source,
        &format!(
            "session/{source}/{}/{}",
            row.pid,
            row.backend_start.as_deref().unwrap_or("")
        ),
        &row.pid.to_string(),
        // The tree stays together: the order is its own.
        Health::Critical,
    )
    .sign(health)
    .rank(1e12 - i as f64)
    .what(ItemRef::Session {
        source: source.clone(),
        pid: row.pid,
        backend_start: row.backend_start.clone(),
    })
    .text(text::clean(row.user.as_deref().unwrap_or("?")))
    .number(Some(age), lasted(age), bad(health))
    .cell(wait, bad(health))
    .number(Some(f64::from(row.pid)), row.pid.to_string(), Role::TextMuted)
    .muted(text::clean(row.application.as_deref().unwrap_or("")))
    .text(format!("{indent}{mark}{what}{}", one_line(row.query.as_deref())))
    .row()
}

fn session(app: &App, source: &Str, s: &Session) -> Row {
    let health = session_health(s);
    let wait = if s.is_idle_in_transaction() {
        "idle in transaction".to_owned()
    } else {
        s.wait()
    };
    begin(
        app,
        source,
        &format!(
            "session/{source}/{}/{}",
            s.pid,
            s.backend_start.as_deref().unwrap_or("")
        ),
        &s.pid.to_string(),
        health,
    )
    .rank(s.age_s())
    .what(ItemRef::Session {
        source: source.clone(),
        pid: s.pid,
        backend_start: s.backend_start.clone(),
    })
    .text(text::clean(
        s.user.as_deref().or(s.backend_type.as_deref()).unwrap_or("?"),
    ))
    .number(Some(s.age_s()), lasted(s.age_s()), bad(health))
    .cell(
        wait,
        if s.is_idle_in_transaction() {
            bad(health)
        } else {
            Role::TextMuted
        },
    )
    .number(Some(f64::from(s.pid)), s.pid.to_string(), Role::TextMuted)
    .muted(text::clean(s.application.as_deref().unwrap_or("")))
    .text(one_line(s.query.as_deref()))
    .row()
}

pub fn statement_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("share", "SHARE", Width::Fixed(5), 0).right(),
            Column::new("mean", "MEAN", Width::Fixed(8), 0).right(),
            Column::new("calls", "CALLS/s", Width::Fixed(7), 1).right(),
            Column::new("io", "I/O", Width::Fixed(5), 4).right(),
            Column::new("rows", "ROWS", Width::Fixed(8), 5).right(),
            Column::new("user", "ROLE", Width::Fixed(9), 3),
            Column::new("query", "QUERY", Width::Fill(20), 0),
        ],
    )
}

pub fn statements(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        let at = 6 + usize::from(many(app));
        out.extend(item::trouble(source, "statements", &pg.statements, at + 1, at));
        let Some(all) = pg.statements.last() else { continue };
        for s in &all.rows {
            let share = all.share(s);
            let mean = s.mean_ms();
            let health = if mean > 500.0 && share > 0.05 {
                Health::Warning
            } else {
                Health::Good
            };
            let io = if s.window.total_ms > 0.0 {
                s.window.io_ms / s.window.total_ms
            } else {
                0.0
            };
            let uid = format!(
                "statement/{source}/{}/{}/{}",
                s.id.user_id, s.id.database_id, s.id.query_id
            );
            let query = s
                .text
                .as_deref()
                .map_or_else(|| "(text not read)".to_owned(), |t| one_line(Some(t)));
            out.push(
                begin(app, source, &uid, &s.id.query_id, health)
                    .rank(share)
                    .what(ItemRef::Statement {
                        source: source.clone(),
                        id: s.id.clone(),
                    })
                    .number(Some(share), format!("{:.0} %", share * 100.0), Role::Text)
                    .number(Some(mean), milliseconds(mean), bad(health))
                    .number(
                        all.rate(s),
                        all.rate(s).map_or_else(|| "?".to_owned(), rate),
                        Role::Text,
                    )
                    .number(
                        Some(io),
                        if io > 0.005 {
                            format!("{:.0} %", io * 100.0)
                        } else {
                            "–".to_owned()
                        },
                        Role::TextMuted,
                    )
                    .number(
                        Some(s.window.rows),
                        count(s.window.rows.max(0.0) as u64),
                        Role::TextMuted,
                    )
                    .muted(text::clean(&s.user))
                    .text(query)
                    .row(),
            );
        }
    }
    out
}

/// A time in few characters: `0.4 ms`, `412 ms`, `3.2 s`.
pub fn milliseconds(ms: f64) -> String {
    match ms {
        _ if ms < 10.0 => format!("{ms:.1} ms"),
        _ if ms < 10_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

pub fn connection_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("count", "COUNT", Width::Fixed(12), 0).right(),
            Column::new("state", "STATE", Width::Grow(12, 24), 0),
            Column::new("user", "ROLE", Width::Fixed(12), 1),
            Column::new("database", "DATABASE", Width::Fixed(14), 2),
            Column::new("application", "APPLICATION", Width::Fill(14), 0),
        ],
    )
}

pub fn connections(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        out.extend(item::trouble(
            source,
            "connections",
            &pg.connections,
            5,
            usize::from(many(app)),
        ));
        let Some(c) = pg.connections.last() else { continue };
        let share = if c.usable > 0 {
            c.total as f64 / c.usable as f64
        } else {
            0.0
        };
        let health = match share {
            s if s > 0.9 => Health::Critical,
            s if s > 0.8 => Health::Warning,
            _ => Health::Good,
        };
        let states = c
            .states()
            .into_iter()
            .map(|(s, n)| format!("{n} {s}"))
            .collect::<Vec<_>>();
        out.push(
            begin(app, source, &format!("connections/{source}"), "", Health::Critical)
                .sign(health)
                .rank(1e12)
                .cell(format!("{} of {}", c.total, c.usable), bad(health))
                .cell("in all", bad(health))
                .muted("")
                .muted("")
                .muted(text::clean(&states.join(", ")))
                .row(),
        );
        for b in &c.by {
            let part = |s: &Option<String>| text::clean(s.as_deref().unwrap_or("–")).into_owned();
            let uid = format!(
                "by/{source}/{:?}/{:?}/{:?}/{:?}",
                b.database, b.user, b.application, b.state
            );
            out.push(
                begin(app, source, &uid, "", Health::Good)
                    .rank(b.count as f64)
                    .number(Some(b.count as f64), b.count.to_string(), Role::Text)
                    .text(part(&b.state))
                    .text(part(&b.user))
                    .muted(part(&b.database))
                    .muted(part(&b.application))
                    .row(),
            );
        }
        out.extend(item::trouble(source, "pools", &pg.pools, 5, usize::from(many(app)) + 1));
        for p in pg.pools.last().map(Vec::as_slice).unwrap_or_default() {
            let waits = p.clients_waiting > 0;
            let health = match p.max_wait_s {
                s if s > 10.0 => Health::Critical,
                s if s > 1.0 => Health::Warning,
                _ => Health::Good,
            };
            out.push(
                begin(
                    app,
                    source,
                    &format!("pool/{source}/{}/{}", p.database, p.user),
                    &p.database,
                    health,
                )
                .rank(p.max_wait_s)
                .cell(
                    format!("{} waiting", p.clients_waiting),
                    if waits { bad(health) } else { Role::TextMuted },
                )
                .text(format!("pool, {}", p.mode))
                .text(text::clean(&p.user))
                .muted(text::clean(&p.database))
                .muted(format!(
                    "{} clients on {} servers, {} idle, longest wait {}",
                    p.clients_active,
                    p.servers_active,
                    p.servers_idle,
                    lasted(p.max_wait_s)
                ))
                .row(),
            );
        }
    }
    out
}

pub fn replication_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("name", "NAME", Width::Fill(16), 0),
            Column::new("what", "WHAT", Width::Fixed(10), 0),
            Column::new("lag", "LAG", Width::Fixed(8), 0).right(),
            Column::new("bytes", "BEHIND", Width::Fixed(9), 1).right(),
            Column::new("state", "STATE", Width::Grow(12, 40), 0),
        ],
    )
}

pub fn replication(app: &App) -> Vec<Row> {
    let bytes = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| text::bytes(u64::try_from(n).unwrap_or(0)));
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        let at = usize::from(many(app));
        out.extend(item::trouble(source, "replicas", &pg.replicas, 5, at));
        out.extend(item::trouble(source, "slots", &pg.slots, 5, at));
        for r in pg.replicas.last().map(Vec::as_slice).unwrap_or_default() {
            let health = match (r.lag_s, r.lag_bytes) {
                (Some(s), _) if s > 300.0 => Health::Critical,
                (Some(s), _) if s > 30.0 => Health::Warning,
                (_, Some(b)) if b > 256 << 20 => Health::Warning,
                _ => Health::Good,
            };
            let lag = r.lag_s.map_or_else(|| "–".to_owned(), lasted);
            out.push(
                begin(app, source, &format!("replica/{source}/{}", r.name), &r.name, health)
                    .text(text::clean(&r.name))
                    .muted("replica")
                    .number(r.lag_s, lag, bad(health))
                    .number(r.lag_bytes.map(|b| b as f64), bytes(r.lag_bytes), bad(health))
                    .muted(text::clean(&format!(
                        "{} {}",
                        r.state.as_deref().unwrap_or(""),
                        r.sync_state.as_deref().unwrap_or("")
                    )))
                    .row(),
            );
        }
        if let Some(s) = pg.standby.last() {
            out.push(
                begin(app, source, &format!("standby/{source}"), source, Health::Good)
                    .text(&**source)
                    .muted("standby")
                    .number(s.lag_s, s.lag_s.map_or_else(|| "–".to_owned(), lasted), Role::Text)
                    .number(s.lag_bytes.map(|b| b as f64), bytes(s.lag_bytes), Role::Text)
                    .muted(text::clean(s.receiver.as_deref().unwrap_or("no receiver")))
                    .row(),
            );
        }
        for s in pg.slots.last().map(Vec::as_slice).unwrap_or_default() {
            let kept = s.retained_bytes.unwrap_or(0);
            let lost = s.wal_status.as_deref() == Some("lost") || s.invalid.is_some();
            let health = match (s.active, kept) {
                _ if lost => Health::Critical,
                (false, k) if k > 10 << 30 => Health::Critical,
                (false, k) if k > 1 << 30 => Health::Warning,
                _ => Health::Good,
            };
            let state = if s.active { "in use" } else { "nobody reads it" };
            out.push(
                begin(app, source, &format!("slot/{source}/{}", s.name), &s.name, health)
                    .text(text::clean(&s.name))
                    .muted("slot")
                    .number(
                        s.inactive_s,
                        s.inactive_s.map_or_else(|| "–".to_owned(), lasted),
                        bad(health),
                    )
                    .number(Some(kept as f64), bytes(s.retained_bytes), bad(health))
                    .muted(text::clean(&format!(
                        "{state} {}",
                        s.wal_status.as_deref().unwrap_or("")
                    )))
                    .row(),
            );
        }
    }
    out
}
