//! Facts of a queue: that of the run, else the worst one.

use super::{About, Fact, Maker, Row, Subject, count, known, maybe, seconds};
use crate::model::{Empties, Queue, QueueSystem, Seen, SourceKind, Str};
use crate::runbook::value::Value;

const UNTOLD: &str = "this kind of queue does not tell";
const NO_RATE: &str = "two readings are needed";

impl Maker<'_> {
    pub(super) fn queue(&mut self, subject: &Subject) {
        let world = self.world;
        let sets = &world.sources.queues;
        let found: Option<(&Str, &Queue)> = match &subject.about {
            Some(About::Queue { source, queue }) => sets
                .get_key_value(source)
                .and_then(|(source, set)| Some((source, set.queues.iter().find(|q| q.name == *queue)?))),
            _ => sets
                .iter()
                .flat_map(|(source, set)| set.queues.iter().map(move |q| (source, q)))
                .min_by(|(_, a), (_, b)| Queue::worse_first(a, b)),
        };
        let Some((source, queue)) = found else {
            let why = if sets.is_empty() {
                "no set of queues is configured"
            } else {
                "there is no such queue now"
            };
            self.all("queue.", &Fact::Absent(why.to_owned()));
            return;
        };
        let counted = self.unread(SourceKind::Queues, source, &queue.counts);
        let counts = queue.counts.last().cloned().unwrap_or_default();
        let of = |n: Option<u64>| maybe(n.map(count));
        let now = self.now;
        let age = |at: Option<jiff::Timestamp>| maybe(at.map(|at| seconds(now, at)));
        let writable = matches!(&queue.system, QueueSystem::BullMq(layout) if layout.is_writable());
        let by = world.worked_by(source, &queue.name);
        let unknown = "the configuration names no workload for it, and the cluster shows none that works it";
        let scaler = by.and_then(|b| b.scaler.as_ref());
        let rows: Vec<Row> = vec![
            ("queue.target", known(format!("queue/{source}/{}", queue.name)), ""),
            ("queue.name", known(&*queue.name), ""),
            ("queue.source", known(&**source), ""),
            ("queue.system", known(queue.system.word()), ""),
            ("queue.writable", known(writable), ""),
            ("queue.workload", maybe(by.map(|b| &*b.workload)), unknown),
            (
                "queue.workload_known",
                maybe(by.map(crate::model::WorkedBy::how)),
                unknown,
            ),
            (
                "queue.workload_guessed",
                maybe(by.map(crate::model::WorkedBy::is_guess)),
                unknown,
            ),
            (
                "queue.scaler",
                maybe(scaler.map(|s| format!("{} ({})", s.bounds(), s.name))),
                "nothing scales its workload, or the workload is not known",
            ),
        ];
        self.many(None, rows);
        let rows: Vec<Row> = vec![
            ("queue.ready", known(count(counts.ready)), ""),
            ("queue.active", of(counts.active), UNTOLD),
            ("queue.delayed", of(counts.delayed), UNTOLD),
            ("queue.overdue", of(counts.overdue), UNTOLD),
            ("queue.failed", of(counts.failed), UNTOLD),
            ("queue.stalled", of(counts.stalled), UNTOLD),
            ("queue.workers", of(counts.workers), UNTOLD),
            ("queue.paused", maybe(counts.paused), UNTOLD),
            (
                "queue.oldest",
                age(counts.oldest),
                "no job waits, or its age is not told",
            ),
            (
                "queue.oldest_active",
                age(counts.oldest_active),
                "no job is at work, or its age is not told",
            ),
        ];
        self.many(counted.as_ref(), rows);
        self.rates(counted.as_ref(), queue, counts.workers);
        self.failures(source, &queue.failed_jobs, counted.as_ref());
    }

    fn rates(&mut self, blocked: Option<&Fact>, queue: &Queue, workers: Option<u64>) {
        let rates = queue.rates;
        let finished = rates.and_then(|r| r.finished);
        let each = finished
            .zip(workers)
            .filter(|(out, workers)| *out > 0.0 && *workers > 0)
            .map(|(out, workers)| out / workers as f64);
        let empties = queue.empties();
        let within = empties.and_then(|e| match e {
            Empties::Now => Some(0),
            Empties::In(long) => Some(long.as_secs()),
            Empties::Never => None,
        });
        let lately = |n: Option<u64>| maybe(n.map(count));
        let growing = "it does not empty, or its rate is not known";
        let rows: Vec<Row> = vec![
            ("queue.in_rate", maybe(rates.and_then(|r| r.added)), NO_RATE),
            ("queue.out_rate", maybe(finished), NO_RATE),
            ("queue.growth", maybe(rates.map(|r| r.growth)), NO_RATE),
            (
                "queue.rate_per_worker",
                maybe(each),
                "no worker finishes a job, or it is not known",
            ),
            ("queue.drains", maybe(empties.map(|e| e != Empties::Never)), NO_RATE),
            ("queue.empty_in", maybe(within), growing),
            ("queue.failed_10m", lately(rates.and_then(|r| r.failed_10m)), UNTOLD),
            ("queue.finished_10m", lately(rates.and_then(|r| r.finished_10m)), UNTOLD),
            (
                "queue.failure_share",
                maybe(queue.failure_share()),
                "nothing finished in ten minutes, or it is not told",
            ),
        ];
        self.many(blocked, rows);
    }

    fn failures(&mut self, source: &Str, seen: &Seen<crate::model::FailedJobs>, counted: Option<&Fact>) {
        let blocked = self.unread(SourceKind::Queues, source, seen);
        let blocked = counted.cloned().or(blocked);
        let jobs = seen.last().map_or(&[][..], |f| f.jobs.as_slice());
        let newest = jobs.first();
        let mut reasons: Vec<&str> = Vec::new();
        for job in jobs {
            if !reasons.contains(&&*job.reason) && reasons.len() < 5 {
                reasons.push(&job.reason);
            }
        }
        let none = "no job failed";
        let flow = jobs.iter().filter(|j| j.has_parent).count();
        let rows: Vec<Row> = vec![
            ("queue.last_failure", maybe(newest.map(|j| &*j.reason)), none),
            ("queue.last_failed_job", maybe(newest.map(|j| &*j.name)), none),
            (
                "queue.last_failed",
                maybe(newest.and_then(|j| j.failed_at).map(|at| seconds(self.now, at))),
                none,
            ),
            (
                "queue.failure_reasons",
                known(Value::List(reasons.into_iter().map(Value::text).collect())),
                "",
            ),
            ("queue.failed_in_flows", known(count(flow as u64)), ""),
        ];
        self.many(blocked.as_ref(), rows);
    }
}
