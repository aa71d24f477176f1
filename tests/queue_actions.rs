//! Changes of queues and keys through the one pipeline, against real servers, real workers, and every fault.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod redis_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quarterdeck::action::{
    Confirm, Confirmation, JobFilter, Outcome, Policy, REGISTRY, Request, Stage, Verdict, WriteGrant, execute,
};
use quarterdeck::model::SourceKind;
use redis_support::bull::Bull;
use redis_support::desk::{Desk, keys, planner, queue, retry};
use redis_support::{Cluster, Server, eventually, faulty, way};
use serde_json::json;

fn failed(bull: &mut Bull) -> u64 {
    bull.counts("q")["failed"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_job_is_taken_by_the_real_worker_at_once() {
    let server = Server::start(&[]);
    for version in [5, 6] {
        server.cli(&["FLUSHALL"]);
        let mut bull = Bull::start(version, server.port);
        let ids = bull.add("q", "bad", 5);
        let urgent = bull.run(json!({"do": "add", "queue": "q", "name": "bad", "n": 1, "priority": 3}));
        let urgent = urgent[0].as_str().unwrap().to_owned();
        bull.work("q");
        eventually("the bad jobs failed", || failed(&mut bull) == 6);
        bull.run(json!({"do": "mend"}));
        let desk = Desk::new(&server.way(), "");
        // Long enough that the worker sleeps: without the marker it would sleep on for 5 s.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let plan = desk.plan(retry(&ids[..1])).await.unwrap();
        assert_eq!(plan.confirm, Confirm::Button);
        assert!(
            plan.steps[0].same_as.starts_with("job.retry() for job "),
            "{}",
            plan.steps[0].same_as
        );
        let began = Instant::now();
        let (outcome, verdict, _) = desk.carry_out(plan).await;
        let took = began.elapsed();
        assert_eq!(
            (outcome, verdict),
            (Outcome::Applied, Some(Verdict::Healthy("1 of 1 done".into())))
        );
        assert!(took < Duration::from_secs(3), "version {version}: {took:?}");
        assert_eq!((bull.processed("q", &ids[0]), failed(&mut bull)), (2, 5));
        // The prioritized one goes back among its like.
        let (outcome, verdict) = desk.run(retry(std::slice::from_ref(&urgent))).await;
        assert_eq!(
            (outcome, verdict),
            (Outcome::Applied, Some(Verdict::Healthy("1 of 1 done".into())))
        );
        // A filter: of the four that are left, those that failed as odd ones.
        let odd = Request::RetryJobs {
            queue: queue("q"),
            which: Box::new(JobFilter {
                jobs: vec![],
                named: Some("bad".into()),
                failed_with: Some("odd".into()),
            }),
        };
        let plan = desk.plan(odd).await.unwrap();
        assert!(matches!(&plan.confirm, Confirm::Typed { word, .. } if word == "q"));
        let (outcome, verdict, _) = desk.carry_out(plan).await;
        assert_eq!(
            (outcome, verdict),
            (Outcome::Applied, Some(Verdict::Healthy("2 of 2 done".into())))
        );
        assert_eq!(failed(&mut bull), 2);
        let journal = std::fs::read_dir(desk.folder.path()).unwrap().flatten().next().unwrap();
        let journal = std::fs::read_to_string(journal.path()).unwrap();
        assert!(journal.contains("\"retry-jobs\"") && journal.contains(&format!("\"{}\"", ids[0])));
        // Done already: nothing to do, and a job that is gone is no failed job.
        let plan = desk.plan(retry(&[ids[0].clone(), "999".into()])).await.unwrap();
        assert_eq!(plan.no_op.as_deref(), Some("no failed job fits"));
        bull.run(json!({"do": "stop"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_batch_goes_in_hundreds_and_jobs_that_fail_again_are_told() {
    let server = Server::start(&[]);
    let mut bull = Bull::start(5, server.port);
    bull.add("q", "bad", 250);
    bull.work("q");
    eventually("they failed", || failed(&mut bull) == 250);
    let desk = Desk::new(&server.way(), "queues = ['q']");
    let plan = desk.plan(retry(&[])).await.unwrap();
    assert_eq!(plan.steps.len(), 3);
    let (outcome, verdict, stages) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Failed(why)) if why.contains("failed again: it broke")),
        "{verdict:?}"
    );
    assert_eq!(stages.iter().filter(|s| matches!(s, Stage::Executed { .. })).count(), 3);
    assert_eq!(failed(&mut bull), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_and_resume_are_obeyed_by_the_real_worker() {
    let server = Server::start(&[]);
    for version in [5, 6] {
        server.cli(&["FLUSHALL"]);
        let mut bull = Bull::start(version, server.port);
        bull.work("q");
        let first = bull.add("q", "ok", 1);
        eventually("it runs", || bull.processed("q", &first[0]) == 1);
        let desk = Desk::new(&server.way(), "");
        let pause = || Request::PauseQueue { queue: queue("q") };
        let resume = || Request::ResumeQueue { queue: queue("q") };
        let (outcome, verdict) = desk.run(pause()).await;
        assert_eq!(outcome, Outcome::Applied);
        assert!(matches!(verdict, Some(Verdict::Healthy(_))));
        assert_eq!(bull.run(json!({"do": "paused", "queue": "q"})), json!(true));
        let ids = bull.add("q", "ok", 3);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(
            ids.iter().all(|id| bull.processed("q", id) == 0),
            "version {version}: a paused queue works nothing"
        );
        assert!(desk.plan(pause()).await.unwrap().no_op.is_some());
        let (outcome, verdict) = desk.run(resume()).await;
        assert_eq!(outcome, Outcome::Applied, "version {version}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
        eventually("they run", || ids.iter().all(|id| bull.processed("q", id) == 1));
        // And the other way round: what its own library paused, we resume; what we paused, it resumes.
        bull.run(json!({"do": "stop"}));
        let waiting = bull.add("q", "ok", 2);
        bull.run(json!({"do": "pause", "queue": "q"}));
        let plan = desk.plan(resume()).await.unwrap();
        assert_eq!(desk.carry_out(plan).await.0, Outcome::Applied);
        assert_eq!(bull.counts("q")["waiting"], json!(2));
        assert_eq!(desk.run(pause()).await.0, Outcome::Applied);
        bull.run(json!({"do": "resume", "queue": "q"}));
        bull.work("q");
        eventually("they run", || waiting.iter().all(|id| bull.processed("q", id) == 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_unknown_layouts_are_shown_and_not_touched() {
    let server = Server::start(&[]);
    for version in [3, 4] {
        server.cli(&["FLUSHALL"]);
        let mut bull = Bull::start(version, server.port);
        bull.add("q", "ok", 1);
        let desk = Desk::new(&server.way(), "");
        let refusal = desk.plan(Request::PauseQueue { queue: queue("q") }).await.unwrap_err();
        assert!(refusal.what.contains(&format!("BullMQ {version}")), "{refusal}");
    }
    server.cli(&["HSET", "bull:q:meta", "version", "bullmq-pro:7.0.0"]);
    let desk = Desk::new(&server.way(), "layout = 5");
    assert!(desk.plan(retry(&[])).await.unwrap_err().what.contains("not known"));
    server.cli(&["DEL", "bull:q:meta"]);
    assert!(desk.plan(retry(&[])).await.is_ok(), "pinned by the configuration");
    // The library was upgraded between the plan and the confirmation.
    server.cli(&["HSET", "bull:q:meta", "version", "bullmq:5.1.0"]);
    let plan = desk.plan(Request::PauseQueue { queue: queue("q") }).await.unwrap();
    server.cli(&["HSET", "bull:q:meta", "version", "bullmq:6.1.0"]);
    assert!(matches!(desk.carry_out(plan).await.0, Outcome::Conflict(_)));
    assert_eq!(server.cli(&["HEXISTS", "bull:q:meta", "paused"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_flow_is_left_out() {
    let server = Server::start(&[]);
    server.cli(&["HSET", "bull:q:meta", "version", "bullmq:5.1.0"]);
    server.cli(&["HSET", "bull:q:7", "timestamp", "1", "parentKey", "bull:p:1"]);
    server.cli(&["ZADD", "bull:q:failed", "1", "7"]);
    let desk = Desk::new(&server.way(), "");
    let plan = desk.plan(retry(&[])).await.unwrap();
    assert_eq!(plan.no_op.as_deref(), Some("all of them belong to flows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_refused_and_says_why() {
    let server = Server::start(&["user admin on nopass ~* +@all"]);
    let admin = |words: &[&str]| {
        let mut all = vec!["--user", "admin", "--no-auth-warning", "--pass", "x"];
        all.extend(words);
        server.cli(&all)
    };
    admin(&["HSET", "bull:q:meta", "version", "bullmq:5.1.0"]);
    let desk = Desk::new(&server.way(), "");
    let pause = || Request::PauseQueue { queue: queue("q") };
    // Of memory: the planned change must not be half done.
    admin(&["SET", "big", &"x".repeat(100_000)]);
    let plan = desk.plan(pause()).await.unwrap();
    admin(&["CONFIG", "SET", "maxmemory", "1"]);
    let (outcome, ..) = desk.carry_out(plan).await;
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("OOM")),
        "{outcome:?}"
    );
    admin(&["CONFIG", "SET", "maxmemory", "0"]);
    // Of rights.
    let plan = desk.plan(pause()).await.unwrap();
    admin(&["ACL", "SETUSER", "default", "-eval"]);
    let (outcome, ..) = desk.carry_out(plan).await;
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("ACL SETUSER default +eval")),
        "{outcome:?}"
    );
    admin(&["ACL", "SETUSER", "default", "+eval"]);
    // Of a replica: a failover came in between.
    let plan = desk.plan(pause()).await.unwrap();
    let master = Server::start(&[]);
    admin(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    eventually("it is a replica", || admin(&["ROLE"]).starts_with("slave"));
    let (outcome, ..) = desk.carry_out(plan).await;
    assert!(!matches!(outcome, Outcome::Applied | Outcome::NoOp), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_unknown_and_never_sent_again() {
    let evals = Arc::new(AtomicUsize::new(0));
    let paused = Arc::new(AtomicUsize::new(0));
    for happened in [false, true] {
        evals.store(0, Ordering::SeqCst);
        paused.store(0, Ordering::SeqCst);
        let (seen, flag) = (Arc::clone(&evals), Arc::clone(&paused));
        let port = faulty(move |words| {
            Some(match words[0].as_str() {
                "HMGET" if flag.load(Ordering::SeqCst) == 1 => "*2\r\n$12\r\nbullmq:5.1.0\r\n$1\r\n1\r\n".into(),
                "HMGET" => "*2\r\n$12\r\nbullmq:5.1.0\r\n$-1\r\n".into(),
                "HGET" if flag.load(Ordering::SeqCst) == 1 => "$1\r\n1\r\n".into(),
                "HGET" => "$-1\r\n".into(),
                "EVAL" => {
                    seen.fetch_add(1, Ordering::SeqCst);
                    if happened {
                        flag.store(1, Ordering::SeqCst);
                    }
                    return None;
                }
                "CLIENT" => "+OK\r\n".into(),
                _ => ":0\r\n".into(),
            })
        });
        let desk = Desk::new(&way(&format!("url = 'redis://127.0.0.1:{port}'")), "");
        let plan = desk.plan(Request::PauseQueue { queue: queue("q") }).await.unwrap();
        let (outcome, ..) = desk.carry_out(plan).await;
        match (happened, &outcome) {
            (true, Outcome::Applied) => {}
            (false, Outcome::Unknown(why)) => {
                assert!(why.contains("may have happened") && why.contains("running so far"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(evals.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_prefix_are_deleted_in_batches_and_nothing_else() {
    let server = Server::start(&[]);
    for n in 0..450 {
        server.cli(&[
            "MSET",
            &format!("cache:page:{n}"),
            "x",
            &format!("cache:other:{n}"),
            "x",
        ]);
    }
    server.cli(&["SET", "cache:page*", "a literal star"]);
    let desk = Desk::new(&server.way(), "");
    let plan = desk.plan(keys("cache:page:")).await.unwrap();
    assert!(plan.title.contains("450 keys"), "{}", plan.title);
    let Confirm::Typed { word, .. } = &plan.confirm else {
        panic!()
    };
    assert_eq!(word, "lab/cache/cache:page:");
    assert!(plan.reason_required);
    server.cli(&["CONFIG", "RESETSTAT"]);
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(verdict, Some(Verdict::Healthy("450 keys deleted, none is left".into())));
    assert_eq!(server.cli(&["DBSIZE"]), "451");
    let stats = server.cli(&["INFO", "commandstats"]);
    assert!(!stats.contains("cmdstat_flush") && !stats.contains("cmdstat_keys") && !stats.contains("cmdstat_del:"));
    assert!(stats.contains("cmdstat_unlink"));
    assert!(desk.plan(keys("cache:page:")).await.unwrap().no_op.is_some());
    // A pattern, everything, and the queues are refused before anything is asked.
    for prefix in ["", "c", "cache:*", "bull:", "bull:q:wait", "bul", "rq:queue:x"] {
        assert!(desk.plan(keys(prefix)).await.is_err(), "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_prefix_are_deleted_on_every_node_of_a_cluster() {
    let cluster = Cluster::start();
    let port = cluster.nodes[0].port.to_string();
    for n in 0..60 {
        let key = format!("cache:{n}");
        let out = std::process::Command::new("redis-cli")
            .args(["-c", "-p", &port, "SET", &key, "x"])
            .output();
        assert!(out.unwrap().status.success());
    }
    let desk = Desk::new(&cluster.way(), "");
    let (outcome, verdict) = desk.run(keys("cache:")).await;
    assert_eq!(
        (outcome, verdict),
        (
            Outcome::Applied,
            Some(Verdict::Healthy("60 keys deleted, none is left".into()))
        )
    );
    assert!(cluster.nodes.iter().all(|n| n.cli(&["DBSIZE"]) == "0"));
}

/// Every action of Redis and queues, on a server that would allow anything: with a grant it changes something, in a
/// read-only console not one mutating command is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_console_sends_no_command_that_changes_anything() {
    let server = Server::start(&[]);
    let fill = || {
        server.cli(&["FLUSHALL"]);
        server.cli(&["HSET", "bull:q:meta", "version", "bullmq:5.1.0"]);
        server.cli(&["HSET", "bull:p:meta", "version", "bullmq:5.1.0", "paused", "1"]);
        let payload = "{\"card\":\"canary-7f3a\"}";
        server.cli(&[
            "HSET",
            "bull:q:1",
            "timestamp",
            "1",
            "failedReason",
            "canary-7f3a",
            "data",
            payload,
        ]);
        server.cli(&["ZADD", "bull:q:failed", "1", "1"]);
        server.cli(&["SET", "cache:1", "canary-7f3a"]);
        server.cli(&["CONFIG", "RESETSTAT"]);
    };
    let asks = || {
        vec![
            retry(&["1".into()]),
            Request::PauseQueue { queue: queue("q") },
            Request::ResumeQueue { queue: queue("p") },
            keys("cache:"),
        ]
    };
    let mine = [SourceKind::Redis, SourceKind::Queues];
    let registered: Vec<&str> = REGISTRY
        .iter()
        .filter(|a| a.source.is_some_and(|s| mine.contains(&s)))
        .map(|a| a.name)
        .collect();
    assert_eq!(asks().iter().map(Request::name).collect::<Vec<_>>(), registered);
    let wrote = || {
        let stats = server.cli(&["INFO", "commandstats"]);
        let writes = |l: &&str| {
            ["eval", "unlink", "del", "hset", "lpush", "zadd", "zrem", "xadd"]
                .iter()
                .any(|w| l.starts_with(&format!("cmdstat_{w}:")))
        };
        stats.lines().filter(writes).count()
    };
    for ask in asks() {
        fill();
        let desk = Desk::new(&server.way(), "");
        let plan = desk.plan(ask.clone()).await.unwrap();
        // What a worker would do, so that the verification has an end.
        let port = server.port;
        let worker = (ask.name() == "retry-jobs").then(|| {
            tokio::task::spawn_blocking(move || {
                eventually("the job waits", || {
                    redis_support::cli(port, &["LLEN", "bull:q:wait"]) == "1"
                });
                redis_support::cli(port, &["HMSET", "bull:q:1", "processedOn", "1", "finishedOn", "1"]);
            })
        });
        desk.carry_out(plan).await;
        if let Some(worker) = worker {
            worker.await.unwrap();
        }
        assert!(wrote() > 0, "{ask:?}: the positive control");
        let path = desk.actor.journal().path(jiff::Timestamp::now());
        let journal = std::fs::read_to_string(path).unwrap();
        assert!(journal.contains("\"intent\""), "{ask:?}");
        assert!(
            !journal.contains("canary-7f3a"),
            "no payload reaches the record: {journal}"
        );
    }
    for ask in asks() {
        fill();
        let strict = Policy {
            read_only: true,
            ..Policy::default()
        };
        let desk = Desk::with(planner(&server.way(), "", strict));
        let plan = desk.plan(ask.clone()).await.unwrap();
        assert!(plan.blocked().is_some(), "{ask:?}");
        let by = Confirmation {
            hash: plan.hash(),
            typed: String::new(),
            reason: "a test".into(),
        };
        assert!(plan.confirm(by, jiff::Timestamp::now()).is_err());
        // The layer above taken away: planned and confirmed elsewhere, policy alone refuses.
        let free = Desk::new(&server.way(), "");
        let plan = free.plan(ask.clone()).await.unwrap();
        let typed = match &plan.confirm {
            Confirm::Typed { word, .. } => word.clone(),
            Confirm::Button => String::new(),
        };
        let by = Confirmation {
            hash: plan.hash(),
            typed,
            reason: "a test".into(),
        };
        let confirmed = plan.confirm(by, jiff::Timestamp::now()).unwrap();
        let (to, _from) = tokio::sync::mpsc::channel(1000);
        let (outcome, _) = execute(&desk.actor, &desk.grant, confirmed, to).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        assert_eq!(wrote(), 0, "{ask:?}");
    }
    assert!(WriteGrant::at_start(true).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_have_one_verdict_and_waiting_behind_other_work_is_no_failure() {
    let server = Server::start(&[]);
    let mut bull = Bull::start(5, server.port);
    for (q, n) in [("q", 101), ("dead", 1)] {
        bull.add(q, "bad", n);
        bull.work(q);
        eventually("they failed", || bull.counts(q)["failed"] == n);
    }
    bull.run(json!({"do": "mend"}));
    let slow = ["q", "dead"].map(|q| {
        let ids = bull.add(q, "slow", 1);
        eventually("the only worker is busy", || bull.counts(q)["active"] == 1);
        ids
    });
    let desk = Desk::new(&server.way(), "");
    let plan = desk.plan(retry(&[])).await.unwrap();
    assert_eq!(plan.steps.len(), 2);
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    let told = "all 101 wait: the workers of the queue are at work on what came before (1 active)";
    assert_eq!(
        (outcome, verdict),
        (Outcome::Applied, Some(Verdict::Healthy(told.into())))
    );
    let journal = std::fs::read_dir(desk.folder.path()).unwrap().flatten().next().unwrap();
    let journal = std::fs::read_to_string(journal.path()).unwrap();
    let count = |kind: &str| journal.matches(&format!("\"kind\":\"{kind}\"")).count();
    assert_eq!((count("intent"), count("result"), count("verify")), (2, 2, 1));
    // A job whose worker died stays at work for ever: nothing comes behind it.
    bull.run(json!({"do": "stop"}));
    server.cli(&["DEL", &format!("bull:dead:{}:lock", slow[1][0])]);
    let (outcome, verdict) = desk
        .run(Request::RetryJobs {
            queue: queue("dead"),
            which: Box::default(),
        })
        .await;
    let told = "no worker took any of them within 3 s";
    assert_eq!(
        (outcome, verdict),
        (Outcome::Applied, Some(Verdict::Failed(told.into())))
    );
}
