//! Names: what kind of object, which one, and who owns it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Shared text. Namespaces, nodes, images and owners repeat thousands of times; feeds intern them.
pub type Str = Arc<str>;

/// The server's `metadata.uid`, as text.
pub type Uid = Arc<str>;

/// Serialises shared text as a plain string (serde's `rc` feature would do the same for every crate in the build).
pub mod text {
    use super::Str;

    pub fn serialize<S: serde::Serializer>(text: &Str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Str, D::Error> {
        <String as serde::Deserialize>::deserialize(from).map(Into::into)
    }
}

/// The kinds that the console watches or changes. The last ones are only changed: nobody watches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ControllerRevision,
    Hpa,
    Pdb,
    Event,
    Node,
    Quota,
    Job,
    CronJob,
    Namespace,
    ConfigMap,
    Secret,
    Service,
    Ingress,
    /// KEDA's: what an HPA of KEDA is made from. A cluster may not know it.
    ScaledObject,
}

impl Kind {
    /// Every kind that is watched, in the order in which feeds start.
    pub const ALL: [Self; 14] = [
        Self::Pod,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::ControllerRevision,
        Self::Hpa,
        Self::Pdb,
        Self::Event,
        Self::Node,
        Self::Quota,
        Self::Job,
        Self::CronJob,
        Self::Namespace,
    ];

    /// The kinds that are read when somebody is about to change one, and never watched.
    pub const UNWATCHED: [Self; 4] = [Self::ConfigMap, Self::Secret, Self::Service, Self::Ingress];

    /// The kinds that roll out a pod template.
    pub const WORKLOADS: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// API group; empty for core.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Pod
            | Self::Event
            | Self::Node
            | Self::Quota
            | Self::Namespace
            | Self::ConfigMap
            | Self::Secret
            | Self::Service => "",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet | Self::ControllerRevision => {
                "apps"
            }
            Self::Hpa => "autoscaling",
            Self::Pdb => "policy",
            Self::Job | Self::CronJob => "batch",
            Self::Ingress => "networking.k8s.io",
            Self::ScaledObject => "keda.sh",
        }
    }

    /// API version within the group, the one that the console speaks.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Hpa => "v2",
            Self::ScaledObject => "v1alpha1",
            _ => "v1",
        }
    }

    /// Plural name in URLs and in RBAC rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::ReplicaSet => "replicasets",
            Self::ControllerRevision => "controllerrevisions",
            Self::Hpa => "horizontalpodautoscalers",
            Self::Pdb => "poddisruptionbudgets",
            Self::Event => "events",
            Self::Node => "nodes",
            Self::Quota => "resourcequotas",
            Self::Job => "jobs",
            Self::CronJob => "cronjobs",
            Self::Namespace => "namespaces",
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
            Self::Service => "services",
            Self::Ingress => "ingresses",
            Self::ScaledObject => "scaledobjects",
        }
    }

    /// `kind` as the API writes it.
    pub const fn api(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ControllerRevision => "ControllerRevision",
            Self::Hpa => "HorizontalPodAutoscaler",
            Self::Pdb => "PodDisruptionBudget",
            Self::Event => "Event",
            Self::Node => "Node",
            Self::Quota => "ResourceQuota",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Namespace => "Namespace",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::ScaledObject => "ScaledObject",
        }
    }

    /// The short word people use: in sentences and in kubectl lines (`deploy/web`).
    pub const fn short(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Deployment => "deploy",
            Self::StatefulSet => "sts",
            Self::DaemonSet => "ds",
            Self::ReplicaSet => "rs",
            Self::ControllerRevision => "controllerrevision",
            Self::Hpa => "hpa",
            Self::Pdb => "pdb",
            Self::Event => "event",
            Self::Node => "node",
            Self::Quota => "quota",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Namespace => "namespace",
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
            Self::Service => "svc",
            Self::Ingress => "ingress",
            Self::ScaledObject => "scaledobject",
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub const fn namespaced(self) -> bool {
        !matches!(self, Self::Node | Self::Namespace)
    }

    /// Of a word that people use: `deploy`, `Deployment`, `deployment`.
    pub fn named(word: &str) -> Option<Self> {
        let fits = |kind: &Self| kind.api().eq_ignore_ascii_case(word) || kind.short() == word;
        Self::ALL.into_iter().chain(Self::UNWATCHED).find(fits)
    }

    /// From the API's `kind`, for owner references and scale targets; of those that are watched.
    pub fn from_api(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.api() == kind)
    }
}

/// Where an object stands in its table: by namespace, then name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    #[serde(with = "text")]
    pub namespace: Str,
    #[serde(with = "text")]
    pub name: Str,
}

impl Key {
    pub fn new(namespace: impl Into<Str>, name: impl Into<Str>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// One object, for good: a name that was taken again by another object has another uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    pub kind: Kind,
    #[serde(with = "text")]
    pub namespace: Str,
    #[serde(with = "text")]
    pub name: Str,
    #[serde(with = "text")]
    pub uid: Uid,
}

impl ObjectRef {
    pub fn key(&self) -> Key {
        Key {
            namespace: Arc::clone(&self.namespace),
            name: Arc::clone(&self.name),
        }
    }

    /// `deploy/web`, as kubectl takes it.
    pub fn slash(&self) -> String {
        format!("{}/{}", self.kind.short(), self.name)
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.api().to_lowercase(), self.key())
    }
}

/// The controller of an object (`ownerReferences` with `controller: true`). `kind` is text: it may be a custom kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub kind: Str,
    pub name: Str,
    pub uid: Uid,
}

/// What every object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub namespace: Str,
    pub name: Str,
    pub uid: Uid,
    pub created: Timestamp,
    /// Set while the object is being deleted.
    pub deleting: Option<Timestamp>,
    pub owner: Option<Owner>,
    /// Sorted by key.
    pub labels: Arc<[(Str, Str)]>,
}

impl Meta {
    pub fn key(&self) -> Key {
        Key {
            namespace: Arc::clone(&self.namespace),
            name: Arc::clone(&self.name),
        }
    }

    pub fn object(&self, kind: Kind) -> ObjectRef {
        ObjectRef {
            kind,
            namespace: Arc::clone(&self.namespace),
            name: Arc::clone(&self.name),
            uid: Arc::clone(&self.uid),
        }
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }
}
