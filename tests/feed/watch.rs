//! Rows come, change and go; only what is wanted is watched.

use std::time::Instant;

use super::lab::{Lab, PODS_PATH, cortex, quick};
use quarterdeck::model::{FeedId, Freshness, Key, Kind, Scope};
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::{EVENTS, PODS};
use quarterdeck::sim::kube::{Fault, Status, Writer};
use serde_json::json;

#[tokio::test]
async fn rows_come_change_and_go_as_the_objects_do() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(2).await;
    lab.add_pods(["c".to_owned()]);
    deck.pods(3).await;
    lab.delete_pod("a");
    deck.pods(2).await;
    lab.store()
        .update_status(&PODS, "cortex", "b", &Writer::new("test"), |p| {
            p["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        })
        .unwrap();
    deck.until("the new status", |w| {
        &*w.pods[&Key::new("cortex", "b")].status == "CrashLoopBackOff"
    })
    .await;
    let paths: Vec<String> = lab.server.requests().all().iter().map(|r| r.path.clone()).collect();
    assert_eq!(
        paths.len(),
        1,
        "one request for the list, the watch and every change: {paths:?}"
    );
    assert!(deck.cluster.meter().requests() == 1 && deck.cluster.meter().writes() == 0);
}

#[tokio::test]
async fn once_everything_is_fresh_nothing_more_is_asked_for() {
    let lab = Lab::new().await;
    lab.load_recording();
    let mut deck = lab.deck("admin", cortex(), &Kind::ALL, quick()).await;
    deck.until("all kinds fresh", |w| {
        Kind::ALL.iter().all(|k| w.feed(FeedId::Watch(*k)).is_fresh())
    })
    .await;
    let paths = || -> Vec<String> { lab.server.requests().all().iter().map(|r| r.path.clone()).collect() };
    let asked = paths();
    assert_eq!(asked.len(), Kind::ALL.len(), "one request a kind: {asked:#?}");
    // Many times the longest of the waiting times that it was told, while rows come and go.
    let (begun, longest) = (
        Instant::now(),
        quick().forbidden.max(quick().metrics).max(quick().backoff_max),
    );
    let mut pods = deck.world.pods.len();
    while begun.elapsed() < 10 * longest || pods < 30 {
        pods += 1;
        lab.add_pods([format!("another-{pods}")]);
        deck.pods(pods).await;
    }
    assert_eq!(paths(), asked, "at rest nothing is asked for");
    assert_eq!(deck.cluster.meter().requests(), asked.len() as u64);
}

#[tokio::test]
async fn without_streaming_lists_pages_are_read_and_an_expired_page_begins_again() {
    let lab = Lab::new().await;
    lab.add_pods((0..1200).map(|i| format!("p{i:04}")));
    let refused = Status::invalid("", "ListOptions", "", &[]);
    lab.server.faults().set(Rule {
        contains: "sendInitialEvents".to_owned(),
        ..Rule::new("GET", "", usize::MAX, Fault::Refuse(refused))
    });
    let expired = Status::expired("The provided continue parameter is too old");
    lab.server.faults().set(Rule {
        contains: "continue=".to_owned(),
        ..Rule::new("GET", PODS_PATH, 1, Fault::Refuse(expired))
    });
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1200).await;
    let pages = lab
        .server
        .requests()
        .all()
        .iter()
        .filter(|r| r.path.contains("limit=500"))
        .count();
    assert_eq!(
        pages,
        1 + 1 + 3,
        "a page, the expired one, and three from the beginning"
    );
    lab.delete_pod("p0007");
    deck.pods(1199).await;
}

#[tokio::test]
async fn only_what_is_wanted_is_watched_and_what_is_no_longer_wanted_is_let_go() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    lab.store().put(
        &EVENTS,
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "cortex"},
        "involvedObject": {"kind": "Pod", "name": "a"}, "type": "Warning", "reason": "BackOff",
        "lastTimestamp": "2026-11-21T11:00:00Z"}),
    );
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    assert!(lab.server.requests().all().iter().all(|r| !r.path.contains("/events")));
    deck.demand.send_modify(|d| _ = d.kinds.insert(Kind::Event));
    deck.until("the event", |w| w.events.len() == 1).await;
    deck.demand.send_modify(|d| _ = d.kinds.remove(&Kind::Event));
    deck.until("the event let go", |w| {
        w.events.is_empty() && *w.feed(FeedId::Watch(Kind::Event)) == Freshness::Off
    })
    .await;
    deck.fresh(Kind::Pod).await;
}

#[tokio::test]
async fn every_kind_of_a_real_cluster_has_its_rows() {
    let lab = Lab::new().await;
    lab.load_recording();
    let mut deck = lab.deck("admin", Scope::All, &Kind::ALL, quick()).await;
    deck.until("all kinds fresh", |w| {
        Kind::ALL.iter().all(|k| w.feed(FeedId::Watch(*k)).is_fresh())
    })
    .await;
    let w = &deck.world;
    assert!(w.skew.abs() < jiff::SignedDuration::from_secs(2));
    for r in w.replica_sets.values() {
        assert!(r.number > 0 && !r.hash.is_empty() && r.images.len() == 1, "{r:?}");
    }
    let api = &w.deployments[&Key::new("cortex", "cortex-api")];
    let pods = w.pods_of(api).count();
    assert_eq!(pods as u32, api.replicas, "pods are found through their ReplicaSets");
    let hpa = w.hpa_of(api).expect("its autoscaler");
    assert_eq!(
        (hpa.min, hpa.max, hpa.metrics[0].current, hpa.metrics[0].target),
        (3, 10, Some(16.0), 70.0)
    );
    let pod = w.pods_of(api).next().unwrap();
    let budget = w.budgets_of(pod).next().expect("its budget");
    assert_eq!(
        (&*budget.rule, budget.allowed, budget.observed),
        ("minAvailable: 2", 1, true)
    );
    let quota = &w.quotas[&Key::new("cortex", "cortex-quota")];
    let cpu = quota.items.iter().find(|i| &*i.resource == "requests.cpu").unwrap();
    assert_eq!((cpu.used, &*cpu.used_text, cpu.hard), (2.55, "2550m", 100.0));
    let sts = &w.stateful_sets[&Key::new("cortex", "postgres")];
    assert_eq!(
        w.newest_revision(sts).map(|r| (r.number, &*r.hash)),
        Some((1, "95957579c"))
    );
    assert!(w.cron_jobs[&Key::new("cortex", "cortex-backup")].last_success.is_some());
    assert!(
        w.jobs
            .values()
            .all(|j| j.succeeded == 1 && j.failure.is_none() && j.completed.is_some())
    );
    assert!(
        w.events
            .values()
            .any(|e| &*e.reason == "Scheduled" && &*e.source == "default-scheduler")
    );
}
