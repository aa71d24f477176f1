//! One row of any table.

use std::sync::Arc;

use crate::model::{Event, Kind, Meta, ObjectRef, Pod, Workload};

#[derive(Clone, Debug)]
pub enum Row {
    Pod(Arc<Pod>),
    Workload(Arc<Workload>),
    Event(Arc<Event>),
}

impl Row {
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Pod(p) => &p.meta,
            Self::Workload(w) => &w.meta,
            Self::Event(e) => &e.meta,
        }
    }

    pub fn object(&self) -> ObjectRef {
        self.meta().object(match self {
            Self::Pod(_) => Kind::Pod,
            Self::Workload(w) => w.kind,
            Self::Event(_) => Kind::Event,
        })
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
