//! Which kinds are watched now: those that somebody shows or judges, and no others.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connect::Cluster;
use crate::feed::Inbox;
use crate::model::{Kind, Scope};

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
    /// Watches what `demand` says, over `scope`, into `inbox`. Must be called within a tokio runtime.
    pub fn start(cluster: Cluster, scope: Scope, inbox: Inbox, demand: watch::Receiver<Demand>) -> Self {
        Self::start_with(cluster, scope, inbox, demand, Timing::default())
    }

    pub fn start_with(
        cluster: Cluster,
        scope: Scope,
        inbox: Inbox,
        demand: watch::Receiver<Demand>,
        timing: Timing,
    ) -> Self {
        let (wake, _woken) = watch::channel(0);
        let _ = (scope, inbox, demand, timing);
        Self {
            task: tokio::spawn(async {}),
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
