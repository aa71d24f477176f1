//! Queues as they are read from real servers, beside what their own library says of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod redis_support;

use jiff::Timestamp;
use quarterdeck::config::QueueSource;
use quarterdeck::feed::queue::{Place, Watcher};
use quarterdeck::feed::redis::Way;
use quarterdeck::model::{Problem, Queue, QueueSystem};
use redis_support::bull::Bull;
use redis_support::{Cluster, Server, eventually};
use serde_json::{Value, json};

fn set(toml: &str) -> QueueSource {
    toml::from_str(&format!("name = 'jobs'\nredis = 'cache'\n{toml}")).unwrap()
}

fn watcher(way: Way, toml: &str) -> Watcher {
    Watcher::new(set(toml), Place::Redis(way), false)
}

async fn look(watcher: &mut Watcher) -> Vec<Queue> {
    watcher.look(None, Timestamp::now()).await.unwrap();
    watcher.seen().queues.clone()
}

fn count(counts: &Value, state: &str) -> u64 {
    counts.get(state).and_then(Value::as_u64).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_counts_are_the_librarys_for_every_version_of_bullmq() {
    let server = Server::start(&[]);
    for version in 3..=6 {
        server.cli(&["FLUSHALL"]);
        let mut bull = Bull::start(version, server.port);
        bull.add("q", "ok", 3);
        bull.run(json!({"do": "work", "queue": "q"}));
        eventually("the good jobs are done", || count(&bull.counts("q"), "completed") == 3);
        bull.add("q", "bad", 4);
        eventually("the bad jobs failed", || count(&bull.counts("q"), "failed") == 4);
        bull.add("q", "slow", 1);
        eventually("a job is at work", || count(&bull.counts("q"), "active") == 1);
        bull.add("q", "ok", 5);
        bull.run(json!({"do": "add", "queue": "q", "name": "ok", "n": 2, "priority": 7}));
        bull.run(json!({"do": "add", "queue": "q", "name": "ok", "n": 2, "delay": 3_600_000}));
        let theirs = bull.counts("q");
        let mut watcher = watcher(server.way(), "");
        let queues = look(&mut watcher).await;
        assert_eq!(queues.len(), 1, "version {version}: {queues:?}");
        let queue = &queues[0];
        assert_eq!(queue.missing, [], "version {version}");
        let QueueSystem::BullMq(layout) = &queue.system else {
            panic!()
        };
        assert_eq!(layout.major, Some(version));
        assert_eq!(layout.is_writable(), version >= 5);
        let ours = queue.counts.fresh().unwrap();
        for (state, our) in [
            ("waiting", ours.waiting),
            ("prioritized", ours.prioritized),
            ("active", ours.active),
            ("delayed", ours.delayed),
            ("failed", ours.failed),
            ("completed", ours.completed),
            ("paused", ours.held),
            ("waiting-children", ours.waiting_children),
        ] {
            assert_eq!(
                our,
                Some(count(&theirs, state)),
                "version {version}: {state} of {theirs}"
            );
        }
        assert_eq!(ours.ready, 7, "version {version}");
        assert_eq!(ours.workers, Some(1), "version {version}");
        assert_eq!(ours.paused, Some(false));
        let age = queue.oldest_age(Timestamp::now()).unwrap().as_secs();
        assert!(age < 60, "version {version}: {age}");
        assert!(ours.oldest_active.is_some(), "version {version}");
        assert_eq!(queue.rates, None, "one reading has no rate");
        bull.run(json!({"do": "stop"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marker_of_old_versions_is_no_job_and_a_paused_queue_keeps_its_jobs() {
    let server = Server::start(&[]);
    for version in 3..=6 {
        server.cli(&["FLUSHALL"]);
        let mut bull = Bull::start(version, server.port);
        bull.run(json!({"do": "add", "queue": "q", "name": "ok", "n": 1, "delay": 3_600_000}));
        let mut watcher = watcher(server.way(), "queues = ['q']");
        let ours = look(&mut watcher).await[0].counts.fresh().unwrap().clone();
        assert_eq!(
            (ours.ready, ours.delayed, ours.overdue),
            (0, Some(1), Some(0)),
            "version {version}"
        );
        assert_eq!(ours.oldest, None);
        bull.add("q", "ok", 3);
        bull.run(json!({"do": "pause", "queue": "q"}));
        let ours = look(&mut watcher).await[0].counts.fresh().unwrap().clone();
        assert_eq!((ours.ready, ours.paused), (3, Some(true)), "version {version}");
        assert_eq!(ours.held, Some(if version == 6 { 0 } else { 3 }), "version {version}");
        assert!(ours.oldest.is_some());
        assert_eq!(ours.workers, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_show_their_reason_and_their_payload_to_operators_only() {
    let server = Server::start(&[]);
    let mut bull = Bull::start(5, server.port);
    bull.add("q", "bad", 3);
    bull.work("q");
    eventually("the bad jobs failed", || count(&bull.counts("q"), "failed") == 3);
    for mask in [false, true] {
        let mut watcher = Watcher::new(set("queues = ['q', 'other']"), Place::Redis(server.way()), mask);
        watcher.look(Some("q"), Timestamp::now()).await.unwrap();
        let queue = watcher.seen().queues.iter().find(|q| &*q.name == "q").unwrap();
        let failed = queue.failed_jobs.fresh().unwrap();
        assert_eq!((failed.total, failed.jobs.len()), (3, 3));
        let job = &failed.jobs[0];
        assert!(job.reason.starts_with("it broke: "));
        assert_eq!((&*job.name, job.attempts, job.has_parent), ("bad", Some(1), false));
        assert_eq!(job.payload.as_deref().is_some_and(|p| p.contains("payload")), !mask);
        assert!(job.failed_at.is_some() && job.added_at.is_some());
        let other = watcher.seen().queues.iter().find(|q| &*q.name == "other").unwrap();
        assert_eq!(other.failed_jobs.last(), None);
        watcher.look(None, Timestamp::now()).await.unwrap();
        assert!(watcher.seen().queues.iter().all(|q| q.failed_jobs.last().is_none()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_is_gone_is_stalled_in_every_version() {
    let server = Server::start(&[]);
    for version in [3, 4, 5, 6] {
        let queue = format!("q{version}");
        let mut bull = Bull::start(version, server.port);
        let ids = bull.add(&queue, "slow", 2);
        bull.run(json!({"do": "work", "queue": &queue, "concurrency": 2}));
        let mut watcher = watcher(server.way(), &format!("queues = ['{queue}']"));
        let mut seen = look(&mut watcher).await;
        for _ in 0..200 {
            if seen[0].counts.fresh().unwrap().active == Some(2) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            seen = look(&mut watcher).await;
        }
        let counts = seen[0].counts.fresh().unwrap();
        assert_eq!((counts.active, counts.stalled), (Some(2), Some(0)), "{version}");
        let hosts: Vec<&str> = seen[0].hosts.iter().map(|h| &**h).collect();
        assert_eq!(hosts, ["127.0.0.1"], "{version}");
        drop(bull);
        // The lock's time would run out in half a minute.
        server.cli(&["DEL", &format!("bull:{queue}:{}:lock", ids[0])]);
        let seen = look(&mut watcher).await;
        assert_eq!(seen[0].counts.fresh().unwrap().stalled, Some(1), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_read_on_every_node() {
    let cluster = Cluster::start();
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        let port = cluster.nodes[0].port.to_string();
        let put = |words: &[&str]| {
            let out = std::process::Command::new("redis-cli")
                .args(["-c", "-p", &port])
                .args(words)
                .output();
            assert!(out.unwrap().status.success());
        };
        put(&["HSET", &format!("{{{name}}}:q:meta"), "version", "bullmq:5.1.0"]);
        put(&["LPUSH", &format!("{{{name}}}:q:wait"), "1", "2"]);
    }
    for name in names {
        let mut watcher = watcher(cluster.way(), &format!("prefix = '{{{name}}}'"));
        let queues = look(&mut watcher).await;
        assert_eq!(queues.len(), 1, "{name}");
        assert_eq!(queues[0].counts.fresh().unwrap().ready, 2);
    }
    // Queues of different slots in one set: each is asked where it is.
    let port = cluster.nodes[0].port.to_string();
    for n in 0..20 {
        let key = format!("list-{n}");
        let out = std::process::Command::new("redis-cli")
            .args(["-c", "-p", &port, "LPUSH", &key, "x"])
            .output();
        assert!(out.unwrap().status.success());
    }
    let list: Vec<String> = (0..20).map(|n| format!("'list-{n}'")).collect();
    let mut watcher = watcher(cluster.way(), &format!("kind = 'list'\nqueues = [{}]", list.join(", ")));
    let queues = look(&mut watcher).await;
    assert!(queues.iter().all(|q| q.counts.fresh().unwrap().ready == 1));
}

#[tokio::test]
async fn plain_keys_are_queues_too() {
    let server = Server::start(&[]);
    let now = Timestamp::now();
    let ago = |s: i64| (now.as_millisecond() - s * 1000).to_string();
    for (i, s) in [30, 20, 10].iter().enumerate() {
        server.cli(&["LPUSH", "list", &format!("{{\"n\":{i},\"at\":{}}}", ago(*s))]);
    }
    server.cli(&["LPUSH", "work", "a"]);
    server.cli(&["ZADD", "zset", &ago(40), "x", &ago(-600), "y"]);
    server.cli(&["XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"]);
    for _ in 0..4 {
        server.cli(&["XADD", "stream", "*", "a", "b"]);
    }
    server.cli(&["XREADGROUP", "GROUP", "g", "c1", "COUNT", "1", "STREAMS", "stream", ">"]);
    let mut list = watcher(
        server.way(),
        "kind = 'list'\nqueues = [{ name = 'l', key = 'list', active = 'work', time = 'at' }, 'zset']",
    );
    let queues = look(&mut list).await;
    let counts = queues[0].counts.fresh().unwrap();
    assert_eq!((counts.ready, counts.active), (3, Some(1)));
    assert_eq!(queues[0].oldest_age(now).unwrap().as_secs(), 30);
    // A key of another type fails its own row and no other.
    assert!(
        matches!(queues[1].counts.problem, Some(Problem::Failed(_))),
        "{:?}",
        queues[1]
    );
    let mut zset = watcher(server.way(), "kind = 'zset'\nqueues = ['zset']");
    let queue = look(&mut zset).await.remove(0);
    let counts = queue.counts.fresh().unwrap();
    assert_eq!((counts.ready, counts.delayed), (1, Some(1)));
    assert_eq!(queue.oldest_age(now).unwrap().as_secs(), 40);
    let mut stream = watcher(
        server.way(),
        "kind = 'stream'\nqueues = [{ name = 'stream', group = 'g' }]",
    );
    let counts = look(&mut stream).await[0].counts.fresh().unwrap().clone();
    assert_eq!((counts.ready, counts.active, counts.workers), (3, Some(1), Some(1)));
    assert!(counts.oldest.is_some() && counts.oldest_active.is_some());
    // Handed out just now is at work; handed out long ago and never acknowledged is stalled.
    assert_eq!(counts.stalled, Some(0));
    let pending = server.cli(&["XPENDING", "stream", "g", "-", "+", "1"]);
    let id = pending.lines().next().unwrap().to_owned();
    server.cli(&["XCLAIM", "stream", "g", "c1", "0", &id, "IDLE", "400000"]);
    let counts = look(&mut stream).await[0].counts.fresh().unwrap().clone();
    assert_eq!(counts.stalled, Some(1));
    // An entry deleted behind the cursor: Redis no longer tells the lag, so they are counted.
    let first = server.cli(&["XRANGE", "stream", "-", "+", "COUNT", "3"]);
    let third = first.lines().filter(|l| l.contains('-')).nth(2).unwrap().to_owned();
    server.cli(&["XDEL", "stream", &third]);
    let counts = look(&mut stream).await[0].counts.fresh().unwrap().clone();
    assert_eq!(counts.ready, 2);
}

#[tokio::test]
async fn the_presets_know_their_systems() {
    let server = Server::start(&[]);
    let now = Timestamp::now();
    let s = now.as_second() - 90;
    server.cli(&["SADD", "queues", "default"]);
    server.cli(&["LPUSH", "queue:default", &format!("{{\"enqueued_at\":{s}.5}}")]);
    server.cli(&[
        "LPUSH",
        "queue:default",
        &format!("{{\"enqueued_at\":{}}}", (s + 60) * 1000),
    ]);
    server.cli(&["SADD", "processes", "p1", "p2"]);
    server.cli(&["ZADD", "retry", "1", "a"]);
    server.cli(&["ZADD", "dead", "1", "a", "2", "b"]);
    let queues = look(&mut watcher(server.way(), "kind = 'sidekiq'")).await;
    assert_eq!(queues.len(), 2);
    let rest = queues[0].counts.fresh().unwrap();
    assert_eq!((rest.ready, rest.delayed, rest.failed), (0, Some(1), Some(2)));
    let counts = queues[1].counts.fresh().unwrap();
    assert_eq!((counts.ready, counts.workers), (2, Some(2)));
    assert!((89..=90).contains(&queues[1].oldest_age(now).unwrap().as_secs()));

    server.cli(&["SADD", "rq:queues", "rq:queue:mail"]);
    server.cli(&["RPUSH", "rq:queue:mail", "j1", "j2"]);
    let at = Timestamp::from_second(s).unwrap().to_string();
    server.cli(&["HSET", "rq:job:j1", "enqueued_at", &at]);
    server.cli(&["ZADD", "rq:failed:mail", "1", "x"]);
    server.cli(&["SADD", "rq:workers:mail", "w"]);
    let queues = look(&mut watcher(server.way(), "kind = 'rq'")).await;
    let counts = queues[0].counts.fresh().unwrap();
    assert_eq!(
        (&*queues[0].name, counts.ready, counts.failed, counts.workers),
        ("mail", 2, Some(1), Some(1))
    );
    assert_eq!(queues[0].oldest_age(now).unwrap().as_secs(), 90);

    server.cli(&["LPUSH", "celery", "a"]);
    server.cli(&["LPUSH", "celery\u{6}\u{16}6", "b", "c"]);
    server.cli(&["HSET", "unacked", "t", "x"]);
    let queues = look(&mut watcher(server.way(), "kind = 'celery'\nqueues = ['celery']")).await;
    let counts = queues[0].counts.fresh().unwrap();
    assert_eq!((counts.ready, counts.active, counts.workers), (3, Some(1), None));
    assert!(queues[0].missing.iter().any(|(field, _)| *field == "workers"));
}

#[tokio::test]
async fn five_hundred_queues_are_cheap_for_the_server() {
    let server = Server::start(&[]);
    let mut script = String::new();
    for n in 0..500 {
        let more = format!(
            "HSET bull:q{n}:meta version bullmq:5.1.0\nLPUSH bull:q{n}:wait 1 2 3\nHSET bull:q{n}:1 timestamp 1700000000000\n\
             ZADD bull:q{n}:prioritized 4294967297 4 8589934593 5\nHSET bull:q{n}:4 timestamp 1690000000000\nHSET bull:q{n}:5 timestamp 1680000000000\n"
        );
        script.push_str(&more);
    }
    let mut child = std::process::Command::new("redis-cli")
        .args(["-p", &server.port.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), script.as_bytes()).unwrap();
    child.wait().unwrap();
    let mut watcher = watcher(server.way(), "");
    look(&mut watcher).await;
    server.cli(&["CONFIG", "RESETSTAT"]);
    let queues = look(&mut watcher).await;
    assert_eq!(queues.len(), 500);
    assert!(queues.iter().all(|q| q.counts.fresh().unwrap().ready == 5));
    // The oldest stands on the lowest level of priority.
    assert_eq!(
        queues[0].counts.fresh().unwrap().oldest.unwrap().as_second(),
        1_680_000_000
    );
    let stats = server.cli(&["INFO", "commandstats"]);
    let mut calls = 0;
    for line in stats.lines().filter(|l| l.starts_with("cmdstat_")) {
        let name = line.split(':').next().unwrap().trim_start_matches("cmdstat_");
        assert!(
            matches!(
                name,
                "hmget"
                    | "llen"
                    | "lindex"
                    | "zcard"
                    | "zcount"
                    | "get"
                    | "zrangebyscore"
                    | "client|list"
                    | "config|resetstat"
            ),
            "{name} on a tick"
        );
        let n: u64 = line
            .split("calls=")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        calls += n;
    }
    // 17 counts, a job's times, and three rounds over the levels of priority.
    assert!(calls <= 500 * 25, "{calls}");
}
