//! From what the servers answer to the model. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use redis::Value;

use super::connection::value;
use crate::model::{
    ClusterHealth, ClusterNode, CommandStat, KeyspaceDb, LatencyEvent, RedisClients, RedisInfo, RedisLink, RedisMemory,
    RedisPersistence, RedisReplica, RedisReplication, RedisRole, RedisStats, SlowEntry, SlowLog, Str,
};
use crate::text::{clean, truncate_end};

/// `name:value` lines.
struct Fields<'a>(HashMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Self {
        Self(
            text.lines()
                .filter(|l| !l.starts_with('#'))
                .filter_map(|l| l.trim_end().split_once(':'))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn str(&self, name: &str) -> Str {
        clean(self.text(name)).as_ref().into()
    }

    fn get<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.trim().parse().ok()
    }

    fn count(&self, name: &str) -> u64 {
        self.get(name).unwrap_or_default()
    }

    fn number(&self, name: &str) -> f64 {
        self.get::<f64>(name).filter(|n| n.is_finite()).unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.text(name) == "1"
    }

    /// Absent counts as well: what is not said is not wrong.
    fn ok(&self, name: &str) -> bool {
        matches!(self.text(name), "ok" | "")
    }
}

/// A part of `a=1,b=2`.
fn part<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',')
        .find_map(|p| p.split_once('=').filter(|(k, _)| *k == name).map(|(_, v)| v))
}

fn part_as<T: std::str::FromStr>(list: &str, name: &str) -> Option<T> {
    part(list, name)?.parse().ok()
}

/// INFO with its default sections.
pub(crate) fn info(text: &str) -> RedisInfo {
    let f = Fields::of(text);
    let offset = f.count("master_repl_offset");
    let replica = f.text("role") == "slave";
    let replicas = (0..f.count("connected_slaves").min(64)).filter_map(|n| {
        let line = f.text(&format!("slave{n}"));
        let seen: u64 = part_as(line, "offset")?;
        Some(RedisReplica {
            address: clean(&format!("{}:{}", part(line, "ip")?, part(line, "port")?))
                .as_ref()
                .into(),
            state: clean(part(line, "state").unwrap_or_default()).as_ref().into(),
            offset: seen,
            lag_s: part_as(line, "lag"),
            behind: offset.saturating_sub(seen),
        })
    });
    let link = replica.then(|| RedisLink {
        master: clean(&format!("{}:{}", f.text("master_host"), f.text("master_port")))
            .as_ref()
            .into(),
        up: f.text("master_link_status") == "up",
        last_io_s: f.get("master_last_io_seconds_ago"),
        down_s: f.get("master_link_down_since_seconds"),
        syncing: f.is("master_sync_in_progress"),
    });
    let mut keyspace: Vec<KeyspaceDb> =
        f.0.iter()
            .filter_map(|(name, line)| {
                Some(KeyspaceDb {
                    db: name.strip_prefix("db")?.parse().ok()?,
                    keys: part_as(line, "keys")?,
                    expires: part_as(line, "expires").unwrap_or_default(),
                })
            })
            .collect();
    keyspace.sort_by_key(|k| k.db);
    let seconds = |name: &str| {
        f.get::<i64>(name)
            .filter(|s| *s > 0)
            .and_then(|s| Timestamp::from_second(s).ok())
    };
    RedisInfo {
        version: f.str("redis_version"),
        mode: f.str("redis_mode"),
        run_id: f.str("run_id"),
        uptime_s: f.count("uptime_in_seconds"),
        memory: RedisMemory {
            used: f.count("used_memory"),
            peak: f.count("used_memory_peak"),
            rss: f.count("used_memory_rss"),
            max: f.count("maxmemory"),
            policy: f.str("maxmemory_policy"),
            fragmentation_ratio: f.number("mem_fragmentation_ratio"),
            allocator_fragmentation: f.get("allocator_frag_ratio"),
            clients_normal: f.count("mem_clients_normal"),
            clients_replicas: f.count("mem_clients_slaves"),
        },
        clients: RedisClients {
            connected: f.count("connected_clients"),
            blocked: f.count("blocked_clients"),
            max: f.get("maxclients"),
        },
        stats: RedisStats {
            commands: f.count("total_commands_processed"),
            ops_per_second: f.count("instantaneous_ops_per_sec"),
            input_kbps: f.number("instantaneous_input_kbps"),
            output_kbps: f.number("instantaneous_output_kbps"),
            hits: f.count("keyspace_hits"),
            misses: f.count("keyspace_misses"),
            evicted_keys: f.count("evicted_keys"),
            expired_keys: f.count("expired_keys"),
            evicted_clients: f.get("evicted_clients"),
            rejected_connections: f.count("rejected_connections"),
            sync_full: f.count("sync_full"),
            cpu_main_s: f
                .get::<f64>("used_cpu_sys_main_thread")
                .zip(f.get::<f64>("used_cpu_user_main_thread"))
                .map(|(s, u)| s + u),
            errors: errors(&f),
            latest_fork_us: f.count("latest_fork_usec"),
        },
        persistence: RedisPersistence {
            loading: f.is("loading"),
            rdb_ok: f.ok("rdb_last_bgsave_status"),
            rdb_last_save: seconds("rdb_last_save_time"),
            rdb_changes: f.count("rdb_changes_since_last_save"),
            rdb_in_progress: f.is("rdb_bgsave_in_progress"),
            aof_on: f.is("aof_enabled"),
            aof_write_ok: f.ok("aof_last_write_status"),
            aof_rewrite_ok: f.ok("aof_last_bgrewrite_status"),
            cow: f.count("current_cow_size"),
        },
        replication: RedisReplication {
            role: match f.text("role") {
                "slave" => RedisRole::Replica,
                _ if f.text("redis_mode") == "sentinel" => RedisRole::Sentinel,
                _ => RedisRole::Master,
            },
            offset,
            replicas: replicas.collect(),
            link,
        },
        keyspace,
    }
}

fn errors(f: &Fields<'_>) -> Vec<(Str, u64)> {
    let mut errors: Vec<(Str, u64)> =
        f.0.iter()
            .filter_map(|(name, line)| {
                let name = name.strip_prefix("errorstat_")?;
                Some((clean(name).as_ref().into(), part_as(line, "count")?))
            })
            .collect();
    errors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    errors.truncate(20);
    errors
}

/// INFO commandstats and latencystats, the most time first. `before` is the last reading and its age in seconds.
pub(crate) fn commands(text: &str, latency: &str, before: Option<(&[CommandStat], f64)>) -> Vec<CommandStat> {
    let f = Fields::of(text);
    let quantiles = Fields::of(latency);
    let earlier: HashMap<&str, u64> = before
        .map(|(list, _)| list.iter().map(|c| (&*c.name, c.calls)).collect())
        .unwrap_or_default();
    let mut stats: Vec<CommandStat> =
        f.0.iter()
            .filter_map(|(name, line)| {
                let name = name.strip_prefix("cmdstat_")?;
                let calls: u64 = part_as(line, "calls")?;
                let per_second = before.and_then(|(_, age)| {
                    // A counter that went back: the server began anew.
                    let more = calls.checked_sub(*earlier.get(name)?)?;
                    (age > 0.0).then_some(more as f64 / age)
                });
                Some(CommandStat {
                    name: clean(name).as_ref().into(),
                    calls,
                    usec: part_as(line, "usec").unwrap_or_default(),
                    usec_per_call: part_as(line, "usec_per_call").unwrap_or_default(),
                    rejected: part_as(line, "rejected_calls"),
                    failed: part_as(line, "failed_calls"),
                    per_second,
                    p99_us: part_as(quantiles.text(&format!("latency_percentiles_usec_{name}")), "p99"),
                })
            })
            .collect();
    stats.sort_by(|a, b| b.usec.cmp(&a.usec).then_with(|| a.name.cmp(&b.name)));
    stats.truncate(100);
    stats
}

/// SLOWLOG GET. Arguments hold people's data: only the command, how many there were, and the key where it may be shown.
pub(crate) fn slow_log(answer: &Value, len: u64, mask: bool) -> SlowLog {
    let entries: Vec<SlowEntry> = value::items(answer)
        .iter()
        .filter_map(|entry| {
            let [id, at, took, words, rest @ ..] = value::items(entry) else {
                return None;
            };
            Some(SlowEntry {
                id: value::count(id)?,
                at: Timestamp::from_second(value::int(at)?).ok()?,
                took_us: value::count(took)?,
                command: masked(value::items(words), mask),
                client: clean(&rest.first().and_then(value::text).unwrap_or_default())
                    .as_ref()
                    .into(),
            })
        })
        .collect();
    SlowLog {
        newest: entries.first().map(|e| e.id),
        entries,
        len,
    }
}

fn masked(words: &[Value], mask: bool) -> Str {
    let word = |n: usize| words.get(n).and_then(value::text).unwrap_or_default();
    let name = word(0).to_uppercase();
    let secret = matches!(
        name.as_str(),
        "AUTH" | "HELLO" | "ACL" | "CONFIG" | "EVAL" | "EVALSHA" | "MIGRATE" | "SCRIPT"
    );
    let (shown, key) = if !mask && !secret && words.len() > 1 {
        (2, format!(" {}", truncate_end(&clean(&word(1)), 60)))
    } else {
        (1, String::new())
    };
    let rest = words.len().saturating_sub(shown);
    let more = match rest {
        0 => String::new(),
        1 => " (1 argument)".to_owned(),
        n => format!(" ({n} arguments)"),
    };
    clean(&format!("{name}{key}{more}")).as_ref().into()
}

/// LATENCY LATEST.
pub(crate) fn latency(answer: &Value) -> Vec<LatencyEvent> {
    value::items(answer)
        .iter()
        .filter_map(|event| {
            let [name, at, latest, max, ..] = value::items(event) else {
                return None;
            };
            Some(LatencyEvent {
                event: clean(&value::text(name)?).as_ref().into(),
                at: Timestamp::from_second(value::int(at)?).ok()?,
                latest_ms: value::count(latest)?,
                max_ms: value::count(max)?,
            })
        })
        .collect()
}

/// CLUSTER INFO and CLUSTER NODES.
pub(crate) fn cluster(info: &str, nodes: &str) -> ClusterHealth {
    let f = Fields::of(info);
    ClusterHealth {
        ok: f.text("cluster_state") == "ok",
        slots_assigned: f.get("cluster_slots_assigned").unwrap_or_default(),
        slots_ok: f.get("cluster_slots_ok").unwrap_or_default(),
        slots_pfail: f.get("cluster_slots_pfail").unwrap_or_default(),
        slots_fail: f.get("cluster_slots_fail").unwrap_or_default(),
        nodes: cluster_nodes(nodes),
    }
}

/// CLUSTER NODES: `id ip:port@bus[,host] flags master ping pong epoch link slot slot-slot …`
pub(crate) fn cluster_nodes(text: &str) -> Vec<ClusterNode> {
    let mut nodes: Vec<ClusterNode> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (id, at, flags, master) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let link = words.nth(3)?;
            let at = at.split('@').next().unwrap_or(at);
            let slots = words
                // `[93-<-id]`: a slot on its way.
                .filter(|w| !w.starts_with('['))
                .filter_map(|w| match w.split_once('-') {
                    Some((a, b)) => Some((a.parse().ok()?, b.parse().ok()?)),
                    None => w.parse().ok().map(|n| (n, n)),
                })
                .collect();
            let has = |flag: &str| flags.split(',').any(|f| f == flag);
            Some(ClusterNode {
                id: clean(id).as_ref().into(),
                address: clean(at).as_ref().into(),
                role: if has("slave") {
                    RedisRole::Replica
                } else {
                    RedisRole::Master
                },
                master: (master != "-").then(|| clean(master).as_ref().into()),
                failing: has("fail") || has("fail?") || has("handshake") || has("noaddr"),
                linked: link == "connected" || has("myself"),
                slots,
            })
        })
        .collect();
    nodes.sort_by(|a, b| a.address.cmp(&b.address));
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_whatever_the_version_says() {
        let i = info(
            "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:abc\r\nuptime_in_seconds:12\r\n\
             used_memory:209715200\r\nmaxmemory:419430400\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1.62\r\n\
             role:master\r\nconnected_slaves:1\r\nslave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=3\r\n\
             master_repl_offset:100\r\nrdb_last_bgsave_status:err\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb12:keys=1,expires=0\r\n\
             errorstat_NOPERM:count=4\r\n",
        );
        assert_eq!(i.memory.share(), Some(0.5));
        assert_eq!(i.memory.fragmentation(), Some(1.62));
        assert_eq!(
            (i.replication.replicas[0].lag_s, i.replication.replicas[0].behind),
            (Some(3), 10)
        );
        assert!(!i.persistence.rdb_ok && i.persistence.aof_write_ok);
        assert_eq!(
            i.keyspace.iter().map(|k| (k.db, k.keys)).collect::<Vec<_>>(),
            [(0, 3), (12, 1)]
        );
        assert_eq!(i.stats.errors, [("NOPERM".into(), 4)]);
        assert_eq!(i.clients.max, None);
        assert_eq!(info(""), info("garbage\r\n:::\r\nslave0:x\r\n"));
    }

    #[test]
    fn a_slow_command_shows_no_payload() {
        let bulk = |s: &str| Value::BulkString(s.into());
        let entry = |words: &[&str]| {
            Value::Array(vec![Value::Array(vec![
                Value::Int(7),
                Value::Int(1_700_000_000),
                Value::Int(12_000),
                Value::Array(words.iter().map(|w| bulk(w)).collect()),
                bulk("10.0.0.9:1"),
                bulk(""),
            ])])
        };
        let shown = |words: &[&str], mask| slow_log(&entry(words), 1, mask).entries[0].command.to_string();
        assert_eq!(shown(&["set", "user:1", "secret"], true), "SET (2 arguments)");
        assert_eq!(shown(&["set", "user:1", "secret"], false), "SET user:1 (1 argument)");
        assert_eq!(shown(&["auth", "hunter2"], false), "AUTH (1 argument)");
        assert_eq!(shown(&["PING"], false), "PING");
    }

    #[test]
    fn nodes_of_a_cluster_have_their_slots() {
        let nodes = cluster_nodes(
            "a1 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-5460 5462 [77-<-b2]\n\
             b2 127.0.0.1:7002@17002,host master,fail? - 0 0 2 disconnected 5461\n\
             c3 127.0.0.1:7003@17003 slave a1 0 0 1 connected\nbroken line\n",
        );
        assert_eq!(nodes.len(), 3);
        assert_eq!((nodes[0].slot_count(), nodes[0].failing), (5462, false));
        assert!(nodes[1].failing && !nodes[1].linked);
        assert_eq!(nodes[2].master.as_deref(), Some("a1"));
    }
}
