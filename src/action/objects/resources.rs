//! Set what a container of a workload asks for and may use: a strategic merge patch that finds the container by its name,
//! as `kubectl set resources` does. It rolls out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ObjectAsk;
use crate::action::draft::{Draft, change, refuse, rests_on};
use crate::action::object::{collection, field, flag, items, last_set, path, quote, text};
use crate::action::plan::{PlanStep, Refusal, Request, Risk};
use crate::action::restart::{fenceposts, patch_need, pods_wanted, rollout_impact, rollout_verify, rolls_out};
use crate::action::scalers::quantity;
use crate::action::steward;
use crate::action::survey::{Survey, write_path};
use crate::model::{IntOrPercent, Kind, ObjectRef};

/// By resource (`cpu`, `memory`): the quantity that is to be; empty: none. What is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    fn parts(&self) -> [(&'static str, &BTreeMap<String, String>); 2] {
        [("requests", &self.requests), ("limits", &self.limits)]
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    container: &str,
    ask: &Resources,
) -> Result<Draft, Refusal> {
    rolls_out(target)?;
    check(ask)?;
    let object = survey.target(target).await?;
    let list = ["containers", "initContainers"]
        .into_iter()
        .find(|list| !field(&object, &format!("/spec/template/spec/{list}/[name={container}]")).is_null())
        .ok_or_else(|| {
            refuse(
                format!("{target} has no container {container}"),
                "choose one of its containers",
            )
        })?;
    let at = format!("/spec/template/spec/{list}/[name={container}]/resources");
    let now = field(&object, &at).clone();
    let after = applied(&now, ask);
    for (resource, request) in after
        .pointer("/requests")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let limit = after
            .pointer("/limits")
            .and_then(|l| l.get(resource))
            .and_then(Value::as_str);
        let both = (request.as_str().and_then(quantity), limit.and_then(quantity));
        if let (Some(r), Some(l)) = both
            && r > l
        {
            let what = format!(
                "{resource}: a request of {} above the limit of {}",
                show(request),
                limit.unwrap_or_default()
            );
            return Err(refuse(what, "raise the limit too, or ask for less"));
        }
    }
    let mut changes = Vec::new();
    let mut back = Resources::default();
    for (part, wanted) in ask.parts() {
        for (resource, to) in wanted {
            let before = now
                .get(part)
                .and_then(|p| p.get(resource))
                .map(show)
                .unwrap_or_default();
            let former = if part == "requests" {
                &mut back.requests
            } else {
                &mut back.limits
            };
            former.insert(resource.clone(), before.clone());
            if quantity(&before) != quantity(to) {
                changes.push(change(
                    format!("{} {resource}", part.trim_end_matches('s')),
                    or_none(&before),
                    or_none(to),
                ));
            }
        }
    }
    let mut draft = Draft::new(
        format!("Set resources of {target}"),
        format!("Set resources of {container}"),
        Risk::R2,
        rollout_verify(&object),
    );
    if changes.is_empty() {
        draft.no_op = Some(format!("container {container} has these already"));
    }
    draft.steps.push(PlanStep {
        target: target.into(),
        changes,
        same_as: survey.kubectl(&target.namespace, &same_as(target, list, container, ask)),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/strategic-merge-patch+json".into(),
        body: json!({"spec": {"template": {"spec": { list: [{"name": container, "resources": patch(ask)}]}}}}),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(text(&object, "/metadata/uid"))),
                (&at, now.clone()),
            ],
        ),
    });
    draft.needs.push(patch_need(target));
    let name = format!("k:{{\"name\":\"{container}\"}}");
    let fields = [
        "f:spec",
        "f:template",
        "f:spec",
        &format!("f:{list}"),
        &name,
        "f:resources",
    ];
    draft
        .last_set
        .extend(last_set(&object, "resources", &fields, "", survey.now));
    if flag(&object, "/spec/paused") {
        draft.warn_seriously("the rollout is paused: this waits until it is resumed");
    }
    rollout_impact(&mut draft, &object, target);
    room(survey, &mut draft, &object, target, (&now, &after)).await;
    advisers(survey, &mut draft, target).await;
    steward::warn(&mut draft, &object, target);
    draft.undo_by(
        format!("set {container} back to what it has now (rolls out again)"),
        Request::Object {
            target: target.clone(),
            ask: ObjectAsk::SetResources {
                container: container.to_owned(),
                resources: back,
            },
        },
    );
    Ok(draft)
}

/// Quantities of cpu and memory that the server takes.
fn check(ask: &Resources) -> Result<(), Refusal> {
    if ask.is_empty() {
        return Err(refuse(
            "nothing was asked for",
            "give a request or a limit of cpu or memory",
        ));
    }
    for (resource, to) in ask.parts().into_iter().flat_map(|(_, list)| list) {
        if !matches!(resource.as_str(), "cpu" | "memory") {
            return Err(refuse(format!("{resource:?} is not set here"), "cpu and memory are"));
        }
        let fits = to.is_empty() || to.starts_with(|c: char| c.is_ascii_digit()) && quantity(to).is_some();
        if !fits {
            return Err(refuse(
                format!("{to:?} is no quantity"),
                "write it as 500m or 2 (CPU), 512Mi or 2Gi (memory)",
            ));
        }
        // A thousandth of a byte is what `512m` of memory means, and nobody means it.
        if resource == "memory" && quantity(to).is_some_and(|n| n < 1_048_576.0) {
            return Err(refuse(
                format!("{to} of memory is less than a mebibyte"),
                "write it as 512Mi",
            ));
        }
        if resource == "cpu" && quantity(to).is_some_and(|n| n > 1024.0) {
            return Err(refuse(
                format!("{to} are that many whole CPUs"),
                "write it as 500m or 2",
            ));
        }
    }
    Ok(())
}

fn show(quantity: &Value) -> String {
    quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// `null` takes one away.
fn patch(ask: &Resources) -> Value {
    let mut out = Map::new();
    for (part, list) in ask.parts().into_iter().filter(|(_, list)| !list.is_empty()) {
        let values = list
            .iter()
            .map(|(k, v)| (k.clone(), if v.is_empty() { Value::Null } else { json!(v) }));
        out.insert(part.to_owned(), Value::Object(values.collect()));
    }
    Value::Object(out)
}

fn applied(now: &Value, ask: &Resources) -> Value {
    let mut after = if now.is_object() { now.clone() } else { json!({}) };
    for (part, list) in ask.parts() {
        for (resource, to) in list {
            let Some(all) = after.as_object_mut() else { continue };
            let Some(values) = all.entry(part).or_insert_with(|| json!({})).as_object_mut() else {
                continue;
            };
            if to.is_empty() {
                values.remove(resource);
            } else {
                values.insert(resource.clone(), json!(to));
            }
        }
    }
    after
}

/// `set resources` cannot take one away, nor reach init containers.
fn same_as(target: &ObjectRef, list: &str, container: &str, ask: &Resources) -> String {
    let removes = ask.parts().iter().any(|(_, l)| l.values().any(String::is_empty));
    if removes || list != "containers" {
        let body = json!({"spec": {"template": {"spec": { list: [{"name": container, "resources": patch(ask)}]}}}});
        return format!(
            "patch {} --type=strategic -p {}",
            target.slash(),
            quote(&body.to_string())
        );
    }
    let mut line = format!("set resources {} --containers={container}", target.slash());
    for (part, values) in ask.parts().into_iter().filter(|(_, l)| !l.is_empty()) {
        let values: Vec<String> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
        line.extend([" --", part, "=", &values.join(",")]);
    }
    line
}

/// Whether a node has that much at all, and whether the quotas have room while old and new pods run side by side.
async fn room(
    survey: &Survey<'_>,
    draft: &mut Draft,
    object: &Value,
    target: &ObjectRef,
    (before, after): (&Value, &Value),
) {
    let of = |v: &Value, part: &str, resource: &str| {
        v.get(part)
            .and_then(|p| p.get(resource))
            .and_then(|q| quantity(&show(q)))
            .unwrap_or(0.0)
    };
    let template = field(object, "/spec/template");
    let whole = |resource: &str| -> f64 {
        let all: f64 = items(template, "/spec/containers")
            .map(|c| of(field(c, "/resources"), "requests", resource))
            .sum();
        all - of(before, "requests", resource) + of(after, "requests", resource)
    };
    match survey.list("/api/v1/nodes").await {
        Ok(nodes) => {
            for resource in ["cpu", "memory"] {
                let wants = whole(resource);
                let most = nodes
                    .iter()
                    .filter_map(|n| quantity(text(n, &format!("/status/allocatable/{resource}"))));
                let most = most.fold(0.0, f64::max);
                if wants > most && most > 0.0 && of(after, "requests", resource) > of(before, "requests", resource) {
                    draft.warn_seriously(format!(
                        "no node has so much {resource}: the new pods would stay pending"
                    ));
                }
            }
        }
        Err(_) => draft.warn("the nodes could not be read: whether one has room is unknown"),
    }
    let pods = pods_wanted(object);
    let quarter = (IntOrPercent::Percent(25), IntOrPercent::Percent(25));
    let surge = if target.kind == Kind::Deployment {
        fenceposts(field(object, "/spec/strategy/rollingUpdate"), pods, quarter).0
    } else {
        0
    };
    let Ok(quotas) = survey.list(&collection(Kind::Quota, &target.namespace)).await else {
        draft.warn("quotas could not be read: whether the new pods fit is unknown");
        return;
    };
    for q in &quotas {
        for (name, hard) in q
            .pointer("/status/hard")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let (part, resource) = match name.split_once('.') {
                Some((part @ ("requests" | "limits"), resource)) => (part, resource),
                _ => ("requests", name.as_str()),
            };
            let used = q
                .pointer("/status/used")
                .and_then(|u| u.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default();
            let (Some(hard_n), Some(used_n)) = (hard.as_str().and_then(quantity), quantity(used)) else {
                continue;
            };
            let (old, new) = (of(before, part, resource), of(after, part, resource));
            // Each pod's growth, and besides that whole pods for the time of the rollout.
            let more = f64::from(pods) * (new - old) + f64::from(surge) * new;
            if new > old && used_n + more > hard_n {
                draft.warn_seriously(format!(
                    "quota {} has no room for it ({name}: {used} used of {}): pods would be refused",
                    text(q, "/metadata/name"),
                    show(hard)
                ));
            }
        }
    }
}

/// A VerticalPodAutoscaler sets them by itself.
async fn advisers(survey: &Survey<'_>, draft: &mut Draft, target: &ObjectRef) {
    let at = format!(
        "/apis/autoscaling.k8s.io/v1/namespaces/{}/verticalpodautoscalers",
        target.namespace
    );
    for vpa in survey.list(&at).await.unwrap_or_default() {
        let of = |f: &str| text(&vpa, &format!("/spec/targetRef/{f}"));
        let mode = text(&vpa, "/spec/updatePolicy/updateMode");
        if of("kind") == target.kind.api() && of("name") == &*target.name && mode != "Off" {
            draft.warn_seriously(format!(
                "VerticalPodAutoscaler {} sets requests of these pods itself: change its bounds instead",
                text(&vpa, "/metadata/name")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Resources {
        let map = |l: &[(&str, &str)]| l.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Resources {
            requests: map(requests),
            limits: map(limits),
        }
    }

    #[test]
    fn quantities_that_nobody_means_are_refused() {
        assert!(check(&ask(&[("cpu", "500m")], &[("memory", "2Gi")])).is_ok());
        assert!(check(&ask(&[], &[("memory", "")])).is_ok(), "takes the limit away");
        for bad in [
            ask(&[], &[]),
            ask(&[("cpu", "-1")], &[]),
            ask(&[("memory", "512m")], &[]),
            ask(&[("cpu", "512Mi")], &[]),
            ask(&[("gpu", "1")], &[]),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_line_for_kubectl_does_the_same() {
        let target = ObjectRef {
            kind: Kind::Deployment,
            namespace: "x".into(),
            name: "web".into(),
            uid: "".into(),
        };
        let both = ask(&[("cpu", "1"), ("memory", "2Gi")], &[("cpu", "4")]);
        assert_eq!(
            same_as(&target, "containers", "api", &both),
            "set resources deploy/web --containers=api --requests=cpu=1,memory=2Gi --limits=cpu=4"
        );
        let less = same_as(&target, "containers", "api", &ask(&[], &[("cpu", "")]));
        assert!(
            less.starts_with("patch deploy/web --type=strategic") && less.contains("\"cpu\":null"),
            "{less}"
        );
    }
}
