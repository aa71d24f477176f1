//! Pods of one workload in one plan: whether they are all that serve, and that they go one at a time.
//!
//! A disruption budget may be missing or generous. What is evicted together with its like goes only when the successor
//! of the one before is ready.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::Draft;
use super::object::{collection, condition, field, owner, text};
use super::plan::{PlanStep, Request};
use super::survey::Survey;
use crate::model::Kind;

/// Where a step says which workload's pod it evicts.
const WORKLOAD: &str = "workload";

/// The workload whose pods go one at a time; `None`: the step waits for no other.
pub(super) fn workload(step: &PlanStep) -> Option<&str> {
    step.rests_on
        .get(WORKLOAD)
        .and_then(Value::as_str)
        .filter(|w| !w.is_empty())
}

/// What a pod belongs to in the end: its uid, its kind and its name.
type Top = (String, String, String);

/// Looks at what the pods of these drafts belong to, and marks the evictions that wait for each other. Returns what is
/// to be said first, and whether any waits.
pub(super) async fn look(
    survey: &Survey<'_>,
    requests: &[Request],
    drafts: &mut [(String, Draft)],
) -> (Vec<String>, bool) {
    let evicts = match requests.first() {
        Some(Request::EvictPod { .. }) => true,
        Some(Request::DeletePod { .. }) => false,
        _ => return (Vec::new(), false),
    };
    let mut steps: Vec<&mut PlanStep> = drafts.iter_mut().flat_map(|(_, d)| &mut d.steps).collect();
    let namespaces: BTreeSet<String> = steps.iter().map(|s| s.target.namespace()).collect();
    let mut said = Vec::new();
    let mut waits = false;
    for namespace in namespaces {
        let mut own: Vec<&mut PlanStep> = steps
            .iter_mut()
            .map(|s| &mut **s)
            .filter(|s| s.target.namespace() == namespace)
            .collect();
        let pods = match survey.list(&collection(Kind::Pod, &namespace)).await {
            Ok(pods) => pods,
            Err(e) => {
                said.push(format!(
                    "whether these are all pods of a workload in {namespace} could not be read ({})",
                    e.why
                ));
                // Then each may be the last one of the same workload.
                waits |= evicts && own.len() > 1;
                own.iter_mut().filter(|_| evicts).for_each(|s| mark(s, &namespace));
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
        for ((uid, kind, name), live) in by_top {
            let chosen: BTreeSet<String> = own.iter().map(|s| s.target.id().to_owned()).collect();
            let is_chosen = |pod: &&&Value| chosen.contains(text(pod, "/metadata/uid"));
            if live.iter().filter(is_chosen).count() == 0 {
                continue;
            }
            if evicts && live.iter().filter(is_chosen).count() > 1 {
                let uids: BTreeSet<&str> = live.iter().map(|p| text(p, "/metadata/uid")).collect();
                waits = true;
                own.iter_mut()
                    .filter(|s| uids.contains(s.target.id()))
                    .for_each(|s| mark(s, &uid));
            }
            if let Some(who) = all_of(&live, &chosen) {
                said.push(say(&who, &format!("{} {name}", kind.to_lowercase()), evicts));
            }
        }
    }
    (said, waits)
}

fn mark(step: &mut PlanStep, workload: &str) {
    if let Some(rests_on) = step.rests_on.as_object_mut() {
        rests_on.insert(WORKLOAD.to_owned(), workload.into());
    }
}

/// Neither over nor on its way out.
fn is_live(pod: &Value) -> bool {
    field(pod, "/metadata/deletionTimestamp").is_null() && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True")
}

/// A ReplicaSet's pod belongs to its Deployment.
fn top(pod: &Value, sets: &[Value]) -> Option<Top> {
    let own = owner(pod).filter(|o| text(o, "/kind") != "Node")?;
    let set = sets.iter().find(|s| text(s, "/metadata/uid") == text(own, "/uid"));
    let top = set.and_then(owner).unwrap_or(own);
    let of = |at: &str| text(top, at).to_owned();
    Some((of("/uid"), of("/kind"), of("/name")))
}

/// Which of a workload's pods are chosen, where none that serves is left; `None`: some are.
fn all_of(live: &[&Value], chosen: &BTreeSet<String>) -> Option<String> {
    let is_left = |pod: &&&Value| !chosen.contains(text(pod, "/metadata/uid"));
    let ready = live.iter().filter(|p| is_ready(p)).count();
    match (live.len(), live.iter().filter(is_left).count()) {
        (1, 0) => Some("this is the only pod".to_owned()),
        (n, 0) => Some(format!("these are all {n} pods")),
        _ if ready > 0 && !live.iter().filter(is_left).any(|p| is_ready(p)) => {
            Some(format!("these are all ready pods ({ready} of {})", live.len()))
        }
        _ => None,
    }
}

fn say(who: &str, workload: &str, evicts: bool) -> String {
    if evicts && who.contains("all") {
        format!("{who} of {workload}: each goes only when the successor of the one before is ready")
    } else {
        format!("{who} of {workload}: nothing serves until successors are ready")
    }
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
            all_of(&live.iter().collect::<Vec<_>>(), &chosen)
        };
        let three = [pod("a", true), pod("b", true), pod("c", false)];
        assert_eq!(all(&three, &["a", "b", "c"]).as_deref(), Some("these are all 3 pods"));
        assert_eq!(
            all(&three, &["a", "b"]).as_deref(),
            Some("these are all ready pods (2 of 3)")
        );
        assert_eq!(all(&three, &["a", "c"]), None);
        assert_eq!(all(&three[..1], &["a"]).as_deref(), Some("this is the only pod"));
        let sick = [pod("a", false), pod("b", false)];
        assert_eq!(all(&sick, &["a"]), None, "it did not serve before either");
    }
}
