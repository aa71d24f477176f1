//! KEDA's operator: a ScaledObject has an HPA, and whatever else is written into that HPA does not last.

use super::json::{int_or, list, set, set_path, stamp, text};
use super::{Key, World};
use crate::sim::kube::Writer;
use crate::sim::kube::resources::{HORIZONTALPODAUTOSCALERS, SCALEDOBJECTS};
use serde_json::{Value, json};

const MANAGER: &str = "keda-operator";
/// KEDA's default of `maxReplicaCount`.
const MOST: i64 = 100;

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(object) = world.get(&SCALEDOBJECTS, key) else {
        return;
    };
    let hpa = Key::new(&key.ns, &format!("keda-hpa-{}", key.name));
    let wanted = spec(key, &object);
    let by = Writer::new(MANAGER);
    match world.get(&HORIZONTALPODAUTOSCALERS, &hpa) {
        None => {
            let mut made = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "status": {},
                "metadata": {"name": hpa.name, "namespace": key.ns,
                    "labels": {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/name": hpa.name,
                        "scaledobject.keda.sh/name": key.name},
                    "ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": key.name,
                        "uid": text(&object, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true}]}});
            set(&mut made, "/spec", wanted);
            if let Err(refusal) = world.store.create(&HORIZONTALPODAUTOSCALERS, made, &by) {
                tracing::warn!(%refusal, "the HPA of a ScaledObject was refused");
            }
        }
        Some(now) if bounds(&now) != bounds(&json!({"spec": wanted})) => {
            let _ = world
                .store
                .update(&HORIZONTALPODAUTOSCALERS, &hpa.ns, &hpa.name, &by, |h| {
                    for field in BOUNDS {
                        set_path(h, &["spec", field], wanted.get(field).cloned().unwrap_or_default());
                    }
                });
        }
        Some(_) => {}
    }
    if text(&object, "/status/hpaName") != hpa.name {
        let at = stamp(world.now);
        let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at});
        let conditions = json!([
            condition(
                "Ready",
                "True",
                "ScaledObjectReady",
                "ScaledObject is defined correctly and is ready for scaling"
            ),
            condition(
                "Active",
                "True",
                "ScalerActive",
                "Scaling is performed because triggers are active"
            ),
            condition(
                "Paused",
                "False",
                "ScaledObjectUnpaused",
                "pause annotation removed for ScaledObject"
            ),
        ]);
        world.edit_status_as(MANAGER, &SCALEDOBJECTS, key, |o| {
            set_path(
                o,
                &["status"],
                json!({"hpaName": hpa.name, "conditions": conditions,
                "scaleTargetKind": "apps/v1.Deployment", "originalReplicaCount": 4}),
            );
        });
    }
}

const BOUNDS: [&str; 2] = ["minReplicas", "maxReplicas"];

/// The bounds of an HPA.
fn bounds(hpa: &Value) -> [i64; 2] {
    BOUNDS.map(|field| int_or(hpa, &format!("/spec/{field}"), 1))
}

/// The HPA's spec, as KEDA makes it.
fn spec(key: &Key, object: &Value) -> Value {
    let least = int_or(object, "/spec/minReplicaCount", 0).max(1);
    let most = int_or(object, "/spec/maxReplicaCount", MOST);
    let metrics: Vec<Value> = list(object, "/spec/triggers")
        .iter()
        .enumerate()
        .map(|(n, trigger)| {
            let name = format!(
                "s{n}-{}-{}",
                text(trigger, "/type"),
                text(trigger, "/metadata/listName").replace(':', "-")
            );
            json!({"type": "External", "external": {
                "metric": {"name": name, "selector": {"matchLabels": {"scaledobject.keda.sh/name": key.name}}},
                "target": {"type": "AverageValue", "averageValue": text(trigger, "/metadata/listLength")}}})
        })
        .collect();
    json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": text(object, "/spec/scaleTargetRef/name")},
        "minReplicas": least, "maxReplicas": most, "metrics": metrics,
    })
}
