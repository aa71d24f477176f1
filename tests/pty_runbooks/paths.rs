//! The other ways through a runbook: its reason is gone, the plan is refused, no answer comes, it is taken back.

use quarterdeck::journal::RecordKind;
use quarterdeck::sim::kube::Fault;
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::SCALEDOBJECTS;

use crate::pty_support::{Servers, eventually};
use crate::walk::{Walk, psql};

const OBJECTS: &str = "/apis/keda.sh/v1alpha1/namespaces/cortex/scaledobjects/cortex-worker";
const BUTTON: &str = "5–5 on demo";
const STEP: &str = "8 Raise the minimum";

fn least(servers: &Servers) -> u64 {
    let object = servers
        .demo
        .store()
        .get(&SCALEDOBJECTS, "cortex", "cortex-worker")
        .unwrap();
    let least = object
        .value()
        .pointer("/spec/minReplicaCount")
        .and_then(serde_json::Value::as_u64);
    least.unwrap()
}

/// A backlog, up to the plan that raises the minimum to five.
fn to_the_plan(servers: &Servers) -> Walk {
    let mut walk = Walk::from_signal(servers, "worker-backlog", "queue default");
    walk.on("2 What is waiting?");
    // What it proposes rests on two readings of the queue.
    walk.console.see("Pods: [ 5 ]");
    walk.on("6 How many workers?");
    walk.plan(STEP, "minReplicaCount");
    walk
}

#[test]
fn a_runbook_whose_reason_is_gone_stops_at_its_gate_and_changes_nothing() {
    let servers = Servers::start();
    let mut walk = Walk::bring_only(&servers, "blocked-queries", "waiting on locks");
    assert_eq!(psql(&servers, "SELECT pg_terminate_backend(4127);"), [["t"]]);
    // The signal stays for a while; what the gate looks at does not.
    walk.console.see("4 Slow queries 1 running");
    walk.open();
    walk.console.see("it freed itself");
    walk.aborts();
    assert!(walk.home.records(RecordKind::Intent).is_empty());
}

#[test]
fn a_plan_without_the_right_to_it_cannot_be_confirmed() {
    let servers = Servers::start();
    servers.demo.server().faults().refuse("patch", "scaledobjects");
    let mut walk = to_the_plan(&servers);
    walk.console.see("permission ✗");
    assert!(!walk.console.contents().contains(BUTTON), "there is a button to press");
    walk.send("\x1b");
    walk.at(STEP);
    walk.aborts();
    assert_eq!((servers.mutating(), least(&servers)), (0, 2));
    assert!(walk.home.records(RecordKind::Intent).is_empty());
}

#[test]
fn a_change_without_an_answer_is_unknown_is_not_sent_again_and_may_be_planned_again() {
    let servers = Servers::start();
    let mut walk = to_the_plan(&servers);
    walk.console.see(BUTTON);
    servers
        .demo
        .server()
        .faults()
        .set(Rule::new("PATCH", OBJECTS, 1, Fault::Drop));
    walk.confirm("cortex-worker");
    walk.console.see("may or may not");
    assert_eq!((servers.mutating(), least(&servers)), (1, 2));
    let result = walk.home.records(RecordKind::Result).pop().unwrap();
    assert!(result.entry.outcome.contains("unknown"), "{result:?}");
    walk.send("t");
    walk.plan_again(STEP, "minReplicaCount");
    walk.confirm("cortex-worker");
    walk.at("11 Does it shrink?");
    assert_eq!((servers.mutating(), least(&servers)), (2, 5));
    walk.aborts();
}

#[test]
fn a_run_is_rolled_back_and_the_old_minimum_stands_again() {
    let servers = Servers::start();
    let mut walk = to_the_plan(&servers);
    walk.confirm("cortex-worker");
    walk.at("11 Does it shrink?");
    assert_eq!(least(&servers), 5);
    walk.send("b");
    walk.planned();
    walk.console.see("minReplicaCount 5 → 2");
    std::thread::sleep(std::time::Duration::from_millis(400));
    walk.confirm("cortex-worker");
    let undone = eventually("the roll-back is on record", || {
        let all = walk.home.records(RecordKind::Run);
        all.into_iter().rfind(|r| r.entry.what == "rolled-back")
    });
    assert!(
        undone.entry.outcome.contains("taken back") || undone.entry.outcome.contains("bounds"),
        "{undone:?}"
    );
    assert_eq!((servers.mutating(), least(&servers)), (2, 2));
    let intents = walk.home.records(RecordKind::Intent);
    assert_eq!(intents.len(), walk.home.records(RecordKind::Result).len());
    assert_eq!(intents.len(), 2);
}
