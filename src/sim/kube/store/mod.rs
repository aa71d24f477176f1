//! The store: objects by resource, each write with a new resourceVersion, every change told to watches and controllers.
//!
//! One number counts all writes, as in etcd. Readers take a lock only to clone an `Arc`; writers go one at a time.

mod ids;
mod load;
mod write;

pub use ids::{new_uid, random_suffix};

use super::changes::{Change, ChangeEvent, Changes, Shared};
use super::clock::Clock;
use super::history::{Event, History};
use super::object::{Object, key};
use super::past::Past;
use super::resources::{RESOURCES, Resource};
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
    past: Past,
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
            past: Past::default(),
            writing: Mutex::new(()),
            state,
        }))
    }

    /// The clock that stamps objects.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What pods and workloads were before.
    pub fn past(&self) -> &Past {
        &self.0.past
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
        self.0.past.take(r, &value, self.0.clock.now());
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
