//! What the roles of the demonstration may do, as a fresh cluster and cert-manager define them.

use serde_json::{Value, json};

use super::Access;

pub struct Rule {
    pub verbs: &'static [&'static str],
    pub groups: &'static [&'static str],
    pub resources: &'static [&'static str],
}

pub const READ: &[&str] = &["get", "list", "watch"];

pub const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// ClusterRole `view` (Kubernetes 1.36) and the metrics reader that is bound with it.
pub const VIEW: &[Rule] = &[
    Rule {
        verbs: &["get", "list"],
        groups: &["metrics.k8s.io"],
        resources: &["pods", "nodes"],
    },
    Rule {
        verbs: READ,
        groups: &[""],
        resources: &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
            "services/status",
        ],
    },
    Rule {
        verbs: READ,
        groups: &[""],
        resources: &[
            "bindings",
            "limitranges",
            "namespaces/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
        ],
    },
    Rule {
        verbs: READ,
        groups: &[""],
        resources: &["namespaces"],
    },
    Rule {
        verbs: READ,
        groups: &["", "events.k8s.io"],
        resources: &["events"],
    },
    Rule {
        verbs: READ,
        groups: &["discovery.k8s.io"],
        resources: &["endpointslices"],
    },
    Rule {
        verbs: READ,
        groups: &["apps"],
        resources: &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
    },
    Rule {
        verbs: READ,
        groups: &["autoscaling"],
        resources: &["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
    },
    Rule {
        verbs: READ,
        groups: &["batch"],
        resources: &["cronjobs", "cronjobs/status", "jobs", "jobs/status"],
    },
    Rule {
        verbs: READ,
        groups: &["extensions"],
        resources: &[
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "ingresses",
            "ingresses/status",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "replicationcontrollers/scale",
        ],
    },
    Rule {
        verbs: READ,
        groups: &["policy"],
        resources: &["poddisruptionbudgets", "poddisruptionbudgets/status"],
    },
    Rule {
        verbs: READ,
        groups: &["networking.k8s.io"],
        resources: &["ingresses", "ingresses/status", "networkpolicies"],
    },
    Rule {
        verbs: READ,
        groups: &["resource.k8s.io"],
        resources: &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"],
    },
];

/// What ClusterRole `edit` has beyond `view`.
pub const EDIT: &[Rule] = &[
    Rule {
        verbs: READ,
        groups: &[""],
        resources: &[
            "pods/attach",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
            "secrets",
            "services/proxy",
        ],
    },
    Rule {
        verbs: &["impersonate"],
        groups: &[""],
        resources: &["serviceaccounts"],
    },
    Rule {
        verbs: WRITE,
        groups: &[""],
        resources: &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"],
    },
    Rule {
        verbs: &["create"],
        groups: &[""],
        resources: &["pods/eviction"],
    },
    Rule {
        verbs: WRITE,
        groups: &[""],
        resources: &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
    },
    Rule {
        verbs: &["create"],
        groups: &[""],
        resources: &["serviceaccounts/token"],
    },
    Rule {
        verbs: WRITE,
        groups: &["apps"],
        resources: &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    },
    Rule {
        verbs: WRITE,
        groups: &["autoscaling"],
        resources: &["horizontalpodautoscalers"],
    },
    Rule {
        verbs: WRITE,
        groups: &["batch"],
        resources: &["cronjobs", "jobs"],
    },
    Rule {
        verbs: WRITE,
        groups: &["policy"],
        resources: &["poddisruptionbudgets"],
    },
    Rule {
        verbs: WRITE,
        groups: &["networking.k8s.io"],
        resources: &["ingresses", "networkpolicies"],
    },
];

pub const CERT_MANAGER_VIEW: &[Rule] = &[
    Rule {
        verbs: READ,
        groups: &["cert-manager.io"],
        resources: &["certificates", "certificaterequests", "issuers"],
    },
    Rule {
        verbs: READ,
        groups: &["acme.cert-manager.io"],
        resources: &["challenges", "orders"],
    },
];

/// `update` alone on the status: a renewal is a PUT.
pub const CERT_MANAGER_EDIT: &[Rule] = &[
    Rule {
        verbs: WRITE,
        groups: &["cert-manager.io"],
        resources: &["certificates", "certificaterequests", "issuers"],
    },
    Rule {
        verbs: &["update"],
        groups: &["cert-manager.io"],
        resources: &["certificates/status"],
    },
    Rule {
        verbs: WRITE,
        groups: &["acme.cert-manager.io"],
        resources: &["challenges", "orders"],
    },
];

/// What KEDA's chart adds with `rbac.aggregateToDefaultRoles`.
pub const KEDA_VIEW: &[Rule] = &[Rule {
    verbs: READ,
    groups: &["keda.sh"],
    resources: &["scaledobjects"],
}];

pub const KEDA_EDIT: &[Rule] = &[Rule {
    verbs: WRITE,
    groups: &["keda.sh"],
    resources: &["scaledobjects"],
}];

/// What everyone who is known has.
pub const EVERYONE: &[Rule] = &[
    Rule {
        verbs: &["create"],
        groups: &["authorization.k8s.io"],
        resources: &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    Rule {
        verbs: &["create"],
        groups: &["authentication.k8s.io"],
        resources: &["selfsubjectreviews"],
    },
];

pub const EVERYONE_PATHS: &[&[&str]] = &[
    &["/.well-known", "/.well-known/*"],
    &["/healthz", "/livez", "/readyz", "/version", "/version/"],
    &[
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ],
];

impl Rule {
    pub fn allows(&self, access: &Access<'_>, target: &str) -> bool {
        self.verbs.contains(&access.verb) && self.groups.contains(&access.group) && self.resources.contains(&target)
    }

    pub fn value(&self) -> Value {
        json!({"verbs": self.verbs, "apiGroups": self.groups, "resources": self.resources})
    }
}
