//! One server in full: memory, clients, persistence, replication, the cluster or the sentinels around it.

use super::super::item::{self, count, rate};
use super::{gauge, micros, node_name, state};
use crate::app::doc::Line;
use crate::app::{App, ItemRef};
use crate::model::{Redis, RedisInfo, Seen};
use crate::text;
use crate::theme::Role;

/// A view's trouble, where it has one.
fn problem<T>(lines: &mut Vec<Line>, label: &str, seen: &Seen<T>) {
    if let Some(p) = &seen.problem {
        lines.push(Line::pair_role(label, item::problem_words(p), Role::Warn));
    }
}

pub fn detail(app: &App, what: &ItemRef) -> Option<(String, Vec<Line>)> {
    let ItemRef::Redis { source, node } = what else {
        return None;
    };
    let redis = app.world.sources.redis.get(source)?;
    let n = redis.nodes.iter().find(|n| n.address == *node)?;
    let (health, words) = state(redis, n, app.judge.thresholds());
    let mut lines = vec![Line::pair_role("state", words, health.role())];
    problem(&mut lines, "not read", &n.info);
    if let Some(ping) = n.ping_us.last() {
        lines.push(Line::pair("ping", micros(*ping as f64)));
    }
    if let Some(i) = n.info.last() {
        let m = &i.memory;
        lines.push(Line::pair(
            "version",
            format!("{} ({}), up {}", i.version, i.mode, item::lasted(i.uptime_s as f64)),
        ));
        lines.push(Line::default());
        lines.push(Line::new("Memory", Role::Heading));
        lines.push(Line::pair(
            "used",
            match m.share() {
                Some(s) => format!(
                    "{} of {}  {}  {:.0} %",
                    text::bytes(m.used),
                    text::bytes(m.max),
                    gauge(s, 20),
                    s * 100.0
                ),
                None => format!("{}, and no limit is set", text::bytes(m.used)),
            },
        ));
        lines.push(Line::pair("peak", text::bytes(m.peak)));
        lines.push(Line::pair("resident", text::bytes(m.rss)));
        lines.push(Line::pair("policy", &*m.policy));
        if let Some(f) = m.fragmentation() {
            lines.push(Line::pair_role(
                "fragments",
                format!("{f:.2}"),
                if f > 1.5 { Role::Warn } else { Role::Text },
            ));
        }
        lines.push(Line::default());
        lines.push(Line::new("Clients and work", Role::Heading));
        let c = &i.clients;
        lines.push(Line::pair(
            "clients",
            c.max.map_or_else(
                || count(c.connected),
                |max| format!("{} of {}", count(c.connected), count(max)),
            ),
        ));
        lines.push(Line::pair("blocked", count(c.blocked)));
        if let Some(r) = n.rates {
            lines.push(Line::pair("commands", format!("{}/s", rate(r.commands))));
            if let Some(h) = r.hit_rate {
                lines.push(Line::pair("hit rate", format!("{:.1} %", h * 100.0)));
            }
            lines.push(Line::pair("evicted", format!("{}/s", rate(r.evicted))));
            if let Some(cpu) = r.cpu_main {
                lines.push(Line::pair("main thread", format!("{:.0} % of a core", cpu * 100.0)));
            }
        }
        if i.stats.rejected_connections > 0 {
            lines.push(Line::pair_role(
                "rejected",
                count(i.stats.rejected_connections),
                Role::Warn,
            ));
        }
        persistence(app, i, &mut lines);
        replication(i, &mut lines);
    }
    cluster(redis, &mut lines);
    Some((format!("redis {}", node_name(source, redis, n)), lines))
}

fn persistence(app: &App, i: &RedisInfo, lines: &mut Vec<Line>) {
    let p = &i.persistence;
    lines.push(Line::default());
    lines.push(Line::new("Persistence", Role::Heading));
    lines.push(Line::pair_role(
        "last save",
        format!(
            "{}{}, {} changes since",
            if p.rdb_ok { "" } else { "failed; last good " },
            p.rdb_last_save
                .map_or_else(|| "never".to_owned(), |t| format!("{} ago", item::ago(app, t))),
            count(p.rdb_changes)
        ),
        if p.rdb_ok { Role::Text } else { Role::Warn },
    ));
    let aof = match (p.aof_on, p.aof_write_ok) {
        (false, _) => ("off", Role::TextMuted),
        (true, true) => ("ok", Role::Text),
        (true, false) => ("the last write failed: writes may be refused", Role::Error),
    };
    lines.push(Line::pair_role("append-only", aof.0, aof.1));
}

fn replication(i: &RedisInfo, lines: &mut Vec<Line>) {
    let r = &i.replication;
    if r.replicas.is_empty() && r.link.is_none() {
        return;
    }
    lines.push(Line::default());
    lines.push(Line::new("Replication", Role::Heading));
    if let Some(link) = &r.link {
        let (words, role) = if link.up {
            ("up".to_owned(), Role::Ok)
        } else {
            let down = link
                .down_s
                .map_or_else(String::new, |s| format!(" for {}", item::lasted(s as f64)));
            (format!("down{down}"), Role::Error)
        };
        lines.push(Line::pair_role("master", format!("{} {words}", link.master), role));
    }
    for x in &r.replicas {
        lines.push(Line::pair(
            "replica",
            format!("{} {}, {} behind", x.address, x.state, text::bytes(x.behind)),
        ));
    }
}

fn cluster(redis: &Redis, lines: &mut Vec<Line>) {
    if let Some(c) = redis.cluster.last() {
        lines.push(Line::default());
        lines.push(Line::new("Cluster", Role::Heading));
        lines.push(Line::pair_role(
            "state",
            format!("{} of 16384 slots served", c.slots_ok),
            if c.ok { Role::Ok } else { Role::Error },
        ));
        for n in c.nodes.iter().filter(|n| n.failing || !n.linked) {
            lines.push(Line::pair_role("failing", &*n.address, Role::Error));
        }
    }
    if let Some(s) = redis.sentinel.last() {
        lines.push(Line::default());
        lines.push(Line::new("Sentinels", Role::Heading));
        let all = s.sentinels.len();
        lines.push(Line::pair_role(
            "agree",
            format!("{} of {all} name {}, quorum {}", s.agreeing(), s.master, s.quorum),
            if s.agreeing() == all { Role::Ok } else { Role::Warn },
        ));
        if let Some(why) = &s.no_quorum {
            lines.push(Line::pair_role("quorum", &**why, Role::Error));
        }
    }
}
