//! The Kubernetes feeds against the demonstration API server, and against everything that can go wrong with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod lab;
mod logs;
mod objects;
mod trouble;
mod watch;
