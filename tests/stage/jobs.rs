//! The queues at the moment of the pictures: one with a backlog, one whose jobs fail.

use jiff::{SignedDuration, Timestamp};
use quarterdeck::model::{
    BullLayout, FailedJob, FailedJobs, Queue, QueueCounts, QueueRates, QueueSystem, Queues, Seen,
};

use super::sources::ago;

fn queue(now: Timestamp, name: &str, ready: u64, oldest: Option<i64>, rates: (f64, f64), failed: u64) -> Queue {
    let history: Vec<(Timestamp, u64)> = (0..60)
        .map(|i| (ago(now, 60 - i), ready * (i as u64 + 4) / 64))
        .collect();
    let counts = QueueCounts {
        ready,
        waiting: Some(ready),
        active: Some(20),
        delayed: Some(0),
        overdue: Some(0),
        failed: Some(failed),
        completed: Some(14_480),
        paused: Some(false),
        oldest: oldest.map(|m| ago(now, m)),
        workers: Some(3),
        ..QueueCounts::default()
    };
    Queue {
        name: name.into(),
        system: QueueSystem::BullMq(BullLayout {
            major: Some(5),
            version: "5.81.5".into(),
            pinned: false,
        }),
        workload: Some("deployment/cortex/cortex-worker".into()),
        counts: Seen::read(counts, now),
        rates: Some(QueueRates {
            over: SignedDuration::from_mins(5),
            added: Some(rates.0),
            finished: Some(rates.1),
            growth: rates.0 - rates.1,
            failed_10m: Some(failed / 4),
            finished_10m: Some(920),
        }),
        history: history.into(),
        ..Queue::default()
    }
}

pub fn jobs(now: Timestamp) -> Queues {
    Queues {
        queues: vec![
            queue(now, "default", 4_812, Some(11), (402.0, 92.0), 0),
            queue(now, "embeddings", 37, Some(0), (60.0, 61.0), 2),
            Queue {
                failed_jobs: Seen::read(failed(now), now),
                ..queue(now, "email", 0, None, (30.0, 30.0), 52)
            },
        ],
        ..Queues::default()
    }
}

/// The newest of the queue `email`.
fn failed(now: Timestamp) -> FailedJobs {
    let job = |id: &str, name: &str, minutes: i64, attempts: u64, reason: &str| FailedJob {
        id: id.into(),
        name: name.into(),
        failed_at: Some(ago(now, minutes)),
        added_at: Some(ago(now, minutes + 4)),
        attempts: Some(attempts),
        reason: reason.into(),
        payload: None,
        has_parent: false,
    };
    let refused = "connect ECONNREFUSED 10.42.7.31:587";
    FailedJobs {
        jobs: vec![
            job("88213", "digest", 3, 3, refused),
            job("88190", "digest", 7, 3, refused),
            job("88104", "invitation", 16, 1, "550 5.1.1 no such mailbox"),
            job("87951", "digest", 41, 3, refused),
        ],
        total: 52,
    }
}
