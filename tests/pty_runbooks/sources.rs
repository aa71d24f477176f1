//! Redis and certificates: a cache is thinned out, a certificate renewed and then really served.

use std::process::Command;

use crate::pty_support::Servers;
use crate::walk::Walk;

fn redis(servers: &Servers, words: &[&str]) -> String {
    let url = servers.demo.redis().url();
    let out = Command::new("redis-cli").args(["-u", &url]).args(words).output();
    let out = out.expect("redis-cli is missing: run tests/all, which installs it");
    String::from_utf8(out.stdout).unwrap()
}

fn used_memory(servers: &Servers) -> u64 {
    let info = redis(servers, &["INFO", "memory"]);
    let line = info.lines().find_map(|l| l.strip_prefix("used_memory:"));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn a_full_redis_is_relieved_by_keys_and_the_queues_stay() {
    let servers = Servers::start();
    let before = used_memory(&servers);
    let mut walk = Walk::from_signal(&servers, "redis-memory", "of its memory");
    walk.on("2 What takes it?");
    walk.choose("4 What will you do?", "delete a cache");
    walk.choose("5 Which prefix?", "cache:page:");
    walk.plan("6 Delete the cache", "UNLINK");
    walk.confirm("demo/cache/cache:page:");
    walk.ends(&[("delete-keys", "cache:page:")]);
    assert!(used_memory(&servers) < before / 2);
    assert_eq!(redis(&servers, &["--scan", "--pattern", "cache:page:*"]), "");
    assert!(
        redis(&servers, &["LLEN", "bull:default:wait"])
            .trim()
            .parse::<u64>()
            .unwrap()
            > 2000
    );
}

/// The serial number and the end of what a TLS client is shown for that name.
fn served(servers: &Servers) -> String {
    let address = servers.demo.ingress().address().to_string();
    let line = "openssl s_client -connect \"$0\" -servername cortex.lab.example </dev/null 2>/dev/null | openssl x509 \
                -noout -serial -enddate";
    let out = Command::new("sh").args(["-c", line, &address]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_certificate_is_renewed_by_keys_and_served_once_the_ingress_has_restarted() {
    let servers = Servers::start();
    let before = served(&servers);
    let mut walk = Walk::from_signal(&servers, "certificate-renewal", "certificate cortex-tls");
    walk.on("2 What is wrong?");
    walk.plan("5 Renew", "cortex-tls");
    walk.confirm("cortex-tls");
    // Issued, and not served: the ingress holds what it loaded when it started.
    walk.console.see("did not hold within");
    walk.on("7 Is it served?");
    walk.at("8 Restart what serves");
    assert_eq!(served(&servers), before);
    walk.plan("8 Restart what serves", "ingress-nginx-controller");
    walk.confirm("ingress-nginx-controller");
    walk.ends(&[
        ("renew-certificate", "cortex-tls"),
        ("restart", "ingress-nginx-controller"),
    ]);
    assert_ne!(served(&servers), before);
}
