//! The rules over PostgreSQL on small worlds.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::testing::{secs, t0};
use super::{Judge, Signal, Thresholds};
use crate::model::postgres::{
    Connections, ConnectionsBy, Counters, DatabaseAge, Holder, LockRow, LockTree, Pool, Replica, Session, Slot,
    Statement, StatementId, Statements, TableStat,
};
use crate::model::{Batch, Freshness, Postgres, Problem, Seen, Source, SourceId, SourceKind, World};

fn fresh<T>(value: T) -> Seen<T> {
    Seen::read(value, t0())
}

fn session(pid: i32, state: &str, age_s: f64) -> Session {
    serde_json::from_value(serde_json::json!({
        "pid": pid, "leader_pid": null, "backend_type": "client backend", "database": "cortex", "user": "cortex",
        "application": "cortex-api", "client": null, "state": state, "wait_event_type": null, "wait_event": null,
        "query_id": null, "backend_start": "b", "xact_s": age_s, "query_s": age_s, "state_s": age_s, "xmin_age": null,
        "query": "SELECT  *\nFROM threads",
    }))
    .unwrap()
}

fn waiter(pid: i32, by: &[i32], wait_s: f64) -> LockRow {
    LockRow {
        pid,
        blocked_by: by.to_vec(),
        application: Some("cortex-import".into()),
        state: Some("idle in transaction".into()),
        backend_start: Some("b".into()),
        query: Some("UPDATE threads".into()),
        wait_s: (!by.is_empty()).then_some(wait_s),
        ..LockRow::default()
    }
}

fn table(dead: i64) -> TableStat {
    TableStat {
        oid: 1,
        schema: "public".into(),
        name: "observations".into(),
        live: 1000,
        dead,
        modified: 0,
        threshold: 1000.0,
        autovacuum: true,
        bytes: 1 << 30,
        vacuumed: None,
        analyzed: None,
        vacuums: 0,
        frozen_age: None,
        chunks: None,
    }
}

fn connections(total: i64) -> Connections {
    let by = ConnectionsBy {
        database: None,
        user: None,
        application: None,
        state: Some("idle".into()),
        count: total,
    };
    Connections {
        usable: 100,
        max: 103,
        total,
        by: vec![by],
    }
}

fn statements(mean_ms: f64, all_ms: f64, window_s: Option<f64>) -> Statements {
    let window = Counters {
        calls: 10.0,
        total_ms: mean_ms * 10.0,
        ..Counters::default()
    };
    let statement = Statement {
        id: StatementId {
            user_id: 1,
            database_id: 1,
            query_id: "77".into(),
            top_level: true,
        },
        user: "u".into(),
        database: "d".into(),
        text: Some("SELECT $1".into()),
        window,
        ever: window,
        max_ms: 1.0,
    };
    Statements {
        rows: vec![statement],
        window_s,
        all_ms,
        thrown_out: None,
    }
}

fn database(age: i64) -> DatabaseAge {
    DatabaseAge {
        name: "cortex".into(),
        age,
        multixact_age: 0,
        freeze_max_age: 200_000_000,
        multixact_freeze_max_age: 400_000_000,
    }
}

fn slot(active: bool, retained: i64, status: &str) -> Slot {
    Slot {
        name: "s".into(),
        kind: "physical".into(),
        database: None,
        active,
        wal_status: Some(status.into()),
        retained_bytes: Some(retained),
        safe_bytes: None,
        inactive_s: None,
        invalid: None,
    }
}

/// What is raised `after` its time, as `severity id: sentence`.
fn judged(server: Postgres, after: SignedDuration) -> Vec<String> {
    let mut world = World::default();
    let id = SourceId {
        kind: SourceKind::Postgres,
        name: "core".into(),
    };
    world.apply(Batch {
        sources: vec![(id, Source::Postgres(Arc::new(server)))],
        ..Batch::default()
    });
    let mut judge = Judge::new(Thresholds::default());
    judge.update(&world, t0());
    let now: Timestamp = t0() + after;
    judge.update(&world, now);
    let line = |s: &Signal| format!("{} {}: {}", s.severity.word(), s.id, s.line(now));
    judge.signals().iter().map(line).collect()
}

#[test]
fn each_rule_says_what_is_wrong_since_when_and_why() {
    type Case = (&'static str, fn(&mut Postgres), i64, &'static [&'static str]);
    let cases: &[Case] = &[
        (
            "all well",
            |p| p.activity = fresh(vec![session(1, "active", 3.0)]),
            0,
            &[],
        ),
        (
            "a blocker",
            |p| {
                p.locks = fresh(LockTree::of(vec![
                    waiter(7, &[], 0.0),
                    waiter(8, &[7], 30.0),
                    waiter(9, &[8], 12.0),
                ]));
            },
            0,
            &[
                "warning pg.blocked: core: 2 sessions waiting on locks blocked for <1m — pid 7 (cortex-import, idle in transaction) UPDATE threads",
            ],
        ),
        (
            "a blocker for long",
            |p| p.locks = fresh(LockTree::of(vec![waiter(7, &[], 0.0), waiter(8, &[7], 61.0)])),
            0,
            &[
                "critical pg.blocked: core: 1 session waiting on locks blocked for 1m — pid 7 (cortex-import, idle in transaction) UPDATE threads",
            ],
        ),
        (
            "many wait",
            |p| {
                p.locks = fresh(LockTree::of(
                    (1..=12)
                        .map(|n| waiter(n, if n == 1 { &[] } else { &[1] }, 1.0))
                        .collect(),
                ));
            },
            0,
            &[
                "critical pg.blocked: core: 11 sessions waiting on locks blocked for <1m — pid 1 (cortex-import, idle in transaction) UPDATE threads",
            ],
        ),
        (
            "long queries",
            |p| p.activity = fresh(vec![session(1, "active", 31.0), session(2, "active", 301.0)]),
            0,
            &["critical pg.long-query: core: 2 sessions running for 5m — pid 2 (cortex-api) SELECT * FROM threads"],
        ),
        (
            "idle in a transaction",
            |p| p.activity = fresh(vec![session(1, "idle in transaction", 61.0)]),
            0,
            &[
                "warning pg.idle-in-tx: core: 1 session idle in transaction for 1m — pid 1 (cortex-api) SELECT * FROM threads",
            ],
        ),
        (
            "connections not yet",
            |p| p.connections = fresh(connections(85)),
            60,
            &[],
        ),
        (
            "connections",
            |p| p.connections = fresh(connections(90)),
            121,
            &["critical pg.connections: core: connections 90 of 100 used, seen for 2m — 90 idle"],
        ),
        (
            "lifetime says nothing",
            |p| p.statements = fresh(statements(900.0, 9000.0, None)),
            301,
            &[],
        ),
        (
            "a slow statement",
            |p| p.statements = fresh(statements(900.0, 9000.0, Some(60.0))),
            301,
            &[
                "warning pg.slow-statement: core: statement slow, 900 ms on average, seen for 5m — 100 % of the time SELECT $1",
            ],
        ),
        (
            "slow but rare",
            |p| p.statements = fresh(statements(900.0, 900_000.0, Some(60.0))),
            301,
            &[],
        ),
        (
            "dead rows",
            |p| p.tables = fresh(vec![table(3000)]),
            601,
            &[
                "warning pg.dead-tuples: core: table public.observations has 3,000 dead rows, 3 × its threshold, seen for 10m",
            ],
        ),
        (
            "dead rows that stay",
            |p| {
                p.tables = fresh(vec![table(3000)]);
                p.horizon = fresh(vec![Holder {
                    kind: "session".into(),
                    name: "7".into(),
                    age: 5000,
                    database: None,
                    user: None,
                    state: None,
                    since_s: Some(4000.0),
                    query: None,
                }]);
            },
            601,
            &[
                "critical pg.dead-tuples: core: table public.observations has 3,000 dead rows, 3 × its threshold, seen for 10m — session 7 holds the old rows",
            ],
        ),
        (
            "wraparound",
            |p| p.databases = fresh(vec![database(1_250_000_000)]),
            0,
            &[
                "critical pg.wraparound: core: database cortex is 1250 million transactions from its last freeze, seen for <1m — it stops at 2,147 million",
            ],
        ),
        (
            "a slot",
            |p| p.slots = fresh(vec![slot(false, 2 << 30, "reserved"), slot(true, 99 << 30, "reserved")]),
            301,
            &["warning pg.slot: core: slot s is inactive, seen for 5m — it retains 2.0 GiB"],
        ),
        (
            "a pool",
            |p| {
                p.pools = fresh(vec![Pool {
                    database: "cortex".into(),
                    user: "app".into(),
                    clients_waiting: 3,
                    servers_active: 20,
                    max_wait_s: 12.0,
                    ..Pool::default()
                }]);
            },
            31,
            &[
                "critical pgbouncer.waiting: core: pool cortex/app 3 clients waiting for <1m — 20 of its connections are in use",
            ],
        ),
        (
            "a replica",
            |p| {
                p.replicas = fresh(vec![Replica {
                    name: "r".into(),
                    client: None,
                    state: None,
                    sync_state: None,
                    lag_s: Some(40.0),
                    lag_bytes: Some(1 << 20),
                }]);
            },
            61,
            &["warning pg.replica-lag: core: replica r lags 40 s, seen for 1m — 1.0 MiB behind"],
        ),
    ];
    for (name, make, after, want) in cases {
        let mut server = Postgres::default();
        make(&mut server);
        assert_eq!(judged(server, secs(*after)), *want, "{name}");
    }
}

#[test]
fn a_view_that_could_not_be_read_raises_nothing() {
    let mut server = Postgres {
        locks: fresh(LockTree::of(vec![waiter(7, &[], 0.0), waiter(8, &[7], 300.0)])),
        ..Postgres::default()
    };
    server.locks.failed(Problem::TimedOut("locks".into()));
    assert!(judged(server, secs(0)).is_empty());
}

#[test]
fn what_was_raised_stays_and_is_stale_while_its_server_does_not_answer() {
    let id = SourceId {
        kind: SourceKind::Postgres,
        name: "core".into(),
    };
    let mut world = World::default();
    let mut judge = Judge::new(Thresholds::default());
    let say = |world: &mut World, pg: Postgres, state: Freshness| {
        world.apply(Batch {
            sources: vec![(id.clone(), Source::Postgres(Arc::new(pg)))],
            reach: vec![(id.clone(), state)],
            ..Batch::default()
        });
    };
    let blocked = Postgres {
        locks: fresh(LockTree::of(vec![waiter(1, &[], 0.0), waiter(2, &[1], 90.0)])),
        ..Postgres::default()
    };
    say(&mut world, blocked, Freshness::Fresh);
    judge.update(&world, t0());
    assert_eq!(judge.signals().first().map(|s| s.id), Some("pg.blocked"));
    // The server goes away: nothing is read any more, and nothing is over.
    let mut gone = Postgres::default();
    gone.locks.failed(Problem::Failed("connection refused".into()));
    let lost = Freshness::Stale {
        since: t0(),
        why: "connection refused".into(),
        retry_at: t0(),
    };
    say(&mut world, gone, lost);
    judge.update(&world, t0() + secs(1));
    judge.update(&world, t0() + secs(600));
    let signal = judge.signals().iter().find(|s| s.id == "pg.blocked");
    assert!(signal.is_some_and(|s| s.stale), "{signal:?}");
    // It comes back without the wait: a minute of good clears it.
    let free = Postgres {
        locks: fresh(LockTree::default()),
        ..Postgres::default()
    };
    say(&mut world, free, Freshness::Fresh);
    judge.update(&world, t0() + secs(601));
    judge.update(&world, t0() + secs(700));
    assert!(judge.signals().iter().all(|s| s.id != "pg.blocked"));
}
