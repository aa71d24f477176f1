//! Cordon and uncordon a node: whether the scheduler may place new pods on it. What runs there runs on.

use serde_json::{Value, json};

use super::ObjectAsk;
use crate::action::draft::{Draft, change, refuse, rests_on};
use crate::action::object::{count, field, flag, items, last_set, path, text};
use crate::action::plan::{PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::restart::patch_need;
use crate::action::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef, cordon: bool) -> Result<Draft, Refusal> {
    let node = read(survey, target).await?;
    let (verb, word) = if cordon {
        ("Cordon", "cordon")
    } else {
        ("Uncordon", "uncordon")
    };
    let verify = VerifySpec {
        text: "the server holds it so".into(),
        deadline_s: 30,
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("{verb} {target}"),
        format!("{verb} {}", target.name),
        Risk::R1,
        verify,
    );
    let now = flag(&node, "/spec/unschedulable");
    if now == cordon {
        let how = if cordon { "cordoned already" } else { "not cordoned" };
        draft.no_op = Some(format!("{target} is {how}"));
    }
    draft
        .steps
        .push(step(survey, target, &node, cordon, format!("{word} {}", target.name)));
    draft.needs.push(patch_need(target));
    let set = last_set(&node, "unschedulable", &["f:spec", "f:unschedulable"], "", survey.now);
    draft.last_set.extend(set);
    if cordon {
        draft
            .impact
            .push("no new pod is placed here; what runs here runs on".to_owned());
        others(survey, &mut draft, target).await;
    } else {
        draft
            .impact
            .push("new pods may be placed here again; none moves back by itself".to_owned());
        if !is_ready(&node) {
            draft.warn_seriously("the node is not ready: it takes no pods whatever this says");
        }
    }
    let back = if cordon { ObjectAsk::Uncordon } else { ObjectAsk::Cordon };
    let label = if cordon { "uncordon it" } else { "cordon it again" };
    draft.undo_by(
        label.to_owned(),
        Request::Object {
            target: target.clone(),
            ask: back,
        },
    );
    Ok(draft)
}

pub(super) async fn read(survey: &Survey<'_>, target: &ObjectRef) -> Result<Value, Refusal> {
    if target.kind != Kind::Node {
        return Err(refuse(format!("{target} is no node"), "choose a node"));
    }
    survey.target(target).await
}

/// kubectl's own patch: `null` takes the field away, which is how the API writes `false`.
pub(super) fn step(survey: &Survey<'_>, target: &ObjectRef, node: &Value, cordon: bool, same_as: String) -> PlanStep {
    let now = flag(node, "/spec/unschedulable");
    PlanStep {
        target: target.into(),
        changes: vec![change("cordoned", now, cordon)],
        same_as: survey.kubectl("", &same_as),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/strategic-merge-patch+json".into(),
        body: json!({"spec": {"unschedulable": if cordon { json!(true) } else { Value::Null }}}),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(text(node, "/metadata/uid"))),
                ("/spec/unschedulable", field(node, "/spec/unschedulable").clone()),
            ],
        ),
    }
}

pub(super) fn is_ready(node: &Value) -> bool {
    items(node, "/status/conditions").any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True")
}

/// Who takes new pods instead.
pub(super) async fn others(survey: &Survey<'_>, draft: &mut Draft, target: &ObjectRef) {
    let Ok(nodes) = survey.list("/api/v1/nodes").await else {
        draft.warn("the other nodes could not be read: who takes new pods is unknown");
        return;
    };
    let takes = |n: &&Value| {
        let blocked = items(n, "/spec/taints").any(|t| matches!(text(t, "/effect"), "NoSchedule" | "NoExecute"));
        text(n, "/metadata/name") != &*target.name && is_ready(n) && !flag(n, "/spec/unschedulable") && !blocked
    };
    let open: Vec<&Value> = nodes.iter().filter(takes).collect();
    if open.is_empty() {
        draft.warn_seriously("no other node takes pods: whatever is started next stays pending");
        return;
    }
    let pods: u32 = open.iter().map(|n| count(n, "/status/allocatable/pods", 110)).sum();
    draft.impact.push(format!(
        "{} other node{} take{} new pods, {pods} at most",
        open.len(),
        if open.len() == 1 { "" } else { "s" },
        if open.len() == 1 { "s" } else { "" }
    ));
}
