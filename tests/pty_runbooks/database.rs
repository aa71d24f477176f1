//! PostgreSQL: who blocks the others is ended, a bloated table is vacuumed.

use crate::pty_support::Servers;
use crate::walk::{Walk, psql};

/// Of runbook 8 of the platform.
const ACTIVE: &str = "SELECT pid, now() - pg_stat_activity.query_start AS duration, query FROM pg_stat_activity WHERE \
                      state = 'active' AND now() - pg_stat_activity.query_start > interval '30 seconds';";
const STATES: &str = "SELECT count(*), state FROM pg_stat_activity GROUP BY state;";
const DEAD: &str = "SELECT schemaname, relname, n_dead_tup, last_vacuum, last_autovacuum FROM pg_stat_user_tables ORDER \
                    BY n_dead_tup DESC LIMIT 10;";

#[test]
fn blocked_queries_are_freed_by_keys() {
    let servers = Servers::start();
    let waiting = || psql(&servers, ACTIVE).into_iter().filter(|r| r[0] != "4188").count();
    let idle = || psql(&servers, STATES).iter().any(|r| r[1] == "idle in transaction");
    assert_eq!((waiting(), idle()), (4, true));
    let mut walk = Walk::from_signal(&servers, "blocked-queries", "waiting on locks");
    walk.at("2 Who blocks whom?");
    walk.console.see("pid 4127, cortex");
    walk.on("2 Who blocks whom?");
    walk.on("5 What will you do?");
    walk.plan("8 End the session", "pg_terminate_backend");
    assert_eq!((waiting(), idle()), (4, true), "nothing was confirmed yet");
    walk.confirm("4127");
    walk.ends(&[("terminate-session", "4127")]);
    assert_eq!((waiting(), idle()), (0, false));
}

#[test]
fn a_bloated_table_is_vacuumed_by_keys() {
    let servers = Servers::start();
    let dead = || {
        let of = |r: &Vec<String>| r[1] == "observations";
        let rows = psql(&servers, DEAD);
        let row = rows.iter().find(|r| of(r)).unwrap();
        (row[2].parse::<u64>().unwrap(), row[3].is_empty())
    };
    assert!(dead().0 > 2_900_000 && dead().1);
    let mut walk = Walk::from_signal(&servers, "bloated-table", "table public.observations");
    walk.on("2 Why was it left?");
    walk.plan("8 Vacuum the table", "VACUUM (ANALYZE");
    walk.confirm("public.observations");
    walk.on("10 Will it come again?");
    walk.ends(&[("vacuum", "public.observations")]);
    assert!(dead().0 < 1000 && !dead().1);
}

#[test]
fn connections_that_a_pool_leaked_are_given_back_by_keys() {
    let servers = Servers::start();
    servers.demo.postgres().with(|db| db.leak("memory-api", 50));
    let used = || -> u32 {
        psql(&servers, STATES)
            .iter()
            .map(|r| r[0].parse::<u32>().unwrap())
            .sum()
    };
    assert!(used() > 80);
    let mut walk = Walk::from_signal(&servers, "connections-exhausted", "connections");
    walk.at("2 Who holds them?");
    walk.console.see("memory-api");
    walk.on("2 Who holds them?");
    walk.choose("4 What will you do?", "restart its workload");
    walk.give("6 Restart the workload", "memory-api");
    walk.plan("6 Restart the workload", "memory-api");
    walk.confirm("memory-api");
    walk.ends(&[("restart", "memory-api")]);
    assert!(used() < 50);
}
