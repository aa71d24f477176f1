//! Somebody else's plan that waits for a second person: the whole of it, and the answer.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::plan::field;
use super::{Look, clear, frame, put, text as draw};
use crate::app::App;
use crate::app::doc::Line;
use crate::app::layers::{ApprovalFocus, ApprovalLayer};
use crate::text;
use crate::theme::Role;

/// `14:02Z`
pub(super) fn clock(at: Timestamp) -> String {
    let s = at.as_second().rem_euclid(86_400);
    format!("{:02}:{:02}Z", s / 3600, s % 3600 / 60)
}

fn lines(app: &App, look: Look<'_>, layer: &ApprovalLayer) -> Vec<Line> {
    let ask = layer.ask.what();
    let mut out = vec![
        Line::pair(
            "asked by",
            format!("{} at {}, until {}", layer.ask.by(), clock(ask.at), clock(ask.expires)),
        ),
        Line::pair("because", ask.reason.clone()),
        Line::pair("on", format!("{} ({})", ask.seat.context, ask.seat.server)),
    ];
    out.extend(ask.changes.iter().map(|c| Line::pair("changes", c.clone())));
    out.extend(ask.same_as.iter().map(|s| Line::pair("same as", s.clone())));
    out.extend(ask.impact.iter().map(|i| Line::pair("impact", i.clone())));
    for warning in &ask.warnings {
        out.push(Line::new(format!("{} {warning}", look.symbols.warning), Role::Warn));
    }
    for doubt in &ask.doubts {
        out.push(Line::new(format!("{} {doubt}", look.symbols.unknown), Role::Warn));
    }
    out.push(Line::pair("undo", ask.undo.clone()));
    out.push(Line::pair("risk", format!("{} on {}", ask.risk, ask.class)));
    let elsewhere = app.place().filter(|p| p.server != ask.seat.server);
    if let Some(here) = elsewhere {
        let text = format!(
            "{} your console looks at {}, not at {}: you cannot see what this changes",
            look.symbols.warning, here.context, ask.seat.context
        );
        out.push(Line::new(text, Role::Warn));
    }
    if let Err(why) = &layer.may {
        out.push(Line::new(format!("{} {why}", look.symbols.info), Role::Info));
    }
    for line in &mut out {
        for (piece, _) in &mut line.0 {
            *piece = text::clean(piece).into_owned();
        }
    }
    out
}

struct Layout {
    lines: Vec<Line>,
    area: Rect,
    /// Rows for the text.
    room: u16,
}

impl Layout {
    fn overflow(&self) -> usize {
        match self.lines.len() {
            n if n <= usize::from(self.room) => 0,
            n => n + 1 - usize::from(self.room.max(1)),
        }
    }
}

fn layout(app: &App, look: Look<'_>, layer: &ApprovalLayer, screen: Rect) -> Layout {
    let width = screen.width.min(96);
    let lines = draw::wrapped(&lines(app, look, layer), usize::from(width.saturating_sub(4)), true);
    let form = if layer.may.is_ok() { 4 } else { 2 } + u16::from(layer.complaint.is_some());
    let height = (lines.len() as u16 + form + 2).min(screen.height);
    let area = Rect::new(
        screen.x + (screen.width - width) / 2,
        screen.y + (screen.height - height) / 2,
        width,
        height,
    );
    Layout {
        lines,
        area,
        room: height.saturating_sub(2 + form),
    }
}

/// How many lines of the text do not fit at the bottom of `screen`.
pub fn overflow(app: &App, layer: &ApprovalLayer, screen: Rect) -> usize {
    layout(app, super::measuring(), layer, screen).overflow()
}

/// The dialog. Returns where the hardware cursor belongs.
pub fn draw(app: &App, look: Look<'_>, layer: &ApprovalLayer, screen: Rect, buf: &mut Buffer) -> Option<Position> {
    let layout = layout(app, look, layer, screen);
    let overflow = layout.overflow();
    let Layout { lines, area, room } = layout;
    let ask = layer.ask.what();
    clear(buf, area, look.style(Role::Text));
    let production = !matches!(ask.class.as_str(), "STAGING" | "LOCAL");
    let (border, badge) = if production {
        (Role::BorderDanger, Role::BadgeProd)
    } else {
        (Role::BorderFocus, Role::BadgeLocal)
    };
    let title_room = usize::from(area.width).saturating_sub(ask.class.len() + 24);
    let title = text::truncate_middle(&text::clean(&ask.title), title_room).into_owned();
    let heading = [
        ("Second person: ".to_owned(), look.style(Role::Text)),
        (title, look.style(Role::TitleFocus)),
        (" ".to_owned(), look.style(Role::Text)),
        (format!(" {} ", text::clean(&ask.class)), look.style(badge)),
    ];
    let inner = frame(buf, area, look.style(border), &heading);
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let from = layer.scroll.min(overflow);
    let page = usize::from(room) - usize::from(overflow > 0 && room > 0);
    for (y, line) in lines.iter().skip(from).take(page).enumerate() {
        draw::line(look, buf, inner, y as u16, line, 0);
    }
    if overflow > 0 && room > 0 {
        let more = match overflow - from {
            0 => format!("{} the beginning", look.symbols.ascending),
            n => format!("{} {n} more", look.symbols.descending),
        };
        put(buf, inner, 0, room - 1, &more, look.style(Role::Accent));
    }
    let mut y = room;
    let mut cursor = None;
    if layer.may.is_ok() {
        let on = |focus| layer.focus == focus;
        cursor = field(
            look,
            buf,
            inner,
            y,
            "your reason",
            &layer.reason,
            on(ApprovalFocus::Reason),
        );
        y += 1;
        let label = format!("to approve, type {}", text::clean(&ask.word));
        cursor = field(look, buf, inner, y, &label, &layer.word, on(ApprovalFocus::Word)).or(cursor);
        y += 1;
    }
    if let Some(why) = &layer.complaint {
        put(buf, inner, 0, y, &text::clean(why), look.style(Role::Error));
    }
    let y = inner.height.saturating_sub(1);
    let mut buttons = vec![(ApprovalFocus::Cancel, " Not now ".to_owned())];
    if layer.may.is_ok() {
        buttons.push((ApprovalFocus::Refuse, " Refuse ".to_owned()));
        let verb = format!(" Approve: {} ", text::clean(&ask.verb));
        let left = usize::from(inner.width).saturating_sub(24);
        buttons.push((ApprovalFocus::Approve, text::truncate_end(&verb, left).into_owned()));
    }
    let total: usize = buttons.iter().map(|(_, label)| text::width(label) + 2).sum();
    let mut x = inner.width.saturating_sub(total as u16);
    for (focus, label) in &buttons {
        let role = match (layer.focus == *focus, focus) {
            (false, _) => Role::Button,
            (true, ApprovalFocus::Approve) => Role::ButtonDanger,
            (true, _) => Role::ButtonFocus,
        };
        if layer.focus == *focus {
            cursor = Some(Position::new(inner.x + x, inner.y + y));
        }
        x += put(buf, inner, x, y, label, look.style(role)) + 2;
    }
    cursor
}
