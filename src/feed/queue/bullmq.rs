//! BullMQ 3 to 6, read by plain commands.
//!
//! The library's own counting script removes markers, so it writes: it is never called. Which layout a queue has stands
//! in its `meta` hash. Versions 3 and 4 keep a marker (`0:…`) in the list of waiting jobs: it is no job.

use jiff::Timestamp;
use redis::Value;

use super::inquiry::{Heard, Inquiry, Missing, Reading};
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::value;
use crate::model::{BullLayout, Problem, QueueCounts, QueueSystem};
use crate::text::clean;

/// A delayed job whose time passed this long ago should have been taken.
const OVERDUE_MS: i64 = 5_000;
const TEN_MINUTES_MS: i64 = 600_000;
/// Active jobs of which the locks are looked at.
const ACTIVE: u16 = 50;
/// Levels of priority that are looked into for the oldest job.
const LEVELS: usize = 16;
/// Scores: milliseconds of delayed jobs in units of 1/4096, priorities in units of 2^32.
const DELAY_UNIT: i64 = 4096;
const PRIORITY_UNIT: f64 = 4_294_967_296.0;

/// The key of one part of a queue.
pub(crate) fn key(prefix: &str, queue: &str, part: &str) -> String {
    format!("{prefix}:{queue}:{part}")
}

/// The layout by what the library wrote: `bullmq:5.81.5`. Others of the family (`bullmq-pro:…`) have their own.
pub(crate) fn layout(version: Option<&str>, pinned: Option<u8>) -> BullLayout {
    let plain = version.and_then(|v| v.strip_prefix("bullmq:"));
    let major = plain
        .and_then(|v| v.split('.').next()?.parse::<u8>().ok())
        .filter(|m| (3..=6).contains(m));
    let text = plain.or(version).map(clean).unwrap_or_default().as_ref().into();
    match (version, pinned) {
        (None, Some(pin)) => BullLayout {
            major: Some(pin),
            version: text,
            pinned: true,
        },
        _ => BullLayout {
            major,
            version: text,
            pinned: false,
        },
    }
}

fn ms(n: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(n).ok().filter(|_| n > 0)
}

#[derive(Default)]
enum Step {
    #[default]
    Counts,
    /// The jobs whose times are wanted, and which jobs are at work.
    Jobs,
    /// Whether each of these jobs has its worker's lock.
    Locks(Vec<String>),
    /// Some had none: which, and whether they are still at work.
    Lockless(Vec<String>),
    /// From this score on in the prioritized ones.
    Level(f64),
    /// The first job of a level, and the score from which the next one begins.
    Leveled(String, f64),
    End,
}

pub(super) struct Bull {
    prefix: String,
    queue: String,
    home: String,
    pinned: Option<u8>,
    now_ms: i64,
    step: Step,
    looked_into: usize,
    waiting_tail: Option<String>,
    held_tail: Option<String>,
    active_tail: Option<String>,
    reading: Reading,
    counts: Option<QueueCounts>,
    problem: Option<Problem>,
}

impl Bull {
    pub fn new(prefix: &str, queue: &str, pinned: Option<u8>, now: Timestamp) -> Self {
        Self {
            prefix: prefix.to_owned(),
            queue: queue.to_owned(),
            home: key(prefix, queue, "meta"),
            pinned,
            now_ms: now.as_millisecond(),
            step: Step::Counts,
            looked_into: 0,
            waiting_tail: None,
            held_tail: None,
            active_tail: None,
            reading: Reading::default(),
            counts: None,
            problem: None,
        }
    }

    fn key(&self, part: &str) -> String {
        key(&self.prefix, &self.queue, part)
    }

    fn times(&self, id: &str) -> Read {
        Read::Hmget(self.key(id), vec!["timestamp", "delay", "processedOn"])
    }

    fn counted(&mut self, heard: &Heard<'_>) {
        let mut missing = std::mem::take(&mut self.reading.missing);
        let m = &mut missing;
        let count = |n, field, m: &mut Missing| heard.get(n, field, m).and_then(value::count);
        let meta = heard.get(0, "layout", m).map(value::items).unwrap_or_default();
        let layout = layout(meta.first().and_then(value::text).as_deref(), self.pinned);
        let (Some(wait), Some(held)) = (count(1, "ready", m), count(4, "ready", m)) else {
            self.problem = heard.problem(1).or_else(|| heard.problem(4));
            self.reading.missing = missing;
            self.step = Step::End;
            return;
        };
        let tail = |n: usize| heard.answers.get(n).and_then(|a| a.as_ref().ok()).and_then(value::text);
        let is_marker = |id: &Option<String>| id.as_deref().is_some_and(|id| id.starts_with("0:"));
        let (last, before) = (tail(2), tail(3));
        let (marked, oldest) = if is_marker(&last) { (1, before) } else { (0, last) };
        let (last, before) = (tail(5), tail(6));
        let (held_marked, held_oldest) = if is_marker(&last) { (1, before) } else { (0, last) };
        let waiting = wait.saturating_sub(marked);
        let held = held.saturating_sub(held_marked);
        let prioritized = count(8, "prioritized", m);
        self.waiting_tail = oldest.filter(|_| waiting > 0);
        self.held_tail = held_oldest.filter(|_| held > 0);
        self.active_tail = tail(11);
        let completed = count(14, "completed", m);
        let completed_10m = count(16, "rates", m);
        let failed = count(13, "failed", m);
        let failed_10m = count(15, "rates", m);
        self.reading.completed_10m = completed_10m;
        self.reading.failed_10m = failed_10m;
        // If older ones are kept, those of the last ten minutes are.
        self.reading.kept = completed_10m.zip(completed).is_some_and(|(recent, all)| all > recent);
        self.reading.finished = completed.zip(failed).map(|(c, f)| c + f);
        // Counts each addition (INCR); of a queue that never had one it is not there.
        self.reading.added = heard.get(17, "added", m).map(|v| value::count(v).unwrap_or(0));
        self.counts = Some(QueueCounts {
            ready: waiting + held + prioritized.unwrap_or(0),
            waiting: Some(waiting),
            prioritized,
            held: Some(held),
            active: count(7, "active", m),
            delayed: count(9, "delayed", m),
            overdue: count(10, "overdue", m),
            waiting_children: count(12, "waiting_children", m),
            failed,
            completed,
            paused: heard
                .get(0, "paused", m)
                .map(|_| !matches!(meta.get(1), None | Some(Value::Nil))),
            ..QueueCounts::default()
        });
        self.reading.system = QueueSystem::BullMq(layout);
        self.reading.missing = missing;
        self.step = Step::Jobs;
    }

    fn timed(&mut self, heard: &Heard<'_>) {
        let wanted = [&self.waiting_tail, &self.held_tail, &self.active_tail];
        let mut n = 0;
        for (which, id) in wanted.into_iter().enumerate() {
            if id.is_none() {
                continue;
            }
            let field = if which == 2 { "oldest_active" } else { "oldest" };
            let job = heard.get(n, field, &mut self.reading.missing);
            n += 1;
            let (Some(job), Some(counts)) = (job, self.counts.as_mut()) else {
                continue;
            };
            if which == 2 {
                counts.oldest_active = value::items(job).get(2).and_then(value::int).and_then(ms);
            } else if let Some(at) = ready_at(job) {
                counts.oldest = Some(counts.oldest.map_or(at, |o| o.min(at)));
            }
        }
        let mut active = Vec::new();
        if self.active_tail.is_some() {
            let list = heard.get(n, "stalled", &mut self.reading.missing).map(value::items);
            active = ids(list.unwrap_or_default());
        } else if let Some(counts) = &mut self.counts {
            counts.stalled = counts.active.filter(|n| *n == 0);
        }
        self.step = if active.is_empty() {
            self.levels()
        } else {
            Step::Locks(active)
        };
    }

    /// What comes after the jobs at work.
    fn levels(&self) -> Step {
        let prioritized = self.counts.as_ref().and_then(|c| c.prioritized).unwrap_or(0);
        if prioritized > 0 { Step::Level(0.0) } else { Step::End }
    }

    fn lock(&self, id: &str) -> String {
        format!("{}:lock", self.key(id))
    }

    fn locked(&mut self, active: Vec<String>, heard: &Heard<'_>) {
        let missing = &mut self.reading.missing;
        let locks = heard.get(0, "stalled", missing).and_then(value::count);
        self.step = self.levels();
        match (locks, &mut self.counts) {
            (Some(locks), Some(counts)) if locks >= active.len() as u64 => counts.stalled = Some(0),
            (Some(_), _) => self.step = Step::Lockless(active),
            _ => {}
        }
    }

    /// A job that ended between the two readings has no lock either, but it is no longer at work.
    fn lockless(&mut self, active: &[String], heard: &Heard<'_>) {
        let still = heard
            .get(active.len(), "stalled", &mut self.reading.missing)
            .map(value::items);
        let still = still.map(ids);
        let gone = |n: usize| {
            heard
                .answers
                .get(n)
                .and_then(|a| a.as_ref().ok())
                .and_then(value::count)
                == Some(0)
        };
        if let (Some(still), Some(counts)) = (still, &mut self.counts) {
            let stalled = active
                .iter()
                .enumerate()
                .filter(|(n, id)| gone(*n) && still.contains(id));
            counts.stalled = Some(stalled.count() as u64);
        }
        self.step = self.levels();
    }
}

/// The ids of a list of jobs; markers are none.
fn ids(list: &[Value]) -> Vec<String> {
    list.iter()
        .filter_map(value::text)
        .filter(|id| !id.starts_with("0:"))
        .collect()
}

/// When a job became ready: added, and its delay over.
fn ready_at(job: &Value) -> Option<Timestamp> {
    let fields = value::items(job);
    let at = fields.first().and_then(value::int)?;
    let delay = fields.get(1).and_then(value::int).unwrap_or(0).max(0);
    ms(at.saturating_add(delay))
}

impl Inquiry for Bull {
    fn home(&self) -> &str {
        &self.home
    }

    fn ask(&mut self) -> Vec<Read> {
        let recent = (self.now_ms - TEN_MINUTES_MS).to_string();
        let inf = || "+inf".to_owned();
        match &self.step {
            Step::Counts => vec![
                Read::Hmget(self.key("meta"), vec!["version", "paused", "concurrency"]),
                Read::Llen(self.key("wait")),
                Read::Lindex(self.key("wait"), -1),
                Read::Lindex(self.key("wait"), -2),
                Read::Llen(self.key("paused")),
                Read::Lindex(self.key("paused"), -1),
                Read::Lindex(self.key("paused"), -2),
                Read::Llen(self.key("active")),
                Read::Zcard(self.key("prioritized")),
                Read::Zcard(self.key("delayed")),
                Read::Zcount(
                    self.key("delayed"),
                    "0".to_owned(),
                    ((self.now_ms - OVERDUE_MS) * DELAY_UNIT).to_string(),
                ),
                Read::Lindex(self.key("active"), -1),
                Read::Zcard(self.key("waiting-children")),
                Read::Zcard(self.key("failed")),
                Read::Zcard(self.key("completed")),
                Read::Zcount(self.key("failed"), recent.clone(), inf()),
                Read::Zcount(self.key("completed"), recent, inf()),
                Read::Get(self.key("id")),
            ],
            Step::Jobs => {
                let ids = [&self.waiting_tail, &self.held_tail, &self.active_tail];
                let mut wanted: Vec<Read> = ids.into_iter().flatten().map(|id| self.times(id)).collect();
                if self.active_tail.is_some() {
                    wanted.push(Read::Lrange(self.key("active"), ACTIVE));
                }
                if wanted.is_empty() {
                    // Nothing to ask: on to the levels.
                    if let Some(counts) = &mut self.counts {
                        counts.stalled = counts.active.filter(|n| *n == 0);
                    }
                    self.step = self.levels();
                    return if matches!(self.step, Step::Level(_)) {
                        self.ask()
                    } else {
                        Vec::new()
                    };
                }
                wanted
            }
            Step::Locks(active) => vec![Read::ExistMany(active.iter().map(|id| self.lock(id)).collect())],
            Step::Lockless(active) => {
                let mut wanted: Vec<Read> = active.iter().map(|id| Read::Exists(self.lock(id))).collect();
                wanted.push(Read::Lrange(self.key("active"), ACTIVE));
                wanted
            }
            Step::Level(from) => vec![Read::ZrangeByScore {
                key: self.key("prioritized"),
                min: format!("{from:.0}"),
                count: 1,
            }],
            Step::Leveled(id, _) => vec![self.times(id)],
            Step::End => Vec::new(),
        }
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        match std::mem::take(&mut self.step) {
            Step::Counts => self.counted(heard),
            Step::Jobs => self.timed(heard),
            Step::Locks(active) => self.locked(active, heard),
            Step::Lockless(active) => self.lockless(&active, heard),
            Step::Level(_) => {
                let found = heard.get(0, "oldest", &mut self.reading.missing).map(value::items);
                self.step = match found {
                    Some([id, score, ..]) if self.looked_into < LEVELS => {
                        let next = value::number(score).map(|s| ((s / PRIORITY_UNIT).floor() + 1.0) * PRIORITY_UNIT);
                        match (value::text(id), next) {
                            (Some(id), Some(next)) => Step::Leveled(id, next),
                            _ => Step::End,
                        }
                    }
                    _ => Step::End,
                };
            }
            Step::Leveled(_, next) => {
                self.looked_into += 1;
                let at = heard.get(0, "oldest", &mut self.reading.missing).and_then(ready_at);
                if let (Some(at), Some(counts)) = (at, self.counts.as_mut()) {
                    counts.oldest = Some(counts.oldest.map_or(at, |o| o.min(at)));
                }
                self.step = Step::Level(next);
            }
            Step::End => self.step = Step::End,
        }
    }

    fn end(self: Box<Self>) -> Reading {
        let mut reading = self.reading;
        reading.counts = self.counts;
        reading.problem = self.problem;
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_what_the_library_wrote_and_nothing_else() {
        let of = |v, pin| {
            let l = layout(v, pin);
            (l.major, l.is_writable(), l.pinned)
        };
        assert_eq!(of(Some("bullmq:5.81.5"), None), (Some(5), true, false));
        assert_eq!(of(Some("bullmq:3.16.2"), Some(5)), (Some(3), false, false));
        assert_eq!(of(Some("bullmq:7.0.0"), None), (None, false, false));
        assert_eq!(of(Some("bullmq-pro:7.1.0"), Some(5)), (None, false, false));
        assert_eq!(of(None, None), (None, false, false));
        assert_eq!(of(None, Some(6)), (Some(6), true, true));
    }
}
