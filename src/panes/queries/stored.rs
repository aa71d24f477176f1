//! The tables of what is stored: tables that want a vacuum, indexes that cost more than they give.

use super::super::item::{self, count};
use super::super::{Column, Width};
use super::views::{bad, begin, many, servers, with_source};
use crate::app::{App, Health, ItemRef, Row};
use crate::model::postgres::TableStat;
use crate::text;
use crate::theme::Role;

pub fn table_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("name", "TABLE", Width::Fill(16), 0),
            Column::new("dead", "DEAD", Width::Fixed(11), 0).right(),
            Column::new("ratio", "× ITS LIMIT", Width::Fixed(11), 0).right(),
            Column::new("live", "LIVE", Width::Fixed(12), 4).right(),
            Column::new("size", "SIZE", Width::Fixed(8), 2).right(),
            Column::new("vacuumed", "VACUUMED", Width::Fixed(8), 1).right(),
            Column::new("analyzed", "ANALYZED", Width::Fixed(8), 3).right(),
            Column::new("frozen", "FROZEN AGE", Width::Fixed(13), 5).right(),
        ],
    )
}

pub fn tables(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        out.extend(item::trouble(source, "tables", &pg.tables, 8, usize::from(many(app))));
        for w in pg.work.last().map(Vec::as_slice).unwrap_or_default() {
            let what = format!("{} {}: {}", w.what, w.table.as_deref().unwrap_or(""), w.phase);
            let percent = w.percent.map_or_else(|| "?".to_owned(), |p| format!("{p:.0} %"));
            out.push(
                begin(
                    app,
                    source,
                    &format!("work/{source}/{}", w.pid),
                    &w.pid.to_string(),
                    Health::Moving,
                )
                .rank(1e12)
                .cell(text::clean(&what), Role::Info)
                .muted("")
                .cell(percent, Role::Info)
                .row(),
            );
        }
        for t in pg.tables.last().map(Vec::as_slice).unwrap_or_default() {
            let ratio = t.ratio();
            let health = match ratio {
                r if r > 10.0 => Health::Critical,
                r if r > 2.0 => Health::Warning,
                _ => Health::Good,
            };
            let when = |t: Option<jiff::Timestamp>| t.map_or_else(|| "never".to_owned(), |t| item::ago(app, t));
            let number = |n: i64| count(u64::try_from(n).unwrap_or(0));
            out.push(
                begin(
                    app,
                    source,
                    &format!("table/{source}/{}", t.oid),
                    &t.full_name(),
                    health,
                )
                .rank(ratio)
                .what(ItemRef::Table {
                    source: source.clone(),
                    schema: t.schema.clone(),
                    name: t.name.clone(),
                })
                .text(table_name(t))
                .number(Some(t.dead as f64), number(t.dead), bad(health))
                .number(Some(ratio), format!("{ratio:.1}"), bad(health))
                .number(Some(t.live as f64), number(t.live), Role::Text)
                .number(
                    Some(t.bytes as f64),
                    text::bytes(u64::try_from(t.bytes).unwrap_or(0)),
                    Role::Text,
                )
                .number(
                    t.vacuumed.map(|t| t.as_second() as f64),
                    when(t.vacuumed),
                    Role::TextMuted,
                )
                .number(
                    t.analyzed.map(|t| t.as_second() as f64),
                    when(t.analyzed),
                    Role::TextMuted,
                )
                .number(
                    t.frozen_age.map(|a| a as f64),
                    t.frozen_age.map_or_else(|| "–".to_owned(), number),
                    Role::TextMuted,
                )
                .row(),
            );
        }
    }
    out
}

/// `public.readings (412 chunks)`
fn table_name(t: &TableStat) -> String {
    let name = text::clean(&t.full_name()).into_owned();
    match &t.chunks {
        Some(c) => format!("{name} ({} chunks)", count(u64::try_from(c.count).unwrap_or(0))),
        None => name,
    }
}

pub fn index_columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("name", "INDEX", Width::Fill(18), 0),
            Column::new("finding", "FINDING", Width::Grow(24, 44), 0),
            Column::new("size", "SIZE", Width::Fixed(8), 1).right(),
            Column::new("scans", "SCANS", Width::Fixed(10), 3).right(),
            Column::new("table", "TABLE", Width::Fixed(20), 2),
        ],
    )
}

pub fn indexes(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, pg) in servers(app) {
        out.extend(item::trouble(source, "indexes", &pg.indexes, 5, usize::from(many(app))));
        for i in pg.indexes.last().map(Vec::as_slice).unwrap_or_default() {
            let (health, finding) = match (i.invalid, &i.duplicate_of, i.unused) {
                (true, ..) => (Health::Warning, "invalid: rebuild it".to_owned()),
                (_, Some(of), _) => (Health::Good, format!("double of {of}")),
                (_, _, true) => (Health::Good, "never used here".to_owned()),
                _ => (Health::Good, String::new()),
            };
            out.push(
                begin(app, source, &format!("index/{source}/{}", i.oid), &i.name, health)
                    .rank(i.bytes as f64)
                    .what(ItemRef::Index {
                        source: source.clone(),
                        schema: i.schema.clone(),
                        name: i.name.clone(),
                    })
                    .text(text::clean(&format!("{}.{}", i.schema, i.name)))
                    .cell(text::clean(&finding), bad(health))
                    .number(
                        Some(i.bytes as f64),
                        text::bytes(u64::try_from(i.bytes).unwrap_or(0)),
                        Role::Text,
                    )
                    .number(
                        Some(i.scans as f64),
                        count(u64::try_from(i.scans).unwrap_or(0)),
                        Role::TextMuted,
                    )
                    .muted(text::clean(&i.table))
                    .row(),
            );
        }
        for t in pg.scanned.last().map(Vec::as_slice).unwrap_or_default() {
            let name = format!("{}.{}", t.schema, t.name);
            let finding = format!("read whole {} times", count(u64::try_from(t.scans).unwrap_or(0)));
            out.push(
                begin(app, source, &format!("scanned/{source}/{name}"), &name, Health::Quiet)
                    .rank(t.rows_read as f64)
                    .text(text::clean(&name))
                    .muted(finding)
                    .number(
                        Some(t.bytes as f64),
                        text::bytes(u64::try_from(t.bytes).unwrap_or(0)),
                        Role::TextMuted,
                    )
                    .number(
                        Some(t.index_scans as f64),
                        count(u64::try_from(t.index_scans).unwrap_or(0)),
                        Role::TextMuted,
                    )
                    .muted("(no index fits)")
                    .row(),
            );
        }
    }
    out
}
