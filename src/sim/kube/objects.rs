//! Reads and writes of single objects.

use super::answer::{self, Answer};
use super::convert;
use super::http::{Api, Call};
use super::list::Scope;
use super::object::Object;
use super::patch;
use super::request::Form;
use super::resources::Resource;
use super::status::Status;
use super::store::{Part, Writer};
use super::table::{self, Include};
use super::validate;
use crate::sim::kube::object::put;
use serde_json::{Value, json};
use std::sync::Arc;

/// One object that is named in the path.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub scope: &'a Scope,
    pub namespace: &'a str,
    pub name: &'a str,
}

impl Named<'_> {
    fn resource(&self) -> &'static Resource {
        self.scope.resource
    }

    /// The object, or 404.
    pub fn get(&self, api: &Api) -> Result<Arc<Object>, Status> {
        let r = self.resource();
        api.store
            .get(r, self.namespace, self.name)
            .ok_or_else(|| Status::not_found(r, self.name))
    }
}

/// An answer with an object in the form asked for.
pub(crate) fn show(api: &Api, call: &Call, scope: &Scope, code: u16, object: &Object) -> Answer {
    match call.form {
        Form::Json => answer::bytes(code, "application/json", scope.bytes(object)),
        Form::Metadata => answer::json(code, &table::partial(object.value())),
        Form::Table => {
            let include = Include::of(call.query.get("includeObject"));
            let row = table::row(object, include, api.store.clock().now());
            let version = object.meta.resource_version.to_string();
            answer::json(
                code,
                &json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
                    "columnDefinitions": table::columns(scope.resource), "rows": [row]}),
            )
        }
    }
}

/// `POST`
pub(crate) fn create(api: &Api, call: &Call, scope: &Scope) -> Result<Answer, Status> {
    let r = scope.resource;
    let mut value = convert::to_stored(r, &scope.version, call.json()?, None);
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or(r.kind);
    if kind != r.kind {
        return Err(Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: no kind \"{kind}\" is registered",
            kind, scope.version, r.kind
        )));
    }
    if value.get("metadata").is_none() {
        put(&mut value, &["metadata"], json!({}));
    }
    validate::types(r, &value).map_err(|why| {
        Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {why}",
            r.kind, scope.version, r.kind
        ))
    })?;
    if r.status
        && r.key != "nodes"
        && let Some(map) = value.as_object_mut()
    {
        // A status that is sent along is not taken.
        map.remove("status");
    }
    let meta = |v: &Value, k: &str| {
        v["metadata"]
            .get(k)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(namespace) = scope.namespace.as_deref() {
        let sent = meta(&value, "namespace");
        if !sent.is_empty() && sent != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        put(&mut value, &["metadata", "namespace"], json!(namespace));
        let namespaces = &super::resources::NAMESPACES;
        // A store without any namespace is one that nobody filled in: it does not insist.
        if api.store.count(namespaces) > 0 && api.store.get(namespaces, "", namespace).is_none() {
            return Err(Status::not_found(namespaces, namespace));
        }
    }
    if meta(&value, "name").is_empty() {
        let base = meta(&value, "generateName");
        if base.is_empty() {
            let cause = super::status::Cause {
                reason: "FieldValueRequired",
                message: "Required value: name or generateName is required".to_owned(),
                field: "metadata.name".to_owned(),
            };
            return Err(Status::invalid(r.group, r.kind, "", &[cause]));
        }
        put(
            &mut value,
            &["metadata", "name"],
            json!(format!("{base}{}", super::store::random_suffix())),
        );
    }
    super::defaults::apply(r, &mut value);
    validate::object(r, &value, None)?;
    let object = api.store.create_or_try(r, value, &call.writer(None), call.dry)?;
    Ok(show(api, call, scope, 201, &object))
}

/// `PUT`, of an object or its status.
pub(crate) fn replace(api: &Api, call: &Call, named: Named<'_>, part: Part) -> Result<Answer, Status> {
    let r = named.resource();
    let sent = call.json()?;
    let name = sent
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name != named.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            named.name
        )));
    }
    let written = api.store.edit(
        r,
        named.namespace,
        named.name,
        &call.writer(subresource(part)),
        part,
        call.dry,
        |v| {
            let before = v.clone();
            *v = convert::to_stored(r, &named.scope.version, sent, Some(&before));
            finish(r, v, &before)
        },
    )?;
    Ok(show(api, call, named.scope, 200, &written.object))
}

fn subresource(part: Part) -> Option<&'static str> {
    (part == Part::Status).then_some("status")
}

fn finish(r: &Resource, value: &mut Value, before: &Value) -> Result<(), Status> {
    if let Err(why) = validate::types(r, value) {
        return Err(validate::wrong_type(value, &why));
    }
    super::defaults::apply(r, value);
    validate::object(r, value, Some(before))
}

/// What kind of patch a request carries.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    Json(Vec<Value>),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

impl Patch {
    /// Reads it. Custom resources know no strategic merge.
    pub fn read(call: &Call, custom: bool) -> Result<Self, Status> {
        let media = call
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let unsupported = || {
            let mut status = Status::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
            status.details = Some(json!({}));
            status
        };
        let read = || -> Result<Value, Status> {
            serde_json::from_slice(&call.body).map_err(|_| {
                let why = super::gojson::error(&String::from_utf8_lossy(&call.body));
                Status::bad_request(format!("error decoding patch: {why}"))
            })
        };
        match media.as_str() {
            "application/json-patch+json" => match read()? {
                Value::Array(list) => Ok(Self::Json(list)),
                _ => Err(Status::bad_request(
                    "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
                )),
            },
            "application/merge-patch+json" => object_only(read()?).map(Self::Merge),
            "application/strategic-merge-patch+json" if !custom => object_only(read()?).map(Self::Strategic),
            "application/apply-patch+yaml" => serde_yaml_ng::from_slice(&call.body)
                .map(Self::Apply)
                .map_err(|e| Status::bad_request(format!("error decoding YAML: {e}"))),
            _ => Err(unsupported()),
        }
    }

    /// Applies it.
    pub fn apply(&self, value: &mut Value) -> Result<(), Status> {
        match self {
            Self::Json(list) => patch::json::apply(value, list).map_err(|()| Status::patch_failed()),
            Self::Merge(p) => {
                patch::merge::apply(value, p);
                Ok(())
            }
            Self::Strategic(p) | Self::Apply(p) => {
                patch::strategic::apply(value, p);
                Ok(())
            }
        }
    }
}

fn object_only(value: Value) -> Result<Value, Status> {
    if value.is_object() {
        return Ok(value);
    }
    Err(Status::bad_request(
        "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
    ))
}

/// `PATCH`, of an object or its status.
pub(crate) fn patch(api: &Api, call: &Call, named: Named<'_>, part: Part) -> Result<Answer, Status> {
    let r = named.resource();
    let change = Patch::read(call, r.is_custom())?;
    let mut writer = call.writer(subresource(part));
    if let Patch::Apply(value) = &change {
        writer.apply = true;
        if api.store.get(r, named.namespace, named.name).is_none() {
            let mut value = value.clone();
            put(&mut value, &["metadata", "name"], json!(named.name));
            if r.namespaced {
                put(&mut value, &["metadata", "namespace"], json!(named.namespace));
            }
            super::defaults::apply(r, &mut value);
            validate::object(r, &value, None)?;
            let object = api.store.create_or_try(r, value, &writer, call.dry)?;
            return Ok(show(api, call, named.scope, 201, &object));
        }
    }
    let written = api
        .store
        .edit(r, named.namespace, named.name, &writer, part, call.dry, |v| {
            let before = v.clone();
            let mut seen = convert::from_stored(r, &named.scope.version, before.clone());
            change.apply(&mut seen)?;
            *v = convert::to_stored(r, &named.scope.version, seen, Some(&before));
            finish(r, v, &before)
        })?;
    Ok(show(api, call, named.scope, 200, &written.object))
}

/// 409 when the preconditions of a deletion do not hold.
pub(crate) fn check_preconditions(object: &Object, options: &Value) -> Result<(), Status> {
    let wanted = |k: &str| options.pointer(&format!("/preconditions/{k}")).and_then(Value::as_str);
    let (r, name) = (object.resource, &object.meta.name);
    if let Some(uid) = wanted("uid").filter(|u| **u != *object.meta.uid) {
        let what = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            object.meta.uid
        );
        return Err(Status::precondition(r, name, &what));
    }
    let version = object.meta.resource_version.to_string();
    if let Some(sent) = wanted("resourceVersion").filter(|v| *v != version) {
        let what = format!(
            "the ResourceVersion in the precondition ({sent}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(Status::precondition(r, name, &what));
    }
    Ok(())
}

/// Deletes or begins to delete. Returns the object when it is still there, being deleted.
pub(crate) fn remove(
    api: &Api,
    r: &'static Resource,
    object: &Object,
    options: &Value,
) -> Result<Option<Arc<Object>>, Status> {
    let writer = Writer::new("kube-apiserver");
    let (namespace, name) = (&*object.meta.namespace, &*object.meta.name);
    if r.key == "pods" && api.platform.has_kubelet() && object.meta.node_name.is_some() {
        let value = object.value();
        let of_pod = value
            .pointer("/spec/terminationGracePeriodSeconds")
            .and_then(Value::as_i64);
        let asked = options.get("gracePeriodSeconds").and_then(Value::as_i64);
        let grace = match object.meta.phase.as_deref() {
            Some("Succeeded" | "Failed") => 0,
            _ => asked.or(of_pod).unwrap_or(30).max(0),
        };
        if grace > 0 {
            if object.meta.deleting {
                return Ok(api.store.get(r, namespace, name));
            }
            return api.store.mark_deleted(r, namespace, name, grace).map(Some);
        }
    }
    if options.get("propagationPolicy").and_then(Value::as_str) == Some("Orphan") {
        orphan(api, object);
    }
    api.store.delete(r, namespace, name, &writer).map(|()| None)
}

/// Takes the owner off everything that the object owns, so that it outlives it.
fn orphan(api: &Api, owner: &Object) {
    for r in super::resources::RESOURCES {
        for owned in api.store.by_owner(r, &owner.meta.uid) {
            let (namespace, name) = (&owned.meta.namespace, &owned.meta.name);
            let writer = Writer::new("kube-controller-manager");
            let _gone = api.store.update(r, namespace, name, &writer, |v| {
                if let Some(list) = v.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut) {
                    list.retain(|o| o.get("uid").and_then(Value::as_str) != Some(&*owner.meta.uid));
                }
            });
        }
    }
}

/// `DELETE` of one object.
pub(crate) fn delete(api: &Api, call: &Call, named: Named<'_>) -> Result<Answer, Status> {
    let r = named.resource();
    let object = named.get(api)?;
    let options = call.delete_options()?;
    check_preconditions(&object, &options)?;
    let dry = call.dry
        || options
            .get("dryRun")
            .and_then(Value::as_array)
            .is_some_and(|d| !d.is_empty());
    let left = if dry {
        Some(object.clone())
    } else {
        remove(api, r, &object, &options)?
    };
    match left {
        Some(object) => Ok(show(api, call, named.scope, 200, &object)),
        None if r.key == "pods" => Ok(show(api, call, named.scope, 200, &object)),
        None => {
            let mut details = super::status::details(&object.meta.name, r.group, r.plural);
            put(&mut details, &["uid"], json!(object.meta.uid));
            Ok(answer::json(
                200,
                &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
            ))
        }
    }
}

/// `DELETE` of a collection.
pub(crate) fn delete_collection(api: &Api, call: &Call, scope: &Scope) -> Result<Answer, Status> {
    let r = scope.resource;
    let selector = super::selector::Selector::parse(
        r.plural,
        call.query.get("labelSelector"),
        call.query.get("fieldSelector"),
    )?;
    let options = call.delete_options()?;
    let page = api
        .store
        .page(r, scope.namespace.as_deref(), None, usize::MAX, |o| selector.matches(o));
    for object in page.objects {
        if !call.dry {
            remove(api, r, &object, &options)?;
        }
    }
    Ok(answer::json(
        200,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    ))
}
