//! `qd rollouts`

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict, doubts};
use crate::cli::Output;
use crate::model::{Kind, RolloutState, Trouble, Workload, World, rollout_state};
use crate::text::{age, clean};

const KINDS: [Kind; 5] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::Pod,
];

/// All Deployments, StatefulSets and DaemonSets at our time `now`. Wrong when one is stalled or short of replicas.
///
/// JSON: `{"rollouts": [{kind, namespace, name, uid, desired, updated, ready, available, revision, image, state, done,
/// want, since, reason, about, paused, hpa, steward, created}]}`; `state` is one of `complete`, `progressing`,
/// `stalled`, `paused`, `scaled-to-zero`, `unobserved`, `degraded`.
pub fn rollouts(world: &World, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let doubts = doubts(world, &KINDS);
    let rows: Vec<(&Workload, RolloutState)> = world
        .workloads()
        .map(|w| (&**w, rollout_state(world, w, now)))
        .collect();
    let wrong = |s: &RolloutState| matches!(s, RolloutState::Stalled { .. } | RolloutState::Degraded { .. });
    let verdict = Verdict::of(rows.iter().any(|(_, s)| wrong(s)), &doubts);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["NAMESPACE", "NAME", "READY", "REV", "IMAGE", "STATE", "REASON", "AGE"]);
            for (w, state) in &rows {
                let (word, done, since, trouble) = parts(state);
                let mut state = word.to_owned();
                if let Some((done, want)) = done {
                    let _ = write!(state, " {done}/{want}");
                }
                if let Some(since) = since {
                    let _ = write!(state, " {}", age(now.duration_since(since)));
                }
                table.row([
                    w.meta.namespace.to_string(),
                    format!("{}/{}", w.kind.short(), w.meta.name),
                    format!("{}/{}", w.ready, w.desired),
                    world.revision_of(w).to_string(),
                    w.image().to_owned(),
                    state,
                    trouble.map_or(String::new(), |t| format!("{} {}", t.reason, t.about)),
                    age(now.duration_since(w.meta.created)),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|(w, state)| {
                    let (word, done, since, trouble) = parts(state);
                    json!({
                        "kind": w.kind.api(), "namespace": &*w.meta.namespace, "name": &*w.meta.name,
                        "uid": &*w.meta.uid, "desired": w.desired, "updated": w.updated, "ready": w.ready,
                        "available": w.available, "revision": world.revision_of(w), "image": clean(w.image()),
                        "state": word, "done": done.map(|d| d.0), "want": done.map(|d| d.1), "since": since,
                        "reason": trouble.map(|t| clean(&t.reason)), "about": trouble.map(|t| clean(&t.about)),
                        "paused": w.paused, "hpa": world.hpa_of(w).map(|h| clean(&h.meta.name)),
                        "steward": w.steward.as_ref().map(crate::model::Steward::badge), "created": w.meta.created,
                    })
                })
                .collect();
            super::json(&json!({ "rollouts": rows }))
        }
    };
    Answer { text, doubts, verdict }
}

type Parts<'a> = (&'static str, Option<(u32, u32)>, Option<Timestamp>, Option<&'a Trouble>);

/// The word, how far of how many, since when, and why.
fn parts(state: &RolloutState) -> Parts<'_> {
    match state {
        RolloutState::Complete => ("complete", None, None, None),
        RolloutState::Progressing { done, want } => ("progressing", Some((*done, *want)), None, None),
        RolloutState::Stalled {
            done,
            want,
            trouble,
            since,
        } => ("stalled", Some((*done, *want)), *since, trouble.as_ref()),
        RolloutState::Paused => ("paused", None, None, None),
        RolloutState::ScaledToZero => ("scaled-to-zero", None, None, None),
        RolloutState::Unobserved => ("unobserved", None, None, None),
        RolloutState::Degraded {
            available,
            want,
            trouble,
        } => ("degraded", Some((*available, *want)), None, trouble.as_ref()),
    }
}
