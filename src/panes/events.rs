//! Events of the namespaces, the newest first.

use std::cmp::Ordering;

use super::{Cell, Column, Pane, PaneId, Summary, Width};
use crate::app::{App, Health, Row};
use crate::model::Kind;
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Events,
    title: "Events",
    context: "events",
    main: false,
    kinds: &[Kind::Event],
    sources: &[],
    views: &[],
    detail: |_, _| None,
    wants: &[Kind::Event],
    metrics: false,
    columns,
    rows,
    health: |_, _| Health::Good,
    compare,
    cells,
    summary,
    empty: "no events in the last hour",
};

fn columns(app: &App) -> Vec<Column> {
    let mut columns = vec![Column::new("last", "LAST", Width::Fixed(5), 0).right()];
    if app.many_namespaces() {
        columns.push(Column::new("namespace", "NAMESPACE", Width::Fixed(14), 3));
    }
    columns.push(Column::new("reason", "REASON", Width::Grow(12, 18), 2));
    columns.push(Column::new("object", "OBJECT", Width::Grow(24, 30), 1));
    columns.push(Column::new("count", "COUNT", Width::Fixed(5), 4).right());
    columns.push(Column::new("message", "MESSAGE", Width::Fill(22), 0));
    columns
}

fn rows(app: &App) -> Vec<Row> {
    app.world.events.values().cloned().map(Row::Event).collect()
}

fn compare(_: &App, column: &str, a: &Row, b: &Row) -> Ordering {
    let (Row::Event(a), Row::Event(b)) = (a, b) else {
        return Ordering::Equal;
    };
    match column {
        "last" | "age" => b.last.cmp(&a.last),
        "reason" => a.reason.cmp(&b.reason),
        "object" => a.about_name.cmp(&b.about_name),
        "count" => b.count.cmp(&a.count),
        _ => Ordering::Equal,
    }
}

fn cells(app: &App, row: &Row, columns: &[Column]) -> Vec<Cell> {
    let Row::Event(e) = row else { return Vec::new() };
    let now = app.server_now();
    columns
        .iter()
        .map(|c| match c.id {
            "last" => Cell::muted(text::age(now.duration_since(e.last))),
            "namespace" => Cell::muted(&*e.meta.namespace),
            "reason" => Cell::new(&*e.reason, if e.warning { Role::Warn } else { Role::Text }),
            "object" => Cell::plain(format!("{}/{}", e.about_kind.to_lowercase(), e.about_name)),
            "count" => Cell::muted(e.count.to_string()),
            "message" => Cell::new(&*e.message, if e.warning { Role::Text } else { Role::TextMuted }),
            _ => Cell::muted(""),
        })
        .collect()
}

fn summary(app: &App) -> Summary {
    let total = app.world.events.len();
    let warnings = app.world.events.values().filter(|e| e.warning).count();
    Summary {
        count: if total == 0 { String::new() } else { total.to_string() },
        wrong: if warnings == 0 {
            Vec::new()
        } else {
            vec![(Health::Moving, format!("{warnings} warnings"))]
        },
    }
}
