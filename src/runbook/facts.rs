//! Facts: the documented names over which runbooks speak, and how well each is known.
//!
//! A fact is computed from what the console observes, for the subject of the run: the workload or pod that the signal
//! named. For a pod, `rollout.*` speaks of the workload that owns it; for a workload, `pod.*` speaks of its worst pod; for
//! a queue or a service, `rollout.*` speaks of the workload behind it. `pg.*` and `redis.*` speak of the run's server, else
//! of the only one that there is; `queue.*` of the run's queue, else of the worst.

mod observed;
mod registry;
mod subject;

#[cfg(test)]
pub(super) use observed::tests as testing;
pub use observed::{of, target_text};
pub use registry::{Spec, registry};
pub(super) use subject::session_target;
pub use subject::{About, SignalSeen, Subject};

use super::cel::Scope;
use super::value::{Type, Value, duration_text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How well one fact is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Known(Value),
    /// There is no such thing; the words say what is missing.
    Absent(String),
    /// It was known, but the source has been silent for so many seconds.
    Stale {
        seconds: i64,
        last: Option<Value>,
    },
    /// The console may not read it, or reading failed.
    Denied(String),
}

impl Fact {
    /// Why it is not known, for people.
    pub fn why_unknown(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Absent(what) if what.is_empty() => Some("there is none".to_owned()),
            Self::Absent(what) => Some(what.clone()),
            Self::Stale { seconds, .. } => Some(format!("what was seen is {} old", duration_text(*seconds))),
            Self::Denied(why) if why.contains("still being") => Some(why.clone()),
            Self::Denied(why) => Some(format!("not readable: {why}")),
        }
    }
}

/// The facts of one subject at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    values: BTreeMap<String, Fact>,
}

impl Facts {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set(&mut self, name: &str, fact: Fact) {
        self.values.insert(name.to_owned(), fact);
    }

    /// Sets a fact that is known.
    pub fn know(&mut self, name: &str, value: impl Into<Value>) {
        self.set(name, Fact::Known(value.into()));
    }

    /// The fact, when it was computed at all.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.values.get(name)
    }

    /// The value, when it is known.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.values.get(name) {
            Some(Fact::Known(value)) => Some(value),
            _ => None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.values.iter().map(|(name, fact)| (name.as_str(), fact))
    }

    /// Writes the facts into a scope for expressions.
    pub fn fill(&self, scope: &mut Scope) {
        for (name, fact) in &self.values {
            match fact {
                Fact::Known(value) => {
                    scope.known.insert(name.clone(), value.clone());
                }
                other => {
                    scope
                        .unknown
                        .insert(name.clone(), other.why_unknown().unwrap_or_default());
                }
            }
        }
    }
}

/// Every fact's name and type, for checking expressions.
pub fn names() -> BTreeMap<String, Type> {
    registry().map(|spec| (spec.path.to_owned(), spec.kind)).collect()
}

/// The names with those of `params` added, as `params.NAME` and as `NAME`.
pub fn names_with<'a>(params: impl Iterator<Item = (&'a str, Type)>) -> Arc<BTreeMap<String, Type>> {
    let mut all = names();
    for (name, kind) in params {
        all.insert(format!("params.{name}"), kind);
        all.insert(name.to_owned(), kind);
    }
    Arc::new(all)
}
