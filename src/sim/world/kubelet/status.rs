//! `status` of a pod, field for field as a kubelet writes it.

use super::super::json::{int, list, set, stamp, text};
use super::Run;
use super::container::{Container, Ended, State, identity};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The error of an image that the registry does not have.
pub(super) fn pull_error(image: &str) -> String {
    format!("rpc error: code = NotFound desc = {}", not_found(image))
}

fn not_found(image: &str) -> String {
    format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": not found")
}

pub(super) fn of(pod: &Value, run: &Run, node: Option<&Value>, now: Timestamp) -> Value {
    let generation = int(pod, "/metadata/generation").max(1);
    let before = list(pod, "/status/conditions");
    let sandbox = now >= run.sandbox;
    let phase = phase(pod, run);
    let over = matches!(phase, "Succeeded" | "Failed");
    let unready: Vec<&str> = run
        .main
        .iter()
        .filter(|c| !c.is_ready(now))
        .map(|c| c.name.as_str())
        .collect();
    let incomplete: Vec<&str> = run
        .init
        .iter()
        .filter(|c| !c.is_ready(now))
        .map(|c| c.name.as_str())
        .collect();
    let containers = match (over, unready.is_empty()) {
        (true, _) => (
            "False",
            if phase == "Failed" { "PodFailed" } else { "PodCompleted" },
            String::new(),
        ),
        (false, true) => ("True", "", String::new()),
        (false, false) => (
            "False",
            "ContainersNotReady",
            format!("containers with unready status: [{}]", unready.join(" ")),
        ),
    };
    let initialized = if run.initialized() || over {
        ("True", "", String::new())
    } else {
        let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
        ("False", "ContainersNotInitialized", message)
    };
    let has_sandbox = (if sandbox && !over { "True" } else { "False" }, "", String::new());
    let mut conditions: Vec<Value> = [
        ("PodReadyToStartContainers", has_sandbox),
        ("Initialized", initialized),
        ("Ready", containers.clone()),
        ("ContainersReady", containers),
    ]
    .into_iter()
    .map(|(kind, (status, reason, message))| condition(before, kind, status, reason, &message, generation, now, run))
    .collect();
    let scheduled = before.iter().find(|c| text(c, "/type") == "PodScheduled").cloned();
    conditions.push(scheduled.unwrap_or_else(|| super::super::scheduler::scheduled(&stamp(run.started))));
    let mut status = json!({
        "observedGeneration": generation, "phase": phase, "conditions": conditions,
        "startTime": stamp(run.started), "qosClass": pod.pointer("/status/qosClass").cloned().unwrap_or(json!("Burstable")),
    });
    let host = node.and_then(|n| {
        list(n, "/status/addresses")
            .iter()
            .find(|a| text(a, "/type") == "InternalIP")
            .map(|a| text(a, "/address"))
    });
    if let Some(host) = host {
        set(&mut status, "/hostIP", host);
        set(&mut status, "/hostIPs", vec![json!({"ip": host})]);
    }
    if sandbox {
        let ip = host.filter(|_| super::pods::host_network(pod)).unwrap_or(&run.address);
        set(&mut status, "/podIP", ip);
        set(&mut status, "/podIPs", vec![json!({"ip": ip})]);
    }
    let waiting = if run.initialized() {
        "ContainerCreating"
    } else {
        "PodInitializing"
    };
    let main: Vec<Value> = run.main.iter().map(|c| container(pod, c, waiting, now)).collect();
    set(&mut status, "/containerStatuses", main);
    if !run.init.is_empty() {
        let init: Vec<Value> = run
            .init
            .iter()
            .map(|c| container(pod, c, "PodInitializing", now))
            .collect();
        set(&mut status, "/initContainerStatuses", init);
    }
    status
}

fn phase(pod: &Value, run: &Run) -> &'static str {
    let begun = run.main.iter().any(|c| c.is_running() || c.last.is_some());
    let done = run.main.iter().all(|c| c.state == State::Done);
    let init_failed = run.init.iter().any(|c| c.state == State::Done && !c.succeeded());
    if init_failed || done && run.main.iter().any(|c| !c.succeeded()) {
        "Failed"
    } else if done && !run.main.is_empty() && text(pod, "/spec/restartPolicy") != "Always" {
        "Succeeded"
    } else if begun {
        "Running"
    } else {
        "Pending"
    }
}

#[allow(clippy::too_many_arguments, reason = "the fields of one condition")]
fn condition(
    before: &[Value],
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
    run: &Run,
) -> Value {
    let known = before.iter().find(|c| text(c, "/type") == kind);
    let since = match known {
        Some(c) if text(c, "/status") == status => text(c, "/lastTransitionTime").to_owned(),
        Some(_) => stamp(now),
        None if kind == "PodReadyToStartContainers" => stamp(now),
        None => stamp(run.started),
    };
    let mut condition = json!({"type": kind, "observedGeneration": generation, "status": status,
        "lastProbeTime": null, "lastTransitionTime": since});
    for (field, value) in [("/reason", reason), ("/message", message)] {
        if !value.is_empty() {
            set(&mut condition, field, value);
        }
    }
    condition
}

fn container(pod: &Value, c: &Container, waiting: &str, now: Timestamp) -> Value {
    let (name, ns, uid) = identity(pod);
    let error = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let id = |run: i64| format!("containerd://{}", digest(&format!("{uid}/{}/{run}", c.name)));
    let terminated = |e: &Ended, run: i64| {
        json!({"terminated": {"exitCode": e.code, "reason": e.reason, "startedAt": stamp(e.started),
            "finishedAt": stamp(e.finished), "containerID": id(run)}})
    };
    let ended_now = matches!(c.state, State::Ended { .. } | State::Done);
    let state = match &c.state {
        State::Idle | State::Pulling { .. } => json!({"waiting": {"reason": waiting}}),
        State::PullFailed { .. } => error("ErrImagePull", pull_error(&c.image)),
        State::PullBackOff { .. } => {
            let cause = not_found(&c.image);
            error(
                "ImagePullBackOff",
                format!("Back-off pulling image \"{}\": ErrImagePull: {cause}", c.image),
            )
        }
        State::Running { since, .. } => json!({"running": {"startedAt": stamp(*since)}}),
        State::CrashBackOff { delay, .. } => {
            let delay = go_duration(*delay);
            let message = format!(
                "back-off {delay} restarting failed container={} pod={name}_{ns}({uid})",
                c.name
            );
            error("CrashLoopBackOff", message)
        }
        State::Ended { .. } | State::Done => c.last.as_ref().map_or(json!({}), |e| terminated(e, c.restarts)),
    };
    let before = c.last.as_ref().filter(|_| !ended_now);
    let last_run = if c.is_running() { c.restarts - 1 } else { c.restarts };
    let mut status = json!({
        "name": c.name, "state": state, "lastState": before.map_or(json!({}), |e| terminated(e, last_run)),
        "ready": c.is_ready(now), "restartCount": c.restarts, "image": c.image, "imageID": "",
        "started": c.is_running(),
    });
    if c.is_running() || c.last.is_some() {
        let (repository, _) = c.image.rsplit_once(':').unwrap_or((&c.image, ""));
        set(
            &mut status,
            "/imageID",
            format!("{repository}@sha256:{}", digest(&c.image)),
        );
        set(&mut status, "/containerID", id(c.restarts));
    }
    status
}

fn digest(of: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(of.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Seconds as Go prints a duration: `10s`, `1m20s`, `5m0s`.
fn go_duration(seconds: i64) -> String {
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_is_spelled_as_go_spells_it() {
        assert_eq!([10, 80, 300].map(go_duration), ["10s", "1m20s", "5m0s"]);
    }
}
