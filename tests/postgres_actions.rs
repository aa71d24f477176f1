//! Changes of a real PostgreSQL through the one pipeline: done, skipped, refused, superseded, unknown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod postgres_support;

use std::time::Duration;

use postgres_support::desk::{Desk, ask, healthy, session_of, table, vacuum};
use postgres_support::{Pg, signal};
use quarterdeck::action::{Confirm, Outcome, PostgresAsk, Stage, Verdict};
use quarterdeck::model::postgres::StatementId;

#[tokio::test(flavor = "multi_thread")]
async fn a_bloated_table_is_vacuumed_and_its_counters_prove_it() {
    for version in [14, 18] {
        let pg = Pg::start(version, "autovacuum = off").await;
        let admin = pg.admin().await;
        admin
            .batch_execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 90000); CREATE TABLE u (id int)")
            .await
            .unwrap();
        admin.batch_execute("DELETE FROM t WHERE id > 5000").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1200)).await;
        admin.batch_execute("SELECT 1").await.unwrap();
        let desk = Desk::new(&pg.dsn("postgres"));
        let plan = desk.plan(vacuum("t")).await.unwrap();
        assert_eq!(
            plan.steps[0].path,
            "VACUUM (ANALYZE, PARALLEL 0, TRUNCATE false) \"public\".\"t\""
        );
        assert!(
            plan.steps[0].same_as.starts_with("psql postgres://postgres@127.0.0.1"),
            "{}",
            plan.steps[0].same_as
        );
        assert_eq!(
            plan.confirm,
            Confirm::Typed {
                word: "public.t".into(),
                what: "the table's name".into()
            }
        );
        let (outcome, verdict, _) = desk.carry_out(plan).await;
        assert_eq!(outcome, Outcome::Applied, "{version}");
        assert!(healthy(verdict).contains("85,000 dead rows before, 0 now"), "{version}");
        let (outcome, verdict, _) = desk.run(ask(PostgresAsk::Analyze { table: table("u") })).await;
        assert_eq!(
            (outcome, healthy(verdict).as_str()),
            (Outcome::Applied, "public.u has fresh statistics")
        );
        let (outcome, verdict, stages) = desk.run(ask(PostgresAsk::VacuumDatabase)).await;
        assert_eq!(outcome, Outcome::Applied);
        assert!(healthy(verdict).contains("public.u: healthy"));
        assert_eq!(
            stages.iter().filter(|s| matches!(s, Stage::Executed { .. })).count(),
            2,
            "a step a table"
        );
        let journal = desk.journal();
        assert!(
            journal.contains("VACUUM (ANALYZE") && journal.contains("core/postgres"),
            "{journal}"
        );
        // A table made anew under the same name is another table.
        let plan = desk.plan(vacuum("t")).await.unwrap();
        admin
            .batch_execute("DROP TABLE t; CREATE TABLE t (id int)")
            .await
            .unwrap();
        assert!(matches!(desk.carry_out(plan).await.0, Outcome::Conflict(_)));
    }
}

/// PostgreSQL answers VACUUM when it did nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_skips_is_not_done() {
    for version in [15, 17] {
        let pg = Pg::start(version, "autovacuum = off").await;
        let admin = pg.admin().await;
        admin
            .batch_execute("CREATE TABLE t (id int); CREATE ROLE late LOGIN")
            .await
            .unwrap();
        let desk = Desk::new(&pg.dsn("late"));
        let plan = desk.plan(vacuum("t")).await.unwrap();
        let check = plan.blocked().unwrap();
        assert_eq!(check.name, "permission");
        assert_eq!(
            check.detail.contains("GRANT MAINTAIN ON \"public\".\"t\" TO \"late\""),
            version == 17,
            "{}",
            check.detail
        );
        // The right is there while it is planned and is taken away before it is done.
        admin.batch_execute("ALTER TABLE t OWNER TO late").await.unwrap();
        let plan = desk.plan(vacuum("t")).await.unwrap();
        admin.batch_execute("ALTER TABLE t OWNER TO postgres").await.unwrap();
        let (outcome, verdict, _) = desk.carry_out(plan).await;
        assert!(
            matches!(&outcome, Outcome::Skipped(why) if why.contains("\"t\"")),
            "{version} {outcome:?}"
        );
        assert_eq!(verdict, None);
        assert!(desk.journal().contains("skipped by the server"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_rows_that_somebody_still_needs_are_said_to_stay() {
    let pg = Pg::start(16, "autovacuum = off").await;
    let admin = pg.admin().await;
    admin
        .batch_execute("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 9000)")
        .await
        .unwrap();
    let old = pg.client("app", "postgres").await.unwrap();
    old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t")
        .await
        .unwrap();
    admin.batch_execute("DELETE FROM t").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    admin.batch_execute("SELECT 1").await.unwrap();
    let desk = Desk::new(&pg.dsn("postgres"));
    let (outcome, verdict, _) = desk.run(vacuum("t")).await;
    assert_eq!(outcome, Outcome::Applied);
    let Some(Verdict::Failed(why)) = verdict else {
        panic!("{verdict:?}")
    };
    let (pid, _) = session_of(&old).await;
    assert!(
        why.contains("still needed") && why.contains(&format!("session {pid}")),
        "{why}"
    );
    // A table that is locked is given up after 5 s, and nothing was done.
    old.batch_execute("ROLLBACK").await.unwrap();
    let lock = pg.client("app", "postgres").await.unwrap();
    lock.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let (outcome, ..) = desk.run(vacuum("t")).await;
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("lock")),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_cancelled_or_ended_by_pid_and_start_and_never_another_one() {
    let pg = Pg::start(17, "").await;
    let admin = pg.admin().await;
    let desk = Desk::new(&pg.dsn("qd"));
    admin.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    let victim = pg.client("plain", "postgres").await.unwrap();
    let (pid, backend_start) = session_of(&victim).await;
    let running = tokio::spawn(async move {
        let ended = victim.batch_execute("SELECT 'canary-7f3a', pg_sleep(600)").await;
        (victim, ended)
    });
    let cancel = |backend_start: &str| {
        ask(PostgresAsk::CancelQuery {
            pid,
            backend_start: backend_start.to_owned(),
        })
    };
    let active = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'";
        while admin.query_one(sql, &[&pid]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    active().await;
    let plan = desk.plan(cancel(&backend_start)).await.unwrap();
    assert_eq!(plan.blocked().unwrap().detail, "GRANT pg_signal_backend TO \"qd\";");
    admin.batch_execute("GRANT pg_signal_backend TO qd").await.unwrap();
    let other = desk.plan(cancel("2020-01-01 00:00:00+00")).await.unwrap_err();
    assert!(other.what.contains("has ended"), "{other}");
    let (outcome, verdict, _) = desk.run(cancel(&backend_start)).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(healthy(verdict).contains("its statement has ended; the session is idle"));
    let (victim, ended) = running.await.unwrap();
    assert_eq!(
        ended.unwrap_err().code(),
        Some(&tokio_postgres::error::SqlState::QUERY_CANCELED)
    );
    // Terminate it.
    let terminate = ask(PostgresAsk::TerminateSession {
        pid,
        backend_start: backend_start.clone(),
    });
    let plan = desk.plan(terminate.clone()).await.unwrap();
    assert_eq!(
        plan.confirm,
        Confirm::Typed {
            word: pid.to_string(),
            what: "the session's name".into()
        }
    );
    let (outcome, verdict, _) = desk.carry_out(plan.clone()).await;
    assert_eq!(
        (outcome, healthy(verdict)),
        (Outcome::Applied, format!("session {pid} is gone"))
    );
    assert!(victim.batch_execute("SELECT 1").await.is_err());
    let journal = desk.journal();
    assert!(journal.contains("pg_terminate_backend"), "{journal}");
    assert!(
        !journal.contains("canary-7f3a"),
        "no literal of a statement reaches the record: {journal}"
    );
    // The plan of a session that has ended meanwhile signals nobody.
    assert!(matches!(desk.carry_out(plan).await.0, Outcome::Conflict(_)));
    // A superuser's session is not ours to end.
    let (pid, backend_start) = session_of(&admin).await;
    let plan = desk
        .plan(ask(PostgresAsk::TerminateSession { pid, backend_start }))
        .await
        .unwrap();
    assert!(plan.blocked().unwrap().detail.contains("only a superuser"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_anew_and_what_a_failure_leaves_is_named() {
    let pg = Pg::start(16, "").await;
    let admin = pg.admin().await;
    admin.batch_execute("CREATE TABLE t (id int, n int); INSERT INTO t SELECT g, 1 FROM generate_series(1, 5000) g; CREATE INDEX i ON t (n)").await.unwrap();
    let desk = Desk::new(&pg.dsn("postgres"));
    let reindex = ask(PostgresAsk::Reindex { index: table("i") });
    let (outcome, verdict, _) = desk.run(reindex.clone()).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(healthy(verdict).starts_with("public.i is valid"));
    // Somebody holds the table open: the lock is given up, and an invalid index stays.
    let lock = pg.client("app", "postgres").await.unwrap();
    lock.batch_execute("BEGIN; INSERT INTO t VALUES (0, 0)").await.unwrap();
    let (outcome, ..) = desk.run(reindex.clone()).await;
    let Outcome::Refused(why) = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("i_ccnew"), "{why}");
    lock.batch_execute("ROLLBACK").await.unwrap();
    let plan = desk.plan(reindex).await.unwrap();
    assert!(
        plan.warnings.iter().any(|w| w.text.contains("i_ccnew")),
        "{:?}",
        plan.warnings
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_statements_counters_are_reset_and_no_others() {
    for version in [16, 17] {
        let pg = Pg::start(version, "").await;
        let admin = pg.admin().await;
        for _ in 0..5 {
            admin.batch_execute("SELECT 40 + 48271").await.unwrap();
            admin.batch_execute("SELECT 'other', 1").await.unwrap();
        }
        let sql =
            "SELECT userid::bigint, dbid::bigint, queryid::text FROM pg_stat_statements WHERE query = 'SELECT $1 + $2'";
        let row = admin.query_one(sql, &[]).await.unwrap();
        let id = StatementId {
            user_id: row.get(0),
            database_id: row.get(1),
            query_id: row.get(2),
            top_level: true,
        };
        let reset = ask(PostgresAsk::ResetStatement { id });
        let desk = Desk::new(&pg.dsn("qd"));
        let plan = desk.plan(reset.clone()).await.unwrap();
        let grant = plan.blocked().unwrap().detail.clone();
        assert!(
            grant.starts_with("GRANT EXECUTE ON FUNCTION \"public\".pg_stat_statements_reset(oid, oid, bigint"),
            "{grant}"
        );
        admin.batch_execute(&grant).await.unwrap();
        let (outcome, verdict, _) = desk.run(reset).await;
        assert_eq!(outcome, Outcome::Applied, "{version}");
        assert_eq!(healthy(verdict), "its counters begin anew");
        assert!(
            !desk.journal().contains("48271"),
            "no literal of a statement reaches the record"
        );
        let others = "SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'SELECT $1, $2' AND calls = 5";
        assert_eq!(admin.query_one(others, &[]).await.unwrap().get::<_, i64>(0), 1);
    }
}

/// Nobody knows whether it was done: it is said so, and it is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_in_the_middle_leaves_the_outcome_unknown() {
    let pg = Pg::start(16, "autovacuum = off\nvacuum_cost_delay = 50\nvacuum_cost_limit = 1").await;
    let admin = pg.admin().await;
    admin
        .batch_execute("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 200000); DELETE FROM t")
        .await
        .unwrap();
    let desk = Desk::new(&pg.dsn("postgres"));
    let killer = tokio::spawn(async move {
        let sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'VACUUM%' AND state = 'active'";
        loop {
            if let Some(row) = admin.query_opt(sql, &[]).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(2500)).await;
                signal(row.get::<_, i32>(0).cast_unsigned(), rustix::process::Signal::TERM);
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (outcome, verdict, stages) = desk.run(vacuum("t")).await;
    killer.await.unwrap();
    assert!(matches!(&outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(verdict, None);
    let told = stages
        .iter()
        .any(|s| matches!(s, Stage::Verifying { text, .. } if text.contains("scanning heap")));
    assert!(told, "its progress was shown: {stages:?}");
}
