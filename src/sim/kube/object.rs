//! One stored object: its JSON bytes, and beside them the few fields that lists and controllers choose by.

use super::resources::Resource;
use hyper::body::Bytes;
use serde_json::{Map, Value};

/// An object as stored. Never changed: a write puts a new one in its place.
#[derive(Debug)]
pub struct Object {
    /// What it is.
    pub resource: &'static Resource,
    /// The fields that are asked for often.
    pub meta: Meta,
    /// Compact JSON of the whole object, `kind` and `apiVersion` first, managedFields in.
    pub raw: Bytes,
}

/// The fields of an object that are read without parsing it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// `metadata.name`
    pub name: Box<str>,
    /// `metadata.namespace`; empty when the kind has none.
    pub namespace: Box<str>,
    /// `metadata.uid`
    pub uid: Box<str>,
    /// `metadata.resourceVersion`
    pub resource_version: u64,
    /// `metadata.generation`; 0 when the kind has none.
    pub generation: i64,
    /// `metadata.labels`, sorted by key.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// Uids of all owners.
    pub owners: Box<[Box<str>]>,
    /// Uid of the controlling owner.
    pub controller: Option<Box<str>>,
    /// `spec.nodeName` of a pod.
    pub node_name: Option<Box<str>>,
    /// `status.phase`
    pub phase: Option<Box<str>>,
    /// Has a `metadata.deletionTimestamp`.
    pub deleting: bool,
}

impl Meta {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }

    /// The place in its table: `namespace/name`, ordered as etcd orders.
    pub fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }

    fn of(value: &Value) -> Self {
        let m = value.get("metadata");
        let text = |v: Option<&Value>, k: &str| -> Box<str> {
            v.and_then(|v| v.get(k))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .into()
        };
        let optional = |part: &str, k: &str| -> Option<Box<str>> {
            value
                .get(part)?
                .get(k)?
                .as_str()
                .filter(|s| !s.is_empty())
                .map(Into::into)
        };
        let owners = m
            .and_then(|m| m.get("ownerReferences"))
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        Self {
            name: text(m, "name"),
            namespace: text(m, "namespace"),
            uid: text(m, "uid"),
            resource_version: text(m, "resourceVersion").parse().unwrap_or(0),
            generation: m.and_then(|m| m.get("generation")).and_then(Value::as_i64).unwrap_or(0),
            labels: m
                .and_then(|m| m.get("labels"))
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.as_str().into(), v.as_str().unwrap_or_default().into()))
                .collect(),
            owners: owners.iter().map(|o| text(Some(o), "uid")).collect(),
            controller: owners
                .iter()
                .find(|o| o.get("controller").and_then(Value::as_bool) == Some(true))
                .map(|o| text(Some(o), "uid")),
            node_name: optional("spec", "nodeName"),
            phase: optional("status", "phase"),
            deleting: m.and_then(|m| m.get("deletionTimestamp")).is_some_and(|t| !t.is_null()),
        }
    }
}

impl Object {
    /// Makes an object of a value; `kind` and `apiVersion` are the resource's.
    pub fn new(resource: &'static Resource, mut value: Value) -> Self {
        let meta = Meta::of(&value);
        if let Some(map) = value.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        let rest = serde_json::to_vec(&value).unwrap_or_else(|_| b"{}".to_vec());
        let mut raw = resource.prefix().into_bytes();
        // `rest` begins with a brace; what follows it joins the prefix with a comma, or closes an empty object.
        match rest.get(1..) {
            Some(tail) if tail.len() > 1 => {
                raw.push(b',');
                raw.extend_from_slice(tail);
            }
            _ => raw.push(b'}'),
        }
        Self {
            resource,
            meta,
            raw: Bytes::from(raw),
        }
    }

    /// The whole object, parsed.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap_or_else(|_| Value::Object(Map::new()))
    }

    /// The bytes without `kind` and `apiVersion`, as a list of built-in kinds carries them, in two pieces.
    pub fn list_item(&self) -> (&'static [u8], &[u8]) {
        (b"{", self.raw.get(self.resource.prefix().len() + 1..).unwrap_or(b"}"))
    }
}

/// Puts a value at a path of keys; what is on the way and no object becomes one.
pub(crate) fn put(value: &mut Value, path: &[&str], to: Value) {
    let Some((last, way)) = path.split_last() else { return };
    let mut at = value;
    for step in way {
        at = child(at, step);
    }
    *child(at, last) = to;
}

fn child<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map.entry(key).or_insert(Value::Null),
        other => other,
    }
}

/// `namespace/name`, the key of an object within its resource.
pub fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::resources::PODS;
    use serde_json::json;

    #[test]
    fn an_object_keeps_everything_and_knows_its_meta() {
        let value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "uid": "u",
            "resourceVersion": "7", "labels": {"app": "x"}, "ownerReferences": [{"uid": "o", "controller": true}]},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        let object = Object::new(&PODS, value.clone());
        assert_eq!(object.value(), value);
        assert_eq!(object.meta.resource_version, 7);
        assert_eq!(object.meta.controller.as_deref(), Some("o"));
        assert_eq!(object.meta.label("app"), Some("x"));
        let (open, rest) = object.list_item();
        let item: Value = serde_json::from_slice(&[open, rest].concat()).unwrap();
        assert!(item.get("kind").is_none() && item["metadata"]["name"] == "a");
    }
}
