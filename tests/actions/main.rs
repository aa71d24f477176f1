//! Every action through the whole pipeline, against recorded objects: what goes over the wire, what becomes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../fake_api/mod.rs"]
mod fake_api;
mod guards;
mod outcomes;
mod requests;

use crate::fake_api::{Desk, Fake};
use quarterdeck::action::Request;
use quarterdeck::model::ObjectRef;

pub fn scale(target: ObjectRef, seen: u32, replicas: u32) -> Request {
    Request::Scale { target, replicas, seen }
}

pub fn worker() -> Desk {
    Desk::new(Fake::cortex())
}
