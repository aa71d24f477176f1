//! Delete a pod. Disruption budgets are not asked; an eviction asks them.
//!
//! The uid is the precondition. A resourceVersion would be one too, but a pod's status changes all the time, and most
//! of all when it is in trouble: the request would conflict for no reason.

use serde_json::json;

use super::draft::{Draft, Need, change, rests_on};
use super::object::{path, text};
use super::plan::{PlanStep, Refusal, Request, Risk};
use super::pods;
use super::survey::Survey;
use crate::model::ObjectRef;

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef, force: bool) -> Result<Draft, Refusal> {
    let pod = if force {
        survey.target(target).await?
    } else {
        pods::read(survey, target).await?
    };
    let verb = pods::title(force);
    let risk = if force { Risk::R3 } else { Risk::R2 };
    let mut draft = Draft::new(
        format!("{verb} {target}"),
        format!("{verb} {}", target.name),
        risk,
        pods::verify(&pod, force),
    );
    let uid = text(&pod, "/metadata/uid");
    let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}});
    if force && let Some(all) = body.as_object_mut() {
        all.insert("gracePeriodSeconds".into(), json!(0));
    }
    let how = if force { " --grace-period=0 --force" } else { "" };
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change("pod", text(&pod, "/status/phase"), "deleted")],
        same_as: survey.kubectl(&target.namespace, &format!("delete pod {}{how}", target.name)),
        method: "DELETE".into(),
        path: path(target),
        content_type: "application/json".into(),
        body,
        rests_on: rests_on(path(target), &[("/metadata/uid", json!(uid))]),
    });
    draft.needs.push(Need {
        verb: "delete",
        target: target.clone(),
        subresource: "",
    });
    pods::describe(&mut draft, &pod);
    if force {
        pods::warn_of_force(&mut draft, &pod);
    }
    let budgets = pods::budgets(survey, &mut draft, &pod, &target.namespace).await;
    if budgets.is_none_or(|b| !b.is_empty()) {
        draft.warn_seriously("disruption budgets are not asked");
        draft.also(
            "evict it instead (asks the budgets)".into(),
            Request::EvictPod { target: target.clone() },
        );
    } else {
        draft.impact.push("no disruption budget covers it".to_owned());
    }
    draft.no_undo("a pod that was deleted does not come back; its owner makes another one");
    Ok(draft)
}
