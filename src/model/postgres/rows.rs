//! Rows of the views, named as PostgreSQL names them where it has a name.

use jiff::Timestamp;
use serde::Deserialize;

/// Which server answered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Server {
    /// `160014`
    pub version_num: u32,
    /// `16.14`
    pub version: String,
    pub in_recovery: bool,
    pub started: Timestamp,
    pub database: String,
    pub user: String,
    pub superuser: bool,
    /// `pg_read_all_stats`, which `pg_monitor` includes.
    pub reads_stats: bool,
    pub may_signal: bool,
    /// Where `pg_stat_statements` lives; `None`: not in this database.
    pub statements_schema: Option<String>,
    pub timescale: Option<String>,
    pub max_connections: i64,
    /// Of those, kept for superusers and, from 16 on, for `pg_use_reserved_connections`.
    pub reserved_connections: i64,
    pub autovacuum: bool,
    pub freeze_max_age: i64,
}

impl Server {
    /// The major version: `16`.
    pub const fn major(&self) -> u32 {
        self.version_num / 10_000
    }
}

/// One session.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    pub pid: i32,
    /// The session that a parallel worker works for.
    pub leader_pid: Option<i32>,
    pub backend_type: Option<String>,
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub client: Option<String>,
    pub state: Option<String>,
    pub wait_event_type: Option<String>,
    pub wait_event: Option<String>,
    pub query_id: Option<String>,
    /// With the pid the session's identity. As the server writes it, to the microsecond.
    pub backend_start: Option<String>,
    pub xact_s: Option<f64>,
    pub query_s: Option<f64>,
    /// How long it has been in its state.
    pub state_s: Option<f64>,
    /// How many transactions old its snapshot is.
    pub xmin_age: Option<i64>,
    pub query: Option<String>,
}

impl Session {
    /// Whether a client's statement is running now.
    pub fn is_running(&self) -> bool {
        self.state.as_deref() == Some("active") && self.is_client()
    }

    pub fn is_client(&self) -> bool {
        self.backend_type.as_deref().is_none_or(|t| t == "client backend")
    }

    pub fn is_idle_in_transaction(&self) -> bool {
        self.state
            .as_deref()
            .is_some_and(|s| s.starts_with("idle in transaction"))
    }

    /// `Lock/transactionid`; empty when it waits for nothing.
    pub fn wait(&self) -> String {
        match (&self.wait_event_type, &self.wait_event) {
            (Some(kind), Some(event)) => format!("{kind}/{event}"),
            _ => String::new(),
        }
    }

    /// What its state has lasted: the statement's age while it runs, else the state's.
    pub fn age_s(&self) -> f64 {
        if self.state.as_deref() == Some("active") {
            self.query_s.unwrap_or_default()
        } else {
            self.state_s.unwrap_or_default()
        }
    }
}

/// All client connections, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connections {
    /// `max_connections` less what is reserved.
    pub usable: i64,
    pub max: i64,
    pub total: i64,
    pub by: Vec<ConnectionsBy>,
}

impl Connections {
    /// Connections in a state, most first.
    pub fn states(&self) -> Vec<(String, i64)> {
        let mut all = std::collections::BTreeMap::<String, i64>::new();
        for row in &self.by {
            *all.entry(row.state.clone().unwrap_or_else(|| "unknown".to_owned()))
                .or_default() += row.count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        all
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ConnectionsBy {
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub state: Option<String>,
    pub count: i64,
}

/// A table's upkeep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TableStat {
    pub oid: i64,
    pub schema: String,
    pub name: String,
    pub live: i64,
    pub dead: i64,
    /// Changed since it was analyzed.
    pub modified: i64,
    /// Dead rows from which autovacuum comes, by the table's own settings.
    pub threshold: f64,
    /// Whether autovacuum may come at all.
    pub autovacuum: bool,
    /// Of the table itself, as of its last vacuum.
    pub bytes: i64,
    /// The last by hand or by itself.
    pub vacuumed: Option<Timestamp>,
    pub analyzed: Option<Timestamp>,
    pub vacuums: i64,
    /// Transactions since it was frozen; `None` where that does not apply.
    pub frozen_age: Option<i64>,
    /// A hypertable of TimescaleDB: its counters are the sums of these.
    #[serde(default)]
    pub chunks: Option<Chunks>,
}

/// The chunks of a hypertable. Each is vacuumed by itself, so the worst of them tells how it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Chunks {
    pub count: i64,
    /// `schema.name` of the one with the most dead rows in units of its threshold.
    pub worst: String,
    /// That one's.
    pub ratio: f64,
}

impl TableStat {
    /// Dead rows in units of the threshold; of a hypertable those of its worst chunk.
    pub fn ratio(&self) -> f64 {
        let whole = self.dead as f64 / self.threshold.max(1.0);
        self.chunks.as_ref().map_or(whole, |c| c.ratio)
    }

    /// `schema.name`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// A table that is read from end to end.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ScannedTable {
    pub schema: String,
    pub name: String,
    pub scans: i64,
    pub rows_read: i64,
    pub index_scans: i64,
    pub live: i64,
    pub bytes: i64,
}

/// An index that is in the way, or does not work.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct IndexFinding {
    pub oid: i64,
    pub schema: String,
    pub table: String,
    pub name: String,
    pub bytes: i64,
    pub scans: i64,
    pub invalid: bool,
    pub unused: bool,
    /// The index that does the same.
    pub duplicate_of: Option<String>,
}

/// Something long that the server is doing to a table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Work {
    pub pid: i32,
    /// `vacuum`, `analyze`, `create index`, `cluster`
    pub what: String,
    pub database: Option<String>,
    pub table: Option<String>,
    pub phase: String,
    /// Of the phase, in percent.
    pub percent: Option<f64>,
    pub index_rounds: Option<i64>,
    pub dead_bytes: Option<i64>,
    pub dead_bytes_max: Option<i64>,
    pub indexes_done: Option<i64>,
    pub indexes: Option<i64>,
    pub autovacuum: bool,
    /// It comes against wraparound and does not give way.
    pub against_wraparound: bool,
    pub since_s: Option<f64>,
    pub application: Option<String>,
}

/// What keeps old row versions alive.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Holder {
    /// `session`, `prepared transaction`, `slot`, `replica`
    pub kind: String,
    /// The pid, the transaction's name, the slot's, the replica's.
    pub name: String,
    /// Transactions since.
    pub age: i64,
    pub database: Option<String>,
    pub user: Option<String>,
    pub state: Option<String>,
    pub since_s: Option<f64>,
    pub query: Option<String>,
}

/// A database against wraparound.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DatabaseAge {
    pub name: String,
    pub age: i64,
    pub multixact_age: i64,
    pub freeze_max_age: i64,
    pub multixact_freeze_max_age: i64,
}

/// A server that follows this one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Replica {
    pub name: String,
    pub client: Option<String>,
    pub state: Option<String>,
    pub sync_state: Option<String>,
    pub lag_s: Option<f64>,
    pub lag_bytes: Option<i64>,
}

/// How this server follows its primary.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Standby {
    /// 0 when everything that was received is replayed.
    pub lag_s: Option<f64>,
    pub lag_bytes: Option<i64>,
    /// `streaming`; `None`: nothing is received.
    pub receiver: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Slot {
    pub name: String,
    /// `physical`, `logical`
    pub kind: String,
    pub database: Option<String>,
    pub active: bool,
    /// `reserved`, `extended`, `unreserved`, `lost`
    pub wal_status: Option<String>,
    pub retained_bytes: Option<i64>,
    /// How much more may be written before it is lost.
    pub safe_bytes: Option<i64>,
    /// 17 and newer.
    pub inactive_s: Option<f64>,
    /// 17 and newer; 16 says only that there was a conflict.
    pub invalid: Option<String>,
}

/// One pool of PgBouncer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    pub database: String,
    pub user: String,
    pub mode: String,
    pub clients_active: i64,
    pub clients_waiting: i64,
    pub servers_active: i64,
    pub servers_idle: i64,
    /// How long the first in the queue has waited.
    pub max_wait_s: f64,
}
