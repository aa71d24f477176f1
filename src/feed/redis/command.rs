//! Every command that this console can send to a Redis, as two closed sets.
//!
//! [`Read`] changes nothing and is cheap: no KEYS, no MONITOR, no range without an end. [`Write`] can only be made with
//! a [`WriteGrant`]; what is not in it (FLUSH*, CONFIG SET, …) cannot be sent at all.

use redis::Cmd;

pub use super::rights::{observer_acl, operator_acl};
use crate::action::WriteGrant;

/// Sections of INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Default,
    Commandstats,
    Latencystats,
    Errorstats,
    Server,
}

/// A command that reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    Ping,
    Info(Section),
    Role,
    DbSize,
    /// One setting by its exact name.
    ConfigGet(&'static str),
    SlowlogGet(u16),
    SlowlogLen,
    LatencyLatest,
    ClientList,
    ClusterInfo,
    ClusterNodes,
    SentinelMaster(String),
    SentinelAddress(String),
    SentinelQuorum(String),
    /// Whether a user may send a command: it is not carried out.
    AclDryrun(String, Vec<String>),
    Scan {
        cursor: u64,
        pattern: String,
        count: u32,
        kind: Option<&'static str>,
    },
    Exists(String),
    /// How many of these keys are there; at most [`Read::RANGE`], all on one node.
    ExistMany(Vec<String>),
    Type(String),
    Get(String),
    Llen(String),
    Lindex(String, i64),
    /// At most [`Read::RANGE`] items, from the head.
    Lrange(String, u16),
    Zcard(String),
    Zcount(String, String, String),
    /// By rank, with scores; at most [`Read::RANGE`] items.
    Zrange {
        key: String,
        first: u32,
        count: u16,
        newest_first: bool,
    },
    /// The first member from this score on.
    ZrangeByScore {
        key: String,
        min: String,
        count: u16,
    },
    Zscore(String, String),
    Hget(String, String),
    Hmget(String, Vec<&'static str>),
    Hlen(String),
    Scard(String),
    Sscan(String, u64),
    XinfoStream(String),
    XinfoGroups(String),
    /// The oldest pending entry of a group.
    XpendingOldest(String, String),
    /// Pending entries that were handed out so many milliseconds ago or earlier, at most so many.
    XpendingIdle {
        key: String,
        group: String,
        idle_ms: u32,
        count: u16,
    },
    /// Entries after an id, oldest first.
    Xrange {
        key: String,
        after: String,
        count: u16,
    },
}

impl Read {
    /// No reading brings more items than this.
    pub const RANGE: u16 = 1000;

    pub(super) fn cmd(&self) -> Cmd {
        let mut c = Cmd::new();
        match self {
            Self::Ping => c.arg("PING"),
            Self::Info(Section::Default) => c.arg("INFO"),
            Self::Info(section) => c.arg("INFO").arg(match section {
                Section::Commandstats => "commandstats",
                Section::Latencystats => "latencystats",
                Section::Errorstats => "errorstats",
                Section::Server => "server",
                Section::Default => "default",
            }),
            Self::Role => c.arg("ROLE"),
            Self::DbSize => c.arg("DBSIZE"),
            Self::ConfigGet(name) => c.arg("CONFIG").arg("GET").arg(*name),
            Self::SlowlogGet(n) => c.arg("SLOWLOG").arg("GET").arg((*n).min(128)),
            Self::SlowlogLen => c.arg("SLOWLOG").arg("LEN"),
            Self::LatencyLatest => c.arg("LATENCY").arg("LATEST"),
            Self::ClientList => c.arg("CLIENT").arg("LIST"),
            Self::ClusterInfo => c.arg("CLUSTER").arg("INFO"),
            Self::ClusterNodes => c.arg("CLUSTER").arg("NODES"),
            Self::SentinelMaster(name) => c.arg("SENTINEL").arg("MASTER").arg(name),
            Self::SentinelAddress(name) => c.arg("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name),
            Self::SentinelQuorum(name) => c.arg("SENTINEL").arg("CKQUORUM").arg(name),
            Self::AclDryrun(user, words) => c.arg("ACL").arg("DRYRUN").arg(user).arg(words),
            Self::Scan {
                cursor,
                pattern,
                count,
                kind,
            } => {
                c.arg("SCAN").arg(*cursor).arg("MATCH").arg(pattern);
                c.arg("COUNT").arg((*count).min(u32::from(Self::RANGE)));
                if let Some(kind) = kind {
                    c.arg("TYPE").arg(*kind);
                }
                &mut c
            }
            Self::Exists(key) => c.arg("EXISTS").arg(key),
            Self::ExistMany(keys) => c
                .arg("EXISTS")
                .arg(keys.get(..usize::from(Self::RANGE)).unwrap_or(keys)),
            Self::Type(key) => c.arg("TYPE").arg(key),
            Self::Get(key) => c.arg("GET").arg(key),
            Self::Llen(key) => c.arg("LLEN").arg(key),
            Self::Lindex(key, at) => c.arg("LINDEX").arg(key).arg(*at),
            Self::Lrange(key, n) => c.arg("LRANGE").arg(key).arg(0).arg((*n).clamp(1, Self::RANGE) - 1),
            Self::Zcard(key) => c.arg("ZCARD").arg(key),
            Self::Zcount(key, min, max) => c.arg("ZCOUNT").arg(key).arg(min).arg(max),
            Self::Zrange {
                key,
                first,
                count,
                newest_first,
            } => {
                let last = first.saturating_add(u32::from((*count).clamp(1, Self::RANGE)) - 1);
                c.arg("ZRANGE").arg(key).arg(*first).arg(last);
                if *newest_first {
                    c.arg("REV");
                }
                c.arg("WITHSCORES")
            }
            Self::ZrangeByScore { key, min, count } => c
                .arg("ZRANGEBYSCORE")
                .arg(key)
                .arg(min)
                .arg("+inf")
                .arg("WITHSCORES")
                .arg("LIMIT")
                .arg(0)
                .arg((*count).clamp(1, Self::RANGE)),
            Self::Zscore(key, member) => c.arg("ZSCORE").arg(key).arg(member),
            Self::Hget(key, field) => c.arg("HGET").arg(key).arg(field),
            Self::Hmget(key, fields) => c.arg("HMGET").arg(key).arg(fields),
            Self::Hlen(key) => c.arg("HLEN").arg(key),
            Self::Scard(key) => c.arg("SCARD").arg(key),
            Self::Sscan(key, cursor) => c.arg("SSCAN").arg(key).arg(*cursor).arg("COUNT").arg(500),
            Self::XinfoStream(key) => c.arg("XINFO").arg("STREAM").arg(key),
            Self::XinfoGroups(key) => c.arg("XINFO").arg("GROUPS").arg(key),
            Self::XpendingOldest(key, group) => c.arg("XPENDING").arg(key).arg(group).arg("-").arg("+").arg(1),
            Self::XpendingIdle {
                key,
                group,
                idle_ms,
                count,
            } => c
                .arg("XPENDING")
                .arg(key)
                .arg(group)
                .arg("IDLE")
                .arg(*idle_ms)
                .arg("-")
                .arg("+")
                .arg((*count).clamp(1, Self::RANGE)),
            Self::Xrange { key, after, count } => c
                .arg("XRANGE")
                .arg(key)
                .arg(format!("({after}"))
                .arg("+")
                .arg("COUNT")
                .arg((*count).clamp(1, Self::RANGE)),
        };
        c
    }

    /// The ACL rule that allows it.
    pub const fn acl(&self) -> &'static str {
        match self {
            Self::Ping => "+ping",
            Self::Info(_) => "+info",
            Self::Role => "+role",
            Self::DbSize => "+dbsize",
            Self::ConfigGet(_) => "+config|get",
            Self::SlowlogGet(_) => "+slowlog|get",
            Self::SlowlogLen => "+slowlog|len",
            Self::LatencyLatest => "+latency|latest",
            Self::ClientList => "+client|list",
            Self::ClusterInfo => "+cluster|info",
            Self::ClusterNodes => "+cluster|nodes",
            Self::SentinelMaster(_) => "+sentinel|master",
            Self::SentinelAddress(_) => "+sentinel|get-master-addr-by-name",
            Self::SentinelQuorum(_) => "+sentinel|ckquorum",
            Self::AclDryrun(..) => "+acl|dryrun",
            Self::Scan { .. } => "+scan",
            Self::Exists(_) | Self::ExistMany(_) => "+exists",
            Self::Type(_) => "+type",
            Self::Get(_) => "+get",
            Self::Llen(_) => "+llen",
            Self::Lindex(..) => "+lindex",
            Self::Lrange(..) => "+lrange",
            Self::Zcard(_) => "+zcard",
            Self::Zcount(..) => "+zcount",
            Self::Zrange { .. } => "+zrange",
            Self::ZrangeByScore { .. } => "+zrangebyscore",
            Self::Zscore(..) => "+zscore",
            Self::Hget(..) => "+hget",
            Self::Hmget(..) => "+hmget",
            Self::Hlen(_) => "+hlen",
            Self::Scard(_) => "+scard",
            Self::Sscan(..) => "+sscan",
            Self::XinfoStream(_) => "+xinfo|stream",
            Self::XinfoGroups(_) => "+xinfo|groups",
            Self::XpendingOldest(..) | Self::XpendingIdle { .. } => "+xpending",
            Self::Xrange { .. } => "+xrange",
        }
    }

    /// What it reads, when that is a key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Exists(key)
            | Self::Type(key)
            | Self::Get(key)
            | Self::Llen(key)
            | Self::Lindex(key, _)
            | Self::Lrange(key, _)
            | Self::Zcard(key)
            | Self::Zcount(key, ..)
            | Self::Zrange { key, .. }
            | Self::ZrangeByScore { key, .. }
            | Self::Zscore(key, _)
            | Self::Hget(key, _)
            | Self::Hmget(key, _)
            | Self::Hlen(key)
            | Self::Scard(key)
            | Self::Sscan(key, _)
            | Self::XinfoStream(key)
            | Self::XinfoGroups(key)
            | Self::XpendingOldest(key, _)
            | Self::XpendingIdle { key, .. }
            | Self::Xrange { key, .. } => Some(key),
            Self::ExistMany(keys) => keys.first().map(String::as_str),
            _ => None,
        }
    }

    /// `CONFIG GET`, `LLEN`: for sentences.
    pub fn name(&self) -> String {
        self.acl().trim_start_matches('+').replace('|', " ").to_uppercase()
    }
}

/// A command that changes something. Sent once, on a connection of its own; never again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Eval {
        script: &'static str,
        keys: Vec<String>,
        args: Vec<String>,
    },
    Unlink(Vec<String>),
}

impl Write {
    /// No batch is larger: a batch is one moment in which the server does nothing else.
    pub const BATCH: usize = 100;

    /// One of the scripts of this program.
    pub(crate) const fn eval(_: &WriteGrant, script: Script, keys: Vec<String>, args: Vec<String>) -> Self {
        Self(Kind::Eval {
            script: script.text(),
            keys,
            args,
        })
    }

    /// Removes keys; the server frees their memory in the background. At most [`Write::BATCH`].
    pub(crate) fn unlink(_: &WriteGrant, mut keys: Vec<String>) -> Self {
        keys.truncate(Self::BATCH);
        Self(Kind::Unlink(keys))
    }

    pub(super) fn cmd(&self) -> Cmd {
        let mut c = Cmd::new();
        match &self.0 {
            Kind::Eval { script, keys, args } => c.arg("EVAL").arg(*script).arg(keys.len()).arg(keys).arg(args),
            Kind::Unlink(keys) => c.arg("UNLINK").arg(keys),
        };
        c
    }

    /// A key that it changes: in a Cluster it tells the node.
    pub fn key(&self) -> &str {
        match &self.0 {
            Kind::Eval { keys, .. } | Kind::Unlink(keys) => keys.first().map_or("", String::as_str),
        }
    }

    /// The ACL rule that allows it.
    pub const fn acl(&self) -> &'static str {
        match &self.0 {
            Kind::Eval { .. } => "+eval",
            Kind::Unlink(_) => "+unlink",
        }
    }
}

/// The scripts that are sent, each in one EVAL: all of it happens, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Retry,
    Pause,
}

impl Script {
    const fn text(self) -> &'static str {
        match self {
            Self::Retry => include_str!("../../action/bull_retry.lua"),
            Self::Pause => include_str!("../../action/bull_pause.lua"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_observers_acl_has_every_reading_and_nothing_that_writes() {
        let k = || "k".to_owned();
        let all = [
            Read::Ping,
            Read::Info(Section::Default),
            Read::Role,
            Read::DbSize,
            Read::ConfigGet("maxmemory"),
            Read::SlowlogGet(1),
            Read::SlowlogLen,
            Read::LatencyLatest,
            Read::ClientList,
            Read::ClusterInfo,
            Read::ClusterNodes,
            Read::Exists(k()),
            Read::Type(k()),
            Read::Get(k()),
            Read::Llen(k()),
            Read::Lindex(k(), 0),
            Read::Lrange(k(), 1),
            Read::Zcard(k()),
            Read::Zcount(k(), k(), k()),
            Read::Zscore(k(), k()),
            Read::Hget(k(), k()),
            Read::Hmget(k(), vec![]),
            Read::Hlen(k()),
            Read::Scard(k()),
            Read::Sscan(k(), 0),
            Read::XinfoStream(k()),
            Read::XinfoGroups(k()),
            Read::XpendingOldest(k(), k()),
            Read::ExistMany(vec![k()]),
        ];
        let acl = observer_acl();
        let words: Vec<&str> = acl.split_whitespace().collect();
        for read in all {
            assert!(words.contains(&read.acl()), "{}", read.acl());
        }
        for never in [
            "+eval",
            "+set",
            "+del",
            "+flushdb",
            "+keys",
            "+monitor",
            "+config|set",
            "+@all",
        ] {
            assert!(!words.contains(&never));
        }
        assert_eq!(Read::ConfigGet("x").name(), "CONFIG GET");
    }
}
