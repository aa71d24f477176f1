//! Who else is on this machine, and what a followed console shows.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::approval::clock;
use super::{Look, frame, put, select};
use crate::app::doc::Line;
use crate::app::layers::CompanyView;
use crate::app::{Access, App, may_answer};
use crate::journal::spool::{Looks, Presence, Role as Kind, RunSeen, Seen, StepMark};
use crate::text;
use crate::theme::Role;

/// Where somebody is and what they do, in one line.
fn doing(here: &Presence) -> String {
    let seat = here
        .seat
        .as_ref()
        .map_or("no cluster".to_owned(), |s| s.context.clone());
    let Some(looks) = &here.looks else { return seat };
    format!("{seat} · {}", doing_what(looks))
}

fn doing_what(looks: &Looks) -> String {
    if let Some(plan) = &looks.plan {
        return format!("plan {} {}", plan.title, plan.state);
    }
    match &looks.run {
        Some(run) if run.ended.is_empty() => {
            let at = run.steps.len().min(run.at + 1);
            format!("{} {at}/{}", run.title, run.steps.len())
        }
        _ => format!("looks at {}", looks.pane),
    }
}

/// The questions, then the people.
pub fn company(app: &App, look: Look<'_>, view: CompanyView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let title = [("Company".to_owned(), look.style(Role::TitleFocus))];
    let inner = frame(buf, body, look.style(Role::BorderFocus), &title);
    let mut rows: Vec<(Line, bool)> = Vec::new();
    let asks = app.bastion.asks();
    if !asks.is_empty() {
        rows.push((Line::new("Wait for a second person", Role::Heading), false));
    }
    for ask in asks {
        let may = app.bastion.me().is_some_and(|me| may_answer(me, ask).is_ok());
        let mark = if may && app.access == Access::Operator {
            (look.symbols.warning, Role::Warn)
        } else {
            (look.symbols.waiting, Role::TextMuted)
        };
        let line = Line::new(format!("{} ", mark.0), mark.1)
            .and(ask.what().title.clone(), Role::TextStrong)
            .and(format!("  {}", ask.what().seat.context), Role::Text)
            .and(
                format!("  asked by {} at {}", ask.by(), clock(ask.what().at)),
                Role::TextMuted,
            );
        rows.push((line, true));
    }
    rows.push((Line::new("On this machine", Role::Heading), false));
    let name_width = app
        .bastion
        .present()
        .iter()
        .map(|p| text::width(&p.by().to_string()))
        .max();
    for here in app.bastion.present() {
        rows.push((person(app, look, here, name_width.unwrap_or(0).min(32)), true));
    }
    if app.bastion.present().is_empty() {
        rows.push((Line::new("  nobody yet", Role::TextMuted), false));
    }
    let mut cursor = None;
    let mut n = 0;
    for (y, (mut line, counts)) in rows.into_iter().enumerate().take(usize::from(inner.height)) {
        for (piece, _) in &mut line.0 {
            *piece = text::clean(piece).into_owned();
        }
        super::text::line(
            look,
            buf,
            Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height),
            y as u16,
            &line,
            0,
        );
        if counts {
            if n == view.cursor {
                select(
                    look,
                    buf,
                    Rect::new(inner.x, inner.y + y as u16, inner.width, 1),
                    Role::Selection,
                );
                cursor = Some(Position::new(inner.x + 1, inner.y + y as u16));
            }
            n += 1;
        }
    }
    if let Some(why) = app.bastion.news.as_ref().and_then(|news| news.trouble.as_ref()) {
        put(
            buf,
            inner,
            1,
            inner.height.saturating_sub(1),
            &text::clean(why),
            look.style(Role::Error),
        );
    }
    cursor
}

fn person(app: &App, look: Look<'_>, here: &Seen<Presence>, width: usize) -> Line {
    let what = here.what();
    let (mark, role) = match what.role {
        Kind::Operator => (look.symbols.live, Role::Ok),
        Kind::Observer => (look.symbols.dot, Role::TextMuted),
    };
    let you = if app.bastion.is_me(here) { "  (you)" } else { "" };
    let job = match (what.role, &what.following) {
        (Kind::Operator, _) => "operator",
        (Kind::Observer, Some(_)) => "follows ",
        (Kind::Observer, None) => "observer",
    };
    Line::new(format!("{mark} "), role)
        .and(text::pad(&text::clean(&here.by().to_string()), width), Role::TextStrong)
        .and(format!("  {job}  "), Role::TextMuted)
        .and(doing(what), Role::Text)
        .and(you, Role::TextMuted)
}

/// For the footer of who follows: what the other is about to do.
pub fn following_line(app: &App) -> Option<String> {
    let following = app.bastion.following.as_ref()?;
    let what = match (&following.apart, app.followed()) {
        (Some(apart), _) => apart.clone(),
        (None, Some(theirs)) => {
            let looks = theirs.looks.as_ref();
            let incident = looks.and_then(|l| l.incident.as_ref());
            let incident = incident.map_or_else(String::new, |i| format!(" · {i}"));
            format!("{}{incident}", looks.map(doing_what).unwrap_or_default())
        }
        (None, None) => return None,
    };
    Some(text::clean(&format!("{} {what}", following.name)).into_owned())
}

/// Title and lines of what a followed console, or a followed file, says of its runbook.
pub fn followed(app: &App, look: Look<'_>) -> (String, Vec<Line>) {
    let theirs = app.followed();
    let looks = theirs.and_then(|p| p.looks.as_ref());
    let name = match (&app.bastion.following, &app.bastion.recorded) {
        (Some(f), _) => f.name.clone(),
        (None, Some(file)) => format!("{} · {}", file.path, file.who),
        (None, None) => "nobody is followed".to_owned(),
    };
    let mut out = Vec::new();
    if let Some(incident) = looks.and_then(|l| l.incident.as_ref()) {
        out.push(Line::pair("incident", incident.clone()));
    }
    let recorded = app.recorded_run();
    let run = looks.and_then(|l| l.run.as_ref()).or(recorded.as_ref());
    match run {
        Some(run) => run_lines(look, run, &mut out),
        None => out.push(Line::new("no runbook is under way", Role::TextMuted)),
    }
    if let Some(plan) = looks.and_then(|l| l.plan.as_ref()) {
        out.push(Line::default());
        out.push(Line::pair_role(
            "plan",
            format!("{} {}", plan.title, plan.state),
            Role::Info,
        ));
    }
    if let Some(file) = &app.bastion.recorded {
        out.push(Line::default());
        for (at, line) in file.lines.iter().rev() {
            out.push(Line::pair(&clock(*at), line.clone()));
        }
        if let Some(why) = &file.trouble {
            out.push(Line::new(why.clone(), Role::Error));
        }
    }
    for line in &mut out {
        for (piece, _) in &mut line.0 {
            *piece = text::clean(piece).into_owned();
        }
    }
    (text::clean(&name).into_owned(), out)
}

fn run_lines(look: Look<'_>, run: &RunSeen, out: &mut Vec<Line>) {
    let subject = if run.subject.is_empty() {
        String::new()
    } else {
        format!(" · {}", run.subject)
    };
    out.push(Line::new(format!("{}{subject}", run.title), Role::TextStrong).and(
        format!("  run {}, since {}", run.run, clock(run.started)),
        Role::TextMuted,
    ));
    out.push(Line::default());
    for (n, step) in run.steps.iter().enumerate() {
        let (mark, role) = match step.state {
            StepMark::Todo => (look.symbols.waiting, Role::TextMuted),
            StepMark::Current => (look.symbols.pointer, Role::Accent),
            StepMark::Passed => (look.symbols.ok, Role::Ok),
            StepMark::Failed => (look.symbols.failed, Role::Error),
            StepMark::Skipped => (look.symbols.dot, Role::TextMuted),
            StepMark::Unknown => (look.symbols.unknown, Role::Warn),
        };
        let words = if step.state == StepMark::Current {
            Role::TextStrong
        } else {
            Role::Text
        };
        out.push(Line::new(format!("{mark} "), role).and(format!("{} {}", n + 1, step.title), words));
    }
    out.push(Line::default());
    if !run.ended.is_empty() {
        out.push(Line::pair_role("ended", run.ended.clone(), Role::Info));
    } else if !run.waiting.is_empty() {
        out.push(Line::pair_role("waits", run.waiting.clone(), Role::Info));
    }
}
