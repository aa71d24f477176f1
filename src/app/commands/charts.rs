//! Values over time.

use crate::app::command::Command;
use crate::app::layers::{ChartView, RANGES};
use crate::app::msg::Effect;
use crate::app::{App, Layer};

const G: &str = "Charts";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "chart.open",
        doc: "draw the values of this over time",
        short: "history",
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
    match app.item_at_hand() {
        Some(item) if !app.charts(item).is_empty() => Ok(()),
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

fn open(app: &mut App) -> Vec<Effect> {
    if let Some(item) = app.item_at_hand().cloned() {
        let first = app
            .charts(&item)
            .first()
            .and_then(|c| c.points.first().map(|(at, _)| *at));
        let seconds = first.map_or(0, |at| app.now.duration_since(at).as_secs());
        app.layers.push(Layer::Chart(ChartView::new(item, seconds)));
    }
    Vec::new()
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    let Some(Layer::Chart(view)) = app.layers.last() else {
        return Vec::new();
    };
    let n = app.charts(&view.of).len().max(1) as isize;
    if let Some(Layer::Chart(view)) = app.layers.last_mut() {
        view.at = (view.at as isize + by).rem_euclid(n) as usize;
    }
    Vec::new()
}

fn range(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Chart(view)) = app.layers.last_mut() {
        view.range = view.range.saturating_add_signed(by).min(RANGES.len() - 1);
    }
    Vec::new()
}
