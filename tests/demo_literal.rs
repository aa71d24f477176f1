//! `qd demo --serve`: the lines that the platform's own runbooks 5 and 8 give to curl, psql and redis-cli, as they stand
//! there with the host replaced, say what the console says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

mod qd_support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use qd_support::Qd;
use serde_json::Value;

/// The running demonstration, and what it said of itself.
struct Serve {
    child: Child,
    /// It ends when nobody can hear it any more.
    _said: std::io::Lines<BufReader<ChildStdout>>,
    config: String,
    postgres: String,
    redis: String,
    prometheus: String,
}

impl Serve {
    fn start(home: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_qd"))
            .args(["demo", "--serve"])
            .env("HOME", home)
            // Its files go with the folder, however it ends.
            .env("TMPDIR", home)
            .env_remove("XDG_RUNTIME_DIR")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = |name: &str| {
            let line = lines.find(|l| l.as_ref().unwrap().starts_with(name)).unwrap().unwrap();
            line[name.len()..].trim().to_owned()
        };
        let [config, postgres, redis, prometheus] =
            ["config:", "postgres core:", "redis cache:", "prometheus:"].map(&mut line);
        Self {
            child,
            _said: lines,
            config,
            postgres,
            redis,
            prometheus,
        }
    }

    /// What one line of a shell prints, with the servers in place of those of the runbook.
    fn shell(&self, line: &str) -> (i32, String) {
        let line = line
            .replace("http://prometheus:9090", &self.prometheus)
            .replace("redis-cli -h redis ", "redis-cli ")
            .replace("redis-cli ", &format!("redis-cli -u {} ", self.redis))
            .replace("psql -c", &format!("psql -X -A -t -F , -d {} -c", self.postgres));
        let out = Command::new("sh").args(["-c", &line]).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
    }

    /// The value of each job in Prometheus's answer.
    fn by_job(&self, line: &str) -> Vec<(String, f64)> {
        let (code, text) = self.shell(line);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &answer["status"]), (0, &"success".into()), "{line}");
        let rows = answer["data"]["result"].as_array().unwrap().iter();
        rows.map(|r| {
            let value = r["value"][1].as_str().unwrap().parse().unwrap();
            (r["metric"]["job"].as_str().unwrap().to_owned(), value)
        })
        .collect()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const COUNTED: &str = "curl -s http://prometheus:9090/api/v1/query?query=http_requests_total";
/// curl takes the brackets for a range of its own: `-g` is all that is added.
const P95: &str = "curl -sg 'http://prometheus:9090/api/v1/query?query=histogram_quantile(0.95,rate(http_request_duration_seconds_bucket[5m]))'";
const ACTIVE: &str = "psql -c \"SELECT * FROM pg_stat_activity WHERE state = 'active';\"";
const WAITING: &str = "redis-cli -h redis LLEN bull:default:wait";

#[test]
fn the_lines_of_the_platforms_runbooks_say_what_the_console_says() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path());
    let qd = Qd::at(serve.config.as_ref());

    let services = &qd.json(&["alerts"]).1["services"];
    let p95 = serve.by_job(P95);
    assert_eq!(p95.len(), services.as_array().unwrap().len());
    for (job, took) in p95 {
        let shown = services
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["service"] == job.as_str())
            .unwrap();
        // Both move with the clock.
        assert!(
            (shown["p95_s"].as_f64().unwrap() / took - 1.0).abs() < 0.1,
            "{job} {took} {shown}"
        );
    }
    assert!(
        serve
            .by_job(COUNTED)
            .iter()
            .any(|(job, n)| job == "cortex-api" && *n > 0.0)
    );

    let rows = serve.shell(ACTIVE).1;
    let pids: BTreeSet<u64> = rows
        .lines()
        .map(|l| l.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    let queries = qd.json(&["queries"]).1;
    let sessions = queries["postgres"][0]["sessions"].as_array().unwrap();
    let shown = sessions
        .iter()
        .filter(|s| s["state"] == "active")
        .map(|s| s["pid"].as_u64().unwrap());
    assert_eq!(pids, shown.collect());
    assert!(pids.len() > 3);

    // Jobs come and go while one looks: at some look nothing did.
    let waiting = || serve.shell(WAITING).1.trim().parse::<u64>().unwrap();
    let look = || {
        let before = waiting();
        let queues = qd.json(&["queues"]).1;
        let after = waiting();
        let all = queues["queues"].as_array().unwrap();
        let queue = all.iter().find(|q| q["name"] == "default").unwrap();
        [before, queue["ready"].as_u64().unwrap(), after]
    };
    let mut seen = Vec::new();
    let agree = (0..10).any(|_| {
        let [before, depth, after] = look();
        seen.push([before, depth, after]);
        (before.min(after)..=before.max(after)).contains(&depth)
    });
    assert!(agree, "{seen:?}");
    let memory = serve.shell("redis-cli INFO memory | grep used_memory_human").1;
    assert!(memory.starts_with("used_memory_human:"), "{memory}");
    assert!(serve.shell("redis-cli INFO keyspace").1.contains("db0:keys="));
    assert!(!serve.shell("redis-cli SLOWLOG GET 10").1.is_empty());
    assert!(serve.shell("redis-cli FLUSHDB").1.contains("NOPERM"));
    assert!(waiting() > 2000);
}
