//! The PostgreSQL feed against real servers of every supported version.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod postgres_support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use postgres_support::{Pg, Running, VERSIONS};
use quarterdeck::feed::postgres::{explain, views};
use quarterdeck::model::Problem;
use quarterdeck::model::postgres::LockTree;

/// Views of whatever version, read as a member of `pg_monitor` and nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_read_on_every_version_with_pg_monitor_alone() {
    for version in VERSIONS {
        let pg = Pg::start(version, "").await;
        let admin = pg.admin().await;
        admin
            .batch_execute(
                "CREATE TABLE bloated (id int PRIMARY KEY, v text) WITH (autovacuum_vacuum_threshold = 7, autovacuum_vacuum_scale_factor = 0, autovacuum_enabled = off);
                 INSERT INTO bloated SELECT g, 'x' FROM generate_series(1, 5000) g;
                 DELETE FROM bloated WHERE id > 4000;
                 CREATE INDEX one ON bloated (v); CREATE INDEX two ON bloated (v);
                 SELECT pg_create_physical_replication_slot('left_behind', true);",
            )
            .await
            .unwrap();
        admin
            .batch_execute("BEGIN; INSERT INTO bloated VALUES (9999, 'p'); PREPARE TRANSACTION 'forgotten'")
            .await
            .unwrap();
        let idle = pg.client("app", "postgres").await.unwrap();
        idle.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bloated")
            .await
            .unwrap();
        for _ in 0..7 {
            admin.batch_execute("SELECT count(*) FROM bloated").await.unwrap();
        }
        // Counters are handed on at most twice a second, and when a session is asked something after that.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        admin.batch_execute("SELECT 1").await.unwrap();
        let mut feed = Running::start(pg.server("qd"));
        let seen = feed
            .until("everything", |p, reach| {
                reach.is_fresh()
                    && p.statements
                        .fresh()
                        .is_some_and(|s| s.rows.iter().any(|r| r.text.is_some()))
                    && p.tables.fresh().is_some_and(|t| t.iter().any(|t| t.dead > 0))
                    && p.slots.fresh().is_some()
                    && p.indexes.fresh().is_some_and(|i| !i.is_empty())
                    && p.databases.fresh().is_some()
                    && p.scanned.fresh().is_some()
            })
            .await;
        let server = seen.server.fresh().unwrap();
        assert_eq!(
            (server.major(), server.user.as_str(), server.in_recovery),
            (version, "qd", false)
        );
        assert!(server.reads_stats && !server.superuser && !server.may_signal);
        let session = seen
            .activity
            .fresh()
            .unwrap()
            .iter()
            .find(|s| s.is_idle_in_transaction())
            .unwrap();
        assert_eq!(
            (session.user.as_deref(), session.xmin_age.is_some()),
            (Some("app"), true),
            "{version}"
        );
        assert!(
            seen.activity
                .fresh()
                .unwrap()
                .iter()
                .all(|s| s.user.as_deref() != Some("qd")),
            "not itself"
        );
        assert_eq!(seen.connections.fresh().unwrap().max, 100);
        assert!(seen.connections.fresh().unwrap().total >= 2);
        let table = seen
            .tables
            .fresh()
            .unwrap()
            .iter()
            .find(|t| t.name == "bloated")
            .unwrap();
        assert_eq!(
            (table.threshold, table.autovacuum, table.dead),
            (7.0, false, 1000),
            "{version}"
        );
        let index = seen.indexes.fresh().unwrap().iter().find(|i| i.name == "two").unwrap();
        assert_eq!(index.duplicate_of.as_deref(), Some("one"), "{version}");
        let holders: BTreeSet<&str> = seen.horizon.fresh().unwrap().iter().map(|h| h.kind.as_str()).collect();
        assert!(holders.contains("session"), "{version} {holders:?}");
        assert!(holders.contains("prepared transaction"), "{version} {holders:?}");
        let slot = &seen.slots.fresh().unwrap()[0];
        assert_eq!(
            (slot.name.as_str(), slot.active, slot.wal_status.as_deref()),
            ("left_behind", false, Some("reserved"))
        );
        assert_eq!(slot.inactive_s.is_some(), version >= 17, "{version}");
        assert!(seen.databases.fresh().unwrap().iter().any(|d| d.name == "template1"));
        assert!(seen.work.fresh().unwrap().is_empty() && seen.replicas.fresh().unwrap().is_empty());
        assert_eq!(&*seen.wire, "not encrypted");
        let counted = seen.statements.fresh().unwrap();
        let statement = counted
            .rows
            .iter()
            .find(|r| r.user == "postgres" && r.text.as_deref() == Some("SELECT count(*) FROM bloated"))
            .unwrap();
        assert!(statement.ever.calls >= 7.0 && counted.share(statement) > 0.0);
        // And nothing that this console asks takes part in the horizon.
        assert!(
            seen.horizon
                .fresh()
                .unwrap()
                .iter()
                .all(|h| h.user.as_deref() != Some("qd"))
        );
        if version >= 16 {
            let plan = explain(&pg.server("app"), "SELECT * FROM public.bloated WHERE id = $1")
                .await
                .unwrap();
            assert!(plan.join("\n").contains("bloated"), "{plan:?}");
            let two = explain(&pg.server("app"), "SELECT 1; DROP TABLE public.bloated")
                .await
                .unwrap_err();
            assert!(two.to_string().contains("multiple commands"), "{two}");
        }
    }
}

/// What nobody else shows: the tree, checked against what the server itself says of every waiter.
#[tokio::test(flavor = "multi_thread")]
async fn the_lock_tree_is_what_the_server_says_with_the_root_on_top() {
    let pg = Pg::start(17, "").await;
    let admin = pg.admin().await;
    admin
        .batch_execute("CREATE TABLE orders (id int PRIMARY KEY, n int); INSERT INTO orders VALUES (1, 1), (2, 1)")
        .await
        .unwrap();
    let root = pg.client("app", "postgres").await.unwrap();
    root.batch_execute("BEGIN; UPDATE orders SET n = 2 WHERE id = 1")
        .await
        .unwrap();
    let other = pg.client("app", "postgres").await.unwrap();
    other
        .batch_execute("BEGIN; SELECT * FROM orders WHERE id = 2 FOR SHARE")
        .await
        .unwrap();
    // Behind the root; behind root and the other one; behind the queue.
    let mut waiting = Vec::new();
    for sql in [
        "UPDATE orders SET n = 3 WHERE id = 1",
        "ALTER TABLE orders ADD COLUMN more int",
        "SELECT count(*) FROM orders",
    ] {
        let client = pg.client("app", "postgres").await.unwrap();
        waiting.push(tokio::spawn(async move { client.batch_execute(sql).await }));
        let want = waiting.len() as i64;
        loop {
            let now: i64 = admin
                .query_one(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                    &[],
                )
                .await
                .unwrap()
                .get(0);
            if now == want {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let mut feed = Running::start(pg.server("qd"));
    let seen = feed
        .until("three waiters", |p, _| {
            p.locks.fresh().is_some_and(|t| t.waiters().count() == 3)
        })
        .await;
    let tree: &LockTree = seen.locks.fresh().unwrap();
    let rows = admin
        .query(
            "SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
            &[],
        )
        .await
        .unwrap();
    let want: BTreeMap<i32, BTreeSet<i32>> = rows
        .iter()
        .map(|r| (r.get(0), r.get::<_, Vec<i32>>(1).into_iter().collect()))
        .collect();
    let got: BTreeMap<i32, BTreeSet<i32>> = tree
        .waiters()
        .map(|w| (w.row.pid, w.row.blocked_by.iter().copied().collect()))
        .collect();
    assert_eq!(got, want);
    let top = &tree.lines[0];
    assert_eq!((top.depth, top.row.state.as_deref()), (0, Some("idle in transaction")));
    assert_eq!(
        top.row.query.as_deref(),
        Some("BEGIN; UPDATE orders SET n = 2 WHERE id = 1")
    );
    let alter = tree
        .waiters()
        .find(|w| w.row.query.as_deref().unwrap().starts_with("ALTER"))
        .unwrap();
    assert_eq!(alter.row.relation.as_deref(), Some("public.orders"));
    assert_eq!(alter.row.lock_mode.as_deref(), Some("AccessExclusiveLock"));
    assert!(alter.row.blocked_by.len() >= 2 && alter.row.wait_s.is_some());
    root.batch_execute("ROLLBACK").await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    feed.until("nobody waits", |p, _| {
        p.locks.fresh().is_some_and(|t| t.lines.is_empty())
    })
    .await;
}

/// The incident in which other consoles hang.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_locked_by_alter_table_hides_nothing() {
    for version in [14, 18] {
        let pg = Pg::start(version, "").await;
        let admin = pg.admin().await;
        admin.batch_execute("CREATE TABLE big (id int PRIMARY KEY); CREATE INDEX again ON big (id); INSERT INTO big SELECT generate_series(1, 9999)").await.unwrap();
        let lock = pg.client("app", "postgres").await.unwrap();
        lock.batch_execute("BEGIN; ALTER TABLE big ADD COLUMN x int; DROP INDEX again")
            .await
            .unwrap();
        let began = Instant::now();
        let mut feed = Running::start(pg.server("qd"));
        let seen = feed
            .until("every view", |p, _| {
                p.tables.value.is_some()
                    && p.indexes.value.is_some()
                    && p.scanned.value.is_some()
                    && p.work.value.is_some()
            })
            .await;
        assert!(began.elapsed() < Duration::from_secs(5), "nothing waited for the lock");
        assert!(seen.tables.fresh().unwrap().iter().any(|t| t.name == "big"));
        assert!(
            seen.indexes
                .fresh()
                .unwrap()
                .iter()
                .any(|i| i.name == "big_pkey" || i.name == "again")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_blanks_its_view_alone_and_names_the_grant_that_mends_it() {
    let pg = Pg::start(16, "").await;
    let admin = pg.admin().await;
    let busy = pg.client("app", "postgres").await.unwrap();
    busy.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let mut feed = Running::start(pg.server("nobody"));
    let seen = feed
        .until("what may be seen", |p, _| {
            p.activity.problem.is_some() && p.tables.value.is_some() && p.statements.problem.is_some()
        })
        .await;
    let Some(Problem::Denied { grant, .. }) = &seen.activity.problem else {
        panic!("{:?}", seen.activity);
    };
    assert_eq!(&**grant, "GRANT pg_monitor TO \"nobody\";");
    assert!(seen.tables.fresh().is_some() && seen.databases.problem.is_none());
    drop(feed);
    admin.batch_execute(grant).await.unwrap();
    let mut feed = Running::start(pg.server("nobody"));
    feed.until("everything", |p, _| {
        p.activity.fresh().is_some_and(|a| !a.is_empty()) && p.statements.fresh().is_some()
    })
    .await;
}

/// What is refused once is a line in the server's log once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_once_and_how_to_get_it() {
    let pg = Pg::start(
        15,
        "log_destination = 'stderr'\nlogging_collector = on\nlog_directory = '/tmp'\nlog_min_error_statement = error",
    )
    .await;
    let admin = pg.admin().await;
    admin.batch_execute("DROP EXTENSION pg_stat_statements").await.unwrap();
    let mut feed = Running::start(pg.server("qd"));
    let seen = feed
        .until("statements are absent", |p, _| p.statements.problem.is_some())
        .await;
    let Some(Problem::Absent { how, .. }) = &seen.statements.problem else {
        panic!("{:?}", seen.statements);
    };
    assert!(how.contains("CREATE EXTENSION pg_stat_statements"), "{how}");
    assert!(seen.activity.fresh().is_some());
}

/// Nobody may add a view that the tests do not read.
#[test]
fn every_view_is_known_to_these_tests() {
    let want = [
        "activity",
        "connections",
        "databases",
        "horizon",
        "hypertables",
        "indexes",
        "locks",
        "replicas",
        "scanned",
        "server",
        "slots",
        "standby",
        "statement_info",
        "statement_texts",
        "statements",
        "tables",
        "work",
    ];
    let ids: BTreeSet<&str> = views::ids().into_iter().collect();
    assert_eq!(ids, want.into_iter().collect());
}
