//! What keeps dead rows alive, and how far each database is from the wraparound of its transaction numbers.

use super::super::item::{self, count, lasted};
use super::super::{Column, Width};
use super::views::{bad, begin, many, servers, with_source};
use crate::app::{App, Health, Row};
use crate::model::postgres::{DatabaseAge, Holder};
use crate::text;

pub fn columns(app: &App) -> Vec<Column> {
    with_source(
        app,
        vec![
            Column::new("what", "WHAT", Width::Fixed(12), 0),
            Column::new("name", "NAME", Width::Fill(16), 0),
            Column::new("age", "TRANSACTIONS", Width::Fixed(14), 0).right(),
            Column::new("limit", "OF LIMIT", Width::Fixed(8), 1).right(),
            Column::new("for", "FOR", Width::Fixed(7), 2).right(),
            Column::new("state", "STATE", Width::Grow(12, 44), 3),
        ],
    )
}

pub fn rows(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    let at = usize::from(many(app)) + 1;
    for (source, pg) in servers(app) {
        out.extend(item::trouble(source, "horizon", &pg.horizon, 6, at));
        out.extend(item::trouble(source, "databases", &pg.databases, 6, at));
        for h in pg.horizon.last().map(Vec::as_slice).unwrap_or_default() {
            let uid = format!("holder/{source}/{}/{}", h.kind, h.name);
            let health = held(h);
            out.push(
                begin(app, source, &uid, &h.name, health)
                    .rank(1e12 + h.age as f64)
                    .muted(text::clean(&h.kind))
                    .text(text::clean(&h.name))
                    .number(Some(h.age as f64), number(h.age), bad(health))
                    .muted("")
                    .number(h.since_s, h.since_s.map_or_else(|| "–".to_owned(), lasted), bad(health))
                    .muted(text::clean(&said(h)))
                    .row(),
            );
        }
        for d in pg.databases.last().map(Vec::as_slice).unwrap_or_default() {
            let (share, health) = used(d);
            out.push(
                begin(app, source, &format!("age/{source}/{}", d.name), &d.name, health)
                    .rank(share)
                    .muted("database")
                    .text(text::clean(&d.name))
                    .number(Some(d.age as f64), number(d.age), bad(health))
                    .number(Some(share), format!("{:.0} %", share * 100.0), bad(health))
                    .muted("")
                    .muted(format!("autovacuum forces a freeze at {}", number(d.freeze_max_age)))
                    .row(),
            );
        }
    }
    out
}

fn number(n: i64) -> String {
    count(u64::try_from(n).unwrap_or(0))
}

fn held(h: &Holder) -> Health {
    match h.since_s {
        Some(s) if s > 3600.0 => Health::Warning,
        _ => Health::Good,
    }
}

/// Who it is and what it does, as far as that is told.
fn said(h: &Holder) -> String {
    let parts = [&h.user, &h.state, &h.query].into_iter().flatten();
    let words: Vec<&str> = parts.flat_map(|p| p.split_whitespace()).collect();
    words.join(" ")
}

/// The part of the limit that is used up, by transactions or by multixacts, and how bad that is by the rule of
/// `pg.wraparound`: past the limit autovacuum works against it, well past it that does not succeed.
fn used(d: &DatabaseAge) -> (f64, Health) {
    let share = |age: i64, limit: i64| age as f64 / (limit.max(1) as f64);
    let most = share(d.age, d.freeze_max_age).max(share(d.multixact_age, d.multixact_freeze_max_age));
    let health = match most {
        _ if d.age.max(d.multixact_age) > 1_200_000_000 => Health::Critical,
        m if m > 1.5 => Health::Warning,
        _ => Health::Good,
    };
    (most, health)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_as_bad_as_the_worse_of_its_two_ages() {
        let database = |age, multixact_age| DatabaseAge {
            name: "core".into(),
            age,
            multixact_age,
            freeze_max_age: 200_000_000,
            multixact_freeze_max_age: 400_000_000,
        };
        assert_eq!(used(&database(50_000_000, 0)), (0.25, Health::Good));
        assert_eq!(used(&database(1, 700_000_000)), (1.75, Health::Warning));
        assert_eq!(used(&database(1_300_000_000, 0)).1, Health::Critical);
    }
}
