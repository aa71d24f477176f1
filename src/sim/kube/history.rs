//! The last changes of one resource, for watches. Bounded: whoever is slower than it must list again (410).

use super::changes::Change;
use super::object::Object;
use std::collections::VecDeque;
use std::sync::Arc;

/// At most so many changes of one resource are kept.
const MAX_EVENTS: usize = 20_000;
/// And at most so many bytes of objects.
const MAX_BYTES: usize = 64 << 20;

/// One change as a watch sees it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The resourceVersion of the change (for a deletion newer than the object's own).
    pub version: u64,
    pub change: Change,
    pub object: Arc<Object>,
    pub old: Option<Arc<Object>>,
}

impl Event {
    fn bytes(&self) -> usize {
        // `old` is most often the object of an earlier event: not counted again.
        self.object.raw.len()
    }
}

/// The ring of changes of one resource.
#[derive(Debug, Default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    bytes: usize,
    /// Changes up to and including this version are forgotten.
    pub forgotten: u64,
}

impl History {
    pub fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS || (self.bytes > MAX_BYTES && self.events.len() > 1) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.bytes();
            self.forgotten = event.version;
        }
    }

    /// Forgets everything, as etcd's compaction does: watches from `version` or before get 410.
    pub fn compact(&mut self, version: u64) {
        while !self.events.is_empty() {
            self.drop_first();
        }
        self.forgotten = self.forgotten.max(version);
    }

    /// The changes after `version`, at most `limit`; `None` when some of them are forgotten.
    pub fn after(&self, version: u64, limit: usize) -> Option<Vec<Event>> {
        if version < self.forgotten {
            return None;
        }
        let start = self.events.partition_point(|e| e.version <= version);
        Some(self.events.range(start..).take(limit).cloned().collect())
    }
}
