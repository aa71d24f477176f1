//! Revisions and the pod templates in them: which number, what differs, which pods are stuck on one.

use serde_json::{Map, Value};

use super::draft::change;
use super::object::{annotation, clean, field, int, items, label, owned_by, text};
use super::plan::FieldChange;
use super::set_image::short;

pub(super) const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// A pod of this owner and revision that is not ready.
pub(super) fn is_stuck(pod: &Value, owner_uid: &str, revision: &str) -> bool {
    owned_by(pod, owner_uid)
        && !revision.is_empty()
        && label(pod, "controller-revision-hash") == revision
        && field(pod, "/metadata/deletionTimestamp").is_null()
        && super::object::condition(pod, "Ready").is_none_or(|c| text(c, "/status") != "True")
}

/// The number at the end of a StatefulSet pod's name.
pub(super) fn ordinal(name: &str) -> Option<u32> {
    name.rsplit('-').next()?.parse().ok()
}

/// Number of a ReplicaSet (its annotation) or of a ControllerRevision; 0 when it has none.
pub(super) fn revision_of(r: &Value) -> u64 {
    int(r, "/revision").map_or_else(
        || annotation(r, "deployment.kubernetes.io/revision").parse().unwrap_or(0),
        |n| u64::try_from(n).unwrap_or(0),
    )
}

/// The pod template of a workload, a ReplicaSet or a ControllerRevision, without what controllers add to it.
pub(super) fn template_of(v: &Value) -> Value {
    let from_data = field(v, "/data/spec/template");
    let mut template = if from_data.is_null() {
        field(v, "/spec/template")
    } else {
        from_data
    }
    .clone();
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    if let Some(meta) = template.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        // `creationTimestamp: null` is how older servers write an empty time.
        meta.retain(|_, v| !v.is_null());
        if let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
    }
    template
}

/// What differs between two templates, in the operator's words. Values of the environment are not shown.
pub(super) fn template_changes(from: &Value, to: &Value) -> Vec<FieldChange> {
    let mut out = Vec::new();
    for list in ["containers", "initContainers"] {
        let at = format!("/spec/{list}");
        let mut names: Vec<&str> = items(from, &at)
            .chain(items(to, &at))
            .map(|c| text(c, "/name"))
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let one = |v: &Value| items(v, &at).find(|c| text(c, "/name") == name).cloned();
            match (one(from), one(to)) {
                (Some(a), Some(b)) => container_changes(name, &a, &b, &mut out),
                (Some(a), None) => out.push(change(
                    format!("container {name}"),
                    short(text(&a, "/image")),
                    "removed",
                )),
                (None, Some(b)) => out.push(change(format!("container {name}"), "none", short(text(&b, "/image")))),
                (None, None) => {}
            }
        }
    }
    for at in ["/metadata", "/spec"] {
        differ(at, field(from, at), field(to, at), &mut out);
    }
    out
}

fn container_changes(name: &str, a: &Value, b: &Value, out: &mut Vec<FieldChange>) {
    let empty = Map::new();
    let (a, b) = (a.as_object().unwrap_or(&empty), b.as_object().unwrap_or(&empty));
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let (x, y) = (a.get(key), b.get(key));
        if x == y {
            continue;
        }
        match key.as_str() {
            "image" => {
                let image = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or_default().to_owned();
                out.push(change(format!("image {name}"), image(x), image(y)));
            }
            // Names only: values may be secret.
            "env" => out.push(change(format!("env {name}"), env_names(x, y), env_names(y, x))),
            _ => out.push(change(format!("{key} {name}"), brief(x), brief(y))),
        }
    }
}

/// Names of variables that are not the same on the other side.
fn env_names(of: Option<&Value>, other: Option<&Value>) -> String {
    let list = |v: Option<&Value>| v.and_then(Value::as_array).cloned().unwrap_or_default();
    let others = list(other);
    let names: Vec<String> = list(of)
        .iter()
        .filter(|e| !others.contains(e))
        .map(|e| text(e, "/name").to_owned())
        .collect();
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    }
}

/// Differences outside of the containers, down to the keys of maps.
fn differ(at: &str, a: &Value, b: &Value, out: &mut Vec<FieldChange>) {
    if a == b {
        return;
    }
    let empty = Map::new();
    if !(a.is_object() || b.is_object()) {
        let name = at
            .trim_start_matches("/spec/")
            .trim_start_matches("/metadata/")
            .to_owned();
        out.push(change(name, brief(Some(a)), brief(Some(b))));
        return;
    }
    let (x, y) = (a.as_object().unwrap_or(&empty), b.as_object().unwrap_or(&empty));
    let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        if at == "/spec" && matches!(key.as_str(), "containers" | "initContainers") {
            continue;
        }
        let of = |m: &Map<String, Value>| m.get(key).cloned().unwrap_or(Value::Null);
        differ(&format!("{at}/{key}"), &of(x), &of(y), out);
    }
}

fn brief(v: Option<&Value>) -> String {
    let text = match v {
        None | Some(Value::Null) => return "none".to_owned(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    };
    let text = clean(&text);
    if text.chars().count() > 60 {
        text.chars().take(59).chain(['…']).collect()
    } else {
        text
    }
}

/// Annotations of the workload that the older revision had otherwise, minus those that belong to the revision itself.
pub(super) fn annotation_differences(object: &Value, wanted: &Value) -> Vec<String> {
    let skip = |k: &str| {
        k.starts_with("deployment.kubernetes.io/")
            || k == CHANGE_CAUSE
            || k == "kubectl.kubernetes.io/last-applied-configuration"
            || k == "deprecated.deployment.rollback.to"
    };
    let map = |v: &Value| {
        field(v, "/metadata/annotations")
            .as_object()
            .cloned()
            .unwrap_or_default()
    };
    let (now, then) = (map(object), map(wanted));
    let mut keys: Vec<String> = now.keys().chain(then.keys()).filter(|k| !skip(k)).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|k| now.get(k) != then.get(k));
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_a_template_is_told_without_the_values_of_the_environment() {
        let of = |image: &str, password: &str| {
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "web", "image": image, "env": [{"name": "PASSWORD", "value": password}]}]}})
        };
        let list = template_changes(&of("web:1", "hunter2"), &of("web:2", "swordfish"));
        assert_eq!(
            list,
            [
                change("env web", "PASSWORD", "PASSWORD"),
                change("image web", "web:1", "web:2"),
            ]
        );
        assert_eq!(template_changes(&of("web:1", "x"), &of("web:1", "x")), []);
    }

    #[test]
    fn what_controllers_add_to_a_template_does_not_count() {
        let rs = json!({"spec": {"template": {"metadata": {"creationTimestamp": null,
            "labels": {"app": "web", "pod-template-hash": "abc"}}, "spec": {}}}});
        let cr = json!({"revision": 3, "data": {"spec": {"template": {"$patch": "replace",
            "metadata": {"labels": {"app": "web"}}, "spec": {}}}}});
        assert_eq!(template_of(&rs), template_of(&cr));
        assert_eq!(revision_of(&cr), 3);
    }

    #[test]
    fn pods_of_a_stateful_set_go_by_number_not_by_text() {
        assert!(ordinal("db-10") > ordinal("db-9"));
    }
}
