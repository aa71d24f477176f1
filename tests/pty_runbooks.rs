//! Runbooks at 80×24, by keys alone, in the real binary: what was wrong is right on the servers, and on record.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

#[path = "pty_runbooks/database.rs"]
mod database;
#[path = "pty_runbooks/incident.rs"]
mod incident;
#[path = "pty_runbooks/paths.rs"]
mod paths;
mod pty_support;
#[path = "pty_runbooks/sources.rs"]
mod sources;
#[path = "pty_runbooks/walk.rs"]
mod walk;
#[path = "pty_runbooks/workloads.rs"]
mod workloads;
