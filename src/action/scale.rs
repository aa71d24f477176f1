//! Scale: `PUT …/scale` with the resourceVersion of the GET, as `kubectl scale --current-replicas` does.
//!
//! The size that the operator saw is the precondition. Autoscalers make a manual size a lie, so the plan says what
//! they will do to it and offers the bounds instead.

use serde_json::{Value, json};

use super::draft::{Draft, Need, change, refuse, rests_on};
use super::hpa_bounds::bounds_fields;
use super::object::{count, field, last_set, path};
use super::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use super::scalers::{self, Scaler};
use super::steward;
use super::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef, replicas: u32, seen: u32) -> Result<Draft, Refusal> {
    if !matches!(target.kind, Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet) {
        let what = format!("a {} cannot be scaled", target.kind.api());
        return Err(refuse(
            what,
            "only Deployments, StatefulSets and ReplicaSets have a size of their own",
        ));
    }
    let read = format!("{}/scale", path(target));
    let object = survey.target(target).await?;
    let scale = survey.target_at(target, &read).await?;
    let now = count(&scale, "/spec/replicas", 0);
    if now != seen && now != replicas {
        let mut no = refuse(
            format!("{target} had {seen} replicas when you looked and has {now} now"),
            "plan again from what it is now",
        );
        no.alternatives.push(Alternative {
            label: format!("scale {now} → {replicas}"),
            request: Request::Scale {
                target: target.clone(),
                replicas,
                seen: now,
            },
        });
        return Err(no);
    }
    let wait_s: u64 = if replicas > now {
        120 + 10 * u64::from(replicas - now).min(48)
    } else {
        120
    };
    let verify = VerifySpec {
        text: if replicas == 0 {
            format!("no pod left within {} min", wait_s / 60)
        } else {
            format!(
                "{replicas} ready within {} min, then 60 s without a restart",
                wait_s / 60
            )
        },
        deadline_s: wait_s,
        soak_s: if replicas == 0 { 0 } else { 60 },
    };
    let risk = match (now, replicas) {
        (_, 0) => Risk::R3,
        (from, to) if to >= from && to <= from.max(1) * 2 => Risk::R1,
        _ => Risk::R2,
    };
    let mut draft = Draft::new(
        format!("Scale {target}"),
        format!("Scale {now} → {replicas}"),
        risk,
        verify,
    );
    if now == replicas {
        draft.no_op = Some(format!("{target} already has {replicas} replicas"));
    }
    let mut body = scale.clone();
    if let Some(meta) = body.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    if let Some(spec) = body.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.insert("replicas".into(), json!(replicas));
    } else if let Some(all) = body.as_object_mut() {
        // A scale of zero may come without `replicas`, or without a spec at all.
        all.insert("spec".into(), json!({ "replicas": replicas }));
    }
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change("replicas", now, replicas)],
        same_as: survey.kubectl(
            &target.namespace,
            &format!(
                "scale {} --replicas={replicas} --current-replicas={now}",
                target.slash()
            ),
        ),
        method: "PUT".into(),
        path: write_path(target, "/scale"),
        content_type: "application/json".into(),
        body,
        rests_on: rests_on(
            read,
            &[
                ("/metadata/uid", json!(target.uid.to_string())),
                ("/spec/replicas", field(&scale, "/spec/replicas").clone()),
            ],
        ),
    });
    draft.needs.push(Need {
        verb: "update",
        target: target.clone(),
        subresource: "scale",
    });
    let set = last_set(
        &object,
        "replicas",
        &["f:spec", "f:replicas"],
        &now.to_string(),
        survey.now,
    );
    draft.last_set.extend(set);
    impact(survey, &mut draft, &object, target, now, replicas).await;
    match scalers::of(survey, target).await {
        Ok(list) => list.iter().for_each(|s| judge(&mut draft, s, replicas)),
        Err(why) => draft.warn(format!("autoscalers could not be read ({why}): one may undo this")),
    }
    steward::warn(&mut draft, &object, target);
    draft.undo_by(
        format!("scale to {now}"),
        Request::Scale {
            target: target.clone(),
            replicas: now,
            seen: replicas,
        },
    );
    Ok(draft)
}

async fn impact(survey: &Survey<'_>, draft: &mut Draft, object: &Value, target: &ObjectRef, now: u32, to: u32) {
    let template = field(object, "/spec/template");
    if to > now {
        let more = to - now;
        draft.impact.push(match more {
            1 => format!("1 more pod, of {}", scalers::each_asks(template)),
            _ => format!("{more} more pods, of {} each", scalers::each_asks(template)),
        });
        scalers::quota(survey, draft, &target.namespace, template, more).await;
    } else if to < now {
        draft.impact.push(format!(
            "{} of {now} pods are stopped; disruption budgets are not asked",
            now - to
        ));
        if target.kind == Kind::StatefulSet {
            draft.warn(
                "the pods with the highest numbers go first; their volumes stay unless the retention policy says else",
            );
        }
    }
    if to == 0 && now > 0 {
        draft.warn_seriously("nothing is left to serve: this is an outage of whatever needs it");
    }
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        draft.warn("the rollout is paused: the size changes all the same, across its revisions");
    }
    if target.kind == Kind::ReplicaSet
        && let Some(o) = super::object::owner(object)
    {
        let (kind, name) = (super::object::text(o, "/kind"), super::object::text(o, "/name"));
        draft.warn_seriously(format!(
            "{kind} {name} owns this ReplicaSet and sets its size back: scale the {kind} instead"
        ));
    }
}

/// What an autoscaler will do to the new size, and the change that lasts.
fn judge(draft: &mut Draft, s: &Scaler, to: u32) {
    let name = &s.hpa.name;
    draft.impact.push(s.line());
    if to == 0 {
        draft.warn_seriously(format!(
            "this switches HPA {name} off; scaling to 1 or more switches it on again"
        ));
        return;
    }
    if let Some(why) = &s.inactive {
        draft.warn(format!("HPA {name} does not scale now ({why})"));
    }
    if to < s.min {
        draft.warn_seriously(format!("HPA {name} restores {} within about 15 s: its minimum", s.min));
    } else if to > s.max {
        draft.warn_seriously(format!(
            "HPA {name} cuts this to {} within about 15 s: its maximum",
            s.max
        ));
    } else {
        draft.warn(format!(
            "HPA {name} computes the size again within about 15 s and may undo this"
        ));
    }
    if let Some(so) = &s.keda {
        draft.warn_seriously(format!(
            "KEDA's ScaledObject {} made HPA {name}: only what is set there lasts",
            so.name
        ));
    }
    let least = bounds_fields(s.holder().kind)[0];
    let bounds = |min: u32, max: u32| Request::HpaBounds {
        target: s.holder(),
        min,
        max,
        seen_min: s.min,
        seen_max: s.max,
    };
    if to > s.max {
        draft.also(
            format!("set {} to {to}–{to} instead (lasts)", s.holder().name),
            bounds(to, to),
        );
    } else if to > s.min {
        draft.also(format!("raise {least} to {to} instead (lasts)"), bounds(to, s.max));
    } else if to < s.min {
        draft.also(
            format!("lower {least} to {to} instead (lets it go there)"),
            bounds(to, s.max),
        );
    }
}
