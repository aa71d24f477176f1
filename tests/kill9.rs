//! kill -9 of the real console in the middle of runs, again and again. What the server did and what the journal says agree
//! one to one; nothing is lost and nothing is repeated, and the next console finds it all.
//!
//! `tests/kill9 [N]` runs it N times (200); by itself it runs 20 times, or as often as `QUARTERDECK_KILLS` says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod pty_support;

use std::time::{Duration, Instant};

use pty_support::{Console, Home, Servers, Start, eventually};
use quarterdeck::journal::replay::{Fate, Replay};
use quarterdeck::journal::{Reading, RecordKind, files, read};
use quarterdeck::sim::kube::Fault;
use quarterdeck::sim::kube::faults::{Request, Rule};
use quarterdeck::sim::kube::resources::DEPLOYMENTS;
use rustix::process::Signal;
use serde_json::{Value, json};

const BOOK: &str = r#"+++
id = "one-more"
title = "One more pod"
owner = "tests"
verified = "2026-11-01"
use_when = "The console is killed."
+++

# One more pod

## Scale

```step
kind = "action"
action = "scale"
target = "deployment/cortex/cortex-web"
replicas = 3
verify = { for = "60s", soak = "1s" }
```

## Look

```step
kind = "note"
```
"#;

/// How long the server takes over a change: far longer than it takes to see the intent on a busy machine.
const SLOW: Duration = Duration::from_millis(800);

const PATH: &str = "/apis/apps/v1/namespaces/cortex/deployments/cortex-web/scale";

fn replicas(servers: &Servers) -> u64 {
    let web = servers.demo.store().get(&DEPLOYMENTS, "cortex", "cortex-web").unwrap();
    web.value().pointer("/spec/replicas").and_then(Value::as_u64).unwrap()
}

/// Back to two pods, past the API: it is no request. Until its controllers are done, a dry run may meet a conflict.
fn reset(servers: &Servers) {
    let store = servers.demo.store();
    let mut web = store.get(&DEPLOYMENTS, "cortex", "cortex-web").unwrap().value();
    web["spec"]["replicas"] = json!(2);
    store.put(&DEPLOYMENTS, web);
    servers.demo.server().faults().clear();
    eventually("two pods again", || {
        let web = store.get(&DEPLOYMENTS, "cortex", "cortex-web")?.value();
        let status = |field: &str| web.pointer(&format!("/status/{field}")).and_then(Value::as_u64);
        (status("replicas") == Some(2)
            && status("readyReplicas") == Some(2)
            && web.pointer("/metadata/generation") == web.pointer("/status/observedGeneration"))
        .then_some(())
    });
}

/// Requests so far that the server carried out. (A scale that met a clean conflict is refused, and goes again.)
fn changes(servers: &Servers) -> usize {
    usize::try_from(servers.demo.server().requests().changed()).unwrap()
}

/// The last requests that the server carried out.
fn last(servers: &Servers, count: usize) -> Vec<Request> {
    let all = servers.demo.server().requests().all();
    let mut last: Vec<Request> = all.into_iter().rev().filter(Request::is_mutating).take(count).collect();
    last.reverse();
    last
}

struct Record {
    readings: Vec<Reading>,
    replay: Replay,
}

impl Record {
    fn of(home: &Home) -> Self {
        let folder = home.path().join(".local/state/quarterdeck/journal");
        let readings: Vec<Reading> = files(&folder).unwrap().iter().map(|f| read(f).unwrap()).collect();
        let replay = Replay::of(readings.iter().flat_map(|r| &r.records));
        Self { readings, replay }
    }

    fn count(&self, kind: RecordKind) -> usize {
        let records = self.readings.iter().flat_map(|r| &r.records);
        records.filter(|r| r.entry.kind == kind).count()
    }

    /// Intents of which nothing is on record, the newest first.
    fn open(&self) -> usize {
        self.replay.unanswered().len()
    }
}

/// From the deck to the plan of the change, ready to be confirmed.
fn to_the_plan(console: &mut Console) {
    // A runbook is for what is selected.
    console.see("ImagePullBackOff");
    console.see("? help");
    console.send("gr");
    console.see("One more pod");
    console.type_in("one more");
    console.send("\r");
    console.see("Scale deployment cortex/cortex-web");
    console.send("\r");
    // The dry run may have met the controllers of the last round: that is said, and no reason to wait.
    console.see("permission ✓");
    // What comes sooner counts as typed for something else.
    std::thread::sleep(Duration::from_millis(350));
    console.send("\t");
    console.see("Scale 2 → 3");
    std::thread::sleep(Duration::from_millis(80));
}

/// The next console finds what was left; somebody looks what became of the change, goes on with the run, and ends it.
fn find_and_go_on(console: &mut Console, servers: &Servers, home: &Home) {
    let before = Record::of(home);
    let mutations = changes(servers);
    if before.replay.unfinished().is_empty() {
        assert_eq!(before.open(), 0, "a change without its run");
        return;
    }
    console.see("unfinished:");
    console.send("gu");
    console.see("Unfinished");
    for open in (0..before.open()).rev() {
        console.see("unknown outcome");
        let happened = replicas(servers) == 3;
        console.send(if happened { "y" } else { "n" });
        console.see("what shows it?");
        console.type_in("looked\r");
        eventually("what was seen is on record", || {
            (Record::of(home).open() == open).then_some(())
        });
    }
    let answered = Record::of(home);
    let run = answered.replay.unfinished()[0].clone();
    console.see("goes on where it stood");
    console.send("r");
    console.see("RUNBOOK");
    // Nothing is sent again by itself; what the record knows, the run knows.
    let happened = replicas(servers) == 3;
    if let Some(change) = &run.change {
        match answered.replay.fate(&change.plan) {
            Fate::NotSent => console.see("anything was sent"),
            Fate::Ended {
                applied: true,
                verdict: None,
                ..
            } => console.see("nobody"),
            Fate::Ended { applied: true, .. } => console.see("Look"),
            Fate::Ended { applied: false, .. } => console.see("not happen"),
            Fate::Unknown(why) => panic!("{why}"),
        }
        let applied = matches!(answered.replay.fate(&change.plan), Fate::Ended { applied: true, .. });
        assert_eq!(applied, happened, "the record and the server differ");
    }
    console.send("x");
    console.see("End the runbook");
    console.send("y");
    eventually("the run's end is on record", || {
        Record::of(home).replay.unfinished().is_empty().then_some(())
    });
    console.send("\x1b");
    console.see_no("RUNBOOK");
    assert_eq!(changes(servers), mutations, "something was sent again");
}

#[test]
fn a_console_that_is_killed_loses_nothing_and_repeats_nothing() {
    let kills: usize = std::env::var("QUARTERDECK_KILLS").map_or(20, |n| n.parse().unwrap());
    let (servers, home) = (Servers::start(), Home::new());
    home.write(".config/quarterdeck/runbooks/one-more.md", BOOK);
    let mut random = fastrand::Rng::with_seed(9);
    let (mut between, mut happened_unseen) = (0, 0);
    for round in 0..kills {
        let mut console = Start::on(&servers, &home).go();
        find_and_go_on(&mut console, &servers, &home);
        reset(&servers);
        let before = Record::of(&home);
        let mutations = changes(&servers);
        to_the_plan(&mut console);
        assert_eq!(
            before.count(RecordKind::Intent),
            Record::of(&home).count(RecordKind::Intent)
        );
        let fault = if random.bool() {
            Fault::Delay(SLOW)
        } else {
            Fault::DelayAfter(SLOW)
        };
        servers.demo.server().faults().set(Rule::new("PUT", PATH, 1, fault));
        let known = home.journal_text().len();
        console.send("\r");
        let intents = before.count(RecordKind::Intent);
        match round % 5 {
            // Anywhere from the key on.
            0 => std::thread::sleep(Duration::from_millis(random.u64(0..60))),
            // After the answer, while it is verified.
            1 => {
                let results = before.count(RecordKind::Result);
                eventually("the result is on record", || {
                    (Record::of(&home).count(RecordKind::Result) > results).then_some(())
                });
                std::thread::sleep(Duration::from_millis(random.u64(0..400)));
            }
            // Between intent and result.
            _ => {
                let sent = Instant::now();
                let intent = |new: &str| new.contains(r#""kind":"intent""#);
                while !home.journal_text().get(known..).is_some_and(intent) {
                    assert!(
                        sent.elapsed() < Duration::from_secs(30),
                        "never: the intent is on record"
                    );
                    std::thread::sleep(Duration::from_millis(2));
                }
                std::thread::sleep(Duration::from_millis(random.u64(0..200)));
            }
        }
        console.signal(Signal::KILL);
        drop(console);
        // What the server has taken in by then, it does.
        std::thread::sleep(SLOW + Duration::from_millis(100));

        let after = Record::of(&home);
        for reading in &after.readings {
            assert_eq!(reading.broken_at, None, "round {round}");
        }
        let done = changes(&servers) - mutations;
        let written = after.count(RecordKind::Intent) - intents;
        assert!(
            done <= written && written <= 1,
            "round {round}: {done} changes, {written} intents: {:#?}",
            last(&servers, done)
        );
        assert_eq!(done, usize::from(replicas(&servers) == 3));
        if written == 0 {
            continue;
        }
        let run = after.replay.unfinished()[0].clone();
        let plan = run.change.as_ref().map(|c| c.plan.clone());
        match plan.map(|plan| after.replay.fate(&plan)) {
            Some(Fate::Unknown(_)) => {
                between += 1;
                happened_unseen += done;
            }
            Some(Fate::Ended { applied, .. }) => assert_eq!(done, usize::from(applied), "round {round}"),
            // The run had seen its end.
            None => assert_eq!(done, 1, "round {round}"),
            Some(Fate::NotSent) => panic!("round {round}: there is an intent"),
        }
    }
    let mut console = Start::on(&servers, &home).go();
    find_and_go_on(&mut console, &servers, &home);
    drop(console);
    let end = Record::of(&home);
    assert_eq!(end.open(), 0);
    let all: usize = changes(&servers);
    let said = end
        .readings
        .iter()
        .flat_map(|r| &r.records)
        .filter(|r| match r.entry.kind {
            RecordKind::Result => r.entry.outcome == "applied",
            RecordKind::Override => r.entry.data.get("happened") == Some(&Value::Bool(true)),
            _ => false,
        })
        .count();
    assert_eq!(all, said, "the server's list and the record agree one to one");
    let (records, files) = (
        end.readings.iter().map(|r| r.records.len()).sum::<usize>(),
        end.readings.len(),
    );
    println!(
        "\nkill9: {kills} kills, {between} of them between intent and result, of which {happened_unseen} had happened\n\
         kill9: server: {all} changes, {} requests in all\n\
         kill9: journal: {} intents, {said} said to have happened, {records} records in {files} file(s), chains whole\n\
         kill9: the server's list and the journal agree one to one",
        servers.demo.server().requests().total(),
        end.count(RecordKind::Intent),
    );
    assert!(
        between * 2 >= kills,
        "only {between} of {kills} were between intent and result"
    );
    if kills >= 20 {
        assert!(
            happened_unseen > 0 && happened_unseen < between,
            "both must have been met"
        );
    }
}
