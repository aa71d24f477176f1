//! What is not stored: access reviews and measurements.

use super::answer::{self, Answer};
use super::http::{Api, Call};
use super::managed;
use super::object::Object;
use super::platform::Usage;
use super::rbac::Access;
use super::request::page_not_found;
use super::resources::{NODES, PODS};
use super::selector::Selector;
use super::status::Status;
use crate::sim::kube::object::put;
use serde_json::{Value, json};

/// `POST` of a review of the one who asks.
pub(crate) fn review(api: &Api, call: &Call, resource: &str) -> Result<Answer, Status> {
    let body = call.json()?;
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let version = |group: &str| format!("{group}.k8s.io/v1");
    match resource {
        "selfsubjectreviews" => Ok(answer::json(
            201,
            &json!({"kind": "SelfSubjectReview", "apiVersion": version("authentication"),
                "metadata": {"creationTimestamp": api.store.clock().rfc3339()}, "status": {"userInfo": call.user.info()}}),
        )),
        "selfsubjectrulesreviews" => Ok(answer::json(
            201,
            &json!({"kind": "SelfSubjectRulesReview", "apiVersion": version("authorization"), "metadata": {}, "spec": {},
                "status": call.user.rules_review(at("/spec/namespace"))}),
        )),
        "selfsubjectaccessreviews" => {
            let mut spec = body.get("spec").cloned().unwrap_or_default();
            let attributes = "/spec/resourceAttributes";
            let field = |name: &str| at(&format!("{attributes}/{name}")).to_owned();
            let status = if body.pointer(attributes).is_some() {
                let (verb, group, resource) = (field("verb"), field("group"), field("resource"));
                let (subresource, namespace, name) = (field("subresource"), field("namespace"), field("name"));
                let access = Access {
                    verb: &verb,
                    group: &group,
                    resource: &resource,
                    subresource: &subresource,
                    namespace: &namespace,
                    name: &name,
                };
                match api.allowed(&call.user, &access) {
                    Some(reason) if reason.is_empty() => json!({"allowed": true}),
                    Some(reason) => json!({"allowed": true, "reason": reason}),
                    None => json!({"allowed": false}),
                }
            } else {
                json!({"allowed": true})
            };
            if let Some(map) = spec.get_mut("resourceAttributes").and_then(Value::as_object_mut) {
                map.retain(|_, v| v.as_str() != Some(""));
            }
            let mut review = json!({"kind": "SelfSubjectAccessReview", "apiVersion": version("authorization"),
                "metadata": {}, "spec": spec});
            managed::record(
                &Value::Null,
                &mut review,
                &call.writer(None),
                &api.store.clock().rfc3339(),
            );
            put(&mut review, &["status"], status);
            Ok(answer::json(201, &review))
        }
        _ => Err(page_not_found()),
    }
}

fn usage(u: &Usage) -> Value {
    json!({"cpu": format!("{}n", u.cpu_nano), "memory": format!("{}Ki", u.memory_bytes / 1024)})
}

fn measured(api: &Api, object: &Object) -> Option<Value> {
    let now = api.store.clock().rfc3339();
    let mut meta = json!({"name": object.meta.name, "creationTimestamp": now});
    if !object.meta.namespace.is_empty() {
        put(&mut meta, &["namespace"], json!(object.meta.namespace));
    }
    if !object.meta.labels.is_empty() {
        put(
            &mut meta,
            &["labels"],
            object
                .meta
                .labels
                .iter()
                .map(|(k, v)| (k.to_string(), Value::from(&**v)))
                .collect(),
        );
    }
    let mut item = json!({"metadata": meta, "timestamp": now, "window": "15s"});
    if object.resource.key == "pods" {
        let containers = api.platform.pod_metrics(object)?;
        put(
            &mut item,
            &["containers"],
            containers
                .iter()
                .map(|u| json!({"name": u.name, "usage": usage(u)}))
                .collect::<Vec<_>>()
                .into(),
        );
    } else {
        put(&mut item, &["usage"], usage(&api.platform.node_metrics(object)?));
    }
    Some(item)
}

/// `GET` of metrics.k8s.io.
pub(crate) fn metrics(
    api: &Api,
    call: &Call,
    resource: &str,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<Answer, Status> {
    let (r, kind) = match resource {
        "pods" => (&PODS, "PodMetrics"),
        "nodes" => (&NODES, "NodeMetrics"),
        _ => return Err(page_not_found()),
    };
    let group = "metrics.k8s.io/v1beta1";
    if let Some(name) = name {
        let not_found = || {
            let mut status = Status::new(
                404,
                "NotFound",
                format!("{resource}.metrics.k8s.io \"{name}\" not found"),
            );
            status.details = Some(super::status::details(name, "metrics.k8s.io", resource));
            status
        };
        let object = api
            .store
            .get(r, namespace.unwrap_or_default(), name)
            .ok_or_else(not_found)?;
        let mut item = measured(api, &object).ok_or_else(not_found)?;
        put(&mut item, &["kind"], json!(kind));
        put(&mut item, &["apiVersion"], json!(group));
        return Ok(answer::json(200, &item));
    }
    let selector = Selector::parse(r.plural, call.query.get("labelSelector"), None)?;
    let objects = api
        .store
        .page(r, namespace, None, usize::MAX, |o| selector.matches(o))
        .objects;
    let items: Vec<Value> = objects.iter().filter_map(|o| measured(api, o)).collect();
    Ok(answer::json(
        200,
        &json!({"kind": format!("{kind}List"), "apiVersion": group, "metadata": {}, "items": items}),
    ))
}
