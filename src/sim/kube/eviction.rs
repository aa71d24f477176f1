//! `POST pods/NAME/eviction`: deletes a pod if its disruption budget allows.

use super::http::Api;
use super::object::Object;
use super::resources::{PODDISRUPTIONBUDGETS, PODS};
use super::selector::label_selector_matches;
use super::status::Status;
use super::store::{Part, Writer};
use crate::sim::kube::object::put;
use serde_json::{Value, json};
use std::sync::Arc;

/// Evicts, or says why not.
///
/// The order of the checks is that of `pkg/registry/core/pod/storage/eviction.go`.
pub(crate) fn evict(api: &Api, pod: &Arc<Object>, body: &Value, dry_query: bool) -> Result<Value, Status> {
    let options = body.get("deleteOptions").cloned().unwrap_or_default();
    let dry = dry_query
        || options
            .get("dryRun")
            .and_then(Value::as_array)
            .is_some_and(|d| !d.is_empty());
    super::objects::check_preconditions(pod, &options)?;
    let ignores_budget =
        pod.meta.deleting || matches!(pod.meta.phase.as_deref(), Some("Succeeded" | "Failed" | "Pending"));
    if !ignores_budget {
        let budgets: Vec<Arc<Object>> = api
            .store
            .list(&PODDISRUPTIONBUDGETS, Some(&pod.meta.namespace))
            .into_iter()
            .filter(|b| covers(&b.value(), pod))
            .collect();
        match budgets.as_slice() {
            [] => {}
            [one] => check(api, one, pod, dry)?,
            _ => {
                return Err(Status::new(
                    500,
                    "InternalError",
                    "Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        }
    }
    if !dry {
        super::objects::remove(api, &PODS, pod, &options)?;
    }
    Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
}

fn covers(budget: &Value, pod: &Object) -> bool {
    // An empty selector of a budget selects every pod of the namespace (policy/v1).
    budget
        .pointer("/spec/selector")
        .is_some_and(|s| label_selector_matches(s, &pod.meta.labels))
}

fn check(api: &Api, budget: &Object, pod: &Object, dry: bool) -> Result<(), Status> {
    let value = budget.value();
    let number = |field: &str| {
        value
            .get("status")
            .and_then(|s| s.get(field))
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    let pod_value = pod.value();
    let ready = pod_value
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|l| {
            l.iter()
                .any(|c| c.get("type") == Some(&json!("Ready")) && c.get("status") == Some(&json!("True")))
        });
    if !ready {
        let always = value
            .pointer("/spec/unhealthyPodEvictionPolicy")
            .and_then(Value::as_str)
            == Some("AlwaysAllow");
        if always || (healthy >= desired && desired > 0) {
            return Ok(());
        }
    }
    if number("observedGeneration") < budget.meta.generation {
        let message = format!(
            "The disruption budget {} is still being processed by the server.",
            budget.meta.name
        );
        let mut status = too_many(&message);
        status.retry_after = Some(10);
        if let Some(details) = status.details.as_mut() {
            put(details, &["retryAfterSeconds"], json!(10));
        }
        return Err(status);
    }
    let allowed = number("disruptionsAllowed");
    if allowed < 0 {
        return Err(Status::forbidden(
            &PODDISRUPTIONBUDGETS,
            &budget.meta.name,
            "pdb disruptions allowed is negative",
        ));
    }
    if allowed == 0 {
        let message = format!(
            "The disruption budget {} needs {desired} healthy pods and has {healthy} currently",
            budget.meta.name
        );
        return Err(too_many(&message));
    }
    if !dry {
        let at = api.store.clock().rfc3339();
        let writer = Writer::new("kube-apiserver").through("status");
        let (namespace, name) = (&budget.meta.namespace, &budget.meta.name);
        api.store.edit(
            &PODDISRUPTIONBUDGETS,
            namespace,
            name,
            &writer,
            Part::Status,
            false,
            |v| {
                put(v, &["status", "disruptionsAllowed"], json!(allowed - 1));
                put(v, &["status", "disruptedPods", &*pod.meta.name], json!(at));
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn too_many(cause: &str) -> Status {
    let mut status = Status::new(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
    );
    status.details = Some(json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]}));
    status
}
