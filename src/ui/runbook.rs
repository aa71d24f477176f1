//! The panel of a run: steps at the left, the current one at the right with its live evidence, the keys below it. The
//! plan that a step asks for stands in it.

mod head;
mod planned;
mod step;
mod steps;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::plan::Frame;
use super::{Look, frame, put, text as draw};
use crate::app::doc::{Line, Scroll};
use crate::app::layers::{PlanLayer, Prompt, RunView};
use crate::app::{App, RunEntry};
use crate::runbook::view::{self, View};
use crate::text;
use crate::theme::Role;

fn entry<'a>(app: &'a App, v: &RunView) -> Option<&'a RunEntry> {
    app.runs.iter().find(|r| r.number == v.run)
}

/// The parts of the panel: two lines of head, what is below, and the line of the note.
struct Areas {
    title: Rect,
    state: Rect,
    below: Rect,
    note: Rect,
}

fn areas(body: Rect) -> Areas {
    let row = |y: u16, height: u16| Rect::new(body.x, body.y + y.min(body.height), body.width, height);
    Areas {
        title: row(0, 1),
        state: row(1, 1),
        below: row(2, body.height.saturating_sub(3)),
        note: row(body.height.saturating_sub(1), 1),
    }
}

fn left_width(below: Rect) -> u16 {
    if below.width >= 110 { 38 } else { 29 }
}

fn split(body: Rect) -> (Rect, Rect) {
    let below = areas(body).below;
    let left = left_width(below);
    (
        Rect::new(below.x, below.y, left, below.height),
        Rect::new(below.x + left, below.y, below.width - left, below.height),
    )
}

/// What lies below the head while a plan stands there: on a small screen the plan takes the lines of state and note, too.
fn planned_areas(app: &App, plan: &PlanLayer, body: Rect) -> planned::Areas {
    let parts = areas(body);
    if body.width >= 110 {
        return planned::areas(app, plan, left_width(parts.below), parts.below);
    }
    let below = Rect::new(body.x, body.y + 1, body.width, body.height.saturating_sub(1));
    planned::areas(app, plan, 0, below)
}

/// Where a plan is drawn: in the panel of the run that asked for it, if that is what lies below it.
pub fn plan_frame(app: &App, plan: &PlanLayer, body: Rect) -> Frame {
    match planned::panel_of(app, plan) {
        Some(_) => Frame::Within(planned_areas(app, plan, body).plan),
        None => Frame::Floating(body),
    }
}

/// Whether this prompt is the note of the panel below it, which has a line of its own.
pub fn has_note_line(app: &App, prompt: &Prompt) -> bool {
    head::is_writing(app).is_some_and(|p| p.purpose == prompt.purpose)
}

/// The line of the note, while it is written.
pub fn note_line(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let run = app.layers.iter().rev().find_map(|l| match l {
        crate::app::Layer::Runbook(v) => Some(v),
        _ => None,
    })?;
    let view = view::of(&entry(app, run)?.run, app.now);
    head::note(app, look, &view, areas(body).note, buf)
}

/// The step's text, and under it what can be done; each wrapped to its place.
struct Parts {
    text: Vec<Line>,
    keys: Vec<Line>,
    /// Of these, the lines that say what may be done; those before say what went wrong.
    ways: usize,
    /// Rows for the text.
    room: u16,
}

fn parts(app: &App, look: Look<'_>, entry: &RunEntry, view: &View, v: &RunView, right: Rect) -> Parts {
    let width = usize::from(right.width.saturating_sub(4));
    let rows = right.height.saturating_sub(2);
    let wrapped = |first| {
        let text = step::lines(app, look, entry, view, &app.activities, width, first);
        draw::wrapped(&text, width, true)
    };
    let mut keys = draw::wrapped(&step::keys(app, look, entry, view, v.choice, width), width, true);
    // However many ways there are, some of the text stays.
    keys.truncate(usize::from(rows.saturating_sub(3)));
    let mut low = draw::wrapped(&step::trouble(look, view), width, true);
    low.truncate(usize::from(rows.saturating_sub(2)).saturating_sub(keys.len()));
    let ways = keys.len();
    low.append(&mut keys);
    let apart = u16::from(!low.is_empty());
    let room = rows.saturating_sub(low.len() as u16 + apart);
    let mut text = wrapped(step::First::Text);
    if text.len() > usize::from(room) {
        text = wrapped(step::First::Seen);
    }
    Parts {
        text,
        keys: low,
        ways,
        room,
    }
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

fn step_title(view: &View) -> String {
    view.step.as_ref().map_or_else(
        || "Done".to_owned(),
        |s| format!("{} {}", s.number, text::clean(&s.title)),
    )
}

/// The step above its plan: all of it where there is room, else what was seen.
fn above_plan(app: &App, look: Look<'_>, entry: &RunEntry, view: &View, place: planned::Areas, buf: &mut Buffer) {
    let draw_all = |buf: &mut Buffer, area: Rect, lines: &[Line]| {
        for (y, line) in lines.iter().take(usize::from(area.height)).enumerate() {
            draw::line(look, buf, area, y as u16, line, 0);
        }
    };
    let Some(left) = place.steps else {
        let area = Rect::new(
            place.step.x + 1,
            place.step.y,
            place.step.width.saturating_sub(2),
            place.step.height,
        );
        let width = usize::from(area.width);
        let mut lines = vec![steps::line(look, view, width)];
        lines.extend(step::seen_packed(look, view, width));
        draw_all(buf, area, &lines);
        return;
    };
    steps::draw(look, view, left, buf);
    let border = look.style(Role::Border);
    let inner = frame(buf, place.step, border, &[(step_title(view), look.style(Role::Title))]);
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let width = usize::from(inner.width);
    let whole = draw::wrapped(
        &step::lines(app, look, entry, view, &app.activities, width, step::First::Text),
        width,
        true,
    );
    if whole.len() <= usize::from(inner.height) {
        draw_all(buf, inner, &whole);
    } else {
        draw_all(buf, inner, &draw::wrapped(&step::seen(look, view, width), width, true));
    }
}

pub fn draw(app: &App, look: Look<'_>, v: &RunView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let Some(entry) = entry(app, v) else {
        put(buf, body, 1, 0, "this run is gone", look.style(Role::Warn));
        return None;
    };
    let view = view::of(&entry.run, app.now);
    let places = areas(body);
    head::title(app, look, &view, places.title, buf);
    if let Some(plan) = planned::of(app, v) {
        let place = planned_areas(app, plan, body);
        if place.steps.is_some() {
            head::state(app, look, entry, &view, places.state, buf);
            head::note(app, look, &view, places.note, buf);
        }
        above_plan(app, look, entry, &view, place, buf);
        return None;
    }
    head::state(app, look, entry, &view, places.state, buf);
    head::note(app, look, &view, places.note, buf);
    let (left, right) = split(body);
    steps::draw(look, &view, left, buf);
    let inner = frame(
        buf,
        right,
        look.style(Role::BorderFocus),
        &[(step_title(&view), look.style(Role::TitleFocus))],
    );
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let parts = parts(app, look, entry, &view, v, right);
    let top = Rect::new(inner.x, inner.y, inner.width, parts.room);
    draw::body(look, top, &parts.text, &v.scroll, buf);
    let (shown, all) = (usize::from(parts.room), parts.text.len());
    draw::shown(look, right, v.scroll.top, shown, all, buf);
    let low = inner.height.saturating_sub(parts.keys.len() as u16);
    let bottom = Rect::new(inner.x, inner.y + low, inner.width, parts.keys.len() as u16);
    let still = Scroll::default();
    draw::body(look, bottom, &parts.keys, &still, buf);
    // The cursor stands on the way that Enter takes.
    let trouble = parts.keys.len().saturating_sub(parts.ways) as u16;
    let y = bottom.y + (trouble + v.choice as u16).min(bottom.height.saturating_sub(1));
    Some(Position::new(inner.x, y.max(inner.y)))
}
