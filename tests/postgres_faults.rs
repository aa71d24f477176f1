//! What goes wrong with a real PostgreSQL and PgBouncer, and that a read-only console changes nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod postgres_support;

use std::time::Duration;

use postgres_support::desk::{Desk, ask, confirm, no_cluster, planner, session_of, table, vacuum};
use postgres_support::{Bouncer, Pg, Running, free_port, server, server_with, signal};
use quarterdeck::action::{ActionId, Actor, Outcome, PostgresAsk, REGISTRY, WhyNot, WriteGrant, execute};
use quarterdeck::config::PostgresSource;
use quarterdeck::feed::postgres::Fault;
use quarterdeck::model::postgres::StatementId;
use quarterdeck::model::{Freshness, Postgres, SourceKind};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_said_and_survived() {
    let mut pg = Pg::start(16, "").await;
    let mut feed = Running::start(pg.server("qd"));
    feed.until("it is there", |p, reach| {
        reach.is_fresh() && p.activity.fresh().is_some()
    })
    .await;
    pg.down();
    let seen = feed
        .until("it is gone", |p, reach| {
            matches!(reach, Freshness::Stale { .. }) && p.activity.fresh().is_none()
        })
        .await;
    assert!(seen.activity.last().is_some(), "what was read stays");
    pg.up().await;
    feed.until("it is back", |p, reach| {
        reach.is_fresh() && p.activity.fresh().is_some()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_free_connection_it_says_so_and_a_reserved_one_helps() {
    let pg = Pg::start(
        16,
        "max_connections = 8\nsuperuser_reserved_connections = 1\nreserved_connections = 2\nmax_wal_senders = 0",
    )
    .await;
    let admin = pg.admin().await;
    let mut full = Vec::new();
    admin.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    while let Ok(client) = pg.client("plain", "postgres").await {
        full.push(client);
    }
    let fault = pg.server("qd").connect().await.map(|_| ()).unwrap_err();
    assert!(matches!(fault, Fault::NoSlot(_)), "{fault}");
    admin
        .batch_execute("GRANT pg_use_reserved_connections TO qd")
        .await
        .unwrap();
    let session = pg.server("qd").connect().await.unwrap();
    assert_eq!(session.facts.reserved_connections, 3);
}

/// The dropped future does not cancel: the next statement would wait for the one before.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_an_answer_is_never_used_again() {
    let pg = Pg::start(17, "").await;
    let session = pg.server("qd").connect().await.unwrap();
    let pid: i32 = session.texts("SELECT pg_backend_pid()::text").await.unwrap()[0]
        .parse()
        .unwrap();
    signal(pid.cast_unsigned(), rustix::process::Signal::STOP);
    let fault = session.texts("SELECT '1'").await.unwrap_err();
    signal(pid.cast_unsigned(), rustix::process::Signal::CONT);
    assert!(matches!(fault, Fault::TimedOut(_)), "{fault}");
    assert!(session.is_over() && session.texts("SELECT '1'").await.is_err());
    // A statement that is too slow is ended by the server itself, and the connection lives.
    let session = pg.server("qd").connect().await.unwrap();
    let slow = session.texts("SELECT pg_sleep(30)::text").await.unwrap_err();
    assert!(matches!(slow, Fault::Cancelled(_)), "{slow}");
    assert_eq!(session.texts("SELECT '1'").await.unwrap(), ["1"]);
    // And nothing can be written on it.
    let no = session.texts("CREATE TABLE public.t ()").await.unwrap_err();
    assert!(matches!(no, Fault::Standby(_)), "{no}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_and_never_answers_holds_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            all.push(stream);
        }
    });
    let dsn = format!("postgres://qd@127.0.0.1:{port}/x");
    let mut feed = Running::start(server(&dsn));
    feed.until(
        "it says that nothing answers",
        |_, reach| matches!(reach, Freshness::Failed { why, .. } if why.contains("no answer within 5 s")),
    )
    .await;
    silent.abort();
    let nobody = server(&format!("postgres://qd@127.0.0.1:{}/x", free_port()));
    assert!(matches!(
        nobody.connect().await.map(|_| ()).unwrap_err(),
        Fault::Lost(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_survived_and_changes_never_go_through_it() {
    let pg = Pg::start(16, "").await;
    let bouncer = Bouncer::start(&pg, 1).await;
    let source = PostgresSource {
        name: "core".to_owned(),
        dsn: Some(format!("postgres://qd@127.0.0.1:{}/postgres", bouncer.port)),
        pgbouncer: Some(format!("postgres://stats@127.0.0.1:{}/pgbouncer", bouncer.port)),
        ..PostgresSource::default()
    };
    let mut feed = Running::start(server_with(source.clone()));
    let seen = feed
        .until("everything through the pooler", |p, _| {
            p.activity.fresh().is_some()
                && p.tables.fresh().is_some()
                && p.statements.fresh().is_some()
                && p.pools.fresh().is_some()
        })
        .await;
    assert_eq!(&*seen.wire, "not encrypted, through a pooler");
    // No setting of ours is left behind on the pool's one connection.
    let session = server_with(source.clone()).connect().await.unwrap();
    let left = session
        .simple("SHOW statement_timeout", Duration::from_secs(3))
        .await
        .unwrap();
    assert!(format!("{left:?}").contains('0'), "{left:?}");
    // A cancel request is passed on: the pooler drops it when its sender leaves too soon.
    let (slept, ()) = tokio::join!(session.texts("SELECT pg_sleep(2.5)::text"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        session.cancel().await;
    });
    let cancelled = slept.unwrap_err().to_string();
    assert!(cancelled.contains("due to user request"), "{cancelled}");
    // A failing statement does not poison it either.
    assert!(matches!(
        session.texts("SELECT 1/0").await.unwrap_err(),
        Fault::Other { .. }
    ));
    assert_eq!(session.texts("SELECT '1'").await.unwrap(), ["1"]);
    let grant = WriteGrant::at_start(false).unwrap();
    let refused = server_with(source.clone())
        .connect_to_act(&grant)
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        refused.to_string().contains("pooler") || matches!(refused, Fault::Startup(_)),
        "{refused}"
    );
    let direct = PostgresSource {
        direct: Some(pg.dsn("qd")),
        ..source
    };
    assert!(server_with(direct).connect_to_act(&grant).await.is_ok());
    // Someone who waits for the pool's one connection is seen to wait.
    let take = |user: &str| format!("host=127.0.0.1 port={} user={user} dbname=postgres", bouncer.port);
    let (holder, connection) = tokio_postgres::connect(&take("app"), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    holder.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let (late, connection) = tokio_postgres::connect(&take("app"), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let late = tokio::spawn(async move { late.batch_execute("SELECT 2").await });
    feed.until("a client waits", |p, _| {
        p.pools.fresh().is_some_and(|pools| {
            pools
                .iter()
                .any(|p| p.user == "app" && p.clients_waiting == 1 && p.max_wait_s > 0.0)
        })
    })
    .await;
    holder.batch_execute("COMMIT").await.unwrap();
    late.await.unwrap().unwrap();
}

/// Without a grant there is a plan and nothing more; the server sees no session that could change anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_console_never_opens_a_connection_that_could_change_anything() {
    let pg = Pg::start(17, "log_statement = 'all'\nlog_connections = on\nlogging_collector = on\nlog_filename = 'all.log'\nautovacuum = off").await;
    let admin = pg.admin().await;
    admin
        .batch_execute("CREATE TABLE t (id int); CREATE INDEX i ON t (id); SELECT 7 + 7")
        .await
        .unwrap();
    let row = admin
        .query_one(
            "SELECT userid::bigint, dbid::bigint, queryid::text FROM pg_stat_statements LIMIT 1",
            &[],
        )
        .await
        .unwrap();
    let id = StatementId {
        user_id: row.get(0),
        database_id: row.get(1),
        query_id: row.get(2),
        top_level: true,
    };
    let (pid, backend_start) = session_of(&admin).await;
    let start = backend_start.clone();
    let all = [
        PostgresAsk::Vacuum {
            table: table("t"),
            analyze: true,
        },
        PostgresAsk::VacuumDatabase,
        PostgresAsk::Analyze { table: table("t") },
        PostgresAsk::Reindex { index: table("i") },
        PostgresAsk::CancelQuery { pid, backend_start },
        PostgresAsk::TerminateSession {
            pid,
            backend_start: start,
        },
        PostgresAsk::ResetStatement { id },
    ];
    let names: Vec<&str> = all.iter().map(PostgresAsk::name).collect();
    let registered: Vec<&str> = REGISTRY
        .iter()
        .filter(|a| a.source == Some(SourceKind::Postgres))
        .map(|a| a.name)
        .collect();
    assert_eq!(names, registered, "the registry is walked in full");
    for read_only in [true, false] {
        for one in &all {
            let plan = planner(&pg.dsn("postgres"), read_only)
                .plan(ask(one.clone()), ActionId(1), jiff::Timestamp::now())
                .await
                .unwrap();
            let no = confirm(plan).unwrap_err();
            assert!(
                matches!(&no, WhyNot::Blocked(why) if why.starts_with("read-only"))
                    || matches!(no, WhyNot::NothingToDo(_)),
                "{one:?} {no:?}"
            );
        }
    }
    // The layer of the plan taken away: policy still refuses what was confirmed before.
    let desk = Desk::new(&pg.dsn("postgres"));
    for one in all.iter().filter(|a| !matches!(a, PostgresAsk::CancelQuery { .. })) {
        let confirmed = confirm(desk.plan(ask(one.clone())).await.unwrap()).unwrap();
        let strict = Actor::new(
            &desk.grant,
            planner(&pg.dsn("postgres"), true),
            no_cluster(),
            desk.actor.journal().clone(),
        );
        let (to, _from) = tokio::sync::mpsc::channel(100);
        let (outcome, _) = execute(&strict, &desk.grant, confirmed, to).await;
        assert_eq!(outcome, Outcome::Refused("this console only reads".into()));
    }
    let log = std::fs::read_to_string(pg.dir().join("data/log/all.log")).unwrap();
    for never in [
        "statement: VACUUM",
        "statement: ANALYZE",
        "statement: REINDEX",
        "pg_cancel_backend(a.pid)",
        "pg_terminate_backend(a.pid)",
        "pg_stat_statements_reset(10",
        "read_only=off",
    ] {
        assert!(!log.contains(never), "{never} reached the server");
    }
}

/// A standby is shown with how far behind it is, and nothing is planned there.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_told_from_its_primary_and_left_alone() {
    let primary = Pg::start(15, "").await;
    primary
        .admin()
        .await
        .batch_execute("CREATE TABLE t (id int); SELECT pg_create_physical_replication_slot('second')")
        .await
        .unwrap();
    let standby = primary.standby("second").await;
    let mut feed = Running::start(standby.server("qd"));
    let seen = feed
        .until("the standby", |p, _| {
            p.standby
                .fresh()
                .is_some_and(|s| s.receiver.as_deref() == Some("streaming") && s.lag_s == Some(0.0))
                && p.tables.fresh().is_some()
                && p.slots.fresh().is_some()
        })
        .await;
    assert!(seen.server.fresh().unwrap().in_recovery);
    let mut feed = Running::start(primary.server("qd"));
    let seen = feed
        .until("its replica", |p, _| {
            p.replicas
                .fresh()
                .is_some_and(|r| r.iter().any(|r| r.state.as_deref() == Some("streaming")))
                && p.slots.fresh().is_some_and(|s| s.iter().any(|s| s.active))
        })
        .await;
    assert!(seen.replicas.fresh().unwrap()[0].lag_bytes.is_some());
    let desk = Desk::new(&standby.dsn("postgres"));
    let no = desk.plan(vacuum("t")).await.unwrap_err();
    assert!(no.what.contains("is a standby"), "{no}");
}

/// The primary dies and its standby is promoted: who names both servers is on the new primary, and who was connected to
/// the standby learns that it is none any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed_to_the_new_primary() {
    let mut primary = Pg::start(15, "").await;
    primary
        .admin()
        .await
        .batch_execute("SELECT pg_create_physical_replication_slot('second')")
        .await
        .unwrap();
    let standby = primary.standby("second").await;
    let both = format!(
        "postgres://qd@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=primary",
        primary.port, standby.port
    );
    let mut either = Running::start(server(&both));
    let mut second = Running::start(standby.server("qd"));
    let role = |p: &Postgres| p.server.fresh().map(|s| s.in_recovery);
    either
        .until("the primary", |p, reach| reach.is_fresh() && role(p) == Some(false))
        .await;
    second
        .until("the standby", |p, _| {
            role(p) == Some(true) && p.standby.fresh().is_some()
        })
        .await;
    primary.down();
    either
        .until("the loss of the primary", |_, reach| {
            matches!(reach, Freshness::Stale { .. })
        })
        .await;
    standby
        .admin()
        .await
        .batch_execute("SELECT pg_promote()")
        .await
        .unwrap();
    for feed in [&mut either, &mut second] {
        let seen = feed
            .until("the new primary", |p, reach| {
                reach.is_fresh() && role(p) == Some(false) && p.activity.fresh().is_some()
            })
            .await;
        assert_eq!(seen.standby.last(), None, "it lags behind nobody");
    }
    // What may be planned follows from it.
    standby
        .admin()
        .await
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .unwrap();
    let desk = Desk::new(&standby.dsn("postgres"));
    assert!(desk.plan(vacuum("t")).await.is_ok());
}
