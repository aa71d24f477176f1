//! One Redis deployment as it was seen last: its servers, and the health of its Cluster or its Sentinels.

use jiff::{SignedDuration, Timestamp};

use super::{Problem, Seen, Str};

/// One Redis deployment as it was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redis {
    pub topology: Topology,
    /// The one server, the master that the Sentinels name, or the masters of the Cluster; by address.
    pub nodes: Vec<RedisNode>,
    /// Queues live here by the configuration: no key may be evicted, and the memory must have a limit.
    pub holds_queues: bool,
    pub cluster: Seen<ClusterHealth>,
    pub sentinel: Seen<SentinelHealth>,
}

/// How the deployment is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topology {
    #[default]
    Single,
    Sentinel,
    Cluster,
}

impl Topology {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RedisNode {
    /// `host:port`
    pub address: Str,
    /// Why it could not be spoken to; `None` when it answers.
    pub trouble: Option<Problem>,
    /// Microseconds from sending PING to its answer on the open connection.
    pub ping_us: Seen<u64>,
    pub info: Seen<RedisInfo>,
    /// Between the two last readings of INFO; `None` before the second, and after a restart.
    pub rates: Option<RedisRates>,
    pub slow_log: Seen<SlowLog>,
    pub latency: Seen<Vec<LatencyEvent>>,
    pub commands: Seen<Vec<CommandStat>>,
    pub settings: Seen<RedisSettings>,
}

/// What INFO says. `None`: this version does not say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RedisInfo {
    pub version: Str,
    /// `standalone`, `sentinel` or `cluster`.
    pub mode: Str,
    /// Changes with each start.
    pub run_id: Str,
    pub uptime_s: u64,
    pub memory: RedisMemory,
    pub clients: RedisClients,
    pub stats: RedisStats,
    pub persistence: RedisPersistence,
    pub replication: RedisReplication,
    /// By database number.
    pub keyspace: Vec<KeyspaceDb>,
}

/// Bytes, unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RedisMemory {
    pub used: u64,
    pub peak: u64,
    pub rss: u64,
    /// 0: no limit.
    pub max: u64,
    /// `noeviction`, `allkeys-lru`, …
    pub policy: Str,
    /// RSS over used. Says nothing on a small server: see [`RedisMemory::fragmentation`].
    pub fragmentation_ratio: f64,
    pub allocator_fragmentation: Option<f64>,
    pub clients_normal: u64,
    pub clients_replicas: u64,
}

impl RedisMemory {
    /// Below this the ratio is the allocator's own overhead, not fragmentation.
    const TELLING: u64 = 100 << 20;

    /// Used over the limit; `None` without a limit.
    pub fn share(&self) -> Option<f64> {
        (self.max > 0).then(|| self.used as f64 / self.max as f64)
    }

    /// The fragmentation ratio, when the server is large enough for it to mean something.
    pub fn fragmentation(&self) -> Option<f64> {
        (self.used >= Self::TELLING).then_some(self.fragmentation_ratio)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisClients {
    pub connected: u64,
    pub blocked: u64,
    /// `maxclients`; since 6.2 in INFO.
    pub max: Option<u64>,
}

/// Counters since the server's start, except where it says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RedisStats {
    pub commands: u64,
    /// As the server smooths it.
    pub ops_per_second: u64,
    pub input_kbps: f64,
    pub output_kbps: f64,
    pub hits: u64,
    pub misses: u64,
    pub evicted_keys: u64,
    pub expired_keys: u64,
    pub evicted_clients: Option<u64>,
    pub rejected_connections: u64,
    pub sync_full: u64,
    /// Seconds of CPU of the main thread; 7.0 and later.
    pub cpu_main_s: Option<f64>,
    /// Errors answered, by their first word; 6.2 and later.
    pub errors: Vec<(Str, u64)>,
    pub latest_fork_us: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisPersistence {
    /// A dump is being loaded: nothing else is answered.
    pub loading: bool,
    pub rdb_ok: bool,
    pub rdb_last_save: Option<Timestamp>,
    pub rdb_changes: u64,
    pub rdb_in_progress: bool,
    pub aof_on: bool,
    pub aof_write_ok: bool,
    pub aof_rewrite_ok: bool,
    /// Bytes copied for a dump that is being written.
    pub cow: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedisRole {
    #[default]
    Master,
    Replica,
    Sentinel,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisReplication {
    pub role: RedisRole,
    pub offset: u64,
    /// Of a master.
    pub replicas: Vec<RedisReplica>,
    /// Of a replica.
    pub link: Option<RedisLink>,
}

/// A replica as its master sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisReplica {
    /// `host:port`
    pub address: Str,
    /// `online`, `wait_bgsave`, `send_bulk`.
    pub state: Str,
    pub offset: u64,
    /// Seconds since its last acknowledgement.
    pub lag_s: Option<u64>,
    /// Bytes that it has not acknowledged.
    pub behind: u64,
}

/// The link of a replica to its master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisLink {
    pub master: Str,
    pub up: bool,
    /// Seconds since the master was heard; `None` while the link is down.
    pub last_io_s: Option<u64>,
    pub down_s: Option<u64>,
    pub syncing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyspaceDb {
    pub db: u32,
    pub keys: u64,
    pub expires: u64,
}

/// What happened between two readings, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RedisRates {
    pub over: SignedDuration,
    pub commands: f64,
    pub evicted: f64,
    pub evicted_keys: u64,
    pub expired: f64,
    pub rejected: f64,
    /// Hits over lookups in this time, 0 to 1; `None` when nothing was looked up.
    pub hit_rate: Option<f64>,
    /// 1.0: the main thread is saturated.
    pub cpu_main: Option<f64>,
    pub sync_full: u64,
    /// New entries of the slow log, a minute.
    pub slow_per_minute: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowLog {
    /// Newest first.
    pub entries: Vec<SlowEntry>,
    /// As many as the server keeps now.
    pub len: u64,
    /// The newest id; ids count up for the server's whole life.
    pub newest: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowEntry {
    pub id: u64,
    /// Server time.
    pub at: Timestamp,
    pub took_us: u64,
    /// The command's name and how many arguments it had; the key only where payloads may be shown.
    pub command: Str,
    pub client: Str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyEvent {
    pub event: Str,
    pub at: Timestamp,
    pub latest_ms: u64,
    pub max_ms: u64,
}

/// One command's statistics since start, busiest first.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandStat {
    pub name: Str,
    pub calls: u64,
    pub usec_per_call: f64,
    pub usec: u64,
    pub rejected: Option<u64>,
    pub failed: Option<u64>,
    /// Calls a second since the reading before.
    pub per_second: Option<f64>,
    /// 99 % took at most so many microseconds; 7.0 and later.
    pub p99_us: Option<f64>,
}

/// The settings that explain an empty view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisSettings {
    /// Microseconds; negative: the slow log is off.
    pub slower_than_us: i64,
    pub slow_log_max: u64,
    /// 0: the latency monitor is off, so its list stays empty.
    pub latency_threshold_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterHealth {
    pub ok: bool,
    pub slots_assigned: u32,
    pub slots_ok: u32,
    pub slots_pfail: u32,
    pub slots_fail: u32,
    /// As the node that was asked sees them.
    pub nodes: Vec<ClusterNode>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    pub id: Str,
    /// `host:port`
    pub address: Str,
    pub role: RedisRole,
    /// Of a replica: its master's id.
    pub master: Option<Str>,
    pub failing: bool,
    pub linked: bool,
    /// First and last slot of each range.
    pub slots: Vec<(u16, u16)>,
}

impl ClusterNode {
    pub fn slot_count(&self) -> u32 {
        self.slots
            .iter()
            .map(|(a, b)| u32::from(b.saturating_sub(*a)) + 1)
            .sum()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentinelHealth {
    pub master_name: Str,
    /// The master that most Sentinels name.
    pub master: Str,
    pub quorum: u32,
    pub replicas: u32,
    /// Every Sentinel of the configuration, as it answered.
    pub sentinels: Vec<SentinelSeen>,
    /// The master's flags by the Sentinel that was asked: `s_down`, `o_down`, `failover_in_progress`.
    pub flags: Vec<Str>,
    /// What SENTINEL CKQUORUM said when it was not OK.
    pub no_quorum: Option<Str>,
}

impl SentinelHealth {
    /// How many Sentinels answer and name the same master.
    pub fn agreeing(&self) -> usize {
        let named = |s: &&SentinelSeen| s.names.as_ref() == Some(&self.master);
        self.sentinels.iter().filter(named).count()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentinelSeen {
    pub address: Str,
    /// The master that it names.
    pub names: Option<Str>,
    pub trouble: Option<Problem>,
}
