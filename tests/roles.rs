//! What `qd check --role` prints is enough, and each line of it is needed: applied to identities that have nothing, on
//! real servers, and taken away line by line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::duplicate_mod)] // each support brings the one that starts servers

mod postgres_support;
mod qd_support;
mod redis_support;

use postgres_support::Pg;
use qd_support::Qd;
use quarterdeck::sim::kube::rbac::BoundRule;
use quarterdeck::sim::kube::{Clock, NoPlatform, Role, Server, ServerOptions, Store, User};
use redis_support::Server as Redis;
use serde_json::Value;
use std::sync::Arc;

/// Rows of `qd check` about sources of this kind that are neither ok nor absent: what, state, detail.
fn bad(qd: &Qd, kind: &str, more: &[&str]) -> Vec<(String, String, String)> {
    let args: Vec<&str> = ["check"].into_iter().chain(more.iter().copied()).collect();
    let (_, json, said) = qd.json(&args);
    let rows = json["checks"].as_array().unwrap();
    let rows: Vec<&Value> = rows
        .iter()
        .filter(|r| r["source"].as_str().unwrap().starts_with(kind))
        .collect();
    assert!(!rows.is_empty(), "{json:#} {said}");
    let field = |r: &Value, name: &str| r[name].as_str().unwrap().to_owned();
    rows.into_iter()
        .filter(|r| !matches!(r["state"].as_str().unwrap(), "ok" | "absent"))
        .map(|r| (field(r, "what"), field(r, "state"), field(r, "detail")))
        .collect()
}

fn lines(list: &Value, name: &str) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|l| l[name].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_turns_green_with_what_is_printed_and_misses_each_line() {
    // Debian's, and one that has a role for upkeep.
    for (version, upkeep) in [(15, "GRANT owner TO \"bare\";"), (17, "GRANT pg_maintain TO \"bare\";")] {
        postgres_turns_green(version, upkeep).await;
    }
}

async fn postgres_turns_green(version: u32, upkeep: &str) {
    let pg = Pg::start(version, "").await;
    let admin = pg.admin().await;
    admin
        .batch_execute(
            "CREATE ROLE owner; CREATE TABLE t (a int); ALTER TABLE t OWNER TO owner; CREATE ROLE bare LOGIN; \
             REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        )
        .await
        .unwrap();
    let qd = Qd::new(&format!(
        "[[platform]]\nname = 'lab'\n[[platform.postgres]]\nname = 'core'\ndsn = '{}'\n",
        pg.dsn("bare")
    ));
    let (code, json, said) = qd.json(&["check", "--role", "operator"]);
    assert_eq!(code, 0, "{said}");
    let all = lines(&json["postgres"][0]["statements"], "sql");
    assert_eq!(all.len(), 5, "{all:#?}");
    let bare = "DROP OWNED BY bare; DROP ROLE bare; CREATE ROLE bare LOGIN";
    for left_out in std::iter::once(None).chain((0..all.len()).map(Some)) {
        admin.batch_execute(bare).await.unwrap();
        for (n, sql) in all.iter().enumerate().filter(|(n, _)| Some(*n) != left_out) {
            admin
                .batch_execute(sql)
                .await
                .unwrap_or_else(|e| panic!("{n} {sql}: {e}"));
        }
        let missing = bad(&qd, "postgres", &[]);
        let details: Vec<&str> = missing.iter().map(|(_, _, d)| d.as_str()).collect();
        match left_out.map(|n| all[n].as_str()) {
            None => assert!(missing.is_empty(), "{missing:#?}"),
            Some(sql) if sql.contains("CONNECT") => {
                assert!(details.len() == 1 && details[0] == sql, "{missing:#?}");
            }
            Some(sql) if sql.starts_with("DO ") => assert_eq!(details, [upkeep]),
            Some(sql) => assert!(
                !details.is_empty() && details.iter().all(|d| *d == sql),
                "{sql}: {missing:#?}"
            ),
        }
    }
    // Who only looks needs the first two, and is asked for no more.
    admin.batch_execute(bare).await.unwrap();
    let (_, json, _) = qd.json(&["check", "--role", "observer"]);
    let observer = lines(&json["postgres"][0]["statements"], "sql");
    assert_eq!(observer, all[..2]);
    for sql in &observer {
        admin.batch_execute(sql).await.unwrap();
    }
    assert_eq!(bad(&qd, "postgres", &["--read-only"]), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_turns_green_with_what_is_printed_and_misses_each_line() {
    let redis = Redis::start(&[]);
    redis.cli(&["HSET", "bull:mail:meta", "version", "bullmq:5.81.5"]);
    redis.cli(&["RPUSH", "bull:mail:wait", "1"]);
    redis.cli(&["HSET", "bull:mail:1", "timestamp", "1700000000000"]);
    let home = tempfile::tempdir().unwrap();
    let password = home.path().join("pw");
    std::fs::write(&password, "sesame").unwrap();
    let qd = Qd::new(&format!(
        "[[platform]]\nname = 'lab'\n[[platform.redis]]\nname = 'cache'\nurl = '{}'\nusername = 'bare'\n\
         password = {{ file = '{}' }}\n[[platform.queues]]\nname = 'jobs'\nredis = 'cache'\n",
        redis.url(),
        password.display()
    ));
    let (code, json, said) = qd.json(&["check", "--role", "operator"]);
    assert_eq!(code, 0, "{said}");
    let all = lines(&json["redis"][0]["lines"], "acl");
    // Without the first nobody gets in at all.
    for left_out in std::iter::once(None).chain((1..all.len()).map(Some)) {
        redis.cli(&["ACL", "DELUSER", "bare"]);
        redis.cli(&["ACL", "SETUSER", "bare", ">sesame"]);
        for (_, line) in all.iter().enumerate().filter(|(n, _)| Some(*n) != left_out) {
            // As redis-cli splits it: a selector is one word.
            let (line, selector) = line
                .split_once(" (")
                .map_or((line.as_str(), None), |(l, s)| (l, Some(format!("({s}"))));
            let mut words: Vec<&str> = line.split_whitespace().collect();
            words.extend(selector.as_deref());
            assert_eq!(redis.cli(&words), "OK", "{line}");
        }
        let mut missing = bad(&qd, "redis", &[]);
        missing.extend(bad_queues(&qd));
        match left_out.map(|n| &all[n]) {
            None => assert!(missing.is_empty(), "{missing:#?}"),
            Some(line) => {
                assert!(!missing.is_empty(), "{line} is not missed");
                for (what, state, detail) in &missing {
                    let rules = detail.trim_start_matches("ACL SETUSER bare ");
                    let known = rules.split_whitespace().all(|rule| line.contains(rule));
                    assert!(state == "missing" && known, "{line}: {what} {detail}");
                }
            }
        }
    }
    let (_, json, _) = qd.json(&["check", "--role", "observer"]);
    let observer = lines(&json["redis"][0]["lines"], "acl").join(" ");
    for never in ["+eval", "+unlink", "+del", " ~", "+acl"] {
        assert!(!observer.contains(never), "{observer}");
    }
}

fn bad_queues(qd: &Qd) -> Vec<(String, String, String)> {
    let (_, json, _) = qd.json(&["check"]);
    let rows = json["checks"].as_array().unwrap();
    rows.iter()
        .filter(|r| r["source"] == "queues jobs" && r["state"] != "ok")
        .map(|r| {
            let field = |name: &str| r[name].as_str().unwrap().to_owned();
            (field("what"), field("state"), field("detail"))
        })
        .collect()
}

/// The rules of all Roles and ClusterRoles in a printed text, each a line.
fn rules(yaml: &str) -> Vec<BoundRule> {
    let mut all = Vec::new();
    for document in yaml.split("---\n") {
        let role: Value = serde_yaml_ng::from_str(document).unwrap();
        let list = |v: &Value| -> Vec<String> {
            let items = v.as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().map(|s| s.as_str().unwrap().to_owned()).collect()
        };
        for rule in role["rules"].as_array().map(Vec::as_slice).unwrap_or_default() {
            all.push(BoundRule {
                namespace: role["metadata"]["namespace"].as_str().map(str::to_owned),
                verbs: list(&rule["verbs"]),
                groups: list(&rule["apiGroups"]),
                resources: list(&rule["resources"]),
                names: list(&rule["resourceNames"]),
            });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_turns_green_with_what_is_printed_and_misses_each_line() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = |kubeconfig: &str| {
        format!(
            "[[platform]]\nname = 'lab'\nnamespaces = ['cortex']\n{kubeconfig}[[platform.certificates]]\nname = 'c'\n\
             [[platform.http]]\nname = 'h'\nurl = 'http://127.0.0.1:1'\nvia = 'port-forward:data/svc/h:80'\n\
             auth = {{ bearer = {{ secret = 'data/h/token' }} }}\n"
        )
    };
    let (code, json, said) = Qd::new(&text("")).json(&["check", "--role", "operator"]);
    assert_eq!(code, 0, "{said}");
    let all = rules(json["kubernetes"].as_str().unwrap());
    assert!(all.len() > 30);
    // One user for everything, and one for each rule that is left out.
    let user = |name: String, rules: Vec<BoundRule>| User {
        token: format!("{name}-token"),
        uid: name.clone(),
        group: "quarterdeck-operators".to_owned(),
        role: Role::Bound(rules),
        name,
    };
    let mut users = vec![user("whole".to_owned(), all.clone())];
    for n in 0..all.len() {
        let rest = all
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != n)
            .map(|(_, r)| r.clone());
        users.push(user(format!("without-{n}"), rest.collect()));
    }
    let options = ServerOptions {
        users,
        ..ServerOptions::default()
    };
    let server = Server::start(Store::new(Clock::real()), Arc::new(NoPlatform), options)
        .await
        .unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kubeconfig");
    server.write_kubeconfig(&path).unwrap();
    let qd = Qd::new(&text(&format!("kubeconfig = '{}'\n", path.display())));
    assert_eq!(bad(&qd, "kubernetes", &["--platform", "lab", "--context", "demo"]), []);
    for (n, rule) in all.iter().enumerate() {
        let context = format!("demo-without-{n}");
        let missing = bad(&qd, "kubernetes", &["--platform", "lab", "--context", &context]);
        assert_eq!(missing.len(), 1, "{rule:?}: {missing:#?}");
        let grant = &missing[0].2;
        assert!(
            missing[0].1 == "missing" && grant.contains(&format!("{:?}", rule.resources[0])),
            "{grant}"
        );
        assert!(rule.verbs.iter().all(|v| grant.contains(&format!("{v:?}"))), "{grant}");
    }
}
