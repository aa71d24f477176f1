//! The bounds of an autoscaler: a JSON patch that names what it replaces.
//!
//! An autoscaler's status changes every 15 s, so a resourceVersion would conflict for no reason; tests on the two
//! fields and on the uid guard exactly what the plan rests on.

use serde_json::json;

use super::draft::{Draft, Need, change, refuse, rests_on};
use super::object::{collection, count, field, last_set, path, quote, text};
use super::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use super::scalers::{self, Scaler};
use super::steward;
use super::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    (min, max): (u32, u32),
    (seen_min, seen_max): (u32, u32),
) -> Result<Draft, Refusal> {
    if target.kind != Kind::Hpa {
        return Err(refuse(format!("{target} is no autoscaler"), "choose its HPA"));
    }
    if min < 1 || min > max {
        let what = format!("{min}–{max} are no bounds: the least must be at least 1 and not above the most");
        return Err(refuse(what, "give other bounds"));
    }
    let hpa = survey.target(target).await?;
    if let Some(so) = scalers::keda(&hpa) {
        return Err(refuse(
            format!("KEDA ScaledObject {so} owns {target} and would set the bounds back"),
            format!("change minReplicaCount and maxReplicaCount of ScaledObject {so} instead"),
        ));
    }
    let s = Scaler::read(&hpa);
    if (s.min, s.max) != (seen_min, seen_max) && (s.min, s.max) != (min, max) {
        let mut no = refuse(
            format!(
                "{target} held {seen_min}–{seen_max} when you looked and holds {}–{} now",
                s.min, s.max
            ),
            "plan again from what it is now",
        );
        no.alternatives.push(Alternative {
            label: format!("set {}–{} → {min}–{max}", s.min, s.max),
            request: Request::HpaBounds {
                target: target.clone(),
                min,
                max,
                seen_min: s.min,
                seen_max: s.max,
            },
        });
        return Err(no);
    }
    let verify = VerifySpec {
        text: "the bounds hold, and the autoscaler keeps to them".into(),
        deadline_s: 60,
        soak_s: 20,
    };
    let verb = format!("Set {}–{} → {min}–{max}", s.min, s.max);
    let mut draft = Draft::new(format!("Set the bounds of {target}"), verb, Risk::R2, verify);
    if (s.min, s.max) == (min, max) {
        draft.no_op = Some(format!("{target} already holds {min}–{max}"));
    }
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": text(&hpa, "/metadata/uid")})];
    let mut changes = Vec::new();
    for (name, from, to) in [("minReplicas", s.min, min), ("maxReplicas", s.max, max)] {
        let at = format!("/spec/{name}");
        if field(&hpa, &at).is_null() {
            patch.push(json!({"op": "add", "path": at, "value": to}));
        } else {
            patch.push(json!({"op": "test", "path": at, "value": from}));
            patch.push(json!({"op": "replace", "path": at, "value": to}));
        }
        if from != to {
            changes.push(change(name, from, to));
        }
    }
    let merge = json!({"spec": {"minReplicas": min, "maxReplicas": max}}).to_string();
    draft.steps.push(PlanStep {
        target: target.into(),
        changes,
        same_as: survey.kubectl(
            &target.namespace,
            &format!("patch {} --type=merge -p {}", target.slash(), quote(&merge)),
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/json-patch+json".into(),
        body: patch.into(),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(text(&hpa, "/metadata/uid"))),
                ("/spec/minReplicas", field(&hpa, "/spec/minReplicas").clone()),
                ("/spec/maxReplicas", field(&hpa, "/spec/maxReplicas").clone()),
            ],
        ),
    });
    draft.needs.push(Need {
        verb: "patch",
        target: target.clone(),
        subresource: "",
    });
    for (name, at, from) in [
        ("minReplicas", "f:minReplicas", s.min),
        ("maxReplicas", "f:maxReplicas", s.max),
    ] {
        let set = last_set(&hpa, name, &["f:spec", at], &from.to_string(), survey.now);
        draft.last_set.extend(set);
    }
    draft.impact.push(s.line());
    let kind = Kind::from_api(text(&hpa, "/spec/scaleTargetRef/kind"));
    let name = text(&hpa, "/spec/scaleTargetRef/name");
    let size = s.current;
    if size < min {
        draft.impact.push(format!(
            "{name} grows from {size} to at least {min} pods within about 15 s"
        ));
        if let Some(kind) = kind {
            let at = format!("{}/{name}", collection(kind, &target.namespace));
            if let Ok(workload) = survey.read(&at).await {
                let template = field(&workload, "/spec/template");
                scalers::quota(survey, &mut draft, &target.namespace, template, min - size).await;
                let replicas = count(&workload, "/spec/replicas", 1);
                if replicas == 0 {
                    draft.warn_seriously(format!(
                        "{name} is scaled to zero, which switches this HPA off: bounds do nothing"
                    ));
                }
            }
        }
    } else if size > max {
        draft
            .impact
            .push(format!("{name} shrinks from {size} to {max} pods within about 15 s"));
    }
    if let Some(why) = &s.inactive {
        draft.warn(format!(
            "it does not scale by its metrics now ({why}); bounds still hold"
        ));
    }
    steward::warn(&mut draft, &hpa, target);
    draft.undo_by(
        format!("set the bounds back to {}–{}", s.min, s.max),
        Request::HpaBounds {
            target: target.clone(),
            min: s.min,
            max: s.max,
            seen_min: min,
            seen_max: max,
        },
    );
    Ok(draft)
}
