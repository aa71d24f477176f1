//! `qd signals`

use jiff::Timestamp;
use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict, doubts};
use crate::cli::Output;
use crate::model::World;
use crate::signal::{Judge, KINDS};

/// What is wrong at our time `now`, worst first. Wrong when there is a signal.
///
/// A rule whose cause has no timestamp of its own needs to be seen for its time, so one look at a platform can miss
/// it; the console does not.
///
/// JSON: `{"signals": [{id, severity, subject: {kind, namespace, name}, title, evidence: [{label, value}], since,
/// observed, runbook, related: [{kind, namespace, name, uid}], count, stale}]}`.
pub fn signals(world: &World, judge: &Judge, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let mut doubts = doubts(world, &KINDS);
    doubts.extend(super::source_doubts::all(world));
    let verdict = Verdict::of(!judge.signals().is_empty(), &doubts);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["SEVERITY", "NAMESPACE", "SIGNAL", "RUNBOOK", "SINCE", "WHAT"]);
            for s in judge.signals() {
                table.row([
                    s.severity.word().to_owned(),
                    s.subject.namespace().to_owned(),
                    s.id.to_owned(),
                    s.runbook.unwrap_or_default().to_owned(),
                    s.lasted(now),
                    s.line(now),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = judge
                .signals()
                .iter()
                .map(|s| {
                    let evidence: Vec<_> = s
                        .evidence
                        .iter()
                        .map(|e| json!({ "label": e.label, "value": e.value }))
                        .collect();
                    let related: Vec<_> = s
                        .related
                        .iter()
                        .map(|o| {
                            json!({
                                "kind": o.kind.api(), "namespace": &*o.namespace, "name": &*o.name, "uid": &*o.uid,
                            })
                        })
                        .collect();
                    json!({
                        "id": s.id, "severity": s.severity.word(),
                        "subject": {
                            "kind": s.subject.kind(), "namespace": s.subject.namespace(), "name": s.subject.name(),
                        },
                        "title": s.line(now), "evidence": evidence, "since": s.since, "observed": s.observed,
                        "runbook": s.runbook, "related": related, "count": s.count, "stale": s.stale,
                    })
                })
                .collect();
            super::json(&json!({ "signals": rows }))
        }
    };
    Answer { text, doubts, verdict }
}
