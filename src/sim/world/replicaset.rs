//! The ReplicaSet controller: as many pods as asked for.

use super::deployment::count;
use super::json::{int, int_or, list, set, stamp, text};
use super::{Key, Work, World, pods};
use crate::sim::kube::resources::{PODS, REPLICASETS};
use serde_json::{Value, json};

const COMPONENT: &str = "replicaset-controller";

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(rs) = world.get(&REPLICASETS, key) else { return };
    let all = world.owned(&PODS, text(&rs, "/metadata/uid"));
    let mut active: Vec<Value> = all.iter().filter(|p| pods::is_active(p)).cloned().collect();
    let failure = if text(&rs, "/metadata/deletionTimestamp").is_empty() {
        manage(world, &rs, &mut active)
    } else {
        None
    };
    let terminating = all.iter().filter(|p| pods::is_terminating(p)).count();
    let again = Work::ReplicaSet(key.clone());
    let available = pods::count_available(world, &active, int(&rs, "/spec/minReadySeconds"), &again);
    let labels = rs
        .pointer("/spec/template/metadata/labels")
        .cloned()
        .unwrap_or_default();
    let labelled = |p: &&Value| {
        labels.as_object().is_none_or(|l| {
            l.iter()
                .all(|(k, v)| super::json::label(p, k) == v.as_str().unwrap_or(""))
        })
    };
    let full = active.iter().filter(labelled).count();
    let ready = active.iter().filter(|p| pods::is_ready(p)).count();
    let generation = int(&rs, "/metadata/generation");
    let now = stamp(world.now);
    let next = |rs: &mut Value| {
        set(rs, "/status/replicas", active.len());
        count(rs, "/status/fullyLabeledReplicas", full as i64);
        count(rs, "/status/readyReplicas", ready as i64);
        count(rs, "/status/availableReplicas", available);
        set(rs, "/status/terminatingReplicas", terminating);
        set(rs, "/status/observedGeneration", generation);
        note_failure(rs, failure.as_ref(), &now);
    };
    world.edit_status(&REPLICASETS, key, next);
}

/// Creates what lacks or deletes what is too much. Returns the reason and message of a failure.
fn manage(world: &mut World, rs: &Value, active: &mut [Value]) -> Option<(&'static str, String)> {
    let wanted = int_or(rs, "/spec/replicas", 1);
    let diff = wanted - active.len() as i64;
    if diff > 0 {
        // Burst as the real one: 1, 2, 4 … and stop at the first refusal.
        let mut left = diff.min(500);
        let mut batch = 1;
        while left > 0 {
            for _ in 0..batch.min(left) {
                match pods::create(world, rs, ("apps/v1", "ReplicaSet"), "", |_| {}) {
                    Ok(pod) => {
                        let message = format!("Created pod: {}", text(&pod, "/metadata/name"));
                        world.event(rs, "Normal", "SuccessfulCreate", &message, COMPONENT);
                    }
                    Err(refusal) => {
                        let message = format!("Error creating: {}", refusal.message);
                        world.event(rs, "Warning", "FailedCreate", &message, COMPONENT);
                        world.at(world.now + super::json::secs(15), Work::ReplicaSet(Key::of(rs)));
                        return Some(("FailedCreate", refusal.message));
                    }
                }
            }
            left -= batch.min(left);
            batch *= 2;
        }
    } else if diff < 0 {
        pods::deletion_order(active);
        for pod in active.iter().take(usize::try_from(-diff).unwrap_or(0)) {
            pods::delete(world, pod);
            let message = format!("Deleted pod: {}", text(pod, "/metadata/name"));
            world.event(rs, "Normal", "SuccessfulDelete", &message, COMPONENT);
        }
    }
    None
}

fn note_failure(rs: &mut Value, failure: Option<&(&str, String)>, now: &str) {
    let had = list(rs, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "ReplicaFailure");
    match failure {
        Some((reason, message)) if !had => {
            let condition = json!({"type": "ReplicaFailure", "status": "True", "lastTransitionTime": now,
                "reason": reason, "message": message});
            set(rs, "/status/conditions", vec![condition]);
        }
        None if had => super::json::remove(rs, "/status/conditions"),
        _ => {}
    }
}
