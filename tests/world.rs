//! The world of the demonstration platform, stepped by hand on a manual clock: what an operator does, and what follows.

use jiff::{SignedDuration, Timestamp};
use quarterdeck::sim::kube::resources::{DEPLOYMENTS, EVENTS, PODS};
use quarterdeck::sim::kube::{Clock, Resource, Store};
use quarterdeck::sim::world::{World, cortex};
use serde_json::Value;

fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn cortex_now(calm: bool) -> (World, Clock) {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    cortex::begin(now, cortex::Options { calm })
}

fn get(store: &Store, r: &'static Resource, ns: &str, name: &str) -> Value {
    store.get(r, ns, name).unwrap_or_else(|| panic!("{} {ns}/{name} is there", r.kind)).value()
}

#[test]
fn show() {
    let begin = std::time::Instant::now();
    let (world, clock) = cortex_now(false);
    println!("{:?} {}", begin.elapsed(), clock.now());
    for p in world.store().list(&PODS, None) {
        let v = p.value();
        let s: Vec<String> = v["status"]["containerStatuses"].as_array().into_iter().flatten().map(|c| format!("{} {} {}", c["ready"], c["restartCount"], c["state"].to_string().chars().take(60).collect::<String>())).collect();
        println!("{} {} {} {} {:?}", p.meta.key(), v["metadata"]["creationTimestamp"], v["status"]["phase"], v["spec"]["nodeName"], s);
    }
    for d in world.store().list(&DEPLOYMENTS, None) {
        let v = d.value();
        println!("{} {} {}", d.meta.key(), v["metadata"]["annotations"], v["status"]);
    }
    for d in world.store().list(&EVENTS, None) {
        let v = d.value();
        println!("{} {} {} {} {}", v["lastTimestamp"], v["involvedObject"]["name"], v["reason"], v["message"], v["count"]);
    }
    let _ = (secs(1), get(world.store(), &DEPLOYMENTS, "cortex", "cortex-api"));
}
