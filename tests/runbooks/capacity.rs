//! Room: memory, nodes, autoscalers; and backups.

use std::collections::BTreeSet;

use quarterdeck::journal::RecordKind;
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::sim::kube::Writer;
use quarterdeck::sim::kube::resources::{CRONJOBS, DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, JOBS, NODES, PODS};
use serde_json::Value;

use crate::person::{Person, platform};
use crate::world::{change, field, object, release};

const MEMORY: &str = "deployment/cortex/memory-api";
const LIMIT: &str = "/spec/template/spec/containers/0/resources/limits/memory";

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_kills_is_raised_and_an_autoscaler_gets_room() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    p.stops("out-of-memory", MEMORY, &[("workload", MEMORY)]).await;
    release(&demo, "memory-api", "registry.lab/cortex/memory-api:2.1.1-oom");
    let killed = || {
        let pods = demo.store().list(&PODS, Some("cortex"));
        pods.iter().any(|p| {
            let last = "/status/containerStatuses/0/lastState/terminated/reason";
            p.meta.label("app") == Some("memory-api") && p.value().pointer(last) == Some(&"OOMKilled".into())
        })
    };
    let params = [("workload", MEMORY), ("memory", "1Gi")];
    p.until("a pod is killed", |_| killed()).await;
    p.begins("out-of-memory", MEMORY, &params).await;
    p.on("Leak or limit?").await;
    p.passes("Does anything serve?", "What will you do?").await;
    p.chooses("What will you do?", "raise the limit").await;
    p.on("How much memory?").await;
    p.does("Raise the limit").await;
    p.on("Tell others").await;
    p.ends(&[("set-resources", "memory-api")]).await;
    assert_eq!(field(&demo, &DEPLOYMENTS, "memory-api", LIMIT), "1Gi");

    let api = "deployment/cortex/cortex-api";
    p.stops("scale-for-load", api, &[("workload", api)]).await;
    let most = |name: &str| field(&demo, &HORIZONTALPODAUTOSCALERS, name, "/spec/maxReplicas");
    change(
        &demo,
        &HORIZONTALPODAUTOSCALERS,
        "memory-api-hpa",
        "/spec/maxReplicas",
        2,
    );
    p.begins("scale-for-load", MEMORY, &[("workload", MEMORY)]).await;
    p.on("What is the load?").await;
    p.chooses("Which maximum?", "5").await;
    p.does("Raise the bounds").await;
    p.on("Tell others").await;
    p.ends(&[("hpa-bounds", "memory-api-hpa")]).await;
    assert_eq!(most("memory-api-hpa"), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_get_their_place_back_and_a_node_is_closed_and_a_backup_made() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    let docs = "deployment/cortex/docs-green";
    let cpu = "/spec/template/spec/containers/0/resources/requests/cpu";
    p.stops("pending-pods", docs, &[("workload", docs)]).await;
    change(&demo, &DEPLOYMENTS, "docs-green", cpu, "8");
    let pending = || {
        let pods = demo.store().list(&PODS, Some("cortex"));
        let waits = |v: &Value| v.pointer("/status/phase") == Some(&"Pending".into());
        pods.iter()
            .any(|p| p.meta.label("version") == Some("green") && waits(&p.value()))
    };
    p.until("a pod has no place", |_| pending()).await;
    p.begins("pending-pods", docs, &[("workload", docs)]).await;
    p.on("Why no place?").await;
    p.chooses("What will you do?", "roll back").await;
    p.does("Roll back").await;
    p.on("Tell others").await;
    p.ends(&[("roll-back", "docs-green")]).await;
    assert_eq!(field(&demo, &DEPLOYMENTS, "docs-green", cpu), "50m");

    let name = least_busy(&demo);
    let node = format!("node/{name}");
    p.stops("node-drain", &node, &[]).await;
    heard_of(&demo, &name, false);
    p.begins("node-drain", &node, &[]).await;
    p.on("What is wrong?").await;
    p.chooses("What will you do?", "cordon").await;
    p.does("Close it to new pods").await;
    p.skips("Do the pods run?", "they do, on the others").await;
    p.on("Tell others").await;
    p.ends(&[("cordon", &name)]).await;
    let node = demo.store().get(&NODES, "", &name).unwrap().value();
    assert_eq!(node.pointer("/spec/unschedulable"), Some(&true.into()));

    let on = "cronjob/cortex/backup";
    p.stops("backup-restore", on, &[]).await;
    let cron = object(&demo, &CRONJOBS, "backup");
    let mut job = cron.pointer("/spec/jobTemplate").unwrap().clone();
    job["apiVersion"] = "batch/v1".into();
    job["kind"] = "Job".into();
    job["metadata"] = serde_json::json!({"name": "backup-tonight", "namespace": "cortex", "ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "backup", "controller": true,
        "uid": cron.pointer("/metadata/uid").unwrap()}]});
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.lab/cortex/backup:1.4.0-crash".into();
    job["status"] = serde_json::json!({});
    demo.store()
        .create(&JOBS, job, &Writer::new("cronjob-controller"))
        .unwrap();
    p.begins("backup-restore", on, &[]).await;
    p.until("the backup failed", |_| {
        object(&demo, &JOBS, "backup-tonight")
            .pointer("/status/failed")
            .is_some()
    })
    .await;
    p.on("Why did it fail?").await;
    p.does("Run it again").await;
    p.notes("Can it be read?", "restored into a scratch database").await;
    p.on("Tell others").await;
    let jobs = demo.store().list(&JOBS, Some("cortex"));
    let made = jobs.iter().map(|j| j.meta.name.to_string());
    let made = made.filter(|n| n.starts_with("backup-") && *n != "backup-tonight");
    let newest = made
        .max_by_key(|n| field(&demo, &JOBS, n, "/metadata/creationTimestamp"))
        .unwrap();
    p.ends(&[("create-job", &newest)]).await;
}

/// Names of the pods on a node, but for those of its DaemonSets.
fn pods_on(demo: &Demo, node: &str) -> BTreeSet<String> {
    let all = demo.store().list(&PODS, None);
    let on = |v: &Value| {
        let of_all = v.pointer("/metadata/ownerReferences/0/kind") == Some(&"DaemonSet".into());
        v.pointer("/spec/nodeName").and_then(Value::as_str) == Some(node) && !of_all
    };
    let here = all.iter().filter(|p| on(&p.value()));
    here.map(|p| p.meta.name.to_string()).collect()
}

/// The node with the fewest pods, but some.
fn least_busy(demo: &Demo) -> String {
    let nodes = demo.store().list(&NODES, None);
    let names = nodes.iter().map(|n| n.meta.name.to_string());
    names
        .filter(|n| !pods_on(demo, n).is_empty())
        .min_by_key(|n| pods_on(demo, n).len())
        .unwrap()
}

/// Nobody hears of the node any more, or it is back.
fn heard_of(demo: &Demo, name: &str, is: bool) {
    demo.store()
        .update_status(&NODES, "", name, &Writer::new("node-controller"), |node| {
            for condition in node.pointer_mut("/status/conditions").unwrap().as_array_mut().unwrap() {
                let (status, reason) = match (is, condition["type"] == "Ready") {
                    (false, _) => ("Unknown", "NodeStatusUnknown"),
                    (true, true) => ("True", "KubeletReady"),
                    (true, false) => ("False", "KubeletHasNoPressure"),
                };
                condition["status"] = status.into();
                condition["reason"] = reason.into();
            }
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pods_of_a_node_that_is_not_well_are_moved_one_after_the_other() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Where a release has stalled, its budget lets no pod go.
    let options = demo::Options {
        calm: true,
        pace: 10,
        ..demo::Options::default()
    };
    let demo = demo::start(options).await.unwrap();
    let mut p = Person::sits(&demo).await;
    let name = least_busy(&demo);
    heard_of(&demo, &name, false);
    p.begins("node-drain", &format!("node/{name}"), &[]).await;
    p.on("What is wrong?").await;
    p.chooses("What will you do?", "drain").await;
    // It answers again: while it does not, no pod on it is seen to stop. Nobody trusts it any more.
    heard_of(&demo, &name, true);
    let before = pods_on(&demo, &name);
    p.does("Move its pods").await;
    p.skips("Do the pods run?", "they do, on the others").await;
    p.on("Tell others").await;
    let sent = p.records(RecordKind::Intent);
    let targets: Vec<&str> = sent.iter().map(|r| &*r.entry.target.as_ref().unwrap().name).collect();
    assert_eq!(targets[0], name, "closed to new pods before any is moved");
    assert_eq!(
        targets[1..].iter().map(|t| (*t).to_owned()).collect::<BTreeSet<_>>(),
        before
    );
    let expected: Vec<(&str, &str)> = targets.iter().map(|t| ("drain", *t)).collect();
    p.ends(&expected).await;
    assert_eq!(pods_on(&demo, &name), BTreeSet::new());
    let node = demo.store().get(&NODES, "", &name).unwrap().value();
    assert_eq!(node.pointer("/spec/unschedulable"), Some(&true.into()));
}
