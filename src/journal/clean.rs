//! What may be written: no control bytes, and of request bodies only what is known to be harmless.

use serde_json::{Map, Value};

/// Text without anything that could steer a terminal or mislead a reader.
pub(super) fn clean(text: &str) -> String {
    crate::text::clean(text).into_owned()
}

/// [`clean`] over every string within, keys included.
pub(super) fn clean_value(value: Value) -> Value {
    match value {
        Value::String(s) => Value::String(clean(&s)),
        Value::Array(list) => list.into_iter().map(clean_value).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (clean(&k), clean_value(v))).collect(),
        other => other,
    }
}

/// Keys whose values are kept; everything else of a body is left out (environment variables, arguments, whole specs).
const KEPT: [&str; 37] = [
    "annotations",
    "apiVersion",
    "containers",
    "cpu",
    "deleteOptions",
    "gracePeriodSeconds",
    "image",
    "initContainers",
    "jobs",
    "kind",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/change-cause",
    "limits",
    "maxReplicas",
    "memory",
    "metadata",
    "minReplicas",
    "name",
    "namespace",
    "op",
    "path",
    "paused",
    "preconditions",
    "prefix",
    "propagationPolicy",
    "replicas",
    "requests",
    "resourceVersion",
    "resources",
    "scaleTargetRef",
    "script",
    "spec",
    "status",
    "template",
    "uid",
    "unschedulable",
    "value",
];

/// A request body with only what is known to be harmless.
pub fn redact_body(body: &Value) -> Value {
    match body {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(k, _)| KEPT.contains(&k.as_str()))
                .map(|(k, v)| (k.clone(), redact_body(v)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(list) => list.iter().map(redact_body).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_fields_of_a_body_are_kept() {
        let body = serde_json::json!([{"op": "replace", "path": "/spec/template", "value": {"spec": {"containers": [
            {"name": "web", "image": "web:2", "env": [{"name": "PASSWORD", "value": "hunter2"}], "args": ["--token=x"]}
        ]}}}]);
        let kept = redact_body(&body);
        assert!(!kept.to_string().contains("hunter2") && !kept.to_string().contains("token"));
        assert_eq!(
            kept.pointer("/0/value/spec/containers/0/image"),
            Some(&Value::from("web:2"))
        );
    }
}
