//! Redis: one server, Sentinel or Cluster, read by plain commands on a connection of our own.
//!
//! [`run`] is the task of one `[[platform.redis]]`. Every view carries its own trouble: a missing right blanks that view
//! and names the ACL rule that gives it. A server that hangs costs one deadline, and its connection.

pub mod command;
pub mod connection;
pub(crate) mod parse;
pub mod rights;
mod way;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::command::{Read, Section};
use self::connection::{Answer, Fault, value};
use self::way::majority;
pub use self::way::{Client, Dial, Way, slot};
use crate::feed::{Inbox, Pace, SourceContext};
use crate::model::{
    ClusterHealth, Freshness, Problem, Redis, RedisInfo, RedisNode, RedisRates, RedisSettings, Seen, SentinelHealth,
    Source, SourceId, SourceKind, Topology,
};
use crate::text::clean;

/// Between two looks while nobody looks at the pane, and while somebody does.
const SLOW: Duration = Duration::from_secs(15);
const FAST: Duration = Duration::from_secs(5);
/// The longest wait after a failure.
const BACK_OFF: Duration = Duration::from_secs(60);

/// Watches one deployment until it is dropped. `holds_queues`: a set of queues of the configuration names it.
pub async fn run(way: Way, holds_queues: bool, mut context: SourceContext, inbox: Inbox) {
    let id = SourceId {
        kind: SourceKind::Redis,
        name: way.source().name.as_str().into(),
    };
    // Who may not write may not read people's data either.
    let mask = context.grant.is_none();
    let mut watcher = Watcher::new(way, holds_queues, mask);
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    let mut last_good: Option<Timestamp> = None;
    let mut failures: u32 = 0;
    loop {
        let fast = *context.pace.borrow() == Pace::Fast;
        let looked = watcher.look(fast, Timestamp::now()).await;
        let now = Timestamp::now();
        inbox.source(id.clone(), Source::Redis(Arc::new(watcher.seen().clone())));
        match looked {
            Ok(()) => {
                failures = 0;
                last_good = Some(now);
                inbox.reach(id.clone(), Freshness::Fresh);
                context.rest(SLOW, FAST).await;
            }
            Err(fault) => {
                failures = failures.saturating_add(1);
                let wait = back_off(failures);
                inbox.reach(id.clone(), unreachable(&fault, last_good, now, wait));
                context.rest(wait, wait).await;
            }
        }
    }
}

/// 1 s, 2 s, 4 s … up to a minute.
pub(super) fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1)
        .saturating_mul(1 << failures.saturating_sub(1).min(6))
        .min(BACK_OFF)
}

/// A source that could not be read.
pub(super) fn unreachable(fault: &Fault, since: Option<Timestamp>, now: Timestamp, wait: Duration) -> Freshness {
    let why = clean(&fault.say()).as_ref().into();
    let retry_at = now.checked_add(wait).unwrap_or(now);
    match (fault, since) {
        (Fault::Refused(r), _) if matches!(r.code.as_str(), "NOAUTH" | "WRONGPASS" | "NOPERM") => {
            Freshness::Forbidden { why }
        }
        (_, Some(since)) => Freshness::Stale { since, why, retry_at },
        (_, None) => Freshness::Failed { why, retry_at },
    }
}

/// Looks at one deployment, and keeps what rates need.
pub struct Watcher {
    client: Client,
    mask: bool,
    seen: Redis,
    before: HashMap<String, Before>,
}

/// The last reading of one node.
struct Before {
    at: Timestamp,
    info: RedisInfo,
    slow_newest: Option<u64>,
}

impl Watcher {
    pub fn new(way: Way, holds_queues: bool, mask: bool) -> Self {
        let seen = Redis {
            topology: way.topology(),
            holds_queues: holds_queues || way.source().holds_queues,
            ..Redis::default()
        };
        Self {
            client: Client::new(way),
            mask,
            seen,
            before: HashMap::new(),
        }
    }

    pub fn seen(&self) -> &Redis {
        &self.seen
    }

    /// Looks once: at everything with `whole`, else at what the signals need.
    ///
    /// # Errors
    /// No node could be read; what was seen before stays, and each view says why it is old.
    pub async fn look(&mut self, whole: bool, now: Timestamp) -> Result<(), Fault> {
        if self.seen.topology == Topology::Sentinel {
            self.look_at_sentinels(now).await;
        }
        let masters = match self.client.masters().await {
            Ok(masters) => masters,
            Err(fault) => {
                let problem = fault.problem(self.client.way().user());
                for node in &mut self.seen.nodes {
                    blank(node, &problem);
                }
                self.seen.cluster.failed(problem);
                return Err(fault);
            }
        };
        self.seen.nodes.retain(|n| masters.iter().any(|m| **m == *n.address));
        self.before.retain(|at, _| masters.contains(at));
        for address in &masters {
            if !self.seen.nodes.iter().any(|n| *n.address == **address) {
                self.seen.nodes.push(RedisNode {
                    address: address.as_str().into(),
                    ..RedisNode::default()
                });
            }
        }
        self.seen.nodes.sort_by(|a, b| a.address.cmp(&b.address));
        let mut fault = None;
        let mut alive = None;
        let mut nodes = std::mem::take(&mut self.seen.nodes);
        for node in &mut nodes {
            match self.look_at(node, whole, now).await {
                Ok(()) => alive = Some(node.address.to_string()),
                Err(why) => {
                    let problem = why.problem(self.client.way().user());
                    blank(node, &problem);
                    self.client.doubt();
                    fault = Some(why);
                }
            }
        }
        self.seen.nodes = nodes;
        if self.seen.topology == Topology::Cluster {
            self.look_at_cluster(alive.as_deref(), now).await;
        }
        match (alive, fault) {
            (None, Some(fault)) => Err(fault),
            _ => Ok(()),
        }
    }

    async fn look_at(&mut self, node: &mut RedisNode, whole: bool, now: Timestamp) -> Result<(), Fault> {
        let at = node.address.to_string();
        let user = self.client.way().user().map(str::to_owned);
        let user = user.as_deref();
        match self.client.ping(&at).await? {
            Ok(us) => node.ping_us = Seen::read(us, now),
            Err(refused) if matches!(refused.code.as_str(), "NOAUTH" | "WRONGPASS") => {
                return Err(Fault::Refused(refused));
            }
            Err(refused) => node.ping_us.failed(refused.problem("PING", "+ping", None, user)),
        }
        let mut commands = vec![
            Read::Info(Section::Default),
            Read::SlowlogGet(50),
            Read::SlowlogLen,
            Read::LatencyLatest,
        ];
        if whole {
            commands.extend([
                Read::Info(Section::Commandstats),
                Read::Info(Section::Latencystats),
                Read::ConfigGet("slowlog-log-slower-than"),
                Read::ConfigGet("slowlog-max-len"),
                Read::ConfigGet("latency-monitor-threshold"),
            ]);
        }
        let answers = self.client.read(&at, &commands).await?;
        node.trouble = None;
        let problem = |n: usize| {
            let (answer, command) = (answers.get(n)?, commands.get(n)?);
            let refused = answer.as_ref().err()?;
            Some(refused.problem(&command.name(), command.acl(), None, user))
        };
        let ok = |n: usize| answers.get(n).and_then(|a| a.as_ref().ok());
        match (ok(1), ok(2)) {
            (Some(entries), len) => {
                let len = len.and_then(value::count).unwrap_or_default();
                node.slow_log = Seen::read(parse::slow_log(entries, len, self.mask), now);
            }
            _ => node.slow_log.problem = problem(1),
        }
        match ok(3) {
            Some(events) => node.latency = Seen::read(parse::latency(events), now),
            None => node.latency.problem = problem(3),
        }
        if let Some(text) = ok(0).and_then(value::text) {
            let info = parse::info(&text);
            node.rates = self.rates(&at, &info, node.slow_log.fresh().and_then(|s| s.newest), now);
            node.info = Seen::read(info, now);
        } else {
            node.rates = None;
            node.info.problem = problem(0);
        }
        if whole {
            match ok(4).and_then(value::text) {
                Some(text) => {
                    let latency = ok(5).and_then(value::text).unwrap_or_default();
                    let age = node.commands.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
                    let before = node.commands.fresh().map(|list| (list.as_slice(), age));
                    node.commands = Seen::read(parse::commands(&text, &latency, before), now);
                }
                None => node.commands.problem = problem(4),
            }
            let setting = |n: usize| {
                let pair = ok(n)?;
                let first = match pair {
                    redis::Value::Map(pairs) => pairs.first().map(|(_, v)| v),
                    other => value::items(other).get(1),
                };
                first.and_then(value::int)
            };
            match (problem(6), setting(6)) {
                (None, Some(slower_than_us)) => {
                    let settings = RedisSettings {
                        slower_than_us,
                        slow_log_max: setting(7).and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
                        latency_threshold_ms: setting(8).and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
                    };
                    node.settings = Seen::read(settings, now);
                }
                (problem, _) => {
                    node.settings.problem = problem.or_else(|| {
                        Some(Problem::Absent {
                            what: "the server tells no settings".into(),
                            how: "a managed Redis often has no CONFIG".into(),
                        })
                    });
                }
            }
        }
        Ok(())
    }

    fn rates(&mut self, at: &str, info: &RedisInfo, newest: Option<u64>, now: Timestamp) -> Option<RedisRates> {
        let before = self.before.insert(
            at.to_owned(),
            Before {
                at: now,
                info: info.clone(),
                slow_newest: newest,
            },
        )?;
        rates(
            &before.info,
            before.slow_newest,
            info,
            newest,
            now.duration_since(before.at),
        )
    }

    async fn look_at_sentinels(&mut self, now: Timestamp) {
        let way = self.client.way().clone();
        let sentinels = way.ask_sentinels().await;
        let mut health = SentinelHealth {
            master_name: way.source().master.as_deref().unwrap_or_default().into(),
            master: majority(&sentinels).unwrap_or_default().as_str().into(),
            sentinels,
            ..SentinelHealth::default()
        };
        match way.ask_quorum().await {
            Ok(answers) => {
                if let Some(Ok(master)) = answers.first() {
                    let number = |name| value::field(master, name).and_then(value::count).unwrap_or_default();
                    health.quorum = u32::try_from(number("quorum")).unwrap_or_default();
                    health.replicas = u32::try_from(number("num-slaves")).unwrap_or_default();
                    let flags = value::field(master, "flags").and_then(value::text).unwrap_or_default();
                    health.flags = flags
                        .split(',')
                        .filter(|f| !f.is_empty() && *f != "master")
                        .map(|f| clean(f).as_ref().into())
                        .collect();
                }
                if let Some(Err(refused)) = answers.get(1) {
                    health.no_quorum = Some(refused.say().as_str().into());
                }
                self.seen.sentinel = Seen::read(health, now);
            }
            Err(fault) => {
                self.seen.sentinel = Seen::read(health, now);
                self.seen
                    .sentinel
                    .failed(fault.problem(way.source().sentinel_username.as_deref()));
            }
        }
    }

    async fn look_at_cluster(&mut self, alive: Option<&str>, now: Timestamp) {
        let Some(at) = alive else { return };
        let commands = [Read::ClusterInfo, Read::ClusterNodes];
        let user = self.client.way().user().map(str::to_owned);
        let answers = match self.client.read(at, &commands).await {
            Ok(answers) => answers,
            Err(fault) => return self.seen.cluster.failed(fault.problem(user.as_deref())),
        };
        let text = |a: Option<&Answer>| a.and_then(|a| a.as_ref().ok()).and_then(value::text);
        if let (Some(info), Some(nodes)) = (text(answers.first()), text(answers.get(1))) {
            let health: ClusterHealth = parse::cluster(&info, &nodes);
            self.seen.cluster = Seen::read(health, now);
        } else {
            let refused = answers
                .iter()
                .zip(&commands)
                .find_map(|(a, c)| Some((a.as_ref().err()?, c)));
            if let Some((refused, command)) = refused {
                let problem = refused.problem(&command.name(), command.acl(), None, user.as_deref());
                self.seen.cluster.failed(problem);
            }
        }
    }
}

/// A node that was not read: everything stays, marked.
fn blank(node: &mut RedisNode, problem: &Problem) {
    node.trouble = Some(problem.clone());
    node.rates = None;
    node.ping_us.failed(problem.clone());
    node.info.failed(problem.clone());
    node.slow_log.failed(problem.clone());
    node.latency.failed(problem.clone());
    node.commands.failed(problem.clone());
}

/// What happened between two readings; nothing when the server began anew in between.
fn rates(
    before: &RedisInfo,
    newest_before: Option<u64>,
    info: &RedisInfo,
    newest: Option<u64>,
    over: SignedDuration,
) -> Option<RedisRates> {
    let seconds = over.as_secs_f64();
    if before.run_id != info.run_id || seconds < 0.5 || info.stats.commands < before.stats.commands {
        return None;
    }
    let (a, b) = (&before.stats, &info.stats);
    let evicted = b.evicted_keys.saturating_sub(a.evicted_keys);
    let (hits, misses) = (b.hits.saturating_sub(a.hits), b.misses.saturating_sub(a.misses));
    // A server whose slow log was empty before has written entries from 0 on.
    let slow = newest.map(|n| (n + 1).saturating_sub(newest_before.map_or(0, |n| n + 1)));
    Some(RedisRates {
        over,
        commands: b.commands.saturating_sub(a.commands) as f64 / seconds,
        evicted: evicted as f64 / seconds,
        evicted_keys: evicted,
        expired: b.expired_keys.saturating_sub(a.expired_keys) as f64 / seconds,
        rejected: b.rejected_connections.saturating_sub(a.rejected_connections) as f64 / seconds,
        hit_rate: (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64),
        cpu_main: a
            .cpu_main_s
            .zip(b.cpu_main_s)
            .map(|(a, b)| ((b - a) / seconds).max(0.0)),
        sync_full: b.sync_full.saturating_sub(a.sync_full),
        slow_per_minute: Some(slow.unwrap_or(0) as f64 * 60.0 / seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_between_and_never_across_a_restart() {
        let info = |run: &str, hits, misses, commands| {
            parse::info(&format!(
                "run_id:{run}\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\ntotal_commands_processed:{commands}\r\n"
            ))
        };
        let over = SignedDuration::from_secs(10);
        let r = rates(
            &info("a", 1000, 0, 10),
            Some(3),
            &info("a", 1030, 10, 110),
            Some(5),
            over,
        )
        .unwrap();
        assert_eq!(
            (r.hit_rate, r.commands, r.slow_per_minute),
            (Some(0.75), 10.0, Some(12.0))
        );
        assert_eq!(
            rates(&info("a", 9, 9, 10), None, &info("b", 10, 10, 20), None, over),
            None
        );
        let idle = rates(&info("a", 5, 5, 10), None, &info("a", 5, 5, 11), None, over).unwrap();
        assert_eq!(idle.hit_rate, None);
    }

    #[test]
    fn waiting_grows_to_a_minute() {
        assert_eq!([1, 2, 5, 7, 99].map(back_off).map(|d| d.as_secs()), [1, 2, 16, 60, 60]);
    }
}
