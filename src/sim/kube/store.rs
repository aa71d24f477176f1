//! The store: objects by resource, each write with a new resourceVersion, every change told to watches and controllers.
//!
//! One number counts all writes, as in etcd. Readers take a lock only to clone an `Arc`; writers go one at a time.

use super::changes::{Change, ChangeEvent, Changes, Shared};
use super::clock::Clock;
use super::history::{Event, History};
use super::managed;
use super::object::{Object, key};
use super::resources::{RESOURCES, Resource, resource_of_kind};
use super::status::Status;
use crate::sim::kube::object::put;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use tokio::sync::watch;

/// Who writes, for managedFields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The field manager.
    pub manager: String,
    /// `status` or `scale` when written through it.
    pub subresource: Option<&'static str>,
    /// Server-side apply rather than an update.
    pub apply: bool,
}

impl Writer {
    /// An ordinary update by this manager.
    pub fn new(manager: impl Into<String>) -> Self {
        Self {
            manager: manager.into(),
            subresource: None,
            apply: false,
        }
    }

    /// The same, through a subresource.
    #[must_use]
    pub fn through(mut self, subresource: &'static str) -> Self {
        self.subresource = Some(subresource);
        self
    }
}

/// All objects. Cheap to clone; clones share.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// One writer at a time, so that a read-modify-write sees no other write between.
    writing: Mutex<()>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    version: u64,
    tables: HashMap<&'static str, Table>,
    readers: Vec<Weak<Shared>>,
}

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<Box<str>, Arc<Object>>,
    /// Owner uid → keys of what it owns.
    owned: HashMap<Box<str>, Vec<Box<str>>>,
    history: History,
    /// The newest version of this resource, for watches that wait.
    newest: watch::Sender<u64>,
}

/// What part of an object a write may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status of kinds with a status subresource.
    Main,
    /// The status alone.
    Status,
    /// Everything, as the server's own bookkeeping does (deletion marks).
    All,
}

/// What one write would do or did.
#[derive(Debug)]
pub(crate) struct Written {
    pub object: Arc<Object>,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub objects: Vec<Arc<Object>>,
    /// The key of the last object when more follow.
    pub next: Option<String>,
    /// How many follow (not counted against selectors).
    pub remaining: usize,
    /// The newest version at the time.
    pub version: u64,
}

impl Store {
    /// An empty store on that clock.
    pub fn new(clock: Clock) -> Self {
        let tables = RESOURCES.iter().map(|r| (r.key, Table::default())).collect();
        let state = RwLock::new(State {
            version: 1,
            tables,
            readers: Vec::new(),
        });
        Self(Arc::new(Inner {
            clock,
            writing: Mutex::new(()),
            state,
        }))
    }

    /// The clock that stamps objects.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest resourceVersion.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    /// Wakes at each write to that resource.
    pub(crate) fn newest(&self, r: &'static Resource) -> watch::Receiver<u64> {
        self.read()
            .tables
            .get(r.key)
            .map_or_else(|| watch::channel(0).1, |t| t.newest.subscribe())
    }

    /// One object.
    pub fn get(&self, r: &'static Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.read()
            .tables
            .get(r.key)?
            .rows
            .get(key(namespace, name).as_str())
            .cloned()
    }

    /// All objects of a kind, or those of one namespace, ordered by namespace and name.
    pub fn list(&self, r: &'static Resource, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.page(r, namespace, None, usize::MAX, |_| true).objects
    }

    /// How many objects of a kind there are.
    pub fn count(&self, r: &'static Resource) -> usize {
        self.read().tables.get(r.key).map_or(0, |t| t.rows.len())
    }

    /// Up to `limit` objects after the key `after` that `wanted` lets through.
    pub(crate) fn page(
        &self,
        r: &'static Resource,
        namespace: Option<&str>,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&Object) -> bool,
    ) -> Page {
        let state = self.read();
        let version = state.version;
        let mut page = Page {
            objects: Vec::new(),
            next: None,
            remaining: 0,
            version,
        };
        let Some(table) = state.tables.get(r.key) else {
            return page;
        };
        let prefix = namespace.map(|n| format!("{n}/")).unwrap_or_default();
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix.as_str()),
        };
        let mut rows = table
            .rows
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(k, _)| k.starts_with(&prefix));
        let mut last = None;
        for (key, object) in rows.by_ref() {
            if !wanted(object) {
                continue;
            }
            if page.objects.len() == limit {
                page.next = last;
                page.remaining = 1 + rows.count();
                break;
            }
            page.objects.push(object.clone());
            if page.objects.len() == limit {
                last = Some(key.to_string());
            }
        }
        page
    }

    /// The objects of a kind that this uid owns, ordered by namespace and name.
    pub fn by_owner(&self, r: &'static Resource, owner_uid: &str) -> Vec<Arc<Object>> {
        let state = self.read();
        let Some(table) = state.tables.get(r.key) else {
            return Vec::new();
        };
        let keys = table.owned.get(owner_uid).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<_> = keys.iter().filter_map(|k| table.rows.get(k).cloned()).collect();
        found.sort_unstable_by(|a, b| (&a.meta.namespace, &a.meta.name).cmp(&(&b.meta.namespace, &b.meta.name)));
        found
    }

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
        super::defaults::apply(r, &mut value);
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
        super::defaults::after_uid(r, &mut value);
        managed::record(&Value::Null, &mut value, by, &now);
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
            super::defaults::apply(r, &mut after);
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
        let at = super::clock::rfc3339(at.unwrap_or(jiff::Timestamp::MAX));
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

    /// Forgets the history of changes, as a compaction does: a watch from an older version gets 410.
    pub fn compact(&self) {
        let mut state = self.write();
        let state = &mut *state;
        for table in state.tables.values_mut() {
            table.history.compact(state.version);
        }
    }

    /// The version up to which the changes of a resource are forgotten.
    pub(crate) fn forgotten(&self, r: &'static Resource) -> u64 {
        self.read().tables.get(r.key).map_or(0, |t| t.history.forgotten)
    }

    /// The changes of a resource after `version`; `None` when they are forgotten.
    pub(crate) fn history(&self, r: &'static Resource, version: u64, limit: usize) -> Option<Vec<Event>> {
        self.read().tables.get(r.key)?.history.after(version, limit)
    }

    /// From now on every change is kept for this reader until it takes it.
    pub fn subscribe(&self) -> Changes {
        let shared = Arc::new(Shared::default());
        self.write().readers.push(Arc::downgrade(&shared));
        Changes(shared)
    }

    fn commit(&self, r: &'static Resource, mut value: Value, old: Option<Arc<Object>>, dry: bool) -> Arc<Object> {
        if dry {
            // A dry run answers with the version that is stored; of a creation with none.
            return Arc::new(Object::new(r, value));
        }
        let version = self.version() + 1;
        put(&mut value, &["metadata", "resourceVersion"], json!(version.to_string()));
        let object = Arc::new(Object::new(r, value));
        let change = if old.is_some() { Change::Modified } else { Change::Added };
        let mut state = self.write();
        let state = &mut *state;
        state.version = version;
        let table = state.tables.entry(r.key).or_default();
        if let Some(old) = &old {
            disown(table, old, &old.meta.key());
        }
        insert(table, object.clone());
        table.history.push(Event {
            version,
            change,
            object: object.clone(),
            old: old.clone(),
        });
        table.newest.send_replace(version);
        tell(
            &mut state.readers,
            &ChangeEvent {
                resource: r,
                change,
                object: object.clone(),
                old,
            },
        );
        object
    }
}

fn insert(table: &mut Table, object: Arc<Object>) {
    let key: Box<str> = object.meta.key().into();
    for owner in &object.meta.owners {
        table.owned.entry(owner.clone()).or_default().push(key.clone());
    }
    table.rows.insert(key, object);
}

fn disown(table: &mut Table, object: &Object, key: &str) {
    for owner in &object.meta.owners {
        if let Some(keys) = table.owned.get_mut(owner) {
            keys.retain(|k| &**k != key);
            if keys.is_empty() {
                table.owned.remove(owner);
            }
        }
    }
}

fn tell(readers: &mut Vec<Weak<Shared>>, event: &ChangeEvent) {
    readers.retain(|reader| match reader.upgrade() {
        Some(reader) => {
            reader.push(event.clone());
            true
        }
        None => false,
    });
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

/// A random version 4 uid.
pub fn new_uid() -> String {
    // Version 4, variant 1, the rest random.
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Five letters as `generateName` gets them: no vowels, no digits that look like letters.
pub fn random_suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| fastrand::choice(LETTERS).map_or('x', |b| char::from(*b)))
        .collect()
}
