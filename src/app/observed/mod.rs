//! Values as they were seen while this console ran: what a chart shows where nobody else keeps a history.
//!
//! At most [`MOST`] values are kept, each with at most [`POINTS`] points: when there are more, of what is older than an
//! hour one in 150 s stays, so that the last hour is fine and a day still fits.

mod cluster;

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{App, ItemRef, Layer};
use crate::model::{QueueCounts, World};

/// Values that are kept.
const MOST: usize = 1_000;

/// Points of one value.
const POINTS: usize = 1_000;

/// The least time between two points.
const APART: SignedDuration = SignedDuration::from_secs(9);

/// So long nothing is thinned out.
const FINE: SignedDuration = SignedDuration::from_hours(1);

/// And the least time between two points before that: a day of them, and a fine hour, are fewer than [`POINTS`].
const APART_LATER: SignedDuration = SignedDuration::from_secs(150);

/// What was seen longer ago is forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Where there are more pods or workloads than this, only the one whose chart is open is kept.
const FEW: usize = 60;

/// What was not seen for so long makes room for something else.
const UNSEEN: SignedDuration = SignedDuration::from_mins(10);

/// Oldest first.
pub type Points = VecDeque<(Timestamp, f64)>;

#[derive(Debug, Default)]
pub struct Observed {
    values: BTreeMap<(String, &'static str), Points>,
    /// The reading of what pods use that was seen last.
    usage: u64,
}

impl Observed {
    /// Takes what was read at `at`; a reading that is already there is none.
    fn take(&mut self, of: &str, name: &'static str, at: Timestamp, value: f64) {
        let key = (of.to_owned(), name);
        if !self.has_room(&key, at) {
            return;
        }
        let points = self.values.entry(key).or_default();
        if points.back().is_some_and(|(last, _)| at.duration_since(*last) < APART) {
            return;
        }
        points.push_back((at, value));
        thin(points, at);
    }

    /// Takes what is watched rather than read: it stands until it changes, or until nobody watches (no number).
    fn take_standing(&mut self, of: &str, name: &'static str, at: Timestamp, value: f64) {
        let key = (of.to_owned(), name);
        if value.is_nan() && !self.values.contains_key(&key) || !self.has_room(&key, at) {
            return;
        }
        let points = self.values.entry(key).or_default();
        let same = |last: f64| last.total_cmp(&value).is_eq();
        if points.back().is_some_and(|(then, last)| same(*last) || *then > at) {
            return;
        }
        points.push_back((at, value));
        // What still stands may be older than a day.
        while points.len() > POINTS {
            points.pop_front();
        }
    }

    /// Whether a value is kept, or can be: of those that nobody has seen for a while the oldest gives way.
    fn has_room(&mut self, key: &(String, &'static str), at: Timestamp) -> bool {
        if self.values.len() < MOST || self.values.contains_key(key) {
            return true;
        }
        let seen = |points: &Points| points.back().map(|(last, _)| *last);
        let oldest = self.values.iter().min_by_key(|(_, points)| seen(points));
        let gone = oldest.filter(|(_, points)| seen(points).is_none_or(|last| at.duration_since(last) > UNSEEN));
        let Some(gone) = gone.map(|(key, _)| key.clone()) else {
            return false;
        };
        self.values.remove(&gone);
        true
    }

    pub fn of(&self, of: &ItemRef, name: &'static str) -> Vec<(Timestamp, f64)> {
        let found = key(of).and_then(|of| self.values.get(&(of, name)));
        found.map_or_else(Vec::new, |points| points.iter().copied().collect())
    }

    pub(super) fn forget(&mut self) {
        self.values.clear();
    }

    fn look(&mut self, world: &World, open: Option<&ItemRef>, now: Timestamp) {
        self.look_at_cluster(world, open, now);
        for (source, queues) in &world.sources.queues {
            for queue in &queues.queues {
                let (Some(counts), Some(at)) = (&queue.counts.value, queue.counts.at) else {
                    continue;
                };
                let of = format!("queue {source}/{}", queue.name);
                let counts: &QueueCounts = counts;
                self.take(&of, "ready", at, counts.ready as f64);
                let oldest = counts.oldest.map_or(0, |t| at.duration_since(t).as_secs().max(0));
                self.take(&of, "oldest", at, oldest as f64);
                for (name, value) in [("active", counts.active), ("failed", counts.failed)] {
                    if let Some(value) = value {
                        self.take(&of, name, at, value as f64);
                    }
                }
                let rates = queue.rates.map(|r| [("in", r.added), ("out", r.finished)]);
                for (name, value) in rates.into_iter().flatten() {
                    if let Some(value) = value {
                        self.take(&of, name, at, value);
                    }
                }
            }
        }
        for (source, redis) in &world.sources.redis {
            for node in &redis.nodes {
                let (Some(info), Some(at)) = (&node.info.value, node.info.at) else {
                    continue;
                };
                let of = format!("redis {source}/{}", node.address);
                self.take(&of, "memory", at, info.memory.used as f64);
                self.take(&of, "commands", at, info.stats.ops_per_second as f64);
                self.take(&of, "clients", at, info.clients.connected as f64);
            }
        }
        for (source, postgres) in &world.sources.postgres {
            self.look_at_postgres(source, postgres);
        }
        for (name, check) in &world.sources.http {
            if let (Some(reply), Some(at)) = (&check.reply.value, check.reply.at) {
                self.take(&format!("http {name}"), "answer", at, reply.took.as_secs_f64() * 1000.0);
            }
        }
    }
}

/// Forgets what is too old, and thins out what is not fine any more.
fn thin(points: &mut Points, at: Timestamp) {
    while points
        .front()
        .is_some_and(|(first, _)| at.duration_since(*first) > KEPT)
    {
        points.pop_front();
    }
    if points.len() > POINTS {
        let mut kept: Option<Timestamp> = None;
        points.retain(|(when, _)| {
            let fine = at.duration_since(*when) <= FINE;
            let keep = fine || kept.is_none_or(|last| when.duration_since(last) >= APART_LATER);
            if keep {
                kept = Some(*when);
            }
            keep
        });
    }
}

/// What a value belongs to, by identity.
fn key(of: &ItemRef) -> Option<String> {
    Some(match of {
        ItemRef::Queue { source, queue } => format!("queue {source}/{queue}"),
        ItemRef::Redis { source, node } => format!("redis {source}/{node}"),
        ItemRef::HttpCheck { name } => format!("http {name}"),
        ItemRef::Session { source, .. }
        | ItemRef::Statement { source, .. }
        | ItemRef::Table { source, .. }
        | ItemRef::Index { source, .. } => format!("postgres {source}"),
        ItemRef::Object(object) => cluster::object_key(object),
        _ => return None,
    })
}

impl App {
    /// Keeps what was just read.
    pub(super) fn observe(&mut self) {
        let open = self.layers.iter().rev().find_map(|l| match l {
            Layer::Chart(view) => Some(&view.of),
            _ => None,
        });
        let now = self.now;
        self.seat.observed.look(&self.world, open, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_fits_the_newest_stay_fine_and_a_reading_counts_once() {
        let mut observed = Observed::default();
        let at = |s: i64| Timestamp::from_second(1_000_000 + s).unwrap();
        for s in (0..100_000).step_by(10) {
            observed.take("queue a/b", "ready", at(s), s as f64);
            observed.take("queue a/b", "ready", at(s), -1.0);
        }
        let of = ItemRef::Queue {
            source: "a".into(),
            queue: "b".into(),
        };
        let points = observed.of(&of, "ready");
        assert!(points.len() <= POINTS, "{}", points.len());
        let span = points[points.len() - 1].0.duration_since(points[0].0);
        assert!(span > SignedDuration::from_hours(20) && span <= KEPT, "{span:?}");
        let last = &points[points.len() - 50..];
        assert!(last.windows(2).all(|w| w[1].0.duration_since(w[0].0).as_secs() == 10));
        assert!(points.iter().all(|(_, v)| *v >= 0.0), "a reading counts once");
    }
}
