//! What an answer means, whether a change took effect, and both in words.

use serde_json::{Value, json};

use super::object::{clean, field, items, text};
use super::plan::{Outcome, PlanStep, Verdict};
use super::verify::{Goal, Observation};
use super::wire::Answer;
use crate::journal::ResponseSeen;

/// What an answer means.
pub(super) fn classify(answer: &Answer, step: &PlanStep) -> Outcome {
    let message = super::object::clean(&answer.message());
    match answer.code {
        200..=299 => {
            let at = step
                .rests_on
                .pointer("/fields/~1metadata~1generation")
                .and_then(Value::as_i64);
            let is = answer.body.pointer("/metadata/generation").and_then(Value::as_i64);
            if at.is_some() && at == is {
                Outcome::NoOp
            } else {
                Outcome::Applied
            }
        }
        409 => Outcome::Conflict(message),
        // A failed `test` of a JSON patch has no causes; an invalid object has.
        422 if step.content_type == "application/json-patch+json" && answer.causes().is_empty() => {
            Outcome::Conflict(format!("what the plan rests on has changed: {message}"))
        }
        429 if answer.has_cause("DisruptionBudget") => Outcome::Refused(budget_message(answer)),
        429 => Outcome::Throttled(answer.wait_s().unwrap_or(1)),
        // The eviction API answers so when two budgets cover the pod: it did not do it.
        500 if message.contains("more than one PodDisruptionBudget") => Outcome::Refused(message),
        500..=599 => Outcome::Unknown(format!("{} {}: {message}", answer.code, answer.reason()).replace(" :", ":")),
        401 => Outcome::Refused(format!(
            "the API server does not know you any more: sign in again ({message})"
        )),
        _ => Outcome::Refused(message),
    }
}

/// Whether the object now is as the request would have made it.
pub(super) fn took_effect(step: &PlanStep, goal: &Goal, before: &Observation, now: &Observation) -> bool {
    let uid = |o: &Observation| o.object.as_ref().map(|v| text(v, "/metadata/uid").to_owned());
    match (goal, &now.object) {
        (Goal::PodGone | Goal::Gone, None) => true,
        (Goal::PodGone | Goal::Gone, Some(pod)) => {
            uid(before) != uid(now) || !field(pod, "/metadata/deletionTimestamp").is_null()
        }
        (_, None) => false,
        // Its name was made for this one request.
        (Goal::JobDone, Some(_)) => before.object.is_none(),
        (Goal::Holds(list), Some(o)) => list.iter().all(|(at, want)| field(o, at) == want),
        (Goal::Secret(sealed), Some(o)) => sealed.is_held_by(o),
        (Goal::Endpoints { selector, .. }, Some(o)) => field(o, "/spec/selector") == selector,
        (Goal::Size(n), Some(o)) => field(o, "/spec/replicas") == &json!(n),
        (Goal::Fields(list), Some(o)) => list.iter().all(|(at, want)| {
            let is = field(o, at);
            is == want || is.is_null() && want == &Value::Bool(false)
        }),
        (Goal::Rollout, Some(o)) => {
            let sent = |at: &str| step.body.pointer(at);
            let generation = |o: &Value| field(o, "/metadata/generation").as_i64();
            let moved = generation(o) > before.object.as_ref().and_then(generation);
            // A JSON patch replaces the template as a whole; the others merge into it.
            let json_patch = items(&step.body, "").find(|op| text(op, "/path") == "/spec/template");
            let want = json_patch.and_then(|op| op.get("value")).or(sent("/spec/template"));
            let resumed = sent("/spec/paused")
                .is_some_and(|p| field(o, "/spec/paused").is_null() || field(o, "/spec/paused") == p);
            moved && (want.is_some_and(|w| contains(field(o, "/spec/template"), w)) || resumed)
        }
    }
}

/// Whether `all` has everything of `part`; lists of named things are matched by name.
fn contains(all: &Value, part: &Value) -> bool {
    match (all, part) {
        (Value::Object(a), Value::Object(p)) => p
            .iter()
            .filter(|(k, _)| k.as_str() != "$patch")
            .all(|(k, v)| a.get(k).is_some_and(|x| contains(x, v))),
        (Value::Array(a), Value::Array(p)) => p.iter().all(|v| a.iter().any(|x| contains(x, v))),
        _ => all == part,
    }
}

pub(super) fn response_seen(answer: &Answer) -> ResponseSeen {
    let failed = !answer.ok();
    ResponseSeen {
        code: answer.code,
        reason: if failed {
            answer.reason().to_owned()
        } else {
            String::new()
        },
        message: if failed { answer.message() } else { String::new() },
        causes: answer
            .causes()
            .into_iter()
            .map(|(reason, message)| format!("{reason}: {message}"))
            .collect(),
        audit_id: answer.audit_id.clone(),
    }
}

pub(super) fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied => "applied".into(),
        Outcome::NoOp => "no-op: the server changed nothing".into(),
        Outcome::Skipped(why) => format!("skipped by the server: {why}"),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Conflict(why) => format!("conflict: {why}"),
        Outcome::Throttled(s) => format!("throttled: try again in {s} s"),
        Outcome::Unknown(why) => format!("unknown: {why}"),
        Outcome::NotRecorded(why) => format!("not recorded, so not sent: {why}"),
    }
}

pub(crate) fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Healthy(t) => format!("healthy: {t}"),
        Verdict::Failed(t) => format!("failed: {t}"),
        Verdict::Superseded(t) => format!("superseded: {t}"),
        Verdict::Lost(t) => format!("lost: {t}"),
        Verdict::Paused => "paused".into(),
        Verdict::Unknown(t) => format!("unknown: {t}"),
    }
}

/// The sentence of the budget that refuses, rather than the general one.
pub(super) fn budget_message(answer: &Answer) -> String {
    let cause = answer
        .causes()
        .into_iter()
        .find(|(r, _)| r == "DisruptionBudget")
        .map(|(_, m)| m);
    clean(&cause.filter(|m| !m.is_empty()).unwrap_or_else(|| answer.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::report::{Report, Scope};
    use crate::journal::{Actor, Entry, Mode, Record, RecordKind, Target};

    /// A scale and its verdict, as they are recorded.
    fn records(verdict: &Verdict) -> Vec<Record> {
        let write = |seq, kind, outcome| {
            let mut entry = Entry::new(kind, "scale");
            entry.target = Some(Target::default());
            entry.after = serde_json::json!({"replicas": 2});
            entry.plan_hash = "plan".into();
            entry.outcome = outcome;
            Record {
                v: 1,
                seq,
                ts: jiff::Timestamp::UNIX_EPOCH,
                host: "bastion".into(),
                pid: 7,
                session: "s".into(),
                build: "b".into(),
                actor: Actor::default(),
                mode: Mode::Live,
                entry,
                prev_hash: String::new(),
                hash: format!("hash{seq}"),
            }
        };
        vec![
            write(1, RecordKind::Intent, String::new()),
            write(2, RecordKind::Verify, verdict_text(verdict)),
        ]
    }

    #[test]
    fn a_report_calls_no_verdict_good_but_healthy() {
        let why = || "gone; no new pod yet".to_owned();
        for (verdict, came) in [
            (Verdict::Healthy(why()), "good"),
            (Verdict::Failed(why()), "bad"),
            (Verdict::Superseded(why()), "bad"),
            (Verdict::Lost(why()), "bad"),
            (Verdict::Paused, "bad"),
            (Verdict::Unknown(why()), "unknown"),
        ] {
            let records = records(&verdict);
            let report = Report::of(&records.iter().collect::<Vec<_>>(), &Scope::All, Vec::new()).unwrap();
            let told: Vec<&str> = report.actions.iter().map(|a| a.came).collect();
            assert_eq!(told, [came], "{verdict:?}");
            let without = format!("Changes: 1, of which {} without", usize::from(came != "good"));
            assert!(report.markdown().contains(&without), "{verdict:?}");
        }
    }
}
