//! The world behind the demonstration API server: controllers, scheduler, kubelets and a scenario, on one clock.
//!
//! Everything happens in [`World::step`]: it takes what changed in the store, does what follows from it until nothing
//! more follows, then what is due by the clock. The same changes and times give the same world. Nothing is scanned while
//! nothing happens, so a world at rest costs nothing, however many pods it holds.

pub(crate) mod json;

mod acme;
mod budgets;
mod certificates;
mod daemonset;
mod deployment;
mod endpoints;
mod events;
mod garbage;
mod hpa;
mod jobs;
mod keda;
mod kubelet;
mod load;
mod logs;
mod nodes;
mod platform;
mod pods;
mod queue;
mod quota;
#[cfg(test)]
mod recorded;
mod replicaset;
mod revisions;
mod scenario;
mod schedule;
mod scheduler;
mod statefulset;

pub(crate) use load::is_load;
pub use platform::WorldPlatform;
pub use scenario::{Scenario, cortex};

use crate::sim::kube::resources::{DEPLOYMENTS, NODES, PODS};
use crate::sim::kube::{Change, ChangeEvent, Changes, Clock, Object, Resource, Status, Store, Writer};
use jiff::{SignedDuration, Timestamp};
use json::text;
use queue::{Queue, Timers};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Namespace; empty for cluster-wide kinds.
    pub ns: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// A key of its two parts.
    pub fn new(ns: &str, name: &str) -> Self {
        Self {
            ns: ns.to_owned(),
            name: name.to_owned(),
        }
    }

    fn of(object: &Value) -> Self {
        Self::new(text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    }

    fn of_object(object: &Object) -> Self {
        Self::new(&object.meta.namespace, &object.meta.name)
    }
}

/// A piece of work: bring this one thing to where it should be now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Work {
    Deployment(Key),
    ReplicaSet(Key),
    StatefulSet(Key),
    DaemonSet(Key),
    Job(Key),
    CronJob(Key),
    Hpa(Key),
    Keda(Key),
    Budgets(String),
    Endpoints(String),
    Quota(String),
    Schedule(Key),
    Pod(Key),
    Node(Key),
    Namespace(Key),
    Orphans(String),
    Expire(Key),
    Certificate(Key),
    Load,
}

/// The world. [`World::step`] moves it on.
pub struct World {
    store: Store,
    changes: Changes,
    /// The time of this step.
    now: Timestamp,
    queue: Queue,
    timers: Timers,
    rng: fastrand::Rng,
    events: events::Recorder,
    kubelet: kubelet::Kubelet,
    cluster: scheduler::Cluster,
    recommendations: HashMap<Key, Vec<(Timestamp, i64)>>,
    /// What reconciles the dependents of an owner, by the owner's uid.
    owners: HashMap<Box<str>, Work>,
    load: Option<load::Generator>,
    /// Signs certificates; made when the first is asked for.
    authority: Option<certificates::Authority>,
    /// Jobs that wait for the workers, where a live queue says so; else the scenario's load.
    waiting: Option<u64>,
    /// While a long history is made: what repeats by the clock repeats rarely.
    coarse: bool,
    scenario: Arc<Scenario>,
}

impl World {
    /// A world over a store. What is in the store already is taken over as it stands.
    pub fn new(store: Store, scenario: Arc<Scenario>) -> Self {
        let changes = store.subscribe();
        let now = store.clock().now();
        let mut world = Self {
            store,
            changes,
            now,
            queue: Queue::default(),
            timers: Timers::default(),
            rng: fastrand::Rng::with_seed(7),
            events: events::Recorder::default(),
            kubelet: kubelet::Kubelet::default(),
            cluster: scheduler::Cluster::default(),
            recommendations: HashMap::new(),
            owners: HashMap::new(),
            load: None,
            authority: None,
            waiting: None,
            coarse: false,
            scenario,
        };
        for r in crate::sim::kube::RESOURCES {
            for object in world.store.list(r, None) {
                world.notice(&ChangeEvent {
                    resource: r,
                    change: Change::Added,
                    object,
                    old: None,
                });
            }
        }
        world
    }

    /// The store that it works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The rules of its scenario.
    pub fn scenario(&self) -> Arc<Scenario> {
        self.scenario.clone()
    }

    /// How many jobs wait for `cortex-worker`: what KEDA's autoscaler goes by.
    pub fn set_waiting(&mut self, jobs: u64) {
        self.waiting = Some(jobs);
    }

    /// Waits until somebody has changed something (cancel-safe).
    pub async fn changed(&self) {
        self.changes.changed().await;
    }

    /// Does everything that is to be done at `now`. Returns when there is something to do next if nobody changes
    /// anything.
    pub fn step(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.now = now;
        loop {
            for event in self.changes.take() {
                self.notice(&event);
            }
            if let Some(work) = self.queue.pop().or_else(|| self.timers.due(now)) {
                self.perform(work);
            } else if self.changes.is_empty() {
                return self.timers.next();
            }
        }
    }

    /// Steps through a span of the (manual) clock, stopping at each time at which something is due.
    pub fn run_for(&mut self, clock: &Clock, span: SignedDuration) {
        let end = clock.now() + span;
        loop {
            let next = self.step(clock.now());
            let to = next.filter(|at| *at < end).unwrap_or(end).max(clock.now());
            let reached = clock.now() >= end;
            clock.advance(to.duration_since(clock.now()));
            if reached {
                return;
            }
        }
    }

    /// Steps until `done` is true of the store, at most for `limit`. Returns whether it became true.
    pub fn run_until(&mut self, clock: &Clock, limit: SignedDuration, done: impl Fn(&Store) -> bool) -> bool {
        let end = clock.now() + limit;
        loop {
            let next = self.step(clock.now());
            if done(&self.store) {
                return true;
            }
            let to = next.unwrap_or(end).max(clock.now());
            if to >= end {
                return false;
            }
            clock.advance(to.duration_since(clock.now()));
        }
    }

    /// What follows from a change.
    fn notice(&mut self, event: &ChangeEvent) {
        let meta = &event.object.meta;
        let key = Key::of_object(&event.object);
        let gone = event.change == Change::Deleted;
        let own = match event.resource.key {
            "pods" => return self.notice_pod(event, key),
            "deployments.apps" => Work::Deployment(key),
            "replicasets.apps" => Work::ReplicaSet(key),
            "statefulsets.apps" => Work::StatefulSet(key),
            "daemonsets.apps" => Work::DaemonSet(key),
            "jobs.batch" => Work::Job(key),
            "cronjobs.batch" => Work::CronJob(key),
            "horizontalpodautoscalers.autoscaling" => {
                if event.change == Change::Added {
                    self.queue.push(Work::Hpa(key));
                } else if let Some(name) = key.name.strip_prefix("keda-hpa-") {
                    self.queue.push(Work::Keda(Key::new(&key.ns, name)));
                }
                return;
            }
            "poddisruptionbudgets.policy" => return self.queue.push(Work::Budgets(key.ns)),
            "services" => return self.queue.push(Work::Endpoints(key.ns)),
            "resourcequotas" => return self.queue.push(Work::Quota(key.ns)),
            "namespaces" => return self.queue.push(Work::Namespace(key)),
            "certificates.cert-manager.io" | "scaledobjects.keda.sh" if gone => return,
            "scaledobjects.keda.sh" => return self.queue.push(Work::Keda(key)),
            "certificates.cert-manager.io" => return self.queue.push(Work::Certificate(key)),
            "nodes" => return self.notice_node(event, key),
            _ => return,
        };
        if let Some(owner) = meta.controller.as_ref().and_then(|uid| self.owners.get(uid)) {
            self.queue.push(owner.clone());
        }
        if gone {
            self.owners.remove(&meta.uid);
            self.queue.push(Work::Orphans(meta.uid.to_string()));
        } else {
            if event.change == Change::Added {
                self.owners.insert(meta.uid.clone(), own.clone());
                if load::is_load(&meta.namespace) {
                    return; // made complete; looked after from its first change on
                }
            }
            self.queue.push(own);
        }
    }

    fn notice_pod(&mut self, event: &ChangeEvent, key: Key) {
        let meta = &event.object.meta;
        self.cluster.account(event);
        // The load generator's changes are for those who watch, not for the controllers.
        if load::is_load(&key.ns) && event.change != Change::Deleted && !meta.deleting {
            return;
        }
        if let Some(owner) = meta.controller.as_ref().and_then(|uid| self.owners.get(uid)) {
            self.queue.push(owner.clone());
        }
        if !self.coarse {
            self.queue.push(Work::Budgets(key.ns.clone()));
            self.queue.push(Work::Quota(key.ns.clone()));
            self.queue.push(Work::Endpoints(key.ns.clone()));
        }
        if event.change == Change::Deleted {
            self.kubelet.forget(&meta.uid);
            self.retry_pending();
        } else if meta.node_name.is_none() && !meta.deleting {
            self.queue.push(Work::Schedule(key));
        } else {
            self.queue.push(Work::Pod(key));
        }
    }

    fn notice_node(&mut self, event: &ChangeEvent, key: Key) {
        let scheduling = |o: &Object| {
            let v = o.value();
            (
                v.get("spec").cloned(),
                nodes::is_ready(&v),
                v.pointer("/metadata/labels").cloned(),
            )
        };
        // Heartbeats change nothing for the others.
        let matters = event.change != Change::Modified
            || event
                .old
                .as_ref()
                .is_none_or(|old| scheduling(old) != scheduling(&event.object));
        if event.change == Change::Added {
            self.queue.push(Work::Node(key));
        }
        if matters {
            self.cluster.stale = true;
            self.retry_pending();
            for ds in self.store.list(&crate::sim::kube::resources::DAEMONSETS, None) {
                self.queue.push(Work::DaemonSet(Key::of_object(&ds)));
            }
        }
    }

    fn retry_pending(&mut self) {
        for key in std::mem::take(&mut self.cluster.pending) {
            self.queue.push(Work::Schedule(key));
        }
    }

    fn perform(&mut self, work: Work) {
        match work {
            Work::Deployment(key) => deployment::sync(self, &key),
            Work::ReplicaSet(key) => replicaset::sync(self, &key),
            Work::StatefulSet(key) => statefulset::sync(self, &key),
            Work::DaemonSet(key) => daemonset::sync(self, &key),
            Work::Job(key) => jobs::sync(self, &key),
            Work::CronJob(key) => jobs::sync_cron(self, &key),
            Work::Hpa(key) => hpa::sync(self, &key),
            Work::Keda(key) => keda::sync(self, &key),
            Work::Budgets(ns) => budgets::sync(self, &ns),
            Work::Quota(ns) => quota::sync(self, &ns),
            Work::Endpoints(ns) => endpoints::sync(self, &ns),
            Work::Schedule(key) => scheduler::schedule(self, &key),
            Work::Pod(key) => kubelet::sync(self, &key),
            Work::Node(key) => nodes::heartbeat(self, &key),
            Work::Namespace(key) => garbage::end_namespace(self, &key),
            Work::Orphans(uid) => garbage::collect(self, &uid),
            Work::Expire(key) => events::expire(self, &key),
            Work::Certificate(key) => certificates::sync(self, &key),
            Work::Load => load::tick(self),
        }
    }

    fn at(&mut self, at: Timestamp, work: Work) {
        self.timers.set(at, work);
    }

    fn get(&self, r: &'static Resource, key: &Key) -> Option<Value> {
        self.store.get(r, &key.ns, &key.name).map(|o| o.value())
    }

    fn owned(&self, r: &'static Resource, uid: &str) -> Vec<Value> {
        self.store.by_owner(r, uid).iter().map(|o| o.value()).collect()
    }

    fn list(&self, r: &'static Resource, ns: Option<&str>) -> Vec<Value> {
        self.store.list(r, ns).iter().map(|o| o.value()).collect()
    }

    fn create(&mut self, r: &'static Resource, value: Value) -> Result<Value, Status> {
        self.store
            .create(r, value, &Writer::new(CONTROLLERS))
            .map(|o| o.value())
    }

    /// Edits an object as a controller does. `None` when it is gone or refused: the next change brings it up again.
    fn edit(&mut self, r: &'static Resource, key: &Key, f: impl FnOnce(&mut Value)) -> Option<Value> {
        self.store
            .update(r, &key.ns, &key.name, &Writer::new(CONTROLLERS), f)
            .ok()
            .map(|o| o.value())
    }

    fn edit_status(&mut self, r: &'static Resource, key: &Key, f: impl FnOnce(&mut Value)) -> Option<Value> {
        self.edit_status_as(CONTROLLERS, r, key, f)
    }

    fn edit_status_as(
        &mut self,
        manager: &str,
        r: &'static Resource,
        key: &Key,
        f: impl FnOnce(&mut Value),
    ) -> Option<Value> {
        self.store
            .update_status(r, &key.ns, &key.name, &Writer::new(manager), f)
            .ok()
            .map(|o| o.value())
    }

    fn remove(&mut self, r: &'static Resource, key: &Key) {
        // Gone already is as good.
        let _ = self.store.delete(r, &key.ns, &key.name, &Writer::new(CONTROLLERS));
    }

    /// Writes an event about an object, or counts up the same one.
    fn event(&mut self, about: &Value, kind: &str, reason: &str, message: &str, component: &str) {
        events::record(
            self,
            &events::Note {
                about,
                kind,
                reason,
                message,
                component,
                host: "",
                field: "",
            },
        );
    }
}

const CONTROLLERS: &str = "kube-controller-manager";

/// How many pods and nodes there are, and Deployments: for a log line at start.
pub fn census(store: &Store) -> (usize, usize, usize) {
    (store.count(&NODES), store.count(&DEPLOYMENTS), store.count(&PODS))
}
