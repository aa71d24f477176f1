//! What the server says it serves.

use super::resources::{RESOURCES, Resource};
use crate::sim::kube::object::put;
use serde_json::{Value, json};

const ALL_VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// Groups without stored resources, and groups with more than one version.
const EXTRA: &[(&str, &[&str])] = &[
    ("authentication.k8s.io", &["v1"]),
    ("authorization.k8s.io", &["v1"]),
    ("metrics.k8s.io", &["v1beta1"]),
];

/// The versions of a group, preferred first; empty when it is not served.
pub fn versions(group: &str, hidden: &[String]) -> Vec<&'static str> {
    if hidden.iter().any(|h| h == group) {
        return Vec::new();
    }
    if group == "autoscaling" {
        return vec!["v2", "v1"];
    }
    if let Some((_, versions)) = EXTRA.iter().find(|(g, _)| *g == group) {
        return versions.to_vec();
    }
    RESOURCES
        .iter()
        .find(|r| r.group == group)
        .map(|r| vec![r.version])
        .unwrap_or_default()
}

/// `GET /version`
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35", "gitVersion": "v1.36.2", "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406",
        "gitTreeState": "clean", "buildDate": "2026-08-21T00:00:00Z", "goVersion": "go1.26.3", "compiler": "gc",
        "platform": "linux/amd64"
    })
}

/// `GET /api`
pub fn core_versions(address: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]})
}

fn group(name: &str, hidden: &[String]) -> Option<Value> {
    let all: Vec<Value> = versions(name, hidden)
        .iter()
        .map(|v| json!({"groupVersion": format!("{name}/{v}"), "version": v}))
        .collect();
    let preferred = all.first()?.clone();
    Some(json!({"name": name, "versions": all, "preferredVersion": preferred}))
}

/// `GET /apis`
pub fn groups(hidden: &[String]) -> Value {
    let mut names: Vec<&str> = Vec::new();
    let stored = RESOURCES.iter().map(|r| r.group).filter(|g| !g.is_empty());
    for name in stored.chain(EXTRA.iter().map(|(g, _)| *g)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let groups: Vec<Value> = names.iter().filter_map(|n| group(n, hidden)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `GET /apis/GROUP`
pub fn one_group(name: &str, hidden: &[String]) -> Option<Value> {
    let mut value = group(name, hidden)?;
    put(&mut value, &["kind"], json!("APIGroup"));
    put(&mut value, &["apiVersion"], json!("v1"));
    Some(value)
}

/// `GET /apis/GROUP/VERSION` (or `/api/v1`, with an empty group).
pub fn resources(group: &str, version: &str, hidden: &[String]) -> Option<Value> {
    if !group.is_empty() && !versions(group, hidden).contains(&version) {
        return None;
    }
    let mut list: Vec<Value> = Vec::new();
    for r in RESOURCES.iter().filter(|r| r.group == group) {
        describe(r, &mut list);
    }
    let review = |name: &str, kind: &str| json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"]});
    match group {
        "authentication.k8s.io" => list.push(review("selfsubjectreviews", "SelfSubjectReview")),
        "authorization.k8s.io" => {
            list.push(review("selfsubjectaccessreviews", "SelfSubjectAccessReview"));
            list.push(review("selfsubjectrulesreviews", "SelfSubjectRulesReview"));
        }
        "metrics.k8s.io" => {
            list.push(json!({"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": ["get", "list"]}));
            list.push(json!({"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]}));
        }
        _ => {}
    }
    list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    if group.is_empty() {
        return Some(json!({"kind": "APIResourceList", "groupVersion": version, "resources": list}));
    }
    let group_version = format!("{group}/{version}");
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list}))
}

fn describe(r: &Resource, list: &mut Vec<Value>) {
    let verbs: Vec<&str> = match r.plural {
        "namespaces" => ALL_VERBS.iter().copied().filter(|v| *v != "deletecollection").collect(),
        _ => ALL_VERBS.to_vec(),
    };
    let mut entry = json!({"name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind,
        "verbs": verbs});
    if !r.short.is_empty() {
        put(&mut entry, &["shortNames"], json!(r.short));
    }
    if r.all {
        put(&mut entry, &["categories"], json!(["all"]));
    }
    list.push(entry);
    let sub = |name: &str, kind: &str, verbs: &[&str]| json!({"name": format!("{}/{name}", r.plural), "singularName": "", "namespaced": r.namespaced, "kind": kind, "verbs": verbs});
    if r.status {
        list.push(sub("status", r.kind, &["get", "patch", "update"]));
    }
    if r.scale {
        let mut scale = sub("scale", "Scale", &["get", "patch", "update"]);
        put(&mut scale, &["group"], json!("autoscaling"));
        put(&mut scale, &["version"], json!("v1"));
        list.push(scale);
    }
    if r.key == "pods" {
        let mut eviction = sub("eviction", "Eviction", &["create"]);
        put(&mut eviction, &["group"], json!("policy"));
        put(&mut eviction, &["version"], json!("v1"));
        list.push(eviction);
        list.push(sub("log", "Pod", &["get"]));
    }
}

/// An OpenAPI v2 document without definitions, protobuf: kubectl 1.20 asks for it before it creates or patches from a
/// file, and skips validation of kinds that it does not find there.
pub fn openapi_v2_protobuf() -> Vec<u8> {
    let mut out = vec![0x0a, 3];
    out.extend_from_slice(b"2.0");
    let (title, version) = (b"Kubernetes", b"v1.36.2");
    out.extend_from_slice(&[
        0x12,
        (2 + title.len() + 2 + version.len()) as u8,
        0x0a,
        title.len() as u8,
    ]);
    out.extend_from_slice(title);
    out.extend_from_slice(&[0x12, version.len() as u8]);
    out.extend_from_slice(version);
    // Empty paths and definitions.
    out.extend_from_slice(&[0x42, 0, 0x4a, 0]);
    out
}
