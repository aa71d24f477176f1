//! Rules: model in, signals out. Pure: no I/O, no clock, no drawing.
//!
//! A signal is one cause: what is wrong, on what, the evidence in numbers, since when, and which runbook answers it.
//! The families (`pods`, `rollouts`, …) look at a [`World`](crate::model::World) and return what they find now;
//! [`Judge`] keeps the memory between two looks: it raises after the rule's time, folds what has the same cause, keeps
//! *since*, and clears after a minute of good.

mod certificates;
mod feeds;
mod finding;
mod hpa;
mod http;
mod jobs;
mod judge;
mod nodes;
mod pdb;
mod pods;
mod postgres;
mod prometheus;
mod queues;
mod quota;
mod redis;
mod restarts;
mod rollouts;
mod thresholds;
mod types;

pub use certificates::limits as certificate_limits;
pub use judge::Judge;
pub use prometheus::budget;
pub use queues::failing as queue_failing;
pub use thresholds::Thresholds;
pub use types::{Evidence, Severity, Signal, SignalKey, Snooze, Subject, Title};

#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod queue_redis_tests;
#[cfg(test)]
mod queue_worker_tests;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod source_loss_tests;
#[cfg(test)]
mod source_rule_tests;
#[cfg(test)]
mod testing;

use crate::model::Kind;

/// What the rules look at: always watched.
pub const KINDS: [Kind; 11] = [
    Kind::Pod,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::Hpa,
    Kind::Pdb,
    Kind::Node,
    Kind::Quota,
    Kind::Job,
    Kind::CronJob,
];
