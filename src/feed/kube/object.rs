//! One object whole: as YAML, with its events, and the revisions of a workload with what differs between them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::connect::{Cluster, READ};
use super::fault::{Fault, FaultKind};
use super::intern::Interner;
use super::redact::secret_name;
use super::row;
use super::wire;
use crate::model::{Change, Event, Kind, ObjectRef};

/// An object and what happened to it lately.
#[derive(Clone, Debug)]
pub struct ObjectView {
    /// Without managedFields; a Secret's values are masked.
    pub yaml: String,
    /// Oldest first. Empty when we may not read them.
    pub events: Vec<Event>,
}

/// One revision of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionDetail {
    pub number: u64,
    /// The ReplicaSet or ControllerRevision.
    pub name: String,
    pub created: Option<Timestamp>,
    /// Of the main containers, in order.
    pub images: Vec<String>,
    pub change_cause: String,
    /// The pod template, without `pod-template-hash`.
    pub template: Value,
}

/// One line of a difference between two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    pub side: Side,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Same,
    Removed,
    Added,
    /// Lines that are the same and left out; the text says how many.
    Skipped,
}

/// Fetches one object and its events.
///
/// # Errors
/// Gone, too, when the name is now another object's.
pub async fn view(cluster: &Cluster, object: &ObjectRef) -> Result<ObjectView, Fault> {
    let mut value: Value = wire::json(cluster.reader(), &wire::object_path(object)).await?;
    let uid = value
        .pointer("/metadata/uid")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !object.uid.is_empty() && uid != &*object.uid {
        let say = format!("{object} is gone: another object has its name now");
        return Err(Fault::new(FaultKind::Absent, say));
    }
    tidy(&mut value);
    let events = events_of(cluster, object).await.unwrap_or_default();
    Ok(ObjectView {
        yaml: yaml(&value),
        events,
    })
}

/// One object as the server has it.
///
/// # Errors
/// When it cannot be read.
pub async fn raw(cluster: &Cluster, object: &ObjectRef) -> Result<Value, Fault> {
    wire::json(cluster.reader(), &wire::object_path(object)).await
}

/// The events about one object, oldest first.
///
/// # Errors
/// When they cannot be read.
pub async fn events_of(cluster: &Cluster, object: &ObjectRef) -> Result<Vec<Event>, Fault> {
    // Events about what lives in no namespace are in `default`.
    let ns = if object.namespace.is_empty() {
        "default"
    } else {
        &object.namespace
    };
    let selector = if object.uid.is_empty() || object.kind == Kind::Node {
        // The kubelet writes a node's name where its uid should be.
        format!(
            "involvedObject.name={},involvedObject.kind={}",
            object.name,
            object.kind.api()
        )
    } else {
        format!("involvedObject.uid={}", object.uid)
    };
    let path = format!(
        "{}?limit=500&fieldSelector={}",
        wire::collection(Kind::Event, Some(ns)),
        wire::escape(&selector)
    );
    let body = wire::bytes(cluster.reader(), &path, READ).await?;
    let page = row::page(Kind::Event, &body, &mut Interner::default()).map_err(|e| wire::garbled(&path, &e))?;
    let mut events: Vec<Event> = page
        .rows
        .into_iter()
        .filter_map(|r| match r.change {
            Change::Event(_, Some(e)) => Some(std::sync::Arc::unwrap_or_clone(e)),
            _ => None,
        })
        .collect();
    events.sort_by_key(|e| e.last);
    Ok(events)
}

/// The revisions of a Deployment, StatefulSet or DaemonSet, newest first.
///
/// # Errors
/// When they cannot be read.
pub async fn history(cluster: &Cluster, workload: &ObjectRef) -> Result<Vec<RevisionDetail>, Fault> {
    let kind = if workload.kind == Kind::Deployment {
        Kind::ReplicaSet
    } else {
        Kind::ControllerRevision
    };
    let ns = &workload.namespace;
    let owner: Value = wire::json(cluster.reader(), &wire::object_path(workload)).await?;
    let mut path = format!("{}?limit=500", wire::collection(kind, Some(ns)));
    // Only what the workload selects; who owns it is looked at below.
    if let Some(labels) = owner.pointer("/spec/selector/matchLabels").and_then(Value::as_object) {
        let selector: Vec<String> = labels
            .iter()
            .filter_map(|(k, v)| Some(format!("{k}={}", v.as_str()?)))
            .collect();
        path = format!("{path}&labelSelector={}", wire::escape(&selector.join(",")));
    }
    let uid = owner
        .pointer("/metadata/uid")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let list: List = wire::json(cluster.reader(), &path).await?;
    let mut revisions: Vec<RevisionDetail> = list
        .items
        .iter()
        .filter(|item| owned_by(item, uid))
        .map(|item| revision(kind, item))
        .collect();
    revisions.sort_by_key(|r| std::cmp::Reverse(r.number));
    Ok(revisions)
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Value>,
}

fn owned_by(item: &Value, uid: &str) -> bool {
    let owners = item.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|o| {
        o.get("uid").and_then(Value::as_str) == Some(uid) && o.get("controller").and_then(Value::as_bool) == Some(true)
    })
}

fn revision(kind: Kind, item: &Value) -> RevisionDetail {
    let text = |path: &str| {
        item.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (number, at) = if kind == Kind::ReplicaSet {
        let number = text("/metadata/annotations/deployment.kubernetes.io~1revision");
        (number.parse().unwrap_or(0), "/spec/template")
    } else {
        let number = item.get("revision").and_then(Value::as_u64);
        (number.unwrap_or(0), "/data/spec/template")
    };
    let mut template = item.pointer(at).cloned().unwrap_or(Value::Null);
    tidy_template(&mut template);
    let images = template.pointer("/spec/containers").and_then(Value::as_array);
    RevisionDetail {
        number,
        name: text("/metadata/name"),
        created: text("/metadata/creationTimestamp").parse().ok(),
        images: images
            .into_iter()
            .flatten()
            .filter_map(|c| Some(c.get("image")?.as_str()?.to_owned()))
            .collect(),
        change_cause: text("/metadata/annotations/kubernetes.io~1change-cause"),
        template,
    }
}

/// What differs between two pod templates, as YAML lines with three lines of context.
pub fn template_diff(old: &Value, new: &Value) -> Vec<DiffLine> {
    let (mut old, mut new) = (old.clone(), new.clone());
    tidy_template(&mut old);
    tidy_template(&mut new);
    text_diff(&yaml(&old), &yaml(&new))
}

/// What differs between two texts, with three lines of context around each difference.
pub fn text_diff(old: &str, new: &str) -> Vec<DiffLine> {
    const CONTEXT: usize = 3;
    let diff = TextDiff::from_lines(old, new);
    let all: Vec<DiffLine> = diff
        .iter_all_changes()
        .map(|c| DiffLine {
            side: match c.tag() {
                ChangeTag::Equal => Side::Same,
                ChangeTag::Delete => Side::Removed,
                ChangeTag::Insert => Side::Added,
            },
            text: c.value().trim_end_matches('\n').to_owned(),
        })
        .collect();
    let changed: Vec<usize> = all
        .iter()
        .enumerate()
        .filter(|(_, l)| l.side != Side::Same)
        .map(|(i, _)| i)
        .collect();
    let near = |i: usize| {
        let after = changed.partition_point(|c| *c < i);
        let next = changed.get(after).is_some_and(|c| c - i <= CONTEXT);
        let before = after.checked_sub(1).and_then(|p| changed.get(p));
        next || before.is_some_and(|c| i - c <= CONTEXT)
    };
    let mut out: Vec<DiffLine> = Vec::new();
    let mut skipped = 0_usize;
    let skip = |out: &mut Vec<DiffLine>, skipped: &mut usize| {
        if *skipped > 0 {
            out.push(DiffLine {
                side: Side::Skipped,
                text: format!("{skipped} lines the same"),
            });
        }
        *skipped = 0;
    };
    for (i, line) in all.into_iter().enumerate() {
        if near(i) {
            skip(&mut out, &mut skipped);
            out.push(line);
        } else {
            skipped += 1;
        }
    }
    if !changed.is_empty() {
        skip(&mut out, &mut skipped);
    }
    out
}

/// The template of a revision as it would be applied: without the hash that the controller adds, and without the patch
/// directive of a ControllerRevision.
fn tidy_template(template: &mut Value) {
    hide_environment(template);
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    if let Some(meta) = template.pointer_mut("/metadata").and_then(Value::as_object_mut)
        && meta.get("creationTimestamp") == Some(&Value::Null)
    {
        meta.remove("creationTimestamp");
    }
}

/// Drops managedFields, and masks what a Secret holds.
fn tidy(value: &mut Value) {
    let secret = value.get("kind").and_then(Value::as_str) == Some("Secret");
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
        // kubectl apply keeps the whole Secret in an annotation.
        let annotations = meta.get_mut("annotations").and_then(Value::as_object_mut);
        if let Some(last) = annotations.and_then(|a| a.get_mut("kubectl.kubernetes.io/last-applied-configuration"))
            && (secret || last.as_str().is_some_and(|text| text.contains("\"env\"")))
        {
            *last = Value::from("***");
        }
    }
    hide_environment(value);
    if secret {
        for field in ["data", "stringData"] {
            for v in value
                .get_mut(field)
                .and_then(Value::as_object_mut)
                .into_iter()
                .flatten()
            {
                let len = v.1.as_str().map_or(0, str::len);
                *v.1 = Value::from(format!("*** ({len} characters in base64)"));
            }
        }
    }
}

/// Masks the values of environment variables that are named like secrets, wherever they stand.
fn hide_environment(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(hide_environment),
        Value::Object(map) => {
            let variables = map.get_mut("env").and_then(Value::as_array_mut);
            for variable in variables.into_iter().flatten() {
                let named = variable.get("name").and_then(Value::as_str).is_some_and(secret_name);
                if let Some(value) = variable.get_mut("value").filter(|_| named) {
                    *value = Value::from("***");
                }
            }
            map.values_mut().for_each(hide_environment);
        }
        _ => {}
    }
}

/// As YAML.
pub fn yaml(value: &Value) -> String {
    serde_yaml_ng::to_string(value).unwrap_or_else(|e| format!("# cannot be shown as YAML: {e}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_hides() {
        let mut v = json!({"kind": "Secret", "metadata": {"managedFields": [1], "annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"p\":\"aHVudGVyMg==\"}}"}},
            "data": {"p": "aHVudGVyMg=="}});
        tidy(&mut v);
        let text = yaml(&v);
        assert!(
            !text.contains("aHVudGVyMg") && !text.contains("managedFields"),
            "{text}"
        );
        assert!(text.contains("*** (12 characters"), "{text}");
    }

    #[test]
    fn an_environment_variable_that_is_named_like_a_secret_is_masked() {
        let mut v = json!({"kind": "Pod", "metadata": {"annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": "{\"env\":[{\"value\":\"hunter2\"}]}"}},
            "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "value": "info"}]}]}});
        tidy(&mut v);
        let text = yaml(&v);
        assert!(!text.contains("hunter2") && text.contains("info"), "{text}");
    }

    #[test]
    fn a_difference_shows_only_what_differs_and_its_surroundings() {
        let lines: Vec<String> = (0..40).map(|i| format!("line{i}\n")).collect();
        let old = lines.concat();
        let new = old.replace("line20\n", "changed\n");
        let diff = text_diff(&old, &new);
        let count = |side| diff.iter().filter(|l| l.side == side).count();
        assert_eq!(
            (
                count(Side::Removed),
                count(Side::Added),
                count(Side::Same),
                count(Side::Skipped)
            ),
            (1, 1, 6, 2)
        );
        assert!(text_diff(&old, &old).is_empty());
    }

    #[test]
    fn the_pod_template_hash_is_no_difference() {
        let a = json!({"metadata": {"labels": {"app": "x", "pod-template-hash": "1"}}, "spec": {"image": "a"}});
        let b = json!({"$patch": "replace", "metadata": {"labels": {"app": "x", "pod-template-hash": "2"}}, "spec": {"image": "a"}});
        assert!(template_diff(&a, &b).is_empty());
    }
}
