//! Strategic merge patch: as a merge patch, but lists with a merge key are merged element by element.
//!
//! Directives: `$patch` (replace, delete, merge), `$deleteFromPrimitiveList/…`, `$retainKeys`; `$setElementOrder/…` is
//! honoured for the elements that it names.

use crate::sim::kube::mergekeys;
use serde_json::{Map, Value};

/// Merges `patch` into `target`.
pub fn apply(target: &mut Value, patch: &Value) {
    merge(target, patch, "");
}

fn merge(target: &mut Value, patch: &Value, field: &str) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(patch));
            return;
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    if let Some(Value::Array(retained)) = patch.get("$retainKeys") {
        map.retain(|k, _| retained.iter().any(|r| r.as_str() == Some(k)));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(have)), Value::Array(gone)) = (map.get_mut(list), value) {
                have.retain(|v| !gone.contains(v));
            }
        } else if key.starts_with('$') {
            // Orders are applied after the elements are there.
        } else if value.is_null() {
            map.remove(key);
        } else if let Value::Array(items) = value {
            merge_list(map, key, items, field);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value, key);
        }
    }
    for (key, order) in patch {
        if let (Some(list), Value::Array(order)) = (key.strip_prefix("$setElementOrder/"), order)
            && let Some(Value::Array(have)) = map.get_mut(list)
            && let Some(merge_key) = merge_key(field, list, order)
        {
            let place = |v: &Value| order.iter().position(|o| o.get(merge_key) == v.get(merge_key));
            have.sort_by_key(|v| place(v).unwrap_or(usize::MAX));
        }
    }
}

fn merge_key(parent: &str, field: &str, items: &[Value]) -> Option<&'static str> {
    if field == "ports" {
        let of_container = items.iter().any(|i| i.get("containerPort").is_some());
        return Some(if of_container { "containerPort" } else { "port" });
    }
    mergekeys::keys(parent, field).first().copied()
}

fn merge_list(map: &mut Map<String, Value>, field: &str, items: &[Value], parent: &str) {
    let clean = |v: &Value| {
        v.as_object()
            .map_or_else(|| v.clone(), |m| Value::Object(without_directives(m)))
    };
    let replaces = items
        .iter()
        .any(|i| i.as_object().is_some_and(|o| o.len() == 1 && o.get("$patch").is_some()));
    let key = merge_key(parent, field, items);
    let (Some(key), false) = (key, replaces) else {
        if field == "finalizers" && !replaces {
            let have = map.entry(field.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(have) = have {
                for item in items {
                    if !have.contains(item) {
                        have.push(item.clone());
                    }
                }
            }
            return;
        }
        let list = items.iter().filter(|i| i.get("$patch").is_none()).map(clean).collect();
        map.insert(field.to_owned(), Value::Array(list));
        return;
    };
    let have = map.entry(field.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    if !have.is_array() {
        *have = Value::Array(Vec::new());
    }
    let Value::Array(have) = have else { return };
    for item in items {
        let at = have
            .iter()
            .position(|h| h.get(key).is_some() && h.get(key) == item.get(key));
        match (item.get("$patch").and_then(Value::as_str), at) {
            (Some("delete"), Some(at)) => {
                have.remove(at);
            }
            (Some("delete"), None) => {}
            (_, Some(at)) => {
                if let Some(mine) = have.get_mut(at) {
                    merge(mine, item, field);
                }
            }
            (_, None) => {
                let mut fresh = Value::Object(Map::new());
                merge(&mut fresh, item, field);
                have.push(fresh);
            }
        }
    }
}

/// A copy without directives, at any depth.
fn without_directives(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter(|(k, v)| !k.starts_with('$') && !v.is_null())
        .map(|(k, v)| {
            let value = match v {
                Value::Object(m) => Value::Object(without_directives(m)),
                other => other.clone(),
            };
            (k.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_merge_by_name_and_a_replace_replaces_all() {
        let mut v = json!({"spec": {"template": {"metadata": {"annotations": {"old": "1"}}, "spec": {"containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["1", "2"]},
            {"name": "b", "image": "b:1"}]}}}});
        apply(
            &mut v,
            &json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [
            {"name": "a", "image": "a:2", "env": [{"name": "X", "$patch": "delete"}, {"name": "Z", "value": "3"}], "args": ["3"]}]}}}}),
        );
        let containers = &v["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers[0], json!({"name": "b", "image": "b:1"}));
        assert_eq!(containers[1]["image"], "a:2");
        assert_eq!(
            containers[1]["env"],
            json!([{"name": "Y", "value": "2"}, {"name": "Z", "value": "3"}])
        );
        assert_eq!(containers[1]["args"], json!(["3"]));
        apply(
            &mut v,
            &json!({"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"name": "c"}]}}}}),
        );
        assert_eq!(v["spec"]["template"], json!({"spec": {"containers": [{"name": "c"}]}}));
    }
}
