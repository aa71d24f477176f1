//! The world at its beginning, and what one looks at in it.

use jiff::{SignedDuration, Timestamp};
use quarterdeck::sim::kube::resources::{DEPLOYMENTS, EVENTS, PODS};
use quarterdeck::sim::kube::{Clock, Resource, Store, Writer};
use quarterdeck::sim::world::{World, cortex};
use serde_json::{Value, json};

pub fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

pub fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn get(store: &Store, r: &'static Resource, name: &str) -> Value {
    store
        .get(r, "cortex", name)
        .unwrap_or_else(|| panic!("{} {name} is there", r.kind))
        .value()
}

pub fn edit(world: &World, r: &'static Resource, name: &str, f: impl FnOnce(&mut Value)) {
    world
        .store()
        .update(r, "cortex", name, &Writer::new("test"), f)
        .unwrap();
}

pub fn set_image(world: &World, r: &'static Resource, name: &str, image: &str) {
    edit(world, r, name, |d| {
        d["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

pub fn progressing(store: &Store, name: &str) -> (String, String) {
    let d = get(store, &DEPLOYMENTS, name);
    let c = d["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "Progressing")
        .unwrap()
        .clone();
    (
        c["status"].as_str().unwrap().to_owned(),
        c["reason"].as_str().unwrap().to_owned(),
    )
}

/// What `kubectl rollout status` waits for.
pub fn complete(store: &Store, name: &str) -> bool {
    let d = get(store, &DEPLOYMENTS, name);
    let n = &d["spec"]["replicas"];
    let s = &d["status"];
    s["observedGeneration"] == d["metadata"]["generation"]
        && [&s["replicas"], &s["updatedReplicas"], &s["availableReplicas"]]
            .iter()
            .all(|m| *m == n)
}

pub fn pods(store: &Store, app: &str) -> Vec<Value> {
    let of = |p: &Value| p["metadata"]["labels"]["app"] == app;
    store
        .list(&PODS, Some("cortex"))
        .iter()
        .map(|p| p.value())
        .filter(of)
        .collect()
}

pub fn waiting(pod: &Value) -> &str {
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        .as_str()
        .unwrap_or("")
}

pub fn ready(pod: &Value) -> bool {
    pod["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

pub fn events(store: &Store, about: &str) -> Vec<String> {
    let of = |e: &Value| e["involvedObject"]["name"] == about;
    let say = |e: Value| format!("{}: {}", e["reason"].as_str().unwrap(), e["message"].as_str().unwrap());
    store
        .list(&EVENTS, Some("cortex"))
        .iter()
        .map(|e| e.value())
        .filter(of)
        .map(say)
        .collect()
}

pub fn cortex(calm: bool) -> (World, Clock) {
    cortex::begin(start(), cortex::Options { calm, beside: false })
}
