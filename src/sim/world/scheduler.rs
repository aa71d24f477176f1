//! The scheduler: finds a node with room for a pod, or says why there is none.

use super::json::{list, milli_quantity, set, set_label, stamp, text};
use super::{Key, World, nodes};
use crate::sim::kube::resources::{NODES, PODS};
use crate::sim::kube::{Change, ChangeEvent, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a pod asks of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    cpu: i64,
    memory: i64,
}

#[derive(Debug, Default)]
struct Node {
    object: Value,
    used: Need,
    pods: i64,
}

/// The nodes and what is taken of them.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    nodes: BTreeMap<String, Node>,
    placed: HashMap<Box<str>, (String, Need)>,
    /// A node changed since the last look.
    pub stale: bool,
    /// Pods that found no node.
    pub pending: BTreeSet<Key>,
}

impl Cluster {
    fn refresh(&mut self, store: &Store) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let now: BTreeMap<String, Value> = store
            .list(&NODES, None)
            .iter()
            .map(|o| (o.meta.name.to_string(), o.value()))
            .collect();
        self.nodes.retain(|name, _| now.contains_key(name));
        for (name, object) in now {
            self.nodes.entry(name).or_default().object = object;
        }
    }

    /// Keeps the books when a pod is placed, finishes or goes.
    pub fn account(&mut self, event: &ChangeEvent) {
        let meta = &event.object.meta;
        let over = event.change == Change::Deleted || matches!(meta.phase.as_deref(), Some("Succeeded" | "Failed"));
        if over {
            self.pending.remove(&Key::of_object(&event.object));
            if let Some((name, need)) = self.placed.remove(&meta.uid)
                && let Some(node) = self.nodes.get_mut(&name)
            {
                node.used.cpu -= need.cpu;
                node.used.memory -= need.memory;
                node.pods -= 1;
            }
            return;
        }
        let Some(name) = meta.node_name.as_deref() else { return };
        if self.placed.contains_key(&meta.uid) || super::load::is_load(name) {
            return;
        }
        let need = need_of(&event.object.value());
        let node = self.nodes.entry(name.to_owned()).or_default();
        node.used.cpu += need.cpu;
        node.used.memory += need.memory;
        node.pods += 1;
        self.placed.insert(meta.uid.clone(), (name.to_owned(), need));
    }
}

fn need_of(pod: &Value) -> Need {
    let mut need = Need::default();
    for container in list(pod, "/spec/containers") {
        need.cpu += milli_quantity(container.pointer("/resources/requests/cpu"));
        need.memory += milli_quantity(container.pointer("/resources/requests/memory"));
    }
    need
}

pub(super) fn schedule(world: &mut World, key: &Key) {
    let Some(pod) = world.get(&PODS, key) else { return };
    if !text(&pod, "/spec/nodeName").is_empty() {
        return;
    }
    let need = need_of(&pod);
    let store = world.store.clone();
    world.cluster.refresh(&store);
    let mut best: Option<(i64, String)> = None;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, node) in &world.cluster.nodes {
        if let Some(why) = refusal(node, &pod, need) {
            *reasons.entry(why).or_default() += 1;
            continue;
        }
        // The emptiest one, as the default profile spreads.
        let left = free(node, "cpu") - node.used.cpu - node.pods * 50;
        if best.as_ref().is_none_or(|(most, _)| left > *most) {
            best = Some((left, name.clone()));
        }
    }
    match best {
        Some((_, node)) => bind(world, key, &node),
        None => refuse(world, key, &pod, &reasons),
    }
}

fn free(node: &Node, what: &str) -> i64 {
    milli_quantity(node.object.pointer(&format!("/status/allocatable/{what}")))
}

fn refusal(node: &Node, pod: &Value, need: Need) -> Option<&'static str> {
    let unschedulable = node.object.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
    if super::load::is_load(text(&node.object, "/metadata/name")) {
        Some("node(s) had untolerated taint {load: }")
    } else if unschedulable {
        Some("node(s) were unschedulable")
    } else if !nodes::tolerated(&node.object, pod, false) {
        Some("node(s) had untolerated taint(s)")
    } else if !nodes::matches_selector(&node.object, pod) {
        Some("node(s) didn't match Pod's node affinity/selector")
    } else if !nodes::is_ready(&node.object) {
        Some("node(s) were not ready")
    } else if node.used.cpu + need.cpu > free(node, "cpu") {
        Some("Insufficient cpu")
    } else if node.used.memory + need.memory > free(node, "memory") {
        Some("Insufficient memory")
    } else if (node.pods + 1) * 1000 > free(node, "pods") {
        Some("Too many pods")
    } else {
        None
    }
}

fn bind(world: &mut World, key: &Key, node: &str) {
    let Some(mut pod) = world.get(&PODS, key) else { return };
    let place = world
        .cluster
        .nodes
        .get(node)
        .map(|n| n.object.clone())
        .unwrap_or_default();
    for topology in ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] {
        let value = super::json::label(&place, topology);
        if !value.is_empty() {
            set_label(&mut pod, topology, value);
        }
    }
    set(&mut pod, "/spec/nodeName", node);
    let conditions = vec![scheduled(&stamp(world.now))];
    set(&mut pod, "/status/conditions", conditions);
    // A binding is no change of the spec to the API server: the generation stays.
    let bound = world.store.put(&PODS, pod).value();
    announce(world, &bound, node);
}

/// The condition that says a pod has a node.
pub(super) fn scheduled(now: &str) -> Value {
    json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now})
}

pub(super) fn announce(world: &mut World, pod: &Value, node: &str) {
    let key = Key::of(pod);
    let message = format!("Successfully assigned {}/{} to {node}", key.ns, key.name);
    world.event(pod, "Normal", "Scheduled", &message, "default-scheduler");
}

fn refuse(world: &mut World, key: &Key, pod: &Value, reasons: &BTreeMap<&str, usize>) {
    let total = world.cluster.nodes.len();
    let why: Vec<String> = reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let message = format!("0/{total} nodes are available: {}.", why.join(", "));
    world.cluster.pending.insert(key.clone());
    let now = stamp(world.now);
    let known = list(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/message") == message);
    if known {
        return;
    }
    let condition = json!({"type": "PodScheduled", "status": "False", "lastProbeTime": null,
        "lastTransitionTime": now, "reason": "Unschedulable", "message": message});
    world.edit_status_as("kube-scheduler", &PODS, key, |p| {
        set(p, "/status/conditions", vec![condition]);
    });
    world.event(pod, "Warning", "FailedScheduling", &message, "default-scheduler");
}
