//! `qd queries`

use serde_json::{Value, json};

use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::model::postgres::{Session, Statements, TableStat};
use crate::model::{Postgres, Problem, Seen, SourceId, SourceKind, Str, World};
use crate::text::{age, clean};

/// What every PostgreSQL of the platform is doing. Wrong when a session waits for a lock.
///
/// JSON: `{"postgres": [{name, version, database, wire, in_recovery, sessions: [{pid, backend_start, user, database,
/// application, state, wait, seconds, query}], locks: [{pid, depth, blocked_by, waits_seconds, state, query}],
/// statements: [{query_id, user, database, calls, total_ms, mean_ms, share, query}], window_seconds, tables: [{name,
/// live, dead, threshold, vacuumed, analyzed}], connections: {total, usable, max, states}, work, horizon, databases,
/// replicas, slots, pools, indexes, problems: {view: sentence}}]}`. A view that could not be read is `null`.
pub fn queries(world: &World, output: Output) -> Answer {
    let mut doubts = super::source_doubts::doubts(world, SourceKind::Postgres);
    let mut blocked = false;
    for (name, server) in &world.sources.postgres {
        let id = SourceId {
            kind: SourceKind::Postgres,
            name: Str::clone(name),
        };
        // Of a server that is not reached one sentence is enough.
        let lost = world.sources.reach.get(&id).is_some_and(|r| !r.is_fresh());
        let known = if lost { Vec::new() } else { problems(server) };
        // What the server does not have is no doubt about what it has.
        let known = known.into_iter().filter(|(_, p)| !matches!(p, Problem::Absent { .. }));
        doubts.extend(known.map(|(view, why)| format!("{name}: {view}: {}", sentence(why))));
        blocked |= server.locks.fresh().is_some_and(|t| t.waiters().next().is_some());
    }
    let text = match output {
        Output::Table => table(world),
        Output::Json => {
            let all: Vec<Value> = world
                .sources
                .postgres
                .iter()
                .map(|(name, p)| document(name, p))
                .collect();
            super::json(&json!({ "postgres": all }))
        }
    };
    let verdict = Verdict::of(blocked, &doubts);
    Answer { text, doubts, verdict }
}

/// One sentence of what was in the way.
pub fn sentence(problem: &Problem) -> String {
    let text = match problem {
        Problem::Denied { what, grant } => format!("no right to read {what}: {grant}"),
        Problem::Absent { what, how } => format!("no {what}: {how}"),
        Problem::Locked(what) | Problem::TimedOut(what) | Problem::Failed(what) => what.to_string(),
    };
    clean(&text).into_owned()
}

fn problems(p: &Postgres) -> Vec<(&'static str, &Problem)> {
    let all = [
        ("sessions", &p.activity.problem),
        ("locks", &p.locks.problem),
        ("connections", &p.connections.problem),
        ("statements", &p.statements.problem),
        ("tables", &p.tables.problem),
        ("scanned", &p.scanned.problem),
        ("indexes", &p.indexes.problem),
        ("work", &p.work.problem),
        ("horizon", &p.horizon.problem),
        ("databases", &p.databases.problem),
        ("replicas", &p.replicas.problem),
        ("standby", &p.standby.problem),
        ("slots", &p.slots.problem),
        ("pools", &p.pools.problem),
    ];
    all.into_iter()
        .filter_map(|(view, problem)| Some((view, problem.as_ref()?)))
        .collect()
}

fn line(query: Option<&str>) -> String {
    let words = query
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    clean(&words).into_owned()
}

fn span(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.0}s");
    }
    age(jiff::SignedDuration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default())
}

fn owned(text: Option<&String>) -> String {
    text.map(|t| clean(t).into_owned()).unwrap_or_default()
}

fn table(world: &World) -> String {
    let mut sessions = Table::new([
        "SERVER",
        "PID",
        "FOR",
        "STATE",
        "WAITS FOR",
        "BLOCKED BY",
        "USER",
        "QUERY",
    ]);
    for (name, p) in &world.sources.postgres {
        let by = |pid: i32| {
            let waiter = p.locks.last()?.waiters().find(|w| w.row.pid == pid)?;
            let all: Vec<String> = waiter.row.blocked_by.iter().map(ToString::to_string).collect();
            Some(all.join(","))
        };
        for s in p.activity.last().into_iter().flatten() {
            sessions.row([
                name.to_string(),
                s.pid.to_string(),
                span(s.age_s()),
                owned(s.state.as_ref()),
                clean(&s.wait()).into_owned(),
                by(s.pid).unwrap_or_default(),
                owned(s.user.as_ref()),
                line(s.query.as_deref()).chars().take(100).collect(),
            ]);
        }
    }
    sessions.to_string()
}

fn seen<T>(view: &Seen<T>, draw: impl Fn(&T) -> Value) -> Value {
    view.last().map_or(Value::Null, draw)
}

fn session(s: &Session) -> Value {
    json!({
        "pid": s.pid, "backend_start": s.backend_start, "user": owned(s.user.as_ref()),
        "database": owned(s.database.as_ref()), "application": owned(s.application.as_ref()),
        "state": owned(s.state.as_ref()), "wait": clean(&s.wait()), "seconds": s.age_s(),
        "query": line(s.query.as_deref()),
    })
}

fn statements(all: &Statements) -> Value {
    let rows = all.rows.iter().map(|s| {
        json!({
            "query_id": s.id.query_id, "user": clean(&s.user), "database": clean(&s.database),
            "calls": s.window.calls, "total_ms": s.window.total_ms, "mean_ms": s.mean_ms(), "share": all.share(s),
            "io_ms": s.window.io_ms, "query": s.text.as_deref().map(|q| line(Some(q))),
        })
    });
    rows.collect::<Vec<_>>().into()
}

fn upkeep(t: &TableStat) -> Value {
    json!({
        "name": clean(&t.full_name()), "live": t.live, "dead": t.dead, "threshold": t.threshold,
        "ratio": t.ratio(), "vacuumed": t.vacuumed, "analyzed": t.analyzed, "autovacuum": t.autovacuum,
        "bytes": t.bytes,
        "chunks": t.chunks.as_ref().map(|c| json!({ "count": c.count, "worst": clean(&c.worst), "ratio": c.ratio })),
    })
}

fn document(name: &str, p: &Postgres) -> Value {
    let problems: serde_json::Map<String, Value> = problems(p)
        .into_iter()
        .map(|(view, why)| (view.to_owned(), sentence(why).into()))
        .collect();
    let server = p.server.last();
    json!({
        "name": name,
        "version": server.map(|s| clean(&s.version)),
        "database": server.map(|s| clean(&s.database)),
        "in_recovery": server.map(|s| s.in_recovery),
        "wire": &*p.wire,
        "sessions": seen(&p.activity, |all| all.iter().map(session).collect::<Vec<_>>().into()),
        "locks": seen(&p.locks, |tree| tree.lines.iter().map(|w| json!({
            "pid": w.row.pid, "depth": w.depth, "below": w.below, "blocked_by": w.row.blocked_by,
            "waits_seconds": w.row.wait_s, "state": owned(w.row.state.as_ref()),
            "relation": owned(w.row.relation.as_ref()), "query": line(w.row.query.as_deref()),
        })).collect::<Vec<_>>().into()),
        "statements": seen(&p.statements, statements),
        "window_seconds": p.statements.last().and_then(|s| s.window_s),
        "tables": seen(&p.tables, |all| all.iter().map(upkeep).collect::<Vec<_>>().into()),
        "connections": seen(&p.connections, |c| json!({
            "total": c.total, "usable": c.usable, "max": c.max,
            "states": c.states().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        })),
        "work": seen(&p.work, |all| all.iter().map(|w| json!({
            "pid": w.pid, "what": clean(&w.what), "table": owned(w.table.as_ref()), "phase": clean(&w.phase),
            "percent": w.percent, "seconds": w.since_s, "autovacuum": w.autovacuum,
        })).collect::<Vec<_>>().into()),
        "horizon": seen(&p.horizon, |all| all.iter().map(|h| json!({
            "kind": clean(&h.kind), "name": clean(&h.name), "age": h.age, "seconds": h.since_s,
        })).collect::<Vec<_>>().into()),
        "databases": seen(&p.databases, |all| all.iter().map(|d| json!({
            "name": clean(&d.name), "age": d.age, "freeze_max_age": d.freeze_max_age,
        })).collect::<Vec<_>>().into()),
        "replicas": seen(&p.replicas, |all| all.iter().map(|r| json!({
            "name": clean(&r.name), "state": owned(r.state.as_ref()), "lag_seconds": r.lag_s, "lag_bytes": r.lag_bytes,
        })).collect::<Vec<_>>().into()),
        "slots": seen(&p.slots, |all| all.iter().map(|s| json!({
            "name": clean(&s.name), "kind": clean(&s.kind), "active": s.active,
            "wal_status": owned(s.wal_status.as_ref()), "retained_bytes": s.retained_bytes,
        })).collect::<Vec<_>>().into()),
        "pools": seen(&p.pools, |all| all.iter().map(|o| json!({
            "database": clean(&o.database), "user": clean(&o.user), "mode": clean(&o.mode),
            "clients_active": o.clients_active, "clients_waiting": o.clients_waiting,
            "servers_active": o.servers_active, "servers_idle": o.servers_idle, "max_wait_seconds": o.max_wait_s,
        })).collect::<Vec<_>>().into()),
        "indexes": seen(&p.indexes, |all| all.iter().map(|i| json!({
            "name": clean(&format!("{}.{}", i.schema, i.name)), "table": clean(&i.table), "bytes": i.bytes,
            "invalid": i.invalid, "unused": i.unused, "duplicate_of": i.duplicate_of.as_ref().map(|d| clean(d).into_owned()),
        })).collect::<Vec<_>>().into()),
        "problems": problems,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::model::postgres::{LockRow, LockTree};
    use crate::model::{Batch, Source};

    #[test]
    fn what_waits_is_wrong_and_what_is_not_known_is_said() {
        let at: Timestamp = "2026-11-01T14:00:00Z".parse().unwrap();
        let row = |pid, by: &[i32]| LockRow {
            pid,
            blocked_by: by.to_vec(),
            query: Some("UPDATE\u{1b}[31m t".to_owned()),
            ..LockRow::default()
        };
        let mut server = Postgres {
            locks: Seen::read(LockTree::of(vec![row(1, &[]), row(2, &[1])]), at),
            ..Postgres::default()
        };
        server.activity.failed(Problem::Denied {
            what: "sessions of others".into(),
            grant: "GRANT pg_monitor TO \"qd\";".into(),
        });
        let mut world = World::default();
        let id = SourceId {
            kind: SourceKind::Postgres,
            name: "core".into(),
        };
        world.apply(Batch {
            sources: vec![(id.clone(), Source::Postgres(Arc::new(server)))],
            reach: vec![(id, crate::model::Freshness::Fresh)],
            ..Batch::default()
        });
        let answer = queries(&world, Output::Json);
        assert_eq!(answer.verdict, Verdict::Wrong);
        assert_eq!(
            answer.doubts,
            ["core: sessions: no right to read sessions of others: GRANT pg_monitor TO \"qd\";"]
        );
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(value["postgres"][0]["locks"][1]["blocked_by"], json!([1]));
        assert_eq!(value["postgres"][0]["sessions"], Value::Null);
        assert!(!answer.text.contains("\\u001b"), "{}", answer.text);
    }
}
