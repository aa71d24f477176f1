//! One PostgreSQL server as it was seen last.
//!
//! Rows carry what the server's own clock said (`…_s`: seconds that something had lasted when it was read), so that no
//! difference of clocks makes a query younger or older than it is.

mod locks;
mod rows;
mod statements;

pub use locks::{LockRow, LockTree, Waiter};
pub use rows::{
    Connections, ConnectionsBy, DatabaseAge, Holder, IndexFinding, Pool, Replica, ScannedTable, Server, Session, Slot,
    Standby, TableStat, Work,
};
pub use statements::{Counters, Statement, StatementId, Statements};

use super::Seen;

/// One PostgreSQL server as it was seen last. Views of one server may be of different age.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Postgres {
    /// Which server answered, and what it allows. Read at every connection.
    pub server: Seen<Server>,
    /// Sessions that do something or hold something open: the longest first. Those that only sit there are counted in
    /// [`Postgres::connections`].
    pub activity: Seen<Vec<Session>>,
    /// Who waits for whom.
    pub locks: Seen<LockTree>,
    pub connections: Seen<Connections>,
    /// What the statements cost within the window.
    pub statements: Seen<Statements>,
    /// Tables by dead rows against their own threshold, worst first.
    pub tables: Seen<Vec<TableStat>>,
    /// Tables that are read from end to end too often, worst first.
    pub scanned: Seen<Vec<ScannedTable>>,
    /// Indexes that are invalid, the double of another one, or never used.
    pub indexes: Seen<Vec<IndexFinding>>,
    /// VACUUM, ANALYZE and index builds under way.
    pub work: Seen<Vec<Work>>,
    /// What keeps old row versions alive, oldest first.
    pub horizon: Seen<Vec<Holder>>,
    /// Every database against wraparound.
    pub databases: Seen<Vec<DatabaseAge>>,
    pub replicas: Seen<Vec<Replica>>,
    /// How far behind its primary this server is; absent on a primary.
    pub standby: Seen<Standby>,
    pub slots: Seen<Vec<Slot>>,
    /// PgBouncer's pools, when its console is configured.
    pub pools: Seen<Vec<Pool>>,
    /// How the connection came about: `TLS, verified`, `not encrypted`, `through a pooler`.
    pub wire: super::Str,
}
