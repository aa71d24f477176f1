//! The demonstration's Redis, seen by the console and by redis-cli.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod redis_support;

use jiff::{SignedDuration, Timestamp};
use quarterdeck::config::QueueSource;
use quarterdeck::feed::queue::{Place, Watcher as Queues};
use quarterdeck::feed::redis::Watcher as Redis;
use quarterdeck::model::{Empties, Queue};
use quarterdeck::sim::kube::Clock;
use quarterdeck::sim::resp::Server;
use redis_support::{cli, way};

fn queues(server: &Server) -> Queues {
    let set: QueueSource = toml::from_str("name = 'cortex'\nredis = 'cache'").unwrap();
    Queues::new(set, Place::Redis(way(&format!("url = '{}'", server.url()))), false)
}

async fn look(queues: &mut Queues, clock: &Clock) -> Queue {
    queues.look(None, clock.now()).await.unwrap();
    queues
        .seen()
        .queues
        .iter()
        .find(|q| &*q.name == "default")
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_grows_until_more_workers_run() {
    let clock = Clock::manual(Timestamp::now());
    let server = Server::start(clock.clone(), false).await.unwrap();
    let mut set = queues(&server);
    // Workers take their first jobs.
    clock.advance(SignedDuration::from_secs(2));
    let first = look(&mut set, &clock).await;
    assert_eq!(set.seen().queues.len(), 3);
    assert_eq!(first.missing, []);
    let counts = first.counts.fresh().unwrap();
    assert_eq!((counts.workers, counts.active), (Some(2), Some(2)));
    assert!(counts.ready > 2000 && first.oldest_age(clock.now()).unwrap() > SignedDuration::from_mins(15));
    clock.advance(SignedDuration::from_secs(60));
    let later = look(&mut set, &clock).await;
    let rates = later.rates.unwrap();
    assert!((139.0..=141.0).contains(&rates.added.unwrap()), "{rates:?}");
    assert!((88.0..=92.0).contains(&rates.finished.unwrap()), "{rates:?}");
    assert!(rates.growth * 60.0 > 1000.0);
    server.set_workers("default", 8);
    clock.advance(SignedDuration::from_secs(120));
    look(&mut set, &clock).await;
    clock.advance(SignedDuration::from_secs(60));
    let fixed = look(&mut set, &clock).await;
    assert_eq!(fixed.counts.fresh().unwrap().workers, Some(8));
    assert!(fixed.rates.unwrap().growth < -150.0, "{:?}", fixed.rates);
    assert!(matches!(fixed.empties(), Some(Empties::In(_))));
    clock.advance(SignedDuration::from_mins(15));
    assert!(look(&mut set, &clock).await.counts.fresh().unwrap().ready < 50);
    // Nobody works it: nothing finishes.
    server.set_workers("default", 0);
    look(&mut set, &clock).await;
    clock.advance(SignedDuration::from_secs(90));
    let dead = look(&mut set, &clock).await;
    assert_eq!(dead.empties(), Some(Empties::Never));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_panes_show_is_what_redis_cli_says() {
    let clock = Clock::manual(Timestamp::now());
    let server = Server::start(clock.clone(), false).await.unwrap();
    let port = server.address().port();
    let seen = look(&mut queues(&server), &clock).await;
    let ask = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        tokio::task::spawn_blocking(move || cli(port, &words.iter().map(String::as_str).collect::<Vec<_>>()))
            .await
            .unwrap()
    };
    let depth = ask(&["LLEN", "bull:default:wait"]).await;
    assert_eq!(depth, seen.counts.fresh().unwrap().waiting.unwrap().to_string());
    let mut redis = Redis::new(way(&format!("url = '{}'", server.url())), true, true);
    redis.look(true, clock.now()).await.unwrap();
    let node = &redis.seen().nodes[0];
    let info = node.info.fresh().unwrap();
    let share = info.memory.share().unwrap();
    assert!((0.8..0.9).contains(&share), "{share}");
    for problem in [
        &node.slow_log.problem,
        &node.latency.problem,
        &node.commands.problem,
        &node.settings.problem,
    ] {
        assert_eq!(*problem, None);
    }
    assert_eq!(node.commands.fresh().unwrap().len(), 5);
    let memory = ask(&["INFO", "memory"]).await;
    assert!(memory.contains(&format!("used_memory:{}", info.memory.used)) && memory.contains("used_memory_human:"));
    assert!(ask(&["SLOWLOG", "GET", "10"]).await.contains("HGETALL"));
    assert!(
        ask(&["INFO", "keyspace"])
            .await
            .contains(&format!("db0:keys={}", info.keyspace[0].keys))
    );
    assert_eq!(ask(&["PING"]).await, "PONG");
    assert_eq!(
        ask(&["-3", "HGET", "bull:default:meta", "version"]).await,
        "bullmq:5.81.5"
    );
    for never in [
        &["FLUSHDB"][..],
        &["FLUSHALL"],
        &["KEYS", "*"],
        &["MONITOR"],
        &["SET", "a", "b"],
        &["DEL", "a"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["EVAL", "return 1", "0"],
    ] {
        assert!(
            ask(never).await.starts_with("NOPERM"),
            "{never:?}: {}",
            ask(never).await
        );
    }
    assert_eq!(server.writes(), Vec::<Vec<String>>::new());
    // Deleting by prefix makes room.
    let before = info.memory.used;
    assert_eq!(ask(&["UNLINK", "cache:page:1", "cache:page:2", "nothing"]).await, "2");
    redis.look(true, clock.now()).await.unwrap();
    assert!(redis.seen().nodes[0].info.fresh().unwrap().memory.used < before - 30_000);
    assert_eq!(server.writes().len(), 1);
}
