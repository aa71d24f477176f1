//! Facts of a PostgreSQL server: that of the run, else of the only one that there is. Ages are as of the reading.

use super::{About, Fact, Maker, Row, Subject, count, known, maybe, seconds};
use crate::model::postgres::{LockRow, LockTree, Session, TableStat, Waiter};
use crate::model::{Postgres, Seen, SourceKind, Str};
use crate::runbook::facts::session_target;
use crate::runbook::value::Value;

pub(super) fn whole(seconds: Option<f64>) -> Option<Value> {
    maybe(seconds.filter(|s| s.is_finite()).map(|s| s.max(0.0) as i64))
}

pub(super) fn text(value: Option<&String>) -> Option<Value> {
    maybe(value.filter(|t| !t.is_empty()).map(String::as_str))
}

/// One line of a statement, for reading.
pub(super) fn brief(query: Option<&String>) -> Option<Value> {
    let query = query?;
    let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(200).collect();
    maybe(Some(line).filter(|l| !l.is_empty()))
}

impl Maker<'_> {
    pub(super) fn postgres(&mut self, subject: &Subject) {
        let all = &self.world.sources.postgres;
        let found = match subject.about.as_ref().and_then(About::source) {
            Some((SourceKind::Postgres, source)) => all.get_key_value(source),
            _ => all.iter().next().filter(|_| all.len() == 1),
        };
        let Some((source, server)) = found else {
            let why = if all.is_empty() {
                "no PostgreSQL is configured"
            } else {
                "there are several: start from the one that it is about"
            };
            self.all("pg.", &Fact::Absent(why.to_owned()));
            return;
        };
        self.pg_server(source, server);
        self.pg_locks(source, server, subject);
        self.pg_activity(source, server);
        self.pg_connections(source, server);
        self.pg_statements(source, server, subject);
        self.pg_tables(source, server, subject);
        self.pg_horizon(source, server);
        self.pg_replication(source, server);
    }

    pub(super) fn pg<T>(&self, source: &Str, seen: &Seen<T>) -> Option<Fact> {
        self.unread(SourceKind::Postgres, source, seen)
    }

    fn pg_server(&mut self, source: &Str, server: &Postgres) {
        self.many(
            None,
            vec![
                ("pg.target", known(format!("postgres/{source}")), ""),
                ("pg.source", known(&**source), ""),
            ],
        );
        let blocked = self.pg(source, &server.server);
        let facts = server.server.last().cloned().unwrap_or_default();
        let rows: Vec<Row> = vec![
            ("pg.version", known(facts.version.as_str()), ""),
            ("pg.database", known(facts.database.as_str()), ""),
            ("pg.standby", known(facts.in_recovery), ""),
            ("pg.may_signal", known(facts.may_signal || facts.superuser), ""),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn pg_locks(&mut self, source: &Str, server: &Postgres, subject: &Subject) {
        let blocked = self.pg(source, &server.locks);
        let none = LockTree::default();
        let tree = server.locks.last().unwrap_or(&none);
        let longest = tree.waiters().filter_map(|w| w.row.wait_s).reduce(f64::max);
        let roots = tree.roots().filter(|w| w.below > 0).count();
        let rows: Vec<Row> = vec![
            ("pg.waiting", known(count(tree.waiters().count() as u64)), ""),
            ("pg.blockers", known(count(roots as u64)), ""),
            ("pg.oldest_wait", whole(longest), "nobody waits for a lock"),
        ];
        self.many(blocked.as_ref(), rows);
        let root = root_of(tree, subject);
        let below: Vec<&Waiter> = root
            .map(|r| tree.under(r.row.pid).skip(1).collect())
            .unwrap_or_default();
        let row = root.map(|r| &r.row);
        let target = row.and_then(|r| {
            let start = r.backend_start.as_deref().filter(|s| !s.is_empty())?;
            (r.pid > 0).then(|| session_target(source, r.pid, start))
        });
        let nobody = "no session blocks another";
        let state = |word: &str| maybe(row.map(|r| r.state.as_deref().is_some_and(|s| s.starts_with(word))));
        let waits = below.iter().filter_map(|w| w.row.wait_s).reduce(f64::max);
        let relation = below.iter().find_map(|w| w.row.relation.as_ref());
        let of = |pick: fn(&LockRow) -> Option<&String>| text(row.and_then(pick));
        // Autovacuum and the like are no client: ending them needs another thought.
        let sessions = server.activity.last();
        let kind = row.and_then(|r| sessions?.iter().find(|s| s.pid == r.pid));
        let client = maybe(row.map(|r| r.pid > 0 && kind.is_none_or(Session::is_client)));
        let rows: Vec<Row> = vec![
            (
                "pg.blocker.target",
                maybe(target),
                "no session that can be ended blocks another",
            ),
            ("pg.blocker.pid", maybe(row.map(|r| r.pid)), nobody),
            ("pg.blocker.user", of(|r| r.user.as_ref()), nobody),
            (
                "pg.blocker.application",
                of(|r| r.application.as_ref()),
                "it names no application",
            ),
            (
                "pg.blocker.client",
                of(|r| r.client.as_ref()),
                "it comes from the server itself",
            ),
            ("pg.blocker.state", of(|r| r.state.as_ref()), nobody),
            ("pg.blocker.idle", state("idle in transaction"), nobody),
            ("pg.blocker.prepared", maybe(row.map(|r| r.pid == 0)), nobody),
            ("pg.blocker.is_client", client, nobody),
            (
                "pg.blocker.transaction",
                whole(row.and_then(|r| r.xact_s)),
                "it has no transaction open",
            ),
            ("pg.blocker.state_for", whole(row.and_then(|r| r.state_s)), nobody),
            (
                "pg.blocker.query",
                brief(row.and_then(|r| r.query.as_ref())),
                "its statement is not shown",
            ),
            (
                "pg.blocker.waiting",
                maybe(root.map(|_| count(below.len() as u64))),
                nobody,
            ),
            ("pg.blocker.oldest_wait", whole(waits), nobody),
            ("pg.blocker.relation", text(relation), "no table is named"),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn pg_activity(&mut self, source: &Str, server: &Postgres) {
        let blocked = self.pg(source, &server.activity);
        let sessions = server.activity.last().map_or(&[][..], Vec::as_slice);
        // What waits for a lock is the blocker's fault, and a parallel worker is its leader's.
        let runs =
            |s: &&Session| s.is_running() && s.leader_pid.is_none() && s.wait_event_type.as_deref() != Some("Lock");
        let longest = |a: &&Session, b: &&Session| a.age_s().total_cmp(&b.age_s());
        let running = sessions.iter().filter(runs).max_by(longest);
        let idle = || sessions.iter().filter(|s| s.is_idle_in_transaction());
        let idler = idle().max_by(longest);
        let long = sessions.iter().filter(runs).filter(|s| s.age_s() > 30.0).count();
        let target = |s: Option<&Session>| {
            let s = s?;
            Some(session_target(source, s.pid, s.backend_start.as_deref()?))
        };
        let (quiet, none) = ("no statement runs", "no session is idle in a transaction");
        let waits = running.map(Session::wait).filter(|w| !w.is_empty());
        let rows: Vec<Row> = vec![
            (
                "pg.running",
                known(count(sessions.iter().filter(runs).count() as u64)),
                "",
            ),
            ("pg.long_running", known(count(long as u64)), ""),
            ("pg.idle_in_transaction", known(count(idle().count() as u64)), ""),
            ("pg.longest.target", maybe(target(running)), quiet),
            ("pg.longest.pid", maybe(running.map(|s| s.pid)), quiet),
            ("pg.longest.user", text(running.and_then(|s| s.user.as_ref())), quiet),
            (
                "pg.longest.application",
                text(running.and_then(|s| s.application.as_ref())),
                "it names no application",
            ),
            ("pg.longest.age", whole(running.map(Session::age_s)), quiet),
            (
                "pg.longest.query",
                brief(running.and_then(|s| s.query.as_ref())),
                "its statement is not shown",
            ),
            ("pg.longest.waits_for", maybe(waits), "it waits for nothing"),
            ("pg.idler.target", maybe(target(idler)), none),
            ("pg.idler.pid", maybe(idler.map(|s| s.pid)), none),
            ("pg.idler.user", text(idler.and_then(|s| s.user.as_ref())), none),
            (
                "pg.idler.application",
                text(idler.and_then(|s| s.application.as_ref())),
                "it names no application",
            ),
            ("pg.idler.age", whole(idler.map(Session::age_s)), none),
            (
                "pg.idler.query",
                brief(idler.and_then(|s| s.query.as_ref())),
                "its last statement is not shown",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn pg_connections(&mut self, source: &Str, server: &Postgres) {
        let blocked = self.pg(source, &server.connections);
        let all = server.connections.last().cloned().unwrap_or_default();
        let state = |word: &str| {
            let of = |s: &Option<String>| s.as_deref().is_some_and(|s| s.starts_with(word));
            known(
                all.by
                    .iter()
                    .filter(|row| of(&row.state))
                    .map(|row| row.count)
                    .sum::<i64>(),
            )
        };
        let idle = all.by.iter().filter(|row| row.state.as_deref() == Some("idle"));
        let idle: i64 = idle.map(|row| row.count).sum();
        let mut who = std::collections::BTreeMap::<String, i64>::new();
        for row in &all.by {
            let name = row.application.clone().filter(|a| !a.is_empty()).or(row.user.clone());
            *who.entry(name.unwrap_or_else(|| "unknown".to_owned())).or_default() += row.count;
        }
        let mut who: Vec<(String, i64)> = who.into_iter().collect();
        who.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let top = who
            .iter()
            .take(3)
            .map(|(name, n)| Value::Text(format!("{name} {n}")))
            .collect();
        let share = (all.usable > 0).then(|| all.total as f64 / all.usable as f64);
        let rows: Vec<Row> = vec![
            ("pg.connections", known(all.total), ""),
            ("pg.connections_usable", known(all.usable), ""),
            ("pg.connections_max", known(all.max), ""),
            ("pg.connections_share", maybe(share), "no connection is usable"),
            ("pg.connections_active", state("active"), ""),
            ("pg.connections_idle", known(idle), ""),
            ("pg.connections_idle_in_transaction", state("idle in transaction"), ""),
            ("pg.connections_by", known(Value::List(top)), ""),
            (
                "pg.connections_most",
                maybe(who.first().map(|(name, _)| name.as_str())),
                "nobody is connected",
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.pools);
        let pools = server.pools.last().map_or(&[][..], Vec::as_slice);
        let longest = pools
            .iter()
            .filter(|p| p.clients_waiting > 0)
            .map(|p| p.max_wait_s)
            .reduce(f64::max);
        let rows: Vec<Row> = vec![
            (
                "pg.pool_waiting",
                known(pools.iter().map(|p| p.clients_waiting).sum::<i64>()),
                "",
            ),
            (
                "pg.pool_oldest_wait",
                whole(longest),
                "no client waits for a connection",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn pg_statements(&mut self, source: &Str, server: &Postgres, subject: &Subject) {
        let blocked = self.pg(source, &server.statements);
        let all = server.statements.last().cloned().unwrap_or_default();
        let named = match &subject.about {
            Some(About::Statement { query_id, .. }) => all.rows.iter().find(|s| s.id.query_id == *query_id),
            _ => all
                .rows
                .iter()
                .max_by(|a, b| a.window.total_ms.total_cmp(&b.window.total_ms)),
        };
        // Since the counters began says nothing about now.
        let unseen = Fact::Denied("two readings are needed".to_owned());
        let blocked = blocked.or((all.window_s.is_none() && server.statements.value.is_some()).then_some(unseen));
        let none = "there is no such statement in the window";
        let reads = named.map(|s| s.window.blocks_read + s.window.blocks_hit);
        let reads = reads
            .zip(named)
            .filter(|(_, s)| s.window.calls > 0.0)
            .map(|(b, s)| b / s.window.calls);
        let query = named.and_then(|s| s.text.as_deref()).map(ToOwned::to_owned);
        let rows: Vec<Row> = vec![
            (
                "pg.statement.mean",
                maybe(named.map(crate::model::postgres::Statement::mean_ms)),
                none,
            ),
            ("pg.statement.max", maybe(named.map(|s| s.max_ms)), none),
            ("pg.statement.share", maybe(named.map(|s| all.share(s))), none),
            ("pg.statement.calls", maybe(named.map(|s| s.window.calls as i64)), none),
            ("pg.statement.blocks", maybe(reads), none),
            ("pg.statement.user", maybe(named.map(|s| s.user.as_str())), none),
            ("pg.statement.query", brief(query.as_ref()), "its text is not shown"),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.scanned);
        let worst = server.scanned.last().and_then(|list| list.first());
        let none = "no table is read from end to end too often";
        let rows: Vec<Row> = vec![
            (
                "pg.scanned.table",
                maybe(worst.map(|t| format!("{}.{}", t.schema, t.name))),
                none,
            ),
            ("pg.scanned.scans", maybe(worst.map(|t| t.scans)), none),
            ("pg.scanned.index_scans", maybe(worst.map(|t| t.index_scans)), none),
            ("pg.scanned.rows", maybe(worst.map(|t| t.live)), none),
            (
                "pg.scanned.target",
                maybe(worst.map(|t| format!("table/{source}/{}.{}", t.schema, t.name))),
                none,
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.indexes);
        let indexes = server.indexes.last().map_or(&[][..], Vec::as_slice);
        let broken = indexes.iter().find(|i| i.invalid);
        let invalid = indexes.iter().filter(|i| i.invalid).count();
        let rows: Vec<Row> = vec![
            ("pg.invalid_indexes", known(count(invalid as u64)), ""),
            (
                "pg.invalid_index.target",
                maybe(broken.map(|i| format!("index/{source}/{}.{}", i.schema, i.name))),
                "every index is valid",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn pg_tables(&mut self, source: &Str, server: &Postgres, subject: &Subject) {
        let blocked = self.pg(source, &server.tables);
        let tables = server.tables.last().map_or(&[][..], Vec::as_slice);
        let table = match &subject.about {
            Some(About::Table { schema, name, .. }) => tables.iter().find(|t| t.schema == *schema && t.name == *name),
            _ => tables.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())),
        };
        let none = "there is no such table in this database";
        let now = self.now;
        let ago = |at: Option<jiff::Timestamp>| maybe(at.map(|at| seconds(now, at)));
        let share = table.map(|t| t.dead as f64 / (t.live + t.dead).max(1) as f64);
        let rows: Vec<Row> = vec![
            (
                "pg.table.target",
                maybe(table.map(|t| format!("table/{source}/{}", t.full_name()))),
                none,
            ),
            ("pg.table.name", maybe(table.map(TableStat::full_name)), none),
            ("pg.table.dead", maybe(table.map(|t| t.dead)), none),
            ("pg.table.live", maybe(table.map(|t| t.live)), none),
            ("pg.table.dead_share", maybe(share), none),
            ("pg.table.ratio", maybe(table.map(TableStat::ratio)), none),
            ("pg.table.threshold", maybe(table.map(|t| t.threshold)), none),
            ("pg.table.autovacuum", maybe(table.map(|t| t.autovacuum)), none),
            ("pg.table.bytes", maybe(table.map(|t| t.bytes)), none),
            ("pg.table.modified", maybe(table.map(|t| t.modified)), none),
            (
                "pg.table.vacuumed",
                ago(table.and_then(|t| t.vacuumed)),
                "it never was vacuumed since the counters began",
            ),
            (
                "pg.table.analyzed",
                ago(table.and_then(|t| t.analyzed)),
                "it never was analyzed since the counters began",
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.pg(source, &server.work);
        let full = table.map(TableStat::full_name).unwrap_or_default();
        let of_table = |w: &&crate::model::postgres::Work| {
            let on = w.table.as_deref().unwrap_or_default();
            !full.is_empty() && (on == full || table.is_some_and(|t| on == t.name))
        };
        let work = server.work.last().and_then(|all| all.iter().find(of_table));
        let idle = "nothing is being done to it";
        let works = server.work.last().map_or(0, Vec::len);
        let rows: Vec<Row> = vec![
            ("pg.table.working", known(work.is_some()), ""),
            (
                "pg.table.work",
                maybe(work.map(|w| format!("{}, {}", w.what, w.phase))),
                idle,
            ),
            ("pg.table.work_percent", maybe(work.and_then(|w| w.percent)), idle),
            ("pg.table.work_pid", maybe(work.map(|w| w.pid)), idle),
            ("pg.works", known(count(works as u64)), ""),
        ];
        self.many(blocked.as_ref(), rows);
    }
}

/// The root above the run's session; for a run about the server, the worst.
fn root_of<'a>(tree: &'a LockTree, subject: &Subject) -> Option<&'a Waiter> {
    if let Some(About::Session { pid, backend_start, .. }) = &subject.about {
        let at = tree.lines.iter().position(|w| {
            let same = backend_start.is_none() || w.row.backend_start == *backend_start;
            w.row.pid == *pid && same
        })?;
        return tree.lines.iter().take(at + 1).rev().find(|w| w.depth == 0);
    }
    tree.roots().find(|w| w.below > 0)
}
