//! Small worlds for the tests of the rules.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Judge, Signal, Thresholds};
use crate::model::{
    Batch, Budget, Change, Condition, Container, ContainerRole, ContainerSpec, ContainerState, CronJob, Ended, FeedId,
    Freshness, Hpa, HpaMetric, IntOrPercent, Job, Kind, Meta, Node, Owner, Phase, Pod, Quota, QuotaItem, Revision,
    Selector, Strategy, Workload, World,
};

/// The moment of the tests.
pub(super) fn t0() -> Timestamp {
    "2026-11-01T14:00:00Z".parse().unwrap()
}

/// Minutes before [`t0`].
pub(super) fn ago(minutes: i64) -> Timestamp {
    t0() - SignedDuration::from_mins(minutes)
}

pub(super) fn secs(s: i64) -> SignedDuration {
    SignedDuration::from_secs(s)
}

pub(super) fn meta(name: &str, created: Timestamp) -> Meta {
    Meta {
        namespace: "shop".into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
        created,
        deleting: None,
        owner: None,
        labels: Arc::new([]),
    }
}

pub(super) fn owned(mut meta: Meta, kind: &str, name: &str) -> Meta {
    meta.owner = Some(Owner {
        kind: kind.into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
    });
    meta
}

pub(super) fn condition(kind: &str, status: &str, reason: &str, since: Timestamp) -> Condition {
    Condition {
        kind: kind.into(),
        status: status.into(),
        reason: reason.into(),
        message: "".into(),
        since: Some(since),
        updated: Some(since),
    }
}

pub(super) fn ended(reason: &str, exit_code: i32, finished: Timestamp) -> Ended {
    Ended {
        reason: reason.into(),
        exit_code,
        signal: 0,
        finished: Some(finished),
    }
}

pub(super) fn waiting(reason: &str) -> ContainerState {
    ContainerState::Waiting {
        reason: reason.into(),
        message: "".into(),
    }
}

/// A pod of ReplicaSet `rs`, three hours old and well.
pub(super) fn pod(name: &str, rs: &str) -> Pod {
    Pod {
        meta: owned(meta(name, ago(180)), "ReplicaSet", rs),
        node: "n1".into(),
        phase: Phase::Running,
        status: "Running".into(),
        ready: 1,
        total: 1,
        restarts: 0,
        last_restart: None,
        containers: Arc::new([Container {
            name: "app".into(),
            image: "registry.lab/app:1".into(),
            role: ContainerRole::Main,
            ready: true,
            restarts: 0,
            state: ContainerState::Running { since: Some(ago(180)) },
            last: None,
        }]),
        is_ready: true,
        ready_since: Some(ago(180)),
        unschedulable: None,
        revision_hash: rs.rsplit('-').next().unwrap().into(),
        ip: "10.0.0.1".into(),
        qos: "Burstable".into(),
        service_account: "default".into(),
        message: "".into(),
    }
}

/// The same pod with its one container in this state, not ready since then.
pub(super) fn broken(mut pod: Pod, state: ContainerState, last: Option<Ended>, restarts: u32, since: Timestamp) -> Pod {
    let mut container = pod.containers[0].clone();
    container.ready = false;
    container.restarts = restarts;
    container.state = state;
    pod.last_restart = last.as_ref().and_then(|l| l.finished);
    container.last = last;
    pod.containers = Arc::new([container]);
    pod.restarts = restarts;
    pod.is_ready = false;
    pod.ready = 0;
    pod.ready_since = Some(since);
    pod
}

pub(super) fn crashing(name: &str, rs: &str, reason: &str, restarts: u32, last: Timestamp) -> Pod {
    let end = ended(reason, if reason == "OOMKilled" { 137 } else { 1 }, last);
    broken(pod(name, rs), waiting("CrashLoopBackOff"), Some(end), restarts, ago(6))
}

pub(super) fn no_image(name: &str, rs: &str, created: Timestamp) -> Pod {
    let mut pod = broken(pod(name, rs), waiting("ImagePullBackOff"), None, 0, created);
    pod.meta.created = created;
    pod.phase = Phase::Pending;
    pod
}

/// A Deployment with one ReplicaSet `NAME-a` (revision 1), all well.
pub(super) fn deployment(name: &str, replicas: u32) -> Workload {
    Workload {
        meta: meta(name, ago(600)),
        kind: Kind::Deployment,
        desired: replicas,
        replicas,
        updated: replicas,
        ready: replicas,
        available: replicas,
        generation: 1,
        observed: 1,
        paused: false,
        strategy: Strategy::Rolling {
            max_surge: IntOrPercent::Percent(25),
            max_unavailable: IntOrPercent::Percent(25),
        },
        containers: Arc::new([ContainerSpec {
            name: "app".into(),
            image: "registry.lab/app:1".into(),
            init: false,
        }]),
        queues: Arc::new([]),
        selector: Selector::default(),
        conditions: Arc::new([]),
        revision: 1,
        current_revision: "".into(),
        update_revision: "".into(),
        change_cause: "".into(),
        deadline_s: 600,
        steward: None,
        restarted_at: "".into(),
        template_labels: Arc::new([]),
    }
}

pub(super) fn revision(of: &str, letter: &str, number: u64) -> Revision {
    Revision {
        meta: owned(meta(&format!("{of}-{letter}"), ago(600)), "Deployment", of),
        kind: Kind::ReplicaSet,
        number,
        images: Arc::new([]),
        change_cause: "".into(),
        hash: letter.into(),
        desired: 1,
        ready: 1,
    }
}

/// A world, its judge and a clock.
pub(super) struct Bench {
    pub world: World,
    pub judge: Judge,
    pub now: Timestamp,
}

impl Bench {
    pub fn new() -> Self {
        let mut bench = Self {
            world: World::default(),
            judge: Judge::new(Thresholds::default()),
            now: t0(),
        };
        for kind in Kind::ALL {
            bench.feed(kind, Freshness::Fresh);
        }
        bench
    }

    pub fn apply(&mut self, change: Change) -> &mut Self {
        self.world.apply(Batch {
            changes: vec![change],
            ..Batch::default()
        });
        self
    }

    pub fn pod(&mut self, pod: Pod) -> &mut Self {
        self.apply(Change::Pod(pod.meta.key(), Some(Arc::new(pod))))
    }

    pub fn deployment(&mut self, workload: Workload) -> &mut Self {
        self.apply(Change::Workload(
            Kind::Deployment,
            workload.meta.key(),
            Some(Arc::new(workload)),
        ))
    }

    pub fn revision(&mut self, revision: Revision) -> &mut Self {
        self.apply(Change::Revision(
            Kind::ReplicaSet,
            revision.meta.key(),
            Some(Arc::new(revision)),
        ))
    }

    pub fn feed(&mut self, kind: Kind, state: Freshness) -> &mut Self {
        self.world.apply(Batch {
            feeds: vec![(FeedId::Watch(kind), state)],
            ..Batch::default()
        });
        self
    }

    /// A Deployment `web` of this many pods, all well: `web-a-0`, `web-a-1`, …
    pub fn web(&mut self, replicas: u32) -> &mut Self {
        self.deployment(deployment("web", replicas))
            .revision(revision("web", "a", 1));
        for i in 0..replicas {
            self.pod(pod(&format!("web-a-{i}"), "web-a"));
        }
        self
    }

    /// Looks, and gives each signal as `severity id: sentence`.
    pub fn look(&mut self) -> Vec<String> {
        self.judge.update(&self.world, self.now);
        let line = |s: &Signal| format!("{} {}: {}", s.severity.word(), s.id, s.line(self.now));
        self.judge.signals().iter().map(line).collect()
    }

    /// The same, this many seconds later.
    pub fn later(&mut self, seconds: i64) -> Vec<String> {
        self.now += secs(seconds);
        self.look()
    }
}

pub(super) fn node(ready: bool, condition: Condition) -> Change {
    let mut meta = meta("n1", ago(9000));
    meta.namespace = "".into();
    let node = Node {
        meta,
        ready,
        cordoned: false,
        conditions: Arc::new([condition]),
        version: "v1.36.0".into(),
        roles: "".into(),
        cpu_m: 4000,
        memory: 1 << 34,
    };
    Change::Node(node.meta.key(), Some(Arc::new(node)))
}

pub(super) fn hpa(current: u32, metric: f64, conditions: Vec<Condition>) -> Change {
    let hpa = Hpa {
        meta: meta("web-hpa", ago(600)),
        target_kind: Some(Kind::Deployment),
        target_name: "web".into(),
        min: 2,
        max: 8,
        current,
        desired: current,
        metrics: Arc::new([HpaMetric {
            name: "cpu".into(),
            current: Some(metric),
            target: 70.0,
            labels: Arc::new([]),
        }]),
        conditions: conditions.into(),
        keda: None,
    };
    Change::Hpa(hpa.meta.key(), Some(Arc::new(hpa)))
}

pub(super) fn quota(used: f64) -> Change {
    let item = |resource: &str, used: f64| QuotaItem {
        resource: resource.into(),
        used,
        hard: 4.0,
        used_text: used.to_string().into(),
        hard_text: "4".into(),
    };
    let quota = Quota {
        meta: meta("shop", ago(600)),
        items: Arc::new([item("requests.cpu", used), item("pods", 1.0)]),
    };
    Change::Quota(quota.meta.key(), Some(Arc::new(quota)))
}

pub(super) fn budget(allowed: i32, healthy: i32) -> Change {
    let budget = Budget {
        meta: meta("web", ago(600)),
        selector: Selector::default(),
        allowed,
        healthy,
        desired: 2,
        expected: 2,
        rule: "minAvailable: 2".into(),
        observed: true,
    };
    Change::Budget(budget.meta.key(), Some(Arc::new(budget)))
}

pub(super) fn job(name: &str, started: i64, failed: bool) -> Job {
    Job {
        meta: meta(name, ago(started)),
        completions: 1,
        active: 0,
        succeeded: u32::from(!failed),
        failed: u32::from(failed),
        started: Some(ago(started)),
        completed: (!failed).then(|| ago(started - 1)),
        failure: failed.then(|| (Some(ago(started - 1)), "BackoffLimitExceeded".into())),
    }
}

pub(super) fn cron(name: &str, last_success: i64) -> Change {
    let cron = CronJob {
        meta: meta(name, ago(100_000)),
        schedule: "0 3 * * *".into(),
        suspended: false,
        active: 0,
        last_scheduled: Some(ago(60)),
        last_success: Some(ago(last_success)),
    };
    Change::CronJob(cron.meta.key(), Some(Arc::new(cron)))
}

pub(super) fn put_job(job: Job) -> Change {
    Change::Job(job.meta.key(), Some(Arc::new(job)))
}

pub(super) fn pending(name: &str, created: i64) -> Pod {
    let mut pod = broken(pod(name, "web-a"), waiting("ContainerCreating"), None, 0, ago(created));
    pod.meta.created = ago(created);
    pod.phase = Phase::Pending;
    pod.unschedulable = Some((
        "0/3 nodes are available: 3 Insufficient cpu.".into(),
        Some(ago(created)),
    ));
    pod
}
