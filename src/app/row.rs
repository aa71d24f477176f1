//! One row of any table.

use std::sync::Arc;

use crate::model::{Event, Kind, Meta, ObjectRef, Pod, Uid, Workload};

#[derive(Clone, Debug)]
pub enum Row {
    Pod(Arc<Pod>),
    Workload(Arc<Workload>),
    Event(Arc<Event>),
}

impl Row {
    fn meta(&self) -> &Meta {
        match self {
            Self::Pod(p) => &p.meta,
            Self::Workload(w) => &w.meta,
            Self::Event(e) => &e.meta,
        }
    }

    /// What it is known by, whatever its place in the table.
    pub fn uid(&self) -> &Uid {
        &self.meta().uid
    }

    /// By which rows are ordered where nothing else decides: group, then name.
    pub fn order(&self) -> (&str, &str) {
        let meta = self.meta();
        (&meta.namespace, &meta.name)
    }

    /// The Kubernetes object that the row is about.
    pub fn object(&self) -> Option<ObjectRef> {
        Some(self.meta().object(match self {
            Self::Pod(_) => Kind::Pod,
            Self::Workload(w) => w.kind,
            Self::Event(_) => Kind::Event,
        }))
    }
}

/// How bad a row is; the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    Critical,
    Warning,
    /// On its way: starting, rolling out, ending.
    Moving,
    Good,
    /// Finished, scaled to zero: of no concern.
    Quiet,
}
