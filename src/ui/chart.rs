//! A value over time: as many columns as there is room for, each the highest of its time; what is not known stays blank.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put};
use crate::app::charts::{Chart, KeptBy, Unit};
use crate::app::layers::{ChartView, RANGES};
use crate::app::{App, ItemRef};
use crate::text;
use crate::theme::Role;

/// Columns for the labels of the values.
const LABELS: u16 = 10;

/// What is known for longer than this many of the usual steps is a gap.
const GAP: i64 = 4;

/// What the chart is about.
fn name(of: &ItemRef) -> String {
    match of {
        ItemRef::Queue { source, queue } => format!("queue {queue} ({source})"),
        ItemRef::Redis { source, node } => format!("redis {source} {node}"),
        ItemRef::HttpCheck { name } => format!("http {name}"),
        _ => String::new(),
    }
}

/// A value as it is written beside the chart.
fn written(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count => crate::panes::item::count(value.max(0.0).round() as u64),
        Unit::Bytes => text::bytes(value.max(0.0) as u64),
        Unit::PerSecond => format!("{}/s", crate::panes::item::rate(value)),
        Unit::PerMinute => format!("{}/min", crate::panes::item::rate(value)),
        Unit::Seconds => text::age(jiff::SignedDuration::from_secs(value as i64)),
        Unit::Milliseconds => format!("{value:.0} ms"),
    }
}

/// The next round number above, so that the labels can be read: 1, 2, 2.5, 5 times a power of ten; of bytes and of time
/// as it is.
fn roof(unit: Unit, most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    if matches!(unit, Unit::Bytes) {
        let step = 2_f64.powf((most.log2() - 2.0).floor());
        return (most / step).ceil() * step;
    }
    let power = 10_f64.powf(most.log10().floor());
    let found = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].map(|m| m * power);
    found.into_iter().find(|r| *r >= most).unwrap_or(most)
}

/// One value a column: the highest of its time. `None`: nothing is known of it.
fn columns(points: &[(Timestamp, f64)], from: i64, seconds: i64, width: usize) -> Vec<Option<f64>> {
    let mut out: Vec<Option<f64>> = vec![None; width];
    let column = |at: i64| -> Option<usize> {
        let at = (at - from).max(0) as u64 * width as u64 / seconds.max(1) as u64;
        Some(at as usize).filter(|c| *c < width)
    };
    // The usual step is the middle one: what is much further apart was not seen.
    let mut steps: Vec<i64> = points
        .windows(2)
        .filter_map(|w| match w {
            [(a, _), (b, _)] => Some(b.as_second() - a.as_second()),
            _ => None,
        })
        .collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(60).max(1);
    let mut before: Option<(i64, f64)> = None;
    for (at, value) in points {
        let at = at.as_second();
        if at >= from
            && let Some(c) = column(at)
        {
            if let Some(slot) = out.get_mut(c) {
                *slot = Some(slot.map_or(*value, |v| v.max(*value)));
            }
            // Between two readings the value is what it was, unless they lie far apart.
            if let Some((then, was)) = before.filter(|(then, _)| at - then <= usual * GAP) {
                let first = column(then.max(from)).map_or(0, |c| c + 1);
                for slot in out.iter_mut().take(c).skip(first) {
                    slot.get_or_insert(was);
                }
            }
        }
        before = Some((at, *value));
    }
    out
}

fn clock(second: i64) -> String {
    let s = second.rem_euclid(86_400);
    format!("{:02}:{:02}Z", s / 3600, s % 3600 / 60)
}

/// Who says so, and since when.
fn source(app: &App, chart: &Chart) -> String {
    let Some((first, _)) = chart.points.first() else {
        return "nothing seen yet".to_owned();
    };
    let ago = text::age(app.now.duration_since(*first));
    match chart.kept_by {
        KeptBy::Observed => format!("observed for {ago}"),
        KeptBy::Feed => format!("kept once a minute by the console, for {ago}"),
    }
}

struct Scale {
    top: f64,
    rows: u16,
}

impl Scale {
    /// Eighths of a row from the ground up.
    fn eighths(&self, value: f64) -> u32 {
        let whole = f64::from(self.rows) * 8.0;
        (value.max(0.0) / self.top * whole).round().min(whole) as u32
    }
}

/// The chart. Returns where the hardware cursor belongs.
pub fn draw(app: &App, look: Look<'_>, view: &ChartView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let charts = app.charts(&view.of);
    let at = view.at.min(charts.len().saturating_sub(1));
    let title = vec![
        (text::clean(&name(&view.of)).into_owned(), look.style(Role::TitleFocus)),
        (format!(" {} history ", look.symbols.dot), look.style(Role::Title)),
    ];
    let inner = frame(buf, body, look.style(Role::BorderFocus), &title);
    let Some(chart) = charts.get(at) else {
        put(buf, inner, 1, 0, "it is no longer there", look.style(Role::TextMuted));
        return None;
    };
    // Which value, and which others there are.
    let mut x = 1;
    for (i, other) in charts.iter().enumerate() {
        let role = if i == at { Role::Accent } else { Role::TextMuted };
        let text = if i == at {
            format!("[{}]", other.name)
        } else {
            format!(" {} ", other.name)
        };
        x += put(buf, inner, x, 0, &text, look.style(role)) + 1;
    }
    let (_, seconds) = view.range();
    let now = app.now.as_second();
    let from = now - seconds;
    let known: Vec<(Timestamp, f64)> = chart
        .points
        .iter()
        .copied()
        .filter(|(t, _)| t.as_second() >= from)
        .collect();
    numbers(look, chart, &known, inner, buf);
    let rows = inner.height.saturating_sub(6);
    let width = inner.width.saturating_sub(LABELS + 2);
    if rows < 2 || width < 10 {
        return None;
    }
    let plot = Rect::new(inner.x + LABELS, inner.y + 3, width, rows);
    if known.is_empty() {
        let words = "nothing is known of this time: the console keeps what it sees while it is open";
        put(buf, plot, 1, rows / 2, words, look.style(Role::TextMuted));
    }
    let most = known.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let threshold = chart.threshold.filter(|(t, _)| *t <= most.max(1e-9) * 2.0);
    let scale = Scale {
        top: roof(chart.unit, threshold.map_or(most, |(t, _)| most.max(t))),
        rows,
    };
    let line = threshold.map(|(t, _)| rows.saturating_sub(1 + (scale.eighths(t).saturating_sub(1) / 8) as u16));
    if let Some(y) = line.filter(|y| *y < rows) {
        for x in 0..width {
            put(buf, plot, x, y, "╌", look.style(Role::Warn));
        }
    }
    for (x, value) in columns(&chart.points, from, seconds, usize::from(width))
        .into_iter()
        .enumerate()
    {
        let Some(value) = value else { continue };
        let over = chart.threshold.is_some_and(|(t, _)| value >= t);
        let role = if over { Role::Error } else { Role::Accent };
        bar(look, plot, x as u16, scale.eighths(value), look.style(role), buf);
    }
    axes(look, chart, &scale, plot, (from, seconds), buf);
    let foot = inner.height.saturating_sub(1);
    let mut x = 1;
    for (i, (name, _)) in RANGES.iter().enumerate() {
        let here = i == view.range;
        let text = if here { format!("[{name}]") } else { format!(" {name} ") };
        let role = if here { Role::Accent } else { Role::TextMuted };
        x += put(buf, inner, x, foot, &text, look.style(role));
    }
    let said = source(app, chart);
    let left = inner.width.saturating_sub(text::width(&said) as u16 + 1);
    put(buf, inner, left.max(x + 2), foot, &said, look.style(Role::TextMuted));
    Some(Position::new(inner.x + 1, inner.y))
}

/// Now, least and most of what is shown, and where it would call for attention.
fn numbers(look: Look<'_>, chart: &Chart, known: &[(Timestamp, f64)], inner: Rect, buf: &mut Buffer) {
    let Some((_, now)) = known.last() else { return };
    let least = known.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
    let most = known.iter().map(|(_, v)| *v).fold(f64::NEG_INFINITY, f64::max);
    let mut x = 1;
    for (label, value) in [("now", *now), ("min", least), ("max", most)] {
        x += put(buf, inner, x, 1, &format!("{label} "), look.style(Role::TextMuted));
        x += put(
            buf,
            inner,
            x,
            1,
            &written(chart.unit, value),
            look.style(Role::TextStrong),
        ) + 3;
    }
    if let Some((value, words)) = chart.threshold {
        let text = format!("{words} at {}", written(chart.unit, value));
        put(buf, inner, x, 1, &text, look.style(Role::Warn));
    }
}

/// One column from the ground up.
fn bar(look: Look<'_>, plot: Rect, x: u16, eighths: u32, style: ratatui::style::Style, buf: &mut Buffer) {
    let levels = look.symbols.spark;
    for row in 0..plot.height {
        let below = u32::from(row) * 8;
        let part = eighths.saturating_sub(below).min(8);
        // What is there at all is seen: nothing is told from zero.
        let part = if row == 0 { part.max(1) } else { part };
        if part == 0 {
            break;
        }
        let glyph = levels.get(part as usize - 1).copied().unwrap_or(" ");
        put(buf, plot, x, plot.height - 1 - row, glyph, style);
    }
}

/// Labels of the values at the left, of the time beneath.
fn axes(look: Look<'_>, chart: &Chart, scale: &Scale, plot: Rect, (from, seconds): (i64, i64), buf: &mut Buffer) {
    let muted = look.style(Role::TextMuted);
    let labels = Rect::new(plot.x - LABELS, plot.y, LABELS, plot.height);
    let mut label = |y: u16, value: f64| {
        let text = text::pad_left(&written(chart.unit, value), usize::from(LABELS - 2));
        put(buf, labels, 0, y, &text, muted);
    };
    label(0, scale.top);
    if plot.height >= 8 {
        label(plot.height / 2, scale.top / 2.0);
    }
    label(plot.height - 1, 0.0);
    let ground = Rect::new(plot.x, plot.bottom(), plot.width, 2);
    for x in 0..plot.width {
        put(buf, ground, x, 0, "─", look.style(Role::Border));
    }
    // A label each fifteen columns or more, at round times.
    let most = i64::from(plot.width / 15).max(1);
    let steps = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
    let step = steps.into_iter().find(|s| seconds / s <= most).unwrap_or(86_400);
    let mut at = (from / step + 1) * step;
    while at < from + seconds {
        let x = ((at - from) * i64::from(plot.width) / seconds) as u16;
        put(buf, ground, x, 0, "┴", look.style(Role::Border));
        let text = clock(at);
        let left = x.saturating_sub(3);
        if left + text.len() as u16 <= plot.width {
            put(buf, ground, left, 1, &text, muted);
        }
        at += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + s).unwrap()
    }

    #[test]
    fn a_gap_stays_a_gap_and_a_spike_is_not_averaged_away() {
        // Every 10 s for 5 min, nothing for 5 min, again for 5 min.
        let mut points: Vec<(Timestamp, f64)> = (0..30).map(|i| (at(i * 10), 1.0)).collect();
        points.extend((60..90).map(|i| (at(i * 10), if i == 70 { 9.0 } else { 2.0 })));
        let all = columns(&points, 1_000_000, 900, 90);
        assert!(all[..30].iter().all(|v| *v == Some(1.0)), "{all:?}");
        assert!(all[31..60].iter().all(Option::is_none), "{all:?}");
        assert_eq!(all[70], Some(9.0));
        let coarse = columns(&points, 1_000_000, 900, 9);
        assert_eq!(coarse[7], Some(9.0), "{coarse:?}");
        assert_eq!(coarse[4], None, "{coarse:?}");
        // Between two readings of a slow source the value stands.
        let slow: Vec<(Timestamp, f64)> = (0..15).map(|i| (at(i * 60), i as f64)).collect();
        assert!(columns(&slow, 1_000_000, 900, 90)[..80].iter().all(Option::is_some));
    }

    #[test]
    fn the_roof_is_round_and_never_below_what_is_under_it() {
        for most in [0.3, 1.0, 7.0, 92.0, 4812.0, 10_000.0] {
            let roof = roof(Unit::Count, most);
            assert!(roof >= most && roof <= most * 1.7, "{most}: {roof}");
        }
        let three = 3.3 * 1024.0 * 1024.0 * 1024.0;
        assert!(roof(Unit::Bytes, three) >= three);
    }
}
