//! Rules: model in, signals out. Pure: no I/O, no clock, no drawing.
//!
//! A signal is one cause: what is wrong, on what, the evidence in numbers, since when, and which runbook answers it.
//! The families (`pods`, `rollouts`, …) look at a [`World`](crate::model::World) and return what they find now;
//! [`Judge`] keeps the memory between two looks: it raises after the rule's time, folds what has the same cause, keeps
//! *since*, and clears after a minute of good.

mod feeds;
mod finding;
mod hpa;
mod jobs;
mod judge;
mod nodes;
mod pdb;
mod pods;
mod queues;
mod quota;
mod redis;
mod restarts;
mod rollouts;
mod thresholds;
mod types;

pub use judge::Judge;
pub use thresholds::Thresholds;
pub use types::{Evidence, Severity, Signal, SignalKey, Snooze, Subject, Title};

#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod queue_redis_tests;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod testing;
