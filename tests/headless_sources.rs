//! `qd queues`, `queries`, `redis`, `alerts`, `certs` against real servers, without Kubernetes where it is not needed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::duplicate_mod)] // each support brings the one that starts servers

mod postgres_support;
mod qd_support;
mod redis_support;

use postgres_support::Pg;
use qd_support::Qd;
use quarterdeck::sim::demo;
use redis_support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn every_source_prints_without_a_cluster() {
    let pg = Pg::start(15, "").await;
    let redis = Server::start(&[]);
    redis.cli(&["HSET", "bull:mail:meta", "version", "bullmq:5.81.5"]);
    redis.cli(&["RPUSH", "bull:mail:wait", "1"]);
    redis.cli(&["HSET", "bull:mail:1", "timestamp", "1700000000000"]);
    let qd = Qd::new(&format!(
        "[[platform]]\nname = 'lab'\n[[platform.postgres]]\nname = 'core'\ndsn = '{}'\n\
         [[platform.redis]]\nname = 'cache'\nurl = '{}'\n\
         [[platform.queues]]\nname = 'jobs'\nredis = 'cache'\n\
         [[platform.prometheus]]\nname = 'main'\nurl = 'http://127.0.0.1:1'\n",
        pg.dsn("qd"),
        redis.url()
    ));
    let (code, json, said) = qd.json(&["queries"]);
    assert_eq!(
        (code, json["postgres"][0]["database"].as_str()),
        (0, Some("postgres")),
        "{said}"
    );
    // Queues live in a server without a limit of its memory: every form of the answer says so.
    let (code, json, said) = qd.json(&["redis"]);
    assert_eq!((code, json["redis"][0]["role"].as_str()), (1, Some("master")), "{said}");
    assert_eq!(json["redis"][0]["keys"], 3);
    for form in [&["redis"][..], &["redis", "--plain"]] {
        let (code, text, said) = qd.run(form);
        assert!(code == 1 && text.contains("no memory limit"), "{text}{said}");
    }
    // A job waits and nobody works.
    let (code, json, said) = qd.json(&["queues"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(
        (
            json["queues"][0]["name"].as_str(),
            json["queues"][0]["ready"].as_u64(),
            json["queues"][0]["workers"].as_u64(),
        ),
        (Some("mail"), Some(1), Some(0)),
        "{json:#}"
    );
    // What is not reached cannot be told.
    let (code, json, said) = qd.json(&["alerts"]);
    assert!(
        code == 2 && !json["gaps"].as_array().unwrap().is_empty() && said.contains("main"),
        "{said}"
    );
    let (code, text, _) = qd.run(&["queues"]);
    assert!(
        code == 1 && text.starts_with("QUEUE") && text.contains("no worker"),
        "{text}"
    );
    // No source of that kind: nobody can tell.
    assert_eq!(qd.json(&["certs"]).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_without_kubernetes_is_checked_and_one_that_names_a_cluster_misses_it() {
    let pg = Pg::start(15, "").await;
    let platform = |more: &str| {
        Qd::new(&format!(
            "[[platform]]\nname = 'lab'\n{more}[[platform.postgres]]\nname = 'core'\ndsn = '{}'\n",
            pg.dsn("qd")
        ))
    };
    let cluster = |json: &serde_json::Value| {
        let rows = json["checks"].as_array().unwrap();
        let rows: Vec<_> = rows.iter().filter(|r| r["source"] == "kubernetes").collect();
        assert_eq!(rows.len(), 1, "{json:#}");
        rows[0]["state"].as_str().unwrap().to_owned()
    };
    let (code, json, said) = platform("").json(&["check"]);
    assert_eq!((code, &*cluster(&json)), (0, "absent"), "{json:#} {said}");
    assert!(
        json["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["what"] == "sessions" && r["state"] == "ok")
    );
    let (code, json, said) = platform("context = 'prod'\n").json(&["check"]);
    assert_eq!((code, &*cluster(&json)), (1, "unreachable"), "{said}");
    // The person's own files, and the terminal, which is none here.
    let console = |json: &serde_json::Value, what: &str| {
        let rows = json["checks"].as_array().unwrap();
        let row = rows.iter().find(|r| r["source"] == "console" && r["what"] == what);
        let row = row.unwrap_or_else(|| panic!("{what}: {json:#}"));
        (
            row["state"].as_str().unwrap().to_owned(),
            row["detail"].as_str().unwrap().to_owned(),
        )
    };
    let qd = platform("");
    let file = |name: &str, text: &str| std::fs::write(qd.home.path().join(name), text).unwrap();
    let config = std::fs::read_to_string(qd.home.path().join("qd.toml")).unwrap();
    let ui = "[ui]\ncolor = 'truecolor'\ntheme = '~/faint.toml'\nkeymap = '~/keys.toml'\n";
    file("qd.toml", &format!("{ui}{config}"));
    file("keys.toml", "[global]\n\"Q\" = \"app.hepl\"\n");
    file("faint.toml", "inherits = \"dark\"\n[roles]\n\"text\" = \"#202020\"\n");
    let (code, json, said) = qd.json(&["check"]);
    let (keys, why) = console(&json, "keymap ~/keys.toml");
    assert!(
        code == 1 && keys == "wrong" && why.contains("keys.toml:2") && why.contains("app.hepl"),
        "{why} {said}"
    );
    let (theme, doubts) = console(&json, "theme ~/faint.toml");
    assert!(
        theme == "ok" && doubts.contains("`text`") && doubts.contains("faint"),
        "{theme} {doubts}"
    );
    assert!(console(&json, "terminal").1.contains("dumb"));
    file("faint.toml", "inherits = \"dusk\"\n");
    file("keys.toml", "inherits = \"default\"\n[global]\n\"Q\" = \"app.help\"\n");
    let (code, json, _) = qd.json(&["check"]);
    assert_eq!((code, &*console(&json, "keymap ~/keys.toml").0), (1, "ok"), "{json:#}");
    assert_eq!(console(&json, "theme ~/faint.toml").0, "wrong", "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_prints_its_alerts_certificates_and_signals() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = demo::start(demo::Options::default()).await.unwrap();
    let qd = Qd::at(demo.config());
    let (code, json, said) = qd.json(&["alerts"]);
    assert!(code == 1 && json["alerts"].as_array().unwrap().len() > 1, "{said}");
    // Jobs wait for a quarter of an hour: the rules say so, and the configuration sets their limits.
    assert_eq!(qd.json(&["queues"]).0, 1);
    let text = std::fs::read_to_string(demo.config()).unwrap();
    let later = Qd::new(&format!(
        "[signals]\nqueue_oldest_warning = '9h'\nqueue_oldest_critical = '9h'\n\
         queue_failed_warning_percent = 98\nqueue_failed_critical_percent = 99\n{text}"
    ));
    let (code, json, said) = later.json(&["queues"]);
    assert_eq!(code, 0, "{json:#} {said}");
    // What an operator may is asked for each source, and the demonstration allows all of it.
    let (code, json, said) = qd.json(&["check"]);
    let rows = json["checks"].as_array().unwrap();
    let bad: Vec<_> = rows.iter().filter(|r| r["state"] != "ok").collect();
    assert!(code == 0 && bad.is_empty(), "{bad:#?} {said}");
    for what in [
        "vacuum, analyze, reindex",
        "reset a statement's statistics",
        "delete keys by prefix",
        "PgBouncer's pools",
    ] {
        assert!(rows.iter().any(|r| r["what"] == what), "{what}");
    }
    let (code, json, said) = qd.json(&["certs"]);
    assert_eq!(code, 1, "{said}");
    let rows = json["certificates"].as_array().unwrap();
    assert!(
        rows.iter()
            .any(|c| c["name"] == "cortex-tls" && c["state"] == "overdue"),
        "{json:#}"
    );
    let (code, json, said) = qd.json(&["signals"]);
    let signals = json["signals"].as_array().unwrap();
    assert!(
        code == 1 && signals.iter().any(|s| s["id"].as_str().unwrap().starts_with("cert.")),
        "{said} {json:#}"
    );
    demo.stop().await;
}
