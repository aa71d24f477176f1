//! What is so now of a change that must not stay, from the object as the server has it: in the same words in which the
//! change put its before and after on record (see [`super::temporary`]).

use serde_json::Value;

use super::objects::{CANARY_WEIGHT, selector_words};
use super::{ObjectAsk, Request};
use crate::journal::Temporary;
use crate::model::{Kind, ObjectRef};

/// What the state now says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It is what it was before.
    Back,
    /// It is what it was set to.
    Stands,
    Other,
    Unknown,
}

/// An object that is to be read, and what of it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAsk {
    /// The entry of the ledger.
    pub key: String,
    pub object: ObjectRef,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Bounds,
    Canary,
    Selector,
    /// Of this container, these fields: `limit memory`.
    Resources {
        container: String,
        fields: Vec<String>,
    },
}

impl StateAsk {
    /// How the state of this entry is read, where it is one object of the cluster.
    pub fn of(t: &Temporary) -> Option<Self> {
        let kind = kind_of(&t.target.kind)?;
        let what = match (t.family.split(' ').next()?, kind) {
            ("bounds", Kind::ScaledObject) => What::Bounds,
            ("canary", Kind::Ingress) => What::Canary,
            ("selector", Kind::Service) => What::Selector,
            ("resources", _) if Kind::WORKLOADS.contains(&kind) => resources(t)?,
            _ => return None,
        };
        Some(Self {
            key: t.key.clone(),
            object: ObjectRef {
                kind,
                namespace: t.target.namespace.as_str().into(),
                name: t.target.name.as_str().into(),
                uid: t.target.uid.as_str().into(),
            },
            what,
        })
    }

    /// The state that the object is in.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn state(&self, object: &Value) -> Result<String, String> {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        if !self.object.uid.is_empty() && uid != Some(&*self.object.uid) {
            return Err("gone: another object has its name now".to_owned());
        }
        let number = |at: &str, default: u64| object.pointer(at).and_then(Value::as_u64).unwrap_or(default);
        Ok(match &self.what {
            // Without them KEDA takes these.
            What::Bounds => format!(
                "{}–{}",
                number("/spec/minReplicaCount", 0),
                number("/spec/maxReplicaCount", 100)
            ),
            What::Canary => {
                let weight = object
                    .pointer("/metadata/annotations")
                    .and_then(|a| a.get(CANARY_WEIGHT)?.as_str());
                weight.unwrap_or("0").to_owned()
            }
            What::Selector => selector_words(object),
            What::Resources { container, fields } => {
                let found = ["containers", "initContainers"].into_iter().find_map(|list| {
                    let all = object.pointer(&format!("/spec/template/spec/{list}"))?.as_array()?;
                    all.iter()
                        .find(|c| c.get("name").and_then(Value::as_str) == Some(container))
                });
                let found = found.ok_or_else(|| format!("it has no container {container} any more"))?;
                let value = |field: &String| {
                    let (part, resource) = field.split_once(' ')?;
                    found.get("resources")?.get(format!("{part}s"))?.get(resource)?.as_str()
                };
                let all: Vec<String> = fields
                    .iter()
                    .map(|f| format!("{f} {}", value(f).unwrap_or("none")))
                    .collect();
                all.join(", ")
            }
        })
    }
}

/// Kinds that are watched, and those that are only read.
fn kind_of(api: &str) -> Option<Kind> {
    let read = Kind::UNWATCHED.into_iter().chain([Kind::ScaledObject]);
    Kind::ALL.into_iter().chain(read).find(|kind| kind.api() == api)
}

/// The container stands in the request that takes the change back, the fields in what was.
fn resources(t: &Temporary) -> Option<What> {
    let undo = serde_json::from_value::<Request>(t.undo.clone()).ok()?;
    let Request::Object {
        ask: ObjectAsk::SetResources { container, .. },
        ..
    } = undo
    else {
        return None;
    };
    let fields = t.was.split(", ").filter_map(|f| Some(f.rsplit_once(' ')?.0.to_owned()));
    Some(What::Resources {
        container,
        fields: fields.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Target;
    use serde_json::json;

    fn entry(family: &str, kind: &str, was: &str, undo: Value) -> Temporary {
        Temporary {
            key: "k".to_owned(),
            family: family.to_owned(),
            words: String::new(),
            target: Target {
                kind: kind.to_owned(),
                namespace: "cortex".to_owned(),
                name: "api".to_owned(),
                uid: "u1".to_owned(),
                ..Target::default()
            },
            was: was.to_owned(),
            is: String::new(),
            undo,
            undo_words: String::new(),
            since: jiff::Timestamp::UNIX_EPOCH,
            until: jiff::Timestamp::UNIX_EPOCH,
            ends: false,
            by: String::new(),
            reason: String::new(),
            incident: String::new(),
            certain: true,
        }
    }

    #[test]
    fn the_state_is_told_in_the_words_of_the_ledger_and_only_of_the_same_object() {
        let object = json!({
            "metadata": {"uid": "u1", "annotations": {CANARY_WEIGHT: "25"}},
            "spec": {
                "minReplicaCount": 2, "selector": {"version": "green", "app": "api"},
                "template": {"spec": {"containers": [
                    {"name": "side"},
                    {"name": "api", "resources": {"limits": {"memory": "1Gi"}}},
                ]}},
            },
        });
        let target = ObjectRef {
            kind: Kind::Deployment,
            namespace: "cortex".into(),
            name: "api".into(),
            uid: "u1".into(),
        };
        let ask = ObjectAsk::SetResources {
            container: "api".to_owned(),
            resources: super::super::Resources::default(),
        };
        let undo = serde_json::to_value(Request::Object { target, ask }).unwrap();
        for (family, kind, was, state) in [
            ("bounds", "ScaledObject", "", "2–100"),
            ("canary", "Ingress", "", "25"),
            ("selector", "Service", "", "app=api,version=green"),
            (
                "resources api",
                "Deployment",
                "limit memory 512Mi, request cpu 100m",
                "limit memory 1Gi, request cpu none",
            ),
        ] {
            let ask = StateAsk::of(&entry(family, kind, was, undo.clone())).unwrap();
            assert_eq!(ask.state(&object), Ok(state.to_owned()), "{family}");
            let mut other = object.clone();
            other["metadata"]["uid"] = json!("u2");
            assert!(ask.state(&other).unwrap_err().contains("another object"));
        }
        assert_eq!(StateAsk::of(&entry("silence", "alert", "", Value::Null)), None);
    }
}
