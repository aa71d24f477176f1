//! Looking at what a change became: the object and what stands beside it, until there is a verdict for each step.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Run, Sent};
use crate::action::object::{collection, field, items, owner, path, selector_query};
use crate::action::outcome::verdict_text;
use crate::action::plan::{PlanStep, Stage, Verdict};
use crate::action::verify::{Goal, Observation, Step, Verifier};
use crate::action::wire::{self, ReadError, encode};
use crate::model::{Kind, ObjectRef};

impl Run<'_> {
    /// The target and the pods that matter to it.
    pub(super) async fn look(&self, step: &PlanStep, before: Option<&Observation>) -> Result<Observation, ReadError> {
        let reader = &self.actor.planner().reader;
        let Some(target) = step.target.object() else {
            return Err(ReadError {
                code: 0,
                why: format!("{} is no Kubernetes object", step.target),
            });
        };
        let object = match wire::get(reader, &path(target)).await {
            Ok(object) => Some(object),
            Err(e) if e.code == 404 => None,
            Err(e) => return Err(e),
        };
        let selector = match target.kind {
            Kind::Hpa | Kind::ScaledObject | Kind::Node | Kind::ConfigMap | Kind::Secret | Kind::Ingress => None,
            Kind::Service => {
                let pods = slices(reader, target).await;
                return Ok(Observation { object, pods });
            }
            // The owner's pods, found by the labels that the pod itself had.
            Kind::Pod => {
                let pod = before.and_then(|b| b.object.as_ref()).or(object.as_ref());
                pod.filter(|p| owner(p).is_some()).and_then(|p| {
                    let mut labels = field(p, "/metadata/labels").clone();
                    if let Some(map) = labels.as_object_mut() {
                        map.retain(|k, _| !PER_POD.contains(&k.as_str()));
                    }
                    selector_query(&json!({ "matchLabels": labels }))
                })
            }
            _ => object.as_ref().and_then(|o| selector_query(field(o, "/spec/selector"))),
        };
        let pods = match selector {
            None => Vec::new(),
            Some(q) => {
                let at = format!(
                    "{}?labelSelector={}",
                    collection(Kind::Pod, &target.namespace),
                    encode(&q)
                );
                let list = wire::get(reader, &at).await?;
                items(&list, "/items").cloned().collect()
            }
        };
        Ok(Observation { object, pods })
    }

    /// Verifies every step that was sent, until each has its verdict.
    pub(super) async fn watch(&self, sent: Vec<Sent>) -> Vec<(usize, Verdict)> {
        let mut open: Vec<(Sent, Verifier)> = sent
            .into_iter()
            .filter_map(|s| {
                let step = self.plan.steps.get(s.n)?;
                let goal = Goal::of(self.plan.request.of_step(step), step, &self.plan.verify);
                let verifier = Verifier::new(
                    goal,
                    step.target.object()?.kind,
                    s.before.clone(),
                    &s.answer,
                    &self.plan.verify,
                    Timestamp::now(),
                );
                Some((s, verifier))
            })
            .collect();
        let several = self.plan.steps.len() > 1;
        let mut verdicts: Vec<(usize, Verdict)> = Vec::new();
        let mut told = None;
        while !open.is_empty() {
            let mut texts = Vec::new();
            let mut worrying = false;
            let mut soaking = None;
            let mut still = Vec::new();
            for (s, mut verifier) in open {
                let Some(step) = self.plan.steps.get(s.n) else { continue };
                let seen = self.look(step, Some(&s.before)).await;
                let now = Timestamp::now();
                let next = match seen {
                    Ok(seen) => verifier.observe(&seen, now),
                    Err(e) => verifier.missed(&e.why, now),
                };
                match next {
                    Step::Verdict(verdict) => {
                        self.record_verdict(step, &verdict).await;
                        verdicts.push((s.n, verdict));
                        continue;
                    }
                    Step::Soak { until } => soaking = soaking.max(Some(until)),
                    Step::Wait { text, worrying: w } => {
                        worrying |= w;
                        texts.push(if several {
                            format!("{}: {text}", step.target.name())
                        } else {
                            text
                        });
                    }
                }
                still.push((s, verifier));
            }
            open = still;
            let stage = match (texts.is_empty(), soaking) {
                (false, _) => Stage::Verifying {
                    text: texts.join("; "),
                    worrying,
                },
                (true, Some(until)) => Stage::Soaking { until },
                (true, None) => continue,
            };
            if told.as_ref() != Some(&stage) {
                self.tell(stage.clone()).await;
                told = Some(stage);
            }
            tokio::time::sleep(self.actor.pace().poll).await;
        }
        verdicts
    }

    /// One verdict of several: the worst, with the name before each.
    pub(super) fn together(&self, verdicts: Vec<(usize, Verdict)>) -> Verdict {
        let rank = |v: &Verdict| match v {
            Verdict::Healthy(_) => 0,
            Verdict::Paused => 1,
            Verdict::Superseded(_) => 2,
            Verdict::Unknown(_) => 3,
            Verdict::Lost(_) => 4,
            Verdict::Failed(_) => 5,
        };
        let several = verdicts.len() > 1;
        let name = |n: usize| {
            self.plan
                .steps
                .get(n)
                .map(|s| s.target.name().to_owned())
                .unwrap_or_default()
        };
        let all: Vec<String> = verdicts
            .iter()
            .map(|(n, v)| format!("{}: {}", name(*n), verdict_text(v)))
            .collect();
        let worst = verdicts.into_iter().max_by_key(|(_, v)| rank(v)).map(|(_, v)| v);
        let all = all.join("; ");
        match worst {
            Some(v) if !several => v,
            Some(Verdict::Healthy(_)) => Verdict::Healthy(all),
            Some(Verdict::Failed(_)) => Verdict::Failed(all),
            Some(Verdict::Superseded(_)) => Verdict::Superseded(all),
            Some(Verdict::Lost(_)) => Verdict::Lost(all),
            Some(Verdict::Paused) => Verdict::Paused,
            Some(Verdict::Unknown(_)) => Verdict::Unknown(all),
            None => Verdict::Unknown("nothing was watched".into()),
        }
    }
}

/// What a Service sends to; one `null` where that may not be read, and the selector alone is judged.
async fn slices(reader: &kube::Client, service: &ObjectRef) -> Vec<Value> {
    let label = encode(&format!("kubernetes.io/service-name={}", service.name));
    let at = format!(
        "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector={label}",
        service.namespace
    );
    match wire::get(reader, &at).await {
        Ok(list) => items(&list, "/items").cloned().collect(),
        Err(_) => vec![Value::Null],
    }
}

/// Labels that a controller gives to one pod only.
const PER_POD: [&str; 6] = [
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];
