//! Table answers: what `kubectl get` prints, made by the server.

pub mod age;
mod objects;
mod pods;
mod workloads;

use super::object::Object;
use super::resources::Resource;
use crate::sim::kube::object::put;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The column definitions by resource key, as a server of version 1.36 gives them.
static COLUMNS: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("columns.json")).unwrap_or_default());

/// What a row carries beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Include {
    /// Of the `includeObject` parameter.
    pub fn of(parameter: Option<&str>) -> Self {
        match parameter {
            Some("None") => Self::Nothing,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// The columns of a resource.
pub(crate) fn columns(r: &Resource) -> Value {
    COLUMNS.get(r.key).cloned().unwrap_or_else(|| json!([]))
}

/// One row.
pub(crate) fn row(object: &Object, include: Include, now: Timestamp) -> Value {
    let value = object.value();
    let (cells, conditions) = cells(object.resource, &value, now);
    let mut row = json!({"cells": cells});
    if let Some(conditions) = conditions {
        put(&mut row, &["conditions"], conditions);
    }
    put(
        &mut row,
        &["object"],
        match include {
            Include::Nothing => Value::Null,
            Include::Object => value,
            Include::Metadata => partial(value),
        },
    );
    row
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn partial(mut value: Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value.get_mut("metadata").map(Value::take)})
}

fn cells(r: &Resource, v: &Value, now: Timestamp) -> (Vec<Value>, Option<Value>) {
    let cells = match r.key {
        "pods" => return pods::cells(v, now),
        "deployments.apps" => workloads::deployment(v, now),
        "replicasets.apps" => workloads::replica_set(v, now),
        "statefulsets.apps" => workloads::stateful_set(v, now),
        "daemonsets.apps" => workloads::daemon_set(v, now),
        "controllerrevisions.apps" => workloads::controller_revision(v, now),
        "jobs.batch" => workloads::job(v, now),
        "cronjobs.batch" => workloads::cron_job(v, now),
        "horizontalpodautoscalers.autoscaling" => workloads::autoscaler(v, now),
        "poddisruptionbudgets.policy" => workloads::budget(v, now),
        "events" => objects::event(v, now),
        "nodes" => objects::node(v, now),
        "namespaces" => vec![name(v), text(v, "/status/phase").into(), age(v, now)],
        "services" => objects::service(v, now),
        "ingresses.networking.k8s.io" => objects::ingress(v, now),
        "secrets" => vec![
            name(v),
            text(v, "/type").into(),
            entries(v, &["data"]).into(),
            age(v, now),
        ],
        "configmaps" => vec![name(v), entries(v, &["data", "binaryData"]).into(), age(v, now)],
        "resourcequotas" => objects::quota(v, now),
        "serviceaccounts" => vec![name(v), list(v, "/secrets").len().into(), age(v, now)],
        "endpoints" => objects::endpoints(v, now),
        "endpointslices.discovery.k8s.io" => objects::endpoint_slice(v, now),
        "persistentvolumeclaims" => objects::claim(v, now),
        "certificates.cert-manager.io" => objects::certificate(v),
        "certificaterequests.cert-manager.io" => objects::certificate_request(v),
        "issuers.cert-manager.io" | "clusterissuers.cert-manager.io" => objects::issuer(v),
        "orders.acme.cert-manager.io" => vec![name(v), text(v, "/status/state").into(), created(v)],
        "challenges.acme.cert-manager.io" => {
            vec![
                name(v),
                text(v, "/status/state").into(),
                text(v, "/spec/dnsName").into(),
                created(v),
            ]
        }
        _ => vec![name(v), age(v, now)],
    };
    (cells, None)
}

/// Of custom resources: the time itself, for the client to make an age of.
fn created(v: &Value) -> Value {
    text(v, "/metadata/creationTimestamp").into()
}

fn text<'a>(v: &'a Value, pointer: &str) -> &'a str {
    v.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn number(v: &Value, pointer: &str) -> i64 {
    v.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn list<'a>(v: &'a Value, pointer: &str) -> &'a [Value] {
    v.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn entries(v: &Value, fields: &[&str]) -> usize {
    fields
        .iter()
        .filter_map(|f| v.get(*f)?.as_object())
        .map(serde_json::Map::len)
        .sum()
}

fn name(v: &Value) -> Value {
    text(v, "/metadata/name").into()
}

fn age(v: &Value, now: Timestamp) -> Value {
    age::since(text(v, "/metadata/creationTimestamp"), now).into()
}

fn time(v: &Value, pointer: &str) -> Option<Timestamp> {
    text(v, pointer).parse().ok()
}
