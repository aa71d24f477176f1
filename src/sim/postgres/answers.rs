//! What the console asks, by the id in the comment of each statement.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::psql;
use super::upkeep;
use super::world::{Client, Database, seconds};

/// What a statement gives.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Rows {
        columns: Vec<&'static str>,
        rows: Vec<Vec<Option<String>>>,
    },
    Done(&'static str),
    Error {
        code: &'static str,
        message: String,
    },
    /// Not yet: ask again.
    Wait,
}

/// Who asks.
pub(super) struct Caller {
    pub pid: i32,
    pub user: String,
    pub application: String,
    pub options: String,
    pub database: String,
}

/// The name by which PgBouncer's own console is reached.
const POOLER: &str = "pgbouncer";

pub(super) fn answer(db: &mut Database, caller: &Caller, sql: &str, now: Timestamp) -> Answer {
    let answer = answered(db, caller, sql, now);
    if !matches!(answer, Answer::Wait) && changes(sql) {
        db.changes += 1;
    }
    answer
}

/// The id in the comment of a statement; empty: none.
fn id(sql: &str) -> &str {
    let after = sql.split_once("/* qd:").map(|(_, rest)| rest);
    after.and_then(|rest| rest.split_once(" */")).map_or("", |(id, _)| id)
}

fn answered(db: &mut Database, caller: &Caller, sql: &str, now: Timestamp) -> Answer {
    if caller.database == POOLER {
        return pooler(db, sql);
    }
    db.pass(now);
    let rows = match id(sql) {
        "" => return plain(db, caller, sql, now),
        "server" => vec![server(db, caller)],
        "activity" => db.clients.values().map(|c| activity(c, now)).collect(),
        "locks" => locks(db, now),
        "connections" => connections(db),
        "statements" => statements(db, now),
        "statement_info" => vec![json!({"thrown_out": 0, "stats_reset": time(db.started)})],
        "statement_texts" => db
            .statements
            .iter()
            .map(|s| json!({"query_id": s.query_id.to_string(), "query": s.query}))
            .collect(),
        "tables" => tables(db, now),
        "scanned" => scanned(db),
        "indexes" => db.indexes.iter().filter_map(index).collect(),
        "work" => db.upkeep.iter().map(|u| upkeep::work(db, u, now)).collect(),
        "horizon" => horizon(db, now),
        "databases" => ["cortex", "postgres", "template1"]
            .map(|name| {
                let age = if name == "cortex" { db.oldest_age() } else { 41_230_118 };
                json!({"name": name, "age": age, "multixact_age": 12, "freeze_max_age": 200_000_000,
                       "multixact_freeze_max_age": 400_000_000})
            })
            .to_vec(),
        "replicas" => vec![json!({
            "name": "postgres-replica-0", "client": "10.42.2.9", "state": "streaming", "sync_state": "async",
            "lag_s": 0.021, "lag_bytes": 16_384,
        })],
        "slots" => vec![json!({
            "name": "postgres_replica_0", "kind": "physical", "database": null, "active": true,
            "wal_status": "reserved", "retained_bytes": 16_384, "safe_bytes": null, "inactive_s": null, "invalid": null,
        })],
        "session" => session(db, sql, now),
        "upkeep" => upkeep::tables(db, sql, now),
        "index" => upkeep::index(db, sql),
        "counted" => upkeep::counted(db, sql, now),
        "reset" => return upkeep::reset(db, sql, now),
        "may_maintain" => vec![json!({"owners": ""})],
        "may_reset" => vec![json!({"may": true})],
        "signal" => return signal(db, sql),
        "explain" => {
            return lines(
                "QUERY PLAN",
                &["Limit  (cost=0.42..8.44 rows=1 width=72)", "  ->  Index Scan"],
            );
        }
        "standby" => Vec::new(),
        other => return no(format!("the demonstration does not know the view {other}")),
    };
    let rows = rows.into_iter().map(|row| vec![Some(row.to_string())]).collect();
    Answer::Rows {
        columns: vec!["row"],
        rows,
    }
}

/// Whether a statement is one that changes something, whatever becomes of it.
fn changes(sql: &str) -> bool {
    let (id, words) = (id(sql), psql::normal(sql));
    let begins = [
        "vacuum",
        "analyze",
        "reindex",
        "select pg_terminate_backend(",
        "select pg_cancel_backend(",
    ];
    matches!(id, "signal" | "reset") || id.is_empty() && begins.iter().any(|b| words.starts_with(b))
}

/// Without an id: what is plain enough to be known by its text.
fn plain(db: &mut Database, caller: &Caller, sql: &str, now: Timestamp) -> Answer {
    let words = psql::normal(sql);
    match words.as_str() {
        "select pg_backend_pid()::text" => return lines("pg_backend_pid", &[&caller.pid.to_string()]),
        "select 1" => return lines("?column?", &["1"]),
        "begin" | "begin read only" => return Answer::Done("BEGIN"),
        "commit" => return Answer::Done("COMMIT"),
        "rollback" => return Answer::Done("ROLLBACK"),
        _ if words.starts_with("set ") => return Answer::Done("SET"),
        _ => {}
    }
    if words.starts_with("vacuum") || words.starts_with("analyze") {
        return upkeep::maintain(db, caller, &words, now);
    }
    if let Some(index) = words.strip_prefix("reindex index concurrently ") {
        return upkeep::reindex(db, caller, index, now);
    }
    psql::answer(db, &words, now).unwrap_or_else(|| {
        no("the demonstration answers what its console and its runbooks ask, and no more".to_owned())
    })
}

pub(super) fn no(message: String) -> Answer {
    Answer::Error { code: "0A000", message }
}

pub(super) fn lines(column: &'static str, lines: &[&str]) -> Answer {
    Answer::Rows {
        columns: vec![column],
        rows: lines.iter().map(|l| vec![Some((*l).to_owned())]).collect(),
    }
}

/// As PostgreSQL writes a time.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%6f+00").to_string()
}

fn server(db: &Database, caller: &Caller) -> Value {
    let guest = caller.options.contains("statement_timeout=3000");
    json!({
        "version_num": 160_014, "version": "16.14", "in_recovery": false, "started": db.started.to_string(),
        "database": "cortex", "user": caller.user, "superuser": false, "reads_stats": true, "may_signal": true,
        "statements_schema": "public", "timescale": null, "max_connections": 100, "reserved_connections": 3,
        "autovacuum": true, "freeze_max_age": 200_000_000, "encrypted": false,
        "statement_timeout": if guest { "3s" } else { "0" }, "lock_timeout": if guest { "200ms" } else { "5s" },
        "read_only": if guest { "on" } else { "off" }, "now_s": 0.0,
    })
}

fn activity(c: &Client, now: Timestamp) -> Value {
    let waits = c.lock.map(|(kind, _, _)| kind);
    json!({
        "pid": c.pid, "leader_pid": null, "backend_type": "client backend", "database": "cortex", "user": c.user,
        "application": c.application, "client": c.address, "state": c.state,
        "wait_event_type": if waits.is_some() { Some("Lock") } else if c.state == "active" { None } else { Some("Client") },
        "wait_event": waits.or((c.state != "active").then_some("ClientRead")),
        "query_id": null, "backend_start": time(c.started), "xact_s": c.xact.map(|x| seconds(now, x)),
        "query_s": seconds(now, c.query_start), "state_s": seconds(now, c.state_change),
        "xmin_age": if c.state == "active" { Some(1200) } else { None }, "query": c.query,
    })
}

fn locks(db: &Database, now: Timestamp) -> Vec<Value> {
    let blocks = |pid: i32| db.clients.values().any(|c| c.blocked_by.contains(&pid));
    db.clients
        .values()
        .filter(|c| !c.blocked_by.is_empty() || blocks(c.pid))
        .map(|c| {
            let (kind, mode, relation) = c.lock.unzip3();
            json!({
                "pid": c.pid, "blocked_by": c.blocked_by, "database": "cortex", "user": c.user,
                "application": c.application, "client": c.address, "state": c.state, "backend_start": time(c.started),
                "xact_s": c.xact.map(|x| seconds(now, x)), "query_s": seconds(now, c.query_start),
                "state_s": seconds(now, c.state_change), "query": c.query, "lock_type": kind, "lock_mode": mode,
                "relation": relation.filter(|r| !r.is_empty()),
                "wait_s": c.lock.map(|_| seconds(now, c.query_start)),
            })
        })
        .collect()
}

/// `Option::unzip` of three.
trait Unzip<A, B, C> {
    fn unzip3(self) -> (Option<A>, Option<B>, Option<C>);
}

impl<A, B, C> Unzip<A, B, C> for Option<(A, B, C)> {
    fn unzip3(self) -> (Option<A>, Option<B>, Option<C>) {
        match self {
            Some((a, b, c)) => (Some(a), Some(b), Some(c)),
            None => (None, None, None),
        }
    }
}

/// By state, as both the console and psql count them.
pub(super) fn states(db: &Database) -> Vec<(&'static str, i64)> {
    let mut all = vec![("idle", db.pools.values().sum())];
    for state in ["active", "idle in transaction"] {
        let n = db.clients.values().filter(|c| c.state == state).count();
        if n > 0 {
            all.push((state, i64::try_from(n).unwrap_or_default()));
        }
    }
    all
}

fn connections(db: &Database) -> Vec<Value> {
    let row = |application: &str, state: &str, n: i64| json!({"database": "cortex", "user": "cortex", "application": application, "state": state, "count": n});
    let idle = db.pools.iter().map(|(application, n)| row(application, "idle", *n));
    let mut at_work = BTreeMap::new();
    for c in db.clients.values() {
        *at_work.entry((c.application, c.state)).or_insert(0) += 1;
    }
    let at_work = at_work
        .into_iter()
        .map(|((application, state), n)| row(application, state, n));
    idle.chain(at_work).collect()
}

fn statements(db: &Database, now: Timestamp) -> Vec<Value> {
    let total = |s: &super::world::Counted| s.calls(now) * s.mean_ms;
    let all: f64 = db.statements.iter().map(total).sum();
    let mut sorted: Vec<_> = db.statements.iter().collect();
    sorted.sort_by(|a, b| total(b).total_cmp(&total(a)));
    sorted
        .into_iter()
        .map(|s| {
            let calls = s.calls(now);
            json!({
                "user_id": 16_385, "database_id": 16_386, "query_id": s.query_id.to_string(), "top_level": true,
                "user": "cortex", "database": "cortex", "calls": calls, "total_ms": calls * s.mean_ms, "rows": calls * 4.0,
                "io_ms": calls * s.mean_ms * 0.3, "blocks_hit": calls * 40.0, "blocks_read": calls * 3.0,
                "temp_blocks": 0.0, "wal_bytes": 0.0, "max_ms": s.mean_ms * 9.0, "all_ms": all,
            })
        })
        .collect()
}

fn tables(db: &Database, now: Timestamp) -> Vec<Value> {
    let mut all: Vec<_> = db.tables.iter().collect();
    let ratio = |t: &super::world::Table| t.dead(now) as f64 / t.threshold;
    all.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
    all.into_iter()
        .map(|t| {
            json!({
                "oid": t.oid, "schema": "public", "name": t.name, "live": t.live, "dead": t.dead(now), "modified": 4_000,
                "threshold": t.threshold, "autovacuum": true, "bytes": t.bytes,
                "vacuumed": t.vacuumed.max(t.autovacuumed).map(|t| t.to_string()),
                "analyzed": t.analyzed.map(|t| t.to_string()), "vacuums": t.vacuums + 40, "frozen_age": db.frozen_age(t.name),
            })
        })
        .collect()
}

/// What the list of indexes shows: those that something is to be said of.
fn index(i: &super::world::Index) -> Option<Value> {
    let shown = !i.valid || i.unused || i.duplicate_of.is_some();
    shown.then(|| {
        json!({
            "oid": i.oid, "schema": "public", "table": i.table, "name": i.name, "bytes": i.bytes,
            "scans": 0, "invalid": !i.valid, "unused": i.unused, "duplicate_of": i.duplicate_of,
        })
    })
}

/// PgBouncer's console: clients wait for a server while the lock holds the pool's.
fn pooler(db: &Database, sql: &str) -> Answer {
    match psql::normal(sql).as_str() {
        "show pools" => {}
        "show version" => return lines("version", &["PgBouncer 1.22.1"]),
        _ => return no("the demonstration's PgBouncer knows SHOW POOLS and SHOW VERSION".to_owned()),
    }
    let columns = vec![
        "database",
        "user",
        "cl_active",
        "cl_waiting",
        "sv_active",
        "sv_idle",
        "sv_used",
        "maxwait",
        "maxwait_us",
        "pool_mode",
    ];
    let busy = i64::try_from(db.clients.len()).unwrap_or_default();
    let waits = if busy > 4 { 2 } else { 0 };
    let pool = |database: &str, user: &str, active: i64, waiting: i64, idle: i64, mode: &str| {
        let n = |n: i64| n.to_string();
        let us = n(waiting * 180_000);
        [
            database.to_owned(),
            user.to_owned(),
            n(active + waiting),
            n(waiting),
            n(active),
            n(idle),
            n(0),
            n(0),
            us,
            mode.to_owned(),
        ]
        .map(Some)
        .to_vec()
    };
    let rows = vec![
        pool(
            "cortex",
            "cortex",
            busy,
            waits,
            db.pools.values().sum::<i64>() / 2,
            "transaction",
        ),
        pool("cortex", "metabase", 0, 0, 2, "session"),
        pool("pgbouncer", "pgbouncer", 1, 0, 0, "statement"),
    ];
    Answer::Rows { columns, rows }
}

fn scanned(db: &Database) -> Vec<Value> {
    db.tables
        .iter()
        .filter(|t| t.scans > t.index_scans)
        .map(|t| {
            json!({"schema": "public", "name": t.name, "scans": t.scans, "rows_read": t.rows_read,
                   "index_scans": t.index_scans, "live": t.live, "bytes": t.bytes})
        })
        .collect()
}

fn horizon(db: &Database, now: Timestamp) -> Vec<Value> {
    let mut all: Vec<&Client> = db.clients.values().filter(|c| c.state == "active").collect();
    all.sort_by_key(|c| c.xact);
    all.into_iter()
        .map(|c| {
            json!({
                "kind": "session", "name": c.pid.to_string(), "age": 900, "database": "cortex", "user": c.user,
                "state": c.state, "since_s": null, "query": c.query, "xact_s": c.xact.map(|x| seconds(now, x)),
            })
        })
        .collect()
}

/// The number after a text.
pub(super) fn number(sql: &str, after: &str) -> Option<i32> {
    let (_, rest) = sql.split_once(after)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The first quoted text after another one.
pub(super) fn quoted<'a>(sql: &'a str, after: &str) -> Option<&'a str> {
    let (_, rest) = sql.split_once(after)?;
    rest.split('\'').nth(1)
}

/// The session of a pid and the start that goes with it.
fn named<'a>(db: &'a Database, sql: &str) -> Option<&'a Client> {
    let client = db.clients.get(&number(sql, "WHERE a.pid =")?)?;
    quoted(sql, "a.backend_start =")
        .is_some_and(|start| start == time(client.started))
        .then_some(client)
}

fn session(db: &Database, sql: &str, now: Timestamp) -> Vec<Value> {
    let Some(c) = named(db, sql) else { return Vec::new() };
    let blocks = db.clients.values().filter(|o| o.blocked_by.contains(&c.pid)).count();
    let mut line = vec![c.pid];
    let mut at = 0;
    while let Some(pid) = line.get(at).copied() {
        let behind = db.clients.values().filter(|o| o.blocked_by.contains(&pid));
        let new: Vec<_> = behind.map(|o| o.pid).filter(|pid| !line.contains(pid)).collect();
        line.extend(new);
        at += 1;
    }
    vec![json!({
        "user": c.user, "application": c.application, "backend_type": "client backend", "state": c.state,
        "query": c.query, "query_start": time(c.query_start), "xact_s": c.xact.map(|x| seconds(now, x)),
        "query_s": seconds(now, c.query_start), "is_super": false, "may": true, "blocks": blocks,
        "behind": line.len() - 1,
    })]
}

fn signal(db: &mut Database, sql: &str) -> Answer {
    let Some(pid) = named(db, sql).map(|c| c.pid) else {
        return lines("text", &[]);
    };
    let terminate = sql.contains("pg_terminate_backend");
    match db.signal(pid, terminate) {
        Some(_) => lines("text", &["true"]),
        None => lines("text", &[]),
    }
}

/// How long ago, as psql shows an interval.
pub(super) fn interval(now: Timestamp, then: Timestamp) -> String {
    let all = now.duration_since(then).max(SignedDuration::ZERO);
    let s = all.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        s / 3600,
        s / 60 % 60,
        s % 60,
        all.subsec_micros()
    )
}
