//! The real binary in a real pseudo-terminal: the incident mended by keys, and that nothing but a confirmation mends it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "pty/files.rs"]
mod files;
#[path = "pty/hostile.rs"]
mod hostile;
#[path = "pty/lend.rs"]
mod lend;
#[path = "pty/life.rs"]
mod life;
mod pty_support;
#[path = "pty/second.rs"]
mod second;
#[path = "pty/sources.rs"]
mod sources;

use std::time::Duration;

use pty_support::{Console, Home, Servers, Start, eventually};
use quarterdeck::journal::RecordKind;
use quarterdeck::sim::kube::resources::DEPLOYMENTS;
use serde_json::Value;

const SHIFT_TAB: &str = "\x1b[Z";

fn deployment(servers: &Servers) -> Value {
    servers
        .demo
        .store()
        .get(&DEPLOYMENTS, "cortex", "cortex-api")
        .unwrap()
        .value()
}

fn image(of: &Value) -> &str {
    of.pointer("/spec/template/spec/containers/0/image")
        .and_then(Value::as_str)
        .unwrap()
}

/// Waits until the stalled rollout leads the attention strip.
fn ready(console: &Console) {
    console.wait("the stalled rollout leads the strip", |s| {
        s.rows(0, s.size().1)
            .nth(1)
            .is_some_and(|row| row.contains("rollout cortex-api stalled"))
    });
    console.see("n next");
}

/// From the attention strip to the plan of the roll-back, each key after what it answers is on screen.
fn to_the_plan(console: &mut Console) {
    ready(console);
    console.send("!");
    console.send("r");
    console.see("quota, not nodes");
    console.send("\r");
    console.see("revisions kept");
    console.send("\r");
    console.see("released now");
    console.send("\r");
    console.see("Roll back deployment cortex/");
    console.send("\r");
    console.see("holds until");
    // What comes sooner counts as typed for something else.
    std::thread::sleep(Duration::from_millis(400));
}

/// The built-in runbook with less patience after the change: a person's file of the same id replaces it.
fn impatient(home: &Home) {
    let built_in = include_str!("../src/runbook/library/stalled-rollout.md");
    let book = built_in
        .replace("soak = \"30s\"", "soak = \"2s\"")
        .replace("for = \"20s\"", "for = \"2s\"");
    assert_ne!(book, built_in);
    home.write(".config/quarterdeck/runbooks/stalled-rollout.md", &book);
}

fn the_incident_is_mended_by_keys(columns: u16, rows: u16) {
    let (servers, home) = (Servers::start(), Home::new());
    impatient(&home);
    let bad = image(&deployment(&servers)).to_owned();
    let mut console = Start::on(&servers, &home).size(columns, rows).go();
    to_the_plan(&mut console);
    assert_eq!(servers.mutating(), 0, "nothing was confirmed yet");
    console.send(SHIFT_TAB);
    console.type_in("cortex-api\r\r");
    console.see("bad pods");
    let after = deployment(&servers);
    assert_eq!(servers.mutating(), 1);
    assert_eq!(image(&after), "registry.lab/cortex/api:1.5.0");
    assert_ne!(image(&after), bad);
    // The runbook waits until it is complete, and goes on by itself; the action watches for its own time.
    console.see("quiet");
    let verified = eventually("the verification is on record", || {
        home.records(RecordKind::Verify).pop()
    });
    let intent = home.records(RecordKind::Intent);
    let result = home.records(RecordKind::Result);
    assert_eq!((intent.len(), result.len()), (1, 1));
    assert_eq!(result[0].entry.refers, Some(intent[0].seq));
    assert_eq!(result[0].entry.outcome, "applied");
    assert_eq!(intent[0].entry.what, "roll-back");
    assert_eq!(intent[0].entry.target.as_ref().unwrap().name, "cortex-api");
    assert!(intent[0].seq < result[0].seq && result[0].seq < verified.seq);
    assert!(verified.entry.outcome.contains("healthy"), "{verified:?}");
    let status = |field: &str| deployment(&servers).pointer(&format!("/status/{field}")).cloned();
    assert_eq!(status("availableReplicas"), Some(5.into()));
    assert_eq!(servers.mutating(), 1, "one change, sent once");
    console.send("\r");
    console.see("Stop the pipeline");
    console.send("\r");
    console.see("done");
    console.send("\x1b");
    console.see_no("RUNBOOK");
    console.send("q");
    console.see("Quit");
    console.send("y");
    let ended = console.ended();
    ended.is_clean();
    assert_eq!(ended.code, 0);
}

#[test]
fn the_incident_is_mended_by_keys_on_a_small_screen() {
    the_incident_is_mended_by_keys(80, 24);
}

#[test]
fn the_incident_is_mended_by_keys_on_a_large_screen() {
    the_incident_is_mended_by_keys(120, 40);
}

/// What mends the incident when each key follows what it answers.
const FIX: [&str; 10] = ["!", "r", "\r", "\r", "\r", "\r", SHIFT_TAB, "cortex-api", "\r", "\r"];

#[test]
fn the_same_keys_pasted_or_all_at_once_change_nothing() {
    let servers = Servers::start();
    let all = FIX.concat();
    let ways: [(&str, Vec<Vec<u8>>); 4] = [
        ("one paste", vec![format!("\x1b[200~{all}\x1b[201~").into_bytes()]),
        ("one burst", vec![all.clone().into_bytes()]),
        ("every byte by itself", all.bytes().map(|b| vec![b]).collect()),
        ("a paste without an end", vec![format!("\x1b[200~{all}").into_bytes()]),
    ];
    for (name, writes) in ways {
        let home = Home::new();
        let mut console = Start::on(&servers, &home).go();
        ready(&console);
        for bytes in writes {
            console.send(bytes);
        }
        console.settle(Duration::from_secs(2));
        assert_eq!(servers.mutating(), 0, "{name}");
        assert!(home.records(RecordKind::Intent).is_empty(), "{name}");
    }
}

#[test]
fn keys_sent_blindly_one_after_the_other_change_only_what_was_confirmed() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut console = Start::on(&servers, &home).go();
    ready(&console);
    for byte in FIX.concat().bytes() {
        console.send([byte]);
        std::thread::sleep(Duration::from_millis(30));
    }
    console.settle(Duration::from_secs(2));
    assert_eq!(servers.mutating(), home.records(RecordKind::Intent).len() as u64);
    assert!(servers.mutating() <= 1);
}

#[test]
fn in_the_plan_too_pasted_keys_do_not_confirm_and_a_person_does() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut console = Start::on(&servers, &home).go();
    to_the_plan(&mut console);
    console.send(format!("\x1b[200~{SHIFT_TAB}cortex-api\r\r\x1b[201~"));
    console.see("does not confirm");
    console.send(format!("{SHIFT_TAB}cortex-api\r\r\r\r"));
    console.see("faster than anyone types");
    console.settle(Duration::from_secs(1));
    assert_eq!(servers.mutating(), 0);
    assert!(home.records(RecordKind::Intent).is_empty());
    console.send("\r");
    eventually("the change is on record", || home.records(RecordKind::Result).pop());
    assert_eq!(servers.mutating(), 1);
}
