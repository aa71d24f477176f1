//! Which kinds are watched now: those that somebody shows or judges, and no others.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::connect::Cluster;
use super::metrics::Metrics;
use super::watch::{Out, Subject, Watch};
use crate::feed::Inbox;
use crate::model::{Change, FeedId, Freshness, Kind, Scope};

/// What is wanted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    pub kinds: BTreeSet<Kind>,
    /// CPU and memory of pods and nodes show somewhere.
    pub metrics: bool,
}

impl Demand {
    /// What the signals judge, whatever shows.
    pub fn signals() -> Self {
        use Kind as K;
        let always = [
            K::Pod,
            K::Deployment,
            K::StatefulSet,
            K::DaemonSet,
            K::ReplicaSet,
            K::Hpa,
            K::Pdb,
            K::Node,
            K::Quota,
            K::Job,
            K::CronJob,
        ];
        Self {
            kinds: always.into(),
            metrics: false,
        }
    }

    /// With these, too: events for their pane, ControllerRevisions for a history, namespaces for a picker.
    #[must_use]
    pub fn with(mut self, kinds: &[Kind]) -> Self {
        self.kinds.extend(kinds);
        self
    }
}

impl Default for Demand {
    fn default() -> Self {
        Self::signals()
    }
}

/// Every waiting time, so that tests need not wait.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For one page of a list.
    pub list: Duration,
    /// After which the server is asked to end a watch. Some jitter is added.
    pub watch: Duration,
    /// Without a byte for so long while the first objects of a streaming list come, it is given up for pages.
    pub first: Duration,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// Until a refused kind is tried again.
    pub forbidden: Duration,
    /// Between two readings of metrics.
    pub metrics: Duration,
    /// A kind that nobody wants any more is watched this much longer.
    pub linger: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            list: Duration::from_secs(15),
            watch: Duration::from_secs(290),
            first: Duration::from_secs(10),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            forbidden: Duration::from_secs(60),
            metrics: Duration::from_secs(30),
            linger: Duration::from_secs(60),
        }
    }
}

/// All watches of one cluster. Dropping it stops them.
pub struct Feeds {
    task: JoinHandle<()>,
    wake: watch::Sender<u64>,
    cluster: Cluster,
}

impl Feeds {
    /// Watches what `demand` says, over `scope`, into `inbox`, which is emptied first and closed to whoever wrote into it
    /// before. Must be called within a tokio runtime.
    pub fn start(cluster: Cluster, scope: Scope, inbox: Inbox, demand: watch::Receiver<Demand>) -> Self {
        Self::start_with(cluster, scope, inbox, demand, Timing::default())
    }

    /// The same with other waiting times.
    pub fn start_with(
        cluster: Cluster,
        scope: Scope,
        inbox: Inbox,
        demand: watch::Receiver<Demand>,
        timing: Timing,
    ) -> Self {
        let (wake, woken) = watch::channel(0);
        let keeper = Keeper {
            cluster: cluster.clone(),
            scope,
            board: Arc::new(Board {
                inbox: inbox.renew(),
                states: Mutex::default(),
            }),
            demand,
            timing,
            wake: woken,
            running: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Self {
            task: tokio::spawn(keeper.run()),
            wake,
            cluster,
        }
    }

    /// Tries everything that waits for its next attempt now.
    pub async fn wake(&self) {
        self.cluster.forget_failure().await;
        self.wake.send_modify(|n| *n += 1);
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts and stops watches as the demand changes. When it is dropped, so are they.
struct Keeper {
    cluster: Cluster,
    scope: Scope,
    board: Arc<Board>,
    demand: watch::Receiver<Demand>,
    timing: Timing,
    wake: watch::Receiver<u64>,
    running: HashMap<Kind, Running>,
    tasks: JoinSet<()>,
}

struct Running {
    stops: Vec<oneshot::Sender<()>>,
    /// Since when nobody wants it.
    unwanted: Option<Instant>,
}

impl Keeper {
    async fn run(mut self) {
        let metrics = Metrics {
            cluster: self.cluster.clone(),
            scope: self.scope.clone(),
            inbox: self.board.inbox.clone(),
            demand: self.demand.clone(),
            wake: self.wake.clone(),
            timing: self.timing,
        };
        self.tasks.spawn(metrics.run());
        loop {
            let wanted = self.demand.borrow_and_update().kinds.clone();
            let next = self.arrange(&wanted);
            let changed = async {
                if self.demand.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let over = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = over => {}
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Returns when something unwanted must be stopped next.
    fn arrange(&mut self, wanted: &BTreeSet<Kind>) -> Option<Instant> {
        for kind in Kind::ALL.into_iter().filter(|k| wanted.contains(k)) {
            if let Some(running) = self.running.get_mut(&kind) {
                running.unwanted = None;
            } else {
                let running = self.start(kind);
                self.running.insert(kind, running);
            }
        }
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let linger = self.timing.linger;
        self.running.retain(|kind, running| {
            if wanted.contains(kind) {
                return true;
            }
            let end = *running.unwanted.get_or_insert(now) + linger;
            if end <= now {
                for stop in running.stops.drain(..) {
                    let _ = stop.send(());
                }
                return false;
            }
            next = Some(next.map_or(end, |n| n.min(end)));
            true
        });
        next
    }

    fn start(&mut self, kind: Kind) -> Running {
        let places: Vec<Option<String>> = match &self.scope {
            Scope::Namespaces(list) if kind.namespaced() => list.iter().cloned().map(Some).collect(),
            _ => vec![None],
        };
        self.board.begin(kind, places.len());
        let mut stops = Vec::new();
        for (part, namespace) in places.into_iter().enumerate() {
            let subject = Subject {
                kind,
                namespace,
                selector: String::new(),
            };
            let out = FeedOut {
                board: Arc::clone(&self.board),
                cluster: self.cluster.clone(),
                kind,
                part,
            };
            let mut watch = Watch::new(self.cluster.clone(), subject, self.timing, self.wake.clone(), out);
            let (stop, stopped) = oneshot::channel::<()>();
            stops.push(stop);
            self.tasks.spawn(async move {
                let asked = async {
                    // Only an order stops it: a sender that is merely gone means that we are, too.
                    if stopped.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    () = watch.run() => {}
                    () = asked => {}
                }
                watch.retire();
            });
        }
        Running { stops, unwanted: None }
    }
}

/// Makes one state a kind out of those of its watches in several namespaces.
struct Board {
    inbox: Inbox,
    states: Mutex<HashMap<Kind, Vec<Freshness>>>,
}

impl Board {
    fn begin(&self, kind: Kind, parts: usize) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(kind, vec![Freshness::Syncing { rows: 0 }; parts]);
    }

    fn set(&self, kind: Kind, part: usize, state: Freshness) {
        let told = {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(parts) = states.get_mut(&kind) else {
                return;
            };
            if let Some(slot) = parts.get_mut(part) {
                *slot = state;
            }
            combined(parts)
        };
        self.inbox.feed_state(FeedId::Watch(kind), told);
    }
}

/// The worst of them; while they sync, with the rows of all.
fn combined(parts: &[Freshness]) -> Freshness {
    let worst = parts.iter().max_by_key(|f| f.rank()).cloned().unwrap_or_default();
    if let Freshness::Syncing { .. } = worst {
        let rows = parts
            .iter()
            .map(|p| if let Freshness::Syncing { rows } = p { *rows } else { 0 });
        return Freshness::Syncing { rows: rows.sum() };
    }
    worst
}

struct FeedOut {
    board: Arc<Board>,
    cluster: Cluster,
    kind: Kind,
    part: usize,
}

impl Out for FeedOut {
    fn change(&mut self, change: Change) {
        self.board.inbox.publish(change);
    }

    fn state(&mut self, state: Freshness) {
        if let Some((server, ours)) = self.cluster.meter().clock() {
            self.board.inbox.clock(server, ours);
        }
        self.board.set(self.kind, self.part, state);
    }
}
