//! What a rule says of one look at the world; the judge makes signals of it.

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Severity, Subject, Thresholds, Title};
use crate::model::{FeedId, Freshness, Kind, ObjectRef, SourceId, SourceKind, Str, World};

/// What a rule sees. `now` is the server's time.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub world: &'a World,
    pub now: Timestamp,
    pub thresholds: &'a Thresholds,
}

impl Look<'_> {
    /// The moment that long ago.
    pub fn ago(&self, long: SignedDuration) -> Timestamp {
        self.now.checked_sub(long).unwrap_or(Timestamp::MIN)
    }

    /// Whether the node is known to be down: then what fails on it has the node as its cause.
    pub fn node_is_down(&self, name: &str) -> bool {
        use crate::model::Key;
        !name.is_empty() && self.world.nodes.get(&Key::new("", name)).is_some_and(|n| !n.ready)
    }

    /// How well the kinds that a rule rests on are known.
    pub fn trust(&self, needs: &[Kind]) -> Trust {
        let mut trust = Trust::Full;
        for kind in needs {
            match self.world.feed(FeedId::Watch(*kind)) {
                Freshness::Stale { .. } | Freshness::Failed { .. } => return Trust::Stale,
                Freshness::Syncing { .. } => trust = Trust::Incomplete,
                _ => {}
            }
        }
        trust
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Full,
    /// The first list is under way: what is missing says nothing.
    Incomplete,
    /// Rows of the past: what was raised stays, nothing new is raised.
    Stale,
}

/// One cause as it looks now.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub id: &'static str,
    pub severity: Severity,
    pub subject: Subject,
    pub title: Title,
    pub evidence: Vec<Evidence>,
    /// By the object's own timestamps; `None`: since it was first seen.
    pub since: Option<Timestamp>,
    /// How long before it is raised.
    pub after: SignedDuration,
    pub runbook: Option<&'static str>,
    pub related: Vec<ObjectRef>,
    pub count: usize,
    /// The kinds that it rests on.
    pub needs: &'static [Kind],
    /// Of pods: they all run the newest revision, so a stalled rollout of their owner is the same cause.
    pub of_new_revision: bool,
    /// Of pods: some of them do not serve, so missing replicas of their owner are the same cause.
    pub down: bool,
    /// The polled source that it rests on.
    pub source: Option<SourceId>,
    /// No cause: the source could not be asked for this rule, so what was raised of it stays as it is.
    pub blind: bool,
}

impl Finding {
    pub fn new(id: &'static str, severity: Severity, subject: Subject, needs: &'static [Kind]) -> Self {
        Self {
            id,
            severity,
            subject,
            title: Title::default(),
            evidence: Vec::new(),
            since: None,
            after: SignedDuration::ZERO,
            runbook: None,
            related: Vec::new(),
            count: 1,
            needs,
            of_new_revision: false,
            down: false,
            source: None,
            blind: false,
        }
    }

    /// Rests on this polled source.
    pub fn of_source(&mut self, kind: SourceKind, name: &Str) {
        self.source = Some(SourceId {
            kind,
            name: name.clone(),
        });
    }

    /// Says that rule `id` could not be judged of this source now.
    pub fn blind(id: &'static str, kind: SourceKind, name: &Str) -> Self {
        let mut finding = Self::new(id, Severity::Warning, Subject::named(kind.word(), name), &[]);
        finding.of_source(kind, name);
        finding.blind = true;
        finding
    }

    /// Whether `other`, about the same subject, is only another sight of this cause.
    pub fn absorbs(&self, other: &Self) -> bool {
        let is_pod = other.id.starts_with("pod.");
        match (self.id, other.id) {
            ("pod.image" | "pod.oom" | "pod.crashloop" | "pod.pending" | "pod.not-ready", "rollout.unavailable") => {
                self.down
            }
            // Between two crashes a container runs for a while: still the same loop.
            ("rollout.stalled", "rollout.unavailable")
            | ("pod.crashloop" | "pod.oom", "pod.restarts" | "pod.not-ready")
            // The end is the news; that nobody renews, or cannot, stands in it as the cause.
            | ("cert.expiring", "cert.overdue" | "cert.stuck")
            // A queue that nobody works, or nobody may work, is full and old for that reason.
            | ("queue.paused" | "queue.no-worker" | "queue.backlog", "queue.oldest")
            | ("queue.paused" | "queue.no-worker", "queue.backlog")
            | ("queue.paused", "queue.no-worker") => true,
            ("rollout.stalled", _) => is_pod && other.of_new_revision,
            ("job.failed", _) => is_pod,
            _ => false,
        }
    }
}

/// A number in few characters: `4`, `0.5`, `143`, `4,812`.
pub(super) fn number(n: f64) -> String {
    if n.abs() >= 999.5 {
        let sign = if n < 0.0 { "-" } else { "" };
        format!("{sign}{}", crate::text::count(n.abs().round() as u64))
    } else if (n - n.round()).abs() < 0.05 {
        format!("{n:.0}")
    } else {
        format!("{n:.1}")
    }
}
