//! Who works a queue, and that a guess is called one: on small worlds.

use std::sync::Arc;

use super::testing::{Bench, ago, deployment, hpa, meta};
use crate::model::{
    Batch, Change, Hpa, HpaMetric, Kind, Known, ObjectRef, Queue, QueueCounts, QueueMention, Queues, Seen, Source,
    SourceId, SourceKind, Str, WorkedBy,
};

fn queue(name: &str, workload: Option<&str>, hosts: &[&str]) -> Queue {
    Queue {
        name: name.into(),
        workload: workload.map(Into::into),
        keys: Arc::new([format!("bull:{name}:wait").into()]),
        hosts: hosts.iter().map(|h| Str::from(*h)).collect(),
        counts: Seen::read(
            QueueCounts {
                ready: 90_000,
                ..QueueCounts::default()
            },
            ago(0),
        ),
        ..Queue::default()
    }
}

fn put(bench: &mut Bench, queues: Vec<Queue>) {
    let id = SourceId {
        kind: SourceKind::Queues,
        name: "jobs".into(),
    };
    let set = Queues {
        queues,
        ..Queues::default()
    };
    bench.world.apply(Batch {
        sources: vec![(id, Source::Queues(Arc::new(set)))],
        ..Batch::default()
    });
}

/// An autoscaler of `web`, KEDA's when it has a ScaledObject, by one metric.
fn scaler(keda: Option<&str>, metric: &str, labels: &[(&str, &str)]) -> Change {
    let Change::Hpa(key, Some(row)) = hpa(3, 1.0, Vec::new()) else {
        unreachable!()
    };
    let row = Hpa {
        keda: keda.map(|name| ObjectRef {
            kind: Kind::ScaledObject,
            namespace: "cortex".into(),
            name: name.into(),
            uid: "".into(),
        }),
        metrics: Arc::new([HpaMetric {
            name: metric.into(),
            current: None,
            target: 100.0,
            labels: labels.iter().map(|(k, v)| (Str::from(*k), Str::from(*v))).collect(),
        }]),
        ..(*row).clone()
    };
    Change::Hpa(key, Some(Arc::new(row)))
}

fn names(bench: &mut Bench, deployment_name: &str, queue: &str) {
    let mut workload = deployment(deployment_name, 1);
    workload.queues = Arc::new([QueueMention {
        queue: queue.into(),
        place: "the variable QUEUE_NAME".into(),
    }]);
    bench.deployment(workload);
}

fn worked<'a>(bench: &'a Bench, queue: &str) -> Option<&'a WorkedBy> {
    bench.world.worked_by("jobs", queue)
}

#[test]
fn the_configuration_is_believed_and_all_else_is_a_guess_that_says_so() {
    let mut bench = Bench::new();
    bench
        .web(2)
        .apply(scaler(Some("web-jobs"), "s0-redis-bull-email-wait", &[]));
    names(&mut bench, "pdf-worker", "pdf");
    put(
        &mut bench,
        vec![
            queue("email", None, &[]),
            queue("mail", None, &[]),
            queue("pdf", None, &[]),
            queue("told", Some("deployment/shop/web"), &[]),
        ],
    );
    let by = worked(&bench, "email").unwrap();
    assert_eq!((&*by.workload, by.is_guess()), ("deployment/shop/web", true));
    assert_eq!(
        by.how(),
        "a guess: ScaledObject web-jobs scales it by s0-redis-bull-email-wait"
    );
    assert_eq!(by.scaler.as_ref().unwrap().bounds(), "KEDA 2–8");
    // The end of another queue's key is not this one's.
    assert_eq!(worked(&bench, "mail"), None);
    let by = worked(&bench, "pdf").unwrap();
    assert_eq!((by.name(), by.scaler.is_some()), ("pdf-worker", false));
    assert_eq!(by.how(), "a guess: the variable QUEUE_NAME of its pods names the queue");
    let by = worked(&bench, "told").unwrap();
    assert_eq!((by.is_guess(), &by.known), (false, &Known::Configuration));
    assert!(by.object.is_some());
    bench.look();
    bench.later(600);
    let evidence = |queue: &str| {
        let signals = bench.judge.signals();
        let of = signals
            .iter()
            .find(|s| s.title.what == format!("queue {queue}"))
            .unwrap();
        let found = of.evidence.iter().find(|e| e.label == "worked by");
        found.map(|e| e.value.clone())
    };
    assert_eq!(evidence("email").as_deref(), Some("deployment/shop/web (a guess)"));
    assert_eq!(evidence("told").as_deref(), Some("deployment/shop/web"));
    assert_eq!(evidence("mail"), None);
}

#[test]
fn an_autoscaler_is_found_by_its_metrics_label_and_goes_with_it() {
    let mut bench = Bench::new();
    bench
        .web(2)
        .apply(scaler(None, "queue_depth", &[("queue_name", "email")]));
    put(&mut bench, vec![queue("email", None, &[])]);
    assert_eq!(
        worked(&bench, "email").unwrap().how(),
        "a guess: HPA web-hpa scales it by queue_depth"
    );
    let key = meta("web-hpa", ago(0)).key();
    bench.apply(Change::Hpa(key, None));
    assert_eq!(worked(&bench, "email"), None);
}

#[test]
fn of_several_that_name_it_only_the_one_that_is_a_worker_is_guessed() {
    let mut bench = Bench::new();
    names(&mut bench, "shop-api", "email");
    names(&mut bench, "shop-worker", "email");
    put(&mut bench, vec![queue("email", None, &[])]);
    assert_eq!(worked(&bench, "email").unwrap().name(), "shop-worker");
    names(&mut bench, "late-worker", "email");
    put(&mut bench, vec![queue("email", None, &[])]);
    assert_eq!(worked(&bench, "email"), None);
}

#[test]
fn connections_of_workers_are_surer_than_names_and_are_remembered_when_they_end() {
    let mut bench = Bench::new();
    bench.web(2);
    names(&mut bench, "email-worker", "email");
    for (n, pod) in bench.world.pods.values().cloned().enumerate().collect::<Vec<_>>() {
        let mut pod = (*pod).clone();
        pod.ip = format!("10.1.0.{n}").into();
        bench.pod(pod);
    }
    put(
        &mut bench,
        vec![queue("email", None, &["10.1.0.0", "10.1.0.1", "192.168.7.7"])],
    );
    let by = worked(&bench, "email").unwrap();
    assert_eq!((&*by.workload, by.is_guess()), ("deployment/shop/web", false));
    assert_eq!(by.how(), "its workers are connected from 2 pods of it");
    put(&mut bench, vec![queue("email", None, &[])]);
    let by = worked(&bench, "email").unwrap();
    assert_eq!(by.how(), "its workers were connected from its pods before");
    assert_eq!(by.name(), "web");
}
