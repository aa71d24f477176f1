//! The rows of one platform.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    Batch, Budget, Change, CronJob, Event, FeedId, Freshness, Hpa, Job, Key, Kind, Meta, Node, ObjectRef, Pod, Quota,
    Revision, Source, Sources, Usage, WorkedBy, Workload, worked_by,
};

/// Objects of one kind by namespace and name.
pub type Table<T> = BTreeMap<Key, Arc<T>>;

/// Which namespaces are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// One or several; never empty.
    Namespaces(Vec<String>),
}

impl Scope {
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(list) => list.iter().any(|n| n == namespace),
        }
    }

    /// `cortex`, `cortex +2`, `all namespaces`.
    pub fn label(&self) -> String {
        match self {
            Self::All => "all namespaces".to_owned(),
            Self::Namespaces(list) => match list.as_slice() {
                [] => String::new(),
                [one] => one.clone(),
                [first, rest @ ..] => format!("{first} +{}", rest.len()),
            },
        }
    }
}

/// Where we are: which platform, reached how. Everything that asks "where?" shows this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The platform's name from the configuration, or the context's.
    pub platform: String,
    pub context: String,
    /// Host and port of the API server.
    pub server: String,
    pub scope: Scope,
}

impl Place {
    /// Whether both are the same cluster with the same rights, whatever namespaces are looked at; and the same
    /// platform, for sources of the same name beside it are others on another one.
    pub fn is_same_cluster(&self, other: &Self) -> bool {
        (&self.context, &self.server, &self.platform) == (&other.context, &other.server, &other.platform)
    }
}

/// What is known of one platform now.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub pods: Table<Pod>,
    pub deployments: Table<Workload>,
    pub stateful_sets: Table<Workload>,
    pub daemon_sets: Table<Workload>,
    pub replica_sets: Table<Revision>,
    pub controller_revisions: Table<Revision>,
    pub hpas: Table<Hpa>,
    pub budgets: Table<Budget>,
    pub events: Table<Event>,
    pub nodes: Table<Node>,
    pub quotas: Table<Quota>,
    pub jobs: Table<Job>,
    pub cron_jobs: Table<CronJob>,
    pub namespaces: Table<Meta>,
    pub pod_usage: HashMap<Key, Usage>,
    pub node_usage: HashMap<Key, Usage>,
    /// Databases, Redis, queues and the rest.
    pub sources: Sources,
    /// Who works which queue, by set and queue; found anew whenever queues were read.
    pub(super) queue_workers: worked_by::Workers,
    pub feeds: BTreeMap<FeedId, Freshness>,
    /// Server time minus ours.
    pub skew: SignedDuration,
    /// Pods by the uid of their direct owner.
    by_owner: HashMap<Arc<str>, Vec<Key>>,
    /// Counts up with every reading of what pods use.
    pub usage_version: u64,
    /// What became of pods since it was last taken; `None` when that is too much to say, or nobody asked yet.
    pod_news: Option<PodNews>,
    /// Pods that came, changed or went, by the version with which they did: the latest, all of them after `logged_from`.
    pod_log: VecDeque<(u64, Key)>,
    logged_from: u64,
    /// Counts up with every change: who caches what follows from a table compares it.
    pub version: u64,
}

/// Pods that changed: as each was when somebody last looked, and as it is.
pub type PodNews = BTreeMap<Key, (Option<Arc<Pod>>, Option<Arc<Pod>>)>;

/// With more than so many changes, reading the whole table again is as quick.
const MOST_NEWS: usize = 4096;

fn put<T>(table: &mut Table<T>, key: Key, row: Option<Arc<T>>) {
    match row {
        Some(row) => {
            table.insert(key, row);
        }
        None => {
            table.remove(&key);
        }
    }
}

impl World {
    /// Takes in what arrived. The only way a `World` changes.
    pub fn apply(&mut self, batch: Batch) {
        self.version += 1;
        let rescaled = batch.changes.iter().any(|c| matches!(c, Change::Hpa(..)));
        for change in batch.changes {
            match change {
                Change::Pod(key, row) => self.put_pod(key, row),
                Change::Workload(kind, key, row) => match kind {
                    Kind::StatefulSet => put(&mut self.stateful_sets, key, row),
                    Kind::DaemonSet => put(&mut self.daemon_sets, key, row),
                    _ => put(&mut self.deployments, key, row),
                },
                Change::Revision(Kind::ReplicaSet, key, row) => {
                    let before = self.replica_sets.get(&key).cloned();
                    self.tell_of_owned(before.as_ref().map(|r| &r.meta), row.as_ref().map(|r| &r.meta));
                    put(&mut self.replica_sets, key, row);
                }
                Change::Revision(_, key, row) => put(&mut self.controller_revisions, key, row),
                Change::Hpa(key, row) => put(&mut self.hpas, key, row),
                Change::Budget(key, row) => put(&mut self.budgets, key, row),
                Change::Event(key, row) => put(&mut self.events, key, row),
                Change::Node(key, row) => put(&mut self.nodes, key, row),
                Change::Quota(key, row) => put(&mut self.quotas, key, row),
                Change::Job(key, row) => {
                    let before = self.jobs.get(&key).cloned();
                    self.tell_of_owned(before.as_ref().map(|j| &j.meta), row.as_ref().map(|j| &j.meta));
                    put(&mut self.jobs, key, row);
                }
                Change::CronJob(key, row) => put(&mut self.cron_jobs, key, row),
                Change::Namespace(key, row) => put(&mut self.namespaces, key, row),
            }
        }
        let queues = batch.sources.iter().any(|(_, s)| matches!(s, Source::Queues(_)));
        for (id, source) in batch.sources {
            self.sources.put(id, source);
        }
        if queues || rescaled && !self.sources.queues.is_empty() {
            self.queue_workers = worked_by::find(self);
        }
        self.sources.reach.extend(batch.reach);
        for (id, state) in batch.feeds {
            self.feeds.insert(id, state);
        }
        if let Some(usage) = batch.pod_usage {
            self.pod_usage = usage.into_iter().collect();
            self.usage_version += 1;
        }
        if let Some(usage) = batch.node_usage {
            self.node_usage = usage.into_iter().collect();
        }
        if let Some((server, ours)) = batch.clock {
            self.skew = server.duration_since(ours);
        }
    }

    /// What became of pods since this was last asked; `None`: look at all of them.
    pub fn take_pod_news(&mut self) -> Option<PodNews> {
        self.pod_news.replace(PodNews::new())
    }

    /// Pods that came, changed or went after a version, some of them more than once; `None`: look at all of them.
    pub fn pods_since(&self, version: u64) -> Option<impl Iterator<Item = &Key>> {
        let known = version >= self.logged_from && version <= self.version;
        let from = self.pod_log.partition_point(|(at, _)| *at <= version);
        known.then(|| self.pod_log.range(from..).map(|(_, key)| key))
    }

    /// A pod is this from now on.
    fn tell(&mut self, key: &Key, row: Option<&Arc<Pod>>) {
        let Some(news) = &mut self.pod_news else { return };
        let was = || (self.pods.get(key).cloned(), None);
        news.entry(key.clone()).or_insert_with(was).1 = row.cloned();
        if news.len() > MOST_NEWS {
            self.pod_news = None;
        }
    }

    /// The pods of a controller that came or went belong to another workload than before, though they are the same.
    fn tell_of_owned(&mut self, before: Option<&Meta>, after: Option<&Meta>) {
        let above = |meta: Option<&Meta>| meta.and_then(|m| m.owner.clone());
        let Some(meta) = after.or(before).filter(|_| above(before) != above(after)) else {
            return;
        };
        for key in self.by_owner.get(&meta.uid).cloned().unwrap_or_default() {
            let row = self.pods.get(&key).cloned();
            self.tell(&key, row.as_ref());
        }
    }

    fn put_pod(&mut self, key: Key, row: Option<Arc<Pod>>) {
        self.pod_log.push_back((self.version, key.clone()));
        if self.pod_log.len() > MOST_NEWS
            && let Some((version, _)) = self.pod_log.pop_front()
        {
            self.logged_from = version;
        }
        self.tell(&key, row.as_ref());
        let before = match row {
            Some(row) => {
                let owner = row.meta.owner.as_ref().map(|o| Arc::clone(&o.uid));
                let before = self.pods.insert(key.clone(), row);
                let same = before
                    .as_ref()
                    .is_some_and(|b| b.meta.owner.as_ref().map(|o| &o.uid) == owner.as_ref());
                if same {
                    return;
                }
                if let Some(uid) = owner {
                    self.by_owner.entry(uid).or_default().push(key.clone());
                }
                before
            }
            None => self.pods.remove(&key),
        };
        if let Some(owner) = before.and_then(|b| b.meta.owner.clone())
            && let Some(keys) = self.by_owner.get_mut(&owner.uid)
        {
            keys.retain(|k| *k != key);
            if keys.is_empty() {
                self.by_owner.remove(&owner.uid);
            }
        }
    }

    /// The table of a workload kind; `None` for other kinds.
    pub fn workloads_of(&self, kind: Kind) -> Option<&Table<Workload>> {
        match kind {
            Kind::Deployment => Some(&self.deployments),
            Kind::StatefulSet => Some(&self.stateful_sets),
            Kind::DaemonSet => Some(&self.daemon_sets),
            _ => None,
        }
    }

    /// All workloads: Deployments, then StatefulSets, then DaemonSets.
    pub fn workloads(&self) -> impl Iterator<Item = &Arc<Workload>> {
        self.deployments
            .values()
            .chain(self.stateful_sets.values())
            .chain(self.daemon_sets.values())
    }

    /// The workload that `object` names, if it is still the same object.
    pub fn workload(&self, object: &ObjectRef) -> Option<&Arc<Workload>> {
        self.workloads_of(object.kind)?
            .get(&object.key())
            .filter(|w| w.meta.uid == object.uid)
    }

    /// The pod that `object` names, if it is still the same object.
    pub fn pod(&self, object: &ObjectRef) -> Option<&Arc<Pod>> {
        self.pods.get(&object.key()).filter(|p| p.meta.uid == object.uid)
    }

    /// Pods whose controller is the object with this uid.
    pub fn pods_owned_by(&self, uid: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.by_owner
            .get(uid)
            .into_iter()
            .flatten()
            .filter_map(|k| self.pods.get(k))
    }

    /// All pods of a workload: directly, or through its ReplicaSets.
    pub fn pods_of<'a>(&'a self, workload: &'a Workload) -> Box<dyn Iterator<Item = &'a Arc<Pod>> + 'a> {
        if workload.kind == Kind::Deployment {
            Box::new(
                self.revisions_of(workload)
                    .flat_map(|r| self.pods_owned_by(&r.meta.uid)),
            )
        } else {
            Box::new(self.pods_owned_by(&workload.meta.uid))
        }
    }

    /// ReplicaSets or ControllerRevisions that the workload controls, in table order.
    pub fn revisions_of<'a>(&'a self, workload: &'a Workload) -> impl Iterator<Item = &'a Arc<Revision>> {
        let table = if workload.kind == Kind::Deployment {
            &self.replica_sets
        } else {
            &self.controller_revisions
        };
        let from = Key {
            namespace: Arc::clone(&workload.meta.namespace),
            name: Arc::clone(&workload.meta.name),
        };
        // Their names begin with the workload's: only that stretch of the table is walked.
        table
            .range(from..)
            .take_while(|(k, _)| k.namespace == workload.meta.namespace && k.name.starts_with(&*workload.meta.name))
            .map(|(_, r)| r)
            .filter(|r| r.meta.owner.as_ref().is_some_and(|o| o.uid == workload.meta.uid))
    }

    /// The newest revision by number.
    pub fn newest_revision<'a>(&'a self, workload: &'a Workload) -> Option<&'a Arc<Revision>> {
        self.revisions_of(workload).max_by_key(|r| r.number)
    }

    /// The revision number that the workload's template has.
    pub fn revision_of(&self, workload: &Workload) -> u64 {
        if workload.revision > 0 {
            workload.revision
        } else {
            self.newest_revision(workload).map_or(0, |r| r.number)
        }
    }

    /// The object at the top of a pod's chain of controllers: Deployment rather than ReplicaSet, CronJob rather than
    /// Job. `None` for a pod that nobody controls, or whose controller is of a kind that the console does not watch.
    pub fn top_owner(&self, pod: &Pod) -> Option<ObjectRef> {
        let owner = pod.meta.owner.as_ref()?;
        let key = Key {
            namespace: Arc::clone(&pod.meta.namespace),
            name: Arc::clone(&owner.name),
        };
        let direct = |kind: Kind| ObjectRef {
            kind,
            namespace: Arc::clone(&pod.meta.namespace),
            name: Arc::clone(&owner.name),
            uid: Arc::clone(&owner.uid),
        };
        let kind = Kind::from_api(&owner.kind)?;
        let above = match kind {
            Kind::ReplicaSet => self.replica_sets.get(&key).and_then(|r| r.meta.owner.as_ref()),
            Kind::Job => self.jobs.get(&key).and_then(|j| j.meta.owner.as_ref()),
            _ => None,
        };
        match above.and_then(|o| Some((Kind::from_api(&o.kind)?, o))) {
            Some((kind, o)) => Some(ObjectRef {
                kind,
                namespace: Arc::clone(&pod.meta.namespace),
                name: Arc::clone(&o.name),
                uid: Arc::clone(&o.uid),
            }),
            None => Some(direct(kind)),
        }
    }

    /// The autoscaler that targets the workload.
    pub fn hpa_of(&self, workload: &Workload) -> Option<&Arc<Hpa>> {
        self.hpas.values().find(|h| {
            h.meta.namespace == workload.meta.namespace
                && h.target_kind == Some(workload.kind)
                && h.target_name == workload.meta.name
        })
    }

    /// The workload that works a queue, and how that is known.
    pub fn worked_by(&self, set: &str, queue: &str) -> Option<&WorkedBy> {
        self.queue_workers.get(set)?.get(queue)
    }

    /// Disruption budgets that select the pod.
    pub fn budgets_of<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a Arc<Budget>> {
        self.budgets
            .values()
            .filter(|b| b.meta.namespace == pod.meta.namespace && b.selector.matches(&pod.meta.labels))
    }

    /// The server's time at our time `now`.
    pub fn server_now(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.skew).unwrap_or(now)
    }

    pub fn feed(&self, id: FeedId) -> &Freshness {
        self.feeds.get(&id).unwrap_or(&Freshness::Off)
    }

    /// The worst freshness of several kinds.
    pub fn worst_feed(&self, kinds: &[Kind]) -> &Freshness {
        kinds
            .iter()
            .map(|k| self.feed(FeedId::Watch(*k)))
            .max_by_key(|f| f.rank())
            .unwrap_or(&Freshness::Off)
    }
}
