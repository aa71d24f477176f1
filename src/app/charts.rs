//! What can be drawn over time of a thing, from where it is known, and at which value it would be a signal.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{App, ItemRef};
use crate::model::Queue;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    PerSecond,
    PerMinute,
    Seconds,
    Milliseconds,
}

/// Who kept the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// This console, since it is open.
    Observed,
    /// The feed, once a minute, for an hour at most.
    Feed,
}

/// One value over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub name: &'static str,
    pub unit: Unit,
    /// Oldest first, by the clock of whoever read them.
    pub points: Vec<(Timestamp, f64)>,
    /// From there on it calls for attention, and in whose words.
    pub threshold: Option<(f64, &'static str)>,
    pub kept_by: KeptBy,
}

impl App {
    /// The values of an item that have a history.
    pub fn charts(&self, of: &ItemRef) -> Vec<Chart> {
        let observed = |name: &'static str, unit: Unit| Chart {
            name,
            unit,
            points: self.seat.observed.of(of, name),
            threshold: None,
            kept_by: KeptBy::Observed,
        };
        match of {
            ItemRef::Queue { source, queue } => {
                let mut ready = observed("ready", Unit::Count);
                let seen = self.world.sources.queues.get(source);
                let found = seen.and_then(|q| q.queues.iter().find(|q| q.name == *queue));
                if let Some(found) = found.filter(|q| reaches_further(q, &ready.points)) {
                    let kept: BTreeMap<Timestamp, f64> = found.history.iter().map(|(at, n)| (*at, *n as f64)).collect();
                    let seen_here = ready.points.first().map(|(at, _)| *at);
                    let earlier = kept
                        .into_iter()
                        .filter(|(at, _)| seen_here.is_none_or(|first| *at < first));
                    ready.points = earlier.chain(ready.points).collect();
                    ready.kept_by = KeptBy::Feed;
                }
                let all = [
                    ready,
                    observed("oldest", Unit::Seconds),
                    observed("in", Unit::PerMinute),
                    observed("out", Unit::PerMinute),
                    observed("active", Unit::Count),
                    observed("failed", Unit::Count),
                ];
                all.into_iter().collect()
            }
            ItemRef::Redis { source, node } => {
                let seen = self.world.sources.redis.get(source);
                let found = seen.and_then(|r| r.nodes.iter().find(|n| n.address == *node));
                let info = found.and_then(|n| n.info.value.as_deref());
                let mut memory = observed("memory", Unit::Bytes);
                memory.threshold = info
                    .filter(|i| i.memory.max > 0)
                    .map(|i| (i.memory.max as f64, "maxmemory"));
                let mut clients = observed("clients", Unit::Count);
                clients.threshold = info.and_then(|i| i.clients.max).map(|n| (n as f64, "maxclients"));
                vec![memory, observed("commands", Unit::PerSecond), clients]
            }
            ItemRef::HttpCheck { name } => {
                let mut answer = observed("answer", Unit::Milliseconds);
                let check = self.world.sources.http.get(name);
                answer.threshold = check.map(|c| (c.limit.as_secs_f64() * 1000.0, "slow"));
                vec![answer]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the feed's history begins before what was seen here.
fn reaches_further(queue: &Queue, seen: &[(Timestamp, f64)]) -> bool {
    match (queue.history.first(), seen.first()) {
        (Some((kept, _)), Some((first, _))) => kept < first,
        (kept, None) => kept.is_some(),
        (None, _) => false,
    }
}
