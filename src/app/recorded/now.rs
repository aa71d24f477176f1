//! What is so now of each change that must not stay: from the rows that are watched, else read for it alone.
//!
//! Ingresses, Services, ScaledObjects and what containers ask for are not watched. They are read while the panel is open,
//! and once a minute while such a change is on the ledger, so that what somebody took back is seen.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::action::temporary_state::{self, StateAsk};
use crate::app::msg::{Effect, Fetch, Token};
use crate::app::{App, Layer};
use crate::journal::Temporary;
use crate::model::{FeedId, Freshness, Kind, Seen, Workload};

/// Between two readings, while somebody looks and while nobody does.
const LOOKED_AT: SignedDuration = SignedDuration::from_secs(5);
const BY_ITSELF: SignedDuration = SignedDuration::from_secs(60);

/// What is known of an entry's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// In the ledger's words.
    Is(String),
    /// It is being read.
    Reading,
    /// It cannot be known here, and why.
    Unknown(String),
}

/// What was read of targets that nobody watches.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    /// By the entry's key: when it was asked for, and what was said.
    said: BTreeMap<String, (Timestamp, Result<String, String>)>,
    asked: Option<(Token, Timestamp)>,
}

/// What was read since then, and not in vain.
fn certain<T>(seen: &Seen<T>, since: Timestamp) -> Option<&T> {
    let late = seen.problem.is_none() && seen.at.is_some_and(|at| at > since);
    seen.last().filter(|_| late)
}

impl App {
    /// The state of an entry's target now.
    pub fn now_of(&self, t: &Temporary) -> Now {
        if self.place().is_none_or(|p| p.context != t.target.context) {
            return Now::Unknown(format!("not watched here: it is on {}", t.target.context));
        }
        if let Some(state) = self.watched_state(t) {
            return Now::Is(state);
        }
        if StateAsk::of(t).is_none() {
            return Now::Unknown("not watched here".to_owned());
        }
        match self.recorded.readings.said.get(&t.key) {
            Some((at, Ok(state))) if *at > t.since => Now::Is(state.clone()),
            Some((at, Err(why))) if *at > t.since => Now::Unknown(why.clone()),
            _ => Now::Reading,
        }
    }

    /// Asks for what nobody watches, when it is time.
    pub(super) fn read_temporary(&mut self) -> Vec<Effect> {
        let looks = self.layers.iter().any(|l| matches!(l, Layer::Incident(_)));
        if !looks && self.may_record().is_err() {
            return Vec::new();
        }
        let every = if looks { LOOKED_AT } else { BY_ITSELF };
        let now = self.now;
        if self
            .recorded
            .readings
            .asked
            .is_some_and(|(_, at)| now.duration_since(at) < every)
        {
            return Vec::new();
        }
        let context = self.place().map(|p| p.context.clone()).unwrap_or_default();
        let open = self.temporary().into_iter().filter(|t| t.target.context == context);
        let asks: Vec<StateAsk> = open
            .filter(|t| self.watched_state(t).is_none())
            .filter_map(|t| StateAsk::of(&t))
            .collect();
        if asks.is_empty() {
            return Vec::new();
        }
        let token = self.next_token();
        self.recorded.readings.asked = Some((token, now));
        vec![Effect::Fetch(token, Fetch::States(asks))]
    }

    /// The answer to [`Self::read_temporary`].
    pub(in crate::app) fn states_read(&mut self, token: Token, states: Vec<(String, Result<String, String>)>) {
        let readings = &mut self.recorded.readings;
        let Some((_, at)) = readings.asked.filter(|(asked, _)| *asked == token) else {
            return;
        };
        readings
            .said
            .extend(states.into_iter().map(|(key, said)| (key, (at, said))));
        self.dirty = true;
    }

    /// Nothing that was read is of the new place.
    pub(in crate::app) fn readings_forgotten(&mut self) {
        self.recorded.readings = Readings::default();
    }

    /// The state as the feeds have it; `None` when they do not, or not for certain.
    fn watched_state(&self, t: &Temporary) -> Option<String> {
        let fresh = |kind| matches!(self.world.feed(FeedId::Watch(kind)), Freshness::Fresh);
        let (namespace, name) = (&*t.target.namespace, &*t.target.name);
        let workload = || -> Option<&Workload> {
            let found = self
                .world
                .workloads()
                .find(|w| w.kind.api() == t.target.kind && *w.meta.name == *name && *w.meta.namespace == *namespace)?;
            fresh(found.kind).then_some(&**found)
        };
        match t.family.as_str() {
            "rollout" => Some(if workload()?.paused { "paused" } else { "running" }.to_owned()),
            "size" => Some(workload()?.desired.to_string()),
            "bounds" if t.target.kind == Kind::Hpa.api() => {
                let mut all = self.world.hpas.values();
                let hpa = all.find(|h| *h.meta.name == *name && *h.meta.namespace == *namespace)?;
                fresh(Kind::Hpa).then(|| format!("{}–{}", hpa.min, hpa.max))
            }
            "node" => {
                let node = self.world.nodes.values().find(|n| *n.meta.name == *name)?;
                let state = if node.cordoned { "cordoned" } else { "schedulable" };
                fresh(Kind::Node).then(|| state.to_owned())
            }
            "queue" => {
                // Its namespace is the set of queues.
                let set = self.world.sources.queues.get(namespace)?;
                let queue = set.queues.iter().find(|q| *q.name == *name)?;
                let paused = certain(&queue.counts, t.since)?.paused?;
                Some(if paused { "paused" } else { "running" }.to_owned())
            }
            "silence" => {
                let source = self.world.sources.prometheus.get(namespace)?;
                let silences = certain(&source.silences, t.since)?;
                let matcher = format!("alertname={name:?}");
                let holds = silences.iter().any(|s| s.matchers.iter().any(|m| **m == *matcher));
                Some(if holds { "silenced" } else { "heard" }.to_owned())
            }
            _ => None,
        }
    }

    /// The state in words that say what it means: beside what was and what was set.
    pub fn now_words(&self, t: &Temporary) -> (String, temporary_state::Means) {
        use temporary_state::Means;
        match self.now_of(t) {
            Now::Is(state) if state == t.was => (format!("is {state} again: taken back already"), Means::Back),
            Now::Is(state) if state == t.is => (format!("is {state} now, was {}", t.was), Means::Stands),
            Now::Is(state) => (
                format!(
                    "is {state} now, was {}, and was set to {}: somebody changed it since",
                    t.was, t.is
                ),
                Means::Other,
            ),
            Now::Reading => (format!("was {}; being read", t.was), Means::Unknown),
            Now::Unknown(why) => (format!("was {}; {why}", t.was), Means::Unknown),
        }
    }
}
