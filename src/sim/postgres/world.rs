//! The state of the demonstration's database: an import that was left open in the middle of its transaction and what
//! waits for it, a report that runs long, a table full of dead rows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::sim::faults::Faults;

/// How to begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Without incidents.
    pub calm: bool,
}

/// A session of a client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub pid: i32,
    pub started: Timestamp,
    pub user: &'static str,
    pub application: &'static str,
    pub address: &'static str,
    pub state: &'static str,
    /// When the transaction, the statement, the state began.
    pub xact: Option<Timestamp>,
    pub query_start: Timestamp,
    pub state_change: Timestamp,
    pub query: &'static str,
    pub blocked_by: Vec<i32>,
    /// What it waits for: type, mode, relation.
    pub lock: Option<(&'static str, &'static str, &'static str)>,
}

/// A table's counters.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub oid: u32,
    pub name: &'static str,
    pub live: i64,
    dead: f64,
    dead_per_s: f64,
    since: Timestamp,
    pub threshold: f64,
    pub bytes: i64,
    pub vacuumed: Option<Timestamp>,
    pub autovacuumed: Option<Timestamp>,
    pub analyzed: Option<Timestamp>,
    pub vacuums: i64,
    pub analyzes: i64,
    pub scans: i64,
    pub rows_read: i64,
    pub index_scans: i64,
}

impl Table {
    pub fn dead(&self, now: Timestamp) -> i64 {
        (self.dead + self.dead_per_s * seconds(now, self.since)) as i64
    }
}

/// A statement's counters, which grow with time.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub query_id: i64,
    pub query: &'static str,
    pub calls_per_s: f64,
    pub mean_ms: f64,
    pub calls: f64,
    pub since: Timestamp,
}

impl Counted {
    pub fn calls(&self, now: Timestamp) -> f64 {
        (self.calls + self.calls_per_s * seconds(now, self.since)).floor()
    }
}

/// An index.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub oid: u32,
    pub name: &'static str,
    pub table: &'static str,
    pub bytes: i64,
    pub valid: bool,
    pub unused: bool,
    pub duplicate_of: Option<&'static str>,
    /// Another one each time it is built.
    pub filenode: i64,
}

/// What takes its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Vacuum {
        analyze: bool,
    },
    Analyze,
    /// The index by its name.
    Reindex(&'static str),
}

/// A VACUUM, an ANALYZE or a REINDEX under way.
#[derive(Clone, Debug)]
pub(super) struct Upkeep {
    pub pid: i32,
    pub table: &'static str,
    pub what: What,
    pub began: Timestamp,
    pub application: String,
}

impl Upkeep {
    pub const fn is_vacuum(&self) -> bool {
        matches!(self.what, What::Vacuum { .. })
    }

    /// How long it takes.
    pub fn lasts(&self, bytes: i64) -> f64 {
        let size = bytes as f64 / f64::from(1 << 30);
        match self.what {
            What::Vacuum { .. } => (1.0 + 4.0 * size).min(12.0),
            What::Analyze => 0.3,
            What::Reindex(_) => 8.0,
        }
    }
}

pub(super) fn seconds(now: Timestamp, then: Timestamp) -> f64 {
    now.duration_since(then).as_secs_f64().max(0.0)
}

/// Connections that a defect keeps open until the last pod that opened them is gone.
#[derive(Clone, Debug)]
pub(super) struct Leak {
    pub(super) application: &'static str,
    pub(super) connections: i64,
    /// Uids; empty until the pods have been seen.
    pub(super) pods: BTreeSet<String>,
}

/// The database.
pub struct Database {
    pub(super) faults: Faults,
    /// Transactions since the last freeze of tables that are far from it.
    pub(super) aged: BTreeMap<&'static str, i64>,
    pub(super) started: Timestamp,
    pub(super) clients: BTreeMap<i32, Client>,
    pub(super) tables: Vec<Table>,
    pub(super) indexes: Vec<Index>,
    pub(super) statements: Vec<Counted>,
    pub(super) upkeep: Vec<Upkeep>,
    /// Of `VACUUM` without a table: which one comes next, by the session.
    pub(super) whole: BTreeMap<i32, usize>,
    pub(super) done: Vec<i32>,
    /// Idle connections of the pools by application, counted only.
    pub(super) pools: BTreeMap<&'static str, i64>,
    pub(super) leaks: Vec<Leak>,
    /// Statements so far that change something.
    pub changes: u64,
}

const IMPORT: i32 = 4127;

impl Database {
    pub(super) fn begin(options: Options, now: Timestamp) -> Self {
        let ago = |s: i64| now - SignedDuration::from_secs(s);
        let mut clients = BTreeMap::new();
        if !options.calm {
            let client =
                |pid: i32, application: &'static str, state: &'static str, since: i64, query: &'static str| Client {
                    pid,
                    started: ago(since + 1800 + i64::from(pid % 97)),
                    user: "cortex",
                    application,
                    address: "10.42.3.17",
                    state,
                    xact: Some(ago(since)),
                    query_start: ago(since),
                    state_change: ago(since),
                    query,
                    blocked_by: Vec::new(),
                    lock: None,
                };
            let row = ("transactionid", "ShareLock", "");
            let table = ("relation", "AccessExclusiveLock", "public.threads");
            let behind = ("relation", "AccessShareLock", "public.threads");
            for (c, by, lock) in [
                (
                    client(
                        IMPORT,
                        "cortex-import",
                        "idle in transaction",
                        271,
                        "UPDATE threads SET summary = $1, updated_at = now() WHERE id = $2",
                    ),
                    vec![],
                    None,
                ),
                (
                    client(
                        4133,
                        "cortex-worker",
                        "active",
                        204,
                        "UPDATE threads SET status = $1 WHERE id = $2",
                    ),
                    vec![IMPORT],
                    Some(row),
                ),
                (
                    client(
                        4150,
                        "migrate",
                        "active",
                        152,
                        "ALTER TABLE threads ADD COLUMN archived_at timestamptz",
                    ),
                    vec![IMPORT, 4133],
                    Some(table),
                ),
                (
                    client(
                        4161,
                        "cortex-api",
                        "active",
                        149,
                        "SELECT * FROM threads WHERE subcortex_id = $1 ORDER BY updated_at DESC LIMIT $2",
                    ),
                    vec![4150],
                    Some(behind),
                ),
                (
                    client(4162, "cortex-api", "active", 131, "SELECT * FROM threads WHERE id = $1"),
                    vec![4150],
                    Some(behind),
                ),
                (
                    client(
                        4188,
                        "metabase",
                        "active",
                        412,
                        "SELECT date_trunc('day', created_at), count(*) FROM observations GROUP BY 1 ORDER BY 1",
                    ),
                    vec![],
                    None,
                ),
            ] {
                clients.insert(
                    c.pid,
                    Client {
                        blocked_by: by,
                        lock,
                        ..c
                    },
                );
            }
        }
        let bloat = if options.calm { 0.02 } else { 1.0 };
        let table = |oid, name, live: i64, dead: f64, bytes: i64, scans: i64, index_scans: i64| Table {
            oid,
            name,
            live,
            dead,
            dead_per_s: 0.4,
            since: now,
            threshold: 50.0 + 0.2 * live as f64,
            bytes,
            vacuumed: None,
            autovacuumed: Some(ago(86_400 * 2 + i64::from(oid))),
            analyzed: Some(ago(86_400 + i64::from(oid))),
            vacuums: 0,
            analyzes: 0,
            scans,
            rows_read: scans * live,
            index_scans,
        };
        let tables = vec![
            table(
                16_402,
                "observations",
                1_240_000,
                2_950_000.0 * bloat,
                3_100_000_000,
                41,
                812_004,
            ),
            table(16_390, "threads", 88_000, 9_400.0, 96_000_000, 12, 4_120_331),
            table(16_396, "comments", 412_000, 21_000.0, 310_000_000, 9, 2_210_004),
            table(
                16_410,
                "content_embeddings",
                640_000,
                60_100.0,
                5_200_000_000,
                18_204,
                301,
            ),
            table(16_418, "tasks", 12_400, 800.0, 9_000_000, 77, 190_233),
            table(16_422, "audit_logs", 2_100_000, 0.0, 900_000_000, 4, 1_022),
        ];
        let mut indexes = vec![Index {
            oid: 16_431,
            name: "threads_status_idx1",
            table: "threads",
            bytes: 4_200_000,
            valid: true,
            unused: true,
            duplicate_of: Some("threads_status_idx"),
            filenode: 16_431,
        }];
        if !options.calm {
            // A build that somebody broke off.
            indexes.push(Index {
                oid: 16_440,
                name: "comments_thread_id_idx",
                table: "comments",
                bytes: 18_400_000,
                valid: false,
                unused: false,
                duplicate_of: None,
                filenode: 16_440,
            });
        }
        let counted = |query_id, query, calls_per_s: f64, mean_ms| Counted {
            query_id,
            query,
            calls_per_s,
            mean_ms,
            calls: calls_per_s * 86_400.0 * 3.0,
            since: now,
        };
        let statements = vec![
            counted(
                -3_320_118_846_217_004_231,
                "SELECT e.thread_id, e.embedding <=> $1 AS distance FROM content_embeddings e ORDER BY distance LIMIT $2",
                1.4,
                812.0,
            ),
            counted(
                5_501_220_331_870_114_902,
                "SELECT * FROM threads WHERE subcortex_id = $1 ORDER BY updated_at DESC LIMIT $2",
                38.0,
                3.1,
            ),
            counted(
                7_140_022_118_330_551_004,
                "UPDATE threads SET status = $1 WHERE id = $2",
                6.5,
                1.2,
            ),
            counted(
                1_822_004_118_223_901_447,
                "INSERT INTO observations (thread_id, kind, body) VALUES ($1, $2, $3)",
                22.0,
                0.9,
            ),
            counted(
                -8_001_233_104_558_123_310,
                "SELECT count(*) FROM tasks WHERE status = $1",
                4.0,
                6.4,
            ),
        ];
        Self {
            faults: Faults::default(),
            aged: BTreeMap::new(),
            started: ago(86_400 * 9),
            clients,
            tables,
            indexes,
            statements,
            upkeep: Vec::new(),
            whole: BTreeMap::new(),
            done: Vec::new(),
            pools: BTreeMap::from([("cortex-api", 14), ("cortex-worker", 9), ("memory-api", 8)]),
            leaks: Vec::new(),
            changes: 0,
        }
    }

    /// Brings everything to `now`: an upkeep that is due ends.
    pub(super) fn pass(&mut self, now: Timestamp) {
        let mut still = Vec::new();
        for u in std::mem::take(&mut self.upkeep) {
            if seconds(now, u.began) < u.lasts(self.bytes(&u)) {
                still.push(u);
                continue;
            }
            self.finish(&u, now);
            self.done.push(u.pid);
        }
        self.upkeep = still;
    }

    pub(super) fn bytes(&self, u: &Upkeep) -> i64 {
        self.tables.iter().find(|t| t.name == u.table).map_or(0, |t| t.bytes)
    }

    fn finish(&mut self, u: &Upkeep, now: Timestamp) {
        if let What::Reindex(name) = u.what {
            if let Some(i) = self.indexes.iter_mut().find(|i| i.name == name) {
                i.valid = true;
                i.filenode += 1_000;
            }
            return;
        }
        let Some(t) = self.tables.iter_mut().find(|t| t.name == u.table) else {
            return;
        };
        if u.is_vacuum() {
            (t.dead, t.since, t.vacuumed) = (0.0, now, Some(now));
            t.vacuums += 1;
            self.aged.remove(t.name);
        }
        if u.what != (What::Vacuum { analyze: false }) {
            t.analyzed = Some(now);
            t.analyzes += 1;
        }
    }

    /// Cancels what a session runs, or ends the session. `None`: no such session.
    pub(super) fn signal(&mut self, pid: i32, terminate: bool) -> Option<bool> {
        if let Some(at) = self.upkeep.iter().position(|u| u.pid == pid) {
            self.upkeep.remove(at);
            return Some(true);
        }
        let client = self.clients.get_mut(&pid)?;
        let application = client.application;
        if terminate {
            self.clients.remove(&pid);
        } else if client.state == "active" {
            // Its client hears of the error, and rolls back.
            self.clients.remove(&pid);
            self.rests(application);
        } else {
            return Some(true);
        }
        self.let_go(pid);
        Some(true)
    }

    /// Nobody waits for `pid` any more; those that now wait for nobody do what they came for, and go.
    fn let_go(&mut self, pid: i32) {
        let mut free = Vec::new();
        for c in self.clients.values_mut() {
            c.blocked_by.retain(|by| *by != pid);
            if c.blocked_by.is_empty() && c.lock.is_some() {
                free.push((c.pid, c.application));
            }
        }
        for (pid, application) in free {
            self.clients.remove(&pid);
            self.rests(application);
            self.let_go(pid);
        }
    }

    /// One more connection of a pool that does nothing.
    fn rests(&mut self, application: &'static str) {
        *self.pools.entry(application).or_default() += 1;
    }
}
