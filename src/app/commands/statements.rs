//! How the server would run a statement of PostgreSQL: asked for, never tried.

use std::fmt::Write as _;

use crate::app::command::Command;
use crate::app::doc::Scroll;
use crate::app::layers::{Content, TextView};
use crate::app::msg::{Effect, Fetch};
use crate::app::{App, ItemRef, Layer};
use crate::model::Str;

/// The first version that plans without the parameters' values.
const GENERIC_PLAN: u32 = 160_000;

pub(super) const TABLE: &[Command] = &[Command {
    id: "statement.plan",
    doc: "show how the server would run the statement, without running it (PostgreSQL 16 and later)",
    short: "explain",
    group: "Objects",
    when: |app| statement(app).map(|_| ()),
    run: plan,
}];

/// The statement at hand, as the server is to plan it.
struct Found {
    source: Str,
    text: String,
    /// Parameters stand where values are hidden.
    hidden: bool,
}

/// The statement at hand; else why it cannot be planned.
fn statement(app: &App) -> Result<Found, String> {
    let none = || "needs a statement or a session that runs one".to_owned();
    let is_session = matches!(app.item_at_hand(), Some(ItemRef::Session { .. }));
    let (source, found) = match app.item_at_hand() {
        Some(ItemRef::Statement { source, id }) => {
            let pg = app.world.sources.postgres.get(source).ok_or_else(none)?;
            let all = pg.statements.last().ok_or_else(none)?;
            let s = all.rows.iter().find(|s| s.id == *id).ok_or_else(none)?;
            (
                source,
                s.text
                    .as_deref()
                    .map(|text| (text.to_owned(), Some(s.database.clone()))),
            )
        }
        Some(ItemRef::Session { source, pid, .. }) => {
            let pg = app.world.sources.postgres.get(source).ok_or_else(none)?;
            let all = pg.activity.last().ok_or_else(none)?;
            let s = all.iter().find(|s| s.pid == *pid).ok_or_else(none)?;
            (source, s.query.clone().map(|text| (text, s.database.clone())))
        }
        _ => return Err(none()),
    };
    let (text, database) = found
        .filter(|(text, _)| !text.is_empty())
        .ok_or("its text is not known")?;
    let pg = app.world.sources.postgres.get(source).and_then(|p| p.server.last());
    let server = pg.ok_or("the server was not reached yet")?;
    if server.version_num < GENERIC_PLAN {
        return Err(format!(
            "a plan without the parameters' values needs PostgreSQL 16, this is {}",
            server.version
        ));
    }
    match database {
        Some(of) if of != server.database => Err(format!(
            "it belongs to database {of}, and {source} is connected to {}",
            server.database
        )),
        // The statistics' own texts have parameters where values stood.
        _ => {
            let filled = if is_session { with_parameters(&text) } else { None };
            Ok(Found {
                source: source.clone(),
                hidden: filled.is_some(),
                text: filled.unwrap_or(text),
            })
        }
    }
}

/// Types that stand before their literal: `interval '1 day'`. A parameter is cast instead.
const TYPES: [&str; 10] = [
    "interval",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "json",
    "jsonb",
    "uuid",
    "inet",
    "bytea",
];

/// The statement with a parameter for each `?` that stands where this console hides a value; `None`: there is none. The
/// operator `?` of jsonb is left as it is, where it can be told apart: it has a value or a parameter behind it.
fn with_parameters(sql: &str) -> Option<String> {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut next = sql.split('$').skip(1).filter_map(leading_number).max().unwrap_or(0) + 1;
    let mut filled = false;
    let (mut in_name, mut in_string) = (false, false);
    let has_values = sql.contains('\'');
    for (at, c) in sql.char_indices() {
        match c {
            '"' if !in_string => in_name = !in_name,
            '\'' if !in_name => in_string = !in_string,
            _ => {}
        }
        let behind = sql.get(at + 1..).unwrap_or("").trim_start();
        if c != '?' || in_name || in_string || is_operator(&out, behind, has_values) {
            out.push(c);
            continue;
        }
        filled = true;
        let before = out.trim_end().len();
        let kept = out.get(..before).unwrap_or("");
        let word = kept
            .rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or("")
            .to_owned();
        if TYPES.iter().any(|t| word.eq_ignore_ascii_case(t)) {
            out.truncate(before - word.len());
            let _ = write!(out, "${next}::{word}");
        } else {
            let _ = write!(out, "${next}");
        }
        next += 1;
    }
    filled.then_some(out)
}

fn is_operator(before: &str, behind: &str, has_values: bool) -> bool {
    let after_operator = before
        .trim_end()
        .ends_with(['=', '<', '>', '(', ',', '+', '-', '*', '/', '%', '~']);
    let operand = behind.starts_with(['?', '$', '\'', '|', '&']) && !behind.starts_with("||");
    !after_operator && (operand || has_values)
}

fn leading_number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn plan(app: &mut App) -> Vec<Effect> {
    let Found { source, text, hidden } = match statement(app) {
        Ok(found) => found,
        Err(why) => return app.complain(why),
    };
    let token = app.next_token();
    let note = if hidden { " · $1, $2 … for hidden values" } else { "" };
    app.layers.push(Layer::Text(TextView {
        title: format!("plan · {source} · not run{note}"),
        object: None,
        content: Content::Loading(token),
        scroll: Scroll::default(),
        yaml: false,
    }));
    let what = Fetch::Plan {
        source,
        statement: text,
        hidden,
    };
    vec![Effect::Fetch(token, what)]
}

#[cfg(test)]
mod tests {
    use super::with_parameters;

    #[test]
    fn hidden_values_become_parameters_and_operators_stay() {
        for (shown, planned) in [
            ("SELECT * FROM t WHERE a = 'x'", None),
            (
                "SELECT * FROM t WHERE a = ? AND b > ? LIMIT ?",
                Some("SELECT * FROM t WHERE a = $1 AND b > $2 LIMIT $3"),
            ),
            (
                "UPDATE \"why?\" SET n = $2 || ?",
                Some("UPDATE \"why?\" SET n = $2 || $3"),
            ),
            (
                "SELECT ? || a WHERE t > now() - interval ?",
                Some("SELECT $1 || a WHERE t > now() - $2::interval"),
            ),
            (
                "SELECT 1 WHERE meta ? ? AND meta ?| $1",
                Some("SELECT 1 WHERE meta ? $2 AND meta ?| $1"),
            ),
            ("SELECT 1 WHERE meta ? 'k'", None),
            (
                "UPDATE u SET name = 'why?', password = ?",
                Some("UPDATE u SET name = 'why?', password = $1"),
            ),
        ] {
            assert_eq!(with_parameters(shown).as_deref(), planned, "{shown}");
        }
    }
}
