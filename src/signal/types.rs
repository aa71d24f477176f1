//! What a signal is.

use jiff::{SignedDuration, Timestamp};

use crate::model::{ObjectRef, Str};
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Warning,
    Critical,
}

impl Severity {
    /// `critical`, `warning`: stable, for JSON and for text without colour.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Object(ObjectRef),
    /// Anything that is no watched Kubernetes object: a source, the journal, a queue, an owner of a custom kind.
    Named {
        kind: Str,
        namespace: Str,
        name: Str,
    },
}

impl Subject {
    /// Something that lives in no namespace.
    pub fn named(kind: &str, name: &str) -> Self {
        Self::Named {
            kind: kind.into(),
            namespace: "".into(),
            name: name.into(),
        }
    }

    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            Self::Object(object) => Some(object),
            Self::Named { .. } => None,
        }
    }

    /// The API's kind in lower case (`deployment`), or the kind of the thing (`queue`).
    pub fn kind(&self) -> String {
        match self {
            Self::Object(object) => object.kind.api().to_lowercase(),
            Self::Named { kind, .. } => kind.to_string(),
        }
    }

    /// Empty for what lives in no namespace.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Object(object) => &object.namespace,
            Self::Named { namespace, .. } => namespace,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.name,
            Self::Named { name, .. } => name,
        }
    }
}

/// The identity of a signal: as long as it is the same, it is the same signal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalKey {
    pub id: &'static str,
    pub subject: Subject,
}

/// The parts of the sentence. The time between `state` and `cause` is put in when it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// `rollout cortex-api`
    pub what: String,
    /// `stalled 0/5`
    pub state: String,
    /// `ImagePullBackOff`; may be empty.
    pub cause: String,
    /// What the cause is about, left out first: `registry.lab/cortex/api:1.5.1`; may be empty.
    pub about: String,
}

/// One line of evidence: a number and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub label: &'static str,
    pub value: String,
}

impl Evidence {
    pub fn new(label: &'static str, value: impl ToString) -> Self {
        Self {
            label,
            value: value.to_string(),
        }
    }
}

/// Put aside by a person until a moment, for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snooze {
    pub until: Timestamp,
    pub reason: String,
    /// The severity at that moment: when it gets worse, the snooze ends.
    pub severity: Severity,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `rollout.stalled`
    pub id: &'static str,
    pub severity: Severity,
    pub subject: Subject,
    pub title: Title,
    pub evidence: Vec<Evidence>,
    /// Server time. From the object's own timestamps, unless `observed`.
    pub since: Timestamp,
    /// No timestamp tells when it began: `since` is when it was first seen.
    pub observed: bool,
    /// The runbook that answers it.
    pub runbook: Option<&'static str>,
    /// The objects concerned, worst first; at most [`Signal::MAX_RELATED`].
    pub related: Vec<ObjectRef>,
    /// How many objects are concerned; may be more than `related` holds.
    pub count: usize,
    /// What it rests on is not fresh: it may be over, or worse.
    pub stale: bool,
    /// It has been good since; the signal clears when that has lasted a minute.
    pub good_since: Option<Timestamp>,
    pub snoozed: Option<Snooze>,
}

impl Signal {
    /// Objects kept in `related`.
    pub const MAX_RELATED: usize = 50;

    pub fn key(&self) -> SignalKey {
        SignalKey {
            id: self.id,
            subject: self.subject.clone(),
        }
    }

    /// Whether it is the same cause in the same state, whatever the words say of how long.
    pub(super) fn is_as_bad_as(&self, other: &Self) -> bool {
        let state = |s: &Self| {
            let is_good = s.good_since.is_some();
            (s.id, s.severity, s.observed, s.runbook, s.count, s.stale, is_good)
        };
        state(self) == state(other)
            && self.subject == other.subject
            && self.snoozed == other.snoozed
            && self.related == other.related
    }

    /// How long it has lasted at server time `now`: `6m`.
    pub fn lasted(&self, now: Timestamp) -> String {
        text::age(now.duration_since(self.since).max(SignedDuration::ZERO))
    }

    /// One line at server time `now`:
    /// `rollout cortex-api stalled 0/5 for 6m — ImagePullBackOff registry.lab/cortex/api:1.5.1`.
    /// A time that only we saw reads `, seen for 6m`. That it looks good again stands beside what it says to be wrong: the
    /// end of the line may be cut. Everything in it is clean.
    pub fn line(&self, now: Timestamp) -> String {
        let seen = if self.observed { ", seen for" } else { " for" };
        let t = &self.title;
        let lasted = if self.needs_age() {
            format!("{seen} {}", self.lasted(now))
        } else {
            String::new()
        };
        let mut line = format!("{} {}{lasted}{}", t.what, t.state, self.again());
        for (mark, part) in [
            (" — ", &t.cause),
            (if t.cause.is_empty() { " — " } else { " " }, &t.about),
        ] {
            if !part.is_empty() {
                line.push_str(mark);
                line.push_str(part);
            }
        }
        line.push_str(self.suffix());
        text::clean(&line).into_owned()
    }

    /// The same for 80 columns: `rollout cortex-api stalled 0/5, 6m: ImagePullBackOff`.
    pub fn short(&self, now: Timestamp) -> String {
        let t = &self.title;
        let lasted = if self.needs_age() {
            format!(", {}", self.lasted(now))
        } else {
            String::new()
        };
        let mut line = format!("{} {}{lasted}{}", t.what, t.state, self.again());
        let cause = if t.cause.is_empty() { &t.about } else { &t.cause };
        if !cause.is_empty() {
            line.push_str(": ");
            line.push_str(cause);
        }
        line.push_str(self.suffix());
        text::clean(&line).into_owned()
    }

    /// How near an end is says more than for how long it has been near.
    fn needs_age(&self) -> bool {
        self.id != "cert.expiring"
    }

    /// Among equally bad ones: what serves people goes before what keeps their data and their work, and both before what
    /// only ends some day.
    pub(super) fn urgency(&self) -> u8 {
        match self.id.split('.').next() {
            Some("pod" | "rollout" | "hpa" | "node" | "http" | "slo" | "app" | "alert" | "journal") => 0,
            Some("pg" | "pgbouncer" | "redis" | "queue" | "host" | "source") => 1,
            _ => 2,
        }
    }

    /// The longest of the two forms that fits, cut at the end if neither does.
    pub fn fit(&self, now: Timestamp, columns: usize) -> String {
        let line = self.line(now);
        if text::width(&line) <= columns {
            return line;
        }
        text::truncate_end(&self.short(now), columns).into_owned()
    }

    fn again(&self) -> &'static str {
        if !self.stale && self.good_since.is_some() {
            " (good now)"
        } else {
            ""
        }
    }

    const fn suffix(&self) -> &'static str {
        if self.stale { " (stale)" } else { "" }
    }
}
