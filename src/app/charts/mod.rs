//! What can be drawn over time of a thing, from where it is known, and at which value it would be a signal.

mod asked;
mod marks;
mod of_cluster;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{App, Focus, ItemRef, Layer, subjects};
use crate::model::{Pick, Queue, SourceKind, Str};
use crate::signal::Subject;

pub use asked::{Asked, Shown};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    PerSecond,
    PerMinute,
    Seconds,
    Milliseconds,
    /// Of processors.
    Cores,
    /// 0 to 1.
    Share,
    /// How often over.
    Times,
}

/// Who kept the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// This console, since it is open.
    Observed,
    /// The feed, once a minute, for an hour at most.
    Feed,
    /// A Prometheus, by its name.
    Prometheus(Str),
}

/// When a value beside another one is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Near it or above.
    Near,
    Below,
}

/// What a value is held against, itself a value over time: a limit, a number that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub words: &'static str,
    pub bad: Bad,
    pub points: Vec<(Timestamp, f64)>,
}

impl Bound {
    /// Whether `value` is bad while the bound is so much.
    pub fn is_bad(&self, value: f64, bound: f64) -> bool {
        match self.bad {
            Bad::Near => value >= bound * 0.9,
            Bad::Below => value < bound,
        }
    }
}

/// What a Prometheus is asked for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// `None`: whichever has it.
    pub source: Option<Str>,
    pub id: &'static str,
    pub bound: Option<&'static str>,
    pub about: Vec<(&'static str, Str)>,
    pub pick: Pick,
    /// Thousandths of what is shown, as latencies are measured in seconds.
    pub thousandths: bool,
}

impl Asking {
    fn new(id: &'static str, about: Vec<(&'static str, Str)>) -> Self {
        Self {
            source: None,
            id,
            bound: None,
            about,
            pick: Pick::Highest,
            thousandths: false,
        }
    }
}

/// One value over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub name: &'static str,
    pub unit: Unit,
    /// Oldest first, by the clock of whoever read them. What is no number ends what stood before it.
    pub points: Vec<(Timestamp, f64)>,
    /// A value stands until the next one: it was watched, not polled.
    pub stands: bool,
    /// Seconds between two points where that is known: what lies further apart was not measured.
    pub step: Option<i64>,
    /// From there on it calls for attention, and in whose words.
    pub threshold: Option<(f64, &'static str)>,
    pub bound: Option<Bound>,
    pub kept_by: KeptBy,
    /// How a Prometheus has it.
    pub asking: Option<Asking>,
}

impl Chart {
    pub(super) fn new(name: &'static str, unit: Unit) -> Self {
        Self {
            name,
            unit,
            points: Vec::new(),
            stands: false,
            step: None,
            threshold: None,
            bound: None,
            kept_by: KeptBy::Observed,
            asking: None,
        }
    }

    #[must_use]
    fn points(mut self, points: Vec<(Timestamp, f64)>) -> Self {
        self.points = points;
        self
    }

    #[must_use]
    fn stands(mut self) -> Self {
        self.stands = true;
        self
    }

    #[must_use]
    fn threshold(mut self, threshold: Option<(f64, &'static str)>) -> Self {
        self.threshold = threshold;
        self
    }

    #[must_use]
    fn bound(mut self, words: &'static str, bad: Bad, points: Vec<(Timestamp, f64)>) -> Self {
        self.bound = Some(Bound { words, bad, points });
        self
    }

    #[must_use]
    fn asking(mut self, asking: Asking) -> Self {
        self.asking = Some(asking);
        self
    }
}

impl App {
    /// What a chart would be about now: what is opened, the selected row, or the signal at hand.
    pub fn chart_subject(&self) -> Option<ItemRef> {
        if let Some(item) = self.item_at_hand() {
            return Some(item.clone());
        }
        if self.layers.is_empty()
            && self.focus == Focus::Strip
            && let Some(signal) = self.strip.current(&self.judge)
            && let Subject::Named { kind, namespace, name } = &signal.subject
        {
            let about = crate::runbook::facts::About::named(&self.world, kind, namespace, name)?;
            return subjects::item(&self.world, &about).map(|(_, item)| item);
        }
        match self.layers.last() {
            None | Some(Layer::Detail(_)) => self.subject().map(ItemRef::Object),
            _ => None,
        }
    }

    /// The values of an item that have a history: as this console saw them, and how a Prometheus has them.
    pub fn charts(&self, of: &ItemRef) -> Vec<Chart> {
        let mut all = self.charts_of(of);
        if !self.sources.iter().any(|id| id.kind == SourceKind::Prometheus) {
            for chart in &mut all {
                chart.asking = None;
            }
        }
        // What nobody measures and nobody saw is no value.
        all.retain(|c| c.asking.is_some() || !is_measured_only(c.name));
        all
    }

    fn charts_of(&self, of: &ItemRef) -> Vec<Chart> {
        let observed = |name: &'static str, unit: Unit| Chart::new(name, unit).points(self.seat.observed.of(of, name));
        match of {
            ItemRef::Queue { source, queue } => {
                let about = || vec![("source", source.clone()), ("queue", queue.clone())];
                let mut ready = observed("ready", Unit::Count).asking(Asking::new("queue.ready", about()));
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
                vec![
                    ready,
                    observed("oldest", Unit::Seconds).asking(Asking::new("queue.oldest", about())),
                    observed("in", Unit::PerMinute),
                    observed("out", Unit::PerMinute),
                    observed("active", Unit::Count),
                    observed("failed", Unit::Count),
                ]
            }
            ItemRef::Redis { source, node } => {
                let about = || vec![("source", source.clone()), ("node", node.clone())];
                let seen = self.world.sources.redis.get(source);
                let found = seen.and_then(|r| r.nodes.iter().find(|n| n.address == *node));
                let info = found.and_then(|n| n.info.value.as_deref());
                let limit = info.filter(|i| i.memory.max > 0);
                vec![
                    observed("memory", Unit::Bytes)
                        .threshold(limit.map(|i| (i.memory.max as f64, "maxmemory")))
                        .asking(Asking::new("redis.memory", about())),
                    observed("commands", Unit::PerSecond).asking(Asking::new("redis.commands", about())),
                    observed("clients", Unit::Count)
                        .threshold(info.and_then(|i| i.clients.max).map(|n| (n as f64, "maxclients")))
                        .asking(Asking::new("redis.clients", about())),
                ]
            }
            ItemRef::Session { source, .. }
            | ItemRef::Statement { source, .. }
            | ItemRef::Table { source, .. }
            | ItemRef::Index { source, .. } => {
                let about = || vec![("source", source.clone())];
                let seen = self.world.sources.postgres.get(source);
                let usable = seen.and_then(|p| p.connections.last()).map(|c| c.usable as f64);
                let value = |name, unit, id| observed(name, unit).asking(Asking::new(id, about()));
                vec![
                    value("connections", Unit::Count, "postgres.connections")
                        .threshold(usable.map(|n| (n, "the most there may be"))),
                    value("busy", Unit::Count, "postgres.busy"),
                    value("waiting", Unit::Count, "postgres.waiting"),
                    value("longest", Unit::Seconds, "postgres.longest"),
                ]
            }
            ItemRef::HttpCheck { name } => {
                let check = self.world.sources.http.get(name);
                let slow = check.map(|c| (c.limit.as_secs_f64() * 1000.0, "slow"));
                vec![observed("answer", Unit::Milliseconds).threshold(slow)]
            }
            ItemRef::Object(object) => self.of_object_charts(of, object),
            ItemRef::Slo { source, name } => self.of_objective(source, name),
            ItemRef::Service { source, name } => self.of_service(Some(source), name),
            ItemRef::Host { source, name } => of_cluster::of_host(source, name),
            _ => Vec::new(),
        }
    }
}

/// Values that only a Prometheus has.
fn is_measured_only(name: &str) -> bool {
    matches!(
        name,
        "throttled" | "errors" | "p95" | "requests" | "burn 5m" | "burn 1h" | "burn 6h" | "disk"
    )
}

/// Whether the feed's history begins before what was seen here.
fn reaches_further(queue: &Queue, seen: &[(Timestamp, f64)]) -> bool {
    match (queue.history.first(), seen.first()) {
        (Some((kept, _)), Some((first, _))) => kept < first,
        (kept, None) => kept.is_some(),
        (None, _) => false,
    }
}
