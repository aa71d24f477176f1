//! The timeline: what was done, when, by whom, why, and what came of it.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, text as draw};
use crate::app::App;
use crate::app::doc::Line;
use crate::app::layers::TimelineView;
use crate::journal::Moment;
use crate::journal::timeline::{About, Came};
use crate::text;
use crate::theme::Role;

/// One line; with its day where several are shown.
pub fn line(look: Look<'_>, m: &Moment, day: bool) -> Line {
    let when = m.at.strftime(if day { "%m-%d %H:%MZ" } else { "%H:%MZ" }).to_string();
    let (mark, role) = match m.came {
        Came::Plain => (" ", Role::Text),
        Came::Open => (look.symbols.waiting, Role::Info),
        Came::Good => (look.symbols.ok, Role::Ok),
        Came::Bad => (look.symbols.failed, Role::Error),
        Came::Unknown => (look.symbols.unknown, Role::Warn),
    };
    let words = match m.about {
        About::Action => Role::TextStrong,
        About::Console => Role::TextMuted,
        _ => Role::Text,
    };
    let mut line = Line::new(format!("{when} "), Role::TextMuted)
        .and(
            format!("{:<8} ", text::truncate_end(&text::clean(&m.by), 8)),
            Role::Accent,
        )
        .and(format!("{mark} "), role)
        .and(text::clean(&m.text).into_owned(), words);
    if !m.reason.is_empty() {
        line = line.and(format!(" ({})", text::clean(&m.reason)), Role::TextMuted);
    }
    if !m.result.is_empty() {
        line = line.and(format!(": {}", text::clean(&m.result)), role);
    }
    line
}

pub fn title(app: &App, view: &TimelineView) -> String {
    let mut title = match &view.incident {
        Some(id) => format!("Timeline of {id}"),
        None => "Timeline".to_owned(),
    };
    if !view.only.is_empty() {
        let _ = write!(title, " with “{}”", view.only);
    }
    if !app.recorded.read {
        title.push_str(", reading");
    }
    title
}

pub fn lines(app: &App, look: Look<'_>, view: &TimelineView) -> Vec<Line> {
    let moments = app.recorded.timeline.moments();
    let incident = view.incident.as_ref().and_then(|id| app.recorded.incidents.get(id));
    let shown: Vec<&&Moment> = moments.iter().filter(|m| view.shows(incident, m)).collect();
    let today = app.server_now().strftime("%Y-%m-%d").to_string();
    let day = shown.iter().any(|m| m.at.strftime("%Y-%m-%d").to_string() != today);
    let mut out: Vec<Line> = app
        .recorded
        .doubts
        .iter()
        .map(|d| Line::new(format!("! {}", text::clean(d)), Role::Warn))
        .collect();
    out.extend(shown.into_iter().map(|m| line(look, m, day)));
    if out.is_empty() {
        let why = if app.recorded.read {
            "nothing is on record here"
        } else {
            "the journal is being read"
        };
        out.push(Line::new(why, Role::TextMuted));
    }
    out
}

pub fn panel(app: &App, look: Look<'_>, view: &TimelineView, body: Rect, buf: &mut Buffer) -> Position {
    draw::panel(
        look,
        body,
        &title(app, view),
        &lines(app, look, view),
        &view.scroll,
        buf,
    );
    Position::new(body.x + 2, body.y + 1)
}
