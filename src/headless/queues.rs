//! `qd queues`

use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::Table;
use super::{Answer, Verdict, source_doubts};
use crate::app::{App, Health, ItemRef};
use crate::cli::Output;
use crate::model::{Empties, Problem, Queue, QueueSystem, SourceKind, WorkedBy, World};
use crate::panes::PaneId;
use crate::text::{age, clean};

/// All queues at our time `now`, worst first. Wrong when one waits and has no worker, or is paused.
///
/// JSON: `{"queues": [{set, name, system, version, workload, workload_known, workload_guessed, scaler, ready, waiting, prioritized, held, active, delayed,
/// overdue, failed, completed, paused, workers, stalled, oldest, oldest_seconds, added_per_minute,
/// finished_per_minute, growth_per_minute, failed_10m, finished_10m, empties_seconds, read, problem, missing}]}`;
/// `empties_seconds` is `null` when it is not known and -1 when nothing finishes; `missing` names fields and why.
pub fn queues(app: &App, now: Timestamp, output: Output) -> Answer {
    let (world, judge) = (&app.world, &app.judge);
    let mut doubts = source_doubts::doubts(world, SourceKind::Queues);
    let mut all: Vec<(&str, &Queue)> = world
        .sources
        .queues
        .iter()
        .flat_map(|(set, queues)| queues.queues.iter().map(move |q| (&**set, q)))
        .collect();
    all.sort_by(|a, b| Queue::worse_first(a.1, b.1));
    let of_queue = all.iter().filter_map(|(set, q)| {
        let problem = q.counts.problem.as_ref()?;
        Some(clean(&format!("queue {set}/{}: {}", q.name, say(problem))).into_owned())
    });
    doubts.extend(of_queue);
    for (set, queues) in &world.sources.queues {
        source_doubts::view(&mut doubts, set, "search", &queues.found);
    }
    let wrong = |q: &Queue| {
        let Some(c) = q.counts.fresh() else { return false };
        c.paused == Some(true) || c.workers == Some(0) && (c.ready > 0 || c.overdue.unwrap_or(0) > 0)
    };
    let verdict = Verdict::of(all.iter().any(|(_, q)| wrong(q)), &doubts);
    let text = match output {
        Output::Table => {
            let heads = [
                "QUEUE", "READY", "ACTIVE", "DELAYED", "FAILED", "OLDEST", "IN/MIN", "OUT/MIN", "EMPTY IN", "WORKERS",
                "STATE",
            ];
            let mut table = Table::new(heads);
            let signs = super::signs(app, PaneId::Queues);
            let sign = |set: &str, name: &str| {
                let is = |what: &ItemRef| matches!(what, ItemRef::Queue { source, queue } if **source == *set && **queue == *name);
                signs.iter().find(|(what, _)| is(what)).map(|(_, health)| *health)
            };
            for (set, q) in &all {
                let c = q.counts.last().cloned().unwrap_or_default();
                let count = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
                let rate = |n: Option<f64>| n.map_or_else(String::new, |n| format!("{n:.0}"));
                table.row([
                    format!("{set}/{}", q.name),
                    q.counts.last().map_or_else(String::new, |c| c.ready.to_string()),
                    count(c.active),
                    count(c.delayed),
                    count(c.failed),
                    q.oldest_age(now).map_or_else(String::new, age),
                    rate(q.rates.and_then(|r| r.added)),
                    rate(q.rates.and_then(|r| r.finished)),
                    match q.empties() {
                        Some(Empties::In(_)) if q.grows() => "grows".to_owned(),
                        Some(Empties::In(time)) => age(time),
                        Some(Empties::Never) => "never".to_owned(),
                        Some(Empties::Now) | None => String::new(),
                    },
                    count(c.workers),
                    state(
                        q,
                        super::worst(judge, "queue", &format!("{set}/{}", q.name)),
                        sign(set, &q.name),
                    ),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = all.iter().map(|(set, q)| row(world, set, q, now)).collect();
            super::json(&json!({ "queues": rows }))
        }
    };
    Answer { text, doubts, verdict }
}

/// The worst thing about it; where no rule names it, how bad the pane calls it.
fn state(q: &Queue, signal: Option<String>, sign: Option<Health>) -> String {
    match (&q.counts.problem, q.counts.last()) {
        (Some(problem), _) => say(problem),
        (None, Some(c)) if c.paused == Some(true) => "paused".to_owned(),
        (None, Some(c)) if c.workers == Some(0) && c.ready > 0 => "no worker".to_owned(),
        (None, Some(_)) => signal.unwrap_or_else(|| {
            let word = match sign {
                Some(Health::Critical) => "critical",
                Some(Health::Warning) => "warning",
                _ => "ok",
            };
            word.to_owned()
        }),
        (None, None) => "not read yet".to_owned(),
    }
}

/// A problem in one sentence.
pub(super) fn say(problem: &Problem) -> String {
    match problem {
        Problem::Denied { what, grant } => format!("{what}; {grant}"),
        Problem::Absent { what, how } => format!("{what}; {how}"),
        Problem::Locked(why) | Problem::TimedOut(why) | Problem::Failed(why) => why.to_string(),
    }
}

fn row(world: &World, set: &str, q: &Queue, now: Timestamp) -> Value {
    let by = world.worked_by(set, &q.name);
    let scaler = by.and_then(|b| b.scaler.as_ref());
    let c = q.counts.last();
    let version = match &q.system {
        QueueSystem::BullMq(layout) => clean(&layout.version).into_owned(),
        _ => String::new(),
    };
    let missing: serde_json::Map<String, Value> = q
        .missing
        .iter()
        .map(|(field, problem)| ((*field).to_owned(), clean(&say(problem)).into()))
        .collect();
    json!({
        "set": clean(set), "name": clean(&q.name), "system": q.system.word(), "version": version,
        "workload": by.map(|b| clean(&b.workload)), "workload_known": by.map(|b| clean(&b.how()).into_owned()),
        "workload_guessed": by.map(WorkedBy::is_guess), "scaler": scaler.map(|s| json!({
            "kind": if s.keda { "ScaledObject" } else { "HorizontalPodAutoscaler" }, "name": clean(&s.name),
            "min": s.min, "max": s.max,
        })),
        "ready": c.map(|c| c.ready), "waiting": c.and_then(|c| c.waiting), "prioritized": c.and_then(|c| c.prioritized),
        "held": c.and_then(|c| c.held), "active": c.and_then(|c| c.active), "delayed": c.and_then(|c| c.delayed),
        "overdue": c.and_then(|c| c.overdue), "failed": c.and_then(|c| c.failed),
        "completed": c.and_then(|c| c.completed), "paused": c.and_then(|c| c.paused),
        "workers": c.and_then(|c| c.workers), "stalled": c.and_then(|c| c.stalled),
        "oldest": c.and_then(|c| c.oldest), "oldest_seconds": q.oldest_age(now).map(|a| a.as_secs()),
        "added_per_minute": q.rates.and_then(|r| r.added), "finished_per_minute": q.rates.and_then(|r| r.finished),
        "growth_per_minute": q.rates.map(|r| r.growth),
        "failed_10m": q.rates.and_then(|r| r.failed_10m), "finished_10m": q.rates.and_then(|r| r.finished_10m),
        "empties_seconds": q.empties().map(|e| match e {
            Empties::Now => 0,
            Empties::In(time) => time.as_secs(),
            Empties::Never => -1,
        }),
        "read": q.counts.at, "problem": q.counts.problem.as_ref().map(|p| clean(&say(p)).into_owned()),
        "missing": missing,
    })
}
