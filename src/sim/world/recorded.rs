//! The controllers beside the real ones: the same change must show the same sequence of states as was recorded.
//!
//! Times differ, and so does the moment at which a pod that ends is gone; what is compared is everything that an
//! operator sees of a rollout, each state once.

use super::json::{annotation, int, list, secs, set, text};
use super::scenario::Scenario;
use super::{Key, World};
use crate::sim::kube::resources::{DAEMONSETS, DEPLOYMENTS, NODES, STATEFULSETS};
use crate::sim::kube::{Clock, Resource, Store, Writer};
use serde_json::{Value, json};
use std::sync::Arc;

fn recording(name: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/recordings/kubernetes-1.36/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The objects that a recorded watch told of.
fn told(exchange: &Value) -> Vec<Value> {
    list(exchange, "/stream")
        .iter()
        .filter_map(|e| e.pointer("/event/object").cloned())
        .collect()
}

/// A world with nodes and one workload as it was recorded, at rest.
fn at_rest(r: &'static Resource, recorded: &Value, image: &str) -> (World, Clock) {
    let clock = Clock::manual("2026-11-21T10:00:00Z".parse().unwrap());
    let store = Store::new(clock.clone());
    let mut world = World::new(store, Arc::new(Scenario::default()));
    world.apply(include_str!("scenario/cluster.yaml"), "kubeadm");
    let node = world.store.get(&NODES, "", "lab-node-01").unwrap().value();
    let mut labelled = node.clone();
    super::json::set_label(&mut labelled, "kubernetes.io/hostname", "lab-node-001");
    world.store.put(&NODES, labelled);
    let mut workload = json!({"metadata": {"name": text(recorded, "/metadata/name"), "namespace": "cortex",
        "labels": recorded.pointer("/metadata/labels")}, "spec": recorded.get("spec")});
    set(
        workload.pointer_mut("/spec/template/spec/containers/0").unwrap(),
        "/image",
        image,
    );
    world.store.create(r, workload, &Writer::new("seed")).unwrap();
    world.run_for(&clock, secs(120));
    (world, clock)
}

/// Every state of a workload that was stored after a version.
fn states(world: &World, r: &'static Resource, after: u64) -> Vec<Value> {
    world
        .store
        .history(r, after, usize::MAX)
        .unwrap()
        .iter()
        .map(|e| e.object.value())
        .collect()
}

fn once<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen: Vec<T> = all.into_iter().collect();
    seen.dedup();
    seen
}

fn deployment(d: &Value) -> String {
    let n = |field: &str| int(d, &format!("/status/{field}"));
    let progressing = list(d, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Progressing");
    let available = list(d, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Available");
    let message = |c: Option<&Value>| {
        let c = c.cloned().unwrap_or_default();
        let name = text(&c, "/message").replace(|ch: char| ch.is_ascii_digit(), "");
        // Hashes differ, sentences do not.
        let words: Vec<&str> = name.split_whitespace().filter(|w| !w.starts_with('"')).collect();
        format!("{} {} {}", text(&c, "/status"), text(&c, "/reason"), words.join(" "))
    };
    format!(
        "observed {} replicas {} updated {} ready {} available {} unavailable {} | {} | {}",
        n("observedGeneration") == int(d, "/metadata/generation"),
        n("replicas"),
        n("updatedReplicas"),
        n("readyReplicas"),
        n("availableReplicas"),
        n("unavailableReplicas"),
        message(progressing),
        message(available),
    )
}

fn change(world: &World, r: &'static Resource, name: &str, f: impl FnOnce(&mut Value)) -> u64 {
    let version = world.store.version();
    world.store.update(r, "cortex", name, &Writer::new("test"), f).unwrap();
    version
}

fn image(d: &mut Value, to: &str) {
    set(d.pointer_mut("/spec/template/spec/containers/0").unwrap(), "/image", to);
}

#[test]
fn a_stalled_rollout_and_its_undo_go_as_recorded() {
    let (bad, undo) = (recording("bad-image-stalled"), recording("undo"));
    let first = bad[0].get("body").unwrap();
    let (mut world, clock) = at_rest(&DEPLOYMENTS, first, "registry.lab/cortex/web:1.4.0");
    let from = change(&world, &DEPLOYMENTS, "cortex-web", |d| {
        image(d, "registry.lab/cortex/web:9.9.9-missing");
    });
    world.run_for(&clock, secs(60));
    let seen = once(states(&world, &DEPLOYMENTS, from).iter().map(deployment));
    assert_eq!(seen, once(told(&bad[2]).iter().map(deployment)));

    let from = change(&world, &DEPLOYMENTS, "cortex-web", |d| {
        image(d, "registry.lab/cortex/web:1.4.0");
    });
    world.run_for(&clock, secs(60));
    let seen = once(states(&world, &DEPLOYMENTS, from).iter().map(deployment));
    assert_eq!(seen, once(told(&undo[3]).iter().map(deployment)));
    let d = world.get(&DEPLOYMENTS, &Key::new("cortex", "cortex-web")).unwrap();
    assert_eq!(annotation(&d, "deployment.kubernetes.io/revision"), "3");
}

#[test]
fn a_restart_goes_as_recorded() {
    let restart = recording("restart-watched");
    let (mut world, clock) = at_rest(
        &DEPLOYMENTS,
        restart[0].get("body").unwrap(),
        "registry.lab/cortex/web:1.4.0",
    );
    let from = change(&world, &DEPLOYMENTS, "cortex-web", |d| {
        let at = json!({"kubectl.kubernetes.io/restartedAt": "2026-11-21T12:34:56Z"});
        set(d, "/spec/template/metadata/annotations", at);
    });
    world.run_for(&clock, secs(60));
    let seen = once(states(&world, &DEPLOYMENTS, from).iter().map(deployment));
    let mut recorded = once(told(&restart[2]).iter().map(deployment));
    // Between the end of an old pod and the count of the new one two controllers raced; here they take turns.
    let raced = "observed true replicas 2 updated 1 ready 2 available 2 unavailable 1";
    recorded.retain(|state| !state.starts_with(raced));
    assert_eq!(seen, recorded);
}

#[test]
fn daemon_sets_and_stateful_sets_update_as_recorded() {
    let recorded = recording("undo-controllerrevisions");
    let created = recorded[0].get("body").unwrap();
    let (mut world, clock) = at_rest(&DAEMONSETS, created, "registry.lab/platform/log-shipper:3.1.0");
    let from = change(&world, &DAEMONSETS, "log-agent", |d| {
        image(d, "registry.lab/platform/log-shipper:3.2.0");
    });
    world.run_for(&clock, secs(60));
    let status = |o: &Value| {
        let mut status = o.get("status").cloned().unwrap_or_default();
        // The recorded one had a generation of its own before.
        super::json::remove(&mut status, "/observedGeneration");
        for hash in ["/currentRevision", "/updateRevision"] {
            super::json::remove(&mut status, hash);
        }
        status
    };
    let seen = once(states(&world, &DAEMONSETS, from).iter().map(status));
    assert_eq!(seen, once(told(&recorded[3]).iter().map(status)));

    let (mut world, clock) = at_rest(
        &STATEFULSETS,
        recorded[9].get("body").unwrap(),
        "docker.io/library/postgres:16.4",
    );
    let from = change(&world, &STATEFULSETS, "postgres", |d| {
        image(d, "docker.io/library/postgres:16.5");
    });
    world.run_for(&clock, secs(60));
    let seen = once(states(&world, &STATEFULSETS, from).iter().map(status));
    assert_eq!(seen, once(told(&recorded[11]).iter().map(status)));
}
