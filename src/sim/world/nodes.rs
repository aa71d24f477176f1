//! Nodes: their heartbeats, and who may be placed on them.

use super::json::{list, map, secs, set, stamp, text};
use super::{Key, Work, World};
use crate::sim::kube::resources::NODES;
use serde_json::{Value, json};

/// A kubelet posts its status every five minutes when nothing changed.
const HEARTBEAT_S: i64 = 300;

pub(super) fn is_ready(node: &Value) -> bool {
    list(node, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True")
}

pub(super) fn heartbeat(world: &mut World, key: &Key) {
    let Some(node) = world.get(&NODES, key) else { return };
    let period = if world.coarse { 144 * HEARTBEAT_S } else { HEARTBEAT_S };
    world.at(world.now + secs(period), Work::Node(key.clone()));
    if super::load::is_load(&key.name)
        || !is_ready(&node) && text(&node, "/metadata/creationTimestamp") != stamp(world.now)
    {
        return;
    }
    let now = stamp(world.now);
    world.edit_status_as("kubelet", &NODES, key, |n| {
        let Some(conditions) = n.pointer_mut("/status/conditions").and_then(Value::as_array_mut) else {
            return;
        };
        for condition in conditions.iter_mut() {
            set(condition, "/lastHeartbeatTime", now.as_str());
        }
    });
}

/// The pod's (or template's) `nodeSelector` fits the node's labels.
pub(super) fn matches_selector(node: &Value, pod: &Value) -> bool {
    map(pod, "/spec/nodeSelector").is_none_or(|s| {
        s.iter()
            .all(|(k, v)| super::json::label(node, k) == v.as_str().unwrap_or(""))
    })
}

/// Every taint that keeps pods away is tolerated.
pub(super) fn tolerated(node: &Value, pod: &Value, daemon: bool) -> bool {
    list(node, "/spec/taints")
        .iter()
        .filter(|t| text(t, "/effect") != "PreferNoSchedule")
        .all(|taint| {
            (daemon && text(taint, "/key").starts_with("node.kubernetes.io/"))
                || list(pod, "/spec/tolerations").iter().any(|t| tolerates(t, taint))
        })
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
    let exists = text(toleration, "/operator") == "Exists";
    (effect.is_empty() || effect == text(taint, "/effect"))
        && (key.is_empty() && exists || key == text(taint, "/key"))
        && (exists || text(toleration, "/value") == text(taint, "/value"))
}

impl World {
    /// Stops a node from answering: what its controller writes when heartbeats stay away.
    pub fn lose_node(&mut self, name: &str) {
        lose(self, name);
    }
}

fn lose(world: &mut World, name: &str) {
    let key = Key::new("", name);
    let now = stamp(world.now);
    world.edit_status(&NODES, &key, |n| {
        let Some(conditions) = n.pointer_mut("/status/conditions").and_then(Value::as_array_mut) else {
            return;
        };
        for condition in conditions.iter_mut() {
            set(condition, "/status", "Unknown");
            set(condition, "/reason", "NodeStatusUnknown");
            set(condition, "/message", "Kubelet stopped posting node status.");
            set(condition, "/lastTransitionTime", now.as_str());
        }
    });
    let now = stamp(world.now);
    world.edit(&NODES, &key, |n| {
        let mut taints = list(n, "/spec/taints").to_vec();
        for effect in ["NoSchedule", "NoExecute"] {
            taints.push(json!({"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": now}));
        }
        set(n, "/spec/taints", taints);
    });
    if let Some(node) = world.get(&NODES, &key) {
        let message = format!("Node {name} status is now: NodeNotReady");
        world.event(&node, "Normal", "NodeNotReady", &message, "node-controller");
    }
}
