//! Reading the views when they are due.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::pools::{GRANT, read};
use super::server::Server;
use super::session::{Session, identifier, literal};
use super::tally::{RawStatement, Tally};
use super::{Fault, Wanted, literals, secrets, views};
use crate::feed::Inbox;
use crate::model::postgres::{Connections, ConnectionsBy, Holder, LockRow, LockTree, Session as Backend, TableStat};
use crate::model::{Postgres, Problem, Seen, Source, SourceId, Str};

/// What is read on its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum View {
    Activity,
    Connections,
    Work,
    Horizon,
    Replicas,
    Slots,
    Statements,
    Tables,
    Databases,
    Scanned,
    Indexes,
    Pools,
}

impl View {
    const ALL: [Self; 12] = [
        Self::Activity,
        Self::Connections,
        Self::Work,
        Self::Horizon,
        Self::Replicas,
        Self::Slots,
        Self::Statements,
        Self::Tables,
        Self::Databases,
        Self::Scanned,
        Self::Indexes,
        Self::Pools,
    ];

    /// How often it is read.
    const fn period(self, wanted: Wanted) -> Duration {
        let (fast, slow) = match self {
            Self::Activity => (2, 10),
            Self::Work => (2, 30),
            Self::Pools => (5, 15),
            Self::Connections => (10, 15),
            Self::Horizon | Self::Replicas => (10, 30),
            Self::Statements => (15, 15),
            Self::Slots => (30, 60),
            Self::Databases => (60, 60),
            Self::Tables => return Duration::from_secs(if wanted.tables { 15 } else { 60 }),
            Self::Scanned => return Duration::from_secs(if wanted.tables { 60 } else { 300 }),
            Self::Indexes => return Duration::from_secs(if wanted.tables { 120 } else { 900 }),
        };
        Duration::from_secs(if wanted.pane { fast } else { slow })
    }
}

/// When a view is due, and how much slower than its period it is read for the server's sake.
struct Turn {
    due: Instant,
    slower: u32,
}

pub(super) struct Looks {
    server: Arc<Server>,
    id: SourceId,
    inbox: Inbox,
    seen: Postgres,
    /// Refused on this connection: not asked again before the next one.
    latched: BTreeSet<&'static str>,
    tally: Tally,
    pooler: Option<Session>,
}

impl Looks {
    pub fn new(server: Arc<Server>, id: SourceId, inbox: Inbox) -> Self {
        Self {
            server,
            id,
            inbox,
            seen: Postgres::default(),
            latched: BTreeSet::new(),
            tally: Tally::default(),
            pooler: None,
        }
    }

    /// The connection is gone: everything that was read stays, and says why it gets old.
    pub fn lost(&mut self, why: &Str) {
        let problem = Problem::Failed(why.clone());
        let s = &mut self.seen;
        s.server.failed(problem.clone());
        s.activity.failed(problem.clone());
        s.locks.failed(problem.clone());
        s.connections.failed(problem.clone());
        s.statements.failed(problem.clone());
        s.tables.failed(problem.clone());
        s.scanned.failed(problem.clone());
        s.indexes.failed(problem.clone());
        s.work.failed(problem.clone());
        s.horizon.failed(problem.clone());
        s.databases.failed(problem.clone());
        s.replicas.failed(problem.clone());
        s.standby.failed(problem.clone());
        s.slots.failed(problem);
        self.publish();
    }

    fn publish(&self) {
        self.inbox
            .source(self.id.clone(), Source::Postgres(Arc::new(self.seen.clone())));
    }

    /// Reads until the connection is of no more use; returns why.
    pub async fn serve(&mut self, session: Session, wanted: &mut watch::Receiver<Wanted>) -> Fault {
        self.latched.clear();
        self.tally.connected();
        self.seen.server = Seen::read(session.facts.clone(), Timestamp::now());
        self.seen.wire = session.wire.as_str().into();
        if !session.facts.in_recovery {
            self.seen.standby = Seen::default();
        }
        let start = Instant::now();
        let mut turns: BTreeMap<View, Turn> = View::ALL
            .into_iter()
            .map(|v| (v, Turn { due: start, slower: 1 }))
            .collect();
        let mut open = true;
        let mut again = wanted.borrow().again;
        loop {
            let want = *wanted.borrow_and_update();
            if std::mem::replace(&mut again, want.again) != want.again {
                let now = Instant::now();
                for turn in turns.values_mut() {
                    turn.due = now;
                }
            }
            let mut read = false;
            for view in View::ALL {
                let period = view.period(want);
                let Some(turn) = turns.get_mut(&view) else { continue };
                // A pane that was just opened does not wait for the slow tick.
                turn.due = turn.due.min(Instant::now() + period * turn.slower);
                if turn.due > Instant::now() {
                    continue;
                }
                let began = Instant::now();
                let answer = self.look(view, &session).await;
                read = true;
                let took = began.elapsed();
                turn.slower = match (took > period / 4, turn.slower) {
                    (true, n) => (n * 2).min(16),
                    (false, 1) => 1,
                    (false, n) => n / 2,
                };
                turn.due = Instant::now() + period * turn.slower;
                if let Err(why) = answer {
                    return why;
                }
                if session.is_over() {
                    return Fault::Lost("the server closed it".to_owned());
                }
            }
            if read {
                self.publish();
            }
            let next = turns.values().map(|t| t.due).min().unwrap_or_else(Instant::now);
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                changed = wanted.changed(), if open => open = changed.is_ok(),
            }
        }
    }

    /// Reads one view. `Err` only when the connection is of no more use.
    async fn look(&mut self, view: View, session: &Session) -> Result<(), Fault> {
        match view {
            View::Activity => self.activity(session).await,
            View::Connections => {
                let grant = stats_grant(session);
                let found = self.rows::<ConnectionsBy>(session, "connections").await;
                let facts = &session.facts;
                let found = found.map(|found| {
                    found.map(|by| Connections {
                        max: facts.max_connections,
                        usable: facts.max_connections - facts.reserved_connections,
                        total: by.iter().map(|r| r.count).sum(),
                        by,
                    })
                });
                put(&mut self.seen.connections, found, "connections", &grant)
            }
            View::Work => {
                let found = self.rows(session, "work").await;
                put(&mut self.seen.work, found, "progress of vacuums", &stats_grant(session))
            }
            View::Horizon => {
                let found = self.rows::<Holder>(session, "horizon").await;
                let found = self.hidden(found, |row| &mut row.query);
                put(&mut self.seen.horizon, found, "the xmin horizon", &stats_grant(session))
            }
            View::Replicas => {
                let grant = stats_grant(session);
                if session.facts.in_recovery {
                    let found = self.rows(session, "standby").await;
                    let found = found.map(|found| found.map(|mut rows| rows.pop()));
                    match found {
                        Ok(Some(Some(one))) => put(&mut self.seen.standby, Ok(Some(one)), "", "")?,
                        // Sessions outlive a promotion, but what was read at its beginning is no longer true.
                        Ok(Some(None)) => return Err(Fault::Lost("it was promoted and is a primary now".to_owned())),
                        Ok(None) => {}
                        Err(why) => put(&mut self.seen.standby, Err(why), "the standby", &grant)?,
                    }
                }
                let found = self.rows(session, "replicas").await;
                put(&mut self.seen.replicas, found, "replicas", &grant)
            }
            View::Slots => {
                let found = self.rows(session, "slots").await;
                put(&mut self.seen.slots, found, "replication slots", &stats_grant(session))
            }
            View::Statements => self.statements(session).await,
            View::Tables => {
                let found = self.tables(session).await;
                put(&mut self.seen.tables, found, "tables", &stats_grant(session))
            }
            View::Databases => {
                let found = self.rows(session, "databases").await;
                put(&mut self.seen.databases, found, "databases", &stats_grant(session))
            }
            View::Scanned => {
                let found = self.rows(session, "scanned").await;
                put(&mut self.seen.scanned, found, "tables", &stats_grant(session))
            }
            View::Indexes => {
                let found = self.rows(session, "indexes").await;
                put(&mut self.seen.indexes, found, "indexes", &stats_grant(session))
            }
            View::Pools => {
                self.pools().await;
                Ok(())
            }
        }
    }

    /// The rows of a view, `None` when it was refused before.
    async fn rows<T: DeserializeOwned>(
        &mut self,
        session: &Session,
        id: &'static str,
    ) -> Result<Option<Vec<T>>, Fault> {
        self.filled(session, id, &[]).await
    }

    async fn filled<T: DeserializeOwned>(
        &mut self,
        session: &Session,
        id: &'static str,
        fill: &[(&str, &str)],
    ) -> Result<Option<Vec<T>>, Fault> {
        if self.latched.contains(id) {
            return Ok(None);
        }
        let mut sql = views::sql(id, session.facts.major()).unwrap_or_default().to_owned();
        for (slot, text) in fill {
            sql = sql.replace(slot, text);
        }
        let answer = session.rows(id, &sql).await;
        if let Err(why) = &answer
            && why.latches()
        {
            self.latched.insert(id);
        }
        answer.map(Some)
    }

    /// The rows as this console may show them: without literals where it only looks, and never with a password.
    fn hidden<T>(
        &self,
        rows: Result<Option<Vec<T>>, Fault>,
        query: fn(&mut T) -> &mut Option<String>,
    ) -> Result<Option<Vec<T>>, Fault> {
        let mut rows = rows?;
        let shown = if self.server.masks {
            literals::hide
        } else {
            secrets::hide
        };
        for query in rows.iter_mut().flatten().map(query) {
            *query = query.as_deref().map(shown);
        }
        Ok(rows)
    }

    async fn activity(&mut self, session: &Session) -> Result<(), Fault> {
        let grant = stats_grant(session);
        let found = self.rows::<Backend>(session, "activity").await;
        let found = self.hidden(found, |row| &mut row.query);
        let waiting =
            matches!(&found, Ok(Some(rows)) if rows.iter().any(|r| r.wait_event_type.as_deref() == Some("Lock")));
        let asked = matches!(found, Ok(Some(_)));
        put(&mut self.seen.activity, found, "sessions of others", &grant)?;
        if !session.facts.reads_stats && asked {
            // The rows came, but what other users do was left out of them.
            self.seen.activity.failed(Problem::Denied {
                what: "sessions of other users".into(),
                grant: grant.as_str().into(),
            });
        }
        if !asked {
            return Ok(());
        }
        let tree = if waiting {
            // It takes the lock manager's own locks for a moment: only when somebody waits.
            let rows = self.rows::<LockRow>(session, "locks").await;
            let rows = self.hidden(rows, |row| &mut row.query);
            rows.map(|rows| rows.map(LockTree::of))
        } else {
            Ok(Some(LockTree::default()))
        };
        put(&mut self.seen.locks, tree, "locks", &grant)
    }

    async fn statements(&mut self, session: &Session) -> Result<(), Fault> {
        let Some(schema) = &session.facts.statements_schema else {
            self.seen.statements.failed(Problem::Absent {
                what: "statements over time".into(),
                how: format!(
                    "pg_stat_statements is not in database {}: put it into shared_preload_libraries, restart, and \
                     CREATE EXTENSION pg_stat_statements there",
                    session.facts.database
                )
                .into(),
            });
            return Ok(());
        };
        let schema = identifier(schema);
        let grant = stats_grant(session);
        let fill = [("{schema}", schema.as_str())];
        let found = self.filled::<RawStatement>(session, "statements", &fill).await;
        let rows = match found {
            Ok(Some(rows)) => rows,
            Ok(None) => return Ok(()),
            Err(why) => return put(&mut self.seen.statements, Err(why), "pg_stat_statements", &grant),
        };
        let info = self.filled::<Info>(session, "statement_info", &fill).await;
        let thrown_out = match info {
            Ok(Some(rows)) => rows.first().map(|i| i.thrown_out),
            Err(why) if why.ends() => return Err(why),
            Ok(None) | Err(_) => None,
        };
        self.tally.take(rows, Instant::now());
        if session.facts.reads_stats {
            let wanted = self.tally.without_text(Instant::now());
            if !wanted.is_empty() {
                let ids = wanted.iter().map(|id| literal(id)).collect::<Vec<_>>().join(",");
                let ids = format!("SELECT unnest(ARRAY[{ids}]::bigint[])");
                let fill = [("{schema}", schema.as_str()), ("{ids}", ids.as_str())];
                let began = Instant::now();
                let texts = self.filled::<Text>(session, "statement_texts", &fill).await;
                match self.hidden(texts, |row| &mut row.query) {
                    Ok(texts) => {
                        let texts: HashMap<_, _> = texts
                            .into_iter()
                            .flatten()
                            .filter_map(|t| Some((t.query_id, t.query?)))
                            .collect();
                        self.tally.texts(&texts, &wanted, began.elapsed(), Instant::now());
                    }
                    Err(why) if why.ends() => return Err(why),
                    // Texts of a hundred megabytes take the server longer than we allow it.
                    Err(_) => self.tally.texts_failed(Instant::now()),
                }
            }
        }
        let statements = self.tally.statements(thrown_out);
        put(&mut self.seen.statements, Ok(Some(statements)), "", "")?;
        if !session.facts.reads_stats {
            self.seen.statements.failed(Problem::Denied {
                what: "statements of other users".into(),
                grant: grant.as_str().into(),
            });
        }
        Ok(())
    }

    /// The tables; under TimescaleDB with its chunks put together, unless its views may not be read.
    async fn tables(&mut self, session: &Session) -> Result<Option<Vec<TableStat>>, Fault> {
        if session.facts.timescale.is_some() && !self.latched.contains("hypertables") {
            let found = self.rows(session, "hypertables").await;
            if !matches!(&found, Err(why) if why.latches()) {
                return found;
            }
        }
        self.rows(session, "tables").await
    }

    /// The pools, on a connection of their own to the pooler's console, which knows the simple protocol only.
    async fn pools(&mut self) {
        let session = match self.pooler.take() {
            Some(session) if !session.is_over() => session,
            _ => match self.server.pooler().await {
                None => return,
                Some(Ok(session)) => session,
                Some(Err(why)) => {
                    self.seen.pools.failed(why.problem("PgBouncer's pools", GRANT));
                    return;
                }
            },
        };
        match session.simple("SHOW POOLS", Duration::from_secs(3)).await {
            Ok(answer) => {
                self.seen.pools = Seen::read(read(&answer), Timestamp::now());
                self.pooler = Some(session);
            }
            Err(why) => self.seen.pools.failed(why.problem("PgBouncer's pools", GRANT)),
        }
    }
}

#[derive(Deserialize)]
struct Info {
    thrown_out: i64,
}

#[derive(Deserialize)]
struct Text {
    query_id: String,
    query: Option<String>,
}

/// The grant that shows what other users do.
fn stats_grant(session: &Session) -> String {
    format!("GRANT pg_monitor TO {};", identifier(&session.facts.user))
}

/// Puts what was read into its view. What ends the connection is handed on; the rest blanks this view alone.
fn put<T>(view: &mut Seen<T>, found: Result<Option<T>, Fault>, what: &str, grant: &str) -> Result<(), Fault> {
    match found {
        Ok(Some(value)) => *view = Seen::read(value, Timestamp::now()),
        Ok(None) => {}
        Err(why) => {
            view.failed(why.problem(what, grant));
            if why.ends() {
                return Err(why);
            }
        }
    }
    Ok(())
}
