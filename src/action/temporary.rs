//! Which changes must not stay, and for how long. The intent of such a change says so in the journal, and the ledger of
//! temporary changes follows from that alone (see [`crate::journal::temporary`]).

use super::ObjectAsk;
use super::plan::{Outcome, Plan, PlanStep, Request, Undo};
use crate::journal::temporary::{Mark, Took};

/// What an action leaves behind that somebody must take back.
struct Kind {
    /// As in [`super::REGISTRY`].
    action: &'static str,
    /// Actions of one family change the same state of a target: what one leaves, another takes back.
    family: &'static str,
    /// What is so afterwards; empty: the change itself says it.
    words: &'static str,
    /// The state before and after, where the action alone tells.
    states: Option<(&'static str, &'static str)>,
    /// Minutes until it should be taken back; `None`: it only takes back what another left.
    minutes: Option<u32>,
}

const fn leaves(
    action: &'static str,
    family: &'static str,
    words: &'static str,
    states: Option<(&'static str, &'static str)>,
    minutes: u32,
) -> Kind {
    Kind {
        action,
        family,
        words,
        states,
        minutes: Some(minutes),
    }
}

const fn takes_back(action: &'static str, family: &'static str, states: (&'static str, &'static str)) -> Kind {
    Kind {
        action,
        family,
        words: "",
        states: Some(states),
        minutes: None,
    }
}

const KINDS: &[Kind] = &[
    leaves("pause", "rollout", "rollout paused", Some(("running", "paused")), 60),
    takes_back("resume", "rollout", ("paused", "running")),
    leaves("pause-queue", "queue", "queue paused", Some(("running", "paused")), 30),
    takes_back("resume-queue", "queue", ("paused", "running")),
    leaves("hpa-bounds", "bounds", "", None, 240),
    leaves(
        "cordon",
        "node",
        "node cordoned",
        Some(("schedulable", "cordoned")),
        240,
    ),
    leaves("drain", "node", "node drained", Some(("schedulable", "cordoned")), 240),
    takes_back("uncordon", "node", ("cordoned", "schedulable")),
    leaves("canary-weight", "canary", "", None, 24 * 60),
    // By hand to zero, or against an autoscaler: what the plan offers instead would last.
    leaves("scale", "size", "", None, 240),
    leaves(
        "silence-alert",
        "silence",
        "alert silenced",
        Some(("heard", "silenced")),
        60,
    ),
    takes_back("expire-silence", "silence", ("silenced", "heard")),
    // What was switched or raised by hand is not where releases come from: the next one may undo it.
    leaves("switch-service", "selector", "", None, 24 * 60),
    leaves("set-resources", "resources", "", None, 24 * 60),
];

/// What the intent of a step says of the state that it leaves, if that must not stay.
pub(super) fn mark(plan: &Plan, step: &PlanStep) -> Option<Mark> {
    let kind = KINDS.iter().find(|k| k.action == plan.request.name())?;
    let request = plan.request.of_step(step);
    // Of a drain the node is left so; its pods are elsewhere for good.
    if plan.request.is_drain() && step.method != "PATCH" {
        return None;
    }
    let joined = |of: fn(&super::FieldChange) -> &String| -> String {
        let mut all: Vec<String> = step.changes.iter().map(|c| format!("{} {}", c.field, of(c))).collect();
        all.sort();
        all.join(", ")
    };
    let (was, becomes) = match (request, kind.states) {
        (_, Some((was, becomes))) => (was.to_owned(), becomes.to_owned()),
        (
            Request::HpaBounds {
                min,
                max,
                seen_min,
                seen_max,
                ..
            },
            _,
        ) => (format!("{seen_min}–{seen_max}"), format!("{min}–{max}")),
        (Request::Scale { replicas, seen, .. }, _) => (seen.to_string(), replicas.to_string()),
        (
            Request::Object {
                ask: ObjectAsk::CanaryWeight { weight, seen },
                ..
            },
            _,
        ) => (
            seen.map_or_else(|| joined(|c| &c.before), |seen| seen.to_string()),
            weight.to_string(),
        ),
        (
            Request::Object {
                ask: ObjectAsk::SwitchService { .. },
                ..
            },
            _,
        ) => {
            let of = |side: fn(&super::FieldChange) -> &String| step.changes.first().map(side).cloned();
            (
                of(|c| &c.before).unwrap_or_default(),
                of(|c| &c.after).unwrap_or_default(),
            )
        }
        _ => (joined(|c| &c.before), joined(|c| &c.after)),
    };
    // Of one workload each container has a state of its own.
    let family = match request {
        Request::Object {
            ask: ObjectAsk::SetResources { container, .. },
            ..
        } => format!("{} {container}", kind.family),
        _ => kind.family.to_owned(),
    };
    let words = match request {
        Request::HpaBounds { .. } => format!("bounds {was} → {becomes}"),
        Request::Scale { .. } => format!("size {was} → {becomes}"),
        Request::Object { .. } if kind.family == "canary" => format!("canary weight {was} → {becomes}"),
        Request::Object { .. } if kind.family == "selector" => format!("selector {was} → {becomes}"),
        _ if kind.words.is_empty() => format!("{was} → {becomes}"),
        _ => kind.words.to_owned(),
    };
    let by_hand = match request {
        Request::Scale { replicas, .. } => *replicas == 0 || !plan.alternatives.is_empty(),
        _ => true,
    };
    let (ends, minutes) = match request {
        Request::Silence { minutes, .. } => (true, *minutes),
        _ => (false, kind.minutes.unwrap_or(0)),
    };
    let (undo, undo_words) = match &plan.undo {
        // Of several, each takes back its own.
        Undo::By { label, request, .. } => (
            serde_json::to_value(request.of_step(step)).unwrap_or_default(),
            label.clone(),
        ),
        Undo::Nothing { why } => (serde_json::Value::Null, why.clone()),
    };
    Some(Mark {
        family,
        words,
        was,
        becomes,
        opens: kind.minutes.is_some() && by_hand,
        minutes,
        ends,
        undo,
        undo_words,
    })
}

/// Whether a change took effect, for the record.
pub(super) const fn took(outcome: &Outcome) -> Took {
    match outcome {
        Outcome::Applied => Took::Yes,
        Outcome::Unknown(_) => Took::Unknown,
        Outcome::NoOp
        | Outcome::Skipped(_)
        | Outcome::Refused(_)
        | Outcome::Conflict(_)
        | Outcome::Throttled(_)
        | Outcome::NotRecorded(_) => Took::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_of_an_action_and_what_leaves_something_can_be_taken_back() {
        for kind in KINDS {
            assert!(
                super::super::info(kind.action).is_some(),
                "{} is no action",
                kind.action
            );
            let Some((was, becomes)) = kind.states.filter(|_| kind.minutes.is_some()) else {
                continue;
            };
            let back = KINDS
                .iter()
                .any(|k| k.family == kind.family && k.states == Some((becomes, was)));
            assert!(back, "nothing takes {} back", kind.action);
        }
    }
}
