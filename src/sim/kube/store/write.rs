//! Writes: create, change, delete, each with a new resourceVersion.

use super::{Event, Part, Store, Written, disown, new_uid, random_suffix, tell};
use crate::sim::kube::changes::{Change, ChangeEvent};
use crate::sim::kube::object::{Object, key, put};
use crate::sim::kube::resources::Resource;
use crate::sim::kube::status::Status;
use crate::sim::kube::{Writer, clock, defaults, managed};
use serde_json::{Value, json};
use std::sync::Arc;

impl Store {
    /// Creates an object: uid, times, generation, managedFields and the kind's defaults are filled in; a
    /// `generateName` gets its suffix.
    ///
    /// # Errors
    /// 409 `AlreadyExists`.
    pub fn create(&self, r: &'static Resource, value: Value, by: &Writer) -> Result<Arc<Object>, Status> {
        self.create_or_try(r, value, by, false)
    }

    pub(crate) fn create_or_try(
        &self,
        r: &'static Resource,
        mut value: Value,
        by: &Writer,
        dry: bool,
    ) -> Result<Arc<Object>, Status> {
        let _one = self.writing();
        defaults::apply(r, &mut value);
        let now = self.0.clock.rfc3339();
        let Some(root) = value.as_object_mut() else {
            return Err(Status::bad_request("the object provided is not a JSON object"));
        };
        root.insert("apiVersion".to_owned(), json!(r.api_version()));
        root.insert("kind".to_owned(), json!(r.kind));
        let meta = root.entry("metadata").or_insert_with(|| json!({}));
        let text = |k: &str| meta.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (mut name, namespace) = (text("name"), text("namespace"));
        if name.is_empty() {
            name = format!("{}{}", text("generateName"), random_suffix());
            put(meta, &["name"], json!(name));
        }
        if self.get(r, &namespace, &name).is_some() {
            return Err(Status::already_exists(r, &name));
        }
        put(meta, &["uid"], json!(new_uid()));
        put(meta, &["creationTimestamp"], json!(now));
        if r.generation {
            put(meta, &["generation"], json!(1));
        }
        if let Some(map) = meta.as_object_mut() {
            for gone in ["resourceVersion", "selfLink", "managedFields", "deletionTimestamp"] {
                map.remove(gone);
            }
        }
        managed::record(&Value::Null, &mut value, by, &now);
        defaults::after_uid(r, &mut value);
        Ok(self.commit(r, value, None, dry))
    }

    /// Reads, lets `f` edit, writes. Status edits are put back for kinds with a status subresource (use
    /// [`Store::update_status`]); a change outside metadata and status bumps the generation; no change writes nothing.
    /// `f` must not write to the store.
    ///
    /// # Errors
    /// 404; 409 when `f` left another resourceVersion in.
    pub fn update(
        &self,
        r: &'static Resource,
        namespace: &str,
        name: &str,
        by: &Writer,
        f: impl FnOnce(&mut Value),
    ) -> Result<Arc<Object>, Status> {
        self.edit(r, namespace, name, by, Part::Main, false, |v| {
            f(v);
            Ok(())
        })
        .map(|w| w.object)
    }

    /// As [`Store::update`], for the status alone.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_status(
        &self,
        r: &'static Resource,
        namespace: &str,
        name: &str,
        by: &Writer,
        f: impl FnOnce(&mut Value),
    ) -> Result<Arc<Object>, Status> {
        let by = Writer {
            subresource: Some("status"),
            ..by.clone()
        };
        self.edit(r, namespace, name, &by, Part::Status, false, |v| {
            f(v);
            Ok(())
        })
        .map(|w| w.object)
    }

    /// The general write: `f` may refuse; `dry` computes the result and stores nothing.
    #[expect(
        clippy::too_many_arguments,
        reason = "one write has so many sides; its three callers name them all"
    )]
    pub(crate) fn edit(
        &self,
        r: &'static Resource,
        namespace: &str,
        name: &str,
        by: &Writer,
        part: Part,
        dry: bool,
        f: impl FnOnce(&mut Value) -> Result<(), Status>,
    ) -> Result<Written, Status> {
        let _one = self.writing();
        let old = self.get(r, namespace, name).ok_or_else(|| Status::not_found(r, name))?;
        let before = old.value();
        let mut after = before.clone();
        f(&mut after)?;
        let sent = after
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !sent.is_empty() && sent.parse() != Ok(old.meta.resource_version) {
            return Err(Status::modified(r, name));
        }
        let sent = after
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !sent.is_empty() && sent != &*old.meta.uid {
            let what = format!(
                "Precondition failed: UID in precondition: {sent}, UID in object meta: {}",
                old.meta.uid
            );
            return Err(Status {
                details: Status::not_found(r, name).details,
                ..Status::precondition(r, name, &what)
            });
        }
        if part == Part::Status {
            let status = after.get_mut("status").map(Value::take);
            // The real server keeps spec and labels on a status write, and lets annotations through: the Deployment
            // controller writes the revision that way.
            let annotations = after.pointer_mut("/metadata/annotations").map(Value::take);
            after = before.clone();
            set_or_remove(&mut after, "status", status);
            set_or_remove_in(&mut after, "metadata", "annotations", annotations);
        } else if part == Part::Main && r.status {
            set_or_remove(&mut after, "status", before.get("status").cloned());
        }
        for kept in [
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "generation",
            "generateName",
        ] {
            set_or_remove_in(
                &mut after,
                "metadata",
                kept,
                before.pointer("/metadata").and_then(|m| m.get(kept)).cloned(),
            );
        }
        if part != Part::All {
            for kept in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
                let was = before.pointer("/metadata").and_then(|m| m.get(kept)).cloned();
                set_or_remove_in(&mut after, "metadata", kept, was);
            }
            defaults::apply(r, &mut after);
        }
        if let Some(root) = after.as_object_mut() {
            root.insert("apiVersion".to_owned(), json!(r.api_version()));
            root.insert("kind".to_owned(), json!(r.kind));
        }
        if after == before {
            return Ok(Written { object: old });
        }
        let deletion = |v: &Value| v.pointer("/metadata/deletionTimestamp").cloned();
        if r.generation
            && part != Part::Status
            && (spec_differs(&before, &after) || deletion(&before) != deletion(&after))
        {
            put(&mut after, &["metadata", "generation"], json!(old.meta.generation + 1));
        }
        if part != Part::All {
            managed::record(&before, &mut after, by, &self.0.clock.rfc3339());
            if part == Part::Main {
                defaults::along(r, &before, &mut after);
            }
        }
        Ok(Written {
            object: self.commit(r, after, Some(old), dry),
        })
    }

    /// Removes an object at once. Nothing else happens: what it owned is the controllers' to remove.
    ///
    /// # Errors
    /// 404.
    pub fn delete(&self, r: &'static Resource, namespace: &str, name: &str, _by: &Writer) -> Result<(), Status> {
        let _one = self.writing();
        let mut state = self.write();
        let state = &mut *state;
        let table = state.tables.entry(r.key).or_default();
        let key = key(namespace, name);
        let Some(last) = table.rows.remove(key.as_str()) else {
            return Err(Status::not_found(r, name));
        };
        disown(table, &last, &key);
        self.0.past.gone(r, namespace, name, self.0.clock.now());
        state.version += 1;
        let mut value = last.value();
        put(
            &mut value,
            &["metadata", "resourceVersion"],
            json!(state.version.to_string()),
        );
        let object = Arc::new(Object::new(r, value));
        table.history.push(Event {
            version: state.version,
            change: Change::Deleted,
            object: object.clone(),
            old: Some(last.clone()),
        });
        table.newest.send_replace(state.version);
        tell(
            &mut state.readers,
            &ChangeEvent {
                resource: r,
                change: Change::Deleted,
                object,
                old: Some(last),
            },
        );
        Ok(())
    }

    /// Marks an object as being deleted, as DELETE does when somebody (kubelet, finalizer) ends it later.
    ///
    /// # Errors
    /// 404.
    pub fn mark_deleted(
        &self,
        r: &'static Resource,
        namespace: &str,
        name: &str,
        grace_seconds: i64,
    ) -> Result<Arc<Object>, Status> {
        let at = self
            .0
            .clock
            .now()
            .saturating_add(jiff::SignedDuration::from_secs(grace_seconds));
        let at = clock::rfc3339(at.unwrap_or(jiff::Timestamp::MAX));
        self.edit(
            r,
            namespace,
            name,
            &Writer::new("kube-apiserver"),
            Part::All,
            false,
            |v| {
                put(v, &["metadata", "deletionTimestamp"], json!(at));
                put(v, &["metadata", "deletionGracePeriodSeconds"], json!(grace_seconds));
                Ok(())
            },
        )
        .map(|w| w.object)
    }
}

/// What bumps the generation: anything but metadata and status.
fn spec_differs(before: &Value, after: &Value) -> bool {
    let (Some(a), Some(b)) = (before.as_object(), after.as_object()) else {
        return true;
    };
    let outside = |k: &&String| !matches!(k.as_str(), "metadata" | "status" | "kind" | "apiVersion");
    a.keys().chain(b.keys()).filter(outside).any(|k| a.get(k) != b.get(k))
}

fn set_or_remove(value: &mut Value, key: &str, to: Option<Value>) {
    if let Some(map) = value.as_object_mut() {
        match to {
            Some(to) => {
                map.insert(key.to_owned(), to);
            }
            None => {
                map.remove(key);
            }
        }
    }
}

fn set_or_remove_in(value: &mut Value, part: &str, key: &str, to: Option<Value>) {
    if let Some(part) = value.get_mut(part) {
        set_or_remove(part, key, to);
    }
}
