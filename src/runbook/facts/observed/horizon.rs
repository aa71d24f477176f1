//! Facts of what a PostgreSQL server carries along: old snapshots, unfrozen rows, replicas.

use super::postgres::{brief, text, whole};
use super::{Maker, Row, count, known, maybe};
use crate::model::{Postgres, Str};
use crate::runbook::facts::session_target;

/// Transactions that a server can be behind its last freeze before it stops.
const WRAPS_AT: i64 = 2_147_483_647;

impl Maker<'_> {
    pub(super) fn pg_horizon(&mut self, source: &Str, server: &Postgres) {
        let blocked = self.pg(source, &server.horizon);
        let holder = server.horizon.last().and_then(|all| all.first());
        let none = "nothing holds old rows";
        let session = holder.filter(|h| h.kind == "session").and_then(|h| {
            let pid: i32 = h.name.parse().ok()?;
            let all = server.activity.fresh()?;
            all.iter().find(|s| s.pid == pid)
        });
        let target = session.and_then(|s| Some(session_target(source, s.pid, s.backend_start.as_deref()?)));
        // By the same measure as the signal: minutes, and more than a handful of transactions.
        let holds = holder.is_some_and(|h| h.age > 1000 && h.since_s.is_none_or(|s| s > 600.0));
        let rows: Vec<Row> = vec![
            ("pg.horizon.held", known(holds), ""),
            ("pg.horizon.kind", maybe(holder.map(|h| h.kind.as_str())), none),
            ("pg.horizon.name", maybe(holder.map(|h| h.name.as_str())), none),
            ("pg.horizon.age", maybe(holder.map(|h| h.age)), none),
            (
                "pg.horizon.for",
                whole(holder.and_then(|h| h.since_s)),
                "it does not say since when",
            ),
            (
                "pg.horizon.user",
                text(holder.and_then(|h| h.user.as_ref())),
                "it has no user",
            ),
            (
                "pg.horizon.state",
                text(holder.and_then(|h| h.state.as_ref())),
                "it has no state",
            ),
            (
                "pg.horizon.query",
                brief(holder.and_then(|h| h.query.as_ref())),
                "it shows no statement",
            ),
            ("pg.horizon.target", maybe(target), "no session holds it"),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.databases);
        let oldest = server
            .databases
            .last()
            .and_then(|all| all.iter().max_by_key(|d| d.age.max(d.multixact_age)));
        let age = oldest.map(|d| d.age.max(d.multixact_age));
        let share = age.map(|a| a as f64 / WRAPS_AT as f64);
        let none = "no database is listed";
        let rows: Vec<Row> = vec![
            ("pg.wraparound.database", maybe(oldest.map(|d| d.name.as_str())), none),
            ("pg.wraparound.age", maybe(age), none),
            ("pg.wraparound.limit", maybe(oldest.map(|d| d.freeze_max_age)), none),
            ("pg.wraparound.share", maybe(share), none),
            ("pg.wraparound.left", maybe(age.map(|a| (WRAPS_AT - a).max(0))), none),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.work);
        let freezing = server
            .work
            .last()
            .is_some_and(|all| all.iter().any(|w| w.against_wraparound));
        self.many(blocked.as_ref(), vec![("pg.wraparound.freezing", known(freezing), "")]);
        let blocked = self.pg(source, &server.tables);
        let frozen = server.tables.last().and_then(|all| {
            let aged = all.iter().filter_map(|t| Some((t.frozen_age?, t)));
            aged.max_by_key(|(age, _)| *age)
        });
        let none = "no table is listed with its age";
        let rows: Vec<Row> = vec![
            (
                "pg.oldest_table.target",
                maybe(frozen.map(|(_, t)| format!("table/{source}/{}", t.full_name()))),
                none,
            ),
            ("pg.oldest_table.name", maybe(frozen.map(|(_, t)| t.full_name())), none),
            ("pg.oldest_table.age", maybe(frozen.map(|(age, _)| age)), none),
        ];
        self.many(blocked.as_ref(), rows);
    }

    pub(super) fn pg_replication(&mut self, source: &Str, server: &Postgres) {
        let blocked = self.pg(source, &server.replicas);
        let replicas = server.replicas.last().map_or(&[][..], Vec::as_slice);
        let lag = replicas.iter().filter_map(|r| r.lag_s).reduce(f64::max);
        let rows: Vec<Row> = vec![
            ("pg.replicas", known(count(replicas.len() as u64)), ""),
            ("pg.lag", whole(lag), "no replica tells its lag"),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.slots);
        let slots = server.slots.last().map_or(&[][..], Vec::as_slice);
        let retained = slots
            .iter()
            .filter(|s| !s.active)
            .filter_map(|s| s.retained_bytes)
            .max();
        let rows: Vec<Row> = vec![("pg.slot_retained", maybe(retained), "no inactive slot retains anything")];
        self.many(blocked.as_ref(), rows);
    }
}
