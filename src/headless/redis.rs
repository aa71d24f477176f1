//! `qd redis`

use serde_json::{Value, json};

use super::queries::sentence;
use super::source_doubts::{doubts, view};
use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::model::{Redis, RedisInfo, RedisNode, SourceKind, World};
use crate::text::clean;

/// Used over the limit from which a server counts as full.
const FULL: f64 = 0.9;

/// Every Redis. Wrong when a server is nearly full, refuses writes to disk, has lost its master, may evict jobs, or
/// when its Cluster or its Sentinels are not well.
///
/// JSON: `{"redis": [{name, topology, holds_queues, nodes: [{address, state, version, role, memory: {used, max, share,
/// policy, fragmentation}, clients, blocked, ops_per_second, hits, misses, evicted_keys, rejected_connections, keys,
/// replicas, slow_log, ping_us, problems: {view: sentence}}], cluster: {ok, slots_ok, slots_fail, nodes}, sentinel:
/// {master, agreeing, sentinels, no_quorum}}], "gaps": […]}`. Counters are since the server's start.
pub fn redis(world: &World, output: Output) -> Answer {
    let mut doubts = doubts(world, SourceKind::Redis);
    let mut wrong = false;
    let mut table = Table::new([
        "NAME", "ADDRESS", "VERSION", "ROLE", "MEMORY", "POLICY", "CLIENTS", "OPS/s", "KEYS", "STATE",
    ]);
    let mut all = Vec::new();
    for (name, seen) in &world.sources.redis {
        view(&mut doubts, name, "cluster", &seen.cluster);
        view(&mut doubts, name, "sentinel", &seen.sentinel);
        wrong |= is_unwell(seen);
        let mut nodes = Vec::new();
        for node in &seen.nodes {
            for (what, problem) in problems(node) {
                doubts.push(format!("{name}: {}: {what}: {problem}", clean(&node.address)));
            }
            let state = state(seen, node);
            wrong |= !matches!(state, "ok" | "unknown");
            table.row(cells(name, node, state));
            nodes.push(document(node, state));
        }
        all.push(whole(name, seen, &nodes));
    }
    let text = match output {
        Output::Table => table.to_string(),
        Output::Json => super::json(&json!({ "redis": all, "gaps": doubts })),
    };
    let verdict = Verdict::of(wrong, &doubts);
    Answer { text, doubts, verdict }
}

fn is_unwell(seen: &Redis) -> bool {
    let sentinel = seen
        .sentinel
        .fresh()
        .is_some_and(|s| s.no_quorum.is_some() || s.agreeing() * 2 <= s.sentinels.len());
    sentinel || seen.cluster.fresh().is_some_and(|c| !c.ok)
}

/// One word for the worst of it.
fn state(seen: &Redis, node: &RedisNode) -> &'static str {
    let Some(info) = node.info.fresh() else {
        return "unknown";
    };
    let disk = &info.persistence;
    let evicts = !matches!(&*info.memory.policy, "noeviction" | "");
    if disk.loading {
        "loading"
    } else if !disk.rdb_ok || disk.aof_on && !disk.aof_write_ok {
        "cannot save"
    } else if info.replication.link.as_ref().is_some_and(|l| !l.up) {
        "no master"
    } else if info.memory.share().is_some_and(|s| s >= FULL) {
        "nearly full"
    } else if seen.holds_queues && evicts {
        "may evict jobs"
    } else {
        "ok"
    }
}

fn problems(node: &RedisNode) -> Vec<(&'static str, String)> {
    if let Some(trouble) = &node.trouble {
        return vec![("server", sentence(trouble))];
    }
    let all = [
        ("info", &node.info.problem),
        ("slow log", &node.slow_log.problem),
        ("latency", &node.latency.problem),
        ("commands", &node.commands.problem),
        ("settings", &node.settings.problem),
    ];
    all.into_iter()
        .filter_map(|(view, problem)| match problem.as_ref()? {
            crate::model::Problem::Absent { .. } => None,
            problem => Some((view, sentence(problem))),
        })
        .collect()
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn keys(info: &RedisInfo) -> u64 {
    info.keyspace.iter().map(|k| k.keys).sum()
}

fn role(info: &RedisInfo) -> String {
    format!("{:?}", info.replication.role).to_lowercase()
}

fn cells(name: &str, node: &RedisNode, state: &str) -> [String; 10] {
    let info = node.info.last();
    let text = |draw: fn(&RedisInfo) -> String| info.map(draw).unwrap_or_default();
    [
        name.to_owned(),
        node.address.to_string(),
        text(|i| i.version.to_string()),
        text(role),
        text(|i| match i.memory.max {
            0 => format!("{} of no limit", mib(i.memory.used)),
            max => format!("{} of {}", mib(i.memory.used), mib(max)),
        }),
        text(|i| i.memory.policy.to_string()),
        text(|i| i.clients.connected.to_string()),
        text(|i| i.stats.ops_per_second.to_string()),
        text(|i| keys(i).to_string()),
        state.to_owned(),
    ]
}

fn document(node: &RedisNode, state: &str) -> Value {
    let info = node.info.last();
    let problems: serde_json::Map<String, Value> = problems(node)
        .into_iter()
        .map(|(view, why)| (view.to_owned(), why.into()))
        .collect();
    json!({
        "address": clean(&node.address), "state": state,
        "version": info.map(|i| clean(&i.version)), "role": info.map(role),
        "memory": info.map(|i| json!({
            "used": i.memory.used, "max": i.memory.max, "share": i.memory.share(), "policy": clean(&i.memory.policy),
            "fragmentation": i.memory.fragmentation(),
        })),
        "clients": info.map(|i| i.clients.connected), "blocked": info.map(|i| i.clients.blocked),
        "ops_per_second": info.map(|i| i.stats.ops_per_second),
        "hits": info.map(|i| i.stats.hits), "misses": info.map(|i| i.stats.misses),
        "evicted_keys": info.map(|i| i.stats.evicted_keys),
        "rejected_connections": info.map(|i| i.stats.rejected_connections),
        "keys": info.map(keys),
        "replicas": info.map(|i| i.replication.replicas.iter().map(|r| json!({
            "address": clean(&r.address), "state": clean(&r.state), "behind_bytes": r.behind, "lag_seconds": r.lag_s,
        })).collect::<Vec<_>>()),
        "slow_log": node.slow_log.last().map(|s| s.entries.iter().map(|e| json!({
            "id": e.id, "at": e.at, "took_us": e.took_us, "command": clean(&e.command),
        })).collect::<Vec<_>>()),
        "ping_us": node.ping_us.last(), "problems": problems,
    })
}

fn whole(name: &str, seen: &Redis, nodes: &[Value]) -> Value {
    json!({
        "name": clean(name), "topology": seen.topology.word(), "holds_queues": seen.holds_queues, "nodes": nodes,
        "cluster": seen.cluster.last().map(|c| json!({
            "ok": c.ok, "slots_ok": c.slots_ok, "slots_fail": c.slots_fail, "nodes": c.nodes.len(),
        })),
        "sentinel": seen.sentinel.last().map(|s| json!({
            "master": clean(&s.master), "agreeing": s.agreeing(), "sentinels": s.sentinels.len(),
            "no_quorum": s.no_quorum.as_deref().map(|q| clean(q).into_owned()),
        })),
    })
}
