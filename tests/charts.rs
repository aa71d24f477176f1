//! What a chart asks: of Debian's Prometheus, and of the demonstration platform's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod prometheus_support;
mod sources_support;

use std::sync::Arc;

use jiff::Timestamp;
use prometheus_support::{close, exporter, prometheus_in};
use quarterdeck::feed::kube::Access;
use quarterdeck::feed::prometheus::{CHARTS, Ranges};
use quarterdeck::feed::{Pace, SourceContext};
use quarterdeck::model::{Found, Pick, RangeAsk};
use quarterdeck::sim::kube::Platform as _;
use quarterdeck::sim::kube::resources::PODS;
use quarterdeck::sim::world::WorldPlatform;
use sources_support::stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_what_was_scraped_and_before_that_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let exporter = exporter();
    let of = |pod: &str, container: &str| format!("{{namespace=\"a\",pod=\"{pod}\",container=\"{container}\"}}");
    // The pod's own cgroup counts its containers once more, and the pause container is not the pod's doing.
    for (pod, container, bytes) in [
        ("api-0", "api", 100.0),
        ("api-0", "sidecar", 11.0),
        ("api-0", "", 111.0),
        ("api-0", "POD", 7.0),
        ("api-1", "api", 300.0),
        ("api-1-of-another", "api", 900.0),
    ] {
        exporter.set(
            &format!("container_memory_working_set_bytes{}", of(pod, container)),
            bytes,
            0.0,
        );
    }
    let limit =
        "kube_pod_container_resource_limits{namespace=\"a\",pod=\"api-0\",resource=\"memory\",container=\"api\"}";
    exporter.set(limit, 128.0, 0.0);
    exporter.backfill(folder.path(), "", 7);
    let server = prometheus_in(folder, &[], "groups: []", None, &[]).await;
    let mut source = prometheus_support::source(&server.url());
    source.queries.insert(
        "queue.ready".into(),
        "sum(http_requests_total{queue=\"$queue\"}) or vector(4)".into(),
    );
    source.queries.insert("redis.memory".into(), "sum(".into());
    let ranges = Ranges::new(&source, &SourceContext::alone(Pace::Slow)).unwrap();
    let now = jiff::Timestamp::now().as_second();
    let ask = |id: &'static str, bound: Option<&'static str>, seconds: i64, step: i64| RangeAsk {
        source: None,
        id,
        bound,
        about: [
            ("namespace", "a"),
            ("pod", "api-0"),
            ("pods", "api-[0-9]+"),
            ("workload", "api"),
            ("queue", "x\"} or vector(9)"),
        ]
        .map(|(k, v)| (k, v.into()))
        .to_vec(),
        pick: Pick::Highest,
        to: now,
        seconds,
        step,
    };
    for (seconds, step) in [(3_600, 60), (86_400, 900)] {
        let answer = ranges
            .ask(&ask("pod.memory", Some("pod.memory-limit"), seconds, step))
            .await;
        let Found::Series { points, bound, .. } = &answer.found else {
            panic!("{answer:?}")
        };
        assert!(points.iter().all(|(_, v)| close(*v, 111.0, 1e-9)), "{points:?}");
        assert!(bound.last().is_some_and(|(_, v)| close(*v, 128.0, 1e-9)), "{bound:?}");
        let first = points[0].0;
        assert!(
            first >= now - (7 * 3_600).min(seconds) - step,
            "nothing was scraped then: {first}"
        );
        assert!(points.len() as i64 <= seconds / step + 1);
    }
    let answer = ranges.ask(&ask("workload.memory", None, 3_600, 60)).await;
    let Found::Series { points, .. } = &answer.found else {
        panic!("{answer:?}")
    };
    assert!(
        points.iter().all(|(_, v)| close(*v, 300.0, 1e-9)),
        "of the largest pod: {points:?}"
    );
    // The server takes every text; what it has no series of is said to be absent, and what is wrong is said to be wrong.
    for query in CHARTS.iter().filter(|q| !q.text.is_empty()) {
        for step in [15, 900] {
            let found = ranges.ask(&ask(query.id, None, step * 20, step)).await.found;
            assert!(
                matches!(found, Found::Series { .. } | Found::NoSeries { .. }),
                "{}: {found:?}",
                query.id
            );
        }
    }
    let found = ranges.ask(&ask("pod.throttled", None, 3_600, 60)).await.found;
    assert!(
        matches!(&found, Found::NoSeries { needs } if needs.contains("cAdvisor")),
        "{found:?}"
    );
    assert_eq!(
        ranges.ask(&ask("queue.oldest", None, 3_600, 60)).await.found,
        Found::NotAsked
    );
    let found = ranges.ask(&ask("queue.ready", None, 3_600, 60)).await.found;
    let Found::Series { points, .. } = found else {
        panic!("{found:?}")
    };
    assert!(
        points.iter().all(|(_, v)| close(*v, 4.0, 1e-9)),
        "a name stays a name: {points:?}"
    );
    let answer = ranges.ask(&ask("redis.memory", None, 3_600, 60)).await;
    assert!(
        matches!(&answer.found, Found::Failed(why) if why.contains("parse error")),
        "{answer:?}"
    );
    assert_eq!(answer.query, "sum(");
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_show_the_incident_as_it_came() {
    let stage = stage("demo", Access::Operator).await;
    let ranges = Ranges::new(&stage.platform.prometheus[0], &stage.context).unwrap();
    let now = Timestamp::now().as_second();
    let ask = |id: &'static str, seconds: i64, step: i64, about: &[(&'static str, &str)], pick: Pick| RangeAsk {
        source: None,
        id,
        bound: None,
        about: about.iter().map(|(k, v)| (*k, (*v).into())).collect(),
        pick,
        to: now,
        seconds,
        step,
    };
    let points = async |ask: RangeAsk| match ranges.ask(&ask).await.found {
        Found::Series { points, .. } => points,
        other => panic!("{}: {other:?}", ask.id),
    };
    let api = [("namespace", "cortex"), ("workload", "cortex-api")];
    let ready = points(ask("deployment.ready", 3_600, 60, &api, Pick::Highest)).await;
    let fell = ready.iter().find(|(_, v)| *v < 5.0).unwrap().0;
    assert!(
        ready[0].1 >= 5.0 && (now - fell) < 10 * 60,
        "the release came six minutes ago: {ready:?}"
    );
    let wanted = points(ask("deployment.wanted", 3_600, 60, &api, Pick::Highest)).await;
    assert!(wanted.iter().all(|(_, v)| (*v - 5.0).abs() < 0.1), "{wanted:?}");
    let errors = points(ask("app.errors", 3_600, 60, &[], Pick::Service("cortex-api".into()))).await;
    let (before, since): (Vec<_>, Vec<_>) = errors.iter().partition(|(at, _)| *at < fell - 60);
    assert!(before.iter().all(|(_, v)| *v < 0.01), "{before:?}");
    assert!(since.last().unwrap().1 > 0.05, "{since:?}");
    let worker = [
        ("namespace", "cortex"),
        ("pods", "cortex-worker-[a-z0-9]{1,10}-[a-z0-9]{5}"),
    ];
    let restarts = points(ask("workload.restarts", 7_200, 120, &worker, Pick::Highest)).await;
    let (first, last) = (restarts[0].1, restarts.last().unwrap().1);
    assert!(restarts.windows(2).all(|w| w[1].1 >= w[0].1), "{restarts:?}");
    assert!(
        last >= first + 5.0,
        "the export fails again and again for 41 minutes: {restarts:?}"
    );
    // What a pod uses is what its metrics say.
    let pods = stage.demo.store().list(&PODS, Some("cortex"));
    let pod = pods.iter().find(|p| p.meta.name.starts_with("cortex-web-")).unwrap();
    let about = [("namespace", "cortex"), ("pod", &*pod.meta.name)];
    let memory = points(ask("pod.memory", 900, 15, &about, Pick::Highest)).await;
    let platform = WorldPlatform::new(stage.demo.store().clone(), Arc::default());
    let used: u64 = platform.pod_metrics(pod).unwrap().iter().map(|u| u.memory_bytes).sum();
    let measured = memory.last().unwrap().1;
    assert!((measured / used as f64 - 1.0).abs() < 0.05, "{measured} {used}");
    // Every question of a chart is understood, for a week too.
    for query in CHARTS.iter().filter(|q| !q.text.is_empty()) {
        let about = [
            ("namespace", "cortex"),
            ("pod", &*pod.meta.name),
            ("pods", worker[1].1),
            ("workload", "cortex-web"),
        ];
        let answer = ranges.ask(&ask(query.id, 604_800, 10_800, &about, Pick::Highest)).await;
        let known = matches!(answer.found, Found::Series { .. });
        let other_kind = ["pod.", "statefulset.", "daemonset."]
            .iter()
            .any(|k| query.id.starts_with(k));
        let none = other_kind && matches!(answer.found, Found::NoSeries { .. });
        assert!(known || none, "{}: {answer:?}", query.id);
    }
}
