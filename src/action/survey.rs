//! Fresh reads for a plan. What cannot be read is said; only the target itself must be readable.

use jiff::Timestamp;
use serde_json::Value;

use super::draft::refuse;
use super::object::{collection, items, path, quote, selector_query, selects, text};
use super::plan::Refusal;
use super::wire::{self, ReadError, encode};
use super::{FIELD_MANAGER, Planner};
use crate::model::{Kind, ObjectRef};

pub(super) struct Survey<'a> {
    pub planner: &'a Planner,
    pub now: Timestamp,
    /// Secrets are read by a console that may change things, and by no other.
    pub secrets: bool,
}

impl Survey<'_> {
    pub async fn read(&self, path: &str) -> Result<Value, ReadError> {
        wire::get(&self.planner.reader, path).await
    }

    pub async fn list(&self, path: &str) -> Result<Vec<Value>, ReadError> {
        Ok(items(&self.read(path).await?, "/items").cloned().collect())
    }

    /// The target, if it is still the object that the operator pointed at.
    pub async fn target(&self, target: &ObjectRef) -> Result<Value, Refusal> {
        self.target_at(target, &path(target)).await
    }

    /// A Secret with what is in it. What stands against it never quotes it.
    pub async fn secret(&self, target: &ObjectRef) -> Result<Value, Refusal> {
        if target.kind != Kind::Secret {
            return Err(refuse(format!("{target} is no Secret"), "choose one"));
        }
        if !self.secrets {
            return Err(refuse(
                "a console that only reads does not read Secrets",
                "start it without --read-only to change one",
            ));
        }
        self.target(target).await
    }

    /// The target's representation at another path (`…/scale`).
    pub async fn target_at(&self, target: &ObjectRef, path: &str) -> Result<Value, Refusal> {
        let object = self.read(path).await.map_err(|e| match e.code {
            404 => refuse(format!("{target} is gone"), "look at the list again"),
            403 => refuse(
                format!("{target} may not be read: {}", e.why),
                "ask for the right to read it",
            ),
            401 => refuse("the API server does not know you any more", "sign in again"),
            _ => refuse(
                format!("{target} could not be read: {}", e.why),
                "nothing was changed; try again when the server answers",
            ),
        })?;
        let uid = text(&object, "/metadata/uid");
        if !target.uid.is_empty() && uid != &*target.uid {
            let what = format!("{target} was deleted and made again since you looked: it is another object now");
            return Err(refuse(what, "look at the new one first"));
        }
        Ok(object)
    }

    /// Pods that a workload's selector finds, minus those that something else controls.
    pub async fn pods(&self, workload: &Value, namespace: &str) -> Result<Vec<Value>, ReadError> {
        let Some(query) = workload.pointer("/spec/selector").and_then(selector_query) else {
            return Ok(Vec::new());
        };
        let path = format!("{}?labelSelector={}", collection(Kind::Pod, namespace), encode(&query));
        self.list(&path).await
    }

    /// Disruption budgets that cover these labels.
    pub async fn budgets(&self, labels: &Value, namespace: &str) -> Result<Vec<Value>, ReadError> {
        let mut list = self.list(&collection(Kind::Pdb, namespace)).await?;
        list.retain(|b| b.pointer("/spec/selector").is_some_and(|s| selects(s, labels)));
        Ok(list)
    }

    /// A kubectl line of the same effect.
    pub fn kubectl(&self, namespace: &str, rest: &str) -> String {
        let context = quote(&self.planner.place.context);
        if namespace.is_empty() {
            return format!("kubectl --context {context} {rest}");
        }
        format!("kubectl --context {context} -n {} {rest}", quote(namespace))
    }
}

/// The path of a change, with our name on it.
pub(super) fn write_path(target: &ObjectRef, subresource: &str) -> String {
    write_path_as(target, subresource, FIELD_MANAGER)
}

pub(super) fn write_path_as(target: &ObjectRef, subresource: &str, manager: &str) -> String {
    format!("{}{subresource}?fieldManager={manager}", path(target))
}
