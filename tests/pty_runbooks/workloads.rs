//! Workloads: a backlog gets the workers that it needs.

use quarterdeck::sim::kube::resources::{DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, SCALEDOBJECTS};

use crate::pty_support::Servers;
use crate::walk::Walk;

#[test]
fn a_backlog_is_worked_off_by_keys_though_keda_holds_the_workers() {
    let servers = Servers::fast(30);
    let number = |r, name: &str, at: &str| {
        let object = servers.demo.store().get(r, "cortex", name).unwrap();
        object.value().pointer(at).and_then(serde_json::Value::as_u64).unwrap()
    };
    let least = || number(&SCALEDOBJECTS, "cortex-worker", "/spec/minReplicaCount");
    let held = || number(&HORIZONTALPODAUTOSCALERS, "keda-hpa-cortex-worker", "/spec/minReplicas");
    let waiting = || servers.demo.redis().workers().waiting("default");
    assert!(waiting() > 2000);
    assert_eq!((least(), held()), (2, 2));
    let mut walk = Walk::from_signal(&servers, "worker-backlog", "queue default");
    walk.on("2 What is waiting?");
    walk.at("6 How many workers?");
    walk.console.see("holds 2 to 4");
    walk.choose("6 How many workers?", "10");
    walk.plan("8 Raise the minimum", "minReplicaCount");
    assert_eq!(servers.mutating(), 0, "nothing was confirmed yet");
    walk.confirm("cortex-worker");
    walk.ends(&[("hpa-bounds", "cortex-worker")]);
    assert_eq!((least(), held(), servers.mutating()), (10, 10, 1));
    assert!(number(&DEPLOYMENTS, "cortex-worker", "/status/readyReplicas") >= 9);
    assert!(waiting() <= 500);
}

#[test]
fn a_worker_that_crashes_since_its_release_is_rolled_back_by_keys() {
    let servers = Servers::start();
    let status = |field: &str| {
        let worker = servers
            .demo
            .store()
            .get(&DEPLOYMENTS, "cortex", "cortex-worker")
            .unwrap()
            .value();
        worker.pointer(field).cloned().unwrap_or_default()
    };
    let image = "/spec/template/spec/containers/0/image";
    assert_eq!(status(image), "registry.lab/cortex/worker:1.5.0");
    let mut walk = Walk::from_signal(&servers, "crash-loop", "crash looping");
    walk.on("2 How does it end?");
    walk.on("3 What does it say last?");
    walk.on("4 One pod or all?");
    walk.on("5 A release just before?");
    walk.choose("6 What will you do?", "roll back");
    walk.plan("8 Roll back", "worker:1.4.2");
    assert_eq!(servers.mutating(), 0, "nothing was confirmed yet");
    walk.confirm("cortex-worker");
    walk.ends(&[("roll-back", "cortex-worker")]);
    assert_eq!(servers.mutating(), 1);
    assert_eq!(status(image), "registry.lab/cortex/worker:1.4.2");
    assert_eq!(status("/status/availableReplicas"), status("/spec/replicas"));
}

#[test]
fn errors_after_a_release_end_with_its_roll_back_by_keys() {
    let servers = Servers::start();
    assert!(failing(&servers) > 0.01);
    let mut walk = Walk::from_signal(&servers, "high-error-rate", "requests fail");
    walk.on("2 How bad is it?");
    walk.on("3 What changed?");
    walk.on("4 What will you do?");
    walk.plan("6 Roll back", "api:1.5.0");
    assert_eq!(servers.mutating(), 0, "nothing was confirmed yet");
    walk.confirm("cortex-api");
    walk.ends(&[("roll-back", "cortex-api")]);
    let api = servers
        .demo
        .store()
        .get(&DEPLOYMENTS, "cortex", "cortex-api")
        .unwrap()
        .value();
    assert_eq!(
        api.pointer("/spec/template/spec/containers/0/image").unwrap(),
        "registry.lab/cortex/api:1.5.0"
    );
    assert_eq!(api.pointer("/status/availableReplicas"), api.pointer("/spec/replicas"));
    let share = failing(&servers);
    assert!(share < 0.01, "{share}");
}

/// The share of requests that fail, as Prometheus says.
fn failing(servers: &Servers) -> f64 {
    let query = "sum(rate(http_requests_total{status=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))";
    let url = format!("{}/api/v1/query", servers.demo.prometheus().url());
    let out = std::process::Command::new("curl")
        .args(["-sG", "--data-urlencode", &format!("query={query}"), &url])
        .output()
        .expect("curl is missing: run tests/all, which installs it");
    let answer: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let share = answer
        .pointer("/data/result/0/value/1")
        .and_then(serde_json::Value::as_str);
    share.unwrap().parse().unwrap()
}
