//! The DaemonSet controller: one pod on every node that takes it; updates within `maxUnavailable`.

use super::deployment::count;
use super::json::{int, int_or_percent, label, list, set, set_label, text};
use super::{Key, Work, World, nodes, pods, revisions};
use crate::sim::kube::resources::{DAEMONSETS, NODES, PODS};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const COMPONENT: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(mut set) = world.get(&DAEMONSETS, key) else {
        return;
    };
    if !text(&set, "/metadata/deletionTimestamp").is_empty() {
        return;
    }
    revisions::mark_generation(world, &DAEMONSETS, &mut set);
    let Some(revision) = revisions::present(world, &set, ("apps/v1", "DaemonSet"), HASH) else {
        return;
    };
    let hash = label(&revision, HASH).to_owned();
    let mut by_node: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pod in world.owned(&PODS, text(&set, "/metadata/uid")) {
        by_node.entry(node_of(&pod)).or_default().push(pod);
    }
    let wanted: Vec<String> = world
        .list(&NODES, None)
        .iter()
        .filter(|n| takes(n, &set))
        .map(|n| text(n, "/metadata/name").to_owned())
        .collect();
    place(world, &set, &hash, &wanted, &by_node);
    if text(&set, "/spec/updateStrategy/type") != "OnDelete" {
        roll(world, &set, &hash, &wanted, &by_node);
    }
    status(world, key, &set, &hash, &wanted, &by_node);
    let live = text(&revision, "/metadata/name");
    revisions::trim(world, &set, &[live]);
}

/// The node that a daemon pod is on or meant for.
fn node_of(pod: &Value) -> String {
    text(pod, "/spec/nodeName").to_owned()
}

/// Daemons tolerate what keeps others away for a while: cordons, not ready, pressure.
fn takes(node: &Value, set: &Value) -> bool {
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    nodes::matches_selector(node, &template) && nodes::tolerated(node, &template, true)
}

fn place(world: &mut World, set: &Value, hash: &str, wanted: &[String], by_node: &BTreeMap<String, Vec<Value>>) {
    for (node, on) in by_node {
        let keep = wanted.contains(node);
        for pod in on {
            let failed = matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
            if (!keep || failed) && !pods::is_terminating(pod) {
                delete(world, set, pod);
            }
        }
    }
    for node in wanted {
        if by_node.get(node).is_some_and(|pods| !pods.is_empty()) {
            continue;
        }
        let generation = int(set, "/metadata/generation").to_string();
        let made = pods::create(world, set, ("apps/v1", "DaemonSet"), "", |pod| {
            set_label(pod, HASH, hash);
            set_label(pod, "pod-template-generation", &generation);
            super::json::set(pod, "/spec/nodeName", node.as_str());
            let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
            super::json::set(pod, "/spec/affinity", affinity);
            let mut tolerations = list(pod, "/spec/tolerations").to_vec();
            for key in ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"] {
                let key = format!("node.kubernetes.io/{key}");
                tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoSchedule"}));
            }
            super::json::set(pod, "/spec/tolerations", tolerations);
        });
        match made {
            Ok(pod) => {
                let message = format!("Created pod: {}", text(&pod, "/metadata/name"));
                world.event(set, "Normal", "SuccessfulCreate", &message, COMPONENT);
                super::scheduler::announce(world, &pod, node);
            }
            Err(refusal) => {
                let message = format!("Error creating: {}", refusal.message);
                world.event(set, "Warning", "FailedCreate", &message, COMPONENT);
                world.at(world.now + super::json::secs(15), Work::DaemonSet(Key::of(set)));
            }
        }
    }
}

/// Replaces pods of older templates: those that serve nobody at once, the others within the budget.
fn roll(world: &mut World, set: &Value, hash: &str, wanted: &[String], by_node: &BTreeMap<String, Vec<Value>>) {
    let budget = set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let mut budget = int_or_percent(budget.or(Some(&json!(1))), wanted.len() as i64, true)
        .unwrap_or(1)
        .max(1);
    let mut candidates = Vec::new();
    for node in wanted {
        let on = by_node.get(node).map_or(&[][..], Vec::as_slice);
        let up = on.iter().any(|p| pods::is_ready(p) && !pods::is_terminating(p));
        if !up {
            budget -= 1;
        }
        for pod in on.iter().filter(|p| label(p, HASH) != hash && !pods::is_terminating(p)) {
            if up {
                candidates.push(pod.clone());
            } else {
                delete(world, set, pod);
            }
        }
    }
    for pod in candidates.iter().take(usize::try_from(budget).unwrap_or(0)) {
        delete(world, set, pod);
    }
}

fn delete(world: &mut World, set: &Value, pod: &Value) {
    pods::delete(world, pod);
    let message = format!("Deleted pod: {}", text(pod, "/metadata/name"));
    world.event(set, "Normal", "SuccessfulDelete", &message, COMPONENT);
}

fn status(
    world: &mut World,
    key: &Key,
    set_now: &Value,
    hash: &str,
    wanted: &[String],
    by_node: &BTreeMap<String, Vec<Value>>,
) {
    let again = Work::DaemonSet(key.clone());
    let min_ready = int(set_now, "/spec/minReadySeconds");
    let (mut current, mut ready, mut updated, mut available) = (0, 0, 0, 0);
    for node in wanted {
        let on: Vec<Value> = by_node
            .get(node)
            .into_iter()
            .flatten()
            .filter(|p| !pods::is_terminating(p))
            .cloned()
            .collect();
        let Some(pod) = on.first() else { continue };
        current += 1;
        updated += i64::from(label(pod, HASH) == hash);
        ready += i64::from(pods::is_ready(pod));
        available += pods::count_available(world, std::slice::from_ref(pod), min_ready, &again);
    }
    let strayed = by_node.keys().filter(|n| !wanted.contains(n)).count();
    let generation = int(set_now, "/metadata/generation");
    let desired = wanted.len() as i64;
    world.edit_status(&DAEMONSETS, key, |d| {
        set(d, "/status/currentNumberScheduled", current);
        set(d, "/status/numberMisscheduled", strayed);
        set(d, "/status/desiredNumberScheduled", desired);
        set(d, "/status/numberReady", ready);
        set(d, "/status/observedGeneration", generation);
        count(d, "/status/updatedNumberScheduled", updated);
        count(d, "/status/numberAvailable", available);
        count(d, "/status/numberUnavailable", desired - available);
    });
}
