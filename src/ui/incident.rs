//! The panel of an incident: what is known, what must be taken back, what is to do, what was done last. And the editor of
//! messages to others.

use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, put, text as draw};
use crate::action::temporary_state::Means;
use crate::app::App;
use crate::app::doc::Line;
use crate::app::layers::{IncidentView, MessageView, Pick};
use crate::journal::Temporary;
use crate::journal::incident::{Fact, Incident, Status};
use crate::journal::message::{gaps, length};
use crate::journal::timeline::target_words;
use crate::text;
use crate::theme::Role;

/// Lines of the record at the end of the panel: the timeline has all.
const LAST: usize = 30;

/// `P2 14 min`: until others must hear of it. Due and overdue are said, not shouted.
pub fn badge(app: &App, wide: bool) -> Option<(String, Role)> {
    let incident = app.incident()?;
    let name = text::clean(&incident.level.name).into_owned();
    let Some(left) = incident.update_in(app.server_now()) else {
        return Some((name, Role::Header));
    };
    // The minute that has begun counts: `0 min` would look due a minute early.
    let minutes = (left.as_secs() + 59).div_euclid(60);
    Some(match minutes {
        1.. if wide => (format!("{name} update in {}", short(minutes)), Role::Header),
        1.. => (format!("{name} {}", short(minutes)), Role::Header),
        0 => (format!("{name} update due"), Role::Warn),
        _ if wide => (format!("{name} update due for {}", short(-minutes)), Role::Warn),
        _ => (format!("{name} due {}", short(-minutes)), Role::Warn),
    })
}

fn short(minutes: i64) -> String {
    length(SignedDuration::from_mins(minutes))
}

fn clock(at: jiff::Timestamp) -> String {
    at.strftime("%H:%MZ").to_string()
}

pub fn title(app: &App, view: &IncidentView) -> String {
    match (app.incident_of(view), &view.id) {
        (Some(i), _) => format!("{} {} {}", i.level.name, i.title(), i.id),
        (None, Some(id)) => format!("{id}: going on record"),
        (None, None) => "No incident is open".to_owned(),
    }
}

pub fn lines(app: &App, look: Look<'_>, view: &IncidentView) -> Vec<Line> {
    let mut out = Vec::new();
    let at = app.picks(view).into_iter().nth(view.cursor);
    let incident = app.incident_of(view);
    if let Some(incident) = incident {
        head(app, incident, &mut out);
        out.push(Line::default());
    } else if app.may_record().is_ok() && view.id.is_none() {
        out.push(Line::new(
            format!("{} opens one.", app.keys_for("incident.new")),
            Role::TextMuted,
        ));
        out.push(Line::default());
    }
    let open = app.temporary();
    out.push(Line::heading(match open.len() {
        0 => "To take back: nothing".to_owned(),
        n => format!("To take back: {n}"),
    }));
    for t in &open {
        let on = at.as_ref() == Some(&Pick::Temporary(t.key.clone()));
        temporary(app, look, t, on, &mut out);
    }
    if let Some(incident) = incident.filter(|i| !i.todos.is_empty()) {
        out.push(Line::default());
        out.push(Line::heading(format!(
            "To do: {} of {}",
            incident.open_todos(),
            incident.todos.len()
        )));
        for todo in &incident.todos {
            let on = at == Some(Pick::Todo(todo.n));
            let (mark, role) = if todo.done.is_some() {
                (look.symbols.ok, Role::TextMuted)
            } else {
                (look.symbols.waiting, Role::Text)
            };
            out.push(
                Line::new(
                    if on {
                        format!("{} ", look.symbols.pointer)
                    } else {
                        "  ".to_owned()
                    },
                    Role::Accent,
                )
                .and(format!("{mark}  "), role)
                .and(text::clean(&todo.said.text).into_owned(), role)
                .and(format!("  {}", text::clean(&todo.said.by)), Role::TextMuted),
            );
        }
    }
    out.push(Line::default());
    out.push(Line::heading("Last on record"));
    let moments = app.recorded.timeline.moments();
    let shown = moments
        .iter()
        .rev()
        .filter(|m| incident.is_none_or(|i| i.holds(m)))
        .take(LAST);
    let before = out.len();
    out.extend(shown.map(|m| super::timeline::line(look, m, false)));
    if out.len() == before {
        out.push(Line::new("nothing yet", Role::TextMuted));
    }
    out
}

fn head(app: &App, incident: &Incident, out: &mut Vec<Line>) {
    let now = app.server_now();
    let (me, end) = (&app.recorded.me, incident.ended());
    let lasted = length(end.unwrap_or(now).duration_since(incident.started));
    let state = match &incident.closed {
        Some(closed) => format!("closed {} by {}", clock(closed.at), closed.by),
        None => incident.status.word().to_owned(),
    };
    out.push(
        Line::pair_role(
            "status",
            state,
            if incident.is_open() { Role::TextStrong } else { Role::Ok },
        )
        .and(
            format!("   started {}, {lasted}", clock(incident.started)),
            Role::TextMuted,
        ),
    );
    let command = if incident.commander == *me {
        format!("{me} (you)")
    } else {
        incident.commander.clone()
    };
    let mut line = Line::pair("commander", text::clean(&command).into_owned());
    if let Some((to, by)) = &incident.offered {
        let words = if to == me {
            format!(
                "   {} asks you: {} takes it",
                text::clean(by),
                app.keys_for("incident.take")
            )
        } else {
            format!("   {} is asked, and has not accepted yet", text::clean(to))
        };
        line = line.and(words, Role::Warn);
    }
    out.push(line);
    if incident.is_open() {
        let (words, role) = match incident.update_in(now).map(|d| (d.as_secs() + 59).div_euclid(60)) {
            None => ("none: others heard that it is resolved".to_owned(), Role::Text),
            Some(m) if m > 0 => (format!("due in {}", short(m)), Role::Text),
            Some(0) => (format!("due now: {}", app.keys_for("incident.tell")), Role::Warn),
            Some(m) => (
                format!("due for {}: {}", short(-m), app.keys_for("incident.tell")),
                Role::Warn,
            ),
        };
        let sent = match incident.sent.last() {
            Some(s) => format!(
                "   {} sent, last {} ({})",
                incident.sent.len(),
                clock(s.at),
                s.status.word()
            ),
            None => format!(
                "   none sent yet; every {}",
                short(i64::from(incident.level.every_minutes))
            ),
        };
        out.push(Line::pair_role("update", words, role).and(sent, Role::TextMuted));
    }
    for fact in [
        Fact::Impact,
        Fact::Cause,
        Fact::Mitigation,
        Fact::Eta,
        Fact::Resolution,
        Fact::FollowUp,
    ] {
        let known = incident.fact(fact);
        let wanted = match fact {
            Fact::Impact => true,
            Fact::Cause => incident.status >= Status::Identified,
            Fact::Mitigation => incident.status == Status::Monitoring,
            _ => false,
        };
        if !known.is_empty() {
            out.push(Line::pair(fact.word(), text::clean(known).into_owned()));
        } else if wanted && incident.is_open() {
            out.push(Line::pair_role(
                fact.word(),
                format!("not known yet: {}", app.keys_for("incident.fact")),
                Role::TextMuted,
            ));
        }
    }
    for d in &incident.decisions {
        out.push(
            Line::pair("decided", text::clean(&d.text).into_owned())
                .and(format!("  {} {}", clock(d.at), text::clean(&d.by)), Role::TextMuted),
        );
    }
}

fn temporary(app: &App, look: Look<'_>, t: &Temporary, on: bool, out: &mut Vec<Line>) {
    let late = t.overdue(app.now).as_mins();
    let (mark, role) = if late >= 0 && !t.ends {
        (look.symbols.warning, Role::Warn)
    } else {
        (" ", Role::Text)
    };
    let until = match late {
        _ if t.ends => format!("ends by itself {}", clock(t.until)),
        ..0 => format!("by {} ({})", clock(t.until), short(-late)),
        _ => format!("late for {}", short(late)),
    };
    let mut line = Line::new(
        if on {
            format!("{} ", look.symbols.pointer)
        } else {
            "  ".to_owned()
        },
        Role::Accent,
    )
    .and(format!("{mark}  "), role)
    .and(
        format!("{} {}", text::clean(&target_words(&t.target)), text::clean(&t.words)),
        if on { Role::TextStrong } else { role },
    )
    .and(
        format!("  {until}"),
        if late >= 0 && !t.ends { Role::Warn } else { Role::Info },
    )
    .and(format!("  {} {}", text::clean(&t.by), clock(t.since)), Role::TextMuted);
    if !t.certain {
        line = line.and("  no result on record: look whether it is so", Role::Warn);
    }
    out.push(line);
    let (words, means) = app.now_words(t);
    let role = match means {
        Means::Back => Role::Ok,
        Means::Stands => Role::TextMuted,
        Means::Other => Role::Warn,
        Means::Unknown => Role::PromptHint,
    };
    out.push(Line::new("     ", role).and(text::clean(&words).into_owned(), role));
    if on && !t.reason.is_empty() {
        out.push(Line::new("     ", Role::TextMuted).and(format!("why: {}", text::clean(&t.reason)), Role::TextMuted));
    }
}

pub fn panel(app: &App, look: Look<'_>, view: &IncidentView, body: Rect, buf: &mut Buffer) -> Position {
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

/// The editor: what is still to be filled in stands out.
pub fn message(app: &App, look: Look<'_>, view: &MessageView, body: Rect, buf: &mut Buffer) -> Position {
    let title = format!("Tell others: {}", view.status.word());
    let inner = super::frame(
        buf,
        body,
        look.style(Role::BorderFocus),
        &[(title, look.style(Role::TitleFocus))],
    );
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let tell = app
        .recorded
        .incidents
        .get(&view.incident)
        .map_or("", |i| i.level.tell.as_str());
    let missing = gaps(&view.pad.text()).len();
    let (first, role) = match missing {
        0 => (
            format!("For {}. Edit it here as you like.", text::clean(tell)),
            Role::TextMuted,
        ),
        1 => (
            "Edit it here. 1 thing is to be filled in: typing on <…?> replaces it.".to_owned(),
            Role::Warn,
        ),
        n => (
            format!("Edit it here. {n} things are to be filled in: typing on <…?> replaces it."),
            Role::Warn,
        ),
    };
    let second = format!(
        "{} copies it for you to send; then {} puts on record that you did.",
        app.keys_for("message.copy"),
        app.keys_for("message.sent")
    );
    for (y, (words, role)) in [(first, role), (second, Role::TextMuted)].iter().enumerate() {
        let words = text::truncate_end(words, usize::from(inner.width));
        put(buf, inner, 0, y as u16, &words, look.style(*role));
    }
    let (row, column) = view.pad.cursor();
    let area = Rect::new(inner.x, inner.y + 3, inner.width, inner.height.saturating_sub(3));
    let (page, width) = (usize::from(area.height).max(1), usize::from(area.width).max(1));
    let top = (row + 1).saturating_sub(page);
    // One line on screen a line of text: the one being written moves along with the cursor.
    let left = if column >= width { column + 1 - width } else { 0 };
    for (y, l) in view.pad.lines().iter().enumerate().skip(top).take(page) {
        let from = if y == row { left } else { 0 };
        let shown: String = l.chars().skip(from).collect();
        let role = if gaps(l).is_empty() { Role::Text } else { Role::Warn };
        let shown = text::truncate_end(&shown, width).into_owned();
        put(buf, area, 0, (y - top) as u16, &text::clean(&shown), look.style(role));
    }
    if let Some((from, end)) = view.pad.gap_here() {
        let (from, end) = (from.saturating_sub(left), end.saturating_sub(left).min(width));
        let gap = Rect::new(
            area.x + from as u16,
            area.y + (row - top) as u16,
            (end - from) as u16,
            1,
        );
        super::select(look, buf, gap, Role::Selection);
    }
    Position::new(area.x + (column - left) as u16, area.y + (row - top) as u16)
}
