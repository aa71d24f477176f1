//! What the judge folds, keeps, clears and puts aside.

use std::sync::Arc;

use jiff::SignedDuration;

use super::testing::*;
use super::{Severity, Subject};
use crate::model::{Batch, Change, Freshness, Kind, Pod, Workload};

const NONE: [&str; 0] = [];

/// `web` rolls out revision 2: three old pods serve, these new ones exist.
fn rolling(bench: &mut Bench, reason: &str, new: Vec<Pod>) {
    let conditions = Arc::new([condition("Progressing", "True", reason, ago(6))]);
    let n = new.len() as u32;
    bench.web(3).revision(revision("web", "b", 2));
    bench.deployment(Workload {
        revision: 2,
        generation: 2,
        observed: 2,
        replicas: 3 + n,
        updated: n,
        ready: 3,
        available: 3,
        conditions,
        ..deployment("web", 5)
    });
    for pod in new {
        bench.pod(pod);
    }
}

#[test]
fn a_stalled_rollout_is_one_line_with_the_reason_of_its_pods() {
    let mut bench = Bench::new();
    let new = vec![
        no_image("web-b-0", "web-b", ago(6)),
        no_image("web-b-1", "web-b", ago(5)),
    ];
    rolling(&mut bench, "ReplicaSetUpdated", new);
    let line = "critical rollout.stalled: rollout web stalled 0/5 for 6m — ImagePullBackOff registry.lab/app:1";
    assert_eq!(bench.look(), [line]);
    let signal = &bench.judge.signals()[0];
    assert_eq!(signal.short(bench.now), "rollout web stalled 0/5, 6m: ImagePullBackOff");
    assert_eq!(
        (signal.count, signal.runbook, signal.observed),
        (2, Some("stalled-rollout"), false)
    );
    assert_eq!(signal.related[0].name.as_ref(), "web-b-0");
    // An old pod with a trouble of its own is another cause.
    bench.pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)));
    assert_eq!(bench.look().len(), 2);
}

#[test]
fn pods_of_a_young_rollout_speak_until_it_counts_as_stalled() {
    let mut bench = Bench::new();
    rolling(
        &mut bench,
        "ReplicaSetUpdated",
        vec![no_image("web-b-0", "web-b", ago(1))],
    );
    let ids = |lines: Vec<String>| {
        lines
            .iter()
            .map(|l| l.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(bench.look()), ["critical pod.image"]);
    assert_eq!(ids(bench.later(61)), ["critical rollout.stalled"]);
}

#[test]
fn a_passed_deadline_is_critical_without_pods() {
    let mut bench = Bench::new();
    rolling(&mut bench, "ProgressDeadlineExceeded", vec![]);
    let lines = bench.look();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with("critical rollout.stalled: rollout web stalled 0/5"),
        "{lines:?}"
    );
}

#[test]
fn missing_replicas_are_told_by_the_pods_that_are_broken() {
    let short = || Workload {
        available: 2,
        ready: 2,
        ..deployment("web", 3)
    };
    let mut bench = Bench::new();
    bench
        .web(3)
        .deployment(short())
        .pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)));
    assert!(bench.look()[0].starts_with("warning pod.crashloop"));
    assert_eq!(bench.look().len(), 1);
    let mut bench = Bench::new();
    let conditions = Arc::new([condition("Available", "False", "MinimumReplicasUnavailable", ago(4))]);
    bench.deployment(Workload {
        available: 0,
        ready: 0,
        conditions,
        ..deployment("web", 3)
    });
    assert_eq!(
        bench.look(),
        ["critical rollout.unavailable: rollout web 0/3 available for 4m"]
    );
}

#[test]
fn four_hundred_bad_pods_are_one_signal() {
    let mut bench = Bench::new();
    bench.web(1);
    for i in 0..400 {
        bench.pod(crashing(&format!("web-a-x{i}"), "web-a", "Error", 5, ago(1)));
    }
    let lines = bench.look();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("400/401 pods of web"), "{lines:?}");
    let signal = &bench.judge.signals()[0];
    assert_eq!((signal.count, signal.related.len()), (400, super::Signal::MAX_RELATED));
}

#[test]
fn pods_of_an_unknown_kind_of_owner_fold_under_it() {
    let mut bench = Bench::new();
    for i in 0..2 {
        let mut pod = crashing(&format!("kafka-{i}"), "x", "Error", 5, ago(1));
        pod.meta = owned(pod.meta, "StrimziPodSet", "kafka");
        bench.pod(pod);
    }
    assert_eq!(bench.look().len(), 1);
    let Subject::Named { kind, namespace, name } = &bench.judge.signals()[0].subject else {
        panic!()
    };
    assert_eq!((&**kind, &**namespace, &**name), ("strimzipodset", "shop", "kafka"));
}

#[test]
fn a_signal_clears_after_a_minute_of_good_and_keeps_since_through_a_relapse() {
    let mut bench = Bench::new();
    bench.web(3).pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)));
    let since = |b: &Bench| b.judge.signals()[0].since;
    bench.look();
    let begin = since(&bench);
    bench.pod(pod("web-a-1", "web-a"));
    assert!(bench.later(30)[0].contains("(good now)"));
    // Where there is no room for the cause, that still shows.
    let signal = &bench.judge.signals()[0];
    let short = signal.short(bench.now);
    let (head, cause) = short.split_once(": ").unwrap();
    assert!(head.ends_with("(good now)") && !cause.is_empty(), "{short}");
    bench.pod(crashing("web-a-1", "web-a", "Error", 8, bench.now));
    assert!(!bench.later(10)[0].contains("(good now)"));
    assert_eq!(since(&bench), begin);
    bench.pod(pod("web-a-1", "web-a"));
    assert_eq!(bench.later(5).len(), 1);
    assert_eq!(bench.later(59).len(), 1);
    assert_eq!(bench.later(1), NONE);
}

#[test]
fn what_has_no_timestamp_waits_for_its_time_and_says_that_it_was_seen() {
    let mut bench = Bench::new();
    bench.apply(budget(0, 2));
    assert_eq!(bench.look(), NONE);
    assert_eq!(bench.later(599), NONE);
    let line = "warning pdb.blocks: pdb web blocks every drain, seen for 10m — minAvailable: 2 with 2 of 2 healthy";
    assert_eq!(bench.later(1), [line]);
    // Interrupted before its time, it starts again.
    let mut bench = Bench::new();
    bench.apply(budget(0, 2)).look();
    bench.apply(budget(1, 2)).later(500);
    bench.apply(budget(0, 2));
    assert_eq!(bench.later(200), NONE);
}

#[test]
fn restarts_are_counted_between_looks() {
    let mut bench = Bench::new();
    bench.web(3);
    let mut restart = |n: u32| {
        let mut pod = pod("web-a-1", "web-a");
        (pod.restarts, pod.last_restart) = (40 + n, Some(bench.now));
        bench.pod(pod);
        bench.later(60)
    };
    for n in 1..=3 {
        assert_eq!(restart(n), NONE, "{n}");
    }
    assert!(restart(4)[0].contains("pod.restarts: pod web-a-1 restarting"));
    for n in 5..=9 {
        restart(n);
    }
    // The window moves on without a change of the pod.
    assert!(bench.later(540).iter().all(|l| l.contains("(good now)")));
    assert_eq!(bench.later(60), NONE);
}

#[test]
fn on_stale_data_signals_stay_marked_and_nothing_new_is_raised() {
    let mut bench = Bench::new();
    bench
        .web(3)
        .pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)))
        .pod(pending("web-a-2", 4));
    assert_eq!(bench.look().len(), 1);
    let stale = Freshness::Stale {
        since: bench.now,
        why: "connection lost".into(),
        retry_at: bench.now,
    };
    for kind in Kind::ALL {
        bench.feed(kind, stale.clone());
    }
    let lines = bench.later(600);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        lines[0],
        "critical source.lost: source kubernetes unreachable for 10m — connection lost"
    );
    assert!(lines[1].ends_with("(stale)"), "{lines:?}");
    // One kind alone is only late; a forbidden one is not lost.
    let mut bench = Bench::new();
    bench
        .feed(Kind::Hpa, stale)
        .feed(Kind::Node, Freshness::Forbidden { why: "no".into() });
    assert!(bench.later(61)[0].starts_with("warning source.lost: source kubernetes late"));
}

#[test]
fn a_list_under_way_clears_nothing() {
    let mut bench = Bench::new();
    bench
        .web(3)
        .pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)))
        .look();
    bench.feed(Kind::Pod, Freshness::Syncing { rows: 0 });
    bench.apply(Change::Pod(pod("web-a-1", "web-a").meta.key(), None));
    assert_eq!(bench.later(600).len(), 1);
    bench.feed(Kind::Pod, Freshness::Fresh).later(1);
    assert_eq!(bench.later(60), NONE);
}

#[test]
fn a_snooze_lasts_until_its_end_or_until_it_gets_worse() {
    let mut bench = Bench::new();
    bench
        .web(2)
        .pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)))
        .look();
    let key = bench.judge.signals()[0].key();
    bench
        .judge
        .snooze(key.clone(), bench.now + SignedDuration::from_mins(30), "known");
    bench.look();
    assert_eq!(bench.judge.active().count(), 0);
    assert_eq!(bench.judge.signals()[0].snoozed.as_ref().unwrap().reason, "known");
    bench.pod(crashing("web-a-0", "web-a", "Error", 7, ago(1))).later(1);
    assert_eq!(bench.judge.active().next().unwrap().severity, Severity::Critical);
    bench
        .judge
        .snooze(key, bench.now + SignedDuration::from_mins(30), "known");
    bench.later(1799);
    assert_eq!(bench.judge.active().count(), 0);
    bench.later(1);
    assert_eq!(bench.judge.active().count(), 1);
}

#[test]
fn worst_first_then_oldest_and_only_a_change_is_a_change() {
    let mut bench = Bench::new();
    bench.apply(quota(3.5)).apply(put_job(job("import", 31, true)));
    bench.judge.set_journal_trouble(Some("disk full\u{1b}[2J".into()));
    let lines = bench.look();
    let ids: Vec<&str> = lines.iter().map(|l| l.split_once(':').unwrap().0).collect();
    assert_eq!(
        ids,
        ["critical journal.broken", "warning job.failed", "warning quota.near"]
    );
    assert!(lines[0].ends_with("disk full"));
    bench.now += secs(5);
    assert!(!bench.judge.update(&bench.world, bench.now));
    bench.judge.set_journal_trouble(None);
    assert!(bench.judge.update(&bench.world, bench.now));
}

#[test]
fn ages_are_of_the_servers_clock() {
    let mut bench = Bench::new();
    bench.web(3).pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)));
    // Our clock is an hour late.
    let ours = bench.now - SignedDuration::from_hours(1);
    bench.world.apply(Batch {
        clock: Some((bench.now, ours)),
        ..Batch::default()
    });
    bench.judge.update(&bench.world, ours);
    assert_eq!(bench.judge.signals()[0].lasted(bench.world.server_now(ours)), "6m");
}
