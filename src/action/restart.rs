//! Restart: the annotation `kubectl.kubernetes.io/restartedAt` on the pod template, as a strategic merge patch.

use serde_json::{Value, json};

use super::draft::{Draft, Need, change, refuse, rests_on};
use super::object::{count, field, flag, int, last_set, path, text};
use super::plan::{PlanStep, Refusal, Risk, VerifySpec};
use super::steward;
use super::survey::{Survey, write_path_as};
use crate::model::{IntOrPercent, Kind, ObjectRef};

const ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef) -> Result<Draft, Refusal> {
    rolls_out(target)?;
    let object = survey.target(target).await?;
    if flag(&object, "/spec/paused") {
        let what = format!("{target} is paused: a restart would wait until it is resumed");
        return Err(refuse(what, "resume it first"));
    }
    let pods = pods_wanted(&object);
    let mut draft = Draft::new(
        format!("Restart {target}"),
        format!(
            "Restart {pods} pod{} of {}",
            if pods == 1 { "" } else { "s" },
            target.name
        ),
        Risk::R2,
        rollout_verify(&object),
    );
    let at = survey.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let before = text(
        &object,
        "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
    );
    let manager = steward::restart_manager(&object).unwrap_or(super::FIELD_MANAGER);
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change(
            "restarted at",
            if before.is_empty() { "never" } else { before },
            &at,
        )],
        same_as: survey.kubectl(&target.namespace, &format!("rollout restart {}", target.slash())),
        method: "PATCH".into(),
        path: write_path_as(target, "", manager),
        content_type: "application/strategic-merge-patch+json".into(),
        body: json!({"spec": {"template": {"metadata": {"annotations": { ANNOTATION: at }}}}}),
        rests_on: spec_rests_on(target, &object),
    });
    if manager != super::FIELD_MANAGER {
        draft.warn(format!(
            "sent under the name {manager}: Flux would else remove the annotation and restart everything again"
        ));
    }
    draft.needs.push(patch_need(target));
    let set = last_set(&object, "template", &["f:spec", "f:template"], "", survey.now);
    draft.last_set.extend(set);
    rollout_impact(&mut draft, &object, target);
    steward::warn(&mut draft, &object, target);
    draft.no_undo("pods that were replaced do not come back; the new ones run the same version");
    Ok(draft)
}

/// Refuses kinds without a rollout.
pub(super) fn rolls_out(target: &ObjectRef) -> Result<(), Refusal> {
    if Kind::WORKLOADS.contains(&target.kind) {
        return Ok(());
    }
    let what = format!("a {} does not roll out pods", target.kind.api());
    Err(refuse(what, "choose its Deployment, StatefulSet or DaemonSet"))
}

pub(super) fn patch_need(target: &ObjectRef) -> Need {
    Need {
        verb: "patch",
        target: target.clone(),
        subresource: "",
    }
}

/// A change of a template rests on the whole spec being as it was: `metadata.generation` moves with any edit of it and
/// not with status.
pub(super) fn spec_rests_on(target: &ObjectRef, object: &Value) -> Value {
    rests_on(
        path(target),
        &[
            ("/metadata/uid", json!(text(object, "/metadata/uid"))),
            ("/metadata/generation", field(object, "/metadata/generation").clone()),
        ],
    )
}

pub(super) fn pods_wanted(object: &Value) -> u32 {
    if object.pointer("/status/desiredNumberScheduled").is_some() {
        count(object, "/status/desiredNumberScheduled", 0)
    } else {
        count(object, "/spec/replicas", 1)
    }
}

/// A rollout may take its own progress deadline, and half a minute for the controller to say so.
pub(super) fn rollout_verify(object: &Value) -> VerifySpec {
    let deadline_s = u64::from(count(object, "/spec/progressDeadlineSeconds", 600)) + 30;
    VerifySpec {
        text: format!(
            "{} new and available within {} min, then 60 s without a restart",
            match pods_wanted(object) {
                1 => "its pod".to_owned(),
                n => format!("all {n} pods"),
            },
            deadline_s.div_ceil(60)
        ),
        deadline_s,
        soak_s: 60,
    }
}

fn share(v: &Value) -> Option<IntOrPercent> {
    if let Some(n) = v.as_u64() {
        return u32::try_from(n).ok().map(IntOrPercent::Int);
    }
    v.as_str()?.strip_suffix('%')?.parse().ok().map(IntOrPercent::Percent)
}

/// `ResolveFenceposts` of the deployment controller: surge rounds up, unavailable rounds down, both zero makes one
/// unavailable.
pub(super) fn fenceposts(rolling: &Value, pods: u32, otherwise: (IntOrPercent, IntOrPercent)) -> (u32, u32) {
    let surge = share(field(rolling, "/maxSurge")).unwrap_or(otherwise.0).of(pods, true);
    let gone = share(field(rolling, "/maxUnavailable"))
        .unwrap_or(otherwise.1)
        .of(pods, false);
    if surge == 0 && gone == 0 {
        (0, 1.min(pods))
    } else {
        (surge, gone.min(pods))
    }
}

/// What replacing all pods means, at worst.
pub(super) fn rollout_impact(draft: &mut Draft, object: &Value, target: &ObjectRef) {
    let pods = pods_wanted(object);
    let strategy = match target.kind {
        Kind::Deployment => field(object, "/spec/strategy"),
        _ => field(object, "/spec/updateStrategy"),
    };
    let kind = text(strategy, "/type");
    let rolling = field(strategy, "/rollingUpdate");
    match (target.kind, kind) {
        (_, "OnDelete") => draft.warn_seriously(
            "its strategy is OnDelete: the template changes, but no pod is replaced until you delete it",
        ),
        (_, "Recreate") => {
            draft.impact.push(format!(
                "{} before the first new one starts",
                if pods == 1 {
                    "its pod stops".to_owned()
                } else {
                    format!("all {pods} pods stop")
                }
            ));
            draft.warn_seriously("its strategy is Recreate: there is an outage until the new pods are ready");
        }
        (Kind::StatefulSet, _) => {
            draft.impact.push(format!(
                "at most 1 of {pods} unavailable at a time, highest number first"
            ));
            let partition = count(rolling, "/partition", 0);
            if partition > 0 {
                draft.warn_seriously(format!(
                    "partition {partition}: only pods numbered {partition} and above are replaced"
                ));
            }
        }
        (kind, _) => {
            let otherwise = if kind == Kind::DaemonSet {
                (IntOrPercent::Int(0), IntOrPercent::Int(1))
            } else {
                (IntOrPercent::Percent(25), IntOrPercent::Percent(25))
            };
            let (surge, gone) = fenceposts(rolling, pods, otherwise);
            let more = if surge > 0 {
                format!(", up to {} pods", pods + surge)
            } else {
                String::new()
            };
            draft.impact.push(format!("at most {gone} of {pods} unavailable{more}"));
            if gone >= pods && pods > 0 {
                draft.warn_seriously("at worst none is available for a while");
            }
        }
    }
    draft
        .impact
        .push("a rollout does not ask disruption budgets".to_owned());
    let (updated, ready) = progress(object, target.kind);
    if updated < pods || int(object, "/status/observedGeneration") < int(object, "/metadata/generation") {
        draft.warn(format!(
            "a rollout is under way already: {updated} of {} of the newest revision",
            are(pods)
        ));
    }
    if ready < pods {
        draft.warn(format!("{} of {} not ready now", pods - ready, are(pods)));
    }
}

/// Of how many pods something is said: `1 pod is`, `5 pods are`.
fn are(pods: u32) -> String {
    match pods {
        1 => "1 pod is".to_owned(),
        n => format!("{n} pods are"),
    }
}

/// Updated and ready pods.
pub(super) fn progress(object: &Value, kind: Kind) -> (u32, u32) {
    let of = |at: &str| count(object, &format!("/status/{at}"), 0);
    match kind {
        Kind::DaemonSet => (of("updatedNumberScheduled"), of("numberReady")),
        _ => (of("updatedReplicas"), of("readyReplicas")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenceposts_round_surge_up_and_unavailable_down() {
        let quarter = (IntOrPercent::Percent(25), IntOrPercent::Percent(25));
        assert_eq!(fenceposts(&Value::Null, 5, quarter), (2, 1));
        assert_eq!(fenceposts(&Value::Null, 2, quarter), (1, 0));
        assert_eq!(
            fenceposts(&json!({"maxSurge": 0, "maxUnavailable": 0}), 3, quarter),
            (0, 1)
        );
        assert_eq!(
            fenceposts(&json!({"maxSurge": "50%", "maxUnavailable": 9}), 3, quarter),
            (2, 3)
        );
    }
}
