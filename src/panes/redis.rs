//! Redis: memory against its limit, what it evicts, who is connected, how it persists and replicates, what is slow.

mod detail;

use super::item::{self, Build, count, rate};
use super::{Column, Pane, PaneId, Summary, View, Width};
use crate::app::{App, Health, ItemRef, Limits, Row};
use crate::model::{Redis, RedisNode, RedisRole, SourceKind, Str, Topology};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Redis,
    title: "Redis",
    context: "redis",
    main: true,
    kinds: &[],
    sources: &[SourceKind::Redis],
    views: VIEWS,
    detail: detail::detail,
    wants: &[],
    metrics: false,
    columns: server_columns,
    rows: servers,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "no server was read yet",
};

const VIEWS: &[View] = &[
    View {
        id: "servers",
        title: "servers",
        columns: server_columns,
        rows: servers,
        empty: "no server was read yet",
    },
    View {
        id: "slow",
        title: "slow log",
        columns: slow_columns,
        rows: slow,
        empty: "the slow log is empty",
    },
    View {
        id: "commands",
        title: "commands",
        columns: command_columns,
        rows: commands,
        empty: "no command was counted yet",
    },
    View {
        id: "keyspace",
        title: "keyspace",
        columns: keyspace_columns,
        rows: keyspace,
        empty: "there are no keys",
    },
];

fn server_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "SERVER", Width::Fill(6), 0),
        Column::new("memory", "MEMORY", Width::Grow(12, 18), 0),
        Column::new("hit", "HIT", Width::Fixed(6), 1).right(),
        Column::new("evicted", "EVICT/s", Width::Fixed(7), 1).right(),
        Column::new("ops", "OPS/s", Width::Fixed(6), 2).right(),
        // It goes before a name is cut, and only then.
        Column::new("history", "10 min", Width::Grow(8, SPARK as u16), 5),
        Column::new("clients", "CLIENTS", Width::Fixed(9), 7).right(),
        Column::new("role", "ROLE", Width::Fixed(8), 8),
        Column::new("state", "STATE", Width::Grow(15, 28), 6),
    ]
}

/// Minutes of the sparkline.
const SPARK: usize = 10;

/// How bad a server is by itself, by the limits of the rules, and the worst thing about it in a few words.
pub fn state(redis: &Redis, node: &RedisNode, limits: &Limits) -> (Health, String) {
    if let Some(trouble) = &node.trouble {
        return (Health::Critical, item::problem_words(trouble));
    }
    let Some(info) = node.info.last() else {
        return (Health::Moving, "not read yet".to_owned());
    };
    let p = &info.persistence;
    let evicting = node.rates.is_some_and(|r| r.evicted_keys > 0);
    let over = |percent: u32| info.memory.share().is_some_and(|s| s * 100.0 > f64::from(percent));
    let checks = [
        (Health::Critical, p.loading, "loading its dump"),
        (
            Health::Critical,
            info.replication.link.as_ref().is_some_and(|l| !l.up),
            "link to its master is down",
        ),
        (
            Health::Critical,
            redis.holds_queues && evicting,
            "evicts keys of queues",
        ),
        (
            Health::Critical,
            redis.holds_queues && info.memory.max == 0,
            "no memory limit",
        ),
        (
            Health::Critical,
            over(limits.redis_memory_critical_percent),
            "memory nearly full",
        ),
        (Health::Warning, p.aof_on && !p.aof_write_ok, "append-only file fails"),
        (Health::Warning, !p.rdb_ok, "last save failed"),
        (
            Health::Warning,
            over(limits.redis_memory_warning_percent),
            "memory fills up",
        ),
        (Health::Moving, evicting, "evicting"),
    ];
    checks.into_iter().find(|(_, is, _)| *is).map_or_else(
        || (Health::Good, "ok".to_owned()),
        |(h, _, words)| (h, words.to_owned()),
    )
}

fn nodes(app: &App) -> impl Iterator<Item = (&Str, &Redis, &RedisNode)> {
    app.world
        .sources
        .redis
        .iter()
        .flat_map(|(source, redis)| redis.nodes.iter().map(move |n| (source, &**redis, n)))
}

/// `core` alone, `core 10.0.0.5:6379` where a deployment has several servers.
fn node_name(source: &Str, redis: &Redis, node: &RedisNode) -> String {
    if redis.nodes.len() > 1 || redis.topology != Topology::Single {
        format!("{source} {}", node.address)
    } else {
        source.to_string()
    }
}

fn what(source: &Str, node: &RedisNode) -> ItemRef {
    ItemRef::Redis {
        source: source.clone(),
        node: node.address.clone(),
    }
}

fn servers(app: &App) -> Vec<Row> {
    nodes(app)
        .map(|(source, redis, node)| {
            let (health, words) = state(redis, node, app.judge.thresholds());
            let bad = if health <= Health::Moving {
                health.role()
            } else {
                Role::Text
            };
            let info = node.info.last();
            let memory = info.map(|i| &i.memory);
            let share = memory.and_then(crate::model::RedisMemory::share);
            let used = memory.map_or_else(
                || "?".to_owned(),
                |m| match share {
                    Some(s) => format!("{} {:>3.0} %", gauge(s, 5), s * 100.0),
                    None => format!("{}, no limit", text::bytes(m.used)),
                },
            );
            let hit = node.rates.and_then(|r| r.hit_rate);
            let clients = info.map(|i| &i.clients);
            Build::new(
                &format!("redis/{source}/{}", node.address),
                source,
                node_name(source, redis, node),
                health,
            )
            .rank(share.unwrap_or(0.0))
            .what(what(source, node))
            .text(node_name(source, redis, node))
            .number(
                share,
                used,
                if share.is_some_and(|s| s > 0.8) {
                    bad
                } else {
                    Role::Text
                },
            )
            .number(
                hit,
                hit.map_or_else(|| "–".to_owned(), |h| format!("{:.1}%", h * 100.0)),
                Role::Text,
            )
            .number(
                node.rates.map(|r| r.evicted),
                node.rates.map_or_else(|| "?".to_owned(), |r| rate(r.evicted)),
                if node.rates.is_some_and(|r| r.evicted_keys > 0) {
                    bad
                } else {
                    Role::Text
                },
            )
            .number(
                node.rates.map(|r| r.commands),
                node.rates.map_or_else(|| "?".to_owned(), |r| rate(r.commands)),
                Role::Text,
            )
            .muted(item::by_minute(app, &what(source, node), "commands", SPARK))
            .number(
                clients.map(|c| c.connected as f64),
                clients.map_or_else(
                    || "?".to_owned(),
                    |c| {
                        c.max
                            .map_or_else(|| count(c.connected), |max| format!("{}/{max}", c.connected))
                    },
                ),
                Role::Text,
            )
            .muted(info.map_or("", |i| match i.replication.role {
                RedisRole::Master => "master",
                RedisRole::Replica => "replica",
                RedisRole::Sentinel => "sentinel",
            }))
            .cell(words, if health == Health::Good { Role::TextMuted } else { bad })
            .row()
        })
        .collect()
}

/// A bar of `columns` blocks.
fn gauge(share: f64, columns: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * columns as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

fn slow_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("at", "WHEN", Width::Fixed(5), 0).right(),
        Column::new("took", "TOOK", Width::Fixed(9), 0).right(),
        Column::new("server", "SERVER", Width::Fixed(14), 2),
        Column::new("command", "COMMAND", Width::Fill(20), 0),
        Column::new("client", "CLIENT", Width::Fixed(20), 3),
    ]
}

fn slow(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, redis, node) in nodes(app) {
        out.extend(item::trouble(source, &node.address, &node.slow_log, 5, 3));
        for e in node.slow_log.last().map(|l| l.entries.as_slice()).unwrap_or_default() {
            let uid = format!("slow/{source}/{}/{}", node.address, e.id);
            out.push(
                Build::new(&uid, source, e.command.clone(), Health::Good)
                    .rank(e.at.as_second() as f64)
                    .what(what(source, node))
                    .number(Some(e.at.as_second() as f64), item::ago(app, e.at), Role::TextMuted)
                    .number(Some(e.took_us as f64), micros(e.took_us as f64), Role::Text)
                    .muted(node_name(source, redis, node))
                    .text(text::clean(&e.command))
                    .muted(text::clean(&e.client))
                    .row(),
            );
        }
    }
    out
}

/// Microseconds as people read them.
fn micros(us: f64) -> String {
    match us {
        _ if us < 1_000.0 => format!("{us:.0} µs"),
        _ if us < 1_000_000.0 => format!("{:.1} ms", us / 1_000.0),
        _ => format!("{:.1} s", us / 1_000_000.0),
    }
}

fn command_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("command", "COMMAND", Width::Fill(16), 0),
        Column::new("server", "SERVER", Width::Fixed(14), 4),
        Column::new("rate", "CALLS/s", Width::Fixed(8), 0).right(),
        Column::new("mean", "MEAN", Width::Fixed(9), 0).right(),
        Column::new("calls", "CALLS", Width::Fixed(12), 2).right(),
        Column::new("failed", "FAILED", Width::Fixed(8), 1).right(),
    ]
}

fn commands(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, redis, node) in nodes(app) {
        out.extend(item::trouble(source, &node.address, &node.commands, 6, 0));
        for c in node.commands.last().map(Vec::as_slice).unwrap_or_default() {
            let bad = c.failed.unwrap_or(0) + c.rejected.unwrap_or(0);
            let uid = format!("command/{source}/{}/{}", node.address, c.name);
            out.push(
                Build::new(&uid, source, c.name.clone(), Health::Good)
                    .rank(c.usec as f64)
                    .what(what(source, node))
                    .text(&*c.name)
                    .muted(node_name(source, redis, node))
                    .number(
                        c.per_second,
                        c.per_second.map_or_else(|| "?".to_owned(), rate),
                        Role::Text,
                    )
                    .number(Some(c.usec_per_call), micros(c.usec_per_call), Role::Text)
                    .number(Some(c.calls as f64), count(c.calls), Role::TextMuted)
                    .number(
                        Some(bad as f64),
                        count(bad),
                        if bad > 0 { Role::Warn } else { Role::TextMuted },
                    )
                    .row(),
            );
        }
    }
    out
}

fn keyspace_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("server", "SERVER", Width::Fill(14), 0),
        Column::new("db", "DB", Width::Fixed(4), 0).right(),
        Column::new("keys", "KEYS", Width::Fixed(14), 0).right(),
        Column::new("expires", "WITH EXPIRY", Width::Fixed(14), 1).right(),
    ]
}

fn keyspace(app: &App) -> Vec<Row> {
    nodes(app)
        .flat_map(|(source, redis, node)| {
            node.info
                .last()
                .map(|i| i.keyspace.as_slice())
                .unwrap_or_default()
                .iter()
                .map(move |k| {
                    Build::new(
                        &format!("keyspace/{source}/{}/{}", node.address, k.db),
                        source,
                        k.db.to_string(),
                        Health::Good,
                    )
                    .rank(k.keys as f64)
                    .what(what(source, node))
                    .text(node_name(source, redis, node))
                    .number(Some(f64::from(k.db)), k.db.to_string(), Role::Text)
                    .number(Some(k.keys as f64), count(k.keys), Role::Text)
                    .number(Some(k.expires as f64), count(k.expires), Role::TextMuted)
                    .row()
                })
        })
        .collect()
}

fn summary(app: &App) -> Summary {
    let fullest = nodes(app)
        .filter_map(|(_, _, n)| n.info.last()?.memory.share())
        .max_by(f64::total_cmp);
    let mut wrong: Vec<(Health, String)> = nodes(app)
        .map(|(source, redis, node)| {
            let (health, words) = state(redis, node, app.judge.thresholds());
            (health, format!("{}: {words}", node_name(source, redis, node)))
        })
        .filter(|(h, _)| *h <= Health::Warning)
        .collect();
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: fullest.map_or_else(String::new, |s| format!("{:.0} % full", s * 100.0)),
        wrong,
    }
}
