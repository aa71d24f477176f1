//! What others call it: the short names of kubectl and k9s, and the words of editors.

use super::{Does, Entry};
use crate::panes::PaneId;

/// Names, and the command that is meant.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["po", "pod", "pods"], "pane.pods"),
    (
        &[
            "dp",
            "deploy",
            "deployment",
            "deployments",
            "sts",
            "statefulset",
            "statefulsets",
            "ds",
            "daemonset",
            "daemonsets",
        ],
        "pane.rollouts",
    ),
    (&["no", "node", "nodes"], "pane.nodes"),
    (&["ns", "namespace", "namespaces"], "namespace.pick"),
    (&["ctx", "context", "contexts"], "context.pick"),
    (&["ev", "event", "events"], "pane.events"),
    (&["explain"], "statement.plan"),
    (&["q", "qa", "q!", "qa!", "wq", "wqa", "x", "quit", "exit"], "app.quit"),
];

/// Names, and the view of a pane that is meant.
const VIEWS: &[(&[&str], PaneId, &str)] = &[
    (&["job", "jobs"], PaneId::Nodes, "jobs"),
    (&["cj", "cronjob", "cronjobs"], PaneId::Nodes, "cronjobs"),
];

/// Kinds that have no table here. Where a command is called so, it goes before.
const NO_TABLE: &[(&[&str], &str)] = &[
    (&["svc", "service", "services"], "Services"),
    (&["ing", "ingress", "ingresses"], "Ingresses"),
    (&["sec", "secret", "secrets"], "Secrets"),
    (&["cm", "configmap", "configmaps"], "ConfigMaps"),
    (&["rs", "replicaset", "replicasets"], "ReplicaSets"),
    (&["hpa", "hpas", "horizontalpodautoscalers"], "HorizontalPodAutoscalers"),
    (&["pdb", "pdbs", "poddisruptionbudgets"], "PodDisruptionBudgets"),
    (&["pv", "persistentvolumes"], "PersistentVolumes"),
    (&["pvc", "persistentvolumeclaims"], "PersistentVolumeClaims"),
    (&["sa", "serviceaccount", "serviceaccounts"], "ServiceAccounts"),
    (&["ep", "endpoints"], "Endpoints"),
    (&["netpol", "networkpolicies"], "NetworkPolicies"),
    (&["crd", "crds"], "CustomResourceDefinitions"),
    (&["sc", "storageclasses"], "StorageClasses"),
];

/// The names by which a command is known beside its own.
pub(super) fn of_command(id: &str) -> impl Iterator<Item = &'static [&'static str]> {
    COMMANDS
        .iter()
        .filter(move |(_, of)| *of == id)
        .map(|(names, _)| *names)
}

/// What is no command but has a name: views, and kinds that have no table; each with all its names.
pub(super) fn others() -> impl Iterator<Item = (&'static [&'static str], Entry)> {
    let entry = |does, name: &str, doc: String, why_not| Entry {
        does,
        name: name.to_owned(),
        kind: "kind",
        group: "",
        doc,
        why_not,
        id: String::new(),
    };
    let views = VIEWS.iter().map(move |(names, pane, view)| {
        let to = Does::View(*pane, view);
        (*names, entry(to, view, format!("go to the {view}"), None))
    });
    let none = NO_TABLE.iter().map(move |(names, kind)| {
        let why = format!("{kind} have no table in this console");
        (*names, entry(Does::Nothing, kind, String::new(), Some(why)))
    });
    views.chain(none)
}
