//! The bounds of an autoscaler: a JSON patch that names what it replaces.
//!
//! An autoscaler's status changes every 15 s, so a resourceVersion would conflict for no reason; tests on the two
//! fields and on the uid guard exactly what the plan rests on.
//!
//! An HPA that KEDA made takes its bounds from a ScaledObject, and KEDA writes them back within seconds. So they are set
//! there, by the same request.

use serde_json::{Value, json};

use super::draft::{Draft, Need, change, refuse, rests_on};
use super::object::{annotation, collection, count, field, last_set, path, quote, text};
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
    let keda = target.kind == Kind::ScaledObject;
    if target.kind != Kind::Hpa && !keda {
        return Err(refuse(format!("{target} is no autoscaler"), "choose its HPA"));
    }
    // KEDA alone may go down to nothing.
    if (min < 1 && !keda) || max < 1 || min > max {
        let what = format!("{min}–{max} are no bounds: the least must be at least 1 and not above the most");
        return Err(refuse(what, "give other bounds"));
    }
    let object = survey.target(target).await?;
    let mut s = Scaler::read(&object);
    if let Some(so) = &s.keda {
        let mut no = refuse(
            format!(
                "KEDA made {target} from ScaledObject {} and would set the bounds back",
                so.name
            ),
            "set them in the ScaledObject",
        );
        no.alternatives.push(Alternative {
            label: format!("set {min}–{max} in ScaledObject {}", so.name),
            request: Request::HpaBounds {
                target: so.clone(),
                min,
                max,
                seen_min,
                seen_max,
            },
        });
        return Err(no);
    }
    let hpa = if keda {
        (s.min, s.max) = of_keda(&object);
        made_by(survey, target, &object).await
    } else {
        Some(object.clone())
    };
    let [least, most] = bounds_fields(target.kind);
    // What was seen is an HPA: it holds at least one where KEDA may hold none.
    let seen_now = if keda { (s.min.max(1), s.max) } else { (s.min, s.max) };
    let seen = if keda {
        (seen_min.max(1), seen_max)
    } else {
        (seen_min, seen_max)
    };
    if seen_now != seen && (s.min, s.max) != (min, max) {
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
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": text(&object, "/metadata/uid")})];
    let mut changes = Vec::new();
    for (name, from, to) in [(least, s.min, min), (most, s.max, max)] {
        let at = format!("/spec/{name}");
        if field(&object, &at).is_null() {
            patch.push(json!({"op": "add", "path": at, "value": to}));
        } else {
            patch.push(json!({"op": "test", "path": at, "value": from}));
            patch.push(json!({"op": "replace", "path": at, "value": to}));
        }
        if from != to {
            changes.push(change(name, from, to));
        }
    }
    let merge = json!({"spec": {least: min, most: max}}).to_string();
    let own = ObjectRef {
        uid: text(&object, "/metadata/uid").into(),
        ..target.clone()
    };
    let fields = [least, most].map(|name| format!("/spec/{name}"));
    draft.steps.push(PlanStep {
        target: own.into(),
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
                ("/metadata/uid", json!(text(&object, "/metadata/uid"))),
                (&fields[0], field(&object, &fields[0]).clone()),
                (&fields[1], field(&object, &fields[1]).clone()),
            ],
        ),
    });
    draft.needs.push(Need {
        verb: "patch",
        target: target.clone(),
        subresource: "",
    });
    for (name, from) in [(least, s.min), (most, s.max)] {
        let at = format!("f:{name}");
        let set = last_set(&object, name, &["f:spec", &at], &from.to_string(), survey.now);
        draft.last_set.extend(set);
    }
    match &hpa {
        Some(hpa) => size(survey, &mut draft, hpa, (min, max), &target.namespace).await,
        None => {
            draft.warn("the HPA that KEDA made from it could not be read: how many pods there are is not known here");
        }
    }
    if let Some(why) = held(&object) {
        draft.warn_seriously(format!(
            "KEDA does not scale it while its annotation {why} stands: bounds do nothing"
        ));
    }
    steward::warn(&mut draft, &object, target);
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

/// What the bounds are called.
pub(super) const fn bounds_fields(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::ScaledObject => ["minReplicaCount", "maxReplicaCount"],
        _ => ["minReplicas", "maxReplicas"],
    }
}

/// The bounds of a ScaledObject; what is not written is KEDA's default.
fn of_keda(object: &Value) -> (u32, u32) {
    (
        count(object, "/spec/minReplicaCount", 0),
        count(object, "/spec/maxReplicaCount", 100),
    )
}

/// The HPA that KEDA made from a ScaledObject.
async fn made_by(survey: &Survey<'_>, target: &ObjectRef, object: &Value) -> Option<Value> {
    let name = match text(object, "/status/hpaName") {
        "" => format!("keda-hpa-{}", target.name),
        name => name.to_owned(),
    };
    let at = format!("{}/{name}", collection(Kind::Hpa, &target.namespace));
    survey.read(&at).await.ok()
}

/// The annotation by which somebody told KEDA to leave the size alone.
fn held(object: &Value) -> Option<&'static str> {
    if !annotation(object, "autoscaling.keda.sh/paused-replicas").is_empty() {
        return Some("autoscaling.keda.sh/paused-replicas");
    }
    let paused = annotation(object, "autoscaling.keda.sh/paused");
    (!matches!(paused, "" | "false")).then_some("autoscaling.keda.sh/paused")
}

/// How many pods there are, how many there will be, and whether they fit.
async fn size(survey: &Survey<'_>, draft: &mut Draft, hpa: &Value, (min, max): (u32, u32), namespace: &str) {
    let s = Scaler::read(hpa);
    draft.impact.push(s.line());
    let kind = Kind::from_api(text(hpa, "/spec/scaleTargetRef/kind"));
    let name = text(hpa, "/spec/scaleTargetRef/name");
    let size = s.current;
    if size < min {
        draft.impact.push(format!(
            "{name} grows from {size} to at least {min} pods within about 15 s"
        ));
        if let Some(kind) = kind {
            let at = format!("{}/{name}", collection(kind, namespace));
            if let Ok(workload) = survey.read(&at).await {
                let template = field(&workload, "/spec/template");
                scalers::quota(survey, draft, namespace, template, min - size).await;
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
}
