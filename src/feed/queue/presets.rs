//! Sidekiq, RQ and Celery: whole systems whose keys are known.

use super::inquiry::{Heard, Inquiry, Reading};
use super::plain::{time, time_at};
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::value;
use crate::model::{Problem, QueueCounts, QueueSystem};

/// The row of Sidekiq for what waits outside its queues.
pub(super) const SIDEKIQ_REST: &str = "(retries, scheduled, dead)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    Sidekiq,
    Rq,
    Celery,
}

pub(super) struct System {
    preset: Preset,
    queue: String,
    home: String,
    step: u8,
    head: Option<String>,
    reading: Reading,
    counts: Option<QueueCounts>,
    problem: Option<Problem>,
}

impl System {
    pub fn new(preset: Preset, queue: &str) -> Self {
        let (home, system) = match preset {
            Preset::Sidekiq => (format!("queue:{queue}"), QueueSystem::Sidekiq),
            Preset::Rq => (format!("rq:queue:{queue}"), QueueSystem::Rq),
            Preset::Celery => (queue.to_owned(), QueueSystem::Celery),
        };
        Self {
            preset,
            queue: queue.to_owned(),
            home,
            step: 0,
            head: None,
            reading: Reading {
                system,
                ..Reading::default()
            },
            counts: None,
            problem: None,
        }
    }

    fn first(&self) -> Vec<Read> {
        let (q, home) = (&self.queue, &self.home);
        match self.preset {
            Preset::Sidekiq if q == SIDEKIQ_REST => vec![
                Read::Zcard("retry".into()),
                Read::Zcard("schedule".into()),
                Read::Zcard("dead".into()),
                Read::Get("stat:processed".into()),
            ],
            Preset::Sidekiq => vec![
                Read::Llen(home.clone()),
                Read::Lindex(home.clone(), -1),
                Read::Scard("processes".into()),
            ],
            Preset::Rq => vec![
                Read::Llen(home.clone()),
                Read::Lindex(home.clone(), 0),
                Read::Zcard(format!("rq:wip:{q}")),
                Read::Zcard(format!("rq:failed:{q}")),
                Read::Zcard(format!("rq:scheduled:{q}")),
                Read::Zcard(format!("rq:deferred:{q}")),
                Read::Zcard(format!("rq:finished:{q}")),
                Read::Scard(format!("rq:workers:{q}")),
                Read::Exists("rq:suspended".into()),
            ],
            // kombu keeps one list a priority step beside the queue's own.
            Preset::Celery => vec![
                Read::Llen(home.clone()),
                Read::Llen(format!("{q}\u{6}\u{16}3")),
                Read::Llen(format!("{q}\u{6}\u{16}6")),
                Read::Llen(format!("{q}\u{6}\u{16}9")),
                Read::Hlen("unacked".into()),
            ],
        }
    }

    fn counted(&mut self, heard: &Heard<'_>) {
        let mut missing = std::mem::take(&mut self.reading.missing);
        let m = &mut missing;
        let mut count = |n, field| heard.get(n, field, m).and_then(value::count);
        let Some(first) = count(0, "ready") else {
            self.problem = heard.problem(0);
            self.reading.missing = missing;
            return;
        };
        let mut counts = QueueCounts {
            ready: first,
            ..QueueCounts::default()
        };
        match self.preset {
            Preset::Sidekiq if self.queue == SIDEKIQ_REST => {
                counts.ready = 0;
                counts.delayed = count(1, "delayed").map(|scheduled| scheduled + first);
                counts.failed = count(2, "failed");
                self.reading.finished = count(3, "rates");
            }
            Preset::Sidekiq => {
                counts.workers = count(2, "workers");
                let job = heard.get(1, "oldest", m).and_then(value::text);
                counts.oldest = job.and_then(|json| time_at(&json, "enqueued_at"));
            }
            Preset::Rq => {
                counts.active = count(2, "active");
                counts.failed = count(3, "failed");
                counts.delayed = count(4, "delayed").zip(count(5, "delayed")).map(|(a, b)| a + b);
                counts.completed = count(6, "completed");
                counts.workers = count(7, "workers");
                counts.paused = count(8, "paused").map(|n| n > 0);
                self.head = heard.get(1, "oldest", m).and_then(value::text);
            }
            Preset::Celery => {
                let more: u64 = (1..4).filter_map(|n| count(n, "ready")).sum();
                counts.ready = first + more;
                counts.active = count(4, "active");
                m.push((
                    "oldest",
                    Problem::Absent {
                        what: "when the oldest message was sent".into(),
                        how: "Celery's messages carry no time".into(),
                    },
                ));
                m.push((
                    "workers",
                    Problem::Absent {
                        what: "how many workers there are".into(),
                        how: "Celery's workers do not register in Redis".into(),
                    },
                ));
            }
        }
        self.counts = Some(counts);
        self.reading.missing = missing;
    }
}

impl Inquiry for System {
    fn home(&self) -> &str {
        &self.home
    }

    fn ask(&mut self) -> Vec<Read> {
        self.step += 1;
        match (self.step, &self.head) {
            (1, _) => self.first(),
            (2, Some(id)) => vec![Read::Hget(format!("rq:job:{id}"), "enqueued_at".into())],
            _ => Vec::new(),
        }
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        if self.step == 1 {
            self.counted(heard);
            return;
        }
        let at = heard.get(0, "oldest", &mut self.reading.missing).and_then(value::text);
        if let Some(counts) = &mut self.counts {
            counts.oldest = at.and_then(|t| time(&t));
        }
    }

    fn end(self: Box<Self>) -> Reading {
        let mut reading = self.reading;
        reading.counts = self.counts;
        reading.problem = self.problem;
        reading
    }
}
