//! The load generator: many pods of ordinary size at rest, and so many status changes a second.
//!
//! Its pods are copies of one that the controllers made, in namespaces `load-00` and on. They belong to Deployments
//! and ReplicaSets of their own, which the controllers keep, but no kubelet runs them.

use super::deployment::owner_reference;
use super::json::{int, list, millis, set, set_label, stamp, text};
use super::{Key, Work, World};
use crate::sim::kube::Resource;
use crate::sim::kube::resources::{DEPLOYMENTS, NAMESPACES, NODES, PODS, REPLICASETS};
use serde_json::{Value, json};

const PER_WORKLOAD: usize = 50;
const WORKLOADS_PER_NAMESPACE: usize = 20;
const PER_NODE: usize = 100;
const TICK_MS: i64 = 100;

/// What the generator still has to do.
#[derive(Debug)]
pub(super) struct Generator {
    pods: Vec<Key>,
    per_second: u32,
    /// Changes owed, in thousandths.
    owed: u64,
}

/// A namespace or node of the load generator.
pub(crate) fn is_load(name: &str) -> bool {
    name.starts_with("load-")
}

impl World {
    /// Adds `pods` pods, and from now on changes so many statuses a second.
    pub fn add_load(&mut self, pods: usize, changes_per_second: u32) {
        let Some(model) = self.store.list(&PODS, None).iter().map(|o| o.value()).find(suitable) else {
            return;
        };
        let made = self.make_load(&model, pods);
        self.load = Some(Generator {
            pods: made,
            per_second: changes_per_second,
            owed: 0,
        });
        if changes_per_second > 0 {
            self.at(self.now + millis(TICK_MS), Work::Load);
        }
    }

    fn make_load(&mut self, model: &Value, pods: usize) -> Vec<Key> {
        let node_model = self
            .store
            .list(&NODES, None)
            .first()
            .map(|o| o.value())
            .unwrap_or_default();
        for n in 0..pods.div_ceil(PER_NODE) {
            let mut node = fresh(&node_model);
            set(&mut node, "/metadata/name", format!("load-node-{n:03}"));
            set_label(&mut node, "kubernetes.io/hostname", &format!("load-node-{n:03}"));
            set(
                &mut node,
                "/spec/taints",
                json!([{"key": "load", "effect": "NoSchedule"}]),
            );
            self.store.put(&NODES, node);
        }
        let mut keys = Vec::with_capacity(pods);
        let mut n = 0;
        while n < pods {
            let workload = n / PER_WORKLOAD;
            let ns = format!("load-{:02}", workload / WORKLOADS_PER_NAMESPACE);
            if self.store.get(&NAMESPACES, "", &ns).is_none() {
                let _ = self.create(
                    &NAMESPACES,
                    json!({"metadata": {"name": ns}, "status": {"phase": "Active"}}),
                );
            }
            let here = PER_WORKLOAD.min(pods - n);
            self.make_workload(model, &ns, workload, here, n, &mut keys);
            n += here;
        }
        keys
    }

    fn make_workload(
        &mut self,
        model: &Value,
        ns: &str,
        workload: usize,
        size: usize,
        first: usize,
        keys: &mut Vec<Key>,
    ) {
        let name = format!("service-{workload:04}");
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": model.get("spec")});
        let mut deployment = json!({
            "metadata": {"name": name, "namespace": ns, "generation": 1, "creationTimestamp": stamp(self.now),
                "labels": {"app": name}, "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": size, "selector": {"matchLabels": {"app": name}}, "template": template,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
        });
        let available = json!([{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability.", "lastUpdateTime": stamp(self.now),
            "lastTransitionTime": stamp(self.now)}]);
        let full = json!({"observedGeneration": 1, "replicas": size, "updatedReplicas": size, "readyReplicas": size,
            "availableReplicas": size, "conditions": available});
        for heavy in [
            "/spec/template/spec/nodeName",
            "/spec/template/spec/volumes",
            "/spec/template/spec/tolerations",
        ] {
            super::json::remove(&mut deployment, heavy);
        }
        set(&mut deployment, "/status", full);
        let deployment = self.store.put(&DEPLOYMENTS, deployment).value();
        let hash = super::json::name_hash(&json!(workload));
        let mut set_of = json!({
            "metadata": {"name": format!("{name}-{hash}"), "namespace": ns, "generation": 1,
                "creationTimestamp": stamp(self.now), "labels": {"app": name, "pod-template-hash": hash},
                "annotations": {"deployment.kubernetes.io/revision": "1",
                    "deployment.kubernetes.io/desired-replicas": size.to_string()},
                "ownerReferences": [owner_reference("apps/v1", "Deployment", &deployment)]},
            "spec": {"replicas": size, "selector": {"matchLabels": {"app": name, "pod-template-hash": hash}},
                "template": deployment.pointer("/spec/template")},
            "status": {"observedGeneration": 1, "replicas": size, "readyReplicas": size, "availableReplicas": size,
                "fullyLabeledReplicas": size, "terminatingReplicas": 0},
        });
        set_label_in_template(&mut set_of, &hash);
        let set_of = self.store.put(&REPLICASETS, set_of).value();
        let owner = owner_reference("apps/v1", "ReplicaSet", &set_of);
        for i in 0..size {
            let mut pod = fresh(model);
            let pod_name = format!("{name}-{hash}-{}", super::json::suffix(&mut self.rng));
            set(&mut pod, "/metadata/name", pod_name.as_str());
            set(&mut pod, "/metadata/namespace", ns);
            set(&mut pod, "/metadata/generateName", format!("{name}-{hash}-"));
            set(&mut pod, "/metadata/ownerReferences", json!([owner]));
            set_label(&mut pod, "app", &name);
            set_label(&mut pod, "pod-template-hash", &hash);
            let n = first + i;
            set(&mut pod, "/spec/nodeName", format!("load-node-{:03}", n / PER_NODE));
            let ip = format!("10.{}.{}.{}", 128 + n / 62_500, n / 250 % 250, 2 + n % 250);
            set(&mut pod, "/status/podIP", ip.as_str());
            set(&mut pod, "/status/podIPs", json!([{"ip": ip}]));
            self.store.put(&PODS, pod);
            keys.push(Key::new(ns, &pod_name));
        }
    }
}

fn set_label_in_template(rs: &mut Value, hash: &str) {
    super::json::set_path(
        rs,
        &["spec", "template", "metadata", "labels", "pod-template-hash"],
        json!(hash),
    );
}

/// A running pod of an ordinary service, of the size of a real one.
fn suitable(pod: &Value) -> bool {
    text(pod, "/metadata/namespace") == "cortex"
        && super::json::label(pod, "app") == "cortex-api"
        && super::pods::is_ready(pod)
}

fn fresh(model: &Value) -> Value {
    let mut object = model.clone();
    for gone in ["/metadata/uid", "/metadata/resourceVersion"] {
        super::json::remove(&mut object, gone);
    }
    object
}

/// Changes the statuses that are due: a pod loses its readiness, and has it back restarted at its next turn.
pub(super) fn tick(world: &mut World) {
    let Some(mut load) = world.load.take() else { return };
    load.owed += u64::from(load.per_second) * TICK_MS.unsigned_abs();
    while load.owed >= 1000 && !load.pods.is_empty() {
        load.owed -= 1000;
        let at = world.rng.usize(..load.pods.len());
        let Some(key) = load.pods.get(at).cloned() else { break };
        if world.store.get(&PODS, &key.ns, &key.name).is_none() {
            load.pods.swap_remove(at);
            continue;
        }
        flip(world, &key);
    }
    world.load = Some(load);
    let next = world.now + millis(TICK_MS);
    world.at(next, Work::Load);
}

fn flip(world: &mut World, key: &Key) {
    let now = stamp(world.now);
    let r: &'static Resource = &PODS;
    let Some(mut pod) = world.get(r, key) else { return };
    let ready = super::pods::is_ready(&pod);
    let conditions = pod.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if matches!(text(condition, "/type"), "Ready" | "ContainersReady") {
            set(condition, "/status", if ready { "False" } else { "True" });
            set(condition, "/lastTransitionTime", now.as_str());
        }
    }
    let restarts: i64 = list(&pod, "/status/containerStatuses")
        .iter()
        .map(|c| int(c, "/restartCount"))
        .max()
        .unwrap_or(0);
    if let Some(first) = pod.pointer_mut("/status/containerStatuses/0") {
        set(first, "/ready", !ready);
        if !ready {
            set(first, "/restartCount", restarts + 1);
            set(first, "/state", json!({"running": {"startedAt": now}}));
        }
    }
    world.store.put(r, pod);
}
