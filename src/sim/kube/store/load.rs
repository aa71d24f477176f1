//! Loads: objects as a server answered them, or as a scenario makes them.

use super::{Event, Store, disown, insert, new_uid, tell};
use crate::sim::kube::changes::{Change, ChangeEvent};
use crate::sim::kube::object::{Object, put};
use crate::sim::kube::resources::{Resource, resource_of_kind};
use serde_json::{Value, json};
use std::sync::Arc;

impl Store {
    /// Puts an object in as it is (uid, times, generation, managedFields, status kept, whatever was there replaced);
    /// it gets a new resourceVersion, and a uid when it has none. For loads and scenarios.
    pub fn put(&self, r: &'static Resource, mut value: Value) -> Arc<Object> {
        let _one = self.writing();
        let text = |k: &str| {
            value
                .get("metadata")
                .and_then(|m| m.get(k))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid"));
        if uid.is_empty() {
            put(&mut value, &["metadata", "uid"], json!(new_uid()));
        }
        let old = self.get(r, &namespace, &name);
        self.commit(r, value, old, false)
    }

    /// Takes in a change as a recorded watch told it: the object as it is, at its own resourceVersion.
    pub fn load_change(&self, change: Change, value: &Value) {
        let text = |k: &str| value.get(k).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(g, _)| g);
        let Some(r) = resource_of_kind(group, text("kind")) else {
            return;
        };
        let _one = self.writing();
        let object = Arc::new(Object::new(r, value.clone()));
        let mut state = self.write();
        let state = &mut *state;
        state.version = state.version.max(object.meta.resource_version);
        let table = state.tables.entry(r.key).or_default();
        let key = object.meta.key();
        let old = table.rows.remove(key.as_str());
        if let Some(old) = &old {
            disown(table, old, &key);
        }
        if change != Change::Deleted {
            insert(table, object.clone());
        }
        let version = object.meta.resource_version;
        let (newer, last) = (object.clone(), old.clone());
        table.history.push(Event {
            version,
            change,
            object: newer,
            old: last,
        });
        table.newest.send_replace(version);
        tell(
            &mut state.readers,
            &ChangeEvent {
                resource: r,
                change,
                object,
                old,
            },
        );
    }

    /// Loads a list as a server answered it: objects with their uids, times and resourceVersions as they are. The
    /// store's version becomes the list's. Kinds that are not served are passed over.
    pub fn load_list(&self, list: &Value) {
        let _one = self.writing();
        let text = |v: &Value, k: &str| v.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api = text(list, "apiVersion");
        let group = api.split_once('/').map_or("", |(g, _)| g).to_owned();
        let kind = text(list, "kind");
        let Some(r) = resource_of_kind(&group, kind.trim_end_matches("List")) else {
            return;
        };
        let mut state = self.write();
        let state = &mut *state;
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let object = Arc::new(Object::new(r, item.clone()));
            state.version = state.version.max(object.meta.resource_version);
            let table = state.tables.entry(r.key).or_default();
            insert(table, object.clone());
            tell(
                &mut state.readers,
                &ChangeEvent {
                    resource: r,
                    change: Change::Added,
                    object,
                    old: None,
                },
            );
        }
        let listed = list
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .and_then(|v| v.parse().ok());
        state.version = state.version.max(listed.unwrap_or(0));
        for table in state.tables.values_mut() {
            table.history.compact(state.version);
            table.newest.send_replace(state.version);
        }
    }
}
