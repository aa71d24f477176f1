//! An incident from the page to its end: opened, judged, told to others, and on record.

use quarterdeck::journal::RecordKind;

use crate::pty_support::{Servers, eventually};
use crate::walk::Walk;

#[test]
fn an_incident_is_opened_told_and_ended_by_keys() {
    let servers = Servers::start();
    let mut walk = Walk::from_list(&servers, "incident-response", "Respond to an incident");
    walk.at("1 Say that you have it");
    walk.console.see("i incident");
    walk.send("i");
    walk.console.see("how severe?");
    walk.console.type_in("P2");
    walk.send("\r");
    walk.console.see("what is wrong?");
    walk.send("\x15");
    walk.console.type_in("uploads fail");
    walk.send("\r");
    let opened = eventually("the incident is on record", || {
        walk.home.records(RecordKind::Incident).into_iter().next()
    });
    let incident = opened.entry.incident.clone();
    assert_eq!(opened.entry.reason, "uploads fail");
    walk.console.see("uploads fail");
    walk.leave_to("1 Say that you have it");
    walk.on("1 Say that you have it");
    walk.on("2 How large is it?");
    walk.note("3 Is data safe?", "nothing is written");
    walk.choose("4 How severe is it?", "P2 partial outage");
    walk.choose("5 What is the impact?", "uploads");
    walk.at("6 Tell that you look");
    walk.console.see("Impact: uploads");
    walk.send("y");
    let copied = |bytes: &[u8]| bytes.windows(5).any(|w| w == b"\x1b]52;");
    eventually("the message is copied", || copied(&walk.console.bytes()).then_some(()));
    walk.on("6 Tell that you look");
    walk.note("7 Find the cause", "the release of 12:04");
    walk.skip("8 Is it mitigated?", "the cause has its own runbook");
    walk.skip("9 Do users get it?", "told by support");
    walk.on("10 Tell how it ended");
    let ended = eventually("the end of the run is on record", || {
        let all = walk.home.records(RecordKind::Run);
        all.into_iter().find(|r| r.entry.what == "completed")
    });
    assert_eq!(ended.entry.incident, incident);
    assert!(walk.home.records(RecordKind::Intent).is_empty());
    assert_eq!(servers.mutating(), 0);
}
