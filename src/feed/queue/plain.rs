//! Queues that are one key: a list, a sorted set, or a consumer group of a stream.

use jiff::Timestamp;

use super::inquiry::{Heard, Inquiry, Reading};
use crate::config::{Oldest, QueueEntry, ScoreUnit};
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::value;
use crate::model::{Problem, QueueCounts, QueueSystem};

/// An entry that was handed out this long ago and is not acknowledged is taken for stalled.
const IDLE_MS: u32 = 300_000;

/// A point in time as programs write it: seconds or milliseconds since 1970, or RFC 3339.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(n) = text.trim().parse::<f64>() {
        // No job is from before 2001 in milliseconds, nor from after 5138 in seconds.
        let ms = if n > 100_000_000_000.0 { n } else { n * 1000.0 };
        return Timestamp::from_millisecond(ms as i64).ok().filter(|_| ms > 0.0);
    }
    let text = text.trim();
    text.parse::<Timestamp>()
        .or_else(|_| format!("{text}Z").parse::<Timestamp>())
        .ok()
}

/// What stands at `meta.enqueued_at` of a JSON text.
pub(super) fn time_at(json: &str, path: &str) -> Option<Timestamp> {
    let document: serde_json::Value = serde_json::from_str(json).ok()?;
    let found = path.split('.').try_fold(&document, |v, part| v.get(part))?;
    match found {
        serde_json::Value::String(text) => time(text),
        serde_json::Value::Number(n) => time(&n.to_string()),
        _ => None,
    }
}

/// LIST and ZSET.
pub(super) struct Plain {
    entry: QueueEntry,
    zset: bool,
    now: Timestamp,
    asked: bool,
    reading: Reading,
    counts: Option<QueueCounts>,
    problem: Option<Problem>,
}

impl Plain {
    pub fn new(entry: QueueEntry, zset: bool, now: Timestamp) -> Self {
        let system = if zset { QueueSystem::Zset } else { QueueSystem::List };
        Self {
            entry,
            zset,
            now,
            asked: false,
            reading: Reading {
                system,
                ..Reading::default()
            },
            counts: None,
            problem: None,
        }
    }

    fn score(&self, at: Timestamp) -> Option<String> {
        match self.entry.score {
            ScoreUnit::Ms => Some(at.as_millisecond().to_string()),
            ScoreUnit::S => Some(at.as_second().to_string()),
            ScoreUnit::None => None,
        }
    }

    fn length(&self, key: &str) -> Read {
        if self.zset {
            Read::Zcard(key.to_owned())
        } else {
            Read::Llen(key.to_owned())
        }
    }
}

impl Inquiry for Plain {
    fn home(&self) -> &str {
        self.entry.key()
    }

    fn ask(&mut self) -> Vec<Read> {
        if std::mem::replace(&mut self.asked, true) {
            return Vec::new();
        }
        let key = self.entry.key().to_owned();
        let mut all = vec![self.length(&key)];
        if self.zset {
            all.push(Read::Zrange {
                key: key.clone(),
                first: 0,
                count: 1,
                newest_first: false,
            });
        } else {
            let end = match self.entry.oldest {
                Oldest::Tail => -1,
                Oldest::Head => 0,
            };
            all.push(Read::Lindex(key.clone(), end));
        }
        all.extend(
            [&self.entry.active, &self.entry.failed]
                .into_iter()
                .flatten()
                .map(|k| self.length(k)),
        );
        if let Some(now) = self.score(self.now).filter(|_| self.zset) {
            all.push(Read::Zcount(key, "-inf".to_owned(), now));
        }
        all
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        let missing = &mut self.reading.missing;
        let Some(length) = heard.get(0, "ready", missing).and_then(value::count) else {
            self.problem = heard.problem(0);
            return;
        };
        let mut counts = QueueCounts {
            ready: length,
            ..QueueCounts::default()
        };
        let first = heard.get(1, "oldest", missing);
        let mut n = 2;
        let mut next = |given: bool, field, missing: &mut _| {
            if !given {
                return None;
            }
            n += 1;
            heard.get(n - 1, field, missing).and_then(value::count)
        };
        counts.active = next(self.entry.active.is_some(), "active", missing);
        counts.failed = next(self.entry.failed.is_some(), "failed", missing);
        if self.zset {
            let score = first.map(value::items).and_then(|i| i.get(1)).and_then(value::number);
            if self.entry.score != ScoreUnit::None {
                let due = next(true, "delayed", missing);
                if let Some(due) = due {
                    counts.ready = due;
                    counts.delayed = Some(length.saturating_sub(due));
                }
                counts.oldest = score
                    .map(|s| {
                        if self.entry.score == ScoreUnit::S {
                            s * 1000.0
                        } else {
                            s
                        }
                    })
                    .and_then(|ms| Timestamp::from_millisecond(ms as i64).ok())
                    .filter(|at| *at <= self.now && counts.ready > 0);
            }
        } else if let Some(path) = &self.entry.time {
            counts.oldest = first.and_then(value::text).and_then(|json| time_at(&json, path));
        } else if length > 0 {
            missing.push((
                "oldest",
                Problem::Absent {
                    what: "when the oldest job was added".into(),
                    how: "`time`, where in a job's JSON its time stands".into(),
                },
            ));
        }
        self.counts = Some(counts);
    }

    fn end(self: Box<Self>) -> Reading {
        let mut reading = self.reading;
        reading.counts = self.counts;
        reading.problem = self.problem;
        reading
    }
}

/// A consumer group of a stream.
pub(super) struct StreamGroup {
    key: String,
    group: String,
    step: u8,
    lag: Option<u64>,
    after: String,
    reading: Reading,
    counts: Option<QueueCounts>,
    problem: Option<Problem>,
}

impl StreamGroup {
    pub fn new(entry: &QueueEntry) -> Self {
        Self {
            key: entry.key().to_owned(),
            group: entry.group.clone().unwrap_or_default(),
            step: 0,
            lag: None,
            after: String::new(),
            reading: Reading {
                system: QueueSystem::Stream,
                ..Reading::default()
            },
            counts: None,
            problem: None,
        }
    }
}

/// An entry's id begins with its milliseconds.
fn id_time(id: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(id.split('-').next()?.parse().ok()?).ok()
}

impl Inquiry for StreamGroup {
    fn home(&self) -> &str {
        &self.key
    }

    fn ask(&mut self) -> Vec<Read> {
        match self.step {
            0 => vec![
                Read::XinfoGroups(self.key.clone()),
                Read::XinfoStream(self.key.clone()),
                Read::XpendingOldest(self.key.clone(), self.group.clone()),
                Read::XpendingIdle {
                    key: self.key.clone(),
                    group: self.group.clone(),
                    idle_ms: IDLE_MS,
                    count: Read::RANGE,
                },
            ],
            1 if self.counts.is_some() => vec![Read::Xrange {
                key: self.key.clone(),
                after: self.after.clone(),
                // Without a lag they are counted, as far as one reading goes.
                count: if self.lag.is_some() { 1 } else { Read::RANGE },
            }],
            _ => Vec::new(),
        }
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        self.step += 1;
        let missing = &mut self.reading.missing;
        if self.step == 1 {
            let Some(groups) = heard.get(0, "ready", missing) else {
                self.problem = heard.problem(0);
                return;
            };
            let mine = value::items(groups)
                .iter()
                .find(|g| value::field(g, "name").and_then(value::text).as_deref() == Some(self.group.as_str()));
            let Some(group) = mine else {
                self.problem = Some(Problem::Absent {
                    what: format!("the consumer group {} of {}", self.group, self.key)
                        .as_str()
                        .into(),
                    how: "its consumers make it when they start".into(),
                });
                return;
            };
            let number = |name| value::field(group, name).and_then(value::count);
            self.lag = number("lag");
            self.after = value::field(group, "last-delivered-id")
                .and_then(value::text)
                .unwrap_or_else(|| "0-0".into());
            let stream = heard.get(1, "added", missing);
            self.reading.added = stream
                .and_then(|s| value::field(s, "entries-added"))
                .and_then(value::count);
            let oldest_pending = heard
                .get(2, "oldest_active", missing)
                .map(value::items)
                .and_then(|p| p.first())
                .map(value::items)
                .and_then(|entry| entry.first())
                .and_then(value::text)
                .and_then(|id| id_time(&id));
            self.counts = Some(QueueCounts {
                ready: self.lag.unwrap_or(0),
                active: number("pending"),
                workers: number("consumers"),
                oldest_active: oldest_pending,
                stalled: heard.get(3, "stalled", missing).map(|p| value::items(p).len() as u64),
                ..QueueCounts::default()
            });
        } else if let Some(counts) = &mut self.counts {
            let Some(entries) = heard.get(0, "oldest", missing).map(value::items) else {
                return;
            };
            let first = entries.first().map(value::items).and_then(|e| e.first());
            counts.oldest = first.and_then(value::text).and_then(|id| id_time(&id));
            if self.lag.is_none() {
                counts.ready = entries.len() as u64;
                if entries.len() >= usize::from(Read::RANGE) {
                    missing.push((
                        "ready",
                        Problem::Absent {
                            what: "how many entries wait: at least 1000, counted one by one".into(),
                            how: "Redis tells no lag after an entry behind the group's cursor was deleted".into(),
                        },
                    ));
                }
            }
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
    fn times_are_read_as_programs_write_them() {
        let want = Timestamp::from_second(1_700_000_000).unwrap();
        for text in [
            "1700000000",
            "1700000000000",
            "1700000000.0",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20",
        ] {
            assert_eq!(time(text), Some(want), "{text}");
        }
        assert_eq!(time_at(r#"{"m":{"at":1700000000}}"#, "m.at"), Some(want));
        for (json, path) in [("{", "a"), ("{}", "a"), (r#"{"a":"soon"}"#, "a"), (r#"{"a":0}"#, "a")] {
            assert_eq!(time_at(json, path), None, "{json}");
        }
    }
}
