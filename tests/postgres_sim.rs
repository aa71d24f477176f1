//! The demonstration's PostgreSQL, through the console's own feed and actions, and through psql.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::panic
)]

mod postgres_support;

use std::process::Command;

use postgres_support::desk::{self, Desk, table};
use postgres_support::{Running, server, server_with};
use quarterdeck::action::{Outcome, PostgresAsk, Relation, Verdict};
use quarterdeck::config::PostgresSource;
use quarterdeck::feed::postgres::{Env, Server as Reached};
use quarterdeck::model::Postgres;
use quarterdeck::sim::postgres::{Options, Server};

/// The block of `psql` lines of the platform's runbooks 5 and 8, as they are written there.
const RUNBOOKS: &str = "/work/shared/platform/001_75060b51c54bc5b7.txt";

fn psql(url: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let out = Command::new("psql")
        .args(["-X", "-A", "-t", "-F", "\t", "-d", url, "-c", sql])
        .output()
        .expect("psql is missing: run tests/all, which installs it");
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Ok(text
        .lines()
        .map(|l| l.split('\t').map(str::to_owned).collect())
        .collect())
}

async fn ask(url: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    tokio::task::spawn_blocking(move || psql(&url, &sql)).await.unwrap()
}

async fn everything(feed: &mut Running) -> Postgres {
    feed.until("every view", |p, reach| {
        reach.is_fresh()
            && p.locks.fresh().is_some_and(|t| t.waiters().count() == 4)
            && p.statements.fresh().is_some_and(|s| !s.rows.is_empty())
            && p.tables.fresh().is_some()
            && p.scanned.fresh().is_some()
            && p.indexes.fresh().is_some()
            && p.databases.fresh().is_some()
            && p.replicas.fresh().is_some()
            && p.slots.fresh().is_some()
            && p.horizon.fresh().is_some()
            && p.work.fresh().is_some()
            && p.connections.fresh().is_some()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbooks_psql_lines_say_what_the_console_shows() {
    let sim = Server::start(Options::default(), jiff::Timestamp::now()).await.unwrap();
    let mut feed = Running::start(server(&sim.url()));
    let seen = everything(&mut feed).await;
    let url = sim.url();
    let text = |query: &str| query.to_owned();
    let lines = [
        text(
            "SELECT pid, now() - pg_stat_activity.query_start AS duration, query\n         FROM pg_stat_activity\n         WHERE state = 'active' AND now() - pg_stat_activity.query_start > interval '30 seconds';",
        ),
        text(
            "SELECT blocked_locks.pid AS blocked_pid,\n         blocking_locks.pid AS blocking_pid,\n         blocked_activity.usename AS blocked_user\n         FROM pg_catalog.pg_locks blocked_locks\n         JOIN pg_catalog.pg_locks blocking_locks ON blocking_locks.locktype = blocked_locks.locktype\n         WHERE NOT blocked_locks.granted;",
        ),
    ];
    let mut active: Vec<String> = ask(&url, &lines[0])
        .await
        .unwrap()
        .into_iter()
        .map(|r| r[0].clone())
        .collect();
    active.sort();
    let mut shown: Vec<String> = seen
        .activity
        .fresh()
        .unwrap()
        .iter()
        .filter(|s| s.is_running())
        .map(|s| s.pid.to_string())
        .collect();
    shown.sort();
    assert_eq!(active, shown);
    let mut pairs: Vec<(String, String)> = ask(&url, &lines[1])
        .await
        .unwrap()
        .into_iter()
        .map(|r| (r[0].clone(), r[1].clone()))
        .collect();
    pairs.sort();
    let tree = seen.locks.fresh().unwrap();
    let mut blocked: Vec<(String, String)> = tree
        .waiters()
        .flat_map(|w| {
            w.row
                .blocked_by
                .iter()
                .map(|by| (w.row.pid.to_string(), by.to_string()))
        })
        .collect();
    blocked.sort();
    assert_eq!(pairs, blocked);
    let states = ask(&url, "SELECT count(*), state FROM pg_stat_activity GROUP BY state;")
        .await
        .unwrap();
    let shown = seen.connections.fresh().unwrap().states();
    assert_eq!(states.len(), shown.len());
    for (state, n) in shown {
        assert!(
            states.iter().any(|r| r[0] == n.to_string() && r[1] == state),
            "{state} {n} {states:?}"
        );
    }
    let bloat = ask(&url, "SELECT schemaname, relname, n_dead_tup, last_vacuum, last_autovacuum\n FROM pg_stat_user_tables\n ORDER BY n_dead_tup DESC LIMIT 10;").await.unwrap();
    let worst = &seen.tables.fresh().unwrap()[0];
    assert_eq!(bloat[0][1], worst.name);
    assert!(bloat[0][2].parse::<i64>().unwrap() >= worst.dead);
    // Every psql line of the two runbooks is answered, but for what destroys.
    if let Ok(book) = std::fs::read_to_string(RUNBOOKS) {
        let five = book.find("#### High Latency").unwrap();
        let eight = book.find("### Runbook 8").unwrap();
        let parts = [&book[five..five + 900], &book[eight..eight + 4000]];
        let mut asked = 0;
        for part in parts {
            for piece in part.split("psql -c \"").skip(1) {
                let sql = piece.split('"').next().unwrap().replace("PID", "1");
                if sql.starts_with("VACUUM") {
                    continue;
                }
                let answer = ask(&url, &sql).await;
                assert_eq!(answer.is_err(), sql.contains("pg_stat_reset"), "{sql}: {answer:?}");
                asked += 1;
            }
        }
        assert_eq!(asked, 9);
    }
    let no = ask(&url, "DROP TABLE threads").await.unwrap_err();
    assert!(no.contains("and no more"), "{no}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reacts_to_the_end_of_the_blocker_and_to_a_vacuum() {
    let sim = Server::start(Options::default(), jiff::Timestamp::now()).await.unwrap();
    let mut feed = Running::start(server(&sim.url()));
    let seen = everything(&mut feed).await;
    let tree = seen.locks.fresh().unwrap();
    let root = &tree.lines[0];
    assert_eq!(
        (root.depth, root.below, root.row.state.as_deref()),
        (0, 4, Some("idle in transaction"))
    );
    let answer = ask(&sim.url(), &format!("SELECT pg_terminate_backend({});", root.row.pid))
        .await
        .unwrap();
    assert_eq!(answer, [["t"]]);
    feed.until("nobody waits", |p, _| {
        p.locks.fresh().is_some_and(|t| t.lines.is_empty())
    })
    .await;
    let url = sim.url();
    let vacuum = tokio::spawn(async move { ask(&url, "VACUUM ANALYZE observations;").await });
    feed.until("its progress", |p, _| {
        p.work
            .fresh()
            .is_some_and(|w| w.iter().any(|w| w.table.as_deref() == Some("public.observations")))
    })
    .await;
    vacuum.await.unwrap().unwrap();
    feed.until("no dead rows", |p, _| {
        p.tables
            .fresh()
            .is_some_and(|t| t.iter().any(|t| t.name == "observations" && t.dead < 1000))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_anew_and_counters_begin_anew_and_the_pools_show() {
    let sim = Server::start(Options::default(), jiff::Timestamp::now()).await.unwrap();
    let mut feed = Running::start(server_with(PostgresSource {
        name: "core".to_owned(),
        dsn: Some(sim.url()),
        pgbouncer: Some(sim.pooler_url()),
        ..PostgresSource::default()
    }));
    let seen = feed
        .until("an invalid index", |p, _| {
            p.indexes.fresh().is_some_and(|i| i.iter().any(|i| i.invalid))
        })
        .await;
    let invalid = seen
        .indexes
        .fresh()
        .unwrap()
        .iter()
        .find(|i| i.invalid)
        .unwrap()
        .name
        .clone();
    let seen = feed.until("the pools", |p, _| p.pools.fresh().is_some()).await;
    let pools = seen.pools.fresh().unwrap();
    assert_eq!((&*pools[0].user, pools[0].clients_waiting), ("cortex", 2));
    let url = sim.url();
    let sql = format!("REINDEX INDEX CONCURRENTLY \"public\".\"{invalid}\"");
    let reindex = tokio::spawn(async move { ask(&url, &sql).await });
    feed.until("its progress", |p, _| {
        p.work
            .fresh()
            .is_some_and(|w| w.iter().any(|w| w.what == "reindex concurrently"))
    })
    .await;
    reindex.await.unwrap().unwrap();
    // As after a change: what is read once in two minutes is read now.
    feed.wanted.send_modify(|w| w.again += 1);
    feed.until("it is valid", |p, _| {
        p.indexes.fresh().is_some_and(|i| !i.iter().any(|i| i.invalid))
    })
    .await;
    // The same through plan, confirmation and verdict; the counters of one statement, and no other's.
    let statements = feed
        .until("the statements", |p, _| p.statements.fresh().is_some())
        .await
        .statements
        .last()
        .unwrap()
        .rows
        .clone();
    let desk = Desk::new(&sim.url());
    let index = Relation {
        schema: "public".into(),
        name: invalid.clone(),
    };
    for change in [
        PostgresAsk::Reindex { index },
        PostgresAsk::ResetStatement {
            id: statements[0].id.clone(),
        },
        PostgresAsk::Vacuum {
            table: table("tasks"),
            analyze: true,
        },
        PostgresAsk::Analyze {
            table: table("threads"),
        },
    ] {
        let (outcome, verdict, _) = desk.run(desk::ask(change.clone())).await;
        assert_eq!(outcome, Outcome::Applied, "{change:?}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{change:?}: {verdict:?}");
    }
    let no = ask(&sim.url(), "REINDEX INDEX CONCURRENTLY nothing").await.unwrap_err();
    assert!(no.contains("does not exist"), "{no}");
}

#[test]
fn a_server_is_named_without_its_secrets() {
    let source = PostgresSource {
        name: "core".into(),
        ..Default::default()
    };
    let text = format!("{:?}", Reached::new(source, "kim@bastion", Env::default(), None));
    assert!(text.contains("core") && !text.contains("vars"), "{text}");
}
