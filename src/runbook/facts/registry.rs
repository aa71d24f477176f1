//! The list of facts, from which the documentation, the lint and the tests are made.

mod postgres;
mod services;
mod sources;

use crate::runbook::value::Type;

/// What is written about one fact.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub path: &'static str,
    pub kind: Type,
    /// What it says.
    pub doc: &'static str,
    /// What of the observed world it is computed from.
    pub from: &'static str,
}

const fn fact(path: &'static str, kind: Type, doc: &'static str, from: &'static str) -> Spec {
    Spec { path, kind, doc, from }
}

/// Every fact there is.
pub fn registry() -> impl Iterator<Item = &'static Spec> {
    [KUBERNETES, postgres::FACTS, sources::FACTS, services::FACTS]
        .into_iter()
        .flatten()
}

const KUBERNETES: &[Spec] = &[
    fact(
        "rollout.target",
        Type::Text,
        "the workload as kind/namespace/name, the form that actions take",
        "workload",
    ),
    fact(
        "rollout.kind",
        Type::Text,
        "deployment, statefulset or daemonset",
        "workload",
    ),
    fact("rollout.name", Type::Text, "its name", "workload"),
    fact("rollout.namespace", Type::Text, "its namespace", "workload"),
    fact(
        "rollout.state",
        Type::Text,
        "complete, progressing, stalled, paused or scaled to zero",
        "workload",
    ),
    fact(
        "rollout.stalled",
        Type::Bool,
        "the rollout makes no progress and will not by itself",
        "workload, its pods",
    ),
    fact(
        "rollout.complete",
        Type::Bool,
        "every replica is updated and available, and the change was observed",
        "workload",
    ),
    fact(
        "rollout.paused",
        Type::Bool,
        "it is paused: rollback and restart are refused",
        "workload: spec.paused",
    ),
    fact(
        "rollout.reason",
        Type::Text,
        "why it is stalled, as its pods and conditions say",
        "pods, workload conditions",
    ),
    fact(
        "rollout.about",
        Type::Text,
        "what the reason concerns: the image, the container, the quota's sentence",
        "pods, workload conditions",
    ),
    fact(
        "rollout.stalled_for",
        Type::Seconds,
        "how long it has been stalled, by the objects' own times",
        "workload, its pods",
    ),
    fact(
        "rollout.desired",
        Type::Int,
        "replicas asked for",
        "workload: spec.replicas",
    ),
    fact(
        "rollout.updated",
        Type::Int,
        "replicas of the newest template",
        "workload: status.updatedReplicas",
    ),
    fact(
        "rollout.ready",
        Type::Int,
        "replicas that are ready",
        "workload: status.readyReplicas",
    ),
    fact(
        "rollout.available",
        Type::Int,
        "replicas that are available",
        "workload: status.availableReplicas",
    ),
    fact(
        "rollout.revision",
        Type::Int,
        "the revision that is being rolled out",
        "workload, its history",
    ),
    fact(
        "rollout.previous_revision",
        Type::Int,
        "the newest older revision that still has ready pods, else the newest older one",
        "history",
    ),
    fact("rollout.revisions", Type::Int, "how many revisions are kept", "history"),
    fact(
        "rollout.image",
        Type::Text,
        "the images of the newest template",
        "workload: spec.template",
    ),
    fact(
        "rollout.previous_image",
        Type::Text,
        "the images of the previous revision",
        "history",
    ),
    fact(
        "rollout.changed_for",
        Type::Seconds,
        "how long ago the newest revision began",
        "history",
    ),
    fact("rollout.pods", Type::Int, "pods that exist", "pods"),
    fact(
        "rollout.new_ready",
        Type::Int,
        "pods of the newest revision that are ready",
        "pods",
    ),
    fact(
        "rollout.bad_pods",
        Type::Int,
        "pods that are not ready or in trouble",
        "pods",
    ),
    fact(
        "rollout.bad_new_pods",
        Type::Int,
        "pods in trouble that are of the newest revision",
        "pods",
    ),
    fact(
        "rollout.bad_old_pods",
        Type::Int,
        "pods in trouble that are of an older revision",
        "pods",
    ),
    fact("rollout.crashing", Type::Int, "pods in CrashLoopBackOff", "pods"),
    fact(
        "rollout.quiet_for",
        Type::Seconds,
        "how long none of its pods was made or restarted",
        "pods",
    ),
    fact(
        "rollout.bad_names",
        Type::List,
        "the names of at most five pods in trouble",
        "pods",
    ),
    fact(
        "rollout.managed_by",
        Type::Text,
        "who sets it: Argo CD, Flux, Helm, an operator, or nobody",
        "labels, annotations, owners",
    ),
    fact(
        "rollout.gitops",
        Type::Bool,
        "Argo CD or Flux owns it and may undo a change made here",
        "labels, annotations",
    ),
    fact("rollout.autoscaled", Type::Bool, "an HPA sets its replicas", "HPAs"),
    fact("rollout.hpa.min", Type::Int, "the HPA's minimum", "HPA"),
    fact("rollout.hpa.max", Type::Int, "the HPA's maximum", "HPA"),
    fact(
        "rollout.hpa.desired",
        Type::Int,
        "the replicas that the HPA wants",
        "HPA: status",
    ),
    fact(
        "rollout.hpa.load",
        Type::Float,
        "its worst metric in units of its target: 1 is on target",
        "HPA: metrics",
    ),
    fact("rollout.hpa.metric", Type::Text, "which metric that is", "HPA: metrics"),
    fact(
        "rollout.hpa.able",
        Type::Bool,
        "it can read its metrics and scale",
        "HPA: conditions",
    ),
    fact("rollout.hpa.trouble", Type::Text, "why it cannot", "HPA: conditions"),
    fact(
        "rollout.hpa.keda",
        Type::Bool,
        "KEDA made it: its bounds are set in the ScaledObject",
        "HPA: owner",
    ),
    fact(
        "pod.target",
        Type::Text,
        "the pod as pod/namespace/name, the form that actions take",
        "pod",
    ),
    fact("pod.name", Type::Text, "its name", "pod"),
    fact("pod.namespace", Type::Text, "its namespace", "pod"),
    fact(
        "pod.status",
        Type::Text,
        "the true reason, init and sidecar containers included",
        "pod",
    ),
    fact("pod.ready", Type::Bool, "every container is ready", "pod"),
    fact(
        "pod.container",
        Type::Text,
        "the container in trouble",
        "pod: container statuses",
    ),
    fact(
        "pod.restarts",
        Type::Int,
        "restarts of all its containers",
        "pod: container statuses",
    ),
    fact(
        "pod.restarted_for",
        Type::Seconds,
        "how long ago a container last restarted",
        "pod: last termination",
    ),
    fact(
        "pod.quiet_for",
        Type::Seconds,
        "how long nothing restarted: since the last restart, else since it started",
        "pod",
    ),
    fact(
        "pod.last_exit_code",
        Type::Int,
        "the exit code of the last termination",
        "pod: last termination",
    ),
    fact(
        "pod.last_reason",
        Type::Text,
        "the reason of the last termination, such as Error or OOMKilled",
        "pod: last termination",
    ),
    fact("pod.age", Type::Seconds, "how long ago it was created", "pod"),
    fact("pod.node", Type::Text, "the node it runs on", "pod"),
    fact(
        "pod.owner",
        Type::Text,
        "what owns it, as kind/name; empty when nothing would bring it back",
        "pod: owner",
    ),
    fact(
        "pod.owned",
        Type::Bool,
        "something would bring it back if it were deleted",
        "pod: owner",
    ),
    fact(
        "pod.newest_revision",
        Type::Bool,
        "it is of the workload's newest revision",
        "pod, workload",
    ),
    fact("pod.unschedulable", Type::Bool, "no node takes it", "pod: conditions"),
    fact(
        "pod.message",
        Type::Text,
        "what the scheduler or the kubelet says of it",
        "pod: conditions",
    ),
    fact("signal.id", Type::Text, "the signal that began the run", "signal"),
    fact("signal.severity", Type::Text, "critical or warning", "signal"),
    fact("signal.for", Type::Seconds, "how long it has lasted", "signal"),
    fact("signal.text", Type::Text, "the signal's line", "signal"),
];
