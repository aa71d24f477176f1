//! What a real API server answered, asked again of ours: status, reason, details, generations, objects and Tables are
//! equal, minus the reviewed list of exceptions in `tests/recordings/exceptions.json`.
//!
//! Controllers are off: what they wrote is taken from the recorded reads, and every write and refusal is our server's.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod replay_support;

use quarterdeck::sim::kube::resources::{DEPLOYMENTS, PODS};
use quarterdeck::sim::kube::{Change, Store, resource};
use replay_support::{Bench, Exceptions, Exchange, compare, recording};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The recordings of one cluster, in the order in which they were made.
const SCENARIOS: &[&str] = &[
    "restart-watched",
    "watch-edges",
    "scale",
    "hpa",
    "eviction",
    "bad-image-stalled",
    "undo",
    "refusals",
    "permissions",
    "certificates",
    "logs",
    "undo-controllerrevisions",
    "nodes",
    "changes",
];

fn fillers(store: &Store) {
    // The recorded cluster had 100 nodes and 55 namespaces, of which the list shows the first: the others are empty.
    let load = |kind: &str, items: Vec<Value>| {
        store.load_list(
            &json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
        );
    };
    let named = |name: String| json!({"metadata": {"name": name, "uid": name, "resourceVersion": "1"}});
    load(
        "NodeList",
        (2..100).map(|i| named(format!("lab-node-{i:03}"))).collect(),
    );
    load(
        "NamespaceList",
        (3..55).map(|i| named(format!("load-{i:02}"))).collect(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_those_of_the_real_server() {
    let bench = Bench::start("2026-11-21T11:20:16Z", |store| {
        for e in recording("lists") {
            store.load_list(&e.body);
        }
        fillers(store);
    })
    .await;
    let mut exceptions = Exceptions::read("lists");
    for (at, exchange) in recording("lists").iter().enumerate() {
        let (status, body) = bench.ask(exchange).await;
        assert_eq!(status, exchange.status, "lists {at} {}", exchange.path);
        exceptions.check(at, compare(&exchange.body, &body));
    }
    assert_eq!(exceptions.finish(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_refusals_and_reads_are_those_of_the_real_server() {
    let bench = Bench::start("2026-11-21T11:20:16Z", |store| {
        for e in recording("lists") {
            if !e.path.contains('?') || e.path.contains("limit=2") || e.path.contains("limit=3") {
                store.load_list(&e.body);
            }
        }
        // The recorded cluster had pods in other namespaces, of which nothing but the number is known.
        let pod = |i| {
            json!({"metadata": {"name": format!("p-{i}"), "namespace": "load-999", "uid": format!("p-{i}"),
            "resourceVersion": "1"}, "spec": {"nodeName": "lab-node-050"}})
        };
        let pods: Vec<Value> = (0..9_991).map(pod).collect();
        store.load_list(
            &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods}),
        );
    })
    .await;
    let mut left = Vec::new();
    for scenario in SCENARIOS {
        let mut exceptions = Exceptions::read(scenario);
        for (at, exchange) in recording(scenario).iter().enumerate() {
            for step in exceptions.steps(at) {
                bench.step(&step);
            }
            if !exchange.stream.is_empty() {
                // Whole streams are replayed in a test of their own; here they tell what controllers did.
                bench.follow(exchange);
                continue;
            }
            bench.prepare(exchange).await;
            let (status, body) = bench.ask(exchange).await;
            let place = format!("{scenario} {at} {} {}", exchange.method, exchange.path);
            if status != exchange.status {
                exceptions.fail(format!("{place}: {status} instead of {}: {body}", exchange.status));
                continue;
            }
            let (expected, got) = exchange.comparable(&body);
            exceptions.check(at, compare(&expected, &got));
            bench.settle(exchange);
        }
        left.extend(exceptions.finish());
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
    assert!(bench.server.requests().total() > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_delivers_the_recorded_changes_one_by_one() {
    let mut streams = 0;
    for scenario in SCENARIOS {
        for exchange in recording(scenario).iter().filter(|e| !e.stream.is_empty()) {
            if exchange.path.contains("sendInitialEvents") {
                continue;
            }
            let from = exchange.path.rsplit("resourceVersion=").next().unwrap();
            let bench = Bench::start("2026-11-21T11:20:16Z", |store| {
                let empty =
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": from}, "items": []});
                let mut seen = Vec::new();
                for event in &exchange.stream {
                    let object = &event["object"];
                    let name = object["metadata"]["name"].clone();
                    if event["type"] != "ADDED" && event["type"] != "BOOKMARK" && !seen.contains(&name) {
                        let mut before = object.clone();
                        before["metadata"]["resourceVersion"] = json!("1");
                        store.load_change(Change::Added, &before);
                    }
                    seen.push(name);
                }
                store.load_list(&empty);
            })
            .await;
            let expected: Vec<&Value> = exchange.stream.iter().filter(|e| e["type"] != "BOOKMARK").collect();
            let mut watch = bench.open(&exchange.path).await;
            for event in &expected {
                bench.load(event);
            }
            for (at, event) in expected.iter().enumerate() {
                let got = watch.next().await;
                assert_eq!(
                    compare(event, &got),
                    BTreeMap::new(),
                    "{scenario} {} event {at}",
                    exchange.path
                );
            }
            streams += 1;
        }
    }
    assert_eq!(streams, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_streaming_list_sends_what_is_there_and_then_says_so() {
    let exchange = recording("watch-edges").remove(0);
    let bench = Bench::start("2026-11-21T11:20:16Z", |store| {
        for event in exchange.stream.iter().filter(|e| e["type"] == "ADDED") {
            store.load_change(Change::Added, &event["object"]);
        }
        store.load_list(
            &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "59921"}, "items": []}),
        );
    })
    .await;
    let mut watch = bench.open(&exchange.path).await;
    let mut events = BTreeMap::new();
    for _ in 1..exchange.stream.len() {
        let event = watch.next().await;
        events.insert(event["object"]["metadata"]["name"].to_string(), event);
    }
    let end = watch.next().await;
    assert_eq!(end, *exchange.stream.last().unwrap());
    for event in exchange.stream.iter().filter(|e| e["type"] == "ADDED") {
        assert_eq!(&events[&event["object"]["metadata"]["name"].to_string()], event);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_have_the_recorded_columns_and_cells() {
    let known = replay_support::every_recorded_object();
    let mut rows = 0;
    for exchange in recording("tables") {
        let (path, query) = exchange.path.split_once('?').unwrap_or((&exchange.path, ""));
        let words: Vec<&str> = path.split('/').filter(|w| !w.is_empty()).collect();
        let group = if words[0] == "apis" { words[1] } else { "" };
        let r = resource(group, words.last().unwrap()).unwrap();
        // Only what is recorded whole, at the very version of the Table, can be asked for again.
        let find = |row: &Value| {
            let meta = &row["object"]["metadata"];
            known.get(&format!("{} {} {}", r.kind, meta["uid"], meta["resourceVersion"]))
        };
        let expected: Vec<Value> = exchange.body["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| find(row).is_some())
            .cloned()
            .collect();
        let bench = Bench::start("2026-11-21T11:47:32.3Z", |store| {
            for row in &expected {
                store.load_change(Change::Added, find(row).unwrap());
            }
        })
        .await;
        let (status, body) = bench
            .ask(&Exchange {
                path: path.to_owned(),
                ..exchange.clone()
            })
            .await;
        assert_eq!(status, 200, "{path} {query}");
        assert_eq!(body["kind"], "Table");
        assert_eq!(body["columnDefinitions"], exchange.body["columnDefinitions"], "{path}");
        let got = body["rows"].as_array().unwrap();
        assert_eq!(got.len(), expected.len(), "{path}");
        for (row, expected) in got.iter().zip(&expected) {
            assert_eq!(row["cells"], expected["cells"], "{path}");
            assert_eq!(row.get("conditions"), expected.get("conditions"), "{path}");
            assert_eq!(compare(&expected["object"], &row["object"]), BTreeMap::new(), "{path}");
            rows += 1;
        }
    }
    assert!(rows >= 30, "only {rows} rows could be compared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_is_described_as_the_real_server_describes_it() {
    let bench = Bench::start("2026-11-21T11:20:16Z", |_| {}).await;
    let mut exceptions = Exceptions::read("discovery");
    for (at, exchange) in recording("discovery").iter().enumerate() {
        let (status, body) = bench.ask(exchange).await;
        assert_eq!(status, exchange.status, "{}", exchange.path);
        // We serve less; what we serve is described alike.
        let mut expected = exchange.body.clone();
        for field in ["resources", "groups"] {
            let ours: Vec<Value> = body[field].as_array().cloned().unwrap_or_default();
            let served = |v: &Value| ours.iter().any(|o| o["name"] == v["name"]);
            if let Some(list) = expected.get_mut(field).and_then(Value::as_array_mut) {
                list.retain(served);
                for entry in list.iter_mut().filter_map(Value::as_object_mut) {
                    entry.remove("storageVersionHash");
                    entry.remove("data");
                }
                list.sort_by_key(|v| v["name"].to_string());
            }
        }
        let mut got = body.clone();
        if let Some(list) = got.get_mut("groups").and_then(Value::as_array_mut) {
            list.retain(|g| {
                !["cert-manager.io", "acme.cert-manager.io", "keda.sh"]
                    .contains(&g["name"].as_str().unwrap_or_default())
            });
            list.sort_by_key(|v| v["name"].to_string());
        }
        exceptions.check(at, compare(&expected, &got));
    }
    assert_eq!(exceptions.finish(), Vec::<String>::new());
    assert!(resource("apps", "deployments").is_some_and(|r| r == &DEPLOYMENTS));
    assert_eq!(bench.store.count(&PODS), 0);
}

/// Every leaf of a document, by pointer.
fn leaves(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (k, v) in map {
                leaves(v, format!("{at}/{}", k.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (i, v) in list.iter().enumerate() {
                leaves(v, format!("{at}/{i}"), out);
            }
        }
        _ => out.push(at),
    }
}

#[test]
fn any_one_mutation_of_an_answer_is_found_where_it_is() {
    let (mut tried, mut quoting) = (0, 0);
    for scenario in ["scale", "refusals", "hpa", "eviction", "certificates"] {
        for exchange in recording(scenario) {
            let mut paths = Vec::new();
            leaves(&exchange.body, String::new(), &mut paths);
            for path in paths {
                let mut mutated = exchange.body.clone();
                let leaf = mutated.pointer_mut(&path).unwrap();
                *leaf = match leaf.take() {
                    Value::String(s) => json!(format!("{s} ")),
                    Value::Number(n) => json!(n.as_i64().unwrap() + 1),
                    Value::Bool(b) => json!(!b),
                    _ => json!("something"),
                };
                let found = compare(&exchange.body, &mutated);
                let at = found.keys().next().cloned().unwrap_or_default();
                assert!(
                    found.len() == 1 && at.starts_with(&path),
                    "{scenario} {path}: {found:?}"
                );
                quoting += usize::from(at != path);
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000 && quoting >= 2, "{tried} {quoting}");
}

#[test]
fn an_exception_covers_its_place_only_and_must_be_needed() {
    let differences = |path: &str| BTreeMap::from([(path.to_owned(), (json!(1), json!(2)))]);
    let mut exceptions = Exceptions::read("watch-edges");
    exceptions.check(1, differences("/object/message"));
    exceptions.check(1, differences("/object/code"));
    exceptions.check(2, differences("/object/message"));
    let left = exceptions.finish();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left[0].contains("/object/code") && left[1].contains("watch-edges 2"),
        "{left:?}"
    );
    let unused = Exceptions::read("watch-edges").finish();
    assert!(unused.len() == 1 && unused[0].contains("not needed"), "{unused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_deviates_is_found() {
    let asked = recording("lists")
        .into_iter()
        .find(|e| e.path.ends_with("/cortex/deployments"))
        .unwrap();
    let bench = Bench::start("2026-11-21T11:20:16Z", |store| {
        let mut list = asked.body.clone();
        list["items"][0]["status"]["readyReplicas"] = json!(77);
        list["items"][1]["metadata"]["generation"] = json!(99);
        store.load_list(&list);
    })
    .await;
    let (_, body) = bench.ask(&asked).await;
    let found: Vec<String> = compare(&asked.body, &body).into_keys().collect();
    assert_eq!(found, ["/items/0/status/readyReplicas", "/items/1/metadata/generation"]);
}
