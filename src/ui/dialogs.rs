//! What floats over the screen: palette, pickers, prompts, questions, help, the popup after a prefix.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, approval, clear, field, frame, help, plan, put, runbook, select, text as draw};
use crate::app::doc::Line;
use crate::app::layers::{Choice, Does, Palette, Picker, PickerFor, Prompt, PromptFor, Question};
use crate::app::{App, Layer, WHICH_KEY, command};
use crate::keys::{CONTEXTS, Vocabulary, format_sequence, hints};
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
        Layer::Plan(p) => plan::draw(app, look, p, runbook::plan_frame(app, p, body), buf),
        Layer::Approval(a) => approval::draw(app, look, a, body, buf),
        Layer::Picker(p) => picker(look, p, body, buf),
        Layer::Palette(p) => palette(app, look, p, body, buf),
        Layer::Prompt(p) if p.is_line() => Some(line(app, look, p, footer, buf)),
        Layer::Prompt(p) if runbook::has_note_line(app, p) => runbook::note_line(app, look, body, buf),
        Layer::Prompt(p) => Some(prompt(look, p, screen, buf)),
        Layer::Question(q) => Some(question(look, q, screen, buf)),
        Layer::Help(h) => {
            let lines = help::lines(app, h, usize::from(body.width.saturating_sub(4)));
            clear(buf, body, look.style(Role::Text));
            let title = if h.searching || !h.field.is_empty() {
                format!("Help · /{}", h.field.text())
            } else {
                "Help".to_owned()
            };
            draw::panel(look, body, &title, &lines, &h.scroll, buf);
            let typed = if h.searching {
                Position::new(body.x + 10 + h.field.cursor() as u16, body.y)
            } else {
                Position::new(body.x + 2, body.y + 1)
            };
            Some(typed)
        }
        _ => None,
    }
}

/// What is right of the first `columns` of the first row.
const fn after(area: Rect, columns: u16) -> Rect {
    Rect {
        x: area.x.saturating_add(columns),
        y: area.y,
        width: area.width.saturating_sub(columns),
        height: 1,
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
    let area = centred(body, 80, (shown.len() as u16 + 5).max(8).min(body.height));
    let inner = boxed(look, area, &p.title, buf);
    put(buf, inner, 0, 0, "/", look.style(Role::Prompt));
    let cursor = field::draw(look, &p.field, false, after(inner, 2), buf);
    if !p.note.is_empty() {
        put(buf, inner, 0, 1, &text::clean(&p.note), look.style(Role::TextMuted));
    }
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let from = (p.cursor + 1).saturating_sub(page);
    let widest = |of: fn(&Choice) -> &str| {
        shown
            .iter()
            .map(|c| text::width(&text::clean(of(c))))
            .max()
            .unwrap_or(0)
    };
    // Names give way to what is said of them only where that is how a run stands; descriptions begin in one column.
    let inside = usize::from(inner.width).saturating_sub(6);
    let beside = inside.saturating_sub(widest(|c| &c.hint));
    let most = match p.purpose {
        PickerFor::Resume => beside.max(12),
        _ => beside.max(inside * 3 / 5),
    };
    let column = widest(|c| &c.label).min(most);
    draw::shown(look, area, from, page, shown.len(), buf);
    for (y, (i, c)) in shown.iter().enumerate().skip(from).take(page).enumerate() {
        let y = y as u16 + 2;
        let mark = if p.marked.contains(&c.value) {
            look.symbols.mark
        } else {
            " "
        };
        put(buf, inner, 0, y, mark, look.style(Role::Mark));
        let label = text::clean(&c.label);
        let x = 4 + put(
            buf,
            inner,
            2,
            y,
            &text::pad(&text::truncate_end(&label, column), column),
            look.style(Role::Text),
        );
        let room = inner.width.saturating_sub(x);
        let (hint, role) = if p.crowded.contains(&c.value) {
            ("no room at this width", Role::Warn)
        } else {
            (c.hint.as_str(), Role::TextMuted)
        };
        let hint = text::clean(hint);
        put(
            buf,
            inner,
            x,
            y,
            &text::truncate_end(&hint, usize::from(room)),
            look.style(role),
        );
        if i == p.cursor {
            select(
                look,
                buf,
                Rect::new(inner.x, inner.y + y, inner.width, 1),
                Role::Selection,
            );
        }
    }
    Some(cursor)
}

#[allow(clippy::unnecessary_wraps)] // one shape for all dialogs
fn palette(app: &App, look: Look<'_>, p: &Palette, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let area = centred(body, 96, body.height.min(22));
    let inner = boxed(look, area, "Commands, objects, runbooks, places", buf);
    put(buf, inner, 0, 0, ":", look.style(Role::Prompt));
    let cursor = field::draw(look, &p.field, false, after(inner, 2), buf);
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let from = (p.cursor + 1).saturating_sub(page);
    if p.entries.is_empty() {
        put(buf, inner, 0, 2, "nothing is called so", look.style(Role::TextMuted));
    }
    let keys = hints::reverse(&app.keys, &app.contexts_beneath());
    let name = if inner.width > 84 { 32 } else { 26 };
    for (y, (i, e)) in p.entries.iter().enumerate().skip(from).take(page).enumerate() {
        let y = y as u16 + 2;
        let role = if e.why_not.is_some() {
            Role::KeyDisabled
        } else {
            Role::Accent
        };
        let shown = text::clean(&e.name);
        put(
            buf,
            inner,
            0,
            y,
            &text::truncate_keeping(&shown, usize::from(name) - 1, 5),
            look.style(role),
        );
        let key = match e.does {
            Does::Command(id) => keys.get(id).and_then(|k| k.first()).map(|k| format_sequence(k)),
            _ => None,
        };
        let (word, role) = match &key {
            Some(key) => (key.as_str(), Role::Key),
            None => (e.kind, Role::TextMuted),
        };
        put(buf, inner, name, y, &text::truncate_end(word, 10), look.style(role));
        explain(
            look,
            buf,
            inner,
            (name + 11, y),
            &text::clean(&e.doc),
            e.why_not.as_deref(),
        );
        if i == p.cursor {
            select(
                look,
                buf,
                Rect::new(inner.x, inner.y + y, inner.width, 1),
                Role::Selection,
            );
        }
    }
    Some(cursor)
}

fn line(app: &App, look: Look<'_>, p: &Prompt, footer: Rect, buf: &mut Buffer) -> Position {
    clear(buf, footer, look.style(Role::Text));
    let x = put(buf, footer, 1, 0, &format!("{} / ", p.label), look.style(Role::Prompt)) + 1;
    // What can be asked, or what was not understood, over the frame of what is filtered.
    let (words, role) = match &p.complaint {
        Some(why) => (why, Role::Error),
        None => (&p.hint, Role::PromptHint),
    };
    if !words.is_empty() && footer.y > 0 {
        let above = Rect::new(footer.x, footer.y - 1, footer.width, 1);
        clear(buf, above, look.style(Role::Text));
        let room = usize::from(above.width.saturating_sub(2));
        put(
            buf,
            above,
            1,
            0,
            &text::truncate_end(&text::clean(words), room),
            look.style(role),
        );
    }
    let completes = if p.purpose == PromptFor::Filter {
        format!("{} completes  ", app.keys_for("text.complete"))
    } else {
        String::new()
    };
    let hint = format!(
        "{completes}{} keeps  {} clears",
        app.keys_for("text.accept"),
        app.keys_for("text.cancel")
    );
    put(
        buf,
        footer,
        footer.width.saturating_sub(hint.len() as u16 + 1),
        0,
        &hint,
        look.style(Role::TextMuted),
    );
    let typed = after(footer, x);
    let room = typed.width.saturating_sub(hint.len() as u16 + 2);
    field::draw(look, &p.field, false, Rect { width: room, ..typed }, buf)
}

fn prompt(look: Look<'_>, p: &Prompt, screen: Rect, buf: &mut Buffer) -> Position {
    let (words, role) = match &p.complaint {
        Some(why) => (why.as_str(), Role::Error),
        None => (p.hint.as_str(), Role::TextMuted),
    };
    let said = Line::new(text::clean(words), role);
    let lines = draw::wrapped(&[said], usize::from(screen.width.min(72).saturating_sub(4)), true);
    let area = centred(screen, 72, (lines.len() as u16 + 4).max(5));
    let inner = boxed(look, area, &p.label, buf);
    for x in 0..inner.width {
        put(buf, inner, x, 0, "_", look.style(Role::PromptHint));
    }
    let cursor = field::draw(look, &p.field, p.is_masked(), inner, buf);
    for (y, line) in lines.iter().enumerate() {
        draw::line(look, buf, inner, y as u16 + 2, line, 0);
    }
    cursor
}

fn question(look: Look<'_>, q: &Question, screen: Rect, buf: &mut Buffer) -> Position {
    let width = 72.min(screen.width);
    let detail = Line::new(text::clean(&q.detail), Role::Text);
    let lines = draw::wrapped(&[detail], usize::from(width.saturating_sub(4)), true);
    let area = centred(screen, width, (lines.len() as u16 + 4).max(5));
    let inner = boxed(look, area, &q.text, buf);
    let last = inner.height.saturating_sub(1);
    for (y, l) in lines.iter().take(usize::from(last)).enumerate() {
        draw::line(look, buf, inner, y as u16, l, 0);
    }
    let (no, yes) = (format!(" {} ", q.no), format!(" {} ", q.yes));
    let style = |on: bool| look.style(if on { Role::ButtonFocus } else { Role::Button });
    let x = inner
        .width
        .saturating_sub((text::width(&no) + text::width(&yes) + 2) as u16);
    let w = put(buf, inner, x, last, &no, style(!q.on_yes));
    put(buf, inner, x + w + 2, last, &yes, style(q.on_yes));
    Position::new(inner.x + x + if q.on_yes { w + 2 } else { 0 }, inner.y + last)
}

/// A reason of fewer columns than these says nothing.
const LEAST_REASON: usize = 12;

/// What a command does; where it cannot be used now, why.
fn explain(look: Look<'_>, buf: &mut Buffer, area: Rect, at: (u16, u16), doc: &str, why: Option<&str>) {
    let (x, y) = at;
    let room = usize::from(area.width.saturating_sub(x));
    let Some(why) = why else {
        put(buf, area, x, y, &text::truncate_end(doc, room), look.style(Role::Text));
        return;
    };
    // What it is stands whole; of the reason as much as there is room for, and none of it rather than a scrap.
    let doc = text::truncate_end(doc, room);
    let used = put(buf, area, x, y, &doc, look.style(Role::TextMuted));
    let left = room.saturating_sub(usize::from(used) + 2);
    if left >= LEAST_REASON.min(text::width(why)) {
        let why = text::truncate_end(why, left);
        put(buf, area, x + used + 2, y, &why, look.style(Role::Stale));
    }
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
    let why_not: Vec<Option<String>> = found
        .iter()
        .map(|row| row.id.and_then(command::find).and_then(|c| (c.when)(app).err()))
        .collect();
    // What stands against all of them is said once.
    let common = why_not
        .first()
        .cloned()
        .flatten()
        .filter(|first| why_not.iter().all(|w| w.as_ref() == Some(first)));
    let width = if body.width < 90 { body.width } else { 78 };
    let keys = found.iter().map(|row| text::width(&row.keys.join(" "))).max();
    let left = keys.unwrap_or(0) as u16 + 2;
    let fits = |doc: &str, why: &str| text::width(doc) + text::width(why) + usize::from(left) + 6 <= usize::from(width);
    let both = |(row, why): (&hints::Row, &Option<String>)| {
        common.is_some() || why.as_ref().is_none_or(|why| fits(&row.doc, why))
    };
    let more = found.iter().zip(&why_not).filter(|pair| !both(*pair)).count();
    // Where there is room, a reason that does not fit beside stands below.
    let below = found.len() + more + 2 <= usize::from(body.height);
    let common_lines = common.as_ref().map_or_else(Vec::new, |why| {
        let words = Line::new(format!("none of these now: {}", text::clean(why)), Role::Warn);
        draw::wrapped(&[words], usize::from(width.saturating_sub(4)), true)
    });
    let rows = found.len() + common_lines.len() + if below { more } else { 0 };
    let height = (rows as u16 + 2).min(body.height);
    let area = Rect::new(body.right() - width, body.bottom() - height, width, height);
    let inner = boxed(look, area, &title, buf);
    let mut y = 0;
    for (row, why) in found.iter().zip(&why_not) {
        if y >= inner.height {
            break;
        }
        let role = if why.is_some() { Role::KeyDisabled } else { Role::Key };
        put(buf, inner, 0, y, &row.keys.join(" "), look.style(role));
        if common.is_some() {
            let room = usize::from(inner.width.saturating_sub(left));
            put(
                buf,
                inner,
                left,
                y,
                &text::truncate_end(&row.doc, room),
                look.style(Role::TextMuted),
            );
        } else if let (Some(why), true, false) = (why, below, both((row, why))) {
            put(buf, inner, left, y, &row.doc, look.style(Role::TextMuted));
            y += 1;
            let room = usize::from(inner.width.saturating_sub(left + 2));
            put(
                buf,
                inner,
                left + 2,
                y,
                &text::truncate_end(why, room),
                look.style(Role::Stale),
            );
        } else {
            explain(look, buf, inner, (left, y), &row.doc, why.as_deref());
        }
        y += 1;
    }
    let last = inner.height.saturating_sub(common_lines.len() as u16);
    for (y, line) in common_lines.iter().enumerate() {
        let row = Rect::new(inner.x, inner.y + last + y as u16, inner.width, 1);
        clear(buf, row, look.style(Role::Text));
        draw::line(look, buf, inner, last + y as u16, line, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::layers::ObjectPrompt;
    use crate::model::{Kind, ObjectRef};

    #[test]
    fn of_a_secret_that_is_typed_only_its_length_is_drawn() {
        let target = ObjectRef {
            kind: Kind::Secret,
            namespace: "x".into(),
            name: "env".into(),
            uid: "".into(),
        };
        let what = ObjectPrompt::Secret { key: "KEY".to_owned() };
        let prompt_of = |what| {
            Prompt::new(
                PromptFor::Object {
                    target: target.clone(),
                    what,
                },
                "KEY",
                "",
                "canary",
            )
        };
        let drawn = |p: &Prompt| {
            let screen = Rect::new(0, 0, 80, 24);
            let mut buf = Buffer::empty(screen);
            prompt(super::super::measuring(), p, screen, &mut buf);
            buf.content()
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect::<String>()
        };
        let masked = drawn(&prompt_of(what));
        assert!(masked.contains("******") && !masked.contains("canary"), "{masked}");
        assert!(drawn(&prompt_of(ObjectPrompt::Tls)).contains("canary"));
    }
}
