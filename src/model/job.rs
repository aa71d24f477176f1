//! Jobs and CronJobs: did the last run succeed, and when was the last success.

use jiff::Timestamp;

use super::{Meta, Str};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub meta: Meta,
    pub completions: u32,
    pub active: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    /// The `Failed` condition's time and reason (`BackoffLimitExceeded`, `DeadlineExceeded`).
    pub failure: Option<(Option<Timestamp>, Str)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronJob {
    pub meta: Meta,
    pub schedule: Str,
    pub suspended: bool,
    pub active: u32,
    pub last_scheduled: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
}
