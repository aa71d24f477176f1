//! The world of the demonstration platform, stepped by hand on a manual clock: what an operator does, and what follows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod controllers;
mod incident;
mod stage;
