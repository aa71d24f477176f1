//! What we can no longer see, and what we can no longer write down.

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Subject, Title};
use crate::model::{FeedId, Freshness};

/// The Kubernetes watches are one source: late when some of them are, lost when all are. Metrics are polled apart.
pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    polled(look, out);
    let mut lost = Vec::new();
    let mut alive = 0;
    for (id, state) in &look.world.feeds {
        let (name, since, why) = match (id, state) {
            (FeedId::Watch(kind), Freshness::Stale { since, why, .. }) => (kind.plural(), Some(*since), why),
            (FeedId::Watch(kind), Freshness::Failed { why, .. }) => (kind.plural(), None, why),
            (FeedId::Watch(_), Freshness::Fresh | Freshness::Syncing { .. }) => {
                alive += 1;
                continue;
            }
            (FeedId::Metrics, Freshness::Stale { since, why, .. }) => {
                let since = look.world.server_now(*since);
                out.push(source(look, "metrics", Severity::Warning, "late", Some(since), why));
                continue;
            }
            _ => continue,
        };
        lost.push((name, since.map(|s| look.world.server_now(s)), why));
    }
    let Some((_, _, why)) = lost.first() else { return };
    let since = lost.iter().filter_map(|(_, since, _)| *since).min();
    let (severity, state) = if alive == 0 {
        (Severity::Critical, "unreachable")
    } else {
        (Severity::Warning, "late")
    };
    let mut finding = source(look, "kubernetes", severity, state, since, why);
    let names: Vec<&str> = lost.iter().map(|(name, _, _)| *name).collect();
    finding.evidence.push(Evidence::new("not seen", names.join(", ")));
    finding
        .evidence
        .push(Evidence::new("still seen", format!("{alive} kinds")));
    out.push(finding);
}

/// Sources that are polled: late at first, lost when that lasts.
fn polled(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (id, state) in &look.world.sources.reach {
        let name = format!("{} {}", id.kind.word(), id.name);
        let (severity, word, since, why) = match state {
            Freshness::Stale { since, why, .. } => {
                let since = look.world.server_now(*since);
                if look.now.duration_since(since) < look.thresholds.source_for * 5 {
                    (Severity::Warning, "late", Some(since), why)
                } else {
                    (Severity::Critical, "unreachable", Some(since), why)
                }
            }
            Freshness::Failed { why, .. } => (Severity::Critical, "unreachable", None, why),
            _ => continue,
        };
        out.push(source(look, &name, severity, word, since, why));
    }
}

fn source(
    look: &Look<'_>,
    name: &str,
    severity: Severity,
    state: &str,
    since: Option<jiff::Timestamp>,
    why: &str,
) -> Finding {
    let mut finding = Finding::new("source.lost", severity, Subject::named("source", name), &[]);
    finding.after = look.thresholds.source_for;
    finding.since = since;
    finding.title = Title {
        what: format!("source {name}"),
        state: state.to_owned(),
        cause: why.to_owned(),
        about: String::new(),
    };
    finding
}

/// The journal cannot be written: nothing may be changed.
pub(super) fn journal(why: &str) -> Finding {
    let mut finding = Finding::new(
        "journal.broken",
        Severity::Critical,
        Subject::named("journal", "journal"),
        &[],
    );
    finding.title = Title {
        what: "journal".to_owned(),
        state: "cannot be written, changes are off".to_owned(),
        cause: why.to_owned(),
        about: String::new(),
    };
    finding
}
