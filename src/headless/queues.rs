//! `qd queues`

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::queries::sentence;
use super::source_doubts::{doubts, view};
use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::model::{Queue, QueueCounts, SourceKind, World};
use crate::text::{age, clean};

/// As the rule on the oldest job has it.
const OLD: SignedDuration = SignedDuration::from_mins(5);

/// Every set of queues at our time `now`. Wrong when jobs wait and no worker is there, when the oldest has waited for
/// more than five minutes, or when delayed jobs are overdue.
///
/// JSON: `{"queues": [{source, name, system, version, workload, ready, waiting, prioritized, active, delayed, overdue,
/// failed, completed, paused, oldest, oldest_active, stalled, workers, added_per_minute, finished_per_minute, missing:
/// {field: sentence}, problem}], "gaps": […]}`. What a system does not tell is `null`.
pub fn queues(world: &World, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let mut doubts = doubts(world, SourceKind::Queues);
    let mut wrong = false;
    let mut table = Table::new([
        "SOURCE", "QUEUE", "SYSTEM", "READY", "OLDEST", "ACTIVE", "DELAYED", "FAILED", "WORKERS", "STATE",
    ]);
    let mut all = Vec::new();
    for (source, set) in &world.sources.queues {
        view(&mut doubts, source, "search", &set.found);
        for queue in &set.queues {
            view(&mut doubts, source, &queue.name, &queue.counts);
            for (field, problem) in &queue.missing {
                doubts.push(clean(&format!("{source}: {}: {field}: {}", queue.name, sentence(problem))).into_owned());
            }
            let state = state(queue, now);
            wrong |= !matches!(state, "ok" | "paused" | "unknown");
            table.row(cells(source, queue, state, now));
            all.push(document(source, queue, state));
        }
    }
    let text = match output {
        Output::Table => table.to_string(),
        Output::Json => super::json(&json!({ "queues": all, "gaps": doubts })),
    };
    let verdict = Verdict::of(wrong, &doubts);
    Answer { text, doubts, verdict }
}

/// One word for the worst of it.
fn state(queue: &Queue, now: Timestamp) -> &'static str {
    let Some(counts) = queue.counts.fresh() else {
        return "unknown";
    };
    let waits = counts.ready + counts.overdue.unwrap_or(0) > 0;
    match counts.paused {
        Some(true) => "paused",
        _ if waits && counts.workers == Some(0) => "no worker",
        _ if queue.oldest_age(now).is_some_and(|a| a > OLD) => "late",
        _ if counts.overdue.is_some_and(|n| n > 0) => "overdue",
        _ => "ok",
    }
}

fn cells(source: &str, queue: &Queue, state: &str, now: Timestamp) -> [String; 10] {
    let none = QueueCounts::default();
    let known = queue.counts.last();
    let counts = known.unwrap_or(&none);
    let maybe = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    [
        source.to_owned(),
        queue.name.to_string(),
        queue.system.word().to_owned(),
        maybe(known.map(|c| c.ready)),
        queue.oldest_age(now).map(age).unwrap_or_default(),
        maybe(counts.active),
        maybe(counts.delayed),
        maybe(counts.failed),
        maybe(counts.workers),
        state.to_owned(),
    ]
}

fn document(source: &str, queue: &Queue, state: &str) -> Value {
    let missing: BTreeMap<&str, String> = queue.missing.iter().map(|(f, p)| (*f, sentence(p))).collect();
    let version = match &queue.system {
        crate::model::QueueSystem::BullMq(layout) => Some(clean(&layout.version).into_owned()),
        _ => None,
    };
    let c = queue.counts.last();
    json!({
        "source": clean(source), "name": clean(&queue.name), "system": queue.system.word(), "version": version,
        "workload": queue.workload.as_deref().map(|w| clean(w).into_owned()), "state": state,
        "ready": c.map(|c| c.ready), "waiting": c.and_then(|c| c.waiting), "prioritized": c.and_then(|c| c.prioritized),
        "active": c.and_then(|c| c.active), "delayed": c.and_then(|c| c.delayed), "overdue": c.and_then(|c| c.overdue),
        "failed": c.and_then(|c| c.failed), "completed": c.and_then(|c| c.completed), "paused": c.and_then(|c| c.paused),
        "oldest": c.and_then(|c| c.oldest), "oldest_active": c.and_then(|c| c.oldest_active),
        "stalled": c.and_then(|c| c.stalled), "workers": c.and_then(|c| c.workers),
        "added_per_minute": queue.rates.and_then(|r| r.added),
        "finished_per_minute": queue.rates.and_then(|r| r.finished),
        "missing": missing, "problem": queue.counts.problem.as_ref().map(sentence),
    })
}
