//! The head of a run's panel: what it is about, how long it goes on and who watches; below that what it waits for, and
//! until when. And its last line, the note.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::super::{Look, clear, put};
use crate::app::layers::PromptFor;
use crate::app::{App, Layer, RunEntry};
use crate::runbook::duration_text;
use crate::runbook::engine::{Phase, Status, StepState};
use crate::runbook::view::View;
use crate::text;
use crate::theme::Role;

pub fn title(app: &App, look: Look<'_>, view: &View, area: Rect, buf: &mut Buffer) {
    let mut x = put(buf, area, 1, 0, "RUNBOOK ", look.style(Role::Accent)) + 1;
    let watching = match app.watchers() {
        0 => String::new(),
        n => format!("{n} watching "),
    };
    let room = usize::from(area.width).saturating_sub(text::width(&watching) + 1);
    let title = text::clean(&view.title);
    let title = text::truncate_end(&title, room.saturating_sub(usize::from(x)));
    x += put(buf, area, x, 0, &title, look.style(Role::TextStrong));
    let subject = text::clean(&view.subject);
    if !subject.is_empty() {
        let subject = format!(" {} {subject}", look.symbols.dot);
        let subject = text::truncate_middle(&subject, room.saturating_sub(usize::from(x)));
        put(buf, area, x, 0, &subject, look.style(Role::TextMuted));
    }
    let at = area.width.saturating_sub(text::width(&watching) as u16);
    put(buf, area, at, 0, &watching, look.style(Role::Info));
}

/// Said of a run that stopped, where there is room.
const GOES_ON: &str = ", and you say how it goes on";

/// What the run waits for; empty where it is over.
fn now(app: &App, entry: &RunEntry, view: &View) -> (String, Role) {
    if !view.waiting.is_empty() {
        // Until when comes first: what may be cut on a small screen comes last.
        let until = app.waits_until(entry).filter(|until| *until > app.now).map(|until| {
            let left = duration_text(until.duration_since(app.now).as_secs().max(1));
            format!(", at most until {} ({left}),", until.strftime("%H:%MZ"))
        });
        let words = format!("waits{} {}", until.unwrap_or_default(), view.waiting);
        let undecided = matches!(entry.run.phase(), Phase::Undecided | Phase::Confirming { .. });
        return (words, if undecided { Role::Warn } else { Role::Info });
    }
    match (&view.status, entry.run.phase()) {
        (Status::Completed, _) => ("done".to_owned(), Role::Ok),
        (Status::RolledBack, _) if view.changes > 0 => ("ended: not all was taken back".to_owned(), Role::Warn),
        (Status::RolledBack, _) => ("rolled back".to_owned(), Role::Ok),
        (Status::Aborted(_), _) => ("ended".to_owned(), Role::Warn),
        (Status::HandedOver(to), _) => (format!("handed over to {to}"), Role::Info),
        (_, Phase::Stopped) => {
            let unknown = matches!(view.step.as_ref().map(|s| &s.state), Some(StepState::Unknown(_)));
            let words = if unknown {
                "stopped: nobody knows how it went"
            } else {
                "stopped: it did not go well"
            };
            (format!("{words}{GOES_ON}"), Role::Warn)
        }
        _ => ("waits for you".to_owned(), Role::Text),
    }
}

/// `run 7f3a · 4m · waits, at most until 14:12Z (3m 10s), for 5 ready pods`.
pub fn state(app: &App, look: Look<'_>, entry: &RunEntry, view: &View, area: Rect, buf: &mut Buffer) {
    let dot = look.symbols.dot;
    let age = match view.elapsed {
        seconds if seconds < 60 => "just begun".to_owned(),
        seconds => duration_text(seconds / 60 * 60),
    };
    let rolling = if view.status == Status::RollingBack {
        format!(" {dot} taking back")
    } else {
        String::new()
    };
    let start = format!("run {} {dot} {age}{rolling} {dot} ", view.run);
    let x = 1 + put(buf, area, 1, 0, &start, look.style(Role::TextMuted));
    let (mut words, role) = now(app, entry, view);
    let room = usize::from(area.width.saturating_sub(x + 1));
    if text::width(&words) > room
        && let Some(short) = words.strip_suffix(GOES_ON)
    {
        words.truncate(short.len());
    }
    put(
        buf,
        area,
        x,
        0,
        &text::truncate_end(&text::clean(&words), room),
        look.style(role),
    );
}

/// Whether the note is being written on the panel's own line.
pub fn is_writing(app: &App) -> Option<&crate::app::layers::Prompt> {
    match app.layers.as_slice() {
        [.., Layer::Runbook(view), Layer::Prompt(p)] => {
            (p.purpose == PromptFor::RunNote { run: view.run }).then_some(p)
        }
        _ => None,
    }
}

/// The note: the last one of this step, or how one is written; the field while it is written.
pub fn note(app: &App, look: Look<'_>, view: &View, area: Rect, buf: &mut Buffer) -> Option<Position> {
    clear(buf, area, look.style(Role::Text));
    let Some(prompt) = is_writing(app) else {
        let x = put(buf, area, 1, 0, "note  ", look.style(Role::TextMuted)) + 1;
        let notes = view.step.as_ref().map_or(&[][..], |s| &s.notes);
        let room = usize::from(area.width.saturating_sub(x + 1));
        let (words, role) = match notes.last() {
            Some(note) => (text::clean(note).into_owned(), Role::Text),
            None if view.status.is_over() => ("none on the last step".to_owned(), Role::TextMuted),
            None if matches!(app.layers.last(), Some(Layer::Plan(_))) => ("none yet".to_owned(), Role::PromptHint),
            None => (
                format!("{} writes one, on record under this step", app.keys_for("run.note")),
                Role::PromptHint,
            ),
        };
        put(buf, area, x, 0, &text::truncate_end(&words, room), look.style(role));
        return None;
    };
    let row = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), 1);
    super::super::plan::field(look, buf, row, 0, "note ", &prompt.field, true)
}
