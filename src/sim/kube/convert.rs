//! The one kind with two versions: HorizontalPodAutoscaler v2 is stored, v1 is served too.

use super::resources::Resource;
use crate::sim::kube::object::put;
use serde_json::{Value, json};

/// An object in the version asked for.
pub(crate) fn from_stored(r: &Resource, version: &str, mut value: Value) -> Value {
    if r.key != "horizontalpodautoscalers.autoscaling" || version == r.version {
        return value;
    }
    put(&mut value, &["apiVersion"], json!("autoscaling/v1"));
    let cpu = |list: &Value, field: &str| {
        list.as_array().into_iter().flatten().find_map(|m| {
            (m.pointer("/resource/name").and_then(Value::as_str) == Some("cpu"))
                .then(|| m.pointer(&format!("/resource/{field}/averageUtilization")).cloned())
                .flatten()
        })
    };
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        let metrics = spec.remove("metrics").unwrap_or_default();
        spec.remove("behavior");
        if let Some(target) = cpu(&metrics, "target") {
            spec.insert("targetCPUUtilizationPercentage".to_owned(), target);
        }
    }
    if let Some(status) = value.get_mut("status").and_then(Value::as_object_mut) {
        let metrics = status.remove("currentMetrics").unwrap_or_default();
        status.remove("conditions");
        if let Some(now) = cpu(&metrics, "current") {
            status.insert("currentCPUUtilizationPercentage".to_owned(), now);
        }
    }
    value
}

/// An object that came in the version asked for, as it is stored. What v1 cannot say is taken from `stored`.
pub(crate) fn to_stored(r: &Resource, version: &str, mut value: Value, stored: Option<&Value>) -> Value {
    if r.key != "horizontalpodautoscalers.autoscaling" || version == r.version {
        return value;
    }
    put(&mut value, &["apiVersion"], json!("autoscaling/v2"));
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        let target = spec.remove("targetCPUUtilizationPercentage");
        let kept = stored.and_then(|s| s.get("spec"));
        if let Some(behavior) = kept.and_then(|s| s.get("behavior")) {
            spec.insert("behavior".to_owned(), behavior.clone());
        }
        let metrics = match (target, kept.and_then(|s| s.get("metrics"))) {
            (Some(target), _) => Some(json!([{"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": target}}}])),
            (None, kept) => kept.cloned(),
        };
        if let Some(metrics) = metrics {
            spec.insert("metrics".to_owned(), metrics);
        }
    }
    if let Some(status) = stored.and_then(|s| s.get("status")) {
        put(&mut value, &["status"], status.clone());
    }
    value
}
