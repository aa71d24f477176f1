//! Every runbook to its last path, against the demonstration platform: the real console, its pipeline and its journal, with
//! keys and without a terminal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::large_futures,
    clippy::manual_assert
)]

#[path = "runbooks/capacity.rs"]
mod capacity;
#[path = "runbooks/home.rs"]
mod home;
#[path = "runbooks/paths.rs"]
mod paths;
#[path = "runbooks/person.rs"]
mod person;
#[path = "runbooks/releases.rs"]
mod releases;
#[path = "runbooks/sources.rs"]
mod sources;
#[path = "runbooks/world.rs"]
mod world;
