//! Switch a Service to other pods by its selector (blue and green): the pods that the new one finds are looked at first,
//! and with none ready nothing is switched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ObjectAsk;
use crate::action::draft::{Draft, change, refuse, rests_on};
use crate::action::object::{collection, field, items, last_set, path, quote, selector_query, text};
use crate::action::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::restart::patch_need;
use crate::action::status::is_ready;
use crate::action::steward;
use crate::action::survey::{Survey, write_path};
use crate::action::verify::Goal;
use crate::action::wire::encode;
use crate::model::{Kind, ObjectRef};

type Labels = BTreeMap<String, String>;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    labels: &Labels,
    seen: &Labels,
) -> Result<Draft, Refusal> {
    if target.kind != Kind::Service {
        return Err(refuse(format!("{target} is no Service"), "choose one"));
    }
    if labels.is_empty() || labels.keys().any(String::is_empty) {
        return Err(refuse("no label was given", "write at least one: version=green"));
    }
    let object = survey.target(target).await?;
    let now = selector(&object);
    if now.is_empty() {
        let what = format!("{target} has no selector: somebody else writes its endpoints");
        return Err(refuse(what, "change them where they are written"));
    }
    let mut next = now.clone();
    next.extend(labels.clone());
    if !seen.is_empty() && now != *seen && now != next {
        let mut no = refuse(
            format!(
                "{target} selected {} when you looked and selects {} now",
                words(seen),
                words(&now)
            ),
            "plan again from what it is now",
        );
        no.alternatives.push(Alternative {
            label: format!("switch to {}", words(labels)),
            request: ask(target, labels, &now),
        });
        return Err(no);
    }
    let (old, new) = (pods(survey, target, &now).await?, pods(survey, target, &next).await?);
    let ready = |list: &[Value]| list.iter().filter(|p| is_ready(p)).count();
    if ready(&new) == 0 {
        let what = format!(
            "{} finds {} pods, of which none is ready: all requests would fail",
            words(&next),
            new.len()
        );
        return Err(refuse(what, "get the other side ready first, or check the labels"));
    }
    ports(&object, &new).map_err(|port| {
        refuse(
            format!(
                "the pods that {} finds have no port {port}, to which {target} sends",
                words(&next)
            ),
            "name the container's port as the Service does",
        )
    })?;
    let verify = VerifySpec {
        text: "its endpoints are ready pods of the new side alone".into(),
        deadline_s: 120,
        soak_s: 15,
    };
    let verb = format!("Switch to {}", words(labels));
    let mut draft = Draft::new(format!("Switch {target} to {}", words(labels)), verb, Risk::R2, verify);
    if now == next {
        draft.no_op = Some(format!("it selects {} already", words(&now)));
    }
    let uid = text(&object, "/metadata/uid");
    let target = &ObjectRef {
        uid: uid.into(),
        ..target.clone()
    };
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/selector", "value": now},
        {"op": "replace", "path": "/spec/selector", "value": next},
    ]);
    let names =
        |list: &[Value]| -> BTreeSet<String> { list.iter().map(|p| text(p, "/metadata/name").to_owned()).collect() };
    let leaves: Vec<String> = names(&old).difference(&names(&new)).cloned().collect();
    let mut rests = rests_on(
        path(target),
        &[("/metadata/uid", json!(uid)), ("/spec/selector", json!(now))],
    );
    if let Some(map) = rests.as_object_mut() {
        map.insert("leaves".into(), json!(leaves));
    }
    let merge = json!({"spec": {"selector": labels}}).to_string();
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change("selector", words(&now), words(&next))],
        same_as: survey.kubectl(
            &target.namespace,
            &format!("patch {} --type=merge -p {}", target.slash(), quote(&merge)),
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/json-patch+json".into(),
        body: patch,
        rests_on: rests,
    });
    draft.needs.push(patch_need(target));
    draft
        .last_set
        .extend(last_set(&object, "selector", &["f:spec", "f:selector"], "", survey.now));
    draft.impact.push(format!(
        "now {} of {} pods ready behind it; then {} of {}",
        ready(&old),
        old.len(),
        ready(&new),
        new.len()
    ));
    draft
        .impact
        .push("new connections go to the new side at once; open ones stay where they are until they close".to_owned());
    if ready(&new) < ready(&old) {
        draft.warn_seriously(format!("{} ready pods take what {} take now", ready(&new), ready(&old)));
    }
    for (key, value) in now.iter().filter(|(k, _)| !labels.contains_key(*k)) {
        draft.impact.push(format!("{key}={value} stays in the selector"));
    }
    steward::warn(&mut draft, &object, target);
    let back: Labels = labels
        .keys()
        .filter_map(|k| Some((k.clone(), now.get(k)?.clone())))
        .collect();
    if back.len() == labels.len() {
        draft.undo_by(format!("switch back to {}", words(&back)), ask(target, &back, &next));
    } else {
        draft.no_undo(format!(
            "its selector had fewer labels before; put it back by hand: {}",
            words(&now)
        ));
    }
    Ok(draft)
}

fn ask(target: &ObjectRef, labels: &Labels, seen: &Labels) -> Request {
    Request::Object {
        target: target.clone(),
        ask: ObjectAsk::SwitchService {
            labels: labels.clone(),
            seen: seen.clone(),
        },
    }
}

/// The selector of a Service in the words of a plan.
pub(in crate::action) fn selector_words(service: &Value) -> String {
    words(&selector(service))
}

/// `app=web,version=green`
fn words(labels: &Labels) -> String {
    let all: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    crate::action::object::clean(&all.join(","))
}

fn selector(service: &Value) -> Labels {
    let map = service.pointer("/spec/selector").and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

async fn pods(survey: &Survey<'_>, target: &ObjectRef, labels: &Labels) -> Result<Vec<Value>, Refusal> {
    let Some(query) = selector_query(&json!({ "matchLabels": labels })) else {
        return Ok(Vec::new());
    };
    let at = format!(
        "{}?labelSelector={}",
        collection(Kind::Pod, &target.namespace),
        encode(&query)
    );
    survey.list(&at).await.map_err(|e| {
        refuse(
            format!("the pods could not be read: {}", e.why),
            "without them nobody knows whether the other side is ready",
        )
    })
}

/// Every port of the Service that is named must be a port of the pods. `Err`: its name.
fn ports<'a>(service: &'a Value, pods: &[Value]) -> Result<(), &'a str> {
    let named = items(service, "/spec/ports").filter_map(|p| field(p, "/targetPort").as_str());
    for name in named {
        let has = |pod: &Value| {
            items(pod, "/spec/containers")
                .flat_map(|c| items(c, "/ports"))
                .any(|p| text(p, "/name") == name)
        };
        if !pods.iter().filter(|p| is_ready(p)).all(has) {
            return Err(name);
        }
    }
    Ok(())
}

/// The selector as it was sent, and endpoints without a pod of the side that is left.
pub(super) fn goal(step: &PlanStep) -> Goal {
    let sent = items(&step.body, "").find(|op| text(op, "/op") == "replace");
    let leaves = items(&step.rests_on, "/leaves")
        .filter_map(Value::as_str)
        .map(str::to_owned);
    Goal::Endpoints {
        selector: sent.and_then(|op| op.get("value")).cloned().unwrap_or_default(),
        left: leaves.collect(),
    }
}
