//! What the demonstration API server does beyond the recordings, asked over its own TLS: Table watches, bookmarks,
//! preconditions, collections, every kind of patch, faults on demand.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod replay_support;

use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::{DEPLOYMENTS, PODS};
use quarterdeck::sim::kube::{Fault, Status};
use replay_support::{Bench, Exchange, recording};
use serde_json::{Value, json};
use std::time::Duration;

const PODS_OF: &str = "/api/v1/namespaces/cortex/pods";
const WEB: &str = "/apis/apps/v1/namespaces/cortex/deployments/cortex-web";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

async fn bench() -> Bench {
    Bench::start("2026-11-21T11:20:16Z", |store| {
        for e in recording("lists").iter().filter(|e| !e.path.contains('?')) {
            store.load_list(&e.body);
        }
    })
    .await
}

fn exchange(method: &str, path: &str, content_type: &str, body: Value) -> Exchange {
    Exchange {
        user: "admin".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        accept: String::new(),
        content_type: content_type.to_owned(),
        request: body,
        status: 0,
        body: Value::Null,
        stream: Vec::new(),
    }
}

async fn send(bench: &Bench, method: &str, path: &str, content_type: &str, body: Value) -> (u16, Value) {
    bench.ask(&exchange(method, path, content_type, body)).await
}

async fn get(bench: &Bench, path: &str) -> (u16, Value) {
    send(bench, "GET", path, "", Value::Null).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_tables_sends_its_columns_once_and_bookmarks_on_its_way() {
    let bench = bench().await;
    let path =
        format!("{PODS_OF}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let mut rows = bench.open_as(&path, TABLE).await;
    let pods = bench.store.count(&PODS);
    for i in 0..pods {
        let event = rows.next().await;
        assert_eq!(
            (&event["type"], &event["object"]["kind"]),
            (&json!("ADDED"), &json!("Table"))
        );
        assert_eq!(event["object"]["columnDefinitions"].is_array(), i == 0);
        assert_eq!(event["object"]["rows"][0]["cells"].as_array().unwrap().len(), 9);
    }
    let end = rows.next().await;
    assert_eq!(end["type"], "BOOKMARK");
    // A bookmark comes when the time of a watch is over, too.
    let version = bench.store.version();
    let path = format!("{PODS_OF}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=1");
    let mark = bench.open(&path).await.next().await;
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["metadata"]["resourceVersion"], version.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_rests_on_what_it_names_and_a_dry_one_removes_nothing() {
    let bench = bench().await;
    let pod = bench.store.list(&PODS, Some("cortex")).remove(0);
    let path = format!("{PODS_OF}/{}", pod.meta.name);
    let delete = |preconditions: Value| {
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions});
        exchange("DELETE", &path, "application/json", body)
    };
    for wrong in [json!({"uid": "another"}), json!({"resourceVersion": "1"})] {
        let (status, body) = bench.ask(&delete(wrong)).await;
        assert_eq!((status, &body["reason"]), (409, &json!("Conflict")), "{body}");
    }
    let (status, _) = send(&bench, "DELETE", &format!("{path}?dryRun=All"), "", Value::Null).await;
    assert_eq!((status, get(&bench, &path).await.0), (200, 200));
    assert_eq!(bench.ask(&delete(json!({"uid": &*pod.meta.uid}))).await.0, 200);
    assert_eq!(get(&bench, &path).await.0, 404);
    let some = format!("{PODS_OF}?labelSelector=app%3Dcortex-web");
    assert!(!get(&bench, &some).await.1["items"].as_array().unwrap().is_empty());
    assert_eq!(send(&bench, "DELETE", &some, "", Value::Null).await.0, 200);
    assert_eq!(get(&bench, &some).await.1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_patch_changes_what_it_says_and_counts_one_generation() {
    let bench = bench().await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "w:2"}]}}}});
    let at = "/spec/template/spec/containers/0";
    let (_, before) = get(&bench, WEB).await;
    let patches = [
        ("strategic-merge-patch+json", image),
        (
            "merge-patch+json",
            json!({"metadata": {"annotations": {"a": "b"}}, "spec": {"minReadySeconds": 3}}),
        ),
        (
            "json-patch+json",
            json!([{"op": "test", "path": format!("{at}/image"), "value": "w:2"},
            {"op": "replace", "path": format!("{at}/image"), "value": "w:3"}]),
        ),
        (
            "apply-patch+yaml",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cortex-web"},
            "spec": {"replicas": 4}}),
        ),
    ];
    let mut generation = before["metadata"]["generation"].as_i64().unwrap();
    for (kind, patch) in patches {
        let path = format!("{WEB}?fieldManager=tester");
        let (status, after) = send(&bench, "PATCH", &path, &format!("application/{kind}"), patch).await;
        generation += 1;
        assert_eq!(
            (status, after["metadata"]["generation"].as_i64()),
            (200, Some(generation)),
            "{kind}: {after}"
        );
    }
    let (_, after) = get(&bench, WEB).await;
    let mut expected = before["spec"].clone();
    expected["replicas"] = json!(4);
    expected["minReadySeconds"] = json!(3);
    expected["template"]["spec"]["containers"][0]["image"] = json!("w:3");
    assert_eq!(after["spec"], expected, "nothing else of it changed");
    let stale = format!(
        "{{\"metadata\":{{\"resourceVersion\":{}}}}}",
        before["metadata"]["resourceVersion"]
    );
    let body = serde_json::from_str(&stale).unwrap();
    let (status, refused) = send(&bench, "PATCH", WEB, "application/merge-patch+json", body).await;
    assert_eq!((status, &refused["reason"]), (409, &json!("Conflict")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_on_demand_and_go() {
    let bench = bench().await;
    let faults = bench.server.faults();
    let timeout = Status::new(504, "Timeout", "request did not complete within requested timeout");
    let refusals = [
        (410, Status::expired("too old resource version")),
        (409, Status::modified(&DEPLOYMENTS, "cortex-web")),
        (422, Status::invalid("apps", "Deployment", "cortex-web", &[])),
        (504, timeout),
    ];
    for (code, status) in refusals {
        faults.set(Rule::new("GET", WEB, 1, Fault::Refuse(status)));
        let (got, body) = get(&bench, WEB).await;
        assert_eq!(
            (got, body["code"].as_u64(), &body["kind"]),
            (code, Some(u64::from(code)), &json!("Status"))
        );
        assert_eq!(get(&bench, WEB).await.0, 200, "once only");
    }
    let busy = Fault::Text {
        code: 429,
        body: "Too many requests".to_owned(),
        retry_after: Some(1),
    };
    faults.set(Rule::new("GET", WEB, 1, busy));
    assert_eq!(get(&bench, WEB).await, (429, json!("Too many requests")));
    faults.set(Rule::new("GET", WEB, 1, Fault::Delay(Duration::from_millis(1))));
    assert_eq!(get(&bench, WEB).await.0, 200);
    let version = bench.store.version();
    let mut watch = bench
        .open(&format!("{PODS_OF}?watch=1&resourceVersion={version}"))
        .await;
    faults.cut_watches();
    assert!(watch.ends().await, "the stream is cut in its middle");
    faults.expire_token("operator");
    let by_operator = Exchange {
        user: "operator".to_owned(),
        ..exchange("GET", WEB, "", Value::Null)
    };
    assert_eq!(bench.ask(&by_operator).await.0, 401);
    faults.refuse("get", "deployments");
    assert_eq!(get(&bench, WEB).await.0, 403);
    faults.clear();
    assert_eq!((get(&bench, WEB).await.0, bench.ask(&by_operator).await.0), (200, 200));
}
