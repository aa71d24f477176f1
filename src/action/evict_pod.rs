//! Evict a pod: it goes only if its disruption budgets allow.
//!
//! The body is `policy/v1 Eviction` with `deleteOptions`; under kube-rs's spelling (`delete_options`) the server would
//! ignore the preconditions.

use serde_json::json;

use super::draft::{Draft, Need, change, rests_on};
use super::object::quote;
use super::object::{path, text};
use super::plan::{Check, PlanStep, Refusal, Request, Risk};
use super::pods;
use super::survey::Survey;
use crate::model::ObjectRef;

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef) -> Result<Draft, Refusal> {
    let pod = pods::read(survey, target).await?;
    let title = format!("Evict {target}");
    let mut draft = Draft::new(
        title,
        format!("Evict {}", target.name),
        Risk::R2,
        pods::verify(&pod, false),
    );
    let uid = text(&pod, "/metadata/uid");
    let body = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": &*target.name, "namespace": &*target.namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    });
    let at = format!("{}/eviction", path(target));
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change("pod", text(&pod, "/status/phase"), "evicted")],
        // kubectl has no verb for one pod; this is the request that its drain sends.
        same_as: format!(
            "echo {} | {}",
            quote(&body.to_string()),
            survey.kubectl(&target.namespace, &format!("create --raw {at} -f -"))
        ),
        method: "POST".into(),
        path: at,
        content_type: "application/json".into(),
        body,
        rests_on: rests_on(path(target), &[("/metadata/uid", json!(uid))]),
    });
    draft.needs.push(Need {
        verb: "create",
        target: target.clone(),
        subresource: "eviction",
    });
    pods::describe(&mut draft, &pod);
    if let Some(budgets) = pods::budgets(survey, &mut draft, &pod, &target.namespace).await {
        if budgets.is_empty() {
            draft.warn("no disruption budget covers it: this is a plain deletion");
        }
        let verdict = pods::budget_verdict(&pod, &budgets);
        if verdict.is_err() {
            draft.also(
                "delete it instead (ignores the budgets)".into(),
                Request::DeletePod {
                    target: target.clone(),
                    force: false,
                },
            );
        }
        // Where none covers it there is nothing that it could have passed.
        if !budgets.is_empty() {
            draft.checks.push(Check {
                name: "budget".into(),
                passed: Some(verdict.is_ok()),
                detail: verdict.err().unwrap_or_default(),
            });
        }
    }
    draft.no_undo("a pod that was evicted does not come back; its owner makes another one");
    Ok(draft)
}
