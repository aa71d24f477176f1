//! PodDisruptionBudgets: how many pods may be evicted now.

use super::deployment::controller_of;
use super::json::{int, int_or, int_or_percent, list, selects, set, stamp, text};
use super::{Key, World, pods};
use crate::sim::kube::Object;
use crate::sim::kube::resources::{DEPLOYMENTS, PODDISRUPTIONBUDGETS, PODS, REPLICASETS, STATEFULSETS};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn sync(world: &mut World, ns: &str) {
    let budgets = world.list(&PODDISRUPTIONBUDGETS, Some(ns));
    if budgets.is_empty() {
        return;
    }
    let all = world.store.list(&PODS, Some(ns));
    for budget in budgets {
        let selector = budget.pointer("/spec/selector").cloned().unwrap_or_default();
        let chosen: Vec<Value> = all
            .iter()
            .filter(|p| chooses(&selector, p))
            .map(|p| p.value())
            .collect();
        write(world, &budget, &chosen);
    }
}

/// Chooses by the labels alone, without parsing the pod.
fn chooses(selector: &Value, pod: &Object) -> bool {
    let labels: Map<String, Value> = pod.meta.labels.iter().map(|(k, v)| (k.to_string(), json!(v))).collect();
    selects(selector, &json!({"metadata": {"labels": labels}}))
}

fn write(world: &mut World, budget: &Value, chosen: &[Value]) {
    let healthy = chosen
        .iter()
        .filter(|p| pods::is_ready(p) && !pods::is_terminating(p))
        .count() as i64;
    let scale = scale(world, chosen);
    let (expected, desired) = match (
        budget.pointer("/spec/maxUnavailable"),
        budget.pointer("/spec/minAvailable"),
    ) {
        (Some(max), _) => (
            scale,
            (scale - int_or_percent(Some(max), scale, true).unwrap_or(0)).max(0),
        ),
        (None, Some(min @ Value::String(_))) => (scale, int_or_percent(Some(min), scale, true).unwrap_or(0)),
        (None, min) => (chosen.len() as i64, int_or_percent(min, 0, true).unwrap_or(1)),
    };
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let (status, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let now = stamp(world.now);
    let generation = int(budget, "/metadata/generation");
    if chosen.is_empty() {
        world.event(
            budget,
            "Normal",
            "NoPods",
            "No matching pods found",
            "controllermanager",
        );
    }
    let key = Key::of(budget);
    world.edit_status(&PODDISRUPTIONBUDGETS, &key, |b| {
        let before = list(b, "/status/conditions").first().cloned().unwrap_or_default();
        let same = text(&before, "/status") == status;
        let since = if same {
            text(&before, "/lastTransitionTime").to_owned()
        } else {
            now
        };
        set(b, "/status/observedGeneration", generation);
        set(b, "/status/currentHealthy", healthy);
        set(b, "/status/desiredHealthy", desired);
        set(b, "/status/expectedPods", expected);
        set(b, "/status/disruptionsAllowed", allowed);
        super::json::remove(b, "/status/disruptedPods");
        set(
            b,
            "/status/conditions",
            json!([{"type": "DisruptionAllowed", "status": status,
            "observedGeneration": generation, "lastTransitionTime": since, "reason": reason, "message": ""}]),
        );
    });
}

/// How many pods the controllers of these pods want.
fn scale(world: &World, chosen: &[Value]) -> i64 {
    let mut sizes: BTreeMap<Key, i64> = BTreeMap::new();
    for pod in chosen {
        let ns = text(pod, "/metadata/namespace");
        let Some((kind, name)) = controller_of(pod) else {
            continue;
        };
        let key = Key::new(ns, name);
        let owner = match kind {
            "StatefulSet" => world.get(&STATEFULSETS, &key),
            "ReplicaSet" => world.get(&REPLICASETS, &key).map(|rs| {
                let above = controller_of(&rs).map(|(_, name)| Key::new(ns, name));
                above.and_then(|k| world.get(&DEPLOYMENTS, &k)).unwrap_or(rs)
            }),
            _ => None,
        };
        if let Some(owner) = owner {
            sizes.insert(Key::of(&owner), int_or(&owner, "/spec/replicas", 1));
        }
    }
    sizes.values().sum()
}
