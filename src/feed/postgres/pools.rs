//! PgBouncer's `SHOW POOLS`.

use tokio_postgres::SimpleQueryMessage;

use crate::model::postgres::Pool;

/// What lets a user see them.
pub(super) const GRANT: &str = "stats_users = <user> in pgbouncer.ini";

/// By name: columns come and go with every version.
pub(super) fn read(answer: &[SimpleQueryMessage]) -> Vec<Pool> {
    let mut all = Vec::new();
    for message in answer {
        let SimpleQueryMessage::Row(row) = message else {
            continue;
        };
        let text = |name: &str| {
            let at = row.columns().iter().position(|c| c.name() == name)?;
            row.try_get(at).ok().flatten()
        };
        let number = |name: &str| text(name).and_then(|t| t.parse::<i64>().ok()).unwrap_or_default();
        let own = |name: &str| {
            text(name)
                .map(|t| crate::text::clean(t).into_owned())
                .unwrap_or_default()
        };
        // Its own console is no pool.
        if own("database") == "pgbouncer" {
            continue;
        }
        all.push(Pool {
            database: own("database"),
            user: own("user"),
            mode: own("pool_mode"),
            clients_active: number("cl_active"),
            clients_waiting: number("cl_waiting"),
            servers_active: number("sv_active"),
            servers_idle: number("sv_idle"),
            max_wait_s: number("maxwait") as f64 + number("maxwait_us") as f64 / 1e6,
        });
    }
    all.sort_by(|a, b| {
        (b.max_wait_s.total_cmp(&a.max_wait_s))
            .then(b.clients_waiting.cmp(&a.clients_waiting))
            .then_with(|| (&a.database, &a.user).cmp(&(&b.database, &b.user)))
    });
    all
}
