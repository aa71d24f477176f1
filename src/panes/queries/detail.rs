//! A session, a statement, a table, an index: everything that is known of it.

use super::super::item::{self, count, lasted, rate};
use super::views::milliseconds;
use crate::app::doc::Line;
use crate::app::{App, ItemRef};
use crate::model::Postgres;
use crate::text;
use crate::theme::Role;

pub fn detail(app: &App, what: &ItemRef) -> Option<(String, Vec<Line>)> {
    let server = |source: &crate::model::Str| app.world.sources.postgres.get(source).map(|p| &**p);
    match what {
        ItemRef::Session {
            source,
            pid,
            backend_start,
        } => session(server(source)?, *pid, backend_start.as_deref()).map(|l| (format!("session {source}/{pid}"), l)),
        ItemRef::Statement { source, id } => {
            let pg = server(source)?;
            let all = pg.statements.last()?;
            let s = all.rows.iter().find(|s| s.id == *id)?;
            let mut lines = vec![
                Line::pair("role", text::clean(&s.user)),
                Line::pair("database", text::clean(&s.database)),
                Line::pair(
                    "share",
                    format!("{:.1} % of the time of all statements", all.share(s) * 100.0),
                ),
                Line::pair("mean", milliseconds(s.mean_ms())),
                Line::pair(
                    "longest",
                    format!("{} since the counters began", milliseconds(s.max_ms)),
                ),
                Line::pair(
                    "calls",
                    all.rate(s).map_or_else(|| "?".to_owned(), |r| format!("{}/s", rate(r))),
                ),
                Line::pair("rows", count(s.window.rows.max(0.0) as u64)),
                Line::pair("I/O", milliseconds(s.window.io_ms)),
                Line::pair(
                    "blocks",
                    format!(
                        "{} hit, {} read, {} temporary",
                        count(s.window.blocks_hit.max(0.0) as u64),
                        count(s.window.blocks_read.max(0.0) as u64),
                        count(s.window.temp_blocks.max(0.0) as u64)
                    ),
                ),
                Line::pair(
                    "window",
                    all.window_s.map_or_else(
                        || "since the counters began: the second reading is not there yet".to_owned(),
                        |s| format!("the last {}", lasted(s)),
                    ),
                ),
            ];
            statement(s.text.as_deref(), &mut lines);
            Some((format!("statement {source}/{}", id.query_id), lines))
        }
        ItemRef::Table { source, schema, name } => {
            let pg = server(source)?;
            let t = pg
                .tables
                .last()?
                .iter()
                .find(|t| t.schema == *schema && t.name == *name)?;
            let number = |n: i64| count(u64::try_from(n).unwrap_or(0));
            let when = |t: Option<jiff::Timestamp>| {
                t.map_or_else(|| "never".to_owned(), |t| format!("{} ago", item::ago(app, t)))
            };
            let mut lines = vec![
                Line::pair_role(
                    "dead rows",
                    match t.chunks {
                        // The sum of the limits is no limit of anything.
                        Some(_) => format!("{} in all chunks", number(t.dead)),
                        None => format!(
                            "{}: {:.1} × its own limit of {}",
                            number(t.dead),
                            t.ratio(),
                            count(t.threshold.max(0.0) as u64)
                        ),
                    },
                    if t.ratio() > 2.0 { Role::Warn } else { Role::Text },
                ),
                Line::pair("live rows", number(t.live)),
                Line::pair("changed", format!("{} since the last analyze", number(t.modified))),
                Line::pair("size", text::bytes(u64::try_from(t.bytes).unwrap_or(0))),
                Line::pair("vacuumed", format!("{}, {} times", when(t.vacuumed), number(t.vacuums))),
                Line::pair("analyzed", when(t.analyzed)),
            ];
            if let Some(chunks) = &t.chunks {
                let worst = format!("{}: {:.1} × its limit", text::clean(&chunks.worst), chunks.ratio);
                lines.push(Line::pair("chunks", count(u64::try_from(chunks.count).unwrap_or(0))));
                lines.push(Line::pair("worst chunk", worst));
            }
            if !t.autovacuum {
                lines.push(Line::pair_role("autovacuum", "off for this table", Role::Warn));
            }
            if let Some(age) = t.frozen_age {
                lines.push(Line::pair("frozen age", number(age)));
            }
            horizon(pg, &mut lines);
            Some((format!("table {source}/{schema}.{name}"), lines))
        }
        ItemRef::Index { source, schema, name } => {
            let pg = server(source)?;
            let i = pg
                .indexes
                .last()?
                .iter()
                .find(|i| i.schema == *schema && i.name == *name)?;
            let mut lines = vec![
                Line::pair("table", text::clean(&i.table)),
                Line::pair("size", text::bytes(u64::try_from(i.bytes).unwrap_or(0))),
                Line::pair("scans", count(u64::try_from(i.scans).unwrap_or(0))),
            ];
            if i.invalid {
                lines.push(Line::pair_role(
                    "invalid",
                    "its build did not end: no query uses it, every write pays for it",
                    Role::Warn,
                ));
            }
            if let Some(of) = &i.duplicate_of {
                lines.push(Line::pair("double of", text::clean(of)));
            }
            Some((format!("index {source}/{schema}.{name}"), lines))
        }
        _ => None,
    }
}

/// What keeps dead rows from being removed.
fn horizon(pg: &Postgres, lines: &mut Vec<Line>) {
    let Some(holders) = pg.horizon.last().filter(|h| !h.is_empty()) else {
        return;
    };
    lines.push(Line::default());
    lines.push(Line::new("What keeps old rows alive", Role::Heading));
    for h in holders.iter().take(5) {
        let since = h.since_s.map_or_else(String::new, |s| format!(", for {}", lasted(s)));
        lines.push(
            Line::new(format!("{:<12} ", text::truncate_end(&h.kind, 12)), Role::TextMuted)
                .and(text::clean(&h.name).into_owned(), Role::Text)
                .and(
                    format!(", {} transactions old{since}", count(u64::try_from(h.age).unwrap_or(0))),
                    Role::TextMuted,
                ),
        );
    }
}

fn session(pg: &Postgres, pid: i32, backend_start: Option<&str>) -> Option<Vec<Line>> {
    let of = |s: &Option<String>| text::clean(s.as_deref().unwrap_or("–")).into_owned();
    let waiter = pg.locks.last().and_then(|t| t.lines.iter().find(|w| w.row.pid == pid));
    let mut lines = Vec::new();
    let query;
    let known = pg.activity.last().and_then(|all| {
        all.iter()
            .find(|s| s.pid == pid && s.backend_start.as_deref() == backend_start)
    });
    if let Some(s) = known {
        lines.push(Line::pair("role", of(&s.user)));
        lines.push(Line::pair("database", of(&s.database)));
        lines.push(Line::pair("application", of(&s.application)));
        lines.push(Line::pair("client", of(&s.client)));
        lines.push(Line::pair(
            "state",
            format!("{} for {}", of(&s.state), lasted(s.age_s())),
        ));
        if let Some(x) = s.xact_s {
            lines.push(Line::pair("transaction", format!("open for {}", lasted(x))));
        }
        if !s.wait().is_empty() {
            lines.push(Line::pair("waits for", s.wait()));
        }
        if let Some(age) = s.xmin_age {
            lines.push(Line::pair(
                "horizon",
                format!("{} transactions", count(u64::try_from(age).unwrap_or(0))),
            ));
        }
        query = s.query.clone();
    } else {
        let w = waiter?;
        lines.push(Line::pair("role", of(&w.row.user)));
        lines.push(Line::pair("state", of(&w.row.state)));
        query = w.row.query.clone();
    }
    if let Some(w) = waiter {
        lines.push(Line::default());
        lines.push(Line::new("Locks", Role::Heading));
        if w.depth > 0 {
            let by: Vec<String> = w.row.blocked_by.iter().map(ToString::to_string).collect();
            lines.push(Line::pair_role("blocked by", by.join(", "), Role::Warn));
            lines.push(Line::pair(
                "wants",
                format!("{} on {}", of(&w.row.lock_mode), of(&w.row.relation)),
            ));
            if let Some(s) = w.row.wait_s {
                lines.push(Line::pair("waiting for", lasted(s)));
            }
        }
        if w.below > 0 {
            lines.push(Line::pair_role("blocks", format!("{} sessions", w.below), Role::Warn));
        }
    }
    statement(query.as_deref(), &mut lines);
    Some(lines)
}

/// The text of a statement, broken before its clauses.
fn statement(query: Option<&str>, lines: &mut Vec<Line>) {
    let Some(query) = query else { return };
    lines.push(Line::default());
    lines.push(Line::new("Statement", Role::Heading));
    for line in laid_out(query) {
        lines.push(Line::new(text::clean(&line).into_owned(), Role::Code));
    }
}

/// What begins a line.
const CLAUSES: [&str; 14] = [
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "RETURNING",
    "SET",
    "VALUES",
    "UNION",
    "LEFT",
    "JOIN",
    "INNER",
    "ON",
];

/// One clause a line. Text that already has lines keeps them.
fn laid_out(query: &str) -> Vec<String> {
    if query.trim().contains('\n') {
        return query.lines().map(|l| l.trim_end().replace('\t', "    ")).collect();
    }
    let mut out = vec![String::new()];
    for word in query.split_whitespace() {
        let clause = CLAUSES.contains(&word.to_ascii_uppercase().as_str());
        let joined = out
            .last()
            .is_some_and(|l| ["LEFT", "INNER"].iter().any(|w| l.trim().eq_ignore_ascii_case(w)));
        if clause && !joined && out.last().is_some_and(|l| !l.is_empty()) {
            out.push("  ".to_owned());
        }
        if let Some(last) = out.last_mut() {
            if !last.trim().is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_laid_out_by_its_clauses() {
        let lines = laid_out("select a, b from t left join u on u.id = t.id where a = $1 order by b limit 5");
        assert_eq!(
            lines,
            [
                "select a, b",
                "  from t",
                "  left join u",
                "  on u.id = t.id",
                "  where a = $1",
                "  order by b",
                "  limit 5"
            ]
        );
        assert_eq!(laid_out("select 1\nfrom t"), ["select 1", "from t"]);
    }
}
