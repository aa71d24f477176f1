//! The deck: panes as tables, or folded to a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, shows_all_panes};
use crate::app::{App, Focus, Health, List, Row};
use crate::model::Freshness;
use crate::panes::{Cell, Column, PANES, Pane, Width};
use crate::text;
use crate::theme::Role;

/// Where each pane stands; `None` for one that is folded to a line or hidden.
pub fn places(app: &App, body: Rect) -> Vec<Option<Rect>> {
    if app.zoomed {
        return PANES.iter().map(|p| (p.id == app.pane).then_some(body)).collect();
    }
    if shows_all_panes(app.size) {
        // Pods and rollouts beside each other, events below.
        let lower = (body.height / 4).max(6);
        let upper = body.height - lower;
        let left = body.width * 54 / 100;
        return vec![
            Some(Rect::new(body.x, body.y, left, upper)),
            Some(Rect::new(body.x + left, body.y, body.width - left, upper)),
            Some(Rect::new(body.x, body.y + upper, body.width, lower)),
        ];
    }
    let before = app.pane.index() as u16;
    let after = PANES.len() as u16 - 1 - before;
    let open = Rect::new(
        body.x,
        body.y + before,
        body.width,
        body.height.saturating_sub(before + after),
    );
    PANES.iter().map(|p| (p.id == app.pane).then_some(open)).collect()
}

/// Draws the deck; returns where the hardware cursor belongs.
pub fn deck(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let mut cursor = None;
    let mut folded = body.y;
    for (pane, place) in PANES.iter().zip(places(app, body)) {
        match place {
            Some(place) => {
                let at = table(app, look, pane, place, buf);
                if pane.id == app.pane && app.focus == Focus::Pane {
                    cursor = at;
                }
                folded = place.bottom();
            }
            None if app.zoomed => {}
            None => {
                fold(app, look, pane, Rect::new(body.x, folded, body.width, 1), buf);
                folded += 1;
            }
        }
    }
    cursor
}

/// A pane in one line: ` 1 Pods  41/44 ready  ▲ 1 image not pulled`.
fn fold(app: &App, look: Look<'_>, pane: &Pane, area: Rect, buf: &mut Buffer) {
    let summary = app.summary(pane);
    let mut x = put(
        buf,
        area,
        1,
        0,
        &format!("{} ", pane.id.index() + 1),
        look.style(Role::Key),
    ) + 1;
    x += put(buf, area, x, 0, &text::pad(pane.title, 9), look.style(Role::Title));
    x += put(
        buf,
        area,
        x,
        0,
        &text::pad(&summary.count, 14),
        look.style(Role::TextMuted),
    );
    for (health, what) in summary.wrong.iter().take(3) {
        x += put(
            buf,
            area,
            x,
            0,
            &format!(" {} ", glyph(look, *health)),
            look.style(health.role()),
        );
        x += put(
            buf,
            area,
            x,
            0,
            &format!("{} ", text::clean(what)),
            look.style(Role::Text),
        );
    }
}

pub fn glyph(look: Look<'_>, health: Health) -> &'static str {
    match health {
        Health::Critical => look.symbols.critical,
        Health::Warning => look.symbols.warning,
        Health::Moving | Health::Good | Health::Quiet => " ",
    }
}

/// What stands in the title of a feed that is not fresh, and how it looks.
pub fn badge(app: &App, feed: &Freshness) -> Option<(String, Role)> {
    let ago = |t: jiff::Timestamp| text::age(app.now.duration_since(t));
    Some(match feed {
        Freshness::Fresh => return None,
        Freshness::Off => ("off".to_owned(), Role::TextMuted),
        Freshness::Syncing { rows: 0 } => ("syncing".to_owned(), Role::Info),
        Freshness::Syncing { rows } => (format!("syncing {rows}"), Role::Info),
        Freshness::Stale { since, .. } => (format!("stale {}", ago(*since)), Role::Stale),
        Freshness::Failed { .. } => ("failed".to_owned(), Role::Error),
        Freshness::Forbidden { .. } => ("forbidden".to_owned(), Role::Warn),
        Freshness::Absent { .. } => ("absent".to_owned(), Role::TextMuted),
    })
}

/// The sentence for a pane without rows.
fn nothing(app: &App, pane: &Pane, list: &List) -> (String, Role) {
    use crate::app::Connection;
    let (feed, _) = app.pane_feed(pane);
    let left = |t: jiff::Timestamp| t.duration_since(app.now).as_secs().max(0);
    match (&app.connection, feed) {
        (Connection::Missing { what, hint }, _) => (format!("{what}. {hint}"), Role::Warn),
        (Connection::NeedsLogin { argv, .. }, _) => (
            format!("the credential plugin asks for a person: L signs in ({argv})"),
            Role::Warn,
        ),
        (Connection::Failed { why, hint, .. }, _) => (format!("{why}. {hint}"), Role::Error),
        (Connection::Starting | Connection::Connecting { .. }, _) => ("connecting".to_owned(), Role::Info),
        (_, Freshness::Syncing { .. } | Freshness::Off) => ("syncing".to_owned(), Role::Info),
        (_, Freshness::Forbidden { why } | Freshness::Absent { why }) => (why.to_string(), Role::Warn),
        (_, Freshness::Failed { why, retry_at }) => (format!("{why}; next try in {} s", left(*retry_at)), Role::Error),
        (_, Freshness::Fresh | Freshness::Stale { .. }) if list.total > 0 => {
            let what = if list.filter.is_empty() {
                "nothing is wrong".to_owned()
            } else {
                format!("nothing matches {}", list.filter)
            };
            (format!("{what}: esc shows all {}", list.total), Role::TextMuted)
        }
        (_, Freshness::Fresh | Freshness::Stale { .. }) => (pane.empty.to_owned(), Role::TextMuted),
    }
}

/// Widths of the columns that fit into `room`, by priority; the fill column takes the rest.
pub fn fit_columns(mut columns: Vec<Column>, room: u16) -> Vec<(Column, u16)> {
    let least = |c: &Column| match c.width {
        Width::Fixed(n) | Width::Fill(n) => n,
    };
    loop {
        let need: u16 = columns.iter().map(|c| least(c) + 2).sum::<u16>().saturating_sub(2);
        if need <= room || columns.len() <= 2 {
            let mut spare = room.saturating_sub(need);
            return columns
                .into_iter()
                .map(|c| match c.width {
                    Width::Fixed(n) => (c, n),
                    Width::Fill(n) => (c, n + std::mem::take(&mut spare)),
                })
                .collect();
        }
        let Some(drop) = columns
            .iter()
            .enumerate()
            .max_by_key(|(_, c)| c.priority)
            .map(|(i, _)| i)
        else {
            return Vec::new();
        };
        columns.remove(drop);
    }
}

fn title(app: &App, look: Look<'_>, pane: &Pane, list: &List, focused: bool) -> Vec<(String, ratatui::style::Style)> {
    let summary = app.summary(pane);
    let role = if focused { Role::TitleFocus } else { Role::Title };
    let mut title = vec![
        (format!("{} ", pane.id.index() + 1), look.style(Role::Key)),
        (pane.title.to_owned(), look.style(role)),
        (format!(" {}", summary.count), look.style(Role::TextMuted)),
    ];
    if !list.filter.is_empty() {
        let text = format!("  /{} {} of {}", text::clean(&list.filter), list.rows.len(), list.total);
        title.push((text, look.style(Role::Accent)));
    }
    if list.wrong_only {
        title.push(("  only wrong".to_owned(), look.style(Role::Accent)));
    }
    if !list.marks.is_empty() {
        let hidden = list.hidden_marks();
        let more = if hidden > 0 {
            format!(", {hidden} hidden")
        } else {
            String::new()
        };
        title.push((format!("  {} marked{more}", list.marks.len()), look.style(Role::Mark)));
    }
    let (feed, _) = app.pane_feed(pane);
    if let Some((text, role)) = badge(app, feed) {
        title.push((format!("  {text}"), look.style(role)));
    }
    title
}

fn table(app: &App, look: Look<'_>, pane: &Pane, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let list = app.list(pane.id);
    let focused = pane.id == app.pane && app.focus == Focus::Pane && app.layers.is_empty();
    let border = look.style(if focused { Role::BorderFocus } else { Role::Border });
    let inner = frame(buf, area, border, &title(app, look, pane, list, focused));
    if inner.width < 8 || inner.height < 2 {
        return None;
    }
    if list.rows.is_empty() {
        let (text, role) = nothing(app, pane, list);
        let area = Rect::new(inner.x + 2, inner.y + 1, inner.width - 3, inner.height - 1);
        let lines = super::text::wrapped(
            &[crate::app::doc::Line::new(text::clean(&text), role)],
            usize::from(area.width),
            true,
        );
        for (y, l) in lines.iter().take(usize::from(area.height)).enumerate() {
            super::text::line(look, buf, area, y as u16, l, 0);
        }
        return None;
    }
    let columns = fit_columns((pane.columns)(app), inner.width - 3);
    let mut x = 2;
    for (c, width) in &columns {
        let sorted = list.sort.column == c.id;
        let mark = match (sorted, list.sort.reverse) {
            (true, false) => look.symbols.descending,
            (true, true) => look.symbols.ascending,
            _ => "",
        };
        let head = format!("{}{mark}", c.title);
        let head = if c.right {
            text::pad_left(&head, usize::from(*width))
        } else {
            text::pad(&head, usize::from(*width))
        };
        put(
            buf,
            inner,
            x,
            0,
            &head,
            look.style(if sorted { Role::ColumnSorted } else { Role::Column }),
        );
        x += width + 2;
    }
    let (feed, _) = app.pane_feed(pane);
    let stale = matches!(feed, Freshness::Stale { .. } | Freshness::Failed { .. });
    let plain: Vec<Column> = columns.iter().map(|(c, _)| *c).collect();
    let page = usize::from(inner.height - 1);
    let mut cursor = None;
    for (y, (i, row)) in list.rows.iter().enumerate().skip(list.offset).take(page).enumerate() {
        let y = y as u16 + 1;
        let cells = (pane.cells)(app, row, &plain);
        draw_row(
            look,
            buf,
            inner,
            y,
            &columns,
            &cells,
            Marks {
                health: (pane.health)(app, row),
                stale,
                marked: is_marked(list, row),
            },
        );
        if i == list.cursor {
            let role = if focused { Role::Selection } else { Role::SelectionQuiet };
            buf.set_style(Rect::new(inner.x, inner.y + y, inner.width, 1), look.style(role));
            cursor = Some(Position::new(inner.x, inner.y + y));
        }
    }
    if list.rows.len() > page {
        let text = format!(
            " {}–{} of {} ",
            list.offset + 1,
            (list.offset + page).min(list.rows.len()),
            list.rows.len()
        );
        let at = area.width.saturating_sub(text::width(&text) as u16 + 2);
        put(buf, area, at, area.height - 1, &text, look.style(Role::TextMuted));
    }
    cursor
}

fn is_marked(list: &List, row: &Row) -> bool {
    list.marks.contains_key(&row.meta().uid)
}

struct Marks {
    health: Health,
    stale: bool,
    marked: bool,
}

fn draw_row(
    look: Look<'_>,
    buf: &mut Buffer,
    inner: Rect,
    y: u16,
    columns: &[(Column, u16)],
    cells: &[Cell],
    marks: Marks,
) {
    let sign = if marks.marked {
        look.symbols.mark
    } else {
        glyph(look, marks.health)
    };
    let role = if marks.marked { Role::Mark } else { marks.health.role() };
    put(buf, inner, 0, y, sign, look.style(role));
    let mut x = 2;
    for ((c, width), cell) in columns.iter().zip(cells) {
        let w = usize::from(*width);
        let clean = text::clean(&cell.text);
        let cut = match c.width {
            Width::Fill(_) if c.id == "name" => text::truncate_middle(&clean, w),
            _ => text::truncate_end(&clean, w),
        };
        let shown = if c.right {
            text::pad_left(&cut, w)
        } else {
            cut.into_owned()
        };
        let role = if marks.stale { Role::Stale } else { cell.role };
        put(buf, inner, x, y, &shown, look.style(role));
        x += width + 2;
    }
}
