//! What the server refuses to store: wrong types, and the rules that operators run into.

use super::gotype;
use super::resources::Resource;
use super::status::{Cause, Status};
use k8s_openapi::api;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn typed<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    T::deserialize(value).map(|_| ()).map_err(|e| e.to_string())
}

/// Checks that every field has its type.
pub(crate) fn types(r: &Resource, value: &Value) -> Result<(), String> {
    if !value.get("metadata").is_some_and(Value::is_object) {
        return Err("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta".to_owned());
    }
    let check = |value: &Value| fits(r, value);
    check(value).map_err(|why| gotype::error(r.kind, value, check, &why))
}

fn fits(r: &Resource, value: &Value) -> Result<(), String> {
    match r.key {
        "pods" => typed::<api::core::v1::Pod>(value),
        "services" => typed::<api::core::v1::Service>(value),
        "namespaces" => typed::<api::core::v1::Namespace>(value),
        "nodes" => typed::<api::core::v1::Node>(value),
        "events" => typed::<api::core::v1::Event>(value),
        "configmaps" => typed::<api::core::v1::ConfigMap>(value),
        "secrets" => typed::<api::core::v1::Secret>(value),
        "resourcequotas" => typed::<api::core::v1::ResourceQuota>(value),
        "deployments.apps" => typed::<api::apps::v1::Deployment>(value),
        "replicasets.apps" => typed::<api::apps::v1::ReplicaSet>(value),
        "statefulsets.apps" => typed::<api::apps::v1::StatefulSet>(value),
        "daemonsets.apps" => typed::<api::apps::v1::DaemonSet>(value),
        "horizontalpodautoscalers.autoscaling" => typed::<api::autoscaling::v2::HorizontalPodAutoscaler>(value),
        "poddisruptionbudgets.policy" => typed::<api::policy::v1::PodDisruptionBudget>(value),
        "jobs.batch" => typed::<api::batch::v1::Job>(value),
        "cronjobs.batch" => typed::<api::batch::v1::CronJob>(value),
        "ingresses.networking.k8s.io" => typed::<api::networking::v1::Ingress>(value),
        _ => Ok(()),
    }
}

/// 422 for a patch whose result has a wrong type. It names no object, as the server's own does not.
pub(crate) fn wrong_type(result: &Value, why: &str) -> Status {
    let message = format!("Invalid value: {:?}: {why}", result.to_string());
    Status::invalid(
        "",
        "",
        "",
        &[Cause {
            reason: "FieldValueInvalid",
            message,
            field: "patch".to_owned(),
        }],
    )
}

struct Causes(Vec<Cause>);

impl Causes {
    fn invalid(&mut self, field: &str, value: &str, why: &str) {
        let message = format!("Invalid value: {value}: {why}");
        self.0.push(Cause {
            reason: "FieldValueInvalid",
            message,
            field: field.to_owned(),
        });
    }

    fn required(&mut self, field: &str, why: &str) {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        self.0.push(Cause {
            reason: "FieldValueRequired",
            message,
            field: field.to_owned(),
        });
    }

    fn forbidden(&mut self, field: &str, why: &str) {
        self.0.push(Cause {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
            field: field.to_owned(),
        });
    }

    fn not_negative(&mut self, value: &Value, pointer: &str) {
        if let Some(n) = value.pointer(pointer).and_then(Value::as_i64).filter(|n| *n < 0) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            self.invalid(&field, &n.to_string(), "must be greater than or equal to 0");
        }
    }
}

/// Checks the rules; `old` is the stored object on an update.
pub(crate) fn object(r: &Resource, new: &Value, old: Option<&Value>) -> Result<(), Status> {
    let mut causes = Causes(Vec::new());
    let name = new
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if old.is_none() && !is_name(name) {
        causes.invalid("metadata.name", &format!("{name:?}"), "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
    }
    match r.key {
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            workload(r, new, old, &mut causes);
        }
        "jobs.batch" => {
            template(new, "/spec/template", &mut causes);
            if let Some(old) = old
                && old.pointer("/spec/template") != new.pointer("/spec/template")
                && old.pointer("/spec/suspend") != Some(&Value::Bool(true))
            {
                causes.invalid("spec.template", "{}", "field is immutable");
            }
        }
        "cronjobs.batch" => template(new, "/spec/jobTemplate/spec/template", &mut causes),
        "pods" => pod(new, old, &mut causes),
        "horizontalpodautoscalers.autoscaling" => autoscaler(new, &mut causes),
        "poddisruptionbudgets.policy" => {
            let has = |f: &str| new.pointer(&format!("/spec/{f}")).is_some();
            if has("minAvailable") && has("maxUnavailable") {
                causes.invalid("spec", "{}", "minAvailable and maxUnavailable cannot be both set");
            }
        }
        "configmaps" | "secrets"
            if old.and_then(|o| o.get("immutable")) == Some(&Value::Bool(true))
                && old.and_then(|o| o.get("data")) != new.get("data") =>
        {
            causes.forbidden("data", "field is immutable when `immutable` is set");
        }
        _ => {}
    }
    if causes.0.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(r.group, r.kind, name, &causes.0))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

fn workload(r: &Resource, new: &Value, old: Option<&Value>, causes: &mut Causes) {
    causes.not_negative(new, "/spec/replicas");
    template(new, "/spec/template", causes);
    let spec = |v: &Value, f: &str| v.pointer(&format!("/spec/{f}")).cloned();
    if let (Some(selector), Some(labels)) = (
        new.pointer("/spec/selector/matchLabels").and_then(Value::as_object),
        new.pointer("/spec/template/metadata/labels"),
    ) && selector.iter().any(|(k, v)| labels.get(k) != Some(v))
    {
        causes.invalid(
            "spec.template.metadata.labels",
            &labels.to_string(),
            "`selector` does not match template `labels`",
        );
    }
    let Some(old) = old else { return };
    if r.kind == "StatefulSet" {
        const FREE: &[&str] = &[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ];
        let fixed = |v: &Value| {
            let mut spec = v.get("spec").cloned().unwrap_or_default();
            if let Some(map) = spec.as_object_mut() {
                map.retain(|k, _| !FREE.contains(&k.as_str()));
            }
            spec
        };
        if fixed(old) != fixed(new) {
            causes.forbidden("spec", "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
        }
    } else if spec(old, "selector") != spec(new, "selector") {
        let shown = spec(new, "selector").unwrap_or_default().to_string();
        causes.invalid("spec.selector", &shown, "field is immutable");
    }
}

fn template(new: &Value, pointer: &str, causes: &mut Causes) {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    let spec = new.pointer(pointer).and_then(|t| t.get("spec"));
    containers(spec.unwrap_or(&Value::Null), &format!("{field}.spec"), causes);
}

fn containers(spec: &Value, field: &str, causes: &mut Causes) {
    let all = spec
        .get("containers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        causes.required(&format!("{field}.containers"), "");
    }
    let mut seen: Vec<&str> = Vec::new();
    for (i, c) in all.iter().enumerate() {
        let at = format!("{field}.containers[{i}]");
        let text = |k: &str| c.get(k).and_then(Value::as_str).unwrap_or_default();
        if text("name").is_empty() {
            causes.required(&format!("{at}.name"), "");
        } else if seen.contains(&text("name")) {
            causes.0.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: {:?}", text("name")),
                field: format!("{at}.name"),
            });
        }
        seen.push(text("name"));
        if text("image").trim().is_empty() {
            causes.required(&format!("{at}.image"), "");
        }
        resources(c, &at, causes);
    }
}

fn resources(container: &Value, at: &str, causes: &mut Causes) {
    let part = |p: &str| container.pointer(&format!("/resources/{p}")).and_then(Value::as_object);
    for (section, list) in [("limits", part("limits")), ("requests", part("requests"))] {
        for (resource, value) in list.into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if quantity(&text).is_none() {
                causes.invalid(
                    &format!("{at}.resources.{section}.{resource}"),
                    &format!("{text:?}"),
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                );
            }
        }
    }
    for (resource, request) in part("requests").into_iter().flatten() {
        let Some(limit) = part("limits").and_then(|l| l.get(resource)) else {
            continue;
        };
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let (request, limit) = (text(request), text(limit));
        if let (Some(r), Some(l)) = (quantity(&request), quantity(&limit))
            && r > l
        {
            let why = format!("must be less than or equal to {resource} limit of {limit}");
            causes.invalid(&format!("{at}.resources.requests"), &format!("{request:?}"), &why);
        }
    }
}

fn pod(new: &Value, old: Option<&Value>, causes: &mut Causes) {
    containers(new.get("spec").unwrap_or(&Value::Null), "spec", causes);
    let Some(old) = old else { return };
    let fixed = |v: &Value| {
        let mut spec = v.get("spec").cloned().unwrap_or_default();
        if let Some(map) = spec.as_object_mut() {
            for free in ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"] {
                map.remove(free);
            }
            for list in ["containers", "initContainers"] {
                for c in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Some(c) = c.as_object_mut() {
                        c.remove("image");
                    }
                }
            }
        }
        spec
    };
    if fixed(old) != fixed(new) {
        causes.forbidden("spec", "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
    }
}

fn autoscaler(new: &Value, causes: &mut Causes) {
    let max = new.pointer("/spec/maxReplicas").and_then(Value::as_i64).unwrap_or(0);
    let min = new.pointer("/spec/minReplicas").and_then(Value::as_i64);
    if let Some(min) = min.filter(|m| *m < 1) {
        causes.invalid(
            "spec.minReplicas",
            &min.to_string(),
            "must be greater than or equal to 1",
        );
    }
    if max < 1 {
        causes.invalid("spec.maxReplicas", &max.to_string(), "must be greater than 0");
    }
    if min.is_some_and(|m| max < m) {
        causes.invalid(
            "spec.maxReplicas",
            &max.to_string(),
            "must be greater than or equal to `minReplicas`",
        );
    }
}

/// 422 for a Scale with a negative count.
pub(crate) fn scale(name: &str, replicas: i64) -> Result<(), Status> {
    if replicas >= 0 {
        return Ok(());
    }
    let message = format!("Invalid value: {replicas}: must be greater than or equal to 0");
    let cause = Cause {
        reason: "FieldValueInvalid",
        message,
        field: "spec.replicas".to_owned(),
    };
    Err(Status::invalid("autoscaling", "Scale", name, &[cause]))
}

/// The value of a quantity as `500m`, `2Gi`, `1e3`; `None` when it is none.
pub fn quantity(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(u, f)| text.strip_suffix(u).map(|d| (d, *f)))
        .unwrap_or((text, 1.0));
    let first = digits.trim_start_matches(['+', '-']).chars().next()?;
    (first.is_ascii_digit() || first == '.')
        .then(|| digits.parse::<f64>().ok().map(|n| n * unit))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::resources::{DEPLOYMENTS, HORIZONTALPODAUTOSCALERS};
    use serde_json::json;

    #[test]
    fn refusals_name_the_field_and_the_reason() {
        assert_eq!(quantity("9Gi"), Some(9.0 * 1_073_741_824.0));
        assert_eq!(quantity("nan"), None);
        let hpa = json!({"metadata": {"name": "h"}, "spec": {"minReplicas": 20, "maxReplicas": 10}});
        assert_eq!(
            object(&HORIZONTALPODAUTOSCALERS, &hpa, Some(&hpa)).unwrap_err().message,
            "HorizontalPodAutoscaler.autoscaling \"h\" is invalid: spec.maxReplicas: Invalid value: 10: must be greater than or equal to `minReplicas`"
        );
        let d = json!({"metadata": {"name": "d"}, "spec": {"replicas": "three"}});
        assert!(types(&DEPLOYMENTS, &d).is_err());
    }
}
