//! What the journal holds of a change: before it is sent, after it was answered, and once it is verified.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::outcome::outcome_text;
use super::plan::{Confirmed, Outcome, Plan, PlanStep, Risk};
use super::second::Second;
use super::{FieldChange, temporary};
use crate::journal::temporary::{MARK, TOOK, Took};
use crate::journal::{Entry, RecordKind, RequestSeen, ResponseSeen, Target, redact_body, redact_field, sha256};

/// A record about one step of a plan.
pub(super) fn about(plan: &Plan, kind: RecordKind, step: &PlanStep) -> Entry {
    let mut entry = Entry::new(kind, plan.request.name());
    entry.target = Some(Target {
        context: plan.place.context.clone(),
        server: plan.place.server.clone(),
        kind: step.target.kind().to_owned(),
        namespace: step.target.namespace(),
        name: step.target.name().to_owned(),
        uid: step.target.id().to_owned(),
    });
    entry.plan_hash = plan.hash();
    entry
}

/// Who confirmed what: on disk before the first intent.
pub(super) fn confirm(confirmed: &Confirmed) -> Option<Entry> {
    let plan = confirmed.plan();
    let mut entry = about(plan, RecordKind::Confirm, plan.steps.first()?);
    entry.outcome.clone_from(&plan.title);
    entry.reason.clone_from(&confirmed.by().reason);
    entry.runbook = confirmed.run().cloned();
    entry.data = json!({
        "steps": plan.steps.len(), "risk": plan.risk, "class": plan.class, "at": confirmed.at(),
        "typed": !confirmed.by().typed.is_empty(),
    });
    if plan.risk == Risk::R3 {
        entry.approval = "solo".into();
    }
    Some(entry)
}

/// Whose fields go by names that people chose: their values may be anything.
fn kept_back(step: &PlanStep) -> bool {
    matches!(step.target.kind(), "ConfigMap" | "Secret")
}

pub(super) fn intent(confirmed: &Confirmed, step: &PlanStep, body: &Value) -> Entry {
    let plan = confirmed.plan();
    let mut entry = about(plan, RecordKind::Intent, step);
    entry.request = Some(RequestSeen {
        body: redact_body(body),
        ..request(step, body)
    });
    let side = |of: fn(&FieldChange) -> &String| -> Value {
        let pairs = step
            .changes
            .iter()
            .map(|c| (c.field.clone(), redact_field(kept_back(step), &c.field, of(c))));
        pairs.collect::<Map<_, _>>().into()
    };
    entry.before = side(|c| &c.before);
    entry.after = side(|c| &c.after);
    entry.reason.clone_from(&confirmed.by().reason);
    entry.runbook = confirmed.run().cloned();
    // Two platforms of one cluster may have sources of the same names.
    let mut data = Map::from_iter([("platform".to_owned(), plan.place.platform.clone().into())]);
    data.extend(temporary::mark(plan, step).map(|mark| (MARK.to_owned(), json!(mark))));
    entry.data = data.into();
    entry.approval = match confirmed.second() {
        Some(second) => second.text(),
        None if plan.risk == Risk::R3 => "solo".into(),
        None => String::new(),
    };
    entry
}

/// Who else stands for the change, or that nobody does: on record before anything is sent.
pub(super) fn second(confirmed: &Confirmed) -> Option<Entry> {
    let plan = confirmed.plan();
    let second = confirmed.second()?;
    let kind = match second {
        Second::Approved(_) => RecordKind::Approval,
        Second::Alone { .. } => RecordKind::Override,
    };
    let mut entry = match plan.steps.first() {
        Some(step) => about(plan, kind, step),
        None => Entry::new(kind, plan.request.name()),
    };
    entry.plan_hash = plan.hash();
    entry.approval = second.text();
    (entry.outcome, entry.reason) = match second {
        Second::Approved(by) => (format!("approved: {}", plan.title), by.reason().to_owned()),
        Second::Alone { reason } => (
            format!("BREAK GLASS: went on without a second person: {}", plan.title),
            reason.clone(),
        ),
    };
    Some(entry)
}

/// The body is in the intent; its hash here says whether the same one was sent in the end.
pub(super) fn result(
    plan: &Plan,
    step: &PlanStep,
    body: &Value,
    outcome: &Outcome,
    answer: Option<ResponseSeen>,
    took: Duration,
) -> Entry {
    let mut entry = about(plan, RecordKind::Result, step);
    entry.request = Some(request(step, body));
    entry.outcome = outcome_text(outcome);
    entry.data = json!({ TOOK: temporary::took(outcome) });
    entry.response = answer;
    entry.duration_ms = u64::try_from(took.as_millis()).ok();
    entry
}

/// Why a step of a confirmed plan was not sent: a result that answers no intent.
pub(super) fn unsent(confirmed: &Confirmed, step: &PlanStep, outcome: &Outcome) -> Entry {
    let mut entry = about(confirmed.plan(), RecordKind::Result, step);
    entry.outcome = match outcome {
        Outcome::Refused(why) | Outcome::Conflict(why) | Outcome::Skipped(why) => format!("not sent: {why}"),
        other => format!("not sent: {}", outcome_text(other)),
    };
    entry.data = json!({ TOOK: Took::No });
    entry.runbook = confirmed.run().cloned();
    entry
}

fn request(step: &PlanStep, body: &Value) -> RequestSeen {
    RequestSeen {
        method: step.method.clone(),
        path: step.path.clone(),
        body: Value::Null,
        body_sha256: sha256(body.to_string().as_bytes()),
    }
}
