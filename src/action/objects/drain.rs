//! Drain a node: cordon it, then evict its pods one at a time, each only as its disruption budget allows.
//!
//! The order of the rules is that of kubectl's `pkg/drain`: pods of DaemonSets and static pods stay; pods with emptyDir
//! volumes and pods that nobody owns stop the whole, unless they are meant too; what is finished goes. kubectl evicts
//! all at once and waits forever; here it is one after the other, within a time, and it can be stopped between two pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ObjectAsk, cordon};
use crate::action::draft::{Draft, Need, change, refuse, rests_on};
use crate::action::object::{annotation, collection, count, field, flag, items, owner, path, selects, text};
use crate::action::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::pods::budget_verdict;
use crate::action::survey::Survey;
use crate::action::together::counted;
use crate::action::wire::encode;
use crate::model::{Kind, ObjectRef};

const PAGE: usize = 500;
/// More pods than a node can have: a list that does not end is not a list.
const MOST_PAGES: usize = 20;
/// Owners that are read to see whether all their pods are here.
const MOST_OWNERS: usize = 40;

/// What becomes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Evicted,
    /// Of a DaemonSet: it would be made again here.
    OfDaemonSet,
    /// Static: only the kubelet's file ends it.
    Static,
    /// On its way out already.
    Leaving,
    /// With emptyDir volumes, which go with it.
    EmptyDir,
    /// Nobody owns it: it does not come back.
    Unmanaged,
}

fn fate(pod: &Value) -> Fate {
    let finished = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    if !field(pod, "/metadata/deletionTimestamp").is_null() {
        Fate::Leaving
    } else if !annotation(pod, "kubernetes.io/config.mirror").is_empty() {
        Fate::Static
    } else if finished {
        Fate::Evicted
    } else if owner(pod).is_some_and(|o| text(o, "/kind") == "DaemonSet") {
        Fate::OfDaemonSet
    } else if owner(pod).is_none() {
        Fate::Unmanaged
    } else if items(pod, "/spec/volumes").any(|v| v.get("emptyDir").is_some()) {
        Fate::EmptyDir
    } else {
        Fate::Evicted
    }
}

fn reference(pod: &Value) -> ObjectRef {
    ObjectRef {
        kind: Kind::Pod,
        namespace: text(pod, "/metadata/namespace").into(),
        name: text(pod, "/metadata/name").into(),
        uid: text(pod, "/metadata/uid").into(),
    }
}

/// Every pod that the scheduler placed there, of all namespaces.
pub(in crate::action) async fn pods_on(survey: &Survey<'_>, node: &str) -> Result<Vec<Value>, Refusal> {
    let mut all = Vec::new();
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let at = format!(
            "/api/v1/pods?fieldSelector={}&limit={PAGE}{next}",
            encode(&format!("spec.nodeName={node}"))
        );
        let page = survey.read(&at).await.map_err(|e| {
            refuse(
                format!("the pods of {node} could not be read: {}", e.why),
                "a drain needs the right to list pods in all namespaces",
            )
        })?;
        all.extend(items(&page, "/items").cloned());
        match text(&page, "/metadata/continue") {
            "" => return Ok(all),
            token => next = format!("&continue={}", encode(token)),
        }
    }
    Err(refuse(
        format!("{node} has more pods than can be read"),
        "drain it with kubectl",
    ))
}

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    (unmanaged, empty_dirs): (bool, bool),
    within_s: u64,
) -> Result<Draft, Refusal> {
    let node = cordon::read(survey, target).await?;
    if !(30..=6 * 3600).contains(&within_s) {
        return Err(refuse(
            format!("{within_s} s is no time for a drain"),
            "from 30 s to 6 h",
        ));
    }
    let mut by_fate: BTreeMap<Fate, Vec<Value>> = BTreeMap::new();
    for pod in pods_on(survey, &target.name).await? {
        by_fate.entry(fate(&pod)).or_default().push(pod);
    }
    let of = |f: Fate| by_fate.get(&f).map_or(&[][..], Vec::as_slice);
    stops(
        target,
        of(Fate::Unmanaged),
        of(Fate::EmptyDir),
        (unmanaged, empty_dirs),
        within_s,
    )?;
    let mut leaving: Vec<&Value> = [Fate::Evicted, Fate::EmptyDir, Fate::Unmanaged]
        .into_iter()
        .flat_map(of)
        .collect();
    leaving.sort_by_key(|p| {
        (
            text(p, "/metadata/namespace").to_owned(),
            text(p, "/metadata/name").to_owned(),
        )
    });
    let n = leaving.len();
    let verify = VerifySpec {
        text: format!(
            "{} gone within {} min; the node stays cordoned",
            if n == 1 {
                "its pod".to_owned()
            } else {
                format!("all {n} pods")
            },
            within_s.div_ceil(60)
        ),
        deadline_s: within_s,
        soak_s: 0,
    };
    let verb = format!("Drain {} off {}", counted(n, "pod"), target.name);
    let mut draft = Draft::new(format!("Drain {target}"), verb, Risk::R3, verify);
    let mut line = format!("drain {} --ignore-daemonsets --timeout={within_s}s", target.name);
    if empty_dirs && !of(Fate::EmptyDir).is_empty() {
        line.push_str(" --delete-emptydir-data");
    }
    if unmanaged && !of(Fate::Unmanaged).is_empty() {
        line.push_str(" --force");
    }
    let cordoned = flag(&node, "/spec/unschedulable");
    if !cordoned {
        draft.steps.push(cordon::step(survey, target, &node, true, line));
        draft.needs.push(Need {
            verb: "patch",
            target: target.clone(),
            subresource: "",
        });
    } else if n == 0 {
        draft.no_op = Some(format!("{target} is cordoned and has no pod to move"));
        draft.steps.push(cordon::step(survey, target, &node, true, line));
    } else {
        draft.impact.push(format!(
            "it is cordoned already; the same as {}",
            survey.kubectl("", &line)
        ));
    }
    let mut asked = BTreeSet::new();
    for pod in &leaving {
        let pod_ref = reference(pod);
        if asked.insert(pod_ref.namespace.clone()) {
            draft.needs.push(Need {
                verb: "create",
                target: pod_ref.clone(),
                subresource: "eviction",
            });
        }
        draft.steps.push(eviction(pod, &pod_ref));
    }
    let say = |f: Fate, words: &str| match of(f).len() {
        0 => None,
        n => Some(format!("{n} {words}")),
    };
    draft.impact.extend(say(Fate::OfDaemonSet, "pods of DaemonSets stay"));
    draft.impact.extend(say(Fate::Static, "static pods stay"));
    draft
        .impact
        .extend(say(Fate::Leaving, "pods are on their way out already"));
    draft.impact.push(
        "one pod at a time; asked again every 5 s where a budget says no; it can be stopped between two".to_owned(),
    );
    if let Some(words) = say(Fate::EmptyDir, "pods have emptyDir volumes, whose data is lost") {
        draft.warn_seriously(words);
    }
    if let Some(words) = say(Fate::Unmanaged, "pods are owned by nobody and do not come back") {
        draft.warn_seriously(words);
    }
    budgets(survey, &mut draft, &leaving).await;
    alone(survey, &mut draft, &leaving).await;
    cordon::others(survey, &mut draft, target).await;
    let back = Request::Object {
        target: target.clone(),
        ask: ObjectAsk::Uncordon,
    };
    draft.undo_by(
        "uncordon the node (pods do not move back by themselves)".to_owned(),
        back,
    );
    draft.probe_first_only = true;
    Ok(draft)
}

/// kubectl's rule: anything that would be lost stops the whole, unless it is meant.
fn stops(
    target: &ObjectRef,
    unmanaged: &[Value],
    empty: &[Value],
    (with_unmanaged, with_empty): (bool, bool),
    within_s: u64,
) -> Result<(), Refusal> {
    let names = |list: &[Value]| -> String {
        let all: Vec<String> = list.iter().take(4).map(|p| reference(p).key().to_string()).collect();
        let more = if list.len() > 4 {
            format!(" and {} more", list.len() - 4)
        } else {
            String::new()
        };
        format!("{}{more}", all.join(", "))
    };
    let mut why = Vec::new();
    let mut offer = Vec::new();
    if !empty.is_empty() && !with_empty {
        why.push(format!("emptyDir data of {} would be lost", names(empty)));
        offer.push(format!("lose emptyDir data of {}", counted(empty.len(), "pod")));
    }
    if !unmanaged.is_empty() && !with_unmanaged {
        why.push(format!("nobody owns {}, so it would not come back", names(unmanaged)));
        offer.push(format!("lose {} for good", counted(unmanaged.len(), "pod")));
    }
    if why.is_empty() {
        return Ok(());
    }
    let mut no = refuse(
        why.join("; "),
        "move what is worth keeping first, or drain all the same",
    );
    no.alternatives.push(Alternative {
        label: format!("drain all the same, and {}", offer.join(" and ")),
        request: Request::Object {
            target: target.clone(),
            ask: ObjectAsk::Drain {
                unmanaged: with_unmanaged || !unmanaged.is_empty(),
                empty_dirs: with_empty || !empty.is_empty(),
                within_s,
            },
        },
    });
    Err(no)
}

fn eviction(pod: &Value, target: &ObjectRef) -> PlanStep {
    let uid = text(pod, "/metadata/uid");
    PlanStep {
        target: target.into(),
        changes: vec![change("pod", text(pod, "/status/phase"), "evicted")],
        // One line stands for all of them, at the node.
        same_as: String::new(),
        method: "POST".into(),
        path: format!("{}/eviction", path(target)),
        content_type: "application/json".into(),
        body: json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": &*target.name, "namespace": &*target.namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }),
        rests_on: rests_on(path(target), &[("/metadata/uid", json!(uid))]),
    }
}

/// What the budgets say now, one line each, and which pods they hold.
async fn budgets(survey: &Survey<'_>, draft: &mut Draft, pods: &[&Value]) {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let mut bare = 0_usize;
    let namespaces: BTreeSet<&str> = pods.iter().map(|p| text(p, "/metadata/namespace")).collect();
    for namespace in namespaces {
        let list = match survey.list(&collection(Kind::Pdb, namespace)).await {
            Ok(list) => list,
            Err(e) => {
                draft.warn(format!(
                    "disruption budgets of {namespace} could not be read ({})",
                    e.why
                ));
                continue;
            }
        };
        for pod in pods.iter().filter(|p| text(p, "/metadata/namespace") == namespace) {
            let labels = field(pod, "/metadata/labels");
            let covering: Vec<Value> = list
                .iter()
                .filter(|b| b.pointer("/spec/selector").is_some_and(|s| selects(s, labels)))
                .cloned()
                .collect();
            bare += usize::from(covering.is_empty());
            if let Err(why) = budget_verdict(pod, &covering) {
                *held.entry(why).or_default() += 1;
            }
        }
    }
    if bare > 0 {
        draft.impact.push(format!(
            "{bare} of the pods have no disruption budget: each is gone before the next, no more"
        ));
    }
    for (why, n) in held {
        draft.warn_seriously(format!("{why}: {n} of the pods wait for it now"));
    }
}

/// Workloads whose every pod is here are down while theirs move.
async fn alone(survey: &Survey<'_>, draft: &mut Draft, pods: &[&Value]) {
    let mut owners: BTreeMap<(String, String, String), u32> = BTreeMap::new();
    for (pod, o) in pods.iter().filter_map(|p| Some((p, owner(p)?))) {
        let key = (text(pod, "/metadata/namespace"), text(o, "/kind"), text(o, "/name"));
        *owners
            .entry((key.0.to_owned(), key.1.to_owned(), key.2.to_owned()))
            .or_default() += 1;
    }
    let mut down = Vec::new();
    for ((namespace, kind, name), here) in owners.into_iter().take(MOST_OWNERS) {
        let Some(kind @ (Kind::ReplicaSet | Kind::StatefulSet)) = Kind::from_api(&kind) else {
            continue;
        };
        let Ok(object) = survey.read(&format!("{}/{name}", collection(kind, &namespace))).await else {
            continue;
        };
        if here >= count(&object, "/spec/replicas", 1) {
            let above = owner(&object).map_or(name.as_str(), |o| text(o, "/name"));
            down.push(format!("{namespace}/{above}"));
        }
    }
    if !down.is_empty() {
        let shown: Vec<&str> = down.iter().take(5).map(String::as_str).collect();
        let more = if down.len() > 5 {
            format!(" and {} more", down.len() - 5)
        } else {
            String::new()
        };
        draft.warn_seriously(format!(
            "all pods of {}{more} are here: each is down while its pods move",
            shown.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_meet_the_fate_that_kubectl_gives_them() {
        let owned = |kind: &str| json!([{"kind": kind, "name": "o", "controller": true}]);
        let empty = json!([{"name": "tmp", "emptyDir": {}}]);
        for (pod, want) in [
            (
                json!({"metadata": {"ownerReferences": owned("ReplicaSet")}}),
                Fate::Evicted,
            ),
            (
                json!({"metadata": {"ownerReferences": owned("DaemonSet")}, "spec": {"volumes": empty}}),
                Fate::OfDaemonSet,
            ),
            (
                json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": owned("Node")}}),
                Fate::Static,
            ),
            (json!({"metadata": {}, "spec": {"volumes": empty}}), Fate::Unmanaged),
            (
                json!({"metadata": {"ownerReferences": owned("ReplicaSet")}, "spec": {"volumes": empty}}),
                Fate::EmptyDir,
            ),
            (
                json!({"metadata": {}, "spec": {"volumes": empty}, "status": {"phase": "Succeeded"}}),
                Fate::Evicted,
            ),
            (
                json!({"metadata": {"deletionTimestamp": "2026-11-21T12:00:00Z"}}),
                Fate::Leaving,
            ),
        ] {
            assert_eq!(fate(&pod), want, "{pod}");
        }
    }

    #[test]
    fn what_would_be_lost_stops_the_drain_until_it_is_meant() {
        let node = ObjectRef {
            kind: Kind::Node,
            namespace: "".into(),
            name: "n".into(),
            uid: "u".into(),
        };
        let pod = [json!({"metadata": {"namespace": "a", "name": "p"}})];
        let refusal = stops(&node, &pod, &pod, (false, false), 600).unwrap_err();
        assert!(
            refusal.what.contains("emptyDir data of a/p") && refusal.what.contains("nobody owns a/p"),
            "{refusal}"
        );
        let Request::Object {
            ask:
                ObjectAsk::Drain {
                    unmanaged: true,
                    empty_dirs: true,
                    ..
                },
            ..
        } = &refusal.alternatives[0].request
        else {
            panic!("{refusal:?}")
        };
        assert!(stops(&node, &pod, &pod, (true, true), 600).is_ok());
    }
}
