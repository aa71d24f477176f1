//! Roll back to an explicit revision.
//!
//! A Deployment's revisions are its ReplicaSets; the request is kubectl's JSON patch with two guards before it (uid and
//! generation), and, unlike kubectl's, it does not replace the whole map of annotations: later ones (a tracking id of
//! Argo CD, say) would be lost. Only the change cause follows the template. StatefulSets and DaemonSets keep their
//! revisions in ControllerRevisions, whose data is the strategic merge patch itself.

use serde_json::{Value, json};

use super::draft::{Draft, change, refuse};
use super::object::{annotation, collection, field, flag, last_set, owned_by, text};
use super::plan::{Alternative, FieldChange, PlanStep, Refusal, Request, Risk, RollbackTo, VerifySpec};
use super::restart::{patch_need, pods_wanted, progress, rollout_impact, rollout_verify, rolls_out, spec_rests_on};
use super::revisions::{
    CHANGE_CAUSE, annotation_differences, is_stuck, ordinal, revision_of, template_changes, template_of,
};
use super::steward;
use super::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

pub(super) async fn draft(survey: &Survey<'_>, to: &[RollbackTo]) -> Result<Draft, Refusal> {
    let Some(first) = to.first() else {
        return Err(refuse(
            "nothing was chosen to roll back",
            "choose a workload and one of its revisions",
        ));
    };
    let title = if to.len() == 1 {
        format!("Roll back {}", first.target)
    } else {
        format!("Roll back {} workloads", to.len())
    };
    let verify = VerifySpec {
        text: String::new(),
        deadline_s: 0,
        soak_s: 60,
    };
    let mut draft = Draft::new(title, String::new(), Risk::R2, verify);
    let mut back = Vec::new();
    let mut same = Vec::new();
    for one in to {
        if to.iter().filter(|t| t.target == one.target).count() > 1 {
            return Err(refuse(
                format!("{} is named twice", one.target),
                "choose one revision of it",
            ));
        }
        let found = Found::read(survey, one).await?;
        back.push(RollbackTo {
            target: one.target.clone(),
            revision: found.current,
            newest_seen: found.newest + 1,
        });
        let spec = rollout_verify(&found.object);
        if spec.deadline_s > draft.verify.deadline_s {
            draft.verify = spec;
        }
        draft
            .impact
            .push(format!("{}: {}", one.target.slash(), found.goes_back(one)));
        let step = found.step(survey, one);
        if step.changes.is_empty() {
            same.push(format!(
                "the template of {} already is that of revision {}",
                one.target, one.revision
            ));
            continue;
        }
        found.warnings(&mut draft, one, survey).await;
        draft.steps.push(step);
        draft.needs.push(patch_need(&one.target));
    }
    if draft.steps.is_empty() {
        draft.no_op = Some(same.join("; "));
    } else {
        for s in same {
            draft.warn(format!("{s}: nothing is sent for it"));
        }
        back.retain(|b| draft.steps.iter().any(|s| s.target == b.target));
    }
    draft.verb = if to.len() == 1 {
        format!("Roll back to revision {}", first.revision)
    } else {
        format!(
            "Roll back {}",
            to.iter()
                .map(|t| format!("{} to {}", t.target.name, t.revision))
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    if to.len() > 1 {
        draft.verify.text = format!(
            "each of them: {}",
            "all pods new and available, then 60 s without a restart"
        );
        draft
            .impact
            .push("one after the other, in this order; the first that fails stops the rest".to_owned());
    }
    draft.warn("environment outside of the template, Secrets, ConfigMaps and database migrations are not rolled back");
    let label = back
        .iter()
        .map(|b| format!("{} to revision {}", b.target.name, b.revision))
        .collect::<Vec<_>>()
        .join(", ");
    draft.undo_by(format!("go back: {label}"), Request::RollBack { to: back });
    Ok(draft)
}

/// A workload with its present and its wanted revision.
struct Found {
    object: Value,
    /// The ReplicaSet or ControllerRevision to go back to.
    wanted: Value,
    current: u64,
    newest: u64,
}

impl Found {
    /// How many pods change, where all of them are of the newest revision; else how many of them are.
    fn goes_back(&self, one: &RollbackTo) -> String {
        let pods = pods_wanted(&self.object);
        let (newest, _) = progress(&self.object, one.target.kind);
        let (to, from) = (one.revision, self.current);
        match pods {
            1 if newest >= 1 => format!("its pod goes back to revision {to}"),
            n if newest >= n => format!("{n} pods go back to revision {to}"),
            n => format!("{newest} of {n} run revision {from} now; all are to run revision {to}"),
        }
    }

    async fn read(survey: &Survey<'_>, one: &RollbackTo) -> Result<Self, Refusal> {
        let target = &one.target;
        rolls_out(target)?;
        let object = survey.target(target).await?;
        if flag(&object, "/spec/paused") {
            let what = format!("{target} is paused: it cannot be rolled back");
            let mut no = refuse(what, "resume it first");
            no.alternatives.push(Alternative {
                label: "resume it".into(),
                request: Request::Resume { target: target.clone() },
            });
            return Err(no);
        }
        let uid = text(&object, "/metadata/uid");
        let kind = if target.kind == Kind::Deployment {
            Kind::ReplicaSet
        } else {
            Kind::ControllerRevision
        };
        let mut history = survey.list(&collection(kind, &target.namespace)).await.map_err(|e| {
            refuse(
                format!("the history of {target} could not be read: {}", e.why),
                "without it there is nothing to go back to",
            )
        })?;
        history.retain(|r| owned_by(r, uid));
        let newest = history.iter().map(revision_of).max().unwrap_or(0);
        if history.len() < 2 {
            return Err(refuse(
                format!("{target} has no earlier revision"),
                "its history was cut, or it never changed",
            ));
        }
        if newest != one.newest_seen {
            let what = format!(
                "{target} has revision {newest} now; the newest was {} when you looked",
                one.newest_seen
            );
            return Err(refuse(
                what,
                "look at its history again: someone rolled out or back meanwhile",
            ));
        }
        let current = match target.kind {
            Kind::Deployment => annotation(&object, "deployment.kubernetes.io/revision")
                .parse()
                .unwrap_or(newest),
            // A StatefulSet names its newest one; where that is old data, the highest number is.
            _ => newest,
        };
        let wanted = history
            .into_iter()
            .find(|r| revision_of(r) == one.revision && one.revision > 0);
        let Some(wanted) = wanted else {
            let what = format!("revision {} of {target} is not in its history", one.revision);
            return Err(refuse(
                what,
                "choose one that is listed; revisionHistoryLimit says how many are kept",
            ));
        };
        Ok(Self {
            object,
            wanted,
            current,
            newest,
        })
    }

    fn step(&self, survey: &Survey<'_>, one: &RollbackTo) -> PlanStep {
        let target = &one.target;
        let deployment = target.kind == Kind::Deployment;
        let mut changes = template_changes(&template_of(&self.object), &template_of(&self.wanted));
        let (content_type, body) = if deployment {
            ("application/json-patch+json", self.json_patch(&mut changes))
        } else {
            (
                "application/strategic-merge-patch+json",
                field(&self.wanted, "/data").clone(),
            )
        };
        if !changes.is_empty() {
            changes.insert(0, change("revision", self.current, one.revision));
        }
        PlanStep {
            target: target.into(),
            changes,
            same_as: survey.kubectl(
                &target.namespace,
                &format!("rollout undo {} --to-revision={}", target.slash(), one.revision),
            ),
            method: "PATCH".into(),
            path: write_path(target, ""),
            content_type: content_type.into(),
            body,
            rests_on: spec_rests_on(target, &self.object),
        }
    }

    fn json_patch(&self, changes: &mut Vec<FieldChange>) -> Value {
        let mut ops = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": text(&self.object, "/metadata/uid")}),
            json!({"op": "test", "path": "/metadata/generation", "value": field(&self.object, "/metadata/generation")}),
            json!({"op": "replace", "path": "/spec/template", "value": template_of(&self.wanted)}),
        ];
        let (now, then) = (
            annotation(&self.object, CHANGE_CAUSE),
            annotation(&self.wanted, CHANGE_CAUSE),
        );
        if now != then && !changes.is_empty() {
            let at = "/metadata/annotations/kubernetes.io~1change-cause";
            ops.push(if then.is_empty() {
                json!({"op": "remove", "path": at})
            } else if field(&self.object, "/metadata/annotations").is_null() {
                json!({"op": "add", "path": "/metadata/annotations", "value": { CHANGE_CAUSE: then }})
            } else {
                json!({"op": "add", "path": at, "value": then})
            });
            changes.push(change("change cause", now, then));
        }
        ops.into()
    }

    async fn warnings(&self, draft: &mut Draft, one: &RollbackTo, survey: &Survey<'_>) {
        let target = &one.target;
        draft.last_set.extend(last_set(
            &self.object,
            &format!("{} template", target.name),
            &["f:spec", "f:template"],
            &format!("revision {}", self.current),
            survey.now,
        ));
        rollout_impact(draft, &self.object, target);
        steward::warn(draft, &self.object, target);
        let differ = annotation_differences(&self.object, &self.wanted);
        if !differ.is_empty() && target.kind == Kind::Deployment {
            draft.warn(format!(
                "annotations that differ and stay as they are: {}",
                differ.join(", ")
            ));
        }
        if target.kind == Kind::StatefulSet {
            self.stuck_pods(draft, target, survey).await;
        }
    }

    /// Under OrderedReady a StatefulSet waits for a bad pod for ever, even when the template is good again.
    async fn stuck_pods(&self, draft: &mut Draft, target: &ObjectRef, survey: &Survey<'_>) {
        if text(&self.object, "/spec/podManagementPolicy") == "Parallel" {
            return;
        }
        let bad = text(&self.object, "/status/updateRevision");
        let Ok(pods) = survey.pods(&self.object, &target.namespace).await else {
            draft.warn("its pods could not be read: whether one of the bad revision is stuck is unknown");
            return;
        };
        let mut stuck: Vec<&Value> = pods
            .iter()
            .filter(|p| is_stuck(p, text(&self.object, "/metadata/uid"), bad))
            .collect();
        stuck.sort_by_key(|p| std::cmp::Reverse(ordinal(text(p, "/metadata/name"))));
        if stuck.is_empty() {
            return;
        }
        draft.warn_seriously(format!(
            "{} not ready on the bad revision: the StatefulSet waits for it even after this. Delete it afterwards, one \
             at a time, highest number first",
            stuck
                .iter()
                .map(|p| text(p, "/metadata/name"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
        for pod in stuck {
            let name = text(pod, "/metadata/name");
            draft.also(
                format!("afterwards: delete stuck pod {name}"),
                Request::DeletePod {
                    target: ObjectRef {
                        kind: Kind::Pod,
                        namespace: target.namespace.clone(),
                        name: name.into(),
                        uid: text(pod, "/metadata/uid").into(),
                    },
                    force: false,
                },
            );
        }
    }
}
