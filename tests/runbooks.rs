//! Every runbook to its last path, against the demonstration platform: the real console, its pipeline and its journal, with
//! keys and without a terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

#[path = "runbooks/good.rs"]
mod good;
#[path = "runbooks/person.rs"]
mod person;
