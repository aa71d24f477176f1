//! managedFields: who wrote which field last, and through what.

use super::store::Writer;
use super::{mergekeys, resources};
use crate::sim::kube::object::put;
use serde_json::{Map, Value, json};

/// Records in `after` that `by` wrote what differs from `before`. Other managers lose the fields whose value changed.
pub fn record(before: &Value, after: &mut Value, by: &Writer, now: &str) {
    let custom = after
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|api| resources::is_custom(api.split('/').next().unwrap_or_default()));
    let schema = Schema { custom };
    let mut changed = schema.difference(before, after, "");
    prune(&mut changed);
    if before.is_null()
        && let Some(map) = changed.as_object_mut()
    {
        // A new object has its empty status from nobody.
        map.remove("f:status");
    }
    let api = after.get("apiVersion").cloned().unwrap_or_default();
    if !after.get("metadata").is_some_and(Value::is_object) {
        return;
    }
    let kept = after.pointer_mut("/metadata/managedFields").map(Value::take);
    let mut entries = match kept {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    for fields in entries.iter_mut().filter_map(|e| e.get_mut("fieldsV1")) {
        forget_removed(fields, before, after);
    }
    // What is written through the scale subresource loses its time on the way to the object.
    let time = (by.subresource != Some("scale")).then(|| json!(now));
    let operation = if by.apply { "Apply" } else { "Update" };
    let is_mine = |e: &Value| {
        e.get("manager").and_then(Value::as_str) == Some(by.manager.as_str())
            && e.get("operation").and_then(Value::as_str) == Some(operation)
            && e.get("subresource").and_then(Value::as_str) == by.subresource
    };
    let has_changed = has_fields(&changed);
    if has_changed {
        for entry in &mut entries {
            if !is_mine(entry)
                && let Some(fields) = entry.get_mut("fieldsV1")
            {
                subtract(fields, &changed);
            }
        }
        if let Some(mine) = entries.iter_mut().find(|e| is_mine(e)) {
            if let Some(fields) = mine.get_mut("fieldsV1") {
                union(fields, changed);
            }
            if let Some(now) = &time {
                put(mine, &["time"], now.clone());
            }
        } else {
            let mut entry = json!({
                "manager": by.manager, "operation": operation, "apiVersion": api,
                "fieldsType": "FieldsV1", "fieldsV1": changed,
            });
            if let Some(now) = &time {
                put(&mut entry, &["time"], now.clone());
            }
            if let Some(subresource) = by.subresource {
                put(&mut entry, &["subresource"], json!(subresource));
            }
            entries.push(entry);
        }
    }
    entries.retain(|e| e.get("fieldsV1").is_none_or(has_fields));
    // The server's order: applied fields first, then by time, then by name. It counts the time of this write in fractions
    // of a second and those that it read back in whole ones, so this one comes after others of its second.
    entries.sort_by_cached_key(|e| {
        let text = |k: &str| e.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
        let fresh = if has_changed && time.is_some() && is_mine(e) {
            "+"
        } else {
            ""
        };
        (
            text("operation"),
            text("time") + fresh,
            text("manager"),
            text("subresource"),
        )
    });
    if let Some(meta) = after.get_mut("metadata").and_then(Value::as_object_mut) {
        if entries.is_empty() {
            meta.remove("managedFields");
        } else {
            meta.insert("managedFields".to_owned(), Value::Array(entries));
        }
    }
}

/// What is known of the fields of an object.
#[derive(Clone, Copy)]
struct Schema {
    /// Of a CustomResourceDefinition: its lists are one field each.
    custom: bool,
}

impl Schema {
    /// The fields of `after` that are not as in `before`, as a fieldsV1 tree.
    fn difference(self, before: &Value, after: &Value, field: &str) -> Value {
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
                    let mut tree = self.difference(old, v, k);
                    if old.is_null() && self.is_dotted(k) {
                        put(&mut tree, &["."], json!({}));
                    }
                    Some(tree).filter(|t| has_fields(t) || !old.is_object())
                }
                Value::Array(list) => {
                    let keys = mergekeys::keys_of(field, k, list);
                    if self.custom || keys.is_empty() {
                        Some(json!({}))
                    } else {
                        let tree = self.list_difference(old, list, keys, k);
                        Some(tree).filter(|t| has_fields(t) || !old.is_array())
                    }
                }
                _ => Some(json!({})),
            };
            // What only lost something has nothing that is the writer's.
            let Some(below) = below else { continue };
            out.insert(format!("f:{k}"), below);
        }
        Value::Object(out)
    }

    fn list_difference(self, old: &Value, list: &[Value], keys: &[&str], field: &str) -> Value {
        let mut out = Map::new();
        if old.is_null() && self.is_dotted(field) {
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
                let mut tree = self.difference(was, item, field);
                if was.is_null() {
                    put(&mut tree, &["."], json!({}));
                }
                tree
            };
            out.insert(format!("k:{}", Value::Object(id)), tree);
        }
        Value::Object(out)
    }

    /// Maps and lists whose presence counts as a field of its own. The others are there in every object.
    fn is_dotted(self, field: &str) -> bool {
        if self.custom {
            return field != "metadata";
        }
        !matches!(
            field,
            "metadata" | "spec" | "status" | "template" | "jobTemplate" | "containers" | "strategy" | "updateStrategy"
        )
    }
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

/// Takes out of an owner's fields what this write removed from the object.
fn forget_removed(fields: &mut Value, before: &Value, after: &Value) {
    let Some(map) = fields.as_object_mut() else { return };
    map.retain(|field, below| {
        let (Some(was), is) = (member(before, field), member(after, field)) else {
            return true;
        };
        let Some(is) = is else { return false };
        if !has_fields(below) {
            return true;
        }
        forget_removed(below, was, is);
        has_fields(below)
    });
}

/// What a step of a fieldsV1 tree names in an object.
fn member<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match step.split_once(':')? {
        ("f", name) => value.get(name),
        ("k", keys) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
            let fits = |item: &&Value| keys.iter().all(|(k, v)| item.get(k) == Some(v));
            value.as_array()?.iter().find(fits)
        }
        ("v", one) => {
            let one: Value = serde_json::from_str(one).ok()?;
            value.as_array()?.iter().find(|item| **item == one)
        }
        _ => None,
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
        // Without a time, so it comes first.
        assert_eq!(entries[0]["manager"], "kubectl");
        assert_eq!(entries[0]["subresource"], "scale");
        assert_eq!(entries[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert!(entries[1]["fieldsV1"]["f:spec"].get("f:replicas").is_none());
        assert!(
            entries[1]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"c\"}"]["f:image"]
                .is_object()
        );
    }

    #[test]
    fn what_a_write_takes_away_is_nobodys() {
        let mut made = json!({"apiVersion": "v1", "metadata": {"name": "n"}, "spec": {"podCIDR": "10.0.0.0/24"}});
        record(&Value::Null, &mut made, &Writer::new("kubelet"), "t0");
        let mut cordoned = made.clone();
        cordoned["spec"]["unschedulable"] = json!(true);
        record(&made, &mut cordoned, &Writer::new("kubectl"), "t1");
        let managers = |v: &Value| -> Vec<Value> {
            let entries = v["metadata"]["managedFields"].as_array().unwrap();
            entries.iter().map(|e| e["manager"].clone()).collect()
        };
        assert_eq!(managers(&cordoned), ["kubelet", "kubectl"]);
        let mut open = cordoned.clone();
        open["spec"].as_object_mut().unwrap().remove("unschedulable");
        record(&cordoned, &mut open, &Writer::new("kubectl"), "t2");
        assert_eq!(managers(&open), ["kubelet"]);
    }
}
