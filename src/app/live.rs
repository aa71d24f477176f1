//! What is there now, beside what an intent says of before and after: for whoever must say whether a change happened.

use serde_json::Value;

use crate::journal::Target;
use crate::journal::replay::Intent;
use crate::model::{Hpa, Workload, World};

/// One field of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub before: String,
    pub after: String,
    /// As the console sees it now; none for what it does not watch.
    pub now: Option<String>,
}

impl Field {
    /// What its value now says: that it happened, that it did not, or neither.
    pub fn says(&self) -> Option<bool> {
        match self.now.as_ref()? {
            now if *now == self.after => Some(true),
            now if *now == self.before => Some(false),
            _ => None,
        }
    }
}

/// The fields that an intent would change, each with its value now.
pub fn fields(world: &World, intent: &Intent) -> Vec<Field> {
    let text = |side: &Value, name: &str| match side.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let names = intent.after.as_object().or(intent.before.as_object());
    let names = names.into_iter().flat_map(serde_json::Map::keys);
    names
        .map(|name| Field {
            name: name.clone(),
            before: text(&intent.before, name),
            after: text(&intent.after, name),
            now: intent.target.as_ref().and_then(|target| now(world, target, name)),
        })
        .collect()
}

fn now(world: &World, target: &Target, field: &str) -> Option<String> {
    let is = |namespace: &str, name: &str| (namespace, name) == (&*target.namespace, &*target.name);
    match target.kind.as_str() {
        "Pod" => {
            let pod = world.pods.values().find(|p| is(&p.meta.namespace, &p.meta.name));
            let same = pod.filter(|p| *p.meta.uid == *target.uid);
            Some(same.map_or_else(
                || "gone".to_owned(),
                |p| {
                    let leaving = p.meta.deleting.is_some();
                    if leaving {
                        "being deleted".to_owned()
                    } else {
                        p.status.to_string()
                    }
                },
            ))
        }
        "HorizontalPodAutoscaler" => {
            let hpa = world.hpas.values().find(|h| is(&h.meta.namespace, &h.meta.name))?;
            of_hpa(hpa, field)
        }
        kind => {
            let workload = world
                .workloads()
                .find(|w| w.kind.api() == kind && is(&w.meta.namespace, &w.meta.name))?;
            if *workload.meta.uid != *target.uid && !target.uid.is_empty() {
                return Some("another object of that name".to_owned());
            }
            of_workload(world, workload, field)
        }
    }
}

fn of_hpa(hpa: &Hpa, field: &str) -> Option<String> {
    match field {
        "minReplicas" => Some(hpa.min.to_string()),
        "maxReplicas" => Some(hpa.max.to_string()),
        _ => None,
    }
}

fn of_workload(world: &World, workload: &Workload, field: &str) -> Option<String> {
    match field {
        "replicas" => Some(workload.desired.to_string()),
        "paused" => Some(workload.paused.to_string()),
        "revision" => Some(world.revision_of(workload).to_string()),
        "restarted at" if workload.restarted_at.is_empty() => Some("never".to_owned()),
        "restarted at" => Some(workload.restarted_at.to_string()),
        "change cause" => Some(workload.change_cause.to_string()),
        _ => {
            let container = field.strip_prefix("image ")?;
            let found = workload.containers.iter().find(|c| *c.name == *container)?;
            Some(found.image.to_string())
        }
    }
}
