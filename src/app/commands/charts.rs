//! Values over time.

use crate::app::command::Command;
use crate::app::layers::{ChartView, RANGES};
use crate::app::msg::Effect;
use crate::app::{App, ItemRef, Layer};

const G: &str = "Charts";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "chart.open",
        doc: "draw the values of this over time",
        short: "chart",
        group: G,
        when: has_values,
        run: open,
    },
    Command {
        id: "chart.next",
        doc: "draw the next value",
        short: "next value",
        group: G,
        when: in_chart,
        run: |app| step(app, 1),
    },
    Command {
        id: "chart.previous",
        doc: "draw the value before this one",
        short: "previous value",
        group: G,
        when: in_chart,
        run: |app| step(app, -1),
    },
    Command {
        id: "chart.longer",
        doc: "look further back",
        short: "longer",
        group: G,
        when: in_chart,
        run: |app| range(app, 1),
    },
    Command {
        id: "chart.shorter",
        doc: "look less far back",
        short: "shorter",
        group: G,
        when: in_chart,
        run: |app| range(app, -1),
    },
];

fn has_values(app: &App) -> Result<(), String> {
    match app.chart_subject() {
        Some(item) if !app.charts(&item).is_empty() => Ok(()),
        Some(_) => Err("nothing of this is kept over time".to_owned()),
        None => Err("nothing is selected".to_owned()),
    }
}

fn in_chart(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Chart(_)) => Ok(()),
        _ => Err("only in a chart".to_owned()),
    }
}

pub(super) fn open(app: &mut App) -> Vec<Effect> {
    let Some(item) = app.chart_subject() else {
        return Vec::new();
    };
    let charts = app.charts(&item);
    let Some(first) = charts.first() else {
        return app.say("nothing of this is kept over time");
    };
    let seen = first
        .points
        .first()
        .map(|(at, _)| app.now.duration_since(*at).as_secs());
    // Queues, Redis and the like are asked of a Prometheus only where the configuration has a query for it.
    let measured = first.asking.is_some() && seen.is_none();
    let seconds = if measured || matches!(item, ItemRef::Object(_)) && first.asking.is_some() {
        None
    } else {
        Some(seen.unwrap_or(0))
    };
    app.layers.push(Layer::Chart(ChartView::new(item, seconds)));
    app.ask_for_chart().into_iter().collect()
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    let Some(Layer::Chart(view)) = app.layers.last() else {
        return Vec::new();
    };
    let n = app.charts(&view.of).len().max(1) as isize;
    if let Some(Layer::Chart(view)) = app.layers.last_mut() {
        view.at = (view.at as isize + by).rem_euclid(n) as usize;
    }
    app.ask_for_chart().into_iter().collect()
}

fn range(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Chart(view)) = app.layers.last_mut() {
        view.range = view.range.saturating_add_signed(by).min(RANGES.len() - 1);
    }
    app.ask_for_chart().into_iter().collect()
}
