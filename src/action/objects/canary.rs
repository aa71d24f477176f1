//! The share of the requests that a canary Ingress of ingress-nginx takes: an annotation, set by a JSON patch that names
//! the value it replaces.

use serde_json::{Value, json};

use super::ObjectAsk;
use crate::action::draft::{Draft, Need, change, refuse, rests_on};
use crate::action::object::{annotation, collection, items, last_set, path, selector_query, text};
use crate::action::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::status::is_ready;
use crate::action::steward;
use crate::action::survey::{Survey, write_path};
use crate::action::wire::encode;
use crate::model::{Kind, ObjectRef};

pub(in crate::action) const ANNOTATION: &str = "nginx.ingress.kubernetes.io/canary-weight";
pub(in crate::action) const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const TOTAL: &str = "nginx.ingress.kubernetes.io/canary-weight-total";
/// More at once than this is said.
const BIG_STEP: u32 = 25;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    weight: u32,
    seen: Option<u32>,
) -> Result<Draft, Refusal> {
    if target.kind != Kind::Ingress {
        return Err(refuse(format!("{target} is no Ingress"), "choose the canary's Ingress"));
    }
    let object = survey.target(target).await?;
    if annotation(&object, CANARY) != "true" {
        return Err(refuse(
            format!("{target} is no canary: it has no annotation {CANARY}: \"true\""),
            "choose the Ingress that is marked so; the main one takes what the canary leaves",
        ));
    }
    if let Some(who) = holder(&object) {
        return Err(refuse(
            format!("{who} sets the weight of {target} and would set it back"),
            format!("change it in {who}"),
        ));
    }
    let total = annotation(&object, TOTAL).parse::<u32>().unwrap_or(100);
    if weight > total {
        return Err(refuse(
            format!("{weight} is no weight: from 0 to {total}"),
            "give another one",
        ));
    }
    let written = annotation(&object, ANNOTATION);
    let now = written.parse::<u32>().unwrap_or(0);
    if let Some(seen) = seen.filter(|seen| *seen != now && now != weight) {
        let mut no = refuse(
            format!("{target} had weight {seen} when you looked and has {now} now"),
            "plan again from what it is now",
        );
        no.alternatives.push(Alternative {
            label: format!("set {now} → {weight}"),
            request: ask(target, weight, now),
        });
        return Err(no);
    }
    let verify = VerifySpec {
        text: "the annotation holds; watch error rate and latency of the canary before the next step".into(),
        deadline_s: 30,
        soak_s: 15,
    };
    let risk = if weight < now { Risk::R1 } else { Risk::R2 };
    let verb = format!("Set weight {now} → {weight}");
    let mut draft = Draft::new(format!("Set the canary's weight of {target}"), verb, risk, verify);
    if now == weight && !written.is_empty() {
        draft.no_op = Some(format!("it has weight {weight} already"));
    }
    let uid = text(&object, "/metadata/uid");
    let target = &ObjectRef {
        uid: uid.into(),
        ..target.clone()
    };
    let at = format!("/metadata/annotations/{}", ANNOTATION.replace('/', "~1"));
    let value = weight.to_string();
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": uid})];
    if written.is_empty() {
        patch.push(json!({"op": "add", "path": at, "value": value}));
    } else {
        patch.push(json!({"op": "test", "path": at, "value": written}));
        patch.push(json!({"op": "replace", "path": at, "value": value}));
    }
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change(
            "weight",
            format!("{now} of {total}"),
            format!("{weight} of {total}"),
        )],
        same_as: survey.kubectl(
            &target.namespace,
            &format!("annotate {} {ANNOTATION}={weight} --overwrite", target.slash()),
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/json-patch+json".into(),
        body: patch.into(),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(uid)),
                (
                    &at,
                    if written.is_empty() {
                        Value::Null
                    } else {
                        json!(written)
                    },
                ),
            ],
        ),
    });
    draft.needs.push(Need {
        verb: "patch",
        target: target.clone(),
        subresource: "",
    });
    let fields = ["f:metadata", "f:annotations", &format!("f:{ANNOTATION}")];
    draft
        .last_set
        .extend(last_set(&object, "weight", &fields, &now.to_string(), survey.now));
    let share = if total == 0 {
        0.0
    } else {
        f64::from(weight) * 100.0 / f64::from(total)
    };
    draft.impact.push(format!(
        "{share:.0} % of new requests without a canary header or cookie go to the canary"
    ));
    draft
        .impact
        .push("who is bound to one side by a cookie stays there".to_owned());
    if weight > now + BIG_STEP {
        draft.warn_seriously(format!(
            "a step of {} at once: smaller ones show trouble while few are touched",
            weight - now
        ));
    }
    backends(survey, &mut draft, &object, target, weight > now).await?;
    others(survey, &mut draft, &object, target).await;
    steward::warn(&mut draft, &object, target);
    draft.undo_by(format!("set the weight back to {now}"), ask(target, now, weight));
    Ok(draft)
}

fn ask(target: &ObjectRef, weight: u32, seen: u32) -> Request {
    Request::Object {
        target: target.clone(),
        ask: ObjectAsk::CanaryWeight {
            weight,
            seen: Some(seen),
        },
    }
}

/// A controller that moves the weight by itself.
fn holder(object: &Value) -> Option<&'static str> {
    let managed = |name: &str| items(object, "/metadata/managedFields").any(|m| text(m, "/manager") == name);
    let owned = |kind: &str| items(object, "/metadata/ownerReferences").any(|o| text(o, "/kind") == kind);
    if managed("flagger") || owned("Canary") {
        Some("Flagger")
    } else if managed("rollouts-controller") || owned("Rollout") {
        Some("Argo Rollouts")
    } else {
        None
    }
}

/// The pods behind the canary: more requests are not sent to nobody.
async fn backends(
    survey: &Survey<'_>,
    draft: &mut Draft,
    object: &Value,
    target: &ObjectRef,
    more: bool,
) -> Result<(), Refusal> {
    let mut services: Vec<&str> = items(object, "/spec/rules")
        .flat_map(|r| items(r, "/http/paths"))
        .map(|p| text(p, "/backend/service/name"))
        .chain(std::iter::once(text(object, "/spec/defaultBackend/service/name")))
        .filter(|n| !n.is_empty())
        .collect();
    services.sort_unstable();
    services.dedup();
    for service in services {
        let read = survey
            .read(&format!("{}/{service}", collection(Kind::Service, &target.namespace)))
            .await;
        let Ok(found) = read else {
            draft.warn_seriously(format!("service {service} of the canary could not be read"));
            continue;
        };
        let wanted = json!({"matchLabels": found.pointer("/spec/selector").cloned().unwrap_or_default()});
        let Some(query) = selector_query(&wanted) else { continue };
        let pods = format!(
            "{}?labelSelector={}",
            collection(Kind::Pod, &target.namespace),
            encode(&query)
        );
        let Ok(pods) = survey.list(&pods).await else { continue };
        let ready = pods.iter().filter(|p| is_ready(p)).count();
        draft
            .impact
            .push(format!("service {service}: {ready} of {} pods ready", pods.len()));
        if ready == 0 && more {
            return Err(refuse(
                format!("no pod behind service {service} is ready: requests would fail"),
                "get the canary's pods ready first",
            ));
        }
    }
    Ok(())
}

/// ingress-nginx takes one canary a rule: a second one is not what it seems.
async fn others(survey: &Survey<'_>, draft: &mut Draft, object: &Value, target: &ObjectRef) {
    let hosts = |o: &Value| -> Vec<String> { items(o, "/spec/rules").map(|r| text(r, "/host").to_owned()).collect() };
    let ours = hosts(object);
    for other in survey
        .list(&collection(Kind::Ingress, &target.namespace))
        .await
        .unwrap_or_default()
    {
        let name = text(&other, "/metadata/name");
        let same = name != &*target.name && annotation(&other, CANARY) == "true";
        if same && hosts(&other).iter().any(|h| ours.contains(h)) {
            draft.warn_seriously(format!(
                "{name} is a canary of the same host: ingress-nginx takes only one of them"
            ));
        }
    }
}
