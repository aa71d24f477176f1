//! Every action, with what it needs: for help, for `qd check`, and for the tests that walk all of them.

use super::plan::Risk;
use crate::model::SourceKind;

/// A right that an action needs, as RBAC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    pub verb: &'static str,
    /// Empty for core.
    pub group: &'static str,
    pub resource: &'static str,
    /// Empty when the resource itself is meant.
    pub subresource: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionInfo {
    /// As in [`super::Request::name`].
    pub name: &'static str,
    pub doc: &'static str,
    /// A plan may carry more risk, never less.
    pub risk_floor: Risk,
    /// The kind of source that it changes; `None`: the Kubernetes cluster.
    pub source: Option<SourceKind>,
    /// All that it may need; a plan asks for those of its own target.
    pub needs: &'static [Verb],
    /// What a source must allow: a line a right, as its administrator would write it.
    pub grants: &'static [&'static str],
}

const fn need(verb: &'static str, group: &'static str, resource: &'static str, subresource: &'static str) -> Verb {
    Verb {
        verb,
        group,
        resource,
        subresource,
    }
}

const PATCH_WORKLOADS: &[Verb] = &[
    need("patch", "apps", "deployments", ""),
    need("patch", "apps", "statefulsets", ""),
    need("patch", "apps", "daemonsets", ""),
];

const PATCH_DEPLOYMENT: &[Verb] = &[need("patch", "apps", "deployments", "")];

const BULL_ACL: &[&str] =
    &["ACL SETUSER qd +eval +zrem +hset +hdel +lpush +rpush +ltrim +rename +zadd +incr +del +xadd ~bull:*"];

/// What changes no server that the console knows of.
pub const LOCAL: &[ActionInfo] = &[ActionInfo {
    name: "run",
    doc: "Run a command of a runbook on this machine, where the policy allows it.",
    risk_floor: Risk::R2,
    source: None,
    needs: &[],
    grants: &[],
}];

pub const REGISTRY: &[ActionInfo] = &[
    ActionInfo {
        name: "scale",
        doc: "Set the number of pods of a Deployment, StatefulSet or ReplicaSet.",
        risk_floor: Risk::R1,
        source: None,
        needs: &[
            need("update", "apps", "deployments", "scale"),
            need("update", "apps", "statefulsets", "scale"),
            need("update", "apps", "replicasets", "scale"),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "hpa-bounds",
        doc: "Set the least and the most pods that an autoscaler may choose.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[
            need("patch", "autoscaling", "horizontalpodautoscalers", ""),
            // KEDA's are set where KEDA reads them.
            need("get", "keda.sh", "scaledobjects", ""),
            need("patch", "keda.sh", "scaledobjects", ""),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "restart",
        doc: "Replace all pods of a workload, a few at a time, as its strategy says.",
        risk_floor: Risk::R2,
        source: None,
        needs: PATCH_WORKLOADS,
        grants: &[],
    },
    ActionInfo {
        name: "roll-back",
        doc: "Go back to an explicit revision of one workload or of several.",
        risk_floor: Risk::R2,
        source: None,
        needs: PATCH_WORKLOADS,
        grants: &[],
    },
    ActionInfo {
        name: "set-image",
        doc: "Run another image in one container of a workload.",
        risk_floor: Risk::R2,
        source: None,
        needs: PATCH_WORKLOADS,
        grants: &[],
    },
    ActionInfo {
        name: "pause",
        doc: "Hold the rollout of a Deployment: changes of its template wait.",
        risk_floor: Risk::R1,
        source: None,
        needs: PATCH_DEPLOYMENT,
        grants: &[],
    },
    ActionInfo {
        name: "resume",
        doc: "Let the rollout of a Deployment go on, with all changes that waited.",
        risk_floor: Risk::R1,
        source: None,
        needs: PATCH_DEPLOYMENT,
        grants: &[],
    },
    ActionInfo {
        name: "delete-pod",
        doc: "Delete a pod without regard to disruption budgets.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("delete", "", "pods", "")],
        grants: &[],
    },
    ActionInfo {
        name: "evict-pod",
        doc: "Remove a pod if its disruption budgets allow.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("create", "", "pods", "eviction")],
        grants: &[],
    },
    ActionInfo {
        name: "set-resources",
        doc: "Set what a container of a workload asks for and may use (CPU, memory).",
        risk_floor: Risk::R2,
        source: None,
        needs: PATCH_WORKLOADS,
        grants: &[],
    },
    ActionInfo {
        name: "set-config",
        doc: "Set one key of a ConfigMap.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[
            need("get", "", "configmaps", ""),
            need("list", "", "configmaps", ""),
            need("patch", "", "configmaps", ""),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "unset-config",
        doc: "Take one key of a ConfigMap away again.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("get", "", "configmaps", ""), need("patch", "", "configmaps", "")],
        grants: &[],
    },
    ActionInfo {
        name: "cordon",
        doc: "Let the scheduler place no new pods on a node.",
        risk_floor: Risk::R1,
        source: None,
        needs: &[need("patch", "", "nodes", "")],
        grants: &[],
    },
    ActionInfo {
        name: "uncordon",
        doc: "Let the scheduler place pods on a node again.",
        risk_floor: Risk::R1,
        source: None,
        needs: &[need("patch", "", "nodes", "")],
        grants: &[],
    },
    ActionInfo {
        name: "drain",
        doc: "Cordon a node and evict its pods, one at a time, as their budgets allow.",
        risk_floor: Risk::R3,
        source: None,
        needs: &[need("patch", "", "nodes", ""), need("create", "", "pods", "eviction")],
        grants: &[],
    },
    ActionInfo {
        name: "create-job",
        doc: "Run a Job from a CronJob or from a template, and follow it to its end.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("create", "batch", "jobs", "")],
        grants: &[],
    },
    ActionInfo {
        name: "delete-job",
        doc: "Delete a Job and its pods.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("delete", "batch", "jobs", "")],
        grants: &[],
    },
    ActionInfo {
        name: "canary-weight",
        doc: "Set the share of requests that a canary Ingress of ingress-nginx takes.",
        risk_floor: Risk::R1,
        source: None,
        needs: &[
            need("get", "networking.k8s.io", "ingresses", ""),
            need("list", "networking.k8s.io", "ingresses", ""),
            need("patch", "networking.k8s.io", "ingresses", ""),
            need("get", "", "services", ""),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "switch-service",
        doc: "Switch a Service to the pods of other labels (blue and green).",
        risk_floor: Risk::R2,
        source: None,
        needs: &[
            need("get", "", "services", ""),
            need("list", "", "services", ""),
            need("patch", "", "services", ""),
            need("list", "discovery.k8s.io", "endpointslices", ""),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "rotate-secret",
        doc: "Give one key of a Secret another value, which is never shown.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[
            need("get", "", "secrets", ""),
            need("list", "", "secrets", ""),
            need("patch", "", "secrets", ""),
        ],
        grants: &[],
    },
    ActionInfo {
        name: "replace-tls",
        doc: "Replace certificate and key of a TLS Secret from two PEM files.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("get", "", "secrets", ""), need("patch", "", "secrets", "")],
        grants: &[],
    },
    ActionInfo {
        name: "restore-secret",
        doc: "Put back what a Secret held before, while this console runs.",
        risk_floor: Risk::R2,
        source: None,
        needs: &[need("get", "", "secrets", ""), need("patch", "", "secrets", "")],
        grants: &[],
    },
    ActionInfo {
        name: "vacuum",
        doc: "Vacuum a table of PostgreSQL, and analyze it.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_maintain TO <role>; -- 17 and newer; before that the tables' owner"],
    },
    ActionInfo {
        name: "vacuum-database",
        doc: "Vacuum and analyze every table of a database of PostgreSQL, one after the other.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_maintain TO <role>; -- 17 and newer; before that the tables' owner"],
    },
    ActionInfo {
        name: "analyze",
        doc: "Gather the planner's statistics of a table of PostgreSQL.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_maintain TO <role>; -- 17 and newer; before that the tables' owner"],
    },
    ActionInfo {
        name: "reindex",
        doc: "Build an index of PostgreSQL anew while it is in use.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_maintain TO <role>; -- 17 and newer; before that the tables' owner"],
    },
    ActionInfo {
        name: "cancel-query",
        doc: "End the statement that a session of PostgreSQL runs.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_signal_backend TO <role>;"],
    },
    ActionInfo {
        name: "terminate-session",
        doc: "End a session of PostgreSQL and roll back what it had open.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT pg_signal_backend TO <role>;"],
    },
    ActionInfo {
        name: "reset-statement",
        doc: "Begin the counters of one statement of PostgreSQL anew.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Postgres),
        needs: &[],
        grants: &["GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO <role>;"],
    },
    ActionInfo {
        name: "retry-jobs",
        doc: "Give failed jobs of a BullMQ queue (5 or 6) back to its workers.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Queues),
        needs: &[],
        grants: BULL_ACL,
    },
    ActionInfo {
        name: "pause-queue",
        doc: "Let the workers of a BullMQ queue (5 or 6) take no more jobs.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Queues),
        needs: &[],
        grants: BULL_ACL,
    },
    ActionInfo {
        name: "resume-queue",
        doc: "Let the workers of a paused BullMQ queue (5 or 6) take jobs again.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Queues),
        needs: &[],
        grants: BULL_ACL,
    },
    ActionInfo {
        name: "delete-keys",
        doc: "Delete the Redis keys of a prefix, a hundred at a time, within a budget.",
        risk_floor: Risk::R3,
        source: Some(SourceKind::Redis),
        needs: &[],
        grants: &["ACL SETUSER qd +scan +unlink ~PREFIX*"],
    },
    ActionInfo {
        name: "renew-certificate",
        doc: "Ask cert-manager for a new certificate now.",
        risk_floor: Risk::R2,
        source: Some(SourceKind::Certificates),
        needs: &[need("update", "cert-manager.io", "certificates", "status")],
        grants: &[],
    },
    ActionInfo {
        name: "silence-alert",
        doc: "Hold an alert back at the Alertmanager for a while.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Prometheus),
        needs: &[],
        grants: &["the Alertmanager takes POST /api/v2/silences from us"],
    },
    ActionInfo {
        name: "expire-silence",
        doc: "End a silence of the Alertmanager.",
        risk_floor: Risk::R1,
        source: Some(SourceKind::Prometheus),
        needs: &[],
        grants: &["the Alertmanager takes DELETE /api/v2/silence from us"],
    },
];

/// The action of this name.
pub fn info(name: &str) -> Option<&'static ActionInfo> {
    REGISTRY.iter().chain(LOCAL).find(|a| a.name == name)
}
