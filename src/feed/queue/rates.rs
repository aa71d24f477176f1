//! From counts at several times: rates, the last ten minutes, and the depth of the last hour.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::inquiry::Reading;
use crate::model::{Queue, QueueCounts, QueueRates};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const TEN: SignedDuration = SignedDuration::from_mins(10);

/// What one queue showed before.
#[derive(Debug, Default)]
pub(super) struct Memory {
    samples: VecDeque<Sample>,
    history: VecDeque<(Timestamp, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    ready: u64,
    /// Everything that is not finished.
    pending: u64,
    added: Option<u64>,
    finished: Option<u64>,
}

impl Memory {
    pub fn history(&self) -> Arc<[(Timestamp, u64)]> {
        self.history.iter().copied().collect()
    }

    /// Takes a reading in, and gives the rates with it.
    pub fn rates(&mut self, reading: &Reading, counts: &QueueCounts, now: Timestamp) -> Option<QueueRates> {
        let parts = [counts.active, counts.delayed, counts.waiting_children];
        let sample = Sample {
            at: now,
            ready: counts.ready,
            pending: counts.ready + parts.into_iter().flatten().sum::<u64>(),
            added: reading.added,
            finished: reading.finished,
        };
        // Counters that went back: the queue was emptied, or is another one.
        if self.samples.back().is_some_and(|b| b.added > sample.added) {
            self.samples.clear();
        }
        self.samples.push_back(sample);
        while self.samples.get(1).is_some_and(|s| now.duration_since(s.at) >= TEN) {
            self.samples.pop_front();
        }
        if self
            .history
            .back()
            .is_none_or(|(at, _)| now.duration_since(*at) >= MINUTE)
        {
            self.history.push_back((now, counts.ready));
            while self.history.len() > Queue::HISTORY {
                self.history.pop_front();
            }
        }
        // The newest that is a minute old, or the oldest there is.
        let from = self
            .samples
            .iter()
            .rev()
            .find(|s| now.duration_since(s.at) >= MINUTE)
            .or(self.samples.front())?;
        let over = now.duration_since(from.at);
        let minutes = over.as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return None;
        }
        let finished = finished(from, &sample);
        let whole = self.samples.front()?;
        let seen_10m = (now.duration_since(whole.at) >= TEN - MINUTE).then(|| self.finished_since_first());
        Some(QueueRates {
            over,
            added: sample
                .added
                .zip(from.added)
                .map(|(b, a)| b.saturating_sub(a) as f64 / minutes),
            finished: finished.map(|n| n as f64 / minutes),
            growth: (sample.ready as f64 - from.ready as f64) / minutes,
            failed_10m: reading.failed_10m,
            finished_10m: match (reading.failed_10m, reading.completed_10m) {
                (Some(failed), Some(completed)) if reading.kept => Some(failed + completed),
                (Some(failed), _) => seen_10m.flatten().map(|n| n.max(failed)),
                _ => None,
            },
        })
    }

    fn finished_since_first(&self) -> Option<u64> {
        self.samples
            .iter()
            .zip(self.samples.iter().skip(1))
            .map(|(a, b)| finished(a, b))
            .sum()
    }
}

/// Jobs that left: added and no longer there, or more, if the counted ones say so. Jobs put back (a retry) hide as many.
fn finished(a: &Sample, b: &Sample) -> Option<u64> {
    let left = a
        .added
        .zip(b.added)
        .map(|(x, y)| (y.saturating_sub(x) + a.pending).saturating_sub(b.pending));
    let counted = a.finished.zip(b.finished).map(|(x, y)| y.saturating_sub(x));
    left.into_iter().chain(counted).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + s).unwrap()
    }

    fn reading(added: u64, kept: bool) -> Reading {
        Reading {
            added: Some(added),
            failed_10m: Some(5),
            completed_10m: Some(95),
            kept,
            ..Reading::default()
        }
    }

    fn counts(ready: u64) -> QueueCounts {
        QueueCounts {
            ready,
            active: Some(2),
            ..QueueCounts::default()
        }
    }

    #[test]
    fn rates_come_from_what_was_added_and_what_is_left() {
        let mut memory = Memory::default();
        assert_eq!(memory.rates(&reading(100, true), &counts(50), at(0)), None);
        let r = memory.rates(&reading(160, true), &counts(80), at(60)).unwrap();
        assert_eq!((r.added, r.finished, r.growth), (Some(60.0), Some(30.0), 30.0));
        assert_eq!((r.failed_10m, r.finished_10m), (Some(5), Some(100)));
        // Over the last minute, not over all that was seen.
        let r = memory.rates(&reading(160, true), &counts(20), at(120)).unwrap();
        assert_eq!((r.added, r.finished), (Some(0.0), Some(60.0)));
        assert_eq!(memory.history().len(), 3);
    }

    #[test]
    fn a_share_of_failures_is_not_told_from_what_was_thrown_away() {
        let mut memory = Memory::default();
        memory.rates(&reading(0, false), &counts(0), at(0));
        for minute in 1..=10 {
            let r = memory
                .rates(&reading(minute * 100, false), &counts(0), at(minute as i64 * 60))
                .unwrap();
            assert_eq!(r.finished_10m.is_some(), minute >= 9, "{minute}");
        }
        let r = memory.rates(&reading(1100, false), &counts(0), at(660)).unwrap();
        assert_eq!(r.finished_10m, Some(1000));
    }

    #[test]
    fn the_history_is_an_hour() {
        let mut memory = Memory::default();
        for s in 0..(2 * 3600 / 15) {
            memory.rates(&reading(0, true), &counts(1), at(s * 15));
        }
        assert_eq!(memory.history().len(), Queue::HISTORY);
        assert!(memory.samples.len() <= 42);
    }
}
