//! Logs and usage.

use std::sync::Arc;
use std::time::Duration;

use super::lab::{Lab, cortex, quick};
use quarterdeck::feed::kube::Access;
use quarterdeck::feed::kube::logs::{self, LogItem, LogOf, LogQuery};
use quarterdeck::model::{FeedId, Freshness, Key, Kind, Requirement, Selector};
use quarterdeck::sim::kube;
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::{Fault, LogLines, Object, Platform, Status, Usage};
use serde_json::Value;

/// A container that writes a numbered line each tenth of a second since an epoch.
struct Clockwork;

impl Platform for Clockwork {
    fn logs(&self, _pod: &Value, query: &kube::LogQuery) -> Result<LogLines, Status> {
        let end = (query.until.unwrap().as_millisecond() + 99) / 100;
        let from = query.since.map_or(end - 50, |s| (s.as_millisecond() + 99) / 100);
        let mut lines: LogLines = (from..end)
            .map(|n| (jiff::Timestamp::from_millisecond(n * 100).unwrap(), n.to_string()))
            .collect();
        if let Some(tail) = query.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Ok(lines)
    }

    fn pod_metrics(&self, _pod: &Object) -> Option<Vec<Usage>> {
        Some(vec![Usage {
            name: "web".to_owned(),
            cpu_nano: 12_300_000,
            memory_bytes: 1 << 20,
        }])
    }

    fn node_metrics(&self, _node: &Object) -> Option<Usage> {
        None
    }
}

fn web_logs(follow: bool, tail: Option<u32>) -> LogQuery {
    let all = [Requirement::In("app".into(), ["web".into()].into())].into();
    LogQuery {
        of: LogOf::Selector {
            namespace: "cortex".to_owned(),
            selector: Selector { all },
        },
        container: None,
        previous: false,
        tail,
        since: None,
        follow,
    }
}

#[tokio::test]
async fn logs_follow_pods_as_they_come_and_a_cut_loses_and_repeats_nothing() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned()]);
    let cluster = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let mut stream = logs::open(&cluster, web_logs(true, Some(3)));
    let mut of_a: Vec<u64> = Vec::new();
    let mut b_seen = false;
    let mut cut = false;
    let reading = async {
        while of_a.len() < 40 || !b_seen {
            for item in stream.next().await.expect("it goes on") {
                match item {
                    LogItem::Line(l) if &*l.pod == "a" => of_a.push(l.text.parse().unwrap()),
                    LogItem::Line(_) => b_seen = true,
                    LogItem::Note { .. } => {}
                }
            }
            if of_a.len() > 8 && !cut {
                cut = true;
                lab.server.faults().cut_watches();
                lab.add_pods(["b".to_owned()]);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .expect("lines go on after a cut");
    assert!(of_a.windows(2).all(|w| w[1] == w[0] + 1), "{of_a:?}");
    assert_eq!(stream.dropped(), 0);
}

#[tokio::test]
async fn logs_without_follow_end_and_errors_are_notes() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let viewer = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let mut stream = logs::open(&viewer, web_logs(false, Some(5)));
    let mut lines = 0;
    while let Some(items) = stream.next().await {
        lines += items.iter().filter(|i| matches!(i, LogItem::Line(_))).count();
    }
    assert_eq!(lines, 10);
    lab.server.faults().refuse("get", "pods/log");
    let mut stream = logs::open(&viewer, web_logs(false, None));
    let mut notes = Vec::new();
    while let Some(items) = stream.next().await {
        notes.extend(items.into_iter().filter_map(|i| match i {
            LogItem::Note { text, bad: true, .. } => Some(text),
            _ => None,
        }));
    }
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("pods/log"), "{notes:?}");
}

#[tokio::test]
async fn usage_is_read_only_while_it_shows_and_a_cluster_without_metrics_says_so() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    assert!(lab.server.requests().all().iter().all(|r| !r.path.contains("metrics")));
    deck.demand.send_modify(|d| d.metrics = true);
    deck.until("usage", |w| {
        w.pod_usage.get(&Key::new("cortex", "a")).is_some_and(|u| u.cpu_m == 13)
    })
    .await;
    deck.until("fresh", |w| w.feed(FeedId::Metrics).is_fresh()).await;
    lab.server.faults().set(Rule::new(
        "GET",
        "/apis/metrics.k8s.io",
        usize::MAX,
        Fault::Text {
            code: 404,
            body: "404 page not found".to_owned(),
            retry_after: None,
        },
    ));
    deck.until("absent", |w| {
        matches!(w.feed(FeedId::Metrics), Freshness::Absent { .. })
    })
    .await;
    deck.demand.send_modify(|d| d.metrics = false);
    deck.until("off", |w| *w.feed(FeedId::Metrics) == Freshness::Off).await;
}
