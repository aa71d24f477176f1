//! What floats over the screen: palette, pickers, prompts, questions, help, the popup after a prefix.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, clear, frame, help, plan, put, text as draw};
use crate::app::layers::{Palette, Picker, Prompt, Question};
use crate::app::{App, Layer, WHICH_KEY, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::text;
use crate::theme::Role;

/// Draws a floating layer; returns where the hardware cursor belongs.
pub fn float(
    app: &App,
    look: Look<'_>,
    layer: &Layer,
    screen: Rect,
    body: Rect,
    footer: Rect,
    buf: &mut Buffer,
) -> Option<Position> {
    match layer {
        Layer::Plan(p) => plan::draw(app, look, p, body, buf),
        Layer::Picker(p) => picker(look, p, body, buf),
        Layer::Palette(p) => palette(look, p, body, buf),
        Layer::Prompt(p) if p.is_line() => Some(line(look, p, footer, buf)),
        Layer::Prompt(p) => Some(prompt(look, p, screen, buf)),
        Layer::Question(q) => Some(question(look, q, screen, buf)),
        Layer::Help(h) => {
            let lines = help::lines(app, h);
            clear(buf, body, look.style(Role::Text));
            let title = if h.searching || !h.field.is_empty() {
                format!("Help · /{}", h.field.text())
            } else {
                "Help".to_owned()
            };
            draw::panel(look, body, &title, &lines, &h.scroll, buf);
            None
        }
        _ => None,
    }
}

fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    Rect::new(
        screen.x + (screen.width - width) / 2,
        screen.y + (screen.height - height) / 3,
        width,
        height,
    )
}

fn boxed(look: Look<'_>, area: Rect, title: &str, buf: &mut Buffer) -> Rect {
    clear(buf, area, look.style(Role::Text));
    let inner = frame(
        buf,
        area,
        look.style(Role::BorderFocus),
        &[(text::clean(title).into_owned(), look.style(Role::TitleFocus))],
    );
    Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height)
}

#[allow(clippy::unnecessary_wraps)] // one shape for all dialogs
fn picker(look: Look<'_>, p: &Picker, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let shown = p.shown();
    let area = centred(body, 80, (shown.len() as u16 + 5).clamp(8, body.height));
    let inner = boxed(look, area, &p.title, buf);
    put(buf, inner, 0, 0, "/", look.style(Role::Prompt));
    put(
        buf,
        inner,
        2,
        0,
        &text::clean(p.field.text()),
        look.style(Role::PromptText),
    );
    if !p.note.is_empty() {
        put(buf, inner, 0, 1, &text::clean(&p.note), look.style(Role::TextMuted));
    }
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let from = (p.cursor + 1).saturating_sub(page);
    for (y, (i, c)) in shown.iter().enumerate().skip(from).take(page).enumerate() {
        let y = y as u16 + 2;
        let mark = if p.marked.contains(&c.value) {
            look.symbols.mark
        } else {
            " "
        };
        put(buf, inner, 0, y, mark, look.style(Role::Mark));
        let x = 2 + put(buf, inner, 2, y, &text::clean(&c.label), look.style(Role::Text)) + 2;
        let room = inner.width.saturating_sub(x);
        put(
            buf,
            inner,
            x,
            y,
            &text::truncate_end(&text::clean(&c.hint), usize::from(room)),
            look.style(Role::TextMuted),
        );
        if i == p.cursor {
            buf.set_style(
                Rect::new(inner.x, inner.y + y, inner.width, 1),
                look.style(Role::Selection),
            );
        }
    }
    Some(Position::new(inner.x + 2 + p.field.cursor() as u16, inner.y))
}

#[allow(clippy::unnecessary_wraps)] // one shape for all dialogs
fn palette(look: Look<'_>, p: &Palette, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let area = centred(body, 96, body.height.min(22));
    let inner = boxed(look, area, "Commands", buf);
    put(buf, inner, 0, 0, ":", look.style(Role::Prompt));
    put(
        buf,
        inner,
        2,
        0,
        &text::clean(p.field.text()),
        look.style(Role::PromptText),
    );
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let from = (p.cursor + 1).saturating_sub(page);
    if p.entries.is_empty() {
        put(buf, inner, 0, 2, "no command matches", look.style(Role::TextMuted));
    }
    for (y, (i, e)) in p.entries.iter().enumerate().skip(from).take(page).enumerate() {
        let y = y as u16 + 2;
        let role = if e.why_not.is_some() {
            Role::KeyDisabled
        } else {
            Role::Text
        };
        put(
            buf,
            inner,
            0,
            y,
            &text::pad(e.id, 24),
            look.style(if e.why_not.is_some() { role } else { Role::Accent }),
        );
        let words = match &e.why_not {
            Some(why) => format!("{}  ({why})", e.doc),
            None => e.doc.to_owned(),
        };
        let room = inner.width.saturating_sub(25);
        put(
            buf,
            inner,
            25,
            y,
            &text::truncate_end(&words, usize::from(room)),
            look.style(role),
        );
        if i == p.cursor {
            buf.set_style(
                Rect::new(inner.x, inner.y + y, inner.width, 1),
                look.style(Role::Selection),
            );
        }
    }
    Some(Position::new(inner.x + 2 + p.field.cursor() as u16, inner.y))
}

fn line(look: Look<'_>, p: &Prompt, footer: Rect, buf: &mut Buffer) -> Position {
    clear(buf, footer, look.style(Role::Text));
    let x = put(buf, footer, 1, 0, &format!("{} / ", p.label), look.style(Role::Prompt)) + 1;
    put(
        buf,
        footer,
        x,
        0,
        &text::clean(p.field.text()),
        look.style(Role::PromptText),
    );
    let hint = "enter keeps  esc clears";
    put(
        buf,
        footer,
        footer.width.saturating_sub(hint.len() as u16 + 1),
        0,
        hint,
        look.style(Role::TextMuted),
    );
    Position::new(footer.x + x + p.field.cursor() as u16, footer.y)
}

fn prompt(look: Look<'_>, p: &Prompt, screen: Rect, buf: &mut Buffer) -> Position {
    let area = centred(screen, 72, 5);
    let inner = boxed(look, area, &p.label, buf);
    put(
        buf,
        inner,
        0,
        0,
        &text::clean(p.field.text()),
        look.style(Role::PromptText),
    );
    for x in text::width(p.field.text()) as u16..inner.width {
        put(buf, inner, x, 0, "_", look.style(Role::PromptHint));
    }
    let (words, role) = match &p.complaint {
        Some(why) => (why.as_str(), Role::Error),
        None => (p.hint.as_str(), Role::TextMuted),
    };
    put(buf, inner, 0, 2, &text::clean(words), look.style(role));
    Position::new(
        (inner.x + p.field.cursor() as u16).min(inner.right().saturating_sub(1)),
        inner.y,
    )
}

fn question(look: Look<'_>, q: &Question, screen: Rect, buf: &mut Buffer) -> Position {
    let area = centred(screen, 72, 6);
    let inner = boxed(look, area, &q.text, buf);
    put(buf, inner, 0, 0, &text::clean(&q.detail), look.style(Role::Text));
    let (no, yes) = (format!(" {} ", q.no), format!(" {} ", q.yes));
    let style = |on: bool| look.style(if on { Role::ButtonFocus } else { Role::Button });
    let x = inner
        .width
        .saturating_sub((text::width(&no) + text::width(&yes) + 2) as u16);
    let w = put(buf, inner, x, 3, &no, style(!q.on_yes));
    put(buf, inner, x + w + 2, 3, &yes, style(q.on_yes));
    Position::new(inner.x + x + if q.on_yes { w + 2 } else { 0 }, inner.y + 3)
}

/// What may follow a prefix, once one hesitates.
pub fn which_key(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) {
    if app.pending.is_empty() || app.now.duration_since(app.pending_since) < WHICH_KEY {
        return;
    }
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let contexts = app.contexts();
    let found = hints::which_key(&app.keys, vocabulary, &contexts, &app.pending);
    let title = match app.keys.resolve(
        &contexts,
        app.pending.get(..app.pending.len() - 1).unwrap_or(&[]),
        app.pending
            .last()
            .copied()
            .unwrap_or(crate::keys::Chord::plain(crate::keys::Key::Esc)),
    ) {
        crate::keys::Resolved::Pending(Some(name)) => name.to_owned(),
        _ => "Keys".to_owned(),
    };
    let height = (found.len() as u16 + 2).min(body.height);
    let width = body.width.min(78);
    let area = Rect::new(body.right() - width, body.bottom() - height, width, height);
    let inner = boxed(look, area, &title, buf);
    for (y, row) in found.iter().take(usize::from(inner.height)).enumerate() {
        let why = row.id.and_then(command::find).and_then(|c| (c.when)(app).err());
        put(
            buf,
            inner,
            0,
            y as u16,
            &text::pad(&row.keys.join(" "), 6),
            look.style(Role::Key),
        );
        let role = if why.is_some() { Role::KeyDisabled } else { Role::Text };
        let words = why.map_or_else(|| row.doc.clone(), |w| format!("{}  ({w})", row.doc));
        let room = usize::from(inner.width.saturating_sub(7));
        put(
            buf,
            inner,
            7,
            y as u16,
            &text::truncate_end(&words, room),
            look.style(role),
        );
    }
}
