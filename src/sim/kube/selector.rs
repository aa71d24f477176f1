//! Label and field selectors.

use super::object::Object;
use super::status::Status;
use serde_json::Value;

/// What a list or watch lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Parses both selectors of a request.
    pub fn parse(resource: &str, labels: Option<&str>, fields: Option<&str>) -> Result<Self, Status> {
        let mut selector = Self::default();
        for part in split_outside_brackets(labels.unwrap_or_default()) {
            selector.labels.push(requirement(part.trim())?);
        }
        for part in fields.unwrap_or_default().split(',').filter(|p| !p.is_empty()) {
            let (key, value, equal) = if let Some((k, v)) = part.split_once("!=") {
                (k, v, false)
            } else if let Some((k, v)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (k, v, true)
            } else {
                let message = format!(
                    "Unable to find \"/v1, Resource={resource}\" that match label selector \"\", field selector \"{part}\": invalid field selector: '{part}'; can't understand '{part}'"
                );
                return Err(Status::bad_request(message));
            };
            if !supported(resource, key) {
                return Err(Status::bad_request(format!("field label not supported: {key}")));
            }
            selector.fields.push((key.to_owned(), value.to_owned(), equal));
        }
        Ok(selector)
    }

    /// Everything passes.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object passes.
    pub fn matches(&self, object: &Object) -> bool {
        let label = |k: &str| object.meta.label(k);
        let labels = self.labels.iter().all(|r| match r {
            Requirement::In(k, set) => label(k).is_some_and(|v| set.iter().any(|s| s == v)),
            Requirement::NotIn(k, set) => label(k).is_none_or(|v| set.iter().all(|s| s != v)),
            Requirement::Exists(k) => label(k).is_some(),
            Requirement::Absent(k) => label(k).is_none(),
        });
        if !labels {
            return false;
        }
        let mut parsed: Option<Value> = None;
        self.fields.iter().all(|(key, wanted, equal)| {
            let is = match key.as_str() {
                "metadata.name" => &*object.meta.name == wanted,
                "metadata.namespace" => &*object.meta.namespace == wanted,
                "spec.nodeName" => object.meta.node_name.as_deref().unwrap_or_default() == wanted,
                "status.phase" => object.meta.phase.as_deref().unwrap_or_default() == wanted,
                other => {
                    let value = parsed.get_or_insert_with(|| object.value());
                    text_at(value, other) == *wanted
                }
            };
            is == *equal
        })
    }
}

fn text_at(value: &Value, path: &str) -> String {
    // Events name their reporter `source`, in the selector as in the old API.
    let path = if path == "source" { "source.component" } else { path };
    let mut at = value;
    for step in path.split('.') {
        at = at.get(step).unwrap_or(&Value::Null);
    }
    match at {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn supported(resource: &str, key: &str) -> bool {
    if matches!(key, "metadata.name" | "metadata.namespace") {
        return true;
    }
    match resource {
        "pods" => {
            matches!(
                key,
                "spec.nodeName"
                    | "spec.restartPolicy"
                    | "spec.schedulerName"
                    | "spec.serviceAccountName"
                    | "spec.hostNetwork"
                    | "status.phase"
                    | "status.podIP"
                    | "status.nominatedNodeName"
            )
        }
        "events" => {
            key.starts_with("involvedObject.") || matches!(key, "reason" | "type" | "source" | "reportingComponent")
        }
        "nodes" => key == "spec.unschedulable",
        "namespaces" => key == "status.phase",
        "secrets" => key == "type",
        "jobs" => key == "status.successful",
        "replicasets" => key == "status.replicas",
        _ => false,
    }
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts.retain(|p| !p.trim().is_empty());
    parts
}

fn requirement(text: &str) -> Result<Requirement, Status> {
    let one = |v: &str| vec![v.trim().to_owned()];
    let key = |k: &str| k.trim().to_owned();
    if let Some((k, rest)) = text.split_once('(') {
        let set: Vec<String> = rest
            .trim_end_matches(')')
            .split(',')
            .map(|v| v.trim().to_owned())
            .collect();
        let mut words = k.split_whitespace();
        return match (words.next(), words.next()) {
            (Some(k), Some("in")) => Ok(Requirement::In(k.to_owned(), set)),
            (Some(k), Some("notin")) => Ok(Requirement::NotIn(k.to_owned(), set)),
            _ => Err(bad(text)),
        };
    }
    if let Some((k, v)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(key(k), one(v)));
    }
    if let Some((k, v)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(key(k), one(v)));
    }
    if let Some(k) = text.strip_prefix('!') {
        return Ok(Requirement::Absent(key(k)));
    }
    if text.split_whitespace().count() > 1 {
        return Err(bad(text));
    }
    Ok(Requirement::Exists(key(text)))
}

fn bad(text: &str) -> Status {
    Status::bad_request(format!(
        "unable to parse requirement: found '{text}', expected: in, notin, =, ==, !=, gt, lt"
    ))
}

/// A `metav1.LabelSelector` against labels. An empty selector matches everything, an absent one nothing.
pub fn label_selector_matches(selector: &Value, labels: &[(Box<str>, Box<str>)]) -> bool {
    let Some(selector) = selector.as_object() else {
        return false;
    };
    let label = |k: &str| labels.iter().find(|(key, _)| &**key == k).map(|(_, v)| &**v);
    let all = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut expressions = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let text = |v: &Value, k: &str| v.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
    all.into_iter().all(|(k, v)| label(k) == v.as_str())
        && expressions.all(|e| {
            let found = label(&text(e, "key"));
            let listed = e
                .get("values")
                .and_then(Value::as_array)
                .is_some_and(|l| l.iter().any(|v| v.as_str() == found));
            match text(e, "operator").as_str() {
                "In" => found.is_some() && listed,
                "NotIn" => found.is_none() || !listed,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// A `metav1.LabelSelector` as one line, as tables and the scale subresource print it.
pub fn format_label_selector(selector: &Value) -> String {
    let mut parts: Vec<String> = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    for e in selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |k: &str| e.get(k).and_then(Value::as_str).unwrap_or_default();
        let values: Vec<&str> = e
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        parts.push(match text("operator") {
            "Exists" => text("key").to_owned(),
            "DoesNotExist" => format!("!{}", text("key")),
            op => format!("{} {} ({})", text("key"), op.to_lowercase(), values.join(",")),
        });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::resources::PODS;
    use serde_json::json;

    #[test]
    fn selectors_choose_as_the_server_does() {
        let pod = Object::new(
            &PODS,
            json!({"metadata": {"name": "a", "namespace": "n", "labels": {"app": "x", "tier": "web"}},
            "status": {"phase": "Running", "podIP": "10.0.0.1"}}),
        );
        let yes = |l: Option<&str>, f: Option<&str>| Selector::parse("pods", l, f).unwrap().matches(&pod);
        assert!(yes(
            Some("app=x,tier in (web, api),!gone"),
            Some("status.phase=Running")
        ));
        assert!(yes(Some("app!=y,tier"), Some("status.podIP=10.0.0.1,metadata.name!=b")));
        assert!(!yes(Some("tier notin (web)"), None));
        assert!(!yes(None, Some("status.phase!=Running")));
        assert_eq!(
            Selector::parse("pods", None, Some("spec.nothing=x"))
                .unwrap_err()
                .message,
            "field label not supported: spec.nothing"
        );
    }
}
