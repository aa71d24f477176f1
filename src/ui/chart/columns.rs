//! Points as columns: as many as there is room for, each the highest (or the lowest) of its time; what is not known
//! stays blank.

use jiff::Timestamp;

/// What is known for longer than this many of the usual steps is a gap.
const GAP: i64 = 4;

/// How far a value reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It was read now and then: to the next, unless that is much further than usual.
    Usual,
    /// It was measured each so many seconds: what lies further apart was not measured.
    Step(i64),
    /// It was watched: it stands until the next, and until now.
    Stands,
}

/// The part of the time that is drawn, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: i64,
    pub seconds: i64,
}

impl Span {
    /// The column in which a moment lies, of `width`.
    pub fn column(self, at: i64, width: usize) -> usize {
        (at - self.from).max(0) as usize * width / self.seconds.max(1) as usize
    }
}

/// The usual step is the middle one.
fn usual(points: &[(Timestamp, f64)]) -> i64 {
    let mut steps: Vec<i64> = points
        .windows(2)
        .filter_map(|w| match w {
            [(a, _), (b, _)] => Some(b.as_second() - a.as_second()),
            _ => None,
        })
        .collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(60).max(1)
}

/// One value a column: of its time the one that `keep` keeps of two. `None`: nothing is known of it.
pub fn columns(
    points: &[(Timestamp, f64)],
    span: Span,
    reach: Reach,
    width: usize,
    keep: fn(f64, f64) -> f64,
) -> Vec<Option<f64>> {
    let mut out: Vec<Option<f64>> = vec![None; width];
    let most = match reach {
        Reach::Usual => usual(points) * GAP,
        Reach::Step(step) => step + step / 2,
        Reach::Stands => i64::MAX,
    };
    let end = span.from + span.seconds;
    // Between two readings the value is what it was, unless they lie far apart.
    let fill = |out: &mut Vec<Option<f64>>, then: i64, until: i64, was: f64| {
        let first = if then < span.from {
            0
        } else {
            span.column(then, width) + 1
        };
        let last = span.column(until, width).min(width);
        for slot in out.iter_mut().take(last).skip(first) {
            slot.get_or_insert(was);
        }
    };
    let mut before: Option<(i64, f64)> = None;
    for (at, value) in points {
        let at = at.as_second();
        if at >= span.from {
            if let Some((then, was)) = before.filter(|(then, was)| at.saturating_sub(*then) <= most && was.is_finite())
            {
                fill(&mut out, then, at, was);
            }
            // What was measured this very moment belongs to the last column.
            let column = span.column(at.min(end - 1), width);
            if let Some(slot) = out.get_mut(column).filter(|_| at <= end && value.is_finite()) {
                *slot = Some(slot.map_or(*value, |v| keep(v, *value)));
            }
        }
        before = Some((at, *value));
    }
    // The last one holds until the next is due.
    let due = match reach {
        Reach::Usual => None,
        Reach::Step(step) => before.map(|(then, _)| (then + step).min(end)),
        Reach::Stands => Some(end),
    };
    if let (Some((then, was)), Some(due)) = (before.filter(|(_, was)| was.is_finite()), due) {
        fill(&mut out, then, due, was);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        from: 1_000_000,
        seconds: 900,
    };

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + s).unwrap()
    }

    #[test]
    fn a_gap_stays_a_gap_and_a_spike_is_not_averaged_away() {
        // Every 10 s for 5 min, nothing for 5 min, again for 5 min.
        let mut points: Vec<(Timestamp, f64)> = (0..30).map(|i| (at(i * 10), 1.0)).collect();
        points.extend((60..90).map(|i| (at(i * 10), if i == 70 { 9.0 } else { 2.0 })));
        for reach in [Reach::Usual, Reach::Step(10)] {
            let all = columns(&points, SPAN, reach, 90, f64::max);
            assert!(all[..30].iter().all(|v| *v == Some(1.0)), "{all:?}");
            assert!(all[31..60].iter().all(Option::is_none), "{all:?}");
            assert_eq!(all[70], Some(9.0));
            let coarse = columns(&points, SPAN, reach, 9, f64::max);
            assert_eq!(coarse[7], Some(9.0), "{coarse:?}");
            assert_eq!(coarse[4], None, "{coarse:?}");
        }
        // Between two readings of a slow source the value stands.
        let slow: Vec<(Timestamp, f64)> = (0..15).map(|i| (at(i * 60), i as f64)).collect();
        assert!(
            columns(&slow, SPAN, Reach::Usual, 90, f64::max)[..80]
                .iter()
                .all(Option::is_some)
        );
    }

    #[test]
    fn one_missing_point_of_a_measured_value_is_a_gap() {
        let points: Vec<(Timestamp, f64)> = (0..60).filter(|i| *i != 30).map(|i| (at(i * 15), 5.0)).collect();
        let all = columns(&points, SPAN, Reach::Step(15), 60, f64::max);
        let gaps: Vec<usize> = (0..60).filter(|i| all[*i].is_none()).collect();
        assert_eq!(gaps, [30]);
    }

    #[test]
    fn what_is_watched_stands_until_it_changes_or_nobody_watches() {
        let points = [(at(-500), 2.0), (at(300), 1.0), (at(600), f64::NAN), (at(750), 2.0)];
        let all = columns(&points, SPAN, Reach::Stands, 90, f64::max);
        assert!(all[..30].iter().all(|v| *v == Some(2.0)), "{all:?}");
        assert!(all[31..60].iter().all(|v| *v == Some(1.0)), "{all:?}");
        assert!(all[61..75].iter().all(Option::is_none), "{all:?}");
        assert!(all[75..].iter().all(|v| *v == Some(2.0)), "{all:?}");
    }
}
