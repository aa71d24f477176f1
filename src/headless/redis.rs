//! `qd redis`

use serde_json::json;

use super::queues::say;
use super::table::Table;
use super::{Answer, Verdict, source_doubts};
use crate::app::Health;
use crate::cli::Output;
use crate::model::{RedisRole, SourceKind, World};
use crate::signal::Judge;
use crate::text::{bytes, clean};

/// Every Redis server. Wrong when the pane calls one so (it cannot save, has lost its master, its memory fills up), or
/// when a Cluster is not whole.
///
/// JSON: `{"redis": [{name, server, topology, version, role, ping_us, used_memory, max_memory, policy, clients,
/// blocked, ops_per_second, hit_rate, evicted_keys, evicted_per_second, keys, replicas, saves, cluster_ok, sentinels_agreeing,
/// read, problem}]}`.
pub fn redis(world: &World, judge: &Judge, output: Output) -> Answer {
    let mut doubts = source_doubts::doubts(world, SourceKind::Redis);
    let mut wrong = false;
    let mut table = Table::new([
        "REDIS",
        "SERVER",
        "ROLE",
        "MEMORY",
        "OF",
        "POLICY",
        "OPS/S",
        "HITS",
        "EVICTED/S",
        "CLIENTS",
        "PING",
        "STATE",
    ]);
    let mut rows = Vec::new();
    for (name, redis) in &world.sources.redis {
        let cluster_ok = redis.cluster.fresh().map(|c| c.ok);
        wrong |= cluster_ok == Some(false);
        for node in &redis.nodes {
            let (health, words) = crate::panes::redis::state(redis, node, judge.thresholds());
            wrong |= health <= Health::Warning;
            let info = node.info.last();
            let one = format!("{name}/{}", node.address);
            let signal = super::worst(judge, "redis", if redis.nodes.len() > 1 { &one } else { name });
            let problem = node.trouble.as_ref().or(node.info.problem.as_ref()).map(say);
            if let Some(why) = &problem {
                doubts.push(clean(&format!("redis {name} {}: {why}", node.address)).into_owned());
            }
            let role = info.map(|i| match i.replication.role {
                RedisRole::Master => "master",
                RedisRole::Replica => "replica",
                RedisRole::Sentinel => "sentinel",
            });
            let hit_rate = node.rates.and_then(|r| r.hit_rate);
            let evicted = node.rates.map(|r| r.evicted);
            let saves = info.map(|i| i.persistence.rdb_ok && i.persistence.aof_write_ok);
            match output {
                Output::Table => table.row([
                    name.to_string(),
                    node.address.to_string(),
                    role.unwrap_or_default().to_owned(),
                    info.map_or_else(String::new, |i| bytes(i.memory.used)),
                    info.map_or_else(String::new, |i| match i.memory.max {
                        0 => "no limit".to_owned(),
                        max => bytes(max),
                    }),
                    info.map_or_else(String::new, |i| i.memory.policy.to_string()),
                    info.map_or_else(String::new, |i| i.stats.ops_per_second.to_string()),
                    hit_rate.map_or_else(String::new, |h| format!("{:.0}%", h * 100.0)),
                    evicted.map_or_else(String::new, |e| format!("{e:.0}")),
                    info.map_or_else(String::new, |i| i.clients.connected.to_string()),
                    node.ping_us.last().map_or_else(String::new, |us| format!("{:.1}ms", *us as f64 / 1000.0)),
                    problem.or(signal).unwrap_or_else(|| match health {
                        Health::Critical => format!("critical: {words}"),
                        Health::Warning => format!("warning: {words}"),
                        _ => words,
                    }),
                ]),
                Output::Json => rows.push(json!({
                    "name": clean(name), "server": clean(&node.address), "topology": redis.topology.word(),
                    "version": info.map(|i| clean(&i.version)), "role": role, "ping_us": node.ping_us.last(),
                    "used_memory": info.map(|i| i.memory.used), "max_memory": info.map(|i| i.memory.max),
                    "policy": info.map(|i| clean(&i.memory.policy)),
                    "clients": info.map(|i| i.clients.connected), "blocked": info.map(|i| i.clients.blocked),
                    "ops_per_second": info.map(|i| i.stats.ops_per_second), "hit_rate": hit_rate,
                    "evicted_keys": info.map(|i| i.stats.evicted_keys), "evicted_per_second": evicted,
                    "keys": info.map(|i| i.keyspace.iter().map(|k| k.keys).sum::<u64>()),
                    "replicas": info.map(|i| i.replication.replicas.len()), "saves": saves,
                    "cluster_ok": cluster_ok, "sentinels_agreeing": redis.sentinel.fresh().map(crate::model::SentinelHealth::agreeing),
                    "read": node.info.at, "problem": problem.as_deref().map(clean),
                })),
            }
        }
    }
    let verdict = Verdict::of(wrong, &doubts);
    let text = match output {
        Output::Table => table.to_string(),
        Output::Json => super::json(&json!({ "redis": rows })),
    };
    Answer { text, doubts, verdict }
}
