//! One row of any table.

use std::sync::Arc;

use crate::model::postgres::StatementId;
use crate::model::{CertificateId, Event, Kind, Meta, ObjectRef, Pod, Str, Uid, Workload};
use crate::panes::Cell;
use crate::theme::Role;

#[derive(Clone, Debug)]
pub enum Row {
    Pod(Arc<Pod>),
    Workload(Arc<Workload>),
    Event(Arc<Event>),
    /// A row of a source beside Kubernetes.
    Item(Arc<Item>),
}

/// A row of a polled source. Its cells are made when the source was read: there are few of them, and they say at once
/// how they order and how bad they are.
#[derive(Clone, Debug)]
pub struct Item {
    pub uid: Uid,
    /// The source's name.
    pub group: Str,
    pub name: Str,
    pub health: Health,
    /// How bad it looks, where a row stands higher than it is bad: a sum on top, a line of a tree.
    pub sign: Option<Health>,
    /// Orders rows of one health: the highest first.
    pub rank: f64,
    /// One a column of the pane's view.
    pub cells: Vec<Cell>,
    /// By which a column orders, where its text would not do it.
    pub numbers: Vec<Option<f64>>,
    pub what: ItemRef,
}

/// What an item stands for, for its detail and for actions: by identity, never by its place in a table.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemRef {
    Queue {
        source: Str,
        queue: Str,
    },
    /// One server of a Redis deployment.
    Redis {
        source: Str,
        node: Str,
    },
    /// A session of PostgreSQL: its pid may be another's a moment later, its start may not.
    Session {
        source: Str,
        pid: i32,
        backend_start: Option<String>,
    },
    Statement {
        source: Str,
        id: StatementId,
    },
    /// A table of PostgreSQL.
    Table {
        source: Str,
        schema: String,
        name: String,
    },
    Index {
        source: Str,
        schema: String,
        name: String,
    },
    /// A Certificate of cert-manager.
    Certificate {
        source: Str,
        id: CertificateId,
    },
    /// What serves a certificate.
    Endpoint {
        source: Str,
        address: Str,
    },
    Alert {
        source: Str,
        /// All labels: its identity.
        labels: Arc<[(Str, Str)]>,
    },
    HttpCheck {
        name: Str,
    },
    /// An objective of a Prometheus.
    Slo {
        source: Str,
        name: Str,
    },
    /// A service as a Prometheus measures it; empty where the query tells none apart.
    Service {
        source: Str,
        name: Str,
    },
    /// A machine as a Prometheus measures it.
    Host {
        source: Str,
        name: Str,
    },
    /// A Kubernetes object that a table of its own shows.
    Object(ObjectRef),
    /// A line that is read and no more.
    Line,
}

impl Row {
    fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Pod(p) => Some(&p.meta),
            Self::Workload(w) => Some(&w.meta),
            Self::Event(e) => Some(&e.meta),
            Self::Item(_) => None,
        }
    }

    /// What it is known by, whatever its place in the table.
    pub fn uid(&self) -> &Uid {
        match self {
            Self::Pod(p) => &p.meta.uid,
            Self::Workload(w) => &w.meta.uid,
            Self::Event(e) => &e.meta.uid,
            Self::Item(i) => &i.uid,
        }
    }

    /// Where it lies in memory: tells one reading of an object from another as long as both are held.
    pub fn address(&self) -> usize {
        match self {
            Self::Pod(p) => Arc::as_ptr(p).addr(),
            Self::Workload(w) => Arc::as_ptr(w).addr(),
            Self::Event(e) => Arc::as_ptr(e).addr(),
            Self::Item(i) => Arc::as_ptr(i).addr(),
        }
    }

    /// What a filter for a text searches, of rows that may be many.
    pub fn texts(&self) -> Option<[&str; 4]> {
        match self {
            Self::Pod(p) => Some([&p.meta.name, &p.status, &p.node, &p.meta.namespace]),
            _ => None,
        }
    }

    pub fn item(&self) -> Option<&Item> {
        match self {
            Self::Item(item) => Some(item),
            _ => None,
        }
    }

    /// By which rows are ordered where nothing else decides: group, then name.
    pub fn order(&self) -> (&str, &str) {
        match (self.meta(), self) {
            (Some(meta), _) => (&meta.namespace, &meta.name),
            (None, Self::Item(item)) => (&item.group, &item.name),
            (None, _) => ("", ""),
        }
    }

    /// The Kubernetes object that the row is about.
    pub fn object(&self) -> Option<ObjectRef> {
        if let Self::Item(item) = self
            && let ItemRef::Object(object) = &item.what
        {
            return Some(object.clone());
        }
        Some(self.meta()?.object(match self {
            Self::Pod(_) => Kind::Pod,
            Self::Workload(w) => w.kind,
            Self::Event(_) => Kind::Event,
            Self::Item(_) => return None,
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

impl Health {
    /// The look of what is as bad as this.
    pub fn role(self) -> Role {
        match self {
            Self::Critical => Role::Error,
            Self::Warning => Role::Warn,
            Self::Moving => Role::Info,
            Self::Good => Role::Text,
            Self::Quiet => Role::TextMuted,
        }
    }
}
