//! How news reaches the owner of the [`World`]: per object, the latest row or its removal.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Budget, CronJob, Event, FeedId, Freshness, Hpa, Job, Key, Kind, Meta, Node, Pod, Quota, Revision, Source, SourceId,
    Usage, Workload,
};

/// One object's latest row, or `None` when it is gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Pod(Key, Option<Arc<Pod>>),
    /// Deployment, StatefulSet or DaemonSet.
    Workload(Kind, Key, Option<Arc<Workload>>),
    /// ReplicaSet or ControllerRevision.
    Revision(Kind, Key, Option<Arc<Revision>>),
    Hpa(Key, Option<Arc<Hpa>>),
    Budget(Key, Option<Arc<Budget>>),
    Event(Key, Option<Arc<Event>>),
    Node(Key, Option<Arc<Node>>),
    Quota(Key, Option<Arc<Quota>>),
    Job(Key, Option<Arc<Job>>),
    CronJob(Key, Option<Arc<CronJob>>),
    Namespace(Key, Option<Arc<Meta>>),
}

/// What arrived since the last one was taken: at most one change an object. Usage tables are whole.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub changes: Vec<Change>,
    pub feeds: Vec<(FeedId, Freshness)>,
    /// Sources that were polled, each whole.
    pub sources: Vec<(SourceId, Source)>,
    /// How well sources are reached.
    pub reach: Vec<(SourceId, Freshness)>,
    pub pod_usage: Option<Vec<(Key, Usage)>>,
    pub node_usage: Option<Vec<(Key, Usage)>>,
    /// The server's clock (its `Date` header) when it was last heard, and our clock at that moment.
    pub clock: Option<(Timestamp, Timestamp)>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.feeds.is_empty()
            && self.sources.is_empty()
            && self.reach.is_empty()
            && self.pod_usage.is_none()
            && self.node_usage.is_none()
            && self.clock.is_none()
    }
}
