//! `metav1.Status`: how the API server says no, word for word.

use super::resources::Resource;
use serde_json::{Value, json};

/// A refusal, as a client reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, as `NotFound`. Empty: none is sent.
    pub reason: String,
    /// What a person reads.
    pub message: String,
    /// `details` as sent; `None` leaves the field out.
    pub details: Option<Value>,
    /// Seconds for the `Retry-After` header.
    pub retry_after: Option<u32>,
}

/// One cause under `details.causes` of an invalid object.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// As `FieldValueInvalid`.
    pub reason: &'static str,
    /// What is wrong with the value.
    pub message: String,
    /// The path of the field, as `spec.replicas`.
    pub field: String,
}

impl Status {
    /// A status without details.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: None,
            retry_after: None,
        }
    }

    fn about(mut self, r: &Resource, name: &str) -> Self {
        self.details = Some(details(name, r.group, r.plural));
        self
    }

    /// 404 for one object.
    pub fn not_found(r: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", r.qualified())).about(r, name)
    }

    /// 409: an object of this name is there already.
    pub fn already_exists(r: &Resource, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", r.qualified()),
        )
        .about(r, name)
    }

    /// 409: the resourceVersion sent is not the one stored.
    pub fn modified(r: &Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
            r.qualified()
        );
        Self::new(409, "Conflict", message).about(r, name)
    }

    /// 409: a uid or resourceVersion precondition failed. `what` is the sentence after the colon.
    pub fn precondition(r: &Resource, name: &str, what: &str) -> Self {
        let kind = if r.group.is_empty() {
            r.kind.to_owned()
        } else {
            format!("{}.{}", r.kind, r.group)
        };
        let mut status = Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {kind} \"{name}\": {what}"),
        );
        status.details = Some(details(name, r.group, r.kind));
        status
    }

    /// 422 with its causes.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let qualified = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let all: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let text = match all.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut status = Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {text}"));
        let mut d = details(name, group, kind);
        let list: Vec<Value> = causes
            .iter()
            .map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}))
            .collect();
        if let Some(map) = d.as_object_mut() {
            map.insert("causes".to_owned(), Value::Array(list));
        }
        status.details = Some(d);
        status
    }

    /// 422 without a word on what: a JSON Patch that does not apply.
    pub fn patch_failed() -> Self {
        let mut status = Self::new(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        );
        status.details = Some(json!({}));
        status
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403 for something that admission (not RBAC) refuses, as a quota.
    pub fn forbidden(r: &Resource, name: &str, why: &str) -> Self {
        Self::new(
            403,
            "Forbidden",
            format!("{} \"{name}\" is forbidden: {why}", r.qualified()),
        )
        .about(r, name)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 410: the version asked for is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The body that a client gets.
    pub fn value(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if let Some(map) = body.as_object_mut() {
            if !self.reason.is_empty() {
                map.insert("reason".to_owned(), json!(self.reason));
            }
            if let Some(details) = &self.details {
                map.insert("details".to_owned(), details.clone());
            }
        }
        body
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Status {}

/// `details` with the fields that Go leaves out when they are empty left out.
pub(crate) fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut map = serde_json::Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            map.insert(key.to_owned(), Value::from(value));
        }
    }
    Value::Object(map)
}
