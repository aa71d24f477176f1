//! Cron expressions of five fields, in UTC: `*`, numbers, lists, ranges and steps.

use super::json::secs;
use jiff::{Timestamp, tz::TimeZone};

#[derive(Debug)]
pub(super) struct Schedule([Vec<i64>; 5]);

const RANGES: [(i64, i64); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];

impl Schedule {
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields: [Vec<i64>; 5] = Default::default();
        let mut words = text.split_whitespace();
        for (field, (low, high)) in fields.iter_mut().zip(RANGES) {
            for part in words.next()?.split(',') {
                let (range, step) = part.split_once('/').map_or((part, Some(1)), |(r, s)| (r, s.parse().ok()));
                let step: i64 = step.filter(|s| *s > 0)?;
                let (from, to) = match (range, range.split_once('-')) {
                    ("*", _) => (low, high),
                    (_, Some((a, b))) => (a.parse().ok()?, b.parse().ok()?),
                    (n, None) => (n.parse().ok()?, n.parse().ok()?),
                };
                if from < low || to > high {
                    return None;
                }
                let mut n = from;
                while n <= to {
                    field.push(n);
                    n += step;
                }
            }
        }
        words.next().is_none().then_some(Self(fields))
    }

    fn fits(&self, at: Timestamp) -> bool {
        let t = at.to_zoned(TimeZone::UTC);
        let now = [
            i64::from(t.minute()),
            i64::from(t.hour()),
            i64::from(t.day()),
            i64::from(t.month()),
            i64::from(t.weekday().to_sunday_zero_offset()),
        ];
        self.0.iter().zip(now).all(|(allowed, n)| allowed.contains(&n))
    }

    /// The first time after `after`, within a year.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut at = Timestamp::from_second((after.as_second().div_euclid(60) + 1) * 60).ok()?;
        for _ in 0..366 * 24 * 60 {
            if self.fits(at) {
                return Some(at);
            }
            at += secs(60);
        }
        None
    }

    /// The latest time after `after` that is not in the future.
    pub fn latest(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut found = None;
        let mut from = after;
        while let Some(next) = self.next(from).filter(|n| *n <= now) {
            found = Some(next);
            from = next;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_is_the_next_minute_that_fits_every_field() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let next = |cron: &str, from: &str| Schedule::parse(cron).unwrap().next(at(from)).unwrap();
        assert_eq!(next("0 2 * * *", "2026-11-21T11:20:07Z"), at("2026-11-22T02:00:00Z"));
        assert_eq!(next("*/15 * * * *", "2026-11-21T11:20:07Z"), at("2026-11-21T11:30:00Z"));
        assert_eq!(next("30 4 * * 1-5", "2026-11-21T11:20:07Z"), at("2026-11-23T04:30:00Z"));
        assert!(Schedule::parse("61 * * * *").is_none() && Schedule::parse("* *").is_none());
    }
}
