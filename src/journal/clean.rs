//! What may be written: no control bytes, and of request bodies only what is known to be harmless.

use serde_json::{Map, Value};

/// Whether a character could steer a terminal or reorder what a reader sees: C0, DEL, C1, bidi and other format
/// controls, line separators.
const fn steers(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Strips every character that could steer a terminal. Line breaks and tabs become a space.
pub fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if steers(c) => None,
            c => Some(c),
        })
        .collect()
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
const KEPT: [&str; 29] = [
    "annotations",
    "apiVersion",
    "containers",
    "deleteOptions",
    "gracePeriodSeconds",
    "image",
    "initContainers",
    "kind",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/change-cause",
    "maxReplicas",
    "metadata",
    "minReplicas",
    "name",
    "namespace",
    "op",
    "path",
    "paused",
    "preconditions",
    "propagationPolicy",
    "replicas",
    "resourceVersion",
    "scaleTargetRef",
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
    fn escape_sequences_become_harmless_text() {
        let hostile = "a\u{1b}]52;c;ZXZpbA==\u{7}b\u{9b}31mc\u{202e}d\u{7f}e\nf\u{200b}";
        assert_eq!(clean(hostile), "a]52;c;ZXZpbA==b31mcde f");
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
