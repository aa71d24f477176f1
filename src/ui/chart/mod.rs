//! A value over time: bars on a time axis in UTC, what it is held against, and what was done meanwhile.

mod axes;
mod columns;
mod scale;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use self::columns::{Reach, Span, columns};
use self::scale::{Scale, roof, written};
use super::{Look, frame, put};
use crate::app::charts::{Bad, Chart, KeptBy, Shown, Unit};
use crate::app::doc::Line;
use crate::app::layers::{ChartView, RANGES};
use crate::app::{App, ItemRef};
use crate::text;
use crate::theme::Role;

/// Columns for the labels of the values.
const LABELS: u16 = 10;

/// What the chart is about.
fn name(of: &ItemRef) -> String {
    match of {
        ItemRef::Queue { source, queue } => format!("queue {queue} ({source})"),
        ItemRef::Redis { source, node } => format!("redis {source} {node}"),
        ItemRef::HttpCheck { name } => format!("http {name}"),
        ItemRef::Session { source, .. }
        | ItemRef::Statement { source, .. }
        | ItemRef::Table { source, .. }
        | ItemRef::Index { source, .. } => format!("postgres {source}"),
        ItemRef::Object(object) => object.to_string(),
        ItemRef::Slo { name, .. } => format!("objective {name}"),
        ItemRef::Service { source, name } if name.is_empty() => format!("all services ({source})"),
        ItemRef::Service { name, .. } => format!("service {name}"),
        ItemRef::Host { name, .. } => format!("machine {name}"),
        _ => String::new(),
    }
}

/// Who says so, and since when.
fn source(app: &App, shown: &Shown) -> String {
    let chart = &shown.chart;
    if shown.asking && chart.points.is_empty() {
        return "asking Prometheus".to_owned();
    }
    let Some((first, _)) = chart.points.first() else {
        return "nothing seen yet".to_owned();
    };
    let ago = text::age(app.now.duration_since(*first));
    match &chart.kept_by {
        _ if shown.asking => format!("observed for {ago}, asking Prometheus"),
        KeptBy::Observed => format!("observed for {ago}"),
        KeptBy::Feed => format!("kept once a minute by the console, for {ago}"),
        KeptBy::Prometheus(source) => {
            let step = match chart.step.unwrap_or(60) {
                s if s < 60 => format!("{s}s"),
                s => text::age(jiff::SignedDuration::from_secs(s)),
            };
            format!("Prometheus {source}, a point every {step}")
        }
    }
}

/// What of a value lies within the span, with what stood when it began.
fn known(chart: &Chart, span: Span) -> Vec<(Timestamp, f64)> {
    let inside = |t: &Timestamp| t.as_second() >= span.from;
    let mut all: Vec<(Timestamp, f64)> = chart
        .points
        .iter()
        .copied()
        .filter(|(t, v)| inside(t) && v.is_finite())
        .collect();
    let stood = chart.points.iter().rev().find(|(t, _)| !inside(t));
    if let Some((at, v)) = stood.filter(|(_, v)| chart.stands && v.is_finite()) {
        all.insert(0, (*at, *v));
    }
    all
}

fn reach(chart: &Chart) -> Reach {
    match chart.step {
        _ if chart.stands => Reach::Stands,
        Some(step) => Reach::Step(step),
        None => Reach::Usual,
    }
}

/// The chart. Returns where the hardware cursor belongs.
pub fn draw(app: &App, look: Look<'_>, view: &ChartView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let charts = app.charts(&view.of);
    let at = view.at.min(charts.len().saturating_sub(1));
    let title = vec![
        (text::clean(&name(&view.of)).into_owned(), look.style(Role::TitleFocus)),
        (format!(" {} over time", look.symbols.dot), look.style(Role::Title)),
    ];
    let inner = frame(buf, body, look.style(Role::BorderFocus), &title);
    let Some(shown) = app.chart_shown(view) else {
        put(buf, inner, 1, 0, "it is no longer there", look.style(Role::TextMuted));
        return None;
    };
    let chart = &shown.chart;
    let names: Vec<&str> = charts.iter().map(|other| other.name).collect();
    let here = values(look, &names, at, inner, buf);
    let (_, seconds) = view.range();
    let span = Span {
        from: app.now.as_second() - seconds,
        seconds,
    };
    let known = known(chart, span);
    let rows = inner.height.saturating_sub(6);
    let width = inner.width.saturating_sub(LABELS + 2);
    foot(app, look, view, &shown, inner, buf);
    if rows < 2 || width < 10 {
        return Some(here);
    }
    numbers(app, look, chart, &known, inner, buf);
    let plot = Rect::new(inner.x + LABELS, inner.y + 3, width, rows);
    if known.is_empty() {
        blank(look, &shown, plot, buf);
    }
    let scale = scale_of(chart, &known, span, rows);
    bars(look, chart, &scale, plot, span, buf);
    axes::draw(look, plot, span, buf);
    if !known.is_empty() {
        axes::values(look, chart.unit, &scale, plot, buf);
    }
    let marks = Timestamp::from_second(span.from).map_or_else(|_| Vec::new(), |from| app.chart_marks(&view.of, from));
    axes::marks(look, &marks, plot, span, buf);
    let line = Rect::new(inner.x, inner.y + 2, inner.width, 1);
    match shown.note.as_ref().filter(|_| !known.is_empty()) {
        Some(note) => {
            let note = text::truncate_end(note, usize::from(line.width.saturating_sub(2)));
            put(buf, line, 1, 0, &note, look.style(Role::TextMuted));
        }
        None => axes::told(app, look, &marks, line, buf),
    }
    Some(here)
}

/// Which value, and which others there are; of many, so many that this one is among them. Returns where it stands.
fn values(look: Look<'_>, names: &[&str], at: usize, inner: Rect, buf: &mut Buffer) -> Position {
    let written = |(i, name): (usize, &&str)| {
        if i == at {
            format!("[{name}]")
        } else {
            format!(" {name} ")
        }
    };
    let texts: Vec<String> = names.iter().enumerate().map(written).collect();
    let until = |first: usize| -> usize {
        let of = texts.iter().skip(first).take(at + 1 - first);
        of.map(|t| text::width(t) + 1).sum::<usize>() + if first == 0 { 1 } else { 3 }
    };
    let first = (0..at)
        .find(|first| until(*first) <= usize::from(inner.width))
        .unwrap_or(at);
    let mut x = 1;
    if first > 0 {
        x += put(buf, inner, x, 0, "…", look.style(Role::TextMuted)) + 1;
    }
    let mut here = Position::new(inner.x, inner.y);
    for (i, text) in texts.iter().enumerate().skip(first) {
        let role = if i == at {
            here.x = inner.x + x;
            Role::Accent
        } else {
            Role::TextMuted
        };
        let room = usize::from(inner.width.saturating_sub(x + 1));
        x += put(buf, inner, x, 0, &text::truncate_end(text, room), look.style(role)) + 1;
    }
    here
}

/// As high as what is shown, and as what it is held against where that is near.
fn scale_of(chart: &Chart, known: &[(Timestamp, f64)], span: Span, rows: u16) -> Scale {
    let most = known.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let mut top = most;
    if let Some((t, _)) = chart.threshold.filter(|(t, _)| *t <= most.max(1e-9) * 2.0) {
        top = top.max(t);
    }
    if let Some(bound) = &chart.bound {
        let values = bound
            .points
            .iter()
            .filter(|(t, v)| t.as_second() >= span.from && v.is_finite());
        let stands = bound.points.last().filter(|(_, v)| chart.stands && v.is_finite());
        let high = values.chain(stands).map(|(_, v)| *v).fold(0.0, f64::max);
        if bound.bad == Bad::Below || high <= most.max(1e-9) * 2.0 {
            top = top.max(high);
        }
    }
    Scale {
        top: roof(chart.unit, top),
        rows,
    }
}

/// The bars, over the line of what they are held against.
fn bars(look: Look<'_>, chart: &Chart, scale: &Scale, plot: Rect, span: Span, buf: &mut Buffer) {
    let width = usize::from(plot.width);
    // Of what must not fall below something, the dips count.
    let keep = match &chart.bound {
        Some(bound) if bound.bad == Bad::Below => f64::min,
        _ => f64::max,
    };
    let values = columns(&chart.points, span, reach(chart), width, keep);
    let line = |buf: &mut Buffer, x: u16, value: f64| {
        if value <= scale.top {
            put(buf, plot, x, scale.row(value), "╌", look.style(Role::Warn));
        }
    };
    let bounds = match &chart.bound {
        Some(bound) => columns(&bound.points, span, reach(chart), width, keep),
        None => Vec::new(),
    };
    for (x, value) in values.into_iter().enumerate() {
        let bound = bounds.get(x).copied().flatten();
        let x = x as u16;
        if let Some((threshold, _)) = chart.threshold {
            line(buf, x, threshold);
        }
        if let Some(bound) = bound {
            line(buf, x, bound);
        }
        let Some(value) = value else { continue };
        let over = chart.threshold.is_some_and(|(t, _)| value >= t);
        let bad = over || matches!((&chart.bound, bound), (Some(b), Some(is)) if b.is_bad(value, is));
        let role = if bad { Role::Error } else { Role::Accent };
        bar(look, plot, x, scale.eighths(value), look.style(role), buf);
    }
}

/// What is said where nothing is known, with what was asked.
fn blank(look: Look<'_>, shown: &Shown, plot: Rect, buf: &mut Buffer) {
    let width = usize::from(plot.width.saturating_sub(2));
    let words = match (&shown.note, shown.asking) {
        (Some(note), _) => note.clone(),
        (None, true) => "asking Prometheus".to_owned(),
        (None, false) => "nothing is known of this time: the console keeps what it sees while it is open".to_owned(),
    };
    let mut lines = vec![Line::plain(text::clean(&words))];
    if let Some(query) = &shown.query {
        lines.push(Line::default());
        lines.push(Line::new(text::clean(&query.replace('\n', " ")), Role::TextMuted));
    }
    let inside = Rect::new(plot.x + 1, plot.y, plot.width.saturating_sub(2), plot.height);
    let top = plot.height.saturating_sub(1) / 4;
    for (line, y) in super::text::wrapped(&lines, width, true).iter().zip(top..plot.height) {
        super::text::line(look, buf, inside, y, line, 0);
    }
}

/// The ranges, and who says so.
fn foot(app: &App, look: Look<'_>, view: &ChartView, shown: &Shown, inner: Rect, buf: &mut Buffer) {
    let foot = inner.height.saturating_sub(1);
    let mut x = 1;
    for (i, (name, _)) in RANGES.iter().enumerate() {
        let here = i == view.range;
        let text = if here { format!("[{name}]") } else { format!(" {name} ") };
        let role = if here { Role::Accent } else { Role::TextMuted };
        x += put(buf, inner, x, foot, &text, look.style(role));
    }
    let said = source(app, shown);
    let room = usize::from(inner.width.saturating_sub(x + 3));
    let said = text::truncate_end(&said, room);
    let left = inner.width.saturating_sub(text::width(&said) as u16 + 1);
    put(buf, inner, left.max(x + 2), foot, &said, look.style(Role::TextMuted));
}

/// Now, least and most of what is shown, and where it would call for attention.
fn numbers(app: &App, look: Look<'_>, chart: &Chart, known: &[(Timestamp, f64)], inner: Rect, buf: &mut Buffer) {
    let Some((at, last)) = known.last() else { return };
    let least = known.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
    let most = known.iter().map(|(_, v)| *v).fold(f64::NEG_INFINITY, f64::max);
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut pair = |label: &str, value: &str| pairs.push((format!("{label} "), value.to_owned()));
    // What ended a while ago is not how it is now.
    let ago = app.now.duration_since(*at);
    let lost = chart.stands && chart.points.last().is_some_and(|(_, v)| v.is_nan());
    let late = !chart.stands && ago.as_secs() > 3 * chart.step.unwrap_or(60).max(60);
    let now = written(chart.unit, *last);
    if lost || late {
        pair("last", &format!("{now}, {} ago", text::age(ago)));
    } else {
        pair("now", &now);
    }
    pair("min", &written(chart.unit, least));
    pair("max", &written(chart.unit, most));
    if let Some(bound) = &chart.bound
        && let Some((_, value)) = bound.points.iter().rev().find(|(_, v)| v.is_finite())
    {
        pair(bound.words, &written(chart.unit, *value));
    }
    let held = chart
        .threshold
        .map(|(value, words)| format!("{words} at {}", written(chart.unit, value)));
    // A number is never cut: the least goes first, then the most.
    let room = usize::from(inner.width.saturating_sub(2));
    let of_held = held.as_ref().map_or(0, |words| text::width(words));
    while pairs.len() > 1 {
        let taken: usize = pairs.iter().map(|(a, b)| text::width(a) + text::width(b) + 3).sum();
        if taken + of_held <= room + if held.is_some() { 0 } else { 3 } {
            break;
        }
        pairs.remove(1);
    }
    let mut x = 1;
    for (label, value) in &pairs {
        x += put(buf, inner, x, 1, label, look.style(Role::TextMuted));
        x += put(buf, inner, x, 1, value, look.style(Role::TextStrong)) + 3;
    }
    if let Some(words) = held {
        let room = usize::from(inner.width.saturating_sub(x + 1));
        put(
            buf,
            inner,
            x,
            1,
            &text::truncate_end(&words, room),
            look.style(Role::Warn),
        );
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

/// Whether half of the scale can be written as truly as the whole.
fn has_half(unit: Unit, top: f64) -> bool {
    let half = top / 2.0;
    match unit {
        Unit::Count => top >= 20.0 || half.fract() == 0.0,
        Unit::Milliseconds => half.fract() == 0.0,
        // Below one percent it is written with two places.
        Unit::Share => half >= 0.1 || (half * 10_000.0 - (half * 10_000.0).round()).abs() < 1e-6,
        _ => true,
    }
}
