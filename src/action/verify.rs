//! Verification: kubectl's `rollout status` rules, made honest. Pure: observations and times go in, verdicts come out.
//!
//! Where kubectl only knows done or not yet, this also tells superseded (someone changed it after us, and who), lost
//! (another object of that name), paused, and failed; and it does not take the deadline that passed before our own
//! change for a failure of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::object::{condition, count, field, flag, int, items, owned_by, owner, setter, text, time};
use super::plan::{PlanStep, Request, Verdict, VerifySpec};
use super::roll_back::{is_stuck, ordinal};
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
    /// The pod is gone, and its owner has a new one ready.
    PodGone,
}

impl Goal {
    /// What a step of this request must lead to.
    pub fn of(request: &Request, step: &PlanStep, verify: &VerifySpec) -> Self {
        match request {
            Request::Scale { replicas, .. } => Self::Size(*replicas),
            Request::HpaBounds { min, max, .. } => Self::Fields(vec![
                ("/spec/minReplicas".into(), (*min).into()),
                ("/spec/maxReplicas".into(), (*max).into()),
            ]),
            Request::Pause { .. } => Self::Fields(vec![("/spec/paused".into(), true.into())]),
            // Resuming rolls out only when something waited, and then the plan asks for a soak.
            Request::Resume { .. } if verify.soak_s == 0 => Self::Fields(vec![("/spec/paused".into(), false.into())]),
            Request::DeletePod { .. } | Request::EvictPod { .. } => {
                debug_assert_eq!(step.target.kind, Kind::Pod);
                Self::PodGone
            }
            Request::Resume { .. } | Request::Restart { .. } | Request::RollBack { .. } | Request::SetImage { .. } => {
                Self::Rollout
            }
        }
    }
}

/// What was seen of the target at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// `None`: not found.
    pub object: Option<Value>,
    /// Pods of the workload, or of the pod's owner.
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
        let object = before.object.clone().unwrap_or_default();
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
        if self.goal == Goal::PodGone {
            return self.pod_gone(seen, now);
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
            Goal::Fields(_) => Judged::good("the server holds it so"),
            Goal::Size(n) => size(object, *n, self.kind),
            Goal::Rollout | Goal::PodGone => {
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
        let restarts = restarts(&seen.pods);
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
                    let parts: Vec<String> = at.split('/').skip(1).map(|p| format!("f:{p}")).collect();
                    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                    let now = field(object, at);
                    Verdict::Superseded(format!(
                        "{} is {now} again, set by {}",
                        at.rsplit('/').next().unwrap_or_default(),
                        by(&parts)
                    ))
                })
            }
            Goal::Rollout | Goal::PodGone => {
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
        if int(object, "/status/observedGeneration") < self.generation {
            return None;
        }
        let c = condition(object, "Progressing").filter(|c| text(c, "/reason") == "ProgressDeadlineExceeded")?;
        let old = self.before.object.as_ref().and_then(|o| condition(o, "Progressing"));
        let same = old.is_some_and(|o| {
            text(o, "/reason") == text(c, "/reason") && text(o, "/lastUpdateTime") == text(c, "/lastUpdateTime")
        });
        (!same).then(|| {
            Verdict::Failed(format!(
                "the progress deadline passed: {}",
                crate::journal::clean(text(c, "/message"))
            ))
        })
    }

    /// Why it will probably not come right by itself.
    fn trouble(&self, object: &Value, seen: &Observation, now: Timestamp) -> Option<String> {
        if let Some(c) = condition(object, "ReplicaFailure").filter(|c| text(c, "/status") == "True") {
            return Some(format!(
                "{}: {}",
                text(c, "/reason"),
                crate::journal::clean(text(c, "/message"))
            ));
        }
        let old: BTreeSet<&str> = self.before.pods.iter().map(|p| text(p, "/metadata/uid")).collect();
        // Only pods that came after our change speak of it; the old bad ones are why it was made.
        let new = seen.pods.iter().filter(|p| !old.contains(text(p, "/metadata/uid")));
        if let Some(t) = new.filter_map(|p| pod_trouble(p, now)).next() {
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

/// By uid: name and restarts.
type Restarts = BTreeMap<String, (String, u64)>;

struct Judged {
    done: bool,
    text: String,
    /// Grows as the rollout moves on.
    progress: u32,
}

impl Judged {
    fn good(text: impl Into<String>) -> Self {
        Self {
            done: true,
            text: text.into(),
            progress: u32::MAX,
        }
    }

    fn wait(text: impl Into<String>, progress: u32) -> Self {
        Self {
            done: false,
            text: text.into(),
            progress,
        }
    }
}

fn unobserved(object: &Value) -> bool {
    int(object, "/status/observedGeneration").unwrap_or(0) < int(object, "/metadata/generation").unwrap_or(0)
}

fn size(object: &Value, want: u32, kind: Kind) -> Judged {
    if unobserved(object) {
        return Judged::wait("the controller has not seen it yet", 0);
    }
    let of = |at: &str| count(object, &format!("/status/{at}"), 0);
    let (all, ready) = (of("replicas"), of("readyReplicas"));
    // StatefulSets of old servers do not report available.
    let up = if kind == Kind::StatefulSet {
        ready
    } else {
        ready.min(of("availableReplicas"))
    };
    if all > want {
        return Judged::wait(format!("{all} pods, {} to stop", all - want), 1);
    }
    if up < want {
        return Judged::wait(format!("{up} of {want} ready"), 1 + up);
    }
    Judged::good(format!("{want} of {want} ready"))
}

fn rollout(object: &Value, kind: Kind) -> Judged {
    if unobserved(object) {
        return Judged::wait("the controller has not seen it yet", 0);
    }
    let of = |at: &str| count(object, &format!("/status/{at}"), 0);
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Judged::good("the template is changed; pods are replaced when you delete them (OnDelete)");
    }
    if kind == Kind::DaemonSet {
        let want = of("desiredNumberScheduled");
        let (updated, up) = (of("updatedNumberScheduled"), of("numberAvailable"));
        if updated < want || up < want {
            return Judged::wait(format!("{updated} of {want} updated, {up} available"), 1 + updated + up);
        }
        return Judged::good(format!("all {want} new and available"));
    }
    let want = count(object, "/spec/replicas", 1);
    if want == 0 {
        return Judged::good("nothing runs: it is scaled to zero");
    }
    let (updated, all, ready) = (of("updatedReplicas"), of("replicas"), of("readyReplicas"));
    if kind == Kind::StatefulSet {
        let partition = count(object, "/spec/updateStrategy/rollingUpdate/partition", 0);
        let need = want.saturating_sub(partition);
        let rolled = if partition > 0 {
            updated >= need
        } else {
            text(object, "/status/updateRevision") == text(object, "/status/currentRevision")
        };
        if ready < want || !rolled {
            return Judged::wait(
                format!("{} of {need} updated, {ready} of {want} ready", updated.min(need)),
                1 + updated + ready,
            );
        }
        return Judged::good(if partition > 0 {
            format!("{updated} pods from number {partition} on are new, all {want} ready")
        } else {
            format!("all {want} new and ready")
        });
    }
    let up = of("availableReplicas");
    if updated < want {
        return Judged::wait(format!("{updated} of {want} updated, {up} available"), 1 + updated);
    }
    if all > updated {
        return Judged::wait(
            format!("all updated, {} old to stop", all - updated),
            2 + want + up.min(want),
        );
    }
    if up < updated || up < want {
        return Judged::wait(format!("all updated, {up} of {want} available"), 2 + want + up);
    }
    Judged::good(format!("all {want} new and available"))
}

fn is_ready(pod: &Value) -> bool {
    field(pod, "/metadata/deletionTimestamp").is_null()
        && condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True")
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    items(pod, "/status/initContainerStatuses").chain(items(pod, "/status/containerStatuses"))
}

/// Why a new pod is not becoming ready: an image, a crash loop, a configuration, no node for a minute, or restarts.
fn pod_trouble(pod: &Value, now: Timestamp) -> Option<String> {
    let name = text(pod, "/metadata/name");
    let scheduled = condition(pod, "PodScheduled").filter(|c| text(c, "/reason") == "Unschedulable");
    if let Some(c) = scheduled {
        let since = time(c, "/lastTransitionTime").or_else(|| time(pod, "/metadata/creationTimestamp"));
        if since.is_some_and(|s| now.duration_since(s) > SignedDuration::from_secs(60)) {
            return Some(format!(
                "pod {name} finds no node: {}",
                crate::journal::clean(text(c, "/message"))
            ));
        }
    }
    for c in containers(pod) {
        let reason = text(c, "/state/waiting/reason");
        let hopeless = matches!(
            reason,
            "ImagePullBackOff"
                | "ErrImagePull"
                | "InvalidImageName"
                | "ErrImageNeverPull"
                | "CrashLoopBackOff"
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "RunContainerError"
        );
        if hopeless {
            return Some(format!(
                "pod {name}: {reason} {}",
                crate::journal::clean(text(c, "/image"))
            ));
        }
        let times = count(c, "/restartCount", 0);
        if times > 0 && !flag(c, "/ready") {
            return Some(format!("pod {name} restarted {times} times"));
        }
    }
    None
}

/// Name and restarts of each pod, by uid.
fn restarts(pods: &[Value]) -> Restarts {
    let of = |p: &Value| containers(p).map(|c| u64::from(count(c, "/restartCount", 0))).sum();
    let name = |p: &Value| text(p, "/metadata/name").to_owned();
    pods.iter()
        .map(|p| (text(p, "/metadata/uid").to_owned(), (name(p), of(p))))
        .collect()
}

/// A pod that restarted meanwhile; a pod that is new since counts if it has restarts at all.
fn more_restarts(before: &Restarts, now: &Restarts) -> Option<String> {
    now.iter()
        .find(|(uid, (_, n))| *n > before.get(*uid).map_or(0, |(_, n)| *n))
        .map(|(_, (name, _))| name.clone())
}
