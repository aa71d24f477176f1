//! What was done and said in this session, newest first.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, select};
use crate::app::seat::Doing;
use crate::app::{Activity, App};
use crate::text;
use crate::theme::Role;

/// One entry as it is drawn: its mark, and its lines beside it.
struct Entry {
    mark: &'static str,
    role: Role,
    lines: Vec<(String, Role)>,
}

fn clock(at: Timestamp) -> String {
    let s = at.as_second().rem_euclid(86_400);
    format!("{:02}:{:02}Z", s / 3600, s % 3600 / 60)
}

fn done(app: &App, look: Look<'_>, a: &Activity, selected: bool, width: usize) -> Entry {
    let (mark, role) = match a.succeeded() {
        None => (look.symbols.waiting, Role::Info),
        Some(true) => (look.symbols.ok, Role::Ok),
        Some(false) => (look.symbols.failed, Role::Error),
    };
    let mut lines = vec![(
        format!("{}  {}", clock(a.started), text::clean(&a.title)),
        Role::TextStrong,
    )];
    // What became of it is never cut: the reason stands at its end.
    let line = crate::app::doc::Line::new(text::clean(&a.line).into_owned(), role);
    let told = super::text::wrapped(&[line], width, true);
    lines.extend(
        told.iter()
            .map(|l| (format!("        {}", l.text().trim_start()), role)),
    );
    if selected {
        lines.extend(
            a.same_as
                .iter()
                .filter(|s| !s.is_empty())
                .map(|s| (format!("        {}", text::clean(s)), Role::TextMuted)),
        );
        if !a.reason.is_empty() {
            lines.push((format!("        because {}", text::clean(&a.reason)), Role::TextMuted));
        }
    }
    if let Some((label, _)) = a.offered_undo(app.place(), app.now) {
        lines.push((
            format!("        {} undo: {}", look.symbols.arrow, text::clean(label)),
            Role::Accent,
        ));
    }
    // What is selected is read in full; of the others each line says when there is more of it.
    let width = width + 8;
    let lines = lines.into_iter().flat_map(|(words, role)| {
        if text::width(&words) <= width {
            return vec![(words, role)];
        }
        if !selected {
            return vec![(text::truncate_end(&words, width).into_owned(), role)];
        }
        let words = crate::app::doc::Line::new(words.trim_start().to_owned(), role);
        let wrapped = super::text::wrapped(&[words], width.saturating_sub(8), true);
        let indented = wrapped
            .iter()
            .map(|line| (format!("        {}", line.text().trim_start()), role));
        indented.collect()
    });
    let lines = lines.collect();
    Entry { mark, role, lines }
}

fn entry(app: &App, look: Look<'_>, doing: &Doing<'_>, selected: bool, width: usize) -> Entry {
    match doing {
        Doing::Activity(a) => done(app, look, a, selected, width),
        Doing::Said(said) => {
            let (mark, role) = if said.notice.error {
                (look.symbols.failed, Role::Error)
            } else {
                (look.symbols.info, Role::TextMuted)
            };
            let text = text::clean(&said.notice.text).into_owned();
            let strong = if said.notice.error { Role::Text } else { Role::TextMuted };
            let wrapped = super::text::wrapped(&[crate::app::doc::Line::new(text, strong)], width, true);
            // What is selected is read in full.
            let keep = if selected { usize::MAX } else { 1 };
            let cut = wrapped.len() > keep;
            let mut lines: Vec<(String, Role)> = Vec::new();
            for (i, line) in wrapped.iter().take(keep).enumerate() {
                let time = if i == 0 { clock(said.at) } else { " ".repeat(6) };
                let more = if cut { look.symbols.ellipsis } else { "" };
                lines.push((format!("{time}  {}{more}", line.text()), strong));
            }
            Entry { mark, role, lines }
        }
    }
}

/// The list. Returns where the hardware cursor belongs.
pub fn draw(app: &App, look: Look<'_>, at: usize, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let inner = frame(
        buf,
        body,
        look.style(Role::BorderFocus),
        &[("Activity".to_owned(), look.style(Role::TitleFocus))],
    );
    let doings = app.doings();
    if doings.is_empty() {
        let text = "nothing was done or said in this session";
        put(buf, inner, 1, 0, text, look.style(Role::TextMuted));
        return None;
    }
    let at = at.min(doings.len() - 1);
    let width = usize::from(inner.width.saturating_sub(13));
    let entries: Vec<Entry> = doings
        .iter()
        .enumerate()
        .map(|(i, d)| entry(app, look, d, i == at, width))
        .collect();
    // The selected one is on the screen, whole where there is room.
    let rows = usize::from(inner.height);
    let height = |from: usize| {
        entries
            .iter()
            .take(at + 1)
            .skip(from)
            .map(|e| e.lines.len())
            .sum::<usize>()
    };
    let first = (0..=at).find(|from| height(*from) <= rows).unwrap_or(at);
    let (mut y, mut cursor) = (0, None);
    for (i, entry) in entries.iter().enumerate().skip(first) {
        if y >= inner.height {
            break;
        }
        put(buf, inner, 1, y, entry.mark, look.style(entry.role));
        for (row, (text, role)) in entry.lines.iter().enumerate() {
            put(buf, inner, 3, y + row as u16, text, look.style(*role));
        }
        if i == at {
            let line = Rect::new(inner.x, inner.y + y, inner.width, 1);
            select(look, buf, line, Role::Selection);
            cursor = Some(Position::new(inner.x, inner.y + y));
        }
        y += entry.lines.len() as u16;
    }
    cursor
}
