//! Cron expressions of five fields, in UTC: `*`, numbers, lists, ranges and steps.

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
                let (range, step) = part
                    .split_once('/')
                    .map_or((part, Some(1)), |(r, s)| (r, s.parse().ok()));
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

    /// The first time after `after`, within a year.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let [minutes, hours, days, months, weekdays] = &self.0;
        let mut hour = after.as_second().div_euclid(3600) * 3600;
        for _ in 0..366 * 24 {
            let t = Timestamp::from_second(hour).ok()?.to_zoned(TimeZone::UTC);
            let today = days.contains(&i64::from(t.day()))
                && months.contains(&i64::from(t.month()))
                && weekdays.contains(&i64::from(t.weekday().to_sunday_zero_offset()));
            if today && hours.contains(&i64::from(t.hour())) {
                let found = minutes
                    .iter()
                    .map(|m| hour + m * 60)
                    .filter(|at| *at > after.as_second())
                    .min();
                if let Some(found) = found {
                    return Timestamp::from_second(found).ok();
                }
            }
            hour += 3600;
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
