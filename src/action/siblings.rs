//! Pods of one workload in one plan: whether they are all that serve, and that those that serve go one at a time.
//!
//! A disruption budget may be missing or generous, and a deletion does not ask it. A ready pod that goes together with its
//! like goes only when those before it have ready successors; one that is not ready is missed by nobody, and waits for none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::Draft;
use super::object::{collection, field, owner, text};
use super::plan::{PlanStep, Request};
use super::status::is_ready;
use super::survey::Survey;
use crate::model::Kind;

/// Where a step says which workload's pod it takes away, with others of it.
const WORKLOAD: &str = "workload";
/// Where it says that the pod is ready.
const READY: &str = "ready";

/// The workload of whose pods several go.
pub(super) fn workload(step: &PlanStep) -> Option<&str> {
    step.rests_on.get(WORKLOAD).and_then(Value::as_str)
}

/// Whether the pod goes only when those before it have their successors.
pub(super) fn waits(step: &PlanStep) -> bool {
    step.rests_on.get(READY).and_then(Value::as_bool).unwrap_or_default()
}

/// What a pod belongs to in the end: its uid, its kind and its name.
type Top = (String, String, String);

/// Looks at what the pods of these drafts belong to, and marks those that go with others of their workload. Returns what
/// is to be said first, and whether any waits of whose workload nothing is said.
pub(super) async fn look(
    survey: &Survey<'_>,
    requests: &[Request],
    drafts: &mut [(String, Draft)],
) -> (Vec<String>, bool) {
    if !matches!(
        requests.first(),
        Some(Request::EvictPod { .. } | Request::DeletePod { .. })
    ) {
        return (Vec::new(), false);
    }
    let mut by_namespace: BTreeMap<String, Vec<&mut PlanStep>> = BTreeMap::new();
    for step in drafts.iter_mut().flat_map(|(_, d)| &mut d.steps) {
        by_namespace.entry(step.target.namespace()).or_default().push(step);
    }
    let mut said = Vec::new();
    let mut waits = false;
    for (namespace, mut steps) in by_namespace {
        let pods = match survey.list(&collection(Kind::Pod, &namespace)).await {
            Ok(pods) => pods,
            Err(e) => {
                said.push(format!(
                    "whether these are all pods of a workload in {namespace} could not be read ({})",
                    e.why
                ));
                // Then each may be the last one of the same workload.
                waits |= steps.len() > 1;
                for step in &mut steps {
                    mark(step, &namespace, true);
                }
                continue;
            }
        };
        let sets = survey
            .list(&collection(Kind::ReplicaSet, &namespace))
            .await
            .unwrap_or_default();
        let mut by_top: BTreeMap<Top, Vec<&Value>> = BTreeMap::new();
        for pod in pods.iter().filter(|p| is_live(p)) {
            if let Some(top) = top(pod, &sets) {
                by_top.entry(top).or_default().push(pod);
            }
        }
        let chosen: BTreeSet<String> = steps.iter().map(|s| s.target.id().to_owned()).collect();
        for ((uid, kind, name), live) in by_top {
            let going: BTreeMap<&str, bool> = live
                .iter()
                .map(|p| (text(p, "/metadata/uid"), is_ready(p)))
                .filter(|(uid, _)| chosen.contains(*uid))
                .collect();
            let several = going.values().filter(|ready| **ready).count() > 1;
            for step in steps.iter_mut().filter(|_| going.len() > 1) {
                if let Some(ready) = going.get(step.target.id()).copied() {
                    mark(step, &uid, ready);
                }
            }
            match all_of(&live, &chosen) {
                Some((who, then)) => said.push(format!("{who} of {} {name}: {then}", kind.to_lowercase())),
                None => waits |= several,
            }
        }
    }
    (said, waits)
}

fn mark(step: &mut PlanStep, workload: &str, ready: bool) {
    if let Some(rests_on) = step.rests_on.as_object_mut() {
        rests_on.insert(WORKLOAD.to_owned(), workload.into());
        rests_on.insert(READY.to_owned(), ready.into());
    }
}

/// Neither over nor on its way out.
fn is_live(pod: &Value) -> bool {
    field(pod, "/metadata/deletionTimestamp").is_null() && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// A ReplicaSet's pod belongs to its Deployment.
fn top(pod: &Value, sets: &[Value]) -> Option<Top> {
    let own = owner(pod).filter(|o| text(o, "/kind") != "Node")?;
    let set = sets.iter().find(|s| text(s, "/metadata/uid") == text(own, "/uid"));
    let top = set.and_then(owner).unwrap_or(own);
    let of = |at: &str| text(top, at).to_owned();
    Some((of("/uid"), of("/kind"), of("/name")))
}

/// Which of a workload's pods are chosen, and what that means, where none that serves is left; `None`: some are.
fn all_of(live: &[&Value], chosen: &BTreeSet<String>) -> Option<(String, &'static str)> {
    let (going, left): (Vec<&Value>, Vec<&Value>) =
        live.iter().partition(|p| chosen.contains(text(p, "/metadata/uid")));
    let ready = going.iter().filter(|p| is_ready(p)).count();
    let who = match (going.len(), left.len()) {
        (0, _) => return None,
        (1, 0) => "this is the only pod".to_owned(),
        (n, 0) => format!("these are all {n} pods"),
        _ if ready == 0 || left.iter().any(|p| is_ready(p)) => return None,
        (_, _) if ready == 1 => format!("this is the only ready pod (1 of {})", live.len()),
        _ => format!("these are all ready pods ({ready} of {})", live.len()),
    };
    let then = match (ready, going.len()) {
        (0, 1) => "it is not ready now",
        (0, _) => "none of them is ready now",
        (1, _) => "nothing serves until a successor is ready",
        (r, n) if r == n => "each goes only when the successor of the one before is ready",
        _ => "those that are ready go one at a time, each when the successor of the one before is ready",
    };
    Some((who, then))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, ready: bool) -> Value {
        json!({"metadata": {"uid": uid}, "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
    }

    #[test]
    fn a_workload_is_taken_whole_where_none_that_serves_is_left() {
        let all = |live: &[Value], chosen: &[&str]| {
            let chosen = chosen.iter().map(|s| (*s).to_owned()).collect();
            all_of(&live.iter().collect::<Vec<_>>(), &chosen).map(|(who, then)| format!("{who}: {then}"))
        };
        let one_by_one = "each goes only when the successor of the one before is ready";
        let three = [pod("a", true), pod("b", true), pod("c", false)];
        let said = |live, chosen| all(live, chosen).unwrap();
        assert_eq!(
            said(&three, &["a", "b", "c"]),
            "these are all 3 pods: those that are ready go one at a time, each when the successor of the one before is ready"
        );
        assert_eq!(
            said(&three, &["a", "b"]),
            format!("these are all ready pods (2 of 3): {one_by_one}")
        );
        assert_eq!(
            said(&three[..2], &["a", "b"]),
            format!("these are all 2 pods: {one_by_one}")
        );
        assert_eq!(
            said(&three[..1], &["a"]),
            "this is the only pod: nothing serves until a successor is ready"
        );
        assert_eq!(
            said(&three[1..], &["b"]),
            "this is the only ready pod (1 of 2): nothing serves until a successor is ready"
        );
        assert_eq!(all(&three, &["a", "c"]), None);
        let sick = [pod("a", false), pod("b", false)];
        assert_eq!(all(&sick, &["a"]), None, "it did not serve before either");
        assert_eq!(
            said(&sick, &["a", "b"]),
            "these are all 2 pods: none of them is ready now"
        );
    }
}
