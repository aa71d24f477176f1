//! Reading a status: how far a rollout or a size is, what troubles a pod, and restarts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::object::{ago, clean, condition, count, field, flag, int, items, text, time};
use crate::model::Kind;

/// By uid: name and restarts.
pub(super) type Restarts = BTreeMap<String, (String, u64)>;

pub(super) struct Judged {
    pub done: bool,
    pub text: String,
    /// Grows as the rollout moves on.
    pub progress: u32,
}

impl Judged {
    pub fn good(text: impl Into<String>) -> Self {
        Self {
            done: true,
            text: text.into(),
            progress: u32::MAX,
        }
    }

    pub fn wait(text: impl Into<String>, progress: u32) -> Self {
        Self {
            done: false,
            text: text.into(),
            progress,
        }
    }
}

/// The controller has not seen the newest spec yet, so its status speaks of an older one.
pub(super) fn unobserved(object: &Value) -> bool {
    int(object, "/status/observedGeneration").unwrap_or(0) < int(object, "/metadata/generation").unwrap_or(0)
}

pub(super) fn size(object: &Value, want: u32, kind: Kind) -> Judged {
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

pub(super) fn rollout(object: &Value, kind: Kind) -> Judged {
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

/// Endpoints that are ready, none of them of the side that is left.
pub(super) fn endpoints(slices: &[Value], left: &BTreeSet<String>) -> Judged {
    let all = || slices.iter().flat_map(|s| items(s, "/endpoints"));
    let ready = |e: &&Value| e.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let name = |e: &Value| text(e, "/targetRef/name").to_owned();
    let old = all().filter(ready).filter(|e| left.contains(&name(e))).count();
    let new = all().filter(ready).filter(|e| !left.contains(&name(e))).count();
    if slices.iter().any(Value::is_null) {
        return Judged::good("the selector holds; its endpoints could not be read");
    }
    if slices.is_empty() {
        return Judged::wait("its endpoints are not written yet", 0);
    }
    let progress = u32::try_from(new).unwrap_or(u32::MAX);
    if old > 0 {
        return Judged::wait(format!("{old} endpoints of the former side left, {new} of the new"), 1);
    }
    if new == 0 {
        return Judged::wait("no endpoint is ready", 1);
    }
    Judged {
        progress,
        ..Judged::good(format!("{new} endpoints, all of the new side"))
    }
}

/// How a Job ended; `None`: it has not.
pub(super) fn job_end(job: &Value) -> Option<Result<String, String>> {
    let is = |kind: &str| condition(job, kind).filter(|c| text(c, "/status") == "True");
    if is("Complete").is_some() {
        let took = time(job, "/status/startTime").zip(time(job, "/status/completionTime"));
        let took = took.map(|(from, to)| format!(" in {}", ago(to.duration_since(from))));
        return Some(Ok(format!("succeeded{}", took.unwrap_or_default())));
    }
    let failed = is("Failed")?;
    Some(Err(format!(
        "{}: {}",
        text(failed, "/reason"),
        clean(text(failed, "/message"))
    )))
}

/// How far it is, in words.
pub(super) fn job_state(job: &Value, pods: &[Value], now: Timestamp) -> String {
    let of = |at: &str| count(job, &format!("/status/{at}"), 0);
    if flag(job, "/spec/suspend") {
        return "suspended: it does not run until it is resumed".to_owned();
    }
    let failed = match of("failed") {
        0 => String::new(),
        n => format!("; {n} tries failed"),
    };
    let newest = pods.iter().max_by_key(|p| time(p, "/metadata/creationTimestamp"));
    let Some(pod) = newest else {
        return format!("no pod yet{failed}");
    };
    let since = time(pod, "/status/startTime").map(|t| format!(" for {}", ago(now.duration_since(t))));
    format!(
        "pod {} is {}{}{failed}",
        text(pod, "/metadata/name"),
        text(pod, "/status/phase").to_lowercase(),
        since.unwrap_or_default()
    )
}

pub(super) fn is_ready(pod: &Value) -> bool {
    field(pod, "/metadata/deletionTimestamp").is_null()
        && condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True")
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    items(pod, "/status/initContainerStatuses").chain(items(pod, "/status/containerStatuses"))
}

/// Why a new pod is not becoming ready: an image, a crash loop, a configuration, no node for a minute, or restarts.
pub(super) fn pod_trouble(pod: &Value, now: Timestamp) -> Option<String> {
    let name = text(pod, "/metadata/name");
    let scheduled = condition(pod, "PodScheduled").filter(|c| text(c, "/reason") == "Unschedulable");
    if let Some(c) = scheduled {
        let since = time(c, "/lastTransitionTime").or_else(|| time(pod, "/metadata/creationTimestamp"));
        if since.is_some_and(|s| now.duration_since(s) > SignedDuration::from_secs(60)) {
            return Some(format!("pod {name} finds no node: {}", clean(text(c, "/message"))));
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
            return Some(format!("pod {name}: {reason} {}", clean(text(c, "/image"))));
        }
        let times = count(c, "/restartCount", 0);
        if times > 0 && !flag(c, "/ready") {
            return Some(format!("pod {name} restarted {times} times"));
        }
    }
    None
}

/// Name and restarts of each pod, by uid.
pub(super) fn restarts(pods: &[Value]) -> Restarts {
    let of = |p: &Value| containers(p).map(|c| u64::from(count(c, "/restartCount", 0))).sum();
    let name = |p: &Value| text(p, "/metadata/name").to_owned();
    pods.iter()
        .map(|p| (text(p, "/metadata/uid").to_owned(), (name(p), of(p))))
        .collect()
}

/// A pod that restarted meanwhile; a pod that is new since counts if it has restarts at all.
pub(super) fn more_restarts(before: &Restarts, now: &Restarts) -> Option<String> {
    now.iter()
        .find(|(uid, (_, n))| *n > before.get(*uid).map_or(0, |(_, n)| *n))
        .map(|(_, (name, _))| name.clone())
}
