//! The rules of queues and Redis, on small worlds.

use std::sync::Arc;

use super::testing::{Bench, ago, secs, t0};
use crate::model::{
    Batch, Problem, Queue, QueueCounts, QueueRates, Queues, Redis, RedisInfo, RedisLink, RedisNode, RedisRates,
    RedisReplica, Seen, Source, SourceId, SourceKind,
};

fn put_queue(bench: &mut Bench, queue: Queue) {
    let id = SourceId {
        kind: SourceKind::Queues,
        name: "cortex".into(),
    };
    let set = Queues {
        queues: vec![queue],
        ..Queues::default()
    };
    bench.world.apply(Batch {
        sources: vec![(id, Source::Queues(Arc::new(set)))],
        ..Batch::default()
    });
}

fn queue(counts: QueueCounts, growth: f64, finished: f64) -> Queue {
    Queue {
        name: "default".into(),
        counts: Seen::read(counts, t0()),
        rates: Some(QueueRates {
            over: secs(60),
            added: Some(growth + finished),
            finished: Some(finished),
            growth,
            failed_10m: Some(0),
            finished_10m: Some(100),
        }),
        ..Queue::default()
    }
}

fn ready(n: u64) -> QueueCounts {
    QueueCounts {
        ready: n,
        workers: Some(2),
        paused: Some(false),
        ..QueueCounts::default()
    }
}

/// The signals after the queue has been so for `seconds`.
fn after(queue: &Queue, seconds: i64) -> Vec<String> {
    let mut bench = Bench::new();
    put_queue(&mut bench, queue.clone());
    bench.look();
    bench.later(seconds)
}

#[test]
fn a_queue_is_judged_by_depth_growth_age_workers_failures_and_pause() {
    let quiet = |q: Queue| assert_eq!(after(&q, 3600), Vec::<String>::new());
    quiet(queue(ready(0), 0.0, 0.0));
    quiet(queue(ready(600), 10.0, 30.0));
    quiet(queue(ready(499), 100.0, 0.0));
    let one = |q: &Queue, seconds, want: &str| {
        let found = after(q, seconds);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(want), "{found:?}\n{want}");
    };
    let growing = queue(ready(600), 20.0, 30.0);
    assert_eq!(after(&growing, 299), Vec::<String>::new());
    one(
        &growing,
        300,
        "warning queue.backlog: queue default has a backlog of 600, seen for 5m — +1,200 an hour",
    );
    one(
        &queue(ready(5001), -5.0, 30.0),
        300,
        "critical queue.backlog: queue default has a backlog of 5,001",
    );
    one(
        &queue(ready(600), 0.0, 0.0),
        300,
        "critical queue.backlog: queue default has a backlog of 600, seen for 5m — nothing finishes",
    );
    let old = |minutes, n| QueueCounts {
        oldest: Some(ago(minutes)),
        ..ready(n)
    };
    one(
        &queue(old(6, 3), 0.0, 9.0),
        0,
        "warning queue.oldest: queue default keeps jobs waiting for 1m — the oldest 6m, 3 ready",
    );
    one(&queue(old(16, 3), 0.0, 9.0), 0, "critical queue.oldest");
    // A full queue is old for the same reason.
    let found = after(&queue(old(6, 9000), 100.0, 9.0), 300);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("critical queue.backlog"));
    let alone = QueueCounts {
        workers: Some(0),
        overdue: Some(4),
        ..old(20, 9000)
    };
    one(
        &queue(alone.clone(), 100.0, 0.0),
        300,
        "critical queue.no-worker: queue default has no worker, seen for 5m — 9,000 ready, 4 overdue",
    );
    quiet(queue(
        QueueCounts {
            workers: Some(0),
            ..ready(0)
        },
        0.0,
        0.0,
    ));
    let unknown = QueueCounts {
        workers: None,
        overdue: Some(2),
        ..ready(0)
    };
    one(
        &queue(unknown, 0.0, 0.0),
        30,
        "critical queue.no-worker: queue default has no worker, seen for <1m — 2 overdue",
    );
    let paused = |n| QueueCounts {
        paused: Some(true),
        workers: Some(0),
        ..ready(n)
    };
    one(&queue(paused(3), 0.0, 0.0), 600, "warning queue.paused");
    one(
        &queue(paused(501), 0.0, 0.0),
        600,
        "critical queue.paused: queue default is paused, seen for 10m — 501 wait",
    );
    let failing = |failed| {
        let mut q = queue(ready(1), 0.0, 10.0);
        q.rates = q.rates.map(|r| QueueRates {
            failed_10m: Some(failed),
            ..r
        });
        q
    };
    quiet(failing(5));
    one(
        &failing(6),
        0,
        "warning queue.failures: queue default fails 6 % of its jobs, seen for <1m — 6 of 100 in 10m",
    );
    one(&failing(26), 0, "critical queue.failures");
}

#[test]
fn a_queue_that_is_no_longer_read_raises_nothing_new() {
    let mut bench = Bench::new();
    let mut q = queue(ready(9000), 100.0, 0.0);
    q.counts.failed(Problem::TimedOut("no answer".into()));
    put_queue(&mut bench, q);
    bench.look();
    assert_eq!(bench.later(3600), Vec::<String>::new());
}

fn redis(node: RedisNode, holds_queues: bool) -> Vec<String> {
    let mut bench = Bench::new();
    let id = SourceId {
        kind: SourceKind::Redis,
        name: "cache".into(),
    };
    let redis = Redis {
        nodes: vec![node],
        holds_queues,
        ..Redis::default()
    };
    bench.world.apply(Batch {
        sources: vec![(id, Source::Redis(Arc::new(redis)))],
        ..Batch::default()
    });
    bench.look();
    bench.later(180)
}

fn node(change: impl Fn(&mut RedisInfo)) -> RedisNode {
    let mut info = RedisInfo::default();
    info.memory.max = 1000;
    info.memory.used = 500;
    info.memory.policy = "noeviction".into();
    info.persistence.rdb_ok = true;
    info.persistence.aof_write_ok = true;
    info.persistence.aof_rewrite_ok = true;
    change(&mut info);
    RedisNode {
        address: "10.0.0.1:6379".into(),
        info: Seen::read(info, t0()),
        ping_us: Seen::read(300, t0()),
        ..RedisNode::default()
    }
}

#[test]
fn redis_is_judged_by_memory_evictions_saving_links_and_slowness() {
    let used = |n| node(move |i| i.memory.used = n);
    let one = |found: Vec<String>, want: &str| {
        assert_eq!(found.len(), 1, "{found:?}\n{want}");
        assert!(found[0].starts_with(want), "{found:?}\n{want}");
    };
    assert_eq!(redis(used(800), true), Vec::<String>::new());
    one(
        redis(used(850), false),
        "warning redis.memory: redis cache uses 85 % of its memory, seen for 3m",
    );
    one(redis(used(910), false), "critical redis.memory");
    let unlimited = || node(|i| i.memory.max = 0);
    assert_eq!(redis(unlimited(), false), Vec::<String>::new());
    one(
        redis(unlimited(), true),
        "critical redis.memory: redis cache has no memory limit, seen for 3m — queues live there",
    );
    let evicting = |keys: u64| {
        let mut n = node(|_| {});
        n.rates = Some(RedisRates {
            evicted: keys as f64 / 10.0,
            evicted_keys: keys,
            over: secs(10),
            ..RedisRates::default()
        });
        n
    };
    assert_eq!(redis(evicting(500), false), Vec::<String>::new());
    one(redis(evicting(1), true), "critical redis.evictions");
    one(
        redis(evicting(1001), false),
        "warning redis.evictions: redis cache evicts 100.1 keys a second",
    );
    one(
        redis(node(|i| i.persistence.rdb_ok = false), false),
        "warning redis.persistence: redis cache could not save",
    );
    let refusing = |i: &mut RedisInfo| {
        i.persistence.rdb_ok = false;
        i.stats.errors = vec![("MISCONF".into(), 3)];
    };
    one(
        redis(node(refusing), false),
        "critical redis.persistence: redis cache refuses writes",
    );
    let link = |up| {
        node(move |i| {
            i.replication.link = Some(RedisLink {
                master: "m:1".into(),
                up,
                last_io_s: None,
                down_s: Some(90),
                syncing: false,
            });
        })
    };
    assert_eq!(redis(link(true), false), Vec::<String>::new());
    one(
        redis(link(false), false),
        "critical redis.link: redis cache has lost its master for 4m — m:1",
    );
    let late = node(|i| {
        i.replication.replicas = vec![RedisReplica {
            address: "r:1".into(),
            state: "online".into(),
            offset: 0,
            lag_s: Some(11),
            behind: 2048,
        }];
    });
    one(
        redis(late, false),
        "warning redis.link: redis cache has a replica 11 s behind",
    );
    let mut slow = node(|_| {});
    slow.rates = Some(RedisRates {
        slow_per_minute: Some(11.0),
        ..RedisRates::default()
    });
    one(
        redis(slow.clone(), false),
        "warning redis.slow: redis cache has 11 slow commands a minute",
    );
    slow.ping_us = Seen::read(101_000, t0());
    one(
        redis(slow.clone(), false),
        "critical redis.slow: redis cache answers a PING in 101 ms",
    );
    // What is no longer read says nothing.
    slow.ping_us.failed(Problem::TimedOut("".into()));
    slow.rates = None;
    slow.info.failed(Problem::TimedOut("".into()));
    assert_eq!(redis(slow, true), Vec::<String>::new());
}
