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
    walk.choose("4 What will you do?", "What to do", "delete a cache");
    walk.at("5 Which prefix?");
    walk.send("e");
    walk.console.see("↵ take ");
    walk.console.type_in("cache:page:\r");
    walk.on("5 Which prefix?");
    walk.plan("6 Delete the cache", "UNLINK");
    walk.confirm("demo/cache/cache:page:");
    walk.ends(&[("delete-keys", "cache:page:")]);
    assert!(used_memory(&servers) < before / 2);
    assert_eq!(redis(&servers, &["--scan", "--pattern", "cache:page:*"]), "");
    assert!(redis(&servers, &["LLEN", "bull:default:wait"]).trim().parse::<u64>().unwrap() > 2000);
}
