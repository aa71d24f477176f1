//! managedFields: who wrote which field last, and through what.

use super::mergekeys;
use super::store::Writer;
use crate::sim::kube::object::put;
use serde_json::{Map, Value, json};

/// Records in `after` that `by` wrote what differs from `before`. Other managers lose the fields whose value changed.
pub fn record(before: &Value, after: &mut Value, by: &Writer, now: &str) {
    let mut changed = difference(before, after, "");
    prune(&mut changed);
    let api = after.get("apiVersion").cloned().unwrap_or_default();
    let Some(meta) = after.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let mut entries = match meta.remove("managedFields") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let operation = if by.apply { "Apply" } else { "Update" };
    let is_mine = |e: &Value| {
        e.get("manager").and_then(Value::as_str) == Some(by.manager.as_str())
            && e.get("operation").and_then(Value::as_str) == Some(operation)
            && e.get("subresource").and_then(Value::as_str) == by.subresource
    };
    if has_fields(&changed) {
        for entry in &mut entries {
            if !is_mine(entry)
                && let Some(fields) = entry.get_mut("fieldsV1")
            {
                subtract(fields, &changed);
            }
        }
        entries.retain(|e| e.get("fieldsV1").is_none_or(has_fields));
        if let Some(mine) = entries.iter_mut().find(|e| is_mine(e)) {
            if let Some(fields) = mine.get_mut("fieldsV1") {
                union(fields, changed);
            }
            put(mine, &["time"], json!(now));
        } else {
            let mut entry = json!({
                "manager": by.manager, "operation": operation, "apiVersion": api,
                "time": now, "fieldsType": "FieldsV1", "fieldsV1": changed,
            });
            if let Some(subresource) = by.subresource {
                put(&mut entry, &["subresource"], json!(subresource));
            }
            entries.push(entry);
        }
    }
    // The server's order: applied fields first, then by time, then by name.
    entries.sort_by_cached_key(|e| {
        ["operation", "time", "manager", "subresource"]
            .map(|k| e.get(k).and_then(Value::as_str).unwrap_or_default().to_owned())
    });
    if !entries.is_empty() {
        meta.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

/// The fields of `after` that are not as in `before`, as a fieldsV1 tree.
fn difference(before: &Value, after: &Value, field: &str) -> Value {
    let mut out = Map::new();
    let Some(new) = after.as_object() else {
        return Value::Object(out);
    };
    for (k, v) in new {
        let old = before.get(k).unwrap_or(&Value::Null);
        if old == v {
            continue;
        }
        let below = match v {
            Value::Object(map) if !map.is_empty() && !is_atomic(k) => {
                let mut tree = difference(old, v, k);
                if old.is_null() && is_dotted(k) {
                    put(&mut tree, &["."], json!({}));
                }
                tree
            }
            Value::Array(list) => list_difference(old, list, field, k),
            _ => json!({}),
        };
        out.insert(format!("f:{k}"), below);
    }
    Value::Object(out)
}

fn list_difference(old: &Value, list: &[Value], parent: &str, field: &str) -> Value {
    let keys = mergekeys::keys_of(parent, field, list);
    if keys.is_empty() {
        return json!({});
    }
    let mut out = Map::new();
    if old.is_null() {
        out.insert(".".to_owned(), json!({}));
    }
    for item in list {
        let was = old
            .as_array()
            .and_then(|o| o.iter().find(|o| keys.iter().all(|k| o.get(*k) == item.get(*k))))
            .unwrap_or(&Value::Null);
        if was == item {
            continue;
        }
        let id: Map<String, Value> = keys
            .iter()
            .filter_map(|k| Some(((*k).to_owned(), item.get(*k)?.clone())))
            .collect();
        let tree = if field == "ownerReferences" {
            json!({})
        } else {
            let mut tree = difference(was, item, field);
            if was.is_null() {
                put(&mut tree, &["."], json!({}));
            }
            tree
        };
        out.insert(format!("k:{}", Value::Object(id)), tree);
    }
    Value::Object(out)
}

/// Maps whose presence counts as a field of its own.
fn is_dotted(field: &str) -> bool {
    !matches!(field, "metadata" | "spec" | "status" | "template")
}

/// Maps that are one field: selectors, references, node selectors.
fn is_atomic(field: &str) -> bool {
    matches!(
        field,
        "selector"
            | "nodeSelector"
            | "secretKeyRef"
            | "configMapKeyRef"
            | "fieldRef"
            | "resourceFieldRef"
            | "involvedObject"
            | "claimRef"
            | "loadBalancer"
    )
}

/// Takes out what nobody owns.
fn prune(tree: &mut Value) {
    let Some(map) = tree.as_object_mut() else { return };
    map.remove("f:apiVersion");
    map.remove("f:kind");
    if let Some(meta) = map.get_mut("f:metadata").and_then(Value::as_object_mut) {
        for name in [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "managedFields",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            meta.remove(&format!("f:{name}"));
        }
        if meta.is_empty() {
            map.remove("f:metadata");
        }
    }
}

fn has_fields(tree: &Value) -> bool {
    tree.as_object().is_some_and(|m| !m.is_empty())
}

fn union(into: &mut Value, from: Value) {
    let (Some(a), Value::Object(b)) = (into.as_object_mut(), from) else {
        return;
    };
    for (k, v) in b {
        union(a.entry(k).or_insert_with(|| json!({})), v);
    }
}

/// Removes the leaves of `what` from `tree`, and branches that thereby become empty.
fn subtract(tree: &mut Value, what: &Value) {
    let (Some(a), Some(b)) = (tree.as_object_mut(), what.as_object()) else {
        return;
    };
    for (k, below) in b {
        let Some(mine) = a.get_mut(k) else { continue };
        if has_fields(below) && has_fields(mine) {
            subtract(mine, below);
            if !has_fields(mine) {
                a.remove(k);
            }
        } else if !has_fields(below) && !has_fields(mine) {
            a.remove(k);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_moves_the_field_to_its_writer() {
        let first = Writer::new("helm");
        let mut made = json!({"apiVersion": "apps/v1", "metadata": {"name": "a"}, "spec": {"replicas": 1, "paused": false,
            "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}}}});
        record(&Value::Null, &mut made, &first, "t0");
        let mut scaled = made.clone();
        scaled["spec"]["replicas"] = json!(2);
        record(&made, &mut scaled, &Writer::new("kubectl").through("scale"), "t1");
        let entries = scaled["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(entries[1]["manager"], "kubectl");
        assert_eq!(entries[1]["subresource"], "scale");
        assert_eq!(entries[1]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert!(entries[0]["fieldsV1"]["f:spec"].get("f:replicas").is_none());
        assert!(
            entries[0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"c\"}"]["f:image"]
                .is_object()
        );
    }
}
