//! Names, logs, events and errors that try to command the terminal.

use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::{EVENTS, PODS};
use quarterdeck::sim::kube::{Fault, Status};
use serde_json::Value;

use super::pty_support::{Home, Servers, Start, eventually, harm};
use super::to_the_plan;

/// Clipboard, colour, C1, title, reading order, bell, and an answerback.
const POISON: &str = "\u{1b}]52;c;aGFja2Vk\u{7}\u{1b}[31;5mred\u{1b}[2J\u{9b}31m\u{9d}0;title\u{9c}\u{202e}olleh\u{202c}\u{7}\u{5}\u{1b}P$q\u{1b}\\\r\n\u{1b}c";

fn poisoned(mut object: Value, paths: &[&str]) -> Value {
    for path in paths {
        if let Some(Value::String(text)) = object.pointer_mut(path) {
            text.push_str(POISON);
        }
    }
    object
}

#[test]
fn what_the_cluster_says_reaches_the_terminal_and_the_journal_as_harmless_text() {
    let (servers, home) = (Servers::start(), Home::new());
    let store = servers.demo.store();
    let mut changed = 0;
    for (resource, paths) in [
        (
            &PODS,
            &[
                "/status/containerStatuses/0/state/waiting/reason",
                "/status/containerStatuses/0/state/waiting/message",
                "/spec/nodeName",
            ][..],
        ),
        (&EVENTS, &["/message", "/reason", "/note"][..]),
    ] {
        for object in store.list(resource, Some("cortex")).iter().take(60) {
            let value = poisoned(object.value(), paths);
            changed += usize::from(value != object.value());
            store.put(resource, value);
        }
    }
    let mut named = store.list(&PODS, Some("cortex"))[0].value();
    named["metadata"]["name"] = format!("a-red{POISON}").into();
    named["metadata"]["uid"] = "0f0f0f0f-0000-4000-8000-000000000000".into();
    store.put(&PODS, named);
    assert!(changed > 20, "{changed}");
    let faults = servers.demo.server().faults();
    let mut logs = Rule::new(
        "GET",
        "/api/v1/namespaces/cortex/pods/",
        50,
        Fault::Text {
            code: 200,
            body: format!("2026-11-21T00:00:00.000000000Z line {POISON}\n").repeat(20),
            retry_after: None,
        },
    );
    logs.contains = "/log".to_owned();
    faults.set(logs);
    let mut console = Start::on(&servers, &home).size(120, 40).go();
    console.see("red");
    console.send("3");
    console.settle(std::time::Duration::from_millis(700));
    console.send("1jjjjl");
    console.see("line ");
    console.send("\x1b");
    console.see_no("line ");
    console.send("y");
    console.see("apiVersion");
    console.send("\x1b");
    console.see_no("apiVersion");
    to_the_plan(&mut console);
    let path = "/apis/apps/v1/namespaces/cortex/deployments/cortex-api";
    let refused = Status::new(403, "Forbidden", format!("denied {POISON}"));
    faults.set(Rule::new("PATCH", path, 9, Fault::Refuse(refused)));
    console.send(super::SHIFT_TAB);
    console.type_in("cortex-api\r\r");
    eventually("the refusal is on record", || {
        home.records(quarterdeck::journal::RecordKind::Result).pop()
    });
    console.see("denied");
    console.signal(rustix::process::Signal::TERM);
    let ended = console.ended();
    assert_eq!(harm(&ended.bytes), None);
    let journal = home.journal_text();
    for bad in [
        "\\u001b", "\\u009b", "\\u009d", "\u{202e}", "\\u202e", "\\u0007", "\\u0005",
    ] {
        assert!(!journal.contains(bad), "{bad}");
    }
    assert!(!journal.chars().any(|c| c.is_control() && c != '\n'));
}
