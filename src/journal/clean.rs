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

/// First words of fields whose values are kept: sizes, names, versions and states. Of every other field (arguments,
/// commands, annotations, keys of a ConfigMap) only the name is.
const SHOWN: [&str; 38] = [
    "calls",
    "canary",
    "certificate",
    "change",
    "condition",
    "container",
    "cordoned",
    "cpu",
    "dead",
    "env",
    "failed",
    "image",
    "index",
    "job",
    "keys",
    "limits",
    "maxReplicas",
    "memory",
    "minReplicas",
    "node",
    "paused",
    "pod",
    "pods",
    "queue",
    "replicas",
    "requests",
    "resources",
    "restarted",
    "revision",
    "schedulable",
    "selector",
    "session",
    "silence",
    "statement",
    "statistics",
    "unschedulable",
    "version",
    "weight",
];

/// A field's value as it may stand on record; `any`: its name says nothing of what it holds.
pub fn redact_field(any: bool, field: &str, value: &str) -> Value {
    let word = field.split([' ', '.']).next().unwrap_or_default();
    if SHOWN.contains(&word) && !any {
        Value::from(value)
    } else if value.is_empty() || value == "none" {
        Value::from("none")
    } else {
        Value::from("(not kept)")
    }
}

/// What a server says of a value that it refuses, without the value: it may be anything.
pub(super) fn hush(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("nvalid value: ") {
        out.push_str(before);
        out.push_str("nvalid value: ");
        rest = after;
        if let Some(quoted) = after.strip_prefix('"') {
            // The server writes it as Go does: a quote within is escaped.
            let mut escaped = false;
            let end = quoted.char_indices().find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            out.push_str("(not kept)");
            rest = end.and_then(|(at, _)| quoted.get(at + 1..)).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_a_server_refuses_is_not_kept_and_the_rest_of_its_sentence_is() {
        let said = r#"env[0].value: Invalid value: "hun\"ter2": too short, args: Invalid value: 7: no"#;
        assert_eq!(
            hush(said),
            "env[0].value: Invalid value: (not kept): too short, args: Invalid value: 7: no"
        );
        assert!(!hush(r#"Invalid value: "hunter2"#).contains("hunter2"));
        assert_eq!(hush("plain"), "plain");
    }

    #[test]
    fn of_a_field_that_is_not_known_only_its_name_is_kept() {
        assert_eq!(redact_field(false, "replicas", "2"), "2");
        assert_eq!(redact_field(false, "image web", "web:1"), "web:1");
        assert_eq!(redact_field(false, "args web", "--token=x"), "(not kept)");
        assert_eq!(redact_field(false, "metadata/annotations/note", "x"), "(not kept)");
        assert_eq!(redact_field(false, "args web", "none"), "none");
        assert_eq!(redact_field(true, "image", "x"), "(not kept)", "a key of a ConfigMap");
    }

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
