//! Deployments, StatefulSets and DaemonSets in one shape, and their revisions.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Kind, Meta, Selector, Str};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    pub name: Str,
    pub image: Str,
    pub init: bool,
}

/// A queue that a pod template names, by its name or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMention {
    pub queue: Str,
    /// `the variable QUEUE_NAME`, `the argument --queue`.
    pub place: Str,
}

/// A condition of a status, with the server's own times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: Str,
    /// `True`, `False`, `Unknown`.
    pub status: Str,
    pub reason: Str,
    pub message: Str,
    /// `lastTransitionTime`.
    pub since: Option<Timestamp>,
    /// `lastUpdateTime` (Deployments only).
    pub updated: Option<Timestamp>,
}

impl Condition {
    pub fn is(&self, kind: &str, status: &str) -> bool {
        &*self.kind == kind && &*self.status == status
    }
}

/// `maxSurge` and `maxUnavailable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOrPercent {
    Int(u32),
    Percent(u32),
}

impl IntOrPercent {
    /// Of `total`; `up` rounds up (surge), else down (unavailable): `ResolveFenceposts` of the deployment controller.
    pub fn of(self, total: u32, up: bool) -> u32 {
        match self {
            Self::Int(n) => n,
            Self::Percent(p) if up => (u64::from(total) * u64::from(p)).div_ceil(100) as u32,
            Self::Percent(p) => (u64::from(total) * u64::from(p) / 100) as u32,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Deployment and DaemonSet.
    Rolling {
        max_surge: IntOrPercent,
        max_unavailable: IntOrPercent,
    },
    /// StatefulSet: only ordinals ≥ `partition` are updated.
    Ordered {
        partition: u32,
    },
    Recreate,
    OnDelete,
}

/// Who will undo a change by hand: what holds the desired state elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Steward {
    ArgoCd {
        app: String,
    },
    FluxKustomization {
        name: String,
    },
    FluxHelmRelease {
        name: String,
    },
    Helm {
        release: String,
    },
    /// A controller owner reference to a custom kind.
    Operator {
        kind: String,
        name: String,
    },
    KubectlApply,
}

impl Steward {
    /// One short badge.
    pub fn badge(&self) -> &'static str {
        match self {
            Self::ArgoCd { .. } => "argo",
            Self::FluxKustomization { .. } | Self::FluxHelmRelease { .. } => "flux",
            Self::Helm { .. } => "helm",
            Self::Operator { .. } => "operator",
            Self::KubectlApply => "apply",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub meta: Meta,
    pub kind: Kind,
    /// `spec.replicas`, or `desiredNumberScheduled` of a DaemonSet.
    pub desired: u32,
    /// `status.replicas` (created, of any revision).
    pub replicas: u32,
    pub updated: u32,
    pub ready: u32,
    pub available: u32,
    pub generation: i64,
    pub observed: i64,
    pub paused: bool,
    pub strategy: Strategy,
    pub containers: Arc<[ContainerSpec]>,
    /// Queues that its pod template names.
    pub queues: Arc<[QueueMention]>,
    pub selector: Selector,
    /// Of its pod template: what a Service selects by.
    pub template_labels: Arc<[(Str, Str)]>,
    pub conditions: Arc<[Condition]>,
    /// Deployment: the `deployment.kubernetes.io/revision` annotation; else 0 (see [`super::World::revision_of`]).
    pub revision: u64,
    /// StatefulSet: `status.currentRevision` and `status.updateRevision` (ControllerRevision names).
    pub current_revision: Str,
    pub update_revision: Str,
    pub change_cause: Str,
    /// `progressDeadlineSeconds`; 600 where the kind has none.
    pub deadline_s: u32,
    pub steward: Option<Steward>,
    /// `kubectl.kubernetes.io/restartedAt` of the template.
    pub restarted_at: Str,
}

impl Workload {
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }

    /// The image of the first main container.
    pub fn image(&self) -> &str {
        self.containers.iter().find(|c| !c.init).map_or("", |c| &c.image)
    }
}

/// A revision of a workload: a ReplicaSet of a Deployment, or a ControllerRevision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub meta: Meta,
    /// `Kind::ReplicaSet` or `Kind::ControllerRevision`.
    pub kind: Kind,
    pub number: u64,
    pub images: Arc<[ContainerSpec]>,
    pub change_cause: Str,
    /// `pod-template-hash` of a ReplicaSet; the name's hash part of a ControllerRevision.
    pub hash: Str,
    /// Pods wanted and ready of this revision (ReplicaSets only).
    pub desired: u32,
    pub ready: u32,
}
