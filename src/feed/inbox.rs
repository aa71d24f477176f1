//! What has arrived and was not taken yet: for each object its latest row, and nothing older.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::model::{Batch, Change, FeedId, Freshness, Key, Kind, Source, SourceId, Usage};

/// A skew that moved less than this is the same skew: the `Date` header counts in seconds.
const SAME_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// Latest wins. Cheap to clone; all clones are one inbox. Its size is bounded by the number of objects watched.
#[derive(Clone, Default)]
pub struct Inbox {
    shared: Arc<Shared>,
    /// What this handle may put in counts only while the inbox is in this epoch.
    epoch: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    epoch: u64,
    changes: HashMap<(Kind, Key), Change>,
    feeds: HashMap<FeedId, Freshness>,
    /// The last state of each feed that was given, taken or not.
    feeds_told: HashMap<FeedId, Freshness>,
    sources: HashMap<SourceId, Source>,
    reach: HashMap<SourceId, Freshness>,
    /// The last that each source was said to be, taken or not.
    reach_told: HashMap<SourceId, Freshness>,
    pod_usage: Option<Vec<(Key, Usage)>>,
    node_usage: Option<Vec<(Key, Usage)>>,
    usage_told: [u64; 2],
    clock: Option<(Timestamp, Timestamp)>,
    skew_told: Option<SignedDuration>,
}

impl State {
    fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.feeds.is_empty()
            && self.sources.is_empty()
            && self.reach.is_empty()
            && self.pod_usage.is_none()
            && self.node_usage.is_none()
            && self.clock.is_none()
    }
}

impl Inbox {
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the inbox, and gives the one handle (with its clones) that can put something in from now on. A feed of
    /// the cluster that was left a moment ago may still be in mid-write: its rows must not appear among the new ones.
    #[must_use]
    pub fn renew(&self) -> Self {
        let mut inner = self.state();
        *inner = State {
            epoch: inner.epoch + 1,
            ..State::default()
        };
        Self {
            shared: Arc::clone(&self.shared),
            epoch: inner.epoch,
        }
    }

    /// A handle that may write now, beside those that were given since the last [`Inbox::renew`].
    #[must_use]
    pub fn also(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            epoch: self.state().epoch,
        }
    }

    /// The state, if this handle may still write.
    fn open(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.state()).filter(|inner| inner.epoch == self.epoch)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while the lock was held leaves whole entries behind: they are still good.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces whatever was not yet taken of the same object. Who publishes has compared with the row before.
    pub fn publish(&self, change: Change) {
        if let Some(mut inner) = self.open() {
            inner.changes.insert(slot(&change), change);
            drop(inner);
            self.shared.news.notify_one();
        }
    }

    /// Tells how fresh a feed is. A state equal to the last wakes nobody.
    pub fn feed_state(&self, id: FeedId, state: Freshness) {
        {
            let Some(mut inner) = self.open() else {
                return;
            };
            if inner.feeds_told.get(&id) == Some(&state) {
                return;
            }
            inner.feeds_told.insert(id, state.clone());
            inner.feeds.insert(id, state);
        }
        self.shared.news.notify_one();
    }

    /// A polled source, whole. Who publishes has compared with what it published before.
    pub fn source(&self, id: SourceId, source: Source) {
        if let Some(mut inner) = self.open() {
            inner.sources.insert(id, source);
            drop(inner);
            self.shared.news.notify_one();
        }
    }

    /// Tells how well a source is reached. A state equal to the last wakes nobody.
    pub fn reach(&self, id: SourceId, state: Freshness) {
        {
            let Some(mut inner) = self.open() else {
                return;
            };
            if inner.reach_told.get(&id) == Some(&state) {
                return;
            }
            inner.reach_told.insert(id.clone(), state.clone());
            inner.reach.insert(id, state);
        }
        self.shared.news.notify_one();
    }

    /// The whole table of pod usage. An equal table wakes nobody.
    pub fn pod_usage(&self, usage: Vec<(Key, Usage)>) {
        self.usage(usage, 0);
    }

    /// The whole table of node usage. An equal table wakes nobody.
    pub fn node_usage(&self, usage: Vec<(Key, Usage)>) {
        self.usage(usage, 1);
    }

    fn usage(&self, usage: Vec<(Key, Usage)>, which: usize) {
        let mut hasher = DefaultHasher::new();
        1_u8.hash(&mut hasher);
        for (key, u) in &usage {
            (key, u.cpu_m, u.memory).hash(&mut hasher);
        }
        let print = hasher.finish();
        {
            let Some(mut inner) = self.open() else {
                return;
            };
            let Some(told) = inner.usage_told.get_mut(which) else {
                return;
            };
            if *told == print {
                return;
            }
            *told = print;
            if which == 0 {
                inner.pod_usage = Some(usage);
            } else {
                inner.node_usage = Some(usage);
            }
        }
        self.shared.news.notify_one();
    }

    /// The server's clock, and ours at that moment. Only a difference that moved wakes anybody.
    pub fn clock(&self, server: Timestamp, ours: Timestamp) {
        let skew = server.duration_since(ours);
        {
            let Some(mut inner) = self.open() else {
                return;
            };
            if inner.skew_told.is_some_and(|told| (told - skew).abs() < SAME_SKEW) {
                return;
            }
            inner.skew_told = Some(skew);
            inner.clock = Some((server, ours));
        }
        self.shared.news.notify_one();
    }

    /// Takes all that arrived; `None` when nothing did.
    pub fn drain(&self) -> Option<Batch> {
        self.drain_some(usize::MAX)
    }

    /// The same, but at most so many rows, so that whoever takes them is soon free again. Everything else waits for the
    /// last of them: no feed is said to be fresh whose rows are not all there.
    pub fn drain_some(&self, most: usize) -> Option<Batch> {
        let mut inner = self.state();
        if inner.is_empty() {
            return None;
        }
        if inner.changes.len() > most {
            let some = inner.changes.extract_if(|_, _| true).take(most);
            return Some(Batch {
                changes: some.map(|(_, change)| change).collect(),
                ..Batch::default()
            });
        }
        Some(Batch {
            changes: std::mem::take(&mut inner.changes).into_values().collect(),
            feeds: std::mem::take(&mut inner.feeds).into_iter().collect(),
            sources: std::mem::take(&mut inner.sources).into_iter().collect(),
            reach: std::mem::take(&mut inner.reach).into_iter().collect(),
            pod_usage: inner.pod_usage.take(),
            node_usage: inner.node_usage.take(),
            clock: inner.clock.take(),
        })
    }

    /// Returns once there is something to drain. For one waiter at a time.
    pub async fn ready(&self) {
        loop {
            let news = self.shared.news.notified();
            if !self.state().is_empty() {
                return;
            }
            news.await;
        }
    }
}

fn slot(change: &Change) -> (Kind, Key) {
    match change {
        Change::Pod(key, _) => (Kind::Pod, key.clone()),
        Change::Workload(kind, key, _) | Change::Revision(kind, key, _) => (*kind, key.clone()),
        Change::Hpa(key, _) => (Kind::Hpa, key.clone()),
        Change::Budget(key, _) => (Kind::Pdb, key.clone()),
        Change::Event(key, _) => (Kind::Event, key.clone()),
        Change::Node(key, _) => (Kind::Node, key.clone()),
        Change::Quota(key, _) => (Kind::Quota, key.clone()),
        Change::Job(key, _) => (Kind::Job, key.clone()),
        Change::CronJob(key, _) => (Kind::CronJob, key.clone()),
        Change::Namespace(key, _) => (Kind::Namespace, key.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(name: &str) -> Change {
        Change::Pod(Key::new("ns", name), None)
    }

    #[test]
    fn only_the_latest_change_of_an_object_is_kept() {
        let inbox = Inbox::new();
        for _ in 0..1000 {
            inbox.publish(gone("a"));
        }
        inbox.publish(gone("b"));
        assert_eq!(inbox.drain().unwrap().changes.len(), 2);
        assert!(inbox.drain().is_none());
    }

    #[tokio::test]
    async fn many_rows_are_taken_in_pieces_each_once_and_a_feed_is_fresh_with_the_last_of_them() {
        let inbox = Inbox::new();
        let id = FeedId::Watch(Kind::Pod);
        let names: Vec<String> = (0..250).map(|n| format!("p-{n:03}")).collect();
        for name in &names {
            inbox.publish(gone(name));
        }
        inbox.feed_state(id, Freshness::Fresh);
        let (mut taken, mut pieces) = (Vec::new(), Vec::new());
        while pieces.iter().sum::<usize>() < names.len() {
            inbox.ready().await;
            let batch = inbox.drain_some(100).unwrap();
            pieces.push(batch.changes.len());
            taken.extend(batch.changes.iter().map(|c| slot(c).1.name.to_string()));
            assert_eq!(batch.feeds.len(), usize::from(taken.len() == names.len()));
        }
        taken.sort();
        assert_eq!((pieces, taken), (vec![100, 100, 50], names));
        assert!(inbox.drain_some(100).is_none());
    }

    #[tokio::test]
    async fn a_state_equal_to_the_last_wakes_nobody() {
        let inbox = Inbox::new();
        let id = FeedId::Watch(Kind::Pod);
        inbox.feed_state(id, Freshness::Fresh);
        inbox.ready().await;
        assert_eq!(inbox.drain().unwrap().feeds, vec![(id, Freshness::Fresh)]);
        inbox.feed_state(id, Freshness::Fresh);
        assert!(inbox.drain().is_none());
        let usage = vec![(Key::new("ns", "a"), Usage { cpu_m: 1, memory: 2 })];
        inbox.pod_usage(usage.clone());
        assert!(inbox.drain().is_some());
        inbox.pod_usage(usage);
        assert!(inbox.drain().is_none());
    }

    #[test]
    fn a_feed_that_was_left_can_no_longer_put_anything_in() {
        let inbox = Inbox::new();
        let old = inbox.renew();
        old.publish(gone("a"));
        old.feed_state(FeedId::Metrics, Freshness::Fresh);
        let new = inbox.renew();
        assert!(inbox.drain().is_none());
        old.publish(gone("b"));
        old.clock(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert!(inbox.drain().is_none());
        // What was told of the cluster before is told again of this one.
        new.feed_state(FeedId::Metrics, Freshness::Fresh);
        assert_eq!(inbox.drain().unwrap().feeds.len(), 1);
    }

    #[test]
    fn the_clock_is_told_again_only_when_the_difference_moved() {
        let inbox = Inbox::new();
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        inbox.clock(at(1000), at(990));
        assert!(inbox.drain().is_some());
        inbox.clock(at(1060), at(1049));
        assert!(inbox.drain().is_none());
        inbox.clock(at(1060), at(1060));
        assert!(inbox.drain().is_some());
    }
}
