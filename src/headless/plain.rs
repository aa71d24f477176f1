//! Panes as sentences: a fact a line, the most important word first, no table, no frame, no sign that is not a letter.
//! For screen readers, and for reading a screen aloud over the telephone.

use std::fmt::Write as _;

use super::{Answer, Verdict};
use crate::app::doc::Line;
use crate::app::{App, Health, Row, Strip};
use crate::panes::{self, Cell, Column, Pane, PaneId, Width};
use crate::signal::Severity;
use crate::text;
use crate::theme::Role;
use crate::ui;

/// What a pane says, and whether that is well: what is not known is for the caller to add.
#[derive(Default)]
struct Page {
    out: String,
    wrong: bool,
}

impl Page {
    fn end(self) -> Answer {
        Answer {
            text: self.out,
            doubts: Vec::new(),
            verdict: if self.wrong { Verdict::Wrong } else { Verdict::Fine },
        }
    }
}

/// All rows of a pane, the worst first: of each its name and how bad it is, then a line for each column. Wrong when the
/// pane says so, or one of its rows.
pub fn pane(app: &App, id: PaneId) -> Answer {
    let pane = panes::pane(id);
    let mut page = Page::default();
    let summary = app.summary(pane);
    let bad = summary.wrong.iter().filter(|(health, _)| *health <= Health::Warning);
    let wrong: Vec<&str> = bad.map(|(_, what)| what.as_str()).collect();
    say(&mut page.out, pane.title, &summary.count);
    if !wrong.is_empty() {
        page.wrong = true;
        say(&mut page.out, "wrong", &wrong.join(", "));
    }
    if !app.pane_feed(pane).is_fresh() {
        let state = ui::feed_words(app, pane);
        say(&mut page.out, "data", &state);
    }
    let rows = app.list(id).rows();
    if rows.is_empty() {
        say(&mut page.out, "nothing", panes::empty_words(app, pane));
    }
    let columns = panes::columns_of(app, pane);
    for row in rows.iter() {
        let cells = panes::cells_of(app, pane, row, &columns);
        whole_row(&mut page, app, pane, row, &columns, &cells);
    }
    let wrong = page.wrong;
    // The pane's other tables, as far as they were read: what is wrong in there the rules tell.
    for (at, view) in pane.views.iter().enumerate() {
        if app.views.get(id.index()) == Some(&at) {
            continue;
        }
        let (columns, rows) = ((view.columns)(app), (view.rows)(app));
        if !rows.is_empty() {
            let _ = writeln!(page.out);
            say(&mut page.out, view.title, &rows.len().to_string());
        }
        for row in &rows {
            let cells = row.item().map(|i| i.cells.clone()).unwrap_or_default();
            whole_row(&mut page, app, pane, row, &columns, &cells);
        }
    }
    page.wrong = wrong;
    page.end()
}

fn whole_row(page: &mut Page, app: &App, pane: &Pane, row: &Row, columns: &[Column], cells: &[Cell]) {
    let _ = writeln!(page.out);
    let health = pane.sign(app, row);
    page.wrong |= health <= Health::Warning;
    // An event is what happened; how its object is, other rows say.
    let how = if pane.id == PaneId::Events { "" } else { word(health) };
    say(&mut page.out, name(columns, cells), how);
    for (column, cell) in columns.iter().zip(cells) {
        if !is_name(columns, column) {
            let value = if cell.text.is_empty() { "-" } else { &cell.text };
            say(&mut page.out, &spoken(column), value);
        }
    }
}

/// A column's head as it is said aloud.
fn spoken(column: &Column) -> String {
    let head = column.title.to_lowercase();
    match (head.as_str(), head.split_once('/')) {
        ("rst", _) => "restarts".to_owned(),
        ("hpa", _) => "autoscaler".to_owned(),
        ("req/s", _) => "requests a second".to_owned(),
        (_, Some((what, "m"))) => format!("{what} a minute"),
        (_, Some((what, "s"))) => format!("{what} a second"),
        // `UPD` for `updated`: the head is short for want of room.
        _ if column.id.starts_with(&head) => column.id.to_owned(),
        _ => head,
    }
}

/// The first column that takes what is left is the name.
fn is_name(columns: &[Column], column: &Column) -> bool {
    let first = columns
        .iter()
        .find(|c| matches!(c.width, Width::Fill(_)))
        .or(columns.first());
    first.is_some_and(|c| c.id == column.id)
}

fn name<'a>(columns: &[Column], cells: &'a [Cell]) -> &'a str {
    let at = columns.iter().position(|c| is_name(columns, c)).unwrap_or(0);
    cells.get(at).map_or("", |cell| cell.text.as_str())
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Critical => "critical",
        Health::Warning => "warning",
        Health::Moving => "on its way",
        Health::Good => "well",
        Health::Quiet => "at rest",
    }
}

/// Everything that is known of the rows of that name; none when no row is called so.
pub fn detail(app: &App, id: PaneId, wanted: &str) -> Option<Answer> {
    let pane = panes::pane(id);
    let mut page = Page::default();
    let out = &mut page.out;
    let views = pane.views.iter().flat_map(|view| (view.rows)(app));
    let mut seen = Vec::new();
    for row in app.list(id).rows().iter().map(|p| p.row.clone()).chain(views) {
        let (group, name) = row.order();
        let called = name == wanted || wanted.split_once('/').is_some_and(|(g, n)| g == group && n == name);
        if !called || seen.contains(row.uid()) {
            continue;
        }
        seen.push(row.uid().clone());
        if !out.is_empty() {
            let _ = writeln!(out);
        }
        let health = pane.sign(app, &row);
        page.wrong |= health <= Health::Warning;
        match (row.object(), row.item()) {
            (Some(object), _) => {
                say(out, &object.to_string(), word(health));
                lines(out, &ui::object_lines(app, &object));
            }
            (None, Some(item)) => {
                if let Some((title, found)) = (pane.detail)(app, &item.what) {
                    say(out, &title, word(health));
                    lines(out, &found);
                }
            }
            (None, None) => {}
        }
    }
    (!page.out.is_empty()).then(|| page.end())
}

/// The signals, worst first.
pub fn signals(app: &App) -> Answer {
    let mut page = Page::default();
    let out = &mut page.out;
    let now = app.server_now();
    for signal in Strip::shown(&app.judge) {
        let severity = match signal.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        };
        page.wrong = true;
        say(out, severity, &signal.short(now));
        if let Some(book) = signal.runbook.and_then(|b| app.books.get(b)) {
            say(out, "runbook", &book.title);
        }
    }
    if out.is_empty() {
        out.push_str("nothing calls for attention\n");
    }
    page.end()
}

/// Lines of a detail: a label stands first, in its own piece.
fn lines(out: &mut String, lines: &[Line]) {
    for line in lines {
        let said: Vec<_> = line
            .0
            .iter()
            .filter(|(_, role)| *role != Role::KeyLabel)
            .cloned()
            .collect();
        match said.split_first() {
            Some(((label, Role::TextMuted), rest)) if !rest.is_empty() && label.ends_with(' ') => {
                let value: Vec<&str> = rest.iter().map(|(text, _)| text.as_str()).collect();
                if label.trim().is_empty() {
                    say(out, &value.concat(), "");
                } else {
                    say(out, label, &value.concat());
                }
            }
            Some(_) => say(out, &Line(said).text(), ""),
            None => {}
        }
    }
}

/// `first: rest`, in words; what had a value that was only drawn is no fact.
fn say(out: &mut String, first: &str, rest: &str) {
    let drawn = !rest.is_empty();
    let (first, rest) = (words(first), words(rest));
    if drawn && rest.is_empty() {
        return;
    }
    match (first.is_empty(), rest.is_empty()) {
        (true, true) => {}
        (false, true) => {
            let _ = writeln!(out, "{first}");
        }
        (true, false) => {
            let _ = writeln!(out, "{rest}");
        }
        (false, false) => {
            let _ = writeln!(out, "{}: {rest}", first.trim_end_matches(':'));
        }
    }
}

/// Signs as words; what only draws (frames, bars, history) is left out.
fn words(text: &str) -> String {
    let clean = text::clean(text);
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '▲' => out.push_str(" critical "),
            '✓' => out.push_str(" yes "),
            '✗' | '✘' => out.push_str(" no "),
            '→' | '↵' => out.push_str(" to "),
            '×' => out.push_str(" times "),
            '≥' => out.push_str(" at least "),
            '≤' => out.push_str(" at most "),
            '·' => out.push_str(", "),
            '–' | '−' | '‑' => out.push('-'),
            '—' => out.push_str(" - "),
            '…' => out.push_str("..."),
            '\u{2190}'..='\u{2bff}' => out.push(' '),
            c => out.push(c),
        }
    }
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",");
    if out == "-" { String::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_become_words_and_what_only_draws_is_left_out() {
        assert_eq!(words("ready 2 → 5 · ▁▂▃█ ok ✓"), "ready 2 to 5, ok yes");
        assert_eq!(words("│ 2–8 │ ████░░ 90 %"), "2-8 90 %");
        assert_eq!(words("–"), "");
        let mut out = String::new();
        say(&mut out, "60 min", "▁▂▃");
        say(&mut out, "oldest", "11m");
        assert_eq!(out, "oldest: 11m\n");
    }
}
