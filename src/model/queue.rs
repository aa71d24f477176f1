//! One set of queues as it was seen last: what waits, for how long, who works it, and what failed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Problem, Seen, Str};

/// One set of queues (one prefix on one Redis, or one query) as it was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queues {
    /// By name.
    pub queues: Vec<Queue>,
    /// Queues were looked for by a scan with a budget: how far it came.
    pub found: Seen<Discovery>,
}

/// What a scan for queues saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    pub scanned: u64,
    /// The budget ended before the keys did: there may be more queues.
    pub cut: bool,
}

/// Which program's layout a queue has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueueSystem {
    /// By the version that its own library wrote beside it.
    BullMq(BullLayout),
    #[default]
    List,
    Zset,
    Stream,
    Sidekiq,
    Celery,
    Rq,
    Prometheus,
}

impl QueueSystem {
    pub fn word(&self) -> &'static str {
        match self {
            Self::BullMq(_) => "bullmq",
            Self::List => "list",
            Self::Zset => "zset",
            Self::Stream => "stream",
            Self::Sidekiq => "sidekiq",
            Self::Celery => "celery",
            Self::Rq => "rq",
            Self::Prometheus => "promql",
        }
    }
}

/// The layout of a BullMQ queue, from `meta.version` or pinned by the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BullLayout {
    /// 3 to 6; `None`: no version was written, or one that is not known.
    pub major: Option<u8>,
    /// `5.81.5`; empty when it was not written.
    pub version: Str,
    /// The configuration says so.
    pub pinned: bool,
}

impl BullLayout {
    /// Layouts whose jobs and pause this console changes. Older and unknown ones are shown, not touched.
    pub fn is_writable(&self) -> bool {
        matches!(self.major, Some(5 | 6))
    }
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    pub name: Str,
    pub system: QueueSystem,
    /// The workload that works it, as the configuration gives it: `deployment/cortex/cortex-worker`.
    pub workload: Option<Str>,
    /// The keys by which others may name it: an autoscaler that counts its jobs.
    pub keys: Arc<[Str]>,
    /// The addresses from which its workers are connected, each once.
    pub hosts: Arc<[Str]>,
    /// What was counted in one reading. Kept when a later one fails.
    pub counts: Seen<QueueCounts>,
    /// Why single fields of the last reading are not known: the field's name, and what is in the way.
    pub missing: Vec<(&'static str, Problem)>,
    pub rates: Option<QueueRates>,
    /// `ready` once a minute, oldest first; at most [`Queue::HISTORY`].
    pub history: Arc<[(Timestamp, u64)]>,
    /// The newest failed jobs; read only for the queue that is looked at.
    pub failed_jobs: Seen<FailedJobs>,
}

/// What was counted. `None`: this system does not tell, or it could not be read (then `missing` says why).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// What a worker could take now: waiting, prioritized, and held back by a pause.
    pub ready: u64,
    pub waiting: Option<u64>,
    pub prioritized: Option<u64>,
    /// In the list of paused jobs; 6 keeps them waiting.
    pub held: Option<u64>,
    pub active: Option<u64>,
    pub delayed: Option<u64>,
    /// Delayed, and their time passed at least 5 s ago.
    pub overdue: Option<u64>,
    pub waiting_children: Option<u64>,
    pub failed: Option<u64>,
    pub completed: Option<u64>,
    pub paused: Option<bool>,
    /// When the oldest ready job was added.
    pub oldest: Option<Timestamp>,
    /// When the oldest active job was begun.
    pub oldest_active: Option<Timestamp>,
    /// Jobs at work whose worker is gone: BullMQ's without a lock, among the first 50; a stream's entries that were
    /// handed out five minutes ago and are not acknowledged, at most 1000.
    pub stalled: Option<u64>,
    /// Workers that are connected.
    pub workers: Option<u64>,
}

/// From counts some time apart, a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueRates {
    /// The time between the readings.
    pub over: SignedDuration,
    /// Jobs added; `None` when nothing counts them.
    pub added: Option<f64>,
    /// Jobs finished, well or not; `None` when it cannot be told.
    pub finished: Option<f64>,
    /// Change of `ready`; negative: it shrinks.
    pub growth: f64,
    /// Failed in the last 10 minutes.
    pub failed_10m: Option<u64>,
    /// Finished in the last 10 minutes, well or not; only where finished jobs are kept or counted.
    pub finished_10m: Option<u64>,
}

/// When a queue would be empty if nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empties {
    Now,
    In(SignedDuration),
    /// Nothing finishes.
    Never,
}

impl Queue {
    /// Points of the history: an hour.
    pub const HISTORY: usize = 60;

    /// How long the oldest ready job has waited.
    pub fn oldest_age(&self, now: Timestamp) -> Option<SignedDuration> {
        let oldest = self.counts.last()?.oldest?;
        Some(now.duration_since(oldest).max(SignedDuration::ZERO))
    }

    /// By the rate at which jobs finish; `None` when that is not known.
    pub fn empties(&self) -> Option<Empties> {
        let ready = self.counts.last()?.ready;
        if ready == 0 {
            return Some(Empties::Now);
        }
        let finished = self.rates?.finished?;
        if finished <= 0.0 {
            return Some(Empties::Never);
        }
        let minutes = ready as f64 / finished;
        Some(Empties::In(SignedDuration::from_secs((minutes * 60.0) as i64)))
    }

    /// Whether more comes than is finished.
    pub fn grows(&self) -> bool {
        self.rates.is_some_and(|r| r.growth > 0.0)
    }

    /// Failed in ten minutes over finished in ten minutes, 0 to 1.
    pub fn failure_share(&self) -> Option<f64> {
        let rates = self.rates?;
        let (failed, finished) = (rates.failed_10m?, rates.finished_10m?);
        (finished > 0).then(|| failed as f64 / finished as f64)
    }

    /// Worst first: by age, then by depth, then by name.
    pub fn worse_first(a: &Self, b: &Self) -> std::cmp::Ordering {
        let of = |q: &Self| {
            let counts = q.counts.last();
            (
                counts.and_then(|c| c.oldest).map_or(i128::MIN, |t| -t.as_nanosecond()),
                counts.map_or(0, |c| c.ready),
            )
        };
        of(b).cmp(&of(a)).then_with(|| a.name.cmp(&b.name))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedJobs {
    /// Newest first.
    pub jobs: Vec<FailedJob>,
    /// How many there are in all.
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedJob {
    pub id: Str,
    pub name: Str,
    pub failed_at: Option<Timestamp>,
    pub added_at: Option<Timestamp>,
    pub attempts: Option<u64>,
    pub reason: Str,
    /// The payload, cut at [`FailedJob::PAYLOAD`] characters; `None` where payloads are masked.
    pub payload: Option<Str>,
    /// It belongs to a flow: retrying it would have to touch its parent.
    pub has_parent: bool,
}

impl FailedJob {
    pub const PAYLOAD: usize = 2000;
}
