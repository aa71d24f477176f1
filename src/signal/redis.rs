//! Redis: memory, evictions, saving, replication, slowness.

use super::finding::{Finding, Look, number};
use super::{Evidence, Severity, Subject};
use crate::model::{Redis, RedisInfo, RedisNode};
use crate::text::{age, bytes};

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (name, redis) in &look.world.sources.redis {
        for node in &redis.nodes {
            let one = One {
                look,
                name,
                redis,
                node,
            };
            if let Some(info) = node.info.fresh() {
                out.extend(one.memory(info));
                out.extend(one.evictions(info));
                out.extend(one.persistence(info));
                out.extend(one.link(info));
            }
            out.extend(one.slow());
        }
    }
}

struct One<'a> {
    look: &'a Look<'a>,
    name: &'a str,
    redis: &'a Redis,
    node: &'a RedisNode,
}

impl One<'_> {
    fn begin(&self, id: &'static str, severity: Severity, runbook: Option<&'static str>) -> Finding {
        // Of several nodes each has its own troubles.
        let name = if self.redis.nodes.len() > 1 {
            format!("{}/{}", self.name, self.node.address)
        } else {
            self.name.to_owned()
        };
        let mut finding = Finding::new(id, severity, Subject::named("redis", &name), &[]);
        finding.runbook = runbook;
        finding.title.what = format!("redis {name}");
        finding.evidence.push(Evidence::new("server", &self.node.address));
        finding
    }

    fn memory(&self, info: &RedisInfo) -> Option<Finding> {
        let t = self.look.thresholds;
        let m = &info.memory;
        let percent = m.share().map(|s| s * 100.0);
        let severity = match percent {
            Some(p) if p > f64::from(t.redis_memory_critical_percent) => Severity::Critical,
            Some(p) if p > f64::from(t.redis_memory_warning_percent) => Severity::Warning,
            None if self.redis.holds_queues => Severity::Critical,
            _ => return None,
        };
        let mut finding = self.begin("redis.memory", severity, Some("redis-memory"));
        finding.after = t.redis_memory_for;
        if let Some(p) = percent {
            finding.title.state = format!("uses {p:.0} % of its memory");
            finding.title.cause = format!("{} of {}", bytes(m.used), bytes(m.max));
        } else {
            "has no memory limit".clone_into(&mut finding.title.state);
            "queues live there".clone_into(&mut finding.title.cause);
        }
        finding.evidence.push(Evidence::new("used", bytes(m.used)));
        finding.evidence.push(Evidence::new("policy", &m.policy));
        if self.redis.holds_queues && &*m.policy != "noeviction" {
            finding.evidence.push(Evidence::new("queues need", "noeviction"));
        }
        if let Some(f) = m.fragmentation() {
            finding.evidence.push(Evidence::new("fragmentation", number(f)));
        }
        Some(finding)
    }

    fn evictions(&self, info: &RedisInfo) -> Option<Finding> {
        let t = self.look.thresholds;
        let rates = self.node.rates?;
        let severity = if self.redis.holds_queues && rates.evicted_keys > 0 {
            Severity::Critical
        } else if rates.evicted > f64::from(t.redis_evictions) {
            Severity::Warning
        } else {
            return None;
        };
        let mut finding = self.begin("redis.evictions", severity, Some("redis-memory"));
        finding.after = t.redis_evictions_for;
        finding.title.state = format!("evicts {} keys a second", number(rates.evicted));
        if self.redis.holds_queues {
            "queues live there: jobs are lost".clone_into(&mut finding.title.cause);
        }
        finding.evidence.push(Evidence::new("policy", &info.memory.policy));
        finding
            .evidence
            .push(Evidence::new("evicted since start", info.stats.evicted_keys));
        Some(finding)
    }

    fn persistence(&self, info: &RedisInfo) -> Option<Finding> {
        let p = &info.persistence;
        if p.rdb_ok && p.aof_write_ok && p.aof_rewrite_ok {
            return None;
        }
        let misconf = info.stats.errors.iter().any(|(code, _)| &**code == "MISCONF");
        let refused = !p.aof_write_ok || !p.rdb_ok && misconf;
        let severity = if refused { Severity::Critical } else { Severity::Warning };
        let mut finding = self.begin("redis.persistence", severity, Some("redis-memory"));
        finding.title.state = if refused {
            "refuses writes".to_owned()
        } else {
            "could not save".to_owned()
        };
        let cause = match (p.rdb_ok, p.aof_write_ok) {
            (_, false) => "the append-only file cannot be written",
            (false, true) => "the last dump failed",
            (true, true) => "the append-only file cannot be rewritten",
        };
        cause.clone_into(&mut finding.title.cause);
        if let Some(at) = p.rdb_last_save {
            finding.evidence.push(Evidence::new(
                "last dump",
                format!("{} ago", age(self.look.now.duration_since(at))),
            ));
        }
        finding.evidence.push(Evidence::new("changes since", p.rdb_changes));
        Some(finding)
    }

    fn link(&self, info: &RedisInfo) -> Option<Finding> {
        let t = self.look.thresholds;
        let r = &info.replication;
        let mut finding;
        if let Some(link) = r.link.as_ref().filter(|l| !l.up) {
            finding = self.begin("redis.link", Severity::Critical, None);
            "has lost its master".clone_into(&mut finding.title.state);
            finding.title.cause = link.master.to_string();
            finding.since = link
                .down_s
                .map(|s| self.look.ago(jiff::SignedDuration::from_secs(s as i64)));
        } else {
            let lag = t.redis_lag.as_secs().max(0) as u64;
            let late = r.replicas.iter().find(|x| x.lag_s.is_some_and(|s| s > lag))?;
            finding = self.begin("redis.link", Severity::Warning, None);
            finding.title.state = format!("has a replica {} s behind", late.lag_s.unwrap_or_default());
            finding.title.cause = late.address.to_string();
            finding.evidence.push(Evidence::new("behind", bytes(late.behind)));
        }
        finding.after = t.redis_link_for;
        Some(finding)
    }

    fn slow(&self) -> Option<Finding> {
        let t = self.look.thresholds;
        let ping_ms = self.node.ping_us.fresh().map(|us| *us as f64 / 1000.0);
        let slow = self.node.rates.and_then(|r| r.slow_per_minute);
        let late = ping_ms.filter(|ms| *ms > f64::from(t.redis_ping_ms));
        let busy = slow.filter(|n| *n > f64::from(t.redis_slow_per_minute));
        let severity = match (late, busy) {
            (Some(_), _) => Severity::Critical,
            (None, Some(_)) => Severity::Warning,
            (None, None) => return None,
        };
        let mut finding = self.begin("redis.slow", severity, Some("redis-memory"));
        finding.after = t.redis_slow_for;
        finding.title.state = match (late, busy) {
            (Some(ms), _) => format!("answers a PING in {ms:.0} ms"),
            (_, n) => format!("has {} slow commands a minute", number(n.unwrap_or_default())),
        };
        if let Some(entry) = self
            .node
            .slow_log
            .fresh()
            .and_then(|s| s.entries.iter().max_by_key(|e| e.took_us))
        {
            finding.title.cause = format!("{} in {} ms", entry.command, number(entry.took_us as f64 / 1000.0));
        }
        if let Some(info) = self.node.info.fresh() {
            finding
                .evidence
                .push(Evidence::new("commands a second", info.stats.ops_per_second));
        }
        Some(finding)
    }
}
