//! What several controllers ask of pods: made from a template, ready, available, how many, deleted gracefully.

use super::deployment::owner_reference;
use super::json::{flag, int, int_or, list, secs, set, set_path, suffix, text, time};
use super::{Key, Work, World, quota};
use crate::sim::kube::Status;
use crate::sim::kube::resources::PODS;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A pod's condition is True.
pub(super) fn condition(pod: &Value, kind: &str) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}

pub(super) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready")
}

pub(super) fn is_terminating(pod: &Value) -> bool {
    !text(pod, "/metadata/deletionTimestamp").is_empty()
}

/// Neither finished nor on its way out.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_terminating(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// When a ready pod counts as available; `None` while it is not ready.
pub(super) fn available_at(pod: &Value, min_ready_s: i64) -> Option<Timestamp> {
    let ready = list(pod, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Ready")?;
    if text(ready, "/status") != "True" {
        return None;
    }
    Some(time(ready, "/lastTransitionTime").unwrap_or_default() + secs(min_ready_s))
}

/// Counts the available pods, and asks to look again when one becomes so by the passing of time.
pub(super) fn count_available(world: &mut World, pods: &[Value], min_ready_s: i64, again: &Work) -> i64 {
    let mut n = 0;
    for pod in pods {
        match available_at(pod, min_ready_s) {
            Some(at) if min_ready_s == 0 || at <= world.now => n += 1,
            Some(at) => world.at(at, again.clone()),
            None => {}
        }
    }
    n
}

/// Makes a pod of a workload's template. `name` empty: a generated one.
pub(super) fn create(
    world: &mut World,
    owner: &Value,
    kind: (&str, &str),
    name: &str,
    adjust: impl FnOnce(&mut Value),
) -> Result<Value, Status> {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    create_from(world, owner, kind, &template, name, adjust)
}

pub(super) fn create_from(
    world: &mut World,
    owner: &Value,
    (api, kind): (&str, &str),
    template: &Value,
    name: &str,
    adjust: impl FnOnce(&mut Value),
) -> Result<Value, Status> {
    let of = Key::of(owner);
    let mut pod = json!({
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec").cloned().unwrap_or_default(),
        "status": {"phase": "Pending", "qosClass": qos(template)},
    });
    set(&mut pod, "/metadata/namespace", of.ns.as_str());
    set(&mut pod, "/metadata/generateName", format!("{}-", of.name));
    let full = if name.is_empty() {
        format!("{}-{}", of.name, suffix(&mut world.rng))
    } else {
        name.to_owned()
    };
    set(&mut pod, "/metadata/name", full);
    set(
        &mut pod,
        "/metadata/ownerReferences",
        vec![owner_reference(api, kind, owner)],
    );
    finish_spec(world, &mut pod);
    adjust(&mut pod);
    quota::admit(world, &pod)?;
    world.create(&PODS, pod)
}

/// What admission adds to every pod: the token volume, tolerations, priority.
fn finish_spec(world: &mut World, pod: &mut Value) {
    let volume = format!("kube-api-access-{}", suffix(&mut world.rng));
    let mut volumes = list(pod, "/spec/volumes").to_vec();
    volumes.push(json!({"name": volume, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace",
            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}));
    set(pod, "/spec/volumes", volumes);
    let mount = json!({"name": volume, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    for group in ["/spec/containers", "/spec/initContainers"] {
        for container in pod
            .pointer_mut(group)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let mut mounts = list(container, "/volumeMounts").to_vec();
            mounts.push(mount.clone());
            set(container, "/volumeMounts", mounts);
        }
    }
    let mut tolerations = list(pod, "/spec/tolerations").to_vec();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations.iter().any(|t| text(t, "/key") == key) {
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
    set(pod, "/spec/tolerations", tolerations);
    let account = text(pod, "/spec/serviceAccountName").to_owned();
    let account = if account.is_empty() {
        "default".to_owned()
    } else {
        account
    };
    for (field, value) in [
        ("serviceAccountName", json!(account)),
        ("serviceAccount", json!(account)),
        ("priority", json!(0)),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
    ] {
        set_path(pod, &["spec", field], value);
    }
}

fn qos(template: &Value) -> &'static str {
    let containers = list(template, "/spec/containers");
    let side = |c: &Value, s: &str| c.pointer(&format!("/resources/{s}")).cloned();
    let none = |c: &Value| side(c, "requests").is_none() && side(c, "limits").is_none();
    if containers.iter().all(none) {
        "BestEffort"
    } else if containers
        .iter()
        .all(|c| side(c, "requests").is_some() && side(c, "requests") == side(c, "limits"))
    {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Deletes a pod as DELETE does: with its grace when a kubelet runs it, at once when none does.
pub(super) fn delete(world: &mut World, pod: &Value) {
    let key = Key::of(pod);
    if text(pod, "/spec/nodeName").is_empty() || matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
        world.remove(&PODS, &key);
    } else if !is_terminating(pod) {
        let grace = int_or(pod, "/spec/terminationGracePeriodSeconds", 30);
        let _ = world.store.mark_deleted(&PODS, &key.ns, &key.name, grace);
    }
}

/// The order in which a ReplicaSet gives up pods: unscheduled, not running, not ready, then the youngest first.
pub(super) fn deletion_order(pods: &mut [Value]) {
    let rank = |p: &Value| {
        let phase = match text(p, "/status/phase") {
            "Pending" => 0,
            "Unknown" => 1,
            _ => 2,
        };
        let restarts: i64 = list(p, "/status/containerStatuses")
            .iter()
            .map(|c| int(c, "/restartCount"))
            .sum();
        (!text(p, "/spec/nodeName").is_empty(), phase, is_ready(p), -restarts)
    };
    pods.sort_by(|a, b| {
        let age = |p: &Value| text(p, "/metadata/creationTimestamp").to_owned();
        rank(a)
            .cmp(&rank(b))
            .then_with(|| age(b).cmp(&age(a)))
            .then_with(|| Key::of(b).cmp(&Key::of(a)))
    });
}

/// The container is a sidecar: an init container that goes on running.
pub(super) fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

/// Is the pod on the host's network, which DaemonSets for nodes often are?
pub(super) fn host_network(pod: &Value) -> bool {
    flag(pod, "/spec/hostNetwork")
}
