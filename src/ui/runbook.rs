//! The panel of a run: steps at the left, the current one at the right with its live evidence, the keys below it.

mod step;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, text as draw};
use crate::app::doc::Line;
use crate::app::layers::RunView;
use crate::app::{App, RunEntry};
use crate::runbook::duration_text;
use crate::runbook::engine::{Status, StepState};
use crate::runbook::view::{self, StepLine, View};
use crate::text;
use crate::theme::Role;

fn entry<'a>(app: &'a App, v: &RunView) -> Option<&'a RunEntry> {
    app.runs.iter().find(|r| r.number == v.run)
}

fn split(body: Rect) -> (Rect, Rect) {
    let left = if body.width >= 110 { 38 } else { 29 };
    (
        Rect::new(body.x, body.y + 1, left, body.height.saturating_sub(1)),
        Rect::new(
            body.x + left,
            body.y + 1,
            body.width - left,
            body.height.saturating_sub(1),
        ),
    )
}

/// The step's text, and under it what can be done; each wrapped to its place.
struct Parts {
    text: Vec<Line>,
    keys: Vec<Line>,
    /// Rows for the text.
    room: u16,
}

fn parts(app: &App, look: Look<'_>, entry: &RunEntry, view: &View, v: &RunView, right: Rect) -> Parts {
    let width = usize::from(right.width.saturating_sub(4));
    let rows = right.height.saturating_sub(2);
    let text = step::lines(look, entry, view, &app.activities, width);
    let text = draw::wrapped(&text, width, true);
    let mut keys = draw::wrapped(&step::keys(look, entry, view, v.choice, width), width, true);
    // However many ways there are, some of the text stays.
    keys.truncate(usize::from(rows.saturating_sub(3)));
    let apart = u16::from(!keys.is_empty());
    let room = rows.saturating_sub(keys.len() as u16 + apart);
    Parts { text, keys, room }
}

/// (lines on screen, lines in all, jump) of the step's text.
pub fn extent(app: &App, v: &RunView, body: Rect) -> (usize, usize, Option<usize>) {
    let (_, right) = split(body);
    let Some(entry) = entry(app, v) else {
        return (usize::from(right.height.saturating_sub(2)), 0, None);
    };
    let view = view::of(&entry.run, app.now);
    let parts = parts(app, super::measuring(), entry, &view, v, right);
    (usize::from(parts.room), parts.text.len(), None)
}

/// The current step's title and text, laid out for `body`: for a pager.
pub fn page(app: &App, v: &RunView, body: Rect) -> Option<(String, Vec<Line>)> {
    let entry = entry(app, v)?;
    let view = view::of(&entry.run, app.now);
    let step = view.step.as_ref().map(|s| format!(" · {} {}", s.number, s.title));
    let title = format!("{}{}", view.title, step.unwrap_or_default());
    let (_, right) = split(body);
    Some((title, parts(app, super::measuring(), entry, &view, v, right).text))
}

/// The steps with the row that each begins at. Titles go over two lines where all steps still fit; where they do not,
/// the list is cut around the current step.
fn step_list(steps: &[StepLine], width: usize, rows: usize) -> Vec<(u16, &StepLine, Vec<String>)> {
    let titles: Vec<Vec<String>> = steps
        .iter()
        .map(|s| {
            let line = Line::plain(format!("{} {}", s.number, text::clean(&s.title)));
            let lines = draw::wrapped(&[line], width, true);
            lines.iter().map(Line::text).collect()
        })
        .collect();
    let whole = titles.iter().map(Vec::len).sum::<usize>() <= rows;
    let current = steps.iter().position(|s| s.current).unwrap_or(0);
    let from = if whole || steps.len() <= rows {
        0
    } else {
        current.saturating_sub(rows / 2).min(steps.len() - rows)
    };
    let mut y = 0;
    let mut out = Vec::with_capacity(steps.len());
    for (s, mut words) in steps.iter().zip(titles).skip(from) {
        if !whole {
            let line = format!("{} {}", s.number, text::clean(&s.title));
            words = vec![text::truncate_end(&line, width).into_owned()];
        }
        if y + words.len() > rows {
            break;
        }
        let height = words.len();
        out.push((y as u16, s, words));
        y += height;
    }
    out
}

fn header(look: Look<'_>, view: &View, body: Rect, buf: &mut Buffer) {
    let mut x = put(buf, body, 1, 0, "RUNBOOK ", look.style(Role::Accent)) + 1;
    x += put(buf, body, x, 0, &text::clean(&view.title), look.style(Role::TextStrong));
    let dot = look.symbols.dot;
    let age = match view.elapsed {
        seconds if seconds < 60 => "just begun".to_owned(),
        seconds => duration_text(seconds / 60 * 60),
    };
    let state = match &view.status {
        Status::Active => String::new(),
        Status::RollingBack => format!(" {dot} rolling back"),
        Status::Completed => format!(" {dot} done"),
        Status::RolledBack => format!(" {dot} rolled back"),
        Status::Aborted(_) => format!(" {dot} ended"),
        Status::HandedOver(_) => format!(" {dot} handed over"),
    };
    let subject = text::clean(&view.subject);
    let subject = if subject.is_empty() {
        String::new()
    } else {
        format!(" {dot} {subject}")
    };
    let tail = format!(" {dot} run {} {dot} {age}{state}", view.run);
    let room = usize::from(body.width.saturating_sub(x + 1)).saturating_sub(text::width(&tail));
    let rest = format!("{}{tail}", text::truncate_end(&subject, room));
    put(buf, body, x, 0, &rest, look.style(Role::TextMuted));
}

fn steps(look: Look<'_>, view: &View, left: Rect, buf: &mut Buffer) {
    let inner = frame(
        buf,
        left,
        look.style(Role::Border),
        &[("Steps".to_owned(), look.style(Role::Title))],
    );
    let room = usize::from(inner.height.saturating_sub(3));
    for (y, s, words) in step_list(&view.steps, usize::from(inner.width.saturating_sub(4)), room) {
        let (mark, role) = match &s.state {
            StepState::Passed(_) => (look.symbols.ok, Role::Ok),
            StepState::Failed(_) => (look.symbols.failed, Role::Error),
            StepState::Skipped(_) => ("–", Role::TextMuted),
            StepState::Unknown(_) => (look.symbols.unknown, Role::Warn),
            StepState::Current => (look.symbols.pointer, Role::Accent),
            StepState::Todo => (look.symbols.waiting, Role::TextMuted),
        };
        put(buf, inner, 1, y, mark, look.style(role));
        let role = if s.current {
            Role::TextStrong
        } else if matches!(s.state, StepState::Todo | StepState::Skipped(_)) {
            Role::TextMuted
        } else {
            Role::Text
        };
        for (i, words) in words.iter().enumerate() {
            put(buf, inner, 3, y + i as u16, words, look.style(role));
        }
    }
    let started = view.started.as_second().rem_euclid(86_400);
    let low = inner.height.saturating_sub(2);
    let begun = format!(
        "started  {:02}:{:02}Z  {}",
        started / 3600,
        started % 3600 / 60,
        text::clean(&view.operator)
    );
    let width = usize::from(inner.width.saturating_sub(2));
    put(
        buf,
        inner,
        1,
        low,
        &text::truncate_end(&begun, width),
        look.style(Role::TextMuted),
    );
    let undo = match view.undos {
        0 => "undo     nothing changed".to_owned(),
        1 => "undo     1 step reversible".to_owned(),
        n => format!("undo     {n} steps reversible"),
    };
    put(buf, inner, 1, low + 1, &undo, look.style(Role::TextMuted));
}

pub fn draw(app: &App, look: Look<'_>, v: &RunView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let Some(entry) = entry(app, v) else {
        put(buf, body, 1, 0, "this run is gone", look.style(Role::Warn));
        return None;
    };
    let view = view::of(&entry.run, app.now);
    header(look, &view, body, buf);
    let (left, right) = split(body);
    steps(look, &view, left, buf);
    let title = view.step.as_ref().map_or_else(
        || "Done".to_owned(),
        |s| format!("{} {}", s.number, text::clean(&s.title)),
    );
    let inner = frame(
        buf,
        right,
        look.style(Role::BorderFocus),
        &[(title, look.style(Role::TitleFocus))],
    );
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let parts = parts(app, look, entry, &view, v, right);
    let top = Rect::new(inner.x, inner.y, inner.width, parts.room);
    draw::body(look, top, &parts.text, &v.scroll, buf);
    let (shown, all) = (usize::from(parts.room), parts.text.len());
    if all > shown {
        let text = format!(" {}–{} of {all} ", v.scroll.top + 1, (v.scroll.top + shown).min(all));
        let x = right.width.saturating_sub(text::width(&text) as u16 + 2);
        put(
            buf,
            right,
            x,
            right.height.saturating_sub(1),
            &text,
            look.style(Role::TextMuted),
        );
    }
    let low = inner.height.saturating_sub(parts.keys.len() as u16);
    let bottom = Rect::new(inner.x, inner.y + low, inner.width, parts.keys.len() as u16);
    let still = crate::app::doc::Scroll::default();
    draw::body(look, bottom, &parts.keys, &still, buf);
    // The cursor stands on the way that Enter takes.
    let y = bottom.y + (v.choice as u16).min(bottom.height.saturating_sub(1));
    Some(Position::new(inner.x, y.max(inner.y)))
}
