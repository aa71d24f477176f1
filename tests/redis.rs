//! Redis as it is read from real servers: views, rights, faults, Sentinel, Cluster, TLS.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod redis_support;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quarterdeck::feed::redis::command::{observer_acl, operator_acl};
use quarterdeck::feed::redis::connection::Fault;
use quarterdeck::feed::redis::{Client, Watcher, Way, slot};
use quarterdeck::feed::{Inbox, Pace, SourceContext};
use quarterdeck::model::{Freshness, Problem, Redis, Source};
use redis_support::{Cluster, Sentinels, Server, eventually, faulty, free_port, way};

async fn look(watcher: &mut Watcher) -> Redis {
    watcher.look(true, Timestamp::now()).await.unwrap();
    watcher.seen().clone()
}

fn watcher(way: Way) -> Watcher {
    Watcher::new(way, false, true)
}

#[tokio::test]
async fn every_view_of_a_real_server_is_read() {
    let server = Server::start(&[
        "maxmemory 64mb",
        "maxmemory-policy allkeys-lru",
        "slowlog-log-slower-than 0",
        "latency-monitor-threshold 1",
    ]);
    server.cli(&["SET", "user:1", "hunter2"]);
    server.cli(&["-n", "3", "SET", "a", "b", "EX", "100"]);
    server.cli(&["DEBUG", "SLEEP", "0.02"]);
    let mut watcher = watcher(server.way());
    let seen = look(&mut watcher).await;
    let node = &seen.nodes[0];
    assert_eq!((node.trouble.clone(), node.rates), (None, None));
    let info = node.info.fresh().unwrap();
    assert_eq!((info.memory.max, &*info.memory.policy), (64 << 20, "allkeys-lru"));
    assert!(info.memory.share().unwrap() > 0.0 && info.memory.share().unwrap() < 0.5);
    assert!(info.version.starts_with(|c: char| c.is_ascii_digit()));
    assert!(info.stats.cpu_main_s.is_some() && info.clients.max.is_some());
    assert_eq!(
        info.keyspace
            .iter()
            .map(|k| (k.db, k.keys, k.expires))
            .collect::<Vec<_>>(),
        [(0, 1, 0), (3, 1, 1)]
    );
    assert!(*node.ping_us.fresh().unwrap() > 0);
    let slow = node.slow_log.fresh().unwrap();
    assert!(slow.entries.iter().any(|e| &*e.command == "SET (2 arguments)"));
    assert!(slow.len >= slow.entries.len() as u64);
    assert!(!format!("{seen:?}").contains("hunter2"), "no payload");
    let settings = node.settings.fresh().unwrap();
    assert_eq!((settings.slower_than_us, settings.latency_threshold_ms), (0, 1));
    let set = node
        .commands
        .fresh()
        .unwrap()
        .iter()
        .find(|c| &*c.name == "set")
        .unwrap()
        .clone();
    assert_eq!((set.calls, set.failed, set.per_second), (2, Some(0), None));
    assert!(set.p99_us.is_some());

    for _ in 0..30 {
        server.cli(&["GET", "user:1"]);
    }
    for _ in 0..10 {
        server.cli(&["GET", "nobody"]);
    }
    let later = Timestamp::now() + Duration::from_secs(10);
    watcher.look(true, later).await.unwrap();
    let rates = watcher.seen().nodes[0].rates.unwrap();
    assert_eq!(rates.hit_rate, Some(0.75));
    assert!(rates.commands > 4.0 && rates.evicted_keys == 0);
    // 0 µs is slow enough here: every command is an entry.
    assert!(rates.slow_per_minute.unwrap() > 200.0);
    let get = watcher.seen().nodes[0]
        .commands
        .fresh()
        .unwrap()
        .iter()
        .find(|c| &*c.name == "get")
        .unwrap()
        .clone();
    assert_eq!(get.calls, 40);
}

#[tokio::test]
async fn each_missing_right_blanks_its_own_view_and_names_its_rule() {
    let server = Server::start(&["user admin on nopass ~* +@all", "user default off"]);
    let admin = |words: &[&str]| {
        let mut all = vec!["--user", "admin", "--no-auth-warning", "--pass", "x"];
        all.extend(words);
        server.cli(&all)
    };
    let set_user = |rules: &str| {
        let mut words = vec!["ACL", "SETUSER", "qd", "reset", "on", ">pw"];
        words.extend(rules.split_whitespace());
        assert_eq!(admin(&words), "OK");
    };
    let pw = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pw.path(), "pw\n").unwrap();
    let way = way(&format!(
        "url = 'redis://qd@127.0.0.1:{}'\npassword = {{ file = '{}' }}",
        server.port,
        pw.path().display()
    ));
    set_user(&observer_acl());
    let seen = look(&mut watcher(way.clone())).await;
    let problems = |seen: &Redis| -> Vec<(&'static str, Problem)> {
        let n = &seen.nodes[0];
        [
            ("ping", &n.ping_us.problem),
            ("info", &n.info.problem),
            ("slow", &n.slow_log.problem),
            ("latency", &n.latency.problem),
            ("commands", &n.commands.problem),
            ("settings", &n.settings.problem),
        ]
        .into_iter()
        .filter_map(|(name, p)| Some((name, p.clone()?)))
        .collect()
    };
    assert_eq!(problems(&seen), [], "with the whole ACL everything is green");
    for (rule, blank) in [
        ("+slowlog|get", vec!["slow"]),
        ("+latency|latest", vec!["latency"]),
        ("+config|get", vec!["settings"]),
        ("+ping", vec!["ping"]),
        ("+info", vec!["info", "commands"]),
    ] {
        let all = observer_acl();
        let rules: Vec<&str> = all.split_whitespace().filter(|w| *w != rule).collect();
        set_user(&rules.join(" "));
        let seen = look(&mut watcher(way.clone())).await;
        let found = problems(&seen);
        assert_eq!(
            found.iter().map(|(n, _)| *n).collect::<Vec<_>>(),
            blank,
            "without {rule}"
        );
        for (_, problem) in found {
            let Problem::Denied { grant, .. } = problem else {
                panic!("{problem:?}")
            };
            assert_eq!(&*grant, format!("ACL SETUSER qd {rule}"));
        }
    }
    // What the observer may not do, the server refuses too.
    set_user(&observer_acl());
    let as_observer = |words: &[&str]| {
        let mut all = vec!["--user", "qd", "--no-auth-warning", "--pass", "pw"];
        all.extend(words);
        server.cli(&all)
    };
    for words in [
        &["SET", "a", "b"][..],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["EVAL", "return 1", "0"],
    ] {
        assert!(as_observer(words).starts_with("NOPERM"), "{words:?}");
    }
    set_user(&operator_acl("bull"));
    assert_eq!(as_observer(&["EVAL", "return 1", "0"]), "1");
    assert!(as_observer(&["FLUSHDB"]).starts_with("NOPERM"));
}

#[tokio::test]
async fn a_server_that_wants_a_password_says_so() {
    let server = Server::start(&["requirepass hunter2"]);
    let mut none = watcher(server.way());
    let fault = none.look(true, Timestamp::now()).await.unwrap_err();
    assert!(matches!(&fault, Fault::Refused(r) if r.code == "NOAUTH"), "{fault:?}");
    let pw = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pw.path(), "wrong").unwrap();
    let text = format!(
        "url = '{}'\npassword = {{ file = '{}' }}",
        server.url(),
        pw.path().display()
    );
    let mut wrong = watcher(way(&text));
    let fault = wrong.look(true, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Refused(r) if r.code == "WRONGPASS"),
        "{fault:?}"
    );
    assert!(!format!("{fault:?} {}", fault.say()).contains("wrong\n"));
    std::fs::write(pw.path(), "hunter2").unwrap();
    // The secret is read anew each time.
    look(&mut wrong).await;
    let absent = format!("url = '{}'\npassword = {{ env = 'QUARTERDECK_NO_SUCH' }}", server.url());
    let fault = watcher(way(&absent)).look(true, Timestamp::now()).await.unwrap_err();
    assert_eq!(fault, Fault::Ours("the variable QUARTERDECK_NO_SUCH is not set".into()));
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_deadline_and_is_read_again_when_it_wakes() {
    let server = Server::start(&[]);
    let mut watcher = watcher(server.way());
    look(&mut watcher).await;
    let frozen = server.freeze();
    let fault = watcher.look(true, Timestamp::now()).await.unwrap_err();
    assert!(matches!(fault, Fault::TimedOut(_)), "{fault:?}");
    let node = &watcher.seen().nodes[0];
    assert!(matches!(node.trouble, Some(Problem::TimedOut(_))));
    assert!(
        node.info.fresh().is_none() && node.info.last().is_some(),
        "what was seen stays, marked"
    );
    drop(frozen);
    let seen = look(&mut watcher).await;
    // Nothing of the lost answers is taken for one of the new.
    assert!(seen.nodes[0].info.fresh().is_some() && seen.nodes[0].trouble.is_none());
    // One that accepts and never speaks at all.
    let port = faulty(|_| None);
    let mut silent = self::watcher(way(&format!("url = 'redis://127.0.0.1:{port}'")));
    assert!(matches!(
        silent.look(true, Timestamp::now()).await,
        Err(Fault::TimedOut(_))
    ));
}

#[tokio::test]
async fn a_restart_is_survived_and_has_no_rates() {
    let port = free_port();
    let mut server = Server::start_on(port, &[]);
    let mut watcher = watcher(server.way());
    look(&mut watcher).await;
    server.kill();
    assert!(matches!(
        watcher.look(true, Timestamp::now()).await,
        Err(Fault::Lost(_))
    ));
    let _again = Server::start_on(port, &[]);
    let later = Timestamp::now() + Duration::from_secs(5);
    watcher.look(true, later).await.unwrap();
    assert_eq!(watcher.seen().nodes[0].rates, None);
    watcher.look(true, later + Duration::from_secs(5)).await.unwrap();
    assert!(watcher.seen().nodes[0].rates.is_some());
}

#[tokio::test]
async fn a_server_that_loads_its_data_says_so_and_nothing_is_made_up() {
    let port = faulty(|words| {
        Some(match words[0].as_str() {
            "INFO" => {
                let text = "redis_version:7.0.15\r\nrole:master\r\nloading:1\r\n";
                format!("${}\r\n{text}\r\n", text.len())
            }
            _ => "-LOADING Redis is loading the dataset in memory\r\n".to_owned(),
        })
    });
    let seen = look(&mut watcher(way(&format!("url = 'redis://127.0.0.1:{port}'")))).await;
    let node = &seen.nodes[0];
    assert!(node.info.fresh().unwrap().persistence.loading);
    assert!(matches!(&node.slow_log.problem, Some(Problem::Failed(why)) if why.contains("loading")));
    assert!(node.slow_log.last().is_none());
}

#[tokio::test]
async fn sentinels_are_asked_and_a_failover_is_followed() {
    let mut set = Sentinels::start();
    let mut watcher = watcher(set.way());
    let seen = look(&mut watcher).await;
    let master = format!("127.0.0.1:{}", set.master.port);
    assert_eq!(*seen.nodes[0].address, *master);
    let health = seen.sentinel.fresh().unwrap();
    assert_eq!(
        (health.quorum, health.replicas, health.agreeing(), &*health.master),
        (2, 1, 3, &*master)
    );
    assert_eq!((&health.no_quorum, health.flags.len()), (&None, 0));
    let replicas = &seen.nodes[0].info.fresh().unwrap().replication.replicas;
    assert_eq!((replicas.len(), &*replicas[0].state), (1, "online"));
    set.master.kill();
    assert!(watcher.look(true, Timestamp::now()).await.is_err());
    let replica = format!("127.0.0.1:{}", set.replica.port);
    let mut tries = 0;
    while watcher.look(true, Timestamp::now()).await.is_err() || *watcher.seen().nodes[0].address != *replica {
        tries += 1;
        assert!(tries < 300, "the new master was never found");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let seen = watcher.seen();
    assert_eq!(seen.nodes.len(), 1);
    assert!(seen.nodes[0].info.fresh().is_some());
    // One Sentinel less: two of three still agree, and the third says why not.
    set.watchers[0].kill();
    let seen = look(&mut watcher).await;
    let health = seen.sentinel.last().unwrap();
    assert_eq!(health.agreeing(), 2);
    assert!(health.sentinels.iter().any(|s| s.trouble.is_some()));
}

#[tokio::test]
async fn a_cluster_shows_every_master_and_a_lost_one() {
    let mut cluster = Cluster::start();
    let mut watcher = watcher(cluster.way());
    let seen = look(&mut watcher).await;
    assert_eq!(seen.nodes.len(), 3);
    assert!(seen.nodes.iter().all(|n| n.info.fresh().is_some()));
    let health = seen.cluster.fresh().unwrap();
    assert!(health.ok && health.slots_ok == 16384);
    assert_eq!(
        health
            .nodes
            .iter()
            .map(quarterdeck::model::ClusterNode::slot_count)
            .sum::<u32>(),
        16384
    );
    let mut client = Client::new(cluster.way());
    for key in ["foo", "{a}b", "bull:default:wait"] {
        let home = client.home(key).await.unwrap();
        let theirs: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().unwrap();
        assert_eq!(slot(key), theirs);
        assert!(home.starts_with("127.0.0.1:"));
    }
    let lost = cluster.nodes[2].port;
    cluster.nodes[2].kill();
    let other = &cluster.nodes[0];
    eventually("the others notice", || {
        other.cli(&["CLUSTER", "INFO"]).contains("cluster_state:fail")
    });
    // Two of three answer: the look is good, one node is in trouble, and the Cluster is not well.
    let seen = look(&mut watcher).await;
    assert_eq!(seen.nodes.iter().filter(|n| n.trouble.is_some()).count(), 1);
    let health = seen.cluster.fresh().unwrap();
    assert!(!health.ok);
    let failing: Vec<&str> = health.nodes.iter().filter(|n| n.failing).map(|n| &*n.address).collect();
    assert_eq!(failing, [format!("127.0.0.1:{lost}")]);
}

#[tokio::test]
async fn tls_is_verified_and_our_certificate_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(vec![]).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    // With the leaf's name they would be taken for self-signed.
    ca.distinguished_name.push(rcgen::DnType::CommonName, "lab authority");
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    std::fs::write(at("ca.pem"), ca_cert.pem()).unwrap();
    for (name, host) in [("server", "redis.lab"), ("client", "qd")] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(at(&format!("{name}.pem")), cert.pem()).unwrap();
        std::fs::write(at(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    let settings = [
        "tls-port {port}".to_owned(),
        format!("tls-cert-file {}", at("server.pem")),
        format!("tls-key-file {}", at("server.key")),
        format!("tls-ca-cert-file {}", at("ca.pem")),
        "tls-auth-clients yes".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = Server::start(&settings);
    let url = format!("url = 'rediss://127.0.0.1:{}'", server.port);
    let ours = format!("certificate = '{}', key = '{}'", at("client.pem"), at("client.key"));
    let good = format!(
        "{url}\ntrust = {{ ca = '{}', name = 'redis.lab', {ours} }}",
        at("ca.pem")
    );
    let seen = look(&mut watcher(way(&good))).await;
    assert!(seen.nodes[0].info.fresh().is_some());
    for (bad, why) in [
        (
            format!("{url}\ntrust = {{ ca = '{}', {ours} }}", at("ca.pem")),
            "another name",
        ),
        (
            format!("{url}\ntrust = {{ name = 'redis.lab', {ours} }}"),
            "an unknown authority",
        ),
        (
            format!("{url}\ntrust = {{ ca = '{}', name = 'redis.lab' }}", at("ca.pem")),
            "no certificate of ours",
        ),
    ] {
        assert!(watcher(way(&bad)).look(true, Timestamp::now()).await.is_err(), "{why}");
    }
}

#[tokio::test]
async fn a_stream_that_somebody_else_made_will_do() {
    let server = Server::start(&[]);
    let port = server.port;
    let dial: quarterdeck::feed::redis::Dial = Arc::new(move || {
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut theirs, &mut tcp).await;
            });
            Ok(Box::new(ours) as Box<dyn quarterdeck::feed::redis::connection::Stream>)
        })
    });
    let way = way("url = 'redis://redis.cortex.svc'").through(dial);
    let seen = look(&mut watcher(way)).await;
    assert_eq!(&*seen.nodes[0].address, "redis.cortex.svc:6379");
    assert!(seen.nodes[0].info.fresh().is_some());
}

#[tokio::test]
async fn the_task_tells_how_well_it_reaches_and_never_ends() {
    let port = free_port();
    let inbox = Inbox::new();
    let text = format!("url = 'redis://127.0.0.1:{port}'");
    let context = SourceContext::alone(Pace::Fast);
    let task = tokio::spawn(quarterdeck::feed::redis::run(way(&text), true, context, inbox.clone()));
    let next = async || {
        loop {
            inbox.ready().await;
            let batch = inbox.drain().unwrap();
            if let Some((_, state)) = batch
                .reach
                .into_iter()
                .find(|(_, s)| !matches!(s, Freshness::Syncing { .. }))
            {
                return (state, batch.sources);
            }
        }
    };
    assert!(matches!(next().await.0, Freshness::Failed { .. }));
    let server = Server::start_on(port, &[]);
    let (state, sources) = loop {
        let (state, sources) = next().await;
        if state.is_fresh() {
            break (state, sources);
        }
    };
    assert!(state.is_fresh());
    let [(id, Source::Redis(redis))] = sources.as_slice() else {
        panic!()
    };
    assert_eq!((&*id.name, redis.holds_queues), ("cache", true));
    drop(server);
    assert!(matches!(next().await.0, Freshness::Stale { .. }));
    assert!(!task.is_finished());
    task.abort();
}
