//! Verification: kubectl's `rollout status` rules, made honest. Pure: observations and times go in, verdicts come out.
//!
//! Where kubectl only knows done or not yet, this also tells superseded (someone changed it after us, and who), lost
//! (another object of that name), paused, and failed; and it does not take the deadline that passed before our own
//! change for a failure of it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::hpa_bounds::bounds_fields;
use super::object::{clean, condition, count, field, flag, int, owned_by, owner, setter, text};
use super::plan::{PlanStep, Request, Verdict, VerifySpec};
use super::revisions::{is_stuck, ordinal};
use super::sealed::Sealed;
use super::status::{
    Judged, Restarts, endpoints, is_ready, job_end, job_state, more_restarts, pod_trouble, restarts, rollout, size,
    unobserved,
};
use crate::model::Kind;

/// What counts as done.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// Every pod is of the template that was sent, and available.
    Rollout,
    /// So many pods are ready.
    Size(u32),
    /// These fields hold (a path and its value).
    Fields(Vec<(String, Value)>),
    /// The same, of values that are not told again.
    Holds(Vec<(String, Value)>),
    /// A Secret holds this.
    Secret(Sealed),
    /// A Service has this selector, and none of these pods behind it any more.
    Endpoints { selector: Value, left: BTreeSet<String> },
    /// The pod is gone, and its owner has a new one ready.
    PodGone,
    /// It is gone.
    Gone,
    /// A Job succeeded.
    JobDone,
}

impl Goal {
    /// What a step of this request must lead to.
    pub fn of(request: &Request, step: &PlanStep, verify: &VerifySpec) -> Self {
        match request {
            Request::Scale { replicas, .. } => Self::Size(*replicas),
            Request::HpaBounds { target, min, max, .. } => {
                let [least, most] = bounds_fields(target.kind);
                Self::Fields(vec![
                    (format!("/spec/{least}"), (*min).into()),
                    (format!("/spec/{most}"), (*max).into()),
                ])
            }
            Request::Pause { .. } => Self::Fields(vec![("/spec/paused".into(), true.into())]),
            // Resuming rolls out only when something waited, and then the plan asks for a soak.
            Request::Resume { .. } if verify.soak_s == 0 => Self::Fields(vec![("/spec/paused".into(), false.into())]),
            Request::DeletePod { .. } | Request::EvictPod { .. } => {
                debug_assert!(step.target.object().is_some_and(|o| o.kind == Kind::Pod));
                Self::PodGone
            }
            Request::Object { ask, .. } => super::objects::goal(ask, step),
            // Rollouts; and what is of another source never comes here.
            _ => Self::Rollout,
        }
    }
}

/// What was seen of the target at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// `None`: not found.
    pub object: Option<Value>,
    /// Pods of the workload, of the Job, or of the pod's owner; of a Service its EndpointSlices.
    pub pods: Vec<Value>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `worrying`: it will probably not come right by itself; going back may be offered already.
    Wait {
        text: String,
        worrying: bool,
    },
    /// Done, and must stay so until then.
    Soak {
        until: Timestamp,
    },
    Verdict(Verdict),
}

/// Watches one target from the answer to our request until a verdict.
#[derive(Debug)]
pub struct Verifier {
    goal: Goal,
    kind: Kind,
    before: Observation,
    uid: String,
    /// The template that we set, once known.
    template: Option<Value>,
    /// `metadata.generation` of our change, once known.
    generation: Option<i64>,
    deadline: Timestamp,
    soak: SignedDuration,
    /// Since when the goal holds, and the restarts of each pod then.
    good: Option<(Timestamp, Restarts)>,
    /// The best progress so far, and when it was made.
    best: (u32, Timestamp),
    patience: SignedDuration,
    last: String,
    worrying: bool,
}

impl Verifier {
    /// `before`: what was seen just before our request. `answer`: the object in the server's answer; `Null` when it
    /// gave none (a scale, an eviction, or no answer at all).
    pub fn new(goal: Goal, kind: Kind, before: Observation, answer: &Value, spec: &VerifySpec, now: Timestamp) -> Self {
        let is_ours = text(answer, "/kind") == kind.api() || answer.pointer("/spec/template").is_some();
        let object = match (&goal, &before.object) {
            (Goal::JobDone, None) => answer.clone(),
            (_, before) => before.clone().unwrap_or_default(),
        };
        let seconds = |s: u64| SignedDuration::from_secs(i64::try_from(s).unwrap_or(i64::MAX).min(86_400));
        Self {
            goal,
            kind,
            uid: text(&object, "/metadata/uid").to_owned(),
            template: is_ours
                .then(|| field(answer, "/spec/template").clone())
                .filter(|t| !t.is_null()),
            generation: if is_ours {
                int(answer, "/metadata/generation")
            } else {
                None
            },
            deadline: now + seconds(spec.deadline_s),
            soak: seconds(spec.soak_s),
            good: None,
            best: (0, now),
            patience: seconds(u64::from(count(&object, "/spec/progressDeadlineSeconds", 600)) + 30),
            last: String::new(),
            worrying: false,
            before,
        }
    }

    /// The target could not be read: that is told, and ends it only at the deadline.
    pub fn missed(&mut self, why: &str, now: Timestamp) -> Step {
        if now >= self.deadline {
            return Step::Verdict(Verdict::Unknown(format!("it could not be read: {why}")));
        }
        Step::Wait {
            text: format!("cannot read it now: {why}"),
            worrying: false,
        }
    }

    pub fn observe(&mut self, seen: &Observation, now: Timestamp) -> Step {
        match self.goal {
            Goal::PodGone => return self.pod_gone(seen, now),
            Goal::Gone => return self.gone(seen, now),
            Goal::JobDone => return self.job(seen, now),
            _ => {}
        }
        let Some(object) = &seen.object else {
            return Step::Verdict(Verdict::Lost("it was deleted".into()));
        };
        if text(object, "/metadata/uid") != self.uid {
            return Step::Verdict(Verdict::Lost(
                "it was deleted and made again: this is another object".into(),
            ));
        }
        if let Some(verdict) = self.superseded(object) {
            return Step::Verdict(verdict);
        }
        let judged = match &self.goal {
            Goal::Fields(_) | Goal::Holds(_) => Judged::good("the server holds it so"),
            Goal::Secret(_) => Judged::good("the server holds the new value"),
            Goal::Endpoints { left, .. } => endpoints(&seen.pods, left),
            Goal::Size(n) => size(object, *n, self.kind),
            Goal::Rollout | Goal::PodGone | Goal::Gone | Goal::JobDone => {
                if flag(object, "/spec/paused") {
                    return Step::Verdict(Verdict::Paused);
                }
                if let Some(failed) = self.passed_deadline(object) {
                    return Step::Verdict(failed);
                }
                rollout(object, self.kind)
            }
        };
        self.settle(object, seen, judged, now)
    }

    /// Waits, soaks or decides, from what was judged.
    fn settle(&mut self, object: &Value, seen: &Observation, judged: Judged, now: Timestamp) -> Step {
        let restarts = if matches!(self.goal, Goal::Endpoints { .. }) {
            Restarts::default()
        } else {
            restarts(&seen.pods)
        };
        if judged.done {
            let restarted = self
                .good
                .as_ref()
                .and_then(|(_, before)| more_restarts(before, &restarts));
            let (since, again) = match (&self.good, &restarted) {
                (Some((since, _)), None) => (*since, false),
                (_, again) => (now, again.is_some()),
            };
            if self.good.is_none() || again {
                self.good = Some((now, restarts));
            }
            if let Some(pod) = restarted {
                self.worrying = true;
                if now < self.deadline + self.soak {
                    return self.wait(format!("{}; pod {pod} restarted while it was watched", judged.text));
                }
                return Step::Verdict(Verdict::Failed(format!("pod {pod} keeps restarting")));
            }
            let until = since + self.soak;
            if now >= until {
                return Step::Verdict(Verdict::Healthy(judged.text));
            }
            return Step::Soak { until };
        }
        self.good = None;
        if judged.progress > self.best.0 {
            self.best = (judged.progress, now);
        }
        let trouble = self.trouble(object, seen, now);
        self.worrying = trouble.is_some();
        let text = trouble.map_or_else(|| judged.text.clone(), |t| format!("{}; {t}", judged.text));
        if now >= self.deadline {
            return Step::Verdict(if self.worrying {
                Verdict::Failed(format!("{text}, at the deadline"))
            } else {
                Verdict::Unknown(format!("{text}, at the deadline"))
            });
        }
        if self.goal == Goal::Rollout && now.duration_since(self.best.1) > self.patience {
            let minutes = self.patience.as_mins();
            return Step::Verdict(Verdict::Failed(format!("{text}; nothing moved for {minutes} min")));
        }
        self.wait(text)
    }

    fn wait(&mut self, text: String) -> Step {
        self.last.clone_from(&text);
        Step::Wait {
            text,
            worrying: self.worrying,
        }
    }

    /// Someone changed what we had set.
    fn superseded(&mut self, object: &Value) -> Option<Verdict> {
        let by = |at: &[&str]| {
            setter(object, at).map_or_else(
                || "someone".to_owned(),
                |s| {
                    if s.manager == "kube-controller-manager" && s.subresource == "scale" {
                        "an autoscaler".to_owned()
                    } else {
                        s.manager
                    }
                },
            )
        };
        match &self.goal {
            Goal::Size(want) => {
                let now = count(object, "/spec/replicas", 1);
                (now != *want).then(|| {
                    let who = by(&["f:spec", "f:replicas"]);
                    Verdict::Superseded(if who == "an autoscaler" {
                        format!("the HPA restored it to {now}")
                    } else {
                        format!("{who} set the size to {now}")
                    })
                })
            }
            Goal::Fields(list) => {
                let differs = list.iter().find(|(at, want)| {
                    let now = field(object, at);
                    // `paused: false` is not written out.
                    now != want && !(now.is_null() && want == &Value::Bool(false))
                });
                differs.map(|(at, _)| {
                    let parts: Vec<String> = at
                        .split('/')
                        .skip(1)
                        .map(|p| format!("f:{}", p.replace("~1", "/")))
                        .collect();
                    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                    let now = field(object, at);
                    Verdict::Superseded(format!(
                        "{} is {now} again, set by {}",
                        at.rsplit('/')
                            .next()
                            .unwrap_or_default()
                            .rsplit("~1")
                            .next()
                            .unwrap_or_default(),
                        by(&parts)
                    ))
                })
            }
            Goal::Holds(list) => {
                let differs = list.iter().find(|(at, want)| field(object, at) != want);
                differs.map(|(at, _)| {
                    let name = at.rsplit('/').next().unwrap_or_default();
                    Verdict::Superseded(format!(
                        "{} changed {name} after us",
                        by(&["f:data", &format!("f:{name}")])
                    ))
                })
            }
            Goal::Secret(sealed) => (!sealed.is_held_by(object))
                .then(|| Verdict::Superseded(format!("{} changed it after us", by(&["f:data"])))),
            Goal::Endpoints { selector, .. } => (field(object, "/spec/selector") != selector).then(|| {
                Verdict::Superseded(format!(
                    "{} changed the selector after us",
                    by(&["f:spec", "f:selector"])
                ))
            }),
            Goal::Rollout | Goal::PodGone | Goal::Gone | Goal::JobDone => {
                let generation = int(object, "/metadata/generation");
                let ours = self.template.as_ref()?;
                if generation <= self.generation {
                    return None;
                }
                if field(object, "/spec/template") == ours {
                    // A new size, say: another generation, but still our template.
                    self.generation = generation;
                    return None;
                }
                Some(Verdict::Superseded(format!(
                    "{} changed the template after us",
                    by(&["f:spec", "f:template"])
                )))
            }
        }
    }

    /// The Deployment's own deadline, unless it had passed before our change and nothing was said since.
    fn passed_deadline(&self, object: &Value) -> Option<Verdict> {
        if unobserved(object) {
            return None;
        }
        let c = condition(object, "Progressing").filter(|c| text(c, "/reason") == "ProgressDeadlineExceeded")?;
        let old = self.before.object.as_ref().and_then(|o| condition(o, "Progressing"));
        let same = old.is_some_and(|o| {
            text(o, "/reason") == text(c, "/reason") && text(o, "/lastUpdateTime") == text(c, "/lastUpdateTime")
        });
        (!same).then(|| Verdict::Failed(format!("the progress deadline passed: {}", clean(text(c, "/message")))))
    }

    /// Why it will probably not come right by itself.
    fn trouble(&self, object: &Value, seen: &Observation, now: Timestamp) -> Option<String> {
        if let Some(c) = condition(object, "ReplicaFailure").filter(|c| text(c, "/status") == "True") {
            return Some(format!("{}: {}", text(c, "/reason"), clean(text(c, "/message"))));
        }
        let old: BTreeSet<&str> = self.before.pods.iter().map(|p| text(p, "/metadata/uid")).collect();
        // Only pods that came after our change speak of it; the old bad ones are why it was made.
        let mut new = seen.pods.iter().filter(|p| !old.contains(text(p, "/metadata/uid")));
        if let Some(t) = new.find_map(|p| pod_trouble(p, now)) {
            return Some(t);
        }
        if self.kind == Kind::StatefulSet && self.goal == Goal::Rollout {
            let before = self.before.object.as_ref()?;
            let bad = text(before, "/status/updateRevision");
            let same = bad == text(object, "/status/updateRevision");
            let stuck = seen
                .pods
                .iter()
                .filter(|p| !same && is_stuck(p, &self.uid, bad) && old.contains(text(p, "/metadata/uid")));
            let first = stuck.max_by_key(|p| ordinal(text(p, "/metadata/name")))?;
            let name = text(first, "/metadata/name");
            return Some(format!(
                "pod {name} of the former revision is stuck: delete it, the StatefulSet waits for it"
            ));
        }
        None
    }

    fn gone(&mut self, seen: &Observation, now: Timestamp) -> Step {
        let here = seen
            .object
            .as_ref()
            .is_some_and(|o| text(o, "/metadata/uid") == self.uid);
        match (here, now >= self.deadline) {
            (false, _) => Step::Verdict(Verdict::Healthy("gone".into())),
            (true, true) => Step::Verdict(Verdict::Unknown("still there, at the deadline".into())),
            (true, false) => self.wait("stopping".to_owned()),
        }
    }

    /// Follows a Job to its end. It was not there before us, so its uid is that of the answer, or of the first look.
    fn job(&mut self, seen: &Observation, now: Timestamp) -> Step {
        let Some(job) = &seen.object else {
            return Step::Verdict(Verdict::Lost("it was deleted".into()));
        };
        if self.uid.is_empty() {
            text(job, "/metadata/uid").clone_into(&mut self.uid);
        } else if text(job, "/metadata/uid") != self.uid {
            return Step::Verdict(Verdict::Lost("this is another Job of that name".into()));
        }
        match job_end(job) {
            Some(Ok(how)) => return Step::Verdict(Verdict::Healthy(how)),
            Some(Err(why)) => return Step::Verdict(Verdict::Failed(why)),
            None => {}
        }
        let trouble = seen.pods.iter().find_map(|p| pod_trouble(p, now));
        self.worrying = trouble.is_some();
        let words = trouble.unwrap_or_else(|| job_state(job, &seen.pods, now));
        if now >= self.deadline {
            return Step::Verdict(Verdict::Unknown(format!("{words}, at the deadline; it goes on")));
        }
        self.wait(words)
    }

    fn pod_gone(&mut self, seen: &Observation, now: Timestamp) -> Step {
        let here = seen.object.as_ref().filter(|o| text(o, "/metadata/uid") == self.uid);
        let old: BTreeSet<&str> = self.before.pods.iter().map(|p| text(p, "/metadata/uid")).collect();
        let owner_uid = self
            .before
            .object
            .as_ref()
            .and_then(owner)
            .map(|o| text(o, "/uid").to_owned());
        let now_text = if let Some(pod) = here {
            if field(pod, "/metadata/deletionTimestamp").is_null() {
                "still there".to_owned()
            } else {
                "stopping".to_owned()
            }
        } else {
            let Some(owner_uid) = owner_uid else {
                return Step::Verdict(Verdict::Healthy("gone".into()));
            };
            let new: Vec<&Value> = seen
                .pods
                .iter()
                .filter(|p| owned_by(p, &owner_uid) && !old.contains(text(p, "/metadata/uid")))
                .collect();
            if let Some(p) = new.iter().find(|p| is_ready(p)) {
                let name = text(p, "/metadata/name");
                return Step::Verdict(Verdict::Healthy(format!("gone; {name} is ready in its place")));
            }
            if let Some(t) = new.iter().find_map(|p| pod_trouble(p, now)) {
                self.worrying = true;
                format!("gone; {t}")
            } else if new.is_empty() {
                "gone; no new pod yet".to_owned()
            } else {
                "gone; its successor is starting".to_owned()
            }
        };
        if now >= self.deadline {
            let text = format!("{now_text}, at the deadline");
            return Step::Verdict(if self.worrying {
                Verdict::Failed(text)
            } else {
                Verdict::Unknown(text)
            });
        }
        self.wait(now_text)
    }
}
