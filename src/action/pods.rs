//! What delete and evict have in common: who will replace the pod, and which budgets cover it.

use serde_json::Value;

use super::draft::{Draft, refuse};
use super::object::{condition, count, field, flag, int, owner, text};
use super::plan::{Refusal, Risk, VerifySpec};
use super::survey::Survey;
use crate::model::{Kind, ObjectRef};

pub(super) async fn read(survey: &Survey<'_>, target: &ObjectRef) -> Result<Value, Refusal> {
    if target.kind != Kind::Pod {
        return Err(refuse(format!("{target} is no pod"), "choose one of its pods"));
    }
    let pod = survey.target(target).await?;
    if !field(&pod, "/metadata/deletionTimestamp").is_null() {
        let what = format!("{target} is being deleted already");
        return Err(refuse(what, "wait for it; if it hangs, delete it with force"));
    }
    Ok(pod)
}

pub(super) fn verify(pod: &Value, force: bool) -> VerifySpec {
    let grace = if force {
        0
    } else {
        u64::from(count(pod, "/spec/terminationGracePeriodSeconds", 30))
    };
    let deadline_s = grace + 180;
    VerifySpec {
        text: match owner(pod) {
            Some(_) => format!(
                "gone, and another one of its owner ready, within {} min",
                deadline_s.div_ceil(60)
            ),
            None => format!("gone within {} min", deadline_s.div_ceil(60)),
        },
        deadline_s,
        soak_s: 0,
    }
}

/// Owner, state, and what hangs on this pod.
pub(super) fn describe(draft: &mut Draft, pod: &Value) {
    match owner(pod) {
        Some(o) if text(o, "/kind") == "Node" => {
            draft.warn_seriously("a static pod: only its mirror goes, and the kubelet makes it again");
        }
        Some(o) => draft
            .impact
            .push(format!("{} {} makes another one", text(o, "/kind"), text(o, "/name"))),
        None => {
            draft.risk = Risk::R3;
            draft.warn_seriously("nothing owns this pod: it will not come back");
        }
    }
    let ready = condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True");
    let phase = text(pod, "/status/phase");
    draft.impact.push(format!(
        "it is {} now",
        if ready {
            "ready"
        } else if phase.is_empty() {
            "not ready"
        } else {
            phase
        }
    ));
    let empty_dirs: Vec<&str> = super::object::items(pod, "/spec/volumes")
        .filter(|v| v.get("emptyDir").is_some())
        .map(|v| text(v, "/name"))
        .collect();
    if !empty_dirs.is_empty() {
        draft.warn(format!("emptyDir volumes go with it: {}", empty_dirs.join(", ")));
    }
    let grace = int(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    draft.impact.push(format!("it has {grace} s to stop"));
}

/// One line for each budget; says whether they allow it.
pub(super) async fn budgets(
    survey: &Survey<'_>,
    draft: &mut Draft,
    pod: &Value,
    namespace: &str,
) -> Option<Vec<Value>> {
    match survey.budgets(field(pod, "/metadata/labels"), namespace).await {
        Ok(list) => {
            for b in &list {
                draft.impact.push(budget_line(b));
            }
            Some(list)
        }
        Err(e) => {
            draft.warn(format!("disruption budgets could not be read ({})", e.why));
            None
        }
    }
}

fn budget_line(b: &Value) -> String {
    let of = |at: &str| int(b, &format!("/status/{at}")).unwrap_or(0);
    let rule = |name: &str| {
        let v = field(b, &format!("/spec/{name}"));
        (!v.is_null()).then(|| format!("{name} {}", v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
    };
    let rule = rule("minAvailable")
        .or_else(|| rule("maxUnavailable"))
        .unwrap_or_default();
    let stale = if of("observedGeneration") < int(b, "/metadata/generation").unwrap_or(0) {
        "; its numbers are old"
    } else {
        ""
    };
    format!(
        "budget {} ({rule}): {} healthy, needs {}, allows {} now{stale}",
        text(b, "/metadata/name"),
        of("currentHealthy"),
        of("desiredHealthy"),
        of("disruptionsAllowed")
    )
}

/// Whether the server will ask a budget at all, and what it will say: the rules of the eviction API.
pub(super) fn budget_verdict(pod: &Value, budgets: &[Value]) -> Result<(), String> {
    let phase = text(pod, "/status/phase");
    if matches!(phase, "Succeeded" | "Failed" | "Pending") {
        return Ok(());
    }
    let one = match budgets {
        [] => return Ok(()),
        [one] => one,
        _ => {
            let names: Vec<&str> = budgets.iter().map(|b| text(b, "/metadata/name")).collect();
            return Err(format!(
                "{} budgets cover this pod ({}), and the server refuses to evict then",
                names.len(),
                names.join(", ")
            ));
        }
    };
    let of = |at: &str| int(one, &format!("/status/{at}")).unwrap_or(0);
    let ready = condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True");
    let healthy_enough = of("currentHealthy") >= of("desiredHealthy") && of("desiredHealthy") > 0;
    let always = text(one, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    if !ready && (healthy_enough || always) || of("disruptionsAllowed") > 0 {
        return Ok(());
    }
    Err(format!(
        "budget {} needs {} healthy pods and has {}",
        text(one, "/metadata/name"),
        of("desiredHealthy"),
        of("currentHealthy")
    ))
}

pub(super) const fn title(flagged: bool) -> &'static str {
    if flagged { "Force-delete" } else { "Delete" }
}

/// StatefulSet pods must never run twice; a forced deletion may do just that.
pub(super) fn warn_of_force(draft: &mut Draft, pod: &Value) {
    draft.warn_seriously("force: the server forgets the pod at once, whether its processes have stopped or not");
    if owner(pod).is_some_and(|o| text(o, "/kind") == "StatefulSet") {
        draft.warn_seriously("a second pod of this name may run while the first still does: data may be damaged");
    }
    if flag(pod, "/spec/hostNetwork") {
        draft.warn("it uses the node's network: its port may still be taken");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(phase: &str, ready: &str) -> Value {
        json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}})
    }

    fn budget(allowed: i64, healthy: i64, desired: i64, policy: &str) -> Value {
        json!({"metadata": {"name": "pdb"}, "spec": {"unhealthyPodEvictionPolicy": policy},
            "status": {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired}})
    }

    #[test]
    fn a_budget_is_judged_as_the_eviction_api_judges_it() {
        let ok = |p: &Value, b: &[Value]| budget_verdict(p, b).is_ok();
        let (running, sick) = (pod("Running", "True"), pod("Running", "False"));
        assert!(ok(&running, &[budget(1, 3, 2, "")]));
        assert!(!ok(&running, &[budget(0, 2, 2, "")]));
        assert!(ok(&sick, &[budget(0, 2, 2, "")]), "a sick pod of a healthy app goes");
        assert!(!ok(&sick, &[budget(0, 1, 2, "")]), "a sick pod of a sick app stays");
        assert!(ok(&sick, &[budget(0, 1, 2, "AlwaysAllow")]));
        assert!(ok(&pod("Pending", "False"), &[budget(0, 0, 2, "")]));
        assert!(
            !ok(&running, &[budget(1, 3, 2, ""), budget(1, 3, 2, "")]),
            "two budgets: the server cannot decide"
        );
    }
}
