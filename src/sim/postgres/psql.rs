//! What the platform's runbooks give to `psql`, by their text: the same rows as the console shows.

use jiff::Timestamp;

use super::answers::{Answer, interval, lines, number, states, time};
use super::world::Database;

/// One blank between words, lower case, no comment, nothing at the ends.
pub(super) fn normal(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    words.join(" ").trim_end_matches(';').trim().to_lowercase()
}

fn rows(columns: &[&'static str], rows: Vec<Vec<String>>) -> Answer {
    Answer::Rows {
        columns: columns.to_vec(),
        rows: rows
            .into_iter()
            .map(|row| row.into_iter().map(|f| (f != "\0").then_some(f)).collect())
            .collect(),
    }
}

/// A time, or no value.
fn maybe(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "\0".to_owned(), time)
}

pub(super) fn answer(db: &mut Database, sql: &str, now: Timestamp) -> Option<Answer> {
    if let Some(pid) = number(sql, "select pg_terminate_backend(") {
        let ended = db.signal(pid, true).unwrap_or(false);
        return Some(lines("pg_terminate_backend", &[if ended { "t" } else { "f" }]));
    }
    if let Some(pid) = number(sql, "select pg_cancel_backend(") {
        let ended = db.signal(pid, false).unwrap_or(false);
        return Some(lines("pg_cancel_backend", &[if ended { "t" } else { "f" }]));
    }
    Some(match sql {
        "select pg_stat_reset()" => Answer::Error {
            code: "42501",
            message: "permission denied for function pg_stat_reset".to_owned(),
        },
        "select count(*), state from pg_stat_activity group by state" => {
            let all = states(db);
            rows(
                &["count", "state"],
                all.into_iter()
                    .map(|(state, n)| vec![n.to_string(), state.to_owned()])
                    .collect(),
            )
        }
        "select * from pg_stat_activity where state = 'active'" => rows(
            &[
                "datname",
                "pid",
                "usename",
                "application_name",
                "client_addr",
                "backend_start",
                "xact_start",
                "query_start",
                "state_change",
                "wait_event_type",
                "wait_event",
                "state",
                "query",
            ],
            db.clients
                .values()
                .filter(|c| c.state == "active")
                .map(|c| {
                    let waits = c.lock.map_or("\0", |(kind, _, _)| kind);
                    [
                        "cortex",
                        &c.pid.to_string(),
                        c.user,
                        c.application,
                        c.address,
                        &time(c.started),
                        &maybe(c.xact),
                        &time(c.query_start),
                        &time(c.state_change),
                        if c.lock.is_some() { "Lock" } else { "\0" },
                        waits,
                        c.state,
                        c.query,
                    ]
                    .map(str::to_owned)
                    .to_vec()
                })
                .collect(),
        ),
        "select pid, now() - pg_stat_activity.query_start as duration, query from pg_stat_activity where state = \
         'active' and now() - pg_stat_activity.query_start > interval '30 seconds'" => rows(
            &["pid", "duration", "query"],
            db.clients
                .values()
                .filter(|c| c.state == "active" && now.duration_since(c.query_start).as_secs() > 30)
                .map(|c| vec![c.pid.to_string(), interval(now, c.query_start), c.query.to_owned()])
                .collect(),
        ),
        "select query, calls, mean_time, total_time from pg_stat_statements order by mean_time desc limit 10" => {
            let mut all: Vec<_> = db.statements.iter().collect();
            all.sort_by(|a, b| b.mean_ms.total_cmp(&a.mean_ms));
            rows(
                &["query", "calls", "mean_time", "total_time"],
                all.into_iter()
                    .take(10)
                    .map(|s| {
                        let calls = s.calls(now);
                        vec![
                            s.query.to_owned(),
                            format!("{calls:.0}"),
                            s.mean_ms.to_string(),
                            (calls * s.mean_ms).to_string(),
                        ]
                    })
                    .collect(),
            )
        }
        "select relname, seq_scan, idx_scan from pg_stat_user_tables where seq_scan > idx_scan order by seq_scan desc" =>
        {
            let mut all: Vec<_> = db.tables.iter().filter(|t| t.scans > t.index_scans).collect();
            all.sort_by_key(|t| std::cmp::Reverse(t.scans));
            rows(
                &["relname", "seq_scan", "idx_scan"],
                all.into_iter()
                    .map(|t| vec![t.name.to_owned(), t.scans.to_string(), t.index_scans.to_string()])
                    .collect(),
            )
        }
        "select blocked_locks.pid as blocked_pid, blocking_locks.pid as blocking_pid, blocked_activity.usename as \
         blocked_user from pg_catalog.pg_locks blocked_locks join pg_catalog.pg_locks blocking_locks on \
         blocking_locks.locktype = blocked_locks.locktype where not blocked_locks.granted" => rows(
            &["blocked_pid", "blocking_pid", "blocked_user"],
            db.clients
                .values()
                .flat_map(|c| {
                    c.blocked_by
                        .iter()
                        .map(|by| vec![c.pid.to_string(), by.to_string(), c.user.to_owned()])
                })
                .collect(),
        ),
        "select schemaname, relname, n_dead_tup, last_vacuum, last_autovacuum from pg_stat_user_tables order by \
         n_dead_tup desc limit 10" => {
            let mut all: Vec<_> = db.tables.iter().collect();
            all.sort_by_key(|t| std::cmp::Reverse(t.dead(now)));
            rows(
                &["schemaname", "relname", "n_dead_tup", "last_vacuum", "last_autovacuum"],
                all.into_iter()
                    .take(10)
                    .map(|t| {
                        vec![
                            "public".to_owned(),
                            t.name.to_owned(),
                            t.dead(now).to_string(),
                            maybe(t.vacuumed),
                            maybe(t.autovacuumed),
                        ]
                    })
                    .collect(),
            )
        }
        _ => return None,
    })
}
