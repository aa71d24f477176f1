//! `qd init`: what it finds in a cluster, what it writes, and what it never does.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod qd_support;
mod redis_support;

use qd_support::Qd;
use quarterdeck::config::{Config, File, Inputs, Loaded};
use quarterdeck::sim::kube::resources::{CONFIGMAPS, INGRESSES, PODS, SECRETS, SERVICES};
use quarterdeck::sim::kube::{Clock, NoPlatform, Server, ServerOptions, Store};
use redis_support::Server as Redis;
use serde_json::json;
use std::sync::Arc;

async fn cluster(redis: &Redis) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::new(Clock::real());
    for (name, port) in [
        ("postgres-core", 5432),
        ("pgbouncer", 6432),
        ("redis", 6379),
        ("prometheus", 9090),
        ("alertmanager", 9093),
        ("web", 80),
    ] {
        store.put(
            &SERVICES,
            json!({"metadata": {"name": name, "namespace": "cortex"},
                "spec": {"selector": {"app": name}, "clusterIP": "10.0.0.1", "ports": [{"port": port, "targetPort": port}]}}),
        );
    }
    store.put(
        &PODS,
        json!({"metadata": {"name": "redis-0", "namespace": "cortex", "labels": {"app": "redis"}},
            "spec": {"containers": [{"name": "redis", "ports": [{"containerPort": 6379}]}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
    );
    store.put(
        &SECRETS,
        json!({"metadata": {"name": "app", "namespace": "cortex"}, "type": "Opaque",
            "data": {"DATABASE_URL": "c2VzYW1lLXBn", "SESSION_KEY": "c2VzYW1lLWtleQ=="}}),
    );
    store.put(
        &CONFIGMAPS,
        json!({"metadata": {"name": "app", "namespace": "cortex"}, "data": {"REDIS_URL": "redis://:hunter2@redis:6379"}}),
    );
    store.put(
        &INGRESSES,
        json!({"metadata": {"name": "web", "namespace": "cortex"},
            "spec": {"rules": [{"host": "shop.example.com"}], "tls": [{"hosts": ["shop.example.com"], "secretName": "tls"}]}}),
    );
    let server = Server::start(store, Arc::new(NoPlatform), ServerOptions::default())
        .await
        .unwrap();
    server
        .forwards()
        .add("cortex", "redis", 6379, ([127, 0, 0, 1], redis.port).into());
    server
}

fn load(text: String) -> Loaded {
    Config::load(&Inputs {
        user: Some(File {
            path: "/home/kim/config.toml".into(),
            text: Ok(Some(text)),
        }),
        ..Inputs::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_alone_becomes_a_configuration_that_loads() {
    let redis = Redis::start(&[]);
    redis.cli(&["HSET", "bull:mail:meta", "version", "bullmq:5.81.5"]);
    let server = cluster(&redis).await;
    let qd = Qd::bare();
    let kubeconfig = qd.home.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let (code, text, said) = qd.run(&["init", "--kubeconfig", kubeconfig, "--print"]);
    assert_eq!(code, 0, "{said}");
    for never in ["hunter2", "sesame", "c2Vz", "SESSION_KEY"] {
        assert!(!text.contains(never) && !said.contains(never), "{text}");
    }
    let loaded = load(text.clone());
    assert_eq!(loaded.problems, [], "{text}");
    let p = &loaded.config.platforms[0];
    assert_eq!(
        (p.namespaces.as_slice(), p.context.as_deref()),
        (&["cortex".to_owned()][..], Some("demo"))
    );
    assert_eq!(p.cluster_secrets(), ["cortex/app/DATABASE_URL"]);
    assert_eq!(
        p.postgres[0].via.as_ref().unwrap().to_string(),
        "port-forward:cortex/svc/postgres-core:5432"
    );
    // A Redis that is reached is asked for its queues, through the API server.
    assert_eq!((p.redis.len(), p.queues.len()), (1, 1), "{text}");
    assert!(p.prometheus[0].alertmanager.is_some());
    assert_eq!((p.certificates.len(), p.http.len()), (1, 0));
    for said in [
        "pgbouncer = ",
        "ConfigMap cortex/app has the key REDIS_URL",
        "https://shop.example.com/",
        "1 queues",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }

    // It asks; no answer and "no" write nothing.
    let file = qd.home.path().join(".config/quarterdeck/config.toml");
    for answer in ["", "n\n"] {
        let (code, _, said) = qd.typed(&["init", "--kubeconfig", kubeconfig], answer);
        assert!(code == 2 && said.contains("[y/N]") && !file.exists(), "{said}");
    }
    assert_eq!(qd.typed(&["init", "--kubeconfig", kubeconfig], "y\n").0, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    // What is there is left alone without a question.
    std::fs::write(&file, "# mine\n").unwrap();
    let (code, _, said) = qd.run(&["init", "--kubeconfig", kubeconfig, "--yes"]);
    assert!(code == 2 && said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\n");
    // After one the platform is added below, and nothing that stood there is lost: least of all a tighter policy.
    let mine =
        "# mine\n[policy]\nread_only = true\n[[platform]]\nname = \"eu\"\ncontext = \"eu\"\nkubeconfig = \"/eu\"";
    std::fs::write(&file, mine).unwrap();
    let (code, _, said) = qd.typed(&["init", "--kubeconfig", kubeconfig], "yes\n");
    assert!(code == 0 && said.contains("below all that stands there"), "{said}");
    let both = std::fs::read_to_string(&file).unwrap();
    assert!(both.starts_with(mine), "{both}");
    let loaded = load(both.clone());
    assert_eq!(loaded.problems, []);
    assert!(loaded.config.policy.is_read_only());
    let names: Vec<&str> = loaded.config.platforms.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["eu", "demo"]);
    // A platform that is declared already is never written over, nor a file that does not load.
    for old in [both, format!("{mine}\nkubconfig = 1\n")] {
        std::fs::write(&file, &old).unwrap();
        let (code, _, said) = qd.typed(&["init", "--kubeconfig", kubeconfig], "yes\n");
        assert!(code == 2 && !said.contains("is written;"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), old);
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(qd.run(&["init", "--kubeconfig", kubeconfig, "--yes"]).0, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    // A console that only reads asks for no Secret.
    server.requests().clear();
    let (code, text, _) = qd.run(&["init", "--kubeconfig", kubeconfig, "--print", "--read-only"]);
    assert!(code == 0 && text.contains("Secrets were not looked at"), "{text}");
    let asked = server.requests().all();
    assert!(asked.len() > 3 && !asked.iter().any(|r| r.path.contains("secrets")));
    assert!(load(text).config.platforms[0].cluster_secrets().is_empty());

    // Where nobody answers nothing was found out, so nothing is written.
    std::fs::remove_file(&file).unwrap();
    server.stop().await;
    for how in ["--yes", "--print"] {
        let (code, text, said) = qd.run(&["init", "--kubeconfig", kubeconfig, how]);
        assert!(code == 2 && text.is_empty() && !file.exists(), "{text}{said}");
        assert!(
            said.contains("nothing is written") && said.contains(&server.address().to_string()),
            "{said}"
        );
    }
}
