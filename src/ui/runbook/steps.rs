//! The steps of a run: a list with their states, or all of them in one line where a plan needs the room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Look, frame, put, text as draw};
use crate::app::doc::Line;
use crate::runbook::engine::StepState;
use crate::runbook::view::{StepLine, View};
use crate::text;
use crate::theme::Role;

fn mark<'a>(look: Look<'a>, state: &StepState) -> (&'a str, Role) {
    match state {
        StepState::Passed(_) => (look.symbols.ok, Role::Ok),
        StepState::Failed(_) => (look.symbols.failed, Role::Error),
        StepState::Skipped(_) => ("–", Role::TextMuted),
        StepState::Unknown(_) => (look.symbols.unknown, Role::Warn),
        StepState::Current => (look.symbols.pointer, Role::Accent),
        StepState::Todo => (look.symbols.waiting, Role::TextMuted),
    }
}

/// Marks and numbers in one line, the current step with its title.
pub fn line(look: Look<'_>, view: &View, width: usize) -> Line {
    let mut line = Line::default();
    // What is far behind or ahead goes first where there is no room.
    let number = |s: &StepLine| format!("{}{} ", mark(look, &s.state).0, s.number);
    let current = view.steps.iter().position(|s| s.current).unwrap_or(0);
    let others: usize = view.steps.iter().map(|s| text::width(&number(s))).sum();
    let title = view.step.as_ref().map_or("", |s| s.title.as_str());
    let room = width.saturating_sub(others + 4);
    let (around, room) = if room < 16 {
        (2, width.saturating_sub(28))
    } else {
        (usize::MAX, room)
    };
    for (at, s) in view
        .steps
        .iter()
        .enumerate()
        .filter(|(at, _)| at.abs_diff(current) <= around)
    {
        let (sign, role) = mark(look, &s.state);
        if at == current && s.current {
            let sign = if matches!(s.state, StepState::Current) {
                look.symbols.pointer
            } else {
                sign
            };
            let words = format!("{} {}", s.number, text::truncate_end(&text::clean(title), room));
            line = line
                .and(format!(" {sign} "), role)
                .and(format!("{words}  "), Role::TextStrong);
        } else {
            line = line.and(number(s), role);
        }
    }
    line
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

/// The list, and below it who began when, and what can be taken back.
pub fn draw(look: Look<'_>, view: &View, left: Rect, buf: &mut Buffer) {
    let inner = frame(
        buf,
        left,
        look.style(Role::Border),
        &[("Steps".to_owned(), look.style(Role::Title))],
    );
    let room = usize::from(inner.height.saturating_sub(3));
    let list = step_list(&view.steps, usize::from(inner.width.saturating_sub(4)), room);
    let (mut above, mut below) = (0, 0);
    if let (Some((_, first, _)), Some((_, last, _))) = (list.first(), list.last()) {
        above = first.number - 1;
        below = view.steps.len() - last.number;
    }
    let last = list.len().saturating_sub(1);
    for (i, (y, s, words)) in list.into_iter().enumerate() {
        // A row is given up to say that there are more.
        let more = match i {
            0 if above > 0 => Some((look.symbols.ascending, above + 1)),
            _ if i == last && below > 0 => Some((look.symbols.descending, below + 1)),
            _ => None,
        };
        if let Some((sign, n)) = more.filter(|_| !s.current) {
            put(buf, inner, 1, y, sign, look.style(Role::Accent));
            put(buf, inner, 3, y, &format!("{n} more"), look.style(Role::TextMuted));
            continue;
        }
        let (sign, role) = mark(look, &s.state);
        put(buf, inner, 1, y, sign, look.style(role));
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
    let undo = match (view.undos, view.changes) {
        _ if view.sent => "undo     a change goes on".to_owned(),
        (0, 0) => "undo     nothing changed".to_owned(),
        (0, 1) => "undo     none (1 change)".to_owned(),
        (0, n) => format!("undo     none ({n} changes)"),
        (1, _) => "undo     1 step reversible".to_owned(),
        (n, _) => format!("undo     {n} steps reversible"),
    };
    put(buf, inner, 1, low + 1, &undo, look.style(Role::TextMuted));
}
