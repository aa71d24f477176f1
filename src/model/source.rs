//! What is polled rather than watched: databases, Redis, queues, Prometheus, certificates, HTTP checks.
//!
//! A feed publishes the whole of a source each time (latest wins); inside it every view carries its own age and
//! trouble, because one missing right or one locked table must blank one view and no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Certificates, Freshness, HttpChecks, Postgres, Prometheus, Queues, Redis, Str, text};

/// The kinds of sources beside Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Postgres,
    Redis,
    Queues,
    Prometheus,
    Certificates,
    Http,
}

impl SourceKind {
    /// As the configuration and `qd check` call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Queues => "queues",
            Self::Prometheus => "prometheus",
            Self::Certificates => "certificates",
            Self::Http => "http",
        }
    }
}

/// One source of the platform by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceId {
    pub kind: SourceKind,
    #[serde(with = "text")]
    pub name: Str,
}

/// What a source showed last.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Postgres(Arc<Postgres>),
    Redis(Arc<Redis>),
    Queues(Arc<Queues>),
    Prometheus(Arc<Prometheus>),
    Certificates(Arc<Certificates>),
    Http(Arc<HttpChecks>),
}

/// All sources of a platform by name.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub postgres: BTreeMap<Str, Arc<Postgres>>,
    pub redis: BTreeMap<Str, Arc<Redis>>,
    pub queues: BTreeMap<Str, Arc<Queues>>,
    pub prometheus: BTreeMap<Str, Arc<Prometheus>>,
    pub certificates: BTreeMap<Str, Arc<Certificates>>,
    pub http: BTreeMap<Str, Arc<HttpChecks>>,
    /// How well each is reached.
    pub reach: BTreeMap<SourceId, Freshness>,
}

impl Sources {
    pub(super) fn put(&mut self, id: SourceId, source: Source) {
        match source {
            Source::Postgres(s) => drop(self.postgres.insert(id.name, s)),
            Source::Redis(s) => drop(self.redis.insert(id.name, s)),
            Source::Queues(s) => drop(self.queues.insert(id.name, s)),
            Source::Prometheus(s) => drop(self.prometheus.insert(id.name, s)),
            Source::Certificates(s) => drop(self.certificates.insert(id.name, s)),
            Source::Http(s) => drop(self.http.insert(id.name, s)),
        }
    }

    /// Whether something was read of it.
    pub fn has(&self, id: &SourceId) -> bool {
        match id.kind {
            SourceKind::Postgres => self.postgres.contains_key(&id.name),
            SourceKind::Redis => self.redis.contains_key(&id.name),
            SourceKind::Queues => self.queues.contains_key(&id.name),
            SourceKind::Prometheus => self.prometheus.contains_key(&id.name),
            SourceKind::Certificates => self.certificates.contains_key(&id.name),
            SourceKind::Http => self.http.contains_key(&id.name),
        }
    }
}

/// One view of a source: what was read last, when by our clock, and what has been in the way since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// `None`: never read. Kept when a later reading fails.
    pub value: Option<Arc<T>>,
    /// When `value` was read.
    pub at: Option<Timestamp>,
    /// Why the last reading gave nothing; `None` when it did.
    pub problem: Option<Problem>,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self {
            value: None,
            at: None,
            problem: None,
        }
    }
}

impl<T> Seen<T> {
    /// Read just now.
    pub fn read(value: T, at: Timestamp) -> Self {
        Self {
            value: Some(Arc::new(value)),
            at: Some(at),
            problem: None,
        }
    }

    /// The last reading failed: what was read before stays.
    pub fn failed(&mut self, problem: Problem) {
        self.problem = Some(problem);
    }

    /// What was read, if the last reading did not fail: the only thing that may raise a signal or pass a gate.
    pub fn fresh(&self) -> Option<&T> {
        if self.problem.is_some() {
            return None;
        }
        self.value.as_deref()
    }

    /// What was read last, however old.
    pub fn last(&self) -> Option<&T> {
        self.value.as_deref()
    }
}

/// Why a view could not be read. Texts are clean and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A right is missing; `grant` is the line that gives it (`GRANT pg_monitor TO qd;`, an ACL, an RBAC rule).
    Denied { what: Str, grant: Str },
    /// The server does not have it (an extension, a version, a series); `how` says how to get it.
    Absent { what: Str, how: Str },
    /// Someone holds a lock that the reading would have waited for.
    Locked(Str),
    /// No answer within its deadline.
    TimedOut(Str),
    /// Anything else: what was tried, and what came back.
    Failed(Str),
}

impl Problem {
    /// In one sentence, without what would help.
    pub fn words(&self) -> &str {
        match self {
            Self::Denied { what, .. } | Self::Absent { what, .. } => what,
            Self::Locked(why) | Self::TimedOut(why) | Self::Failed(why) => why,
        }
    }
}
