//! The selected row in full, under the rows of a zoomed table that leaves room for it. It is drawn of what is at hand:
//! nothing is read for it, and the keys are the table's.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, detail, put, text as draw};
use crate::app::doc::Line;
use crate::app::{App, Focus, Row};
use crate::panes::Pane;
use crate::text;
use crate::theme::Role;

/// With fewer lines, the heading among them, the rows stand alone.
const LEAST: u16 = 8;

/// Draws it from line `top` of the table's inside on. `stale`: the rows are greyed, and so is this.
pub fn draw(app: &App, look: Look<'_>, pane: &Pane, inner: Rect, top: u16, stale: bool, buf: &mut Buffer) {
    if inner.height < top + LEAST {
        return;
    }
    let Some((title, lines)) = app.list(pane.id).selected().and_then(|row| of(app, pane, row)) else {
        return;
    };
    let focused = app.focus == Focus::Pane && app.layers.is_empty();
    heading(look, inner, top, &title, focused, buf);
    // Below the names, as far as the rows go.
    let area = Rect::new(
        inner.x + 2,
        inner.y + top + 1,
        inner.width.saturating_sub(3),
        inner.height - top - 1,
    );
    let lines = draw::wrapped(&plain(lines, stale), usize::from(area.width), true);
    for (y, line) in (0..area.height).zip(&lines) {
        draw::line(look, buf, area, y, line, 0);
    }
    if let more @ 1.. = lines.len().saturating_sub(usize::from(area.height)) {
        let key = app.key_signs("list.open");
        let words = format!(" {key} {more} more lines ");
        let frame = Rect::new(inner.x, inner.y, inner.width, inner.height + 1);
        let x = inner.width.saturating_sub(text::width(&words) as u16 + 1);
        put(buf, frame, x, inner.height, &words, look.style(Role::TextMuted));
    }
}

/// A line from edge to edge of the frame, with the title in it.
fn heading(look: Look<'_>, inner: Rect, top: u16, title: &str, focused: bool, buf: &mut Buffer) {
    let border = look.style(if focused { Role::BorderFocus } else { Role::Border });
    let line = Rect::new(inner.x.saturating_sub(1), inner.y + top, inner.width + 2, 1);
    let across = format!("├{}┤", "─".repeat(usize::from(inner.width)));
    put(buf, line, 0, 0, &across, border);
    let room = usize::from(inner.width.saturating_sub(4));
    let title = text::truncate_end(&text::clean(title), room).into_owned();
    put(buf, line, 1, 0, &format!(" {title} "), look.style(Role::Title));
}

/// Title and lines of what the row opens.
fn of(app: &App, pane: &Pane, row: &Row) -> Option<(String, Vec<Line>)> {
    if let Some(object) = app.object_of(row) {
        return Some((object.to_string(), detail::at_hand(app, &object)));
    }
    (pane.detail)(app, &row.item()?.what)
}

/// Without what keys do: the footer says what they do here.
fn plain(lines: Vec<Line>, stale: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = lines
        .into_iter()
        .map(|line| {
            let parts = line.0.into_iter().filter(|(_, role)| *role != Role::KeyLabel);
            Line(
                parts
                    .map(|(words, role)| (words, if stale { Role::Stale } else { role }))
                    .collect(),
            )
        })
        .collect();
    while lines.last().is_some_and(|line| line.0.is_empty()) {
        lines.pop();
    }
    lines
}
