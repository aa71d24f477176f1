//! The scale subresource.

use super::answer::{self, Answer};
use super::http::{Api, Call};
use super::object::Object;
use super::objects::{Named, Patch};
use super::selector::format_label_selector;
use super::status::Status;
use super::store::Part;
use super::validate;
use crate::sim::kube::object::put;
use serde_json::{Value, json};

/// `autoscaling/v1 Scale` of a workload.
pub(crate) fn of(object: &Value) -> Value {
    let meta = object.get("metadata").cloned().unwrap_or_default();
    let mut kept = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = meta.get(field) {
            put(&mut kept, &[field], value.clone());
        }
    }
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": number("/status/replicas")});
    let selector = object
        .pointer("/spec/selector")
        .map(format_label_selector)
        .unwrap_or_default();
    if !selector.is_empty() {
        put(&mut status, &["selector"], json!(selector));
    }
    let mut spec = json!({});
    // Zero is left out, as Go leaves it out.
    if number("/spec/replicas") != 0 {
        put(&mut spec, &["replicas"], json!(number("/spec/replicas")));
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": spec, "status": status})
}

fn show(object: &Object) -> Answer {
    answer::json(200, &of(&object.value()))
}

/// `GET`
pub(crate) fn get(api: &Api, named: Named<'_>) -> Result<Answer, Status> {
    Ok(show(&*named.get(api)?))
}

/// `PUT` and `PATCH`
pub(crate) fn write(api: &Api, call: &Call, named: Named<'_>) -> Result<Answer, Status> {
    let r = named.scope.resource;
    let change = if call.method == "PATCH" {
        Some(Patch::read(call, false)?)
    } else {
        None
    };
    let sent = if change.is_none() { call.json()? } else { Value::Null };
    let writer = call.writer(Some("scale"));
    let written = api
        .store
        .edit(r, named.namespace, named.name, &writer, Part::Main, call.dry, |v| {
            let mut scale = of(v);
            match &change {
                Some(change) => change.apply(&mut scale)?,
                None => scale = sent,
            }
            let replicas = match scale.pointer("/spec/replicas") {
                None | Some(Value::Null) => 0,
                Some(n) => n.as_i64().ok_or_else(|| {
                    validate::wrong_type(
                        &scale,
                        "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32",
                    )
                })?,
            };
            validate::scale(named.name, replicas)?;
            // What the client rests on goes along: the store compares.
            for field in ["resourceVersion", "uid"] {
                if let Some(value) = scale.pointer(&format!("/metadata/{field}")) {
                    put(v, &["metadata", field], value.clone());
                }
            }
            put(v, &["spec", "replicas"], json!(replicas));
            Ok(())
        })?;
    Ok(show(&written.object))
}
