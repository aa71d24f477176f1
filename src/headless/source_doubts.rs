//! Why what is said of polled sources is not complete.

use crate::model::{Freshness, Problem, Seen, SourceId, SourceKind, World};
use crate::text::clean;

/// The sources of a kind that are not reached, a sentence each; one, too, when there is none.
pub(super) fn doubts(world: &World, kind: SourceKind) -> Vec<String> {
    let of = world.sources.reach.iter().filter(|(id, _)| id.kind == kind);
    let mut all = sentences(of.clone());
    if of.count() == 0 {
        all.push(format!("no source is configured: add [[platform.{}]]", kind.word()));
    }
    all
}

/// The same of every source there is.
pub(super) fn all(world: &World) -> Vec<String> {
    sentences(world.sources.reach.iter())
}

fn sentences<'a>(reach: impl Iterator<Item = (&'a SourceId, &'a Freshness)>) -> Vec<String> {
    reach
        .filter_map(|(id, state)| {
            let why = match state {
                Freshness::Fresh => return None,
                Freshness::Off => "not asked yet".to_owned(),
                Freshness::Syncing { .. } => "not answered yet".to_owned(),
                Freshness::Stale { since, why, .. } => format!("not seen since {since}: {why}"),
                Freshness::Failed { why, .. } | Freshness::Forbidden { why } | Freshness::Absent { why } => {
                    why.to_string()
                }
            };
            Some(clean(&format!("{} {}: {why}", id.kind.word(), id.name)).into_owned())
        })
        .collect()
}

/// Adds why one view is not known. What the platform does not have, or what is switched off, is no doubt.
pub(super) fn view<T>(doubts: &mut Vec<String>, source: &str, name: &str, seen: &Seen<T>) {
    let why = match &seen.problem {
        None | Some(Problem::Absent { .. }) => return,
        Some(Problem::Denied { what, grant }) => format!("{what}; {grant}"),
        Some(other) => other.words().to_owned(),
    };
    doubts.push(clean(&format!("{source}: {name}: {why}")).into_owned());
}
