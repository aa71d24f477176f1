//! Every action through the whole pipeline, against recorded objects: what goes over the wire, what becomes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod drains;
#[path = "../fake_api/mod.rs"]
mod fake_api;
mod guards;
mod objects;
mod outcomes;
mod requests;
mod sealed;
mod secrets;

use fake_api::{APPS, Desk, Fake, finish, recording};
use quarterdeck::action::Request;
use quarterdeck::model::ObjectRef;
use serde_json::Value;

pub fn scale(target: ObjectRef, seen: u32, replicas: u32) -> Request {
    Request::Scale { target, replicas, seen }
}

pub fn worker() -> Desk {
    Desk::new(Fake::cortex())
}

/// The object and history before the recorded undo, and the body that was sent.
fn controller_revisions(kind: &str, watch: usize, list: usize, patch: usize) -> (Fake, Value) {
    let all = recording("undo-controllerrevisions");
    let stream = all[watch]["stream"].as_array().unwrap();
    let fake = Fake::default();
    fake.put(
        &format!("{APPS}/{kind}"),
        stream.last().unwrap()["event"]["object"].clone(),
    );
    fake.load(&format!("{APPS}/controllerrevisions"), &all[list]["body"]);
    fake.react(finish);
    (fake, all[patch]["request_body"].clone())
}
