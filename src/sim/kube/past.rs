//! What pods and workloads were at each moment: what a Prometheus that had scraped them would know. Objects of the load
//! generator are left out: they are many, and nobody asks for their past.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::resources::{DAEMONSETS, DEPLOYMENTS, PODS, Resource, STATEFULSETS};

/// Moments that are kept of one object: weeks of a container that ends every five minutes.
const MOST: usize = 8_000;

/// A pod from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodMoment {
    pub at: Timestamp,
    pub restarts: i64,
    /// Since when its first container runs; `None`: it does not, or the pod is gone.
    pub running: Option<Timestamp>,
    /// The pod is there.
    pub there: bool,
}

/// A pod, and what it was.
#[derive(Clone, Debug, Default)]
pub struct PodPast {
    pub namespace: String,
    pub name: String,
    /// The label `app`.
    pub app: String,
    pub uid: String,
    /// Its spec, for what it asks for and may use.
    pub containers: Vec<Value>,
    pub moments: Vec<PodMoment>,
}

/// A workload from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadMoment {
    pub at: Timestamp,
    pub wanted: i64,
    pub ready: i64,
    pub available: i64,
    pub updated: i64,
    pub unavailable: i64,
    /// Its image is one that answers slowly.
    pub slow: bool,
}

/// The past of the store's objects.
#[derive(Debug, Default)]
pub struct Past {
    pods: Mutex<HashMap<String, PodPast>>,
    workloads: Mutex<HashMap<String, Vec<WorkloadMoment>>>,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn int(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What is in force at `at`: the last of what began by then.
pub fn at<T: Copy>(moments: &[T], at: Timestamp, of: impl Fn(&T) -> Timestamp) -> Option<T> {
    let known = moments.partition_point(|m| of(m) <= at);
    moments.get(known.checked_sub(1)?).copied()
}

fn push<T: PartialEq>(moments: &mut Vec<T>, new: T, same: impl Fn(&T, &T) -> bool) {
    if moments.last().is_some_and(|last| same(last, &new)) {
        return;
    }
    if moments.len() >= MOST {
        moments.drain(..MOST / 4);
    }
    moments.push(new);
}

impl Past {
    /// An object was written at `now`.
    pub(super) fn take(&self, r: &'static Resource, object: &Value, now: Timestamp) {
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        if name.starts_with("load-") {
            return;
        }
        if r.key == PODS.key {
            let statuses = list(object, "/status/containerStatuses");
            let since = statuses
                .first()
                .map(|s| text(s, "/state/running/startedAt"))
                .unwrap_or_default();
            let moment = PodMoment {
                at: now,
                restarts: statuses.iter().map(|s| int(s, "/restartCount")).sum(),
                running: since.parse().ok(),
                there: true,
            };
            let mut pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
            let pod = pods.entry(format!("{namespace}/{name}")).or_default();
            let uid = text(object, "/metadata/uid");
            if pod.uid != uid {
                namespace.clone_into(&mut pod.namespace);
                name.clone_into(&mut pod.name);
                uid.clone_into(&mut pod.uid);
                text(object, "/metadata/labels/app").clone_into(&mut pod.app);
                pod.containers = list(object, "/spec/containers").to_vec();
            }
            push(&mut pod.moments, moment, |a, b| {
                (a.restarts, a.running, a.there) == (b.restarts, b.running, b.there)
            });
        } else if [DEPLOYMENTS.key, STATEFULSETS.key, DAEMONSETS.key].contains(&r.key) {
            let daemon = r.key == DAEMONSETS.key;
            let of = |plain: &str, of_daemons: &str| int(object, if daemon { of_daemons } else { plain });
            let moment = WorkloadMoment {
                at: now,
                wanted: of("/spec/replicas", "/status/desiredNumberScheduled"),
                ready: of("/status/readyReplicas", "/status/numberReady"),
                available: of("/status/availableReplicas", "/status/numberAvailable"),
                updated: of("/status/updatedReplicas", "/status/updatedNumberScheduled"),
                unavailable: of("/status/unavailableReplicas", "/status/numberUnavailable"),
                slow: text(object, "/spec/template/spec/containers/0/image").ends_with("-slow"),
            };
            let mut all = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
            let moments = all.entry(format!("{}/{namespace}/{name}", r.key)).or_default();
            push(moments, moment, |a, b| WorkloadMoment { at: b.at, ..*a } == *b);
        }
    }

    /// An object was removed at `now`.
    pub(super) fn gone(&self, r: &'static Resource, namespace: &str, name: &str, now: Timestamp) {
        if r.key == PODS.key
            && let Some(pod) = self
                .pods
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(&format!("{namespace}/{name}"))
        {
            pod.moments.push(PodMoment {
                at: now,
                restarts: 0,
                running: None,
                there: false,
            });
        }
    }

    /// Pods of a namespace whose names fit, those that are gone too, in the order of their names.
    pub fn pods(&self, namespace: &str, fits: impl Fn(&str) -> bool) -> Vec<PodPast> {
        let pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<PodPast> = pods
            .values()
            .filter(|p| p.namespace == namespace && fits(&p.name))
            .cloned()
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// A workload's moments, oldest first.
    pub fn workload(&self, r: &'static Resource, namespace: &str, name: &str) -> Vec<WorkloadMoment> {
        let all = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&format!("{}/{namespace}/{name}", r.key));
        found.cloned().unwrap_or_default()
    }
}
