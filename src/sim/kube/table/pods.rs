//! The row of a pod: `printPod` of Kubernetes 1.36.

use super::{age, list, number, or_none, text, time};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) fn cells(pod: &Value, now: Timestamp) -> (Vec<Value>, Option<Value>) {
    let summary = summarise(pod);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, age::human(now.duration_since(at)))
        }
        _ => summary.restarts.to_string(),
    };
    let phase = text(pod, "/status/phase");
    let conditions = match phase {
        "Succeeded" => Some(json!([{"type": "Completed", "status": "True", "reason": "Succeeded",
            "message": "The pod has completed successfully."}])),
        "Failed" => Some(json!([{"type": "Completed", "status": "True", "reason": "Failed",
            "message": "The pod failed."}])),
        _ => None,
    };
    let ip = match text(pod, "/status/podIPs/0/ip") {
        "" => text(pod, "/status/podIP"),
        ip => ip,
    };
    let gates = list(pod, "/spec/readinessGates");
    let gates = if gates.is_empty() {
        "<none>".to_owned()
    } else {
        let met = |gate: &&Value| {
            list(pod, "/status/conditions")
                .iter()
                .any(|c| c.get("type") == gate.get("conditionType") && text(c, "/status") == "True")
        };
        format!("{}/{}", gates.iter().filter(met).count(), gates.len())
    };
    let cells = vec![
        super::name(pod),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        super::age(pod, now),
        or_none(ip),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        gates.into(),
    ];
    (cells, conditions)
}

struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

fn condition_is_true(pod: &Value, kind: &str) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}

fn summarise(pod: &Value) -> Summary {
    let init_specs = list(pod, "/spec/initContainers");
    let is_sidecar = |name: &str| {
        init_specs
            .iter()
            .any(|c| text(c, "/name") == name && text(c, "/restartPolicy") == "Always")
    };
    let sidecars = init_specs
        .iter()
        .filter(|c| text(c, "/restartPolicy") == "Always")
        .count();
    let mut s = Summary {
        ready: 0,
        total: list(pod, "/spec/containers").len() + sidecars,
        reason: text(pod, "/status/phase").to_owned(),
        restarts: 0,
        last_restart: None,
    };
    if !text(pod, "/status/reason").is_empty() {
        text(pod, "/status/reason").clone_into(&mut s.reason);
    }
    if list(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated")
    {
        "SchedulingGated".clone_into(&mut s.reason);
    }
    let mut initializing = false;
    let (mut sidecar_restarts, mut sidecar_last) = (0, None);
    for (i, c) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        let sidecar = is_sidecar(text(c, "/name"));
        let ended = time(c, "/lastState/terminated/finishedAt");
        s.restarts += number(c, "/restartCount");
        s.last_restart = s.last_restart.max(ended);
        if sidecar {
            sidecar_restarts += number(c, "/restartCount");
            sidecar_last = sidecar_last.max(ended);
        }
        let terminated = c.pointer("/state/terminated");
        if terminated.is_some() && number(c, "/state/terminated/exitCode") == 0 {
            continue;
        }
        if sidecar && c.get("started").and_then(Value::as_bool) == Some(true) {
            s.ready += usize::from(c.get("ready").and_then(Value::as_bool) == Some(true));
            continue;
        }
        let waiting = text(c, "/state/waiting/reason");
        s.reason = if let Some(t) = terminated {
            format!("Init:{}", termination(t))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{i}/{}", init_specs.len())
        };
        initializing = true;
        break;
    }
    if !initializing || condition_is_true(pod, "Initialized") {
        s.restarts = sidecar_restarts;
        s.last_restart = sidecar_last;
        let mut running = false;
        for c in list(pod, "/status/containerStatuses").iter().rev() {
            s.restarts += number(c, "/restartCount");
            s.last_restart = s.last_restart.max(time(c, "/lastState/terminated/finishedAt"));
            let waiting = text(c, "/state/waiting/reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut s.reason);
            } else if let Some(t) = c.pointer("/state/terminated") {
                s.reason = termination(t);
            } else if c.get("ready").and_then(Value::as_bool) == Some(true) && c.pointer("/state/running").is_some() {
                running = true;
                s.ready += 1;
            }
        }
        if s.reason == "Completed" && running {
            let reason = if condition_is_true(pod, "Ready") {
                "Running"
            } else {
                "NotReady"
            };
            reason.clone_into(&mut s.reason);
        }
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some_and(|t| !t.is_null()) {
        if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut s.reason);
        } else if !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut s.reason);
        }
    }
    s
}

fn termination(t: &Value) -> String {
    let reason = text(t, "/reason");
    if !reason.is_empty() {
        reason.to_owned()
    } else if number(t, "/signal") != 0 {
        format!("Signal:{}", number(t, "/signal"))
    } else {
        format!("ExitCode:{}", number(t, "/exitCode"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pod: &Value) -> Vec<Value> {
        cells(pod, "2026-11-21T12:00:00Z".parse().unwrap()).0
    }

    #[test]
    fn the_reason_is_that_of_the_container_that_fails() {
        let crash = json!({"metadata": {"name": "p", "creationTimestamp": "2026-11-21T11:00:00Z"},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "restartCount": 3, "ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"finishedAt": "2026-11-21T11:55:00Z", "exitCode": 1}}},
                {"name": "b", "restartCount": 0, "ready": true, "state": {"running": {}}}]}});
        assert_eq!(row(&crash)[1..5], ["1/2", "CrashLoopBackOff", "3 (5m ago)", "60m"]);
        let init = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}],
            "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]},
            "status": {"phase": "Pending", "initContainerStatuses": [
                {"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}},
                {"name": "i", "state": {"running": {}}}]}});
        assert_eq!(row(&init)[1..4], ["1/2", "Init:1/2", "1"]);
        let gone = json!({"metadata": {"name": "p", "deletionTimestamp": "2026-11-21T11:59:00Z"},
            "spec": {"containers": [{"name": "a"}]}, "status": {"phase": "Running", "reason": "NodeLost"}});
        assert_eq!(row(&gone)[2], "Unknown");
    }
}
