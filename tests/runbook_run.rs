//! `qd runbook run`: a runbook without a screen, against the demonstration platform. The program itself is started.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod qd_support;

use std::time::{Duration, Instant};

use qd_support::{Qd, ended};
use quarterdeck::sim::demo;
use quarterdeck::sim::kube::faults::{Fault, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const BOOK: &str = r#"+++
id = "more-workers"
title = "More workers"
owner = "us"
use_when = "Always."
[params.workload]
type = "workload"
[params.replicas]
type = "int"
min = 1
max = 9
+++
## Is it there
```step
kind = "gate"
expect = "rollout.desired > 0"
why = "it is scaled to nothing"
```
## Why
```step
kind = "ask"
answer = "string"
as = "why"
```
## Scale it
```step
kind = "action"
action = "scale"
target = "{{ workload }}"
replicas = "{{ replicas }}"
reason = "{{ out.why }}"
verify = { for = "1m", soak = "1s" }
outputs = { size = "rollout.desired" }
```
## Tell
```step
kind = "notify"
to = "the team"
text = "{{ workload }} has {{ out.size }}: {{ out.why }}"
```
"#;

/// The lines of a run: its exit code, what was printed, what was said.
fn run(qd: &Qd, more: &[&str]) -> (i32, Vec<Value>, String) {
    let start = ["runbook", "run", "more-workers", "--output", "json"];
    let args: Vec<&str> = start.iter().chain(more).copied().collect();
    let (code, out, said) = qd.run(&args);
    let lines = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    (code, lines.collect(), said)
}

fn events<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// How many records of this kind there are.
fn recorded(qd: &Qd, kind: &str) -> usize {
    let folder = qd.home.path().join(".local/state/quarterdeck/journal");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts
        .map(|text| text.matches(&format!("\"kind\":\"{kind}\"")).count())
        .sum()
}

fn intents(qd: &Qd) -> usize {
    recorded(qd, "intent")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plans_changes_what_is_small_and_leaves_the_rest_to_a_person() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = demo::start(demo::Options::default()).await.unwrap();
    let qd = Qd::at(demo.config());
    let folder = qd.home.path().join(".config/quarterdeck/runbooks");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("more-workers.md"), BOOK).unwrap();
    let api = "workload=deployment/cortex/cortex-web";
    let given = ["--param", api, "--param", "replicas=4", "--param", "why=load"];
    let with = |more: &[&'static str]| given.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();

    // Shown, and nothing done.
    let (code, lines, said) = run(&qd, &with(&["--dry-run"]));
    let plans = events(&lines, "plan");
    assert!(code == 0 && plans.len() == 1, "{code} {lines:#?} {said}");
    let same = plans[0]["steps"][0]["same_as"].as_str().unwrap();
    assert!(same.contains("scale") && same.contains("--replicas=4"), "{same}");
    assert_eq!(intents(&qd), 0);

    // Without leave nothing is done either.
    let (code, lines, _) = run(&qd, &given);
    assert!(
        code == 1 && events(&lines, "stopped")[0]["why"].as_str().unwrap().contains("--yes"),
        "{lines:#?}"
    );
    assert_eq!(intents(&qd), 0);

    // A wrong name is told before anything begins.
    let (code, lines, said) = run(&qd, &["--param", "size=3"]);
    assert!(
        code == 2 && lines.is_empty() && said.contains("has no parameter `size`"),
        "{said}"
    );

    // A small change is made, verified, and on record; what is for people is left to them.
    let (code, lines, said) = run(&qd, &with(&["--yes"]));
    assert_eq!(code, 0, "{lines:#?} {said}");
    assert_eq!(intents(&qd), 1);
    let told = events(&lines, "message");
    assert_eq!(told[0]["text"], "deployment/cortex/cortex-web has 4: load");
    assert_eq!(events(&lines, "end")[0]["status"], "completed");

    // What is riskier waits for a person: down to one takes more than it gave.
    let down = ["--param", api, "--param", "replicas=1", "--param", "why=load", "--yes"];
    let (code, lines, _) = run(&qd, &down);
    let why = events(&lines, "stopped")[0]["why"].as_str().unwrap().to_owned();
    assert!(code == 1 && why.contains("a person must confirm it"), "{why}");
    assert_eq!(intents(&qd), 1);

    // Nothing at all where the session only reads.
    let (code, lines, _) = run(&qd, &with(&["--yes", "--read-only"]));
    assert!(code == 1 && events(&lines, "plan").is_empty(), "{lines:#?}");
    assert_eq!(intents(&qd), 1);

    // Who interrupts it while something is being sent waits for the answer, and is told that it came.
    for (contains, seconds) in [("dryRun", 0), ("", 4)] {
        let delay = Fault::Delay(Duration::from_secs(seconds));
        let path = "/apis/apps/v1/namespaces/cortex/deployments/cortex-web";
        let mut slow = Rule::new("PUT", path, 1, delay);
        contains.clone_into(&mut slow.contains);
        demo.server().faults().set(slow);
    }
    let up = ["--param", api, "--param", "replicas=5", "--param", "why=load", "--yes"];
    let begin = ["runbook", "run", "more-workers"];
    let running = qd.start(&begin.iter().chain(&up).copied().collect::<Vec<_>>());
    let end = Instant::now() + Duration::from_secs(60);
    while intents(&qd) < 2 {
        assert!(Instant::now() < end, "it never began");
    }
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let (code, _, said) = ended(running, "");
    assert!(
        code == 2 && said.contains("the answer to what was sent is on record"),
        "{code} {said}"
    );
    assert_eq!(recorded(&qd, "result"), 2);
    demo.stop().await;
}
