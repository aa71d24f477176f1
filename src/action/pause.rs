//! Pause and resume the rollout of a Deployment (no other kind has it).
//!
//! While paused, changes of the template wait, and resuming lets all of them go at once: the plan shows which.

use serde_json::{Value, json};

use super::draft::{Draft, change, refuse, rests_on};
use super::object::{collection, flag, last_set, owned_by, path, text};
use super::plan::{PlanStep, Refusal, Request, Risk, VerifySpec};
use super::restart::{patch_need, rollout_impact, rollout_verify};
use super::revisions::{revision_of, template_changes, template_of};
use super::steward;
use super::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef, pause: bool) -> Result<Draft, Refusal> {
    if target.kind != Kind::Deployment {
        let what = format!("the rollout of a {} cannot be paused", target.kind.api());
        return Err(refuse(
            what,
            "only Deployments have this; a StatefulSet has a partition instead",
        ));
    }
    let object = survey.target(target).await?;
    let paused = flag(&object, "/spec/paused");
    let (name, verb) = if pause {
        ("Pause", "pause")
    } else {
        ("Resume", "resume")
    };
    let verify = VerifySpec {
        text: "the server holds it so".into(),
        deadline_s: 30,
        soak_s: 0,
    };
    let title = format!("{name} the rollout of {target}");
    let mut draft = Draft::new(title, format!("{name} {}", target.name), Risk::R1, verify);
    if paused == pause {
        draft.no_op = Some(format!(
            "{target} is {}",
            if pause { "paused already" } else { "not paused" }
        ));
    }
    let mut changes = vec![change("paused", paused, pause)];
    if pause {
        draft
            .impact
            .push("changes of the template wait; scaling still works; restart and roll back are refused".into());
        draft.warn("a rollout that is under way stops half way: old and new pods run side by side");
        draft.warn("a paused rollout does not report a passed deadline: it looks quiet, not stalled");
    } else {
        released(survey, &mut draft, &object, target, &mut changes).await;
    }
    draft.steps.push(PlanStep {
        target: target.into(),
        changes,
        same_as: survey.kubectl(&target.namespace, &format!("rollout {verb} {}", target.slash())),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/strategic-merge-patch+json".into(),
        body: json!({"spec": {"paused": pause}}),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(text(&object, "/metadata/uid"))),
                (
                    "/metadata/generation",
                    super::object::field(&object, "/metadata/generation").clone(),
                ),
            ],
        ),
    });
    draft.needs.push(patch_need(target));
    draft
        .last_set
        .extend(last_set(&object, "paused", &["f:spec", "f:paused"], "", survey.now));
    steward::warn(&mut draft, &object, target);
    let back = target.clone();
    if pause {
        draft.undo_by("resume the rollout".into(), Request::Resume { target: back });
    } else {
        draft.undo_by("pause the rollout again".into(), Request::Pause { target: back });
    }
    Ok(draft)
}

/// Which changes of the template waited for this.
async fn released(
    survey: &Survey<'_>,
    draft: &mut Draft,
    object: &Value,
    target: &ObjectRef,
    changes: &mut Vec<super::plan::FieldChange>,
) {
    let uid = text(object, "/metadata/uid");
    let sets = match survey.list(&collection(Kind::ReplicaSet, &target.namespace)).await {
        Ok(list) => list,
        Err(e) => {
            draft.risk = Risk::R2;
            draft.warn_seriously(format!(
                "its ReplicaSets could not be read ({}): what waits is unknown",
                e.why
            ));
            return;
        }
    };
    let newest = sets.iter().filter(|r| owned_by(r, uid)).max_by_key(|r| revision_of(r));
    let waiting = template_of(object);
    let differs = newest.map(|r| template_changes(&template_of(r), &waiting));
    match differs {
        Some(list) if list.is_empty() => draft.impact.push("no change of the template waits".to_owned()),
        Some(list) => {
            draft.risk = Risk::R2;
            draft.verify = rollout_verify(object);
            draft.warn_seriously(format!(
                "{} change{} of the template waited and roll out now",
                list.len(),
                if list.len() == 1 { "" } else { "s" }
            ));
            changes.extend(list);
            rollout_impact(draft, object, target);
        }
        None => {
            draft.risk = Risk::R2;
            draft.verify = rollout_verify(object);
            draft.warn_seriously("it has no revision yet: everything rolls out now");
            rollout_impact(draft, object, target);
        }
    }
}
