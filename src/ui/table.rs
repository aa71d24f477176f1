//! The deck: panes as tables, or folded to a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::places::places;
use super::{Look, frame, put, select};
use crate::app::{App, Focus, Health, List, Row};
use crate::model::Freshness;
use crate::panes::{self, Cell, Column, PANES, Pane, Width};
use crate::text;
use crate::theme::Role;

/// Draws the deck; returns where the hardware cursor belongs.
pub fn deck(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let mut cursor = None;
    let mut folded = body.y;
    let shown = panes::on_deck(app);
    for (pane, place) in PANES.iter().zip(places(app, body)) {
        match place {
            Some(place) => {
                let at = table(app, look, pane, place, buf);
                if pane.id == app.pane && app.focus == Focus::Pane {
                    cursor = at;
                }
                folded = place.bottom();
            }
            None if app.zoomed || !shown.contains(&pane.id) => {}
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
        &format!("{} ", pane.id.number()),
        look.style(Role::Key),
    ) + 1;
    x += put(buf, area, x, 0, &text::pad(pane.title, 13), look.style(Role::Title));
    let (count, role) = if known(app, pane) {
        (summary.count, Role::TextMuted)
    } else {
        told(app, pane).unwrap_or((String::new(), Role::TextMuted))
    };
    x += put(buf, area, x, 0, &text::pad(&count, 14), look.style(role));
    for (i, (health, what)) in summary.wrong.iter().take(3).enumerate() {
        let what = text::clean(what);
        let room = usize::from(area.width.saturating_sub(x + 4));
        // The first may be cut; of the others half a word would say less than nothing.
        if i > 0 && text::width(&what) > room {
            break;
        }
        x += put(
            buf,
            area,
            x,
            0,
            &format!(" {} ", glyph(look, *health)),
            look.style(health.role()),
        );
        let shown = format!("{} ", text::truncate_end(&what, room));
        x += put(buf, area, x, 0, &shown, look.style(Role::Text));
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

/// Where to go while this cluster does not answer.
fn another_context(app: &App) -> String {
    format!("{} picks another context.", app.keys_for("context.pick"))
}

/// Why the pane's data is not what is there now, in words.
pub fn feed_words(app: &App, pane: &Pane) -> String {
    badge(app, &app.pane_feed(pane)).map_or_else(String::new, |(words, _)| words)
}

/// The sentence for a pane without rows.
fn nothing(app: &App, pane: &Pane, list: &List) -> (String, Role) {
    use crate::app::Connection;
    let feed = app.pane_feed(pane);
    let of_cluster = !pane.kinds.is_empty();
    if !pane.is_configured(app) {
        return (panes::empty_words(app, pane).to_owned(), Role::TextMuted);
    }
    let left = |t: jiff::Timestamp| t.duration_since(app.now).as_secs().max(0);
    let feed = &feed;
    match (&app.connection, feed) {
        (Connection::Missing { what, hint }, _) if of_cluster => {
            (format!("{what}. {hint} {}", another_context(app)), Role::Warn)
        }
        (Connection::NeedsLogin { argv, .. }, _) if of_cluster => (
            format!(
                "the credential plugin asks for a person: {} signs in ({argv})",
                app.keys_for("feed.login")
            ),
            Role::Warn,
        ),
        (Connection::Failed { why, hint, .. }, _) if of_cluster => {
            (format!("{why}. {hint} {}", another_context(app)), Role::Error)
        }
        (Connection::Starting | Connection::Connecting { .. }, _) if of_cluster => {
            ("connecting".to_owned(), Role::Info)
        }
        (_, Freshness::Syncing { rows }) if *rows > 0 => (format!("syncing: {rows} read so far"), Role::Info),
        (_, Freshness::Syncing { .. } | Freshness::Off) => ("syncing".to_owned(), Role::Info),
        (_, Freshness::Forbidden { why } | Freshness::Absent { why }) => (why.to_string(), Role::Warn),
        (_, Freshness::Failed { why, retry_at }) => match left(*retry_at) {
            0 => (format!("{why}; trying again"), Role::Error),
            s => (format!("{why}; next try in {s} s"), Role::Error),
        },
        (_, Freshness::Fresh | Freshness::Stale { .. }) if list.total > 0 => {
            let what = match (list.filter.is_empty(), list.wrong_only) {
                (true, _) => "nothing is wrong".to_owned(),
                (false, false) => format!("nothing matches {}", list.filter),
                (false, true) => format!("nothing that is wrong matches {}", list.filter),
            };
            let advice = panes::filter_advice(app, pane, list).map_or_else(String::new, |a| format!(". {a}"));
            let key = app.keys_for("app.back");
            (
                format!("{what}: {key} shows all {}{advice}", list.total),
                Role::TextMuted,
            )
        }
        (_, Freshness::Fresh | Freshness::Stale { .. }) => match app.absent_namespace().filter(|_| of_cluster) {
            Some(name) => (format!("there is no namespace {name} on this cluster"), Role::Warn),
            None => (panes::empty_words(app, pane).to_owned(), Role::TextMuted),
        },
    }
}

/// A name is readable from here on; until then it takes what is spare before anybody else.
const NAME: u16 = 26;

/// Names longer than this are cut rather than that other columns give way.
const LONGEST: u16 = 40;

/// From this priority on a column is dropped rather than that a name is cut.
const NICE: u8 = 5;

/// Widths of the columns that fit into `room`, by priority; the fill column takes the rest. A name should have `name`.
pub fn fit_columns(mut columns: Vec<Column>, room: u16, name: u16) -> Vec<(Column, u16)> {
    let least = |c: &Column| match c.width {
        Width::Fixed(n) | Width::Grow(n, _) | Width::Fill(n) => n,
    };
    loop {
        let need: u16 = columns.iter().map(|c| least(c) + 2).sum::<u16>().saturating_sub(2);
        // What is nice to have goes before a name is cut.
        let nice = columns.iter().map(|c| c.priority).max().unwrap_or(0) >= NICE;
        let short = columns.iter().map(|c| match c.width {
            Width::Fill(n) => NAME.min(name).saturating_sub(n),
            _ => 0,
        });
        let need = if nice { need + short.sum::<u16>() } else { need };
        if need <= room || columns.len() <= 2 {
            let least_of_all: u16 = columns.iter().map(|c| least(c) + 2).sum::<u16>().saturating_sub(2);
            let mut spare = room.saturating_sub(least_of_all);
            for c in &mut columns {
                if let Width::Fill(n) = &mut c.width {
                    let more = spare.min(name.saturating_sub(*n));
                    *n += more;
                    spare -= more;
                }
            }
            return columns
                .into_iter()
                .map(|c| match c.width {
                    Width::Fixed(n) | Width::Fill(n) => (c, n),
                    Width::Grow(n, most) => {
                        let more = spare.min(most - n);
                        spare -= more;
                        (c, n + more)
                    }
                })
                // The name takes what nobody else wants, wherever it stands.
                .collect::<Vec<_>>()
                .into_iter()
                .map(|(c, n)| match c.width {
                    Width::Fill(_) => (c, n + std::mem::take(&mut spare)),
                    _ => (c, n),
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

/// Of these columns, those for which the pane has no room.
pub fn without_room(app: &App, pane: &Pane, columns: &[Column], body: Rect) -> Vec<&'static str> {
    let place = places(app, body).get(pane.id.index()).copied().flatten();
    let Some(place) = place else { return Vec::new() };
    let name = longest_name(app, pane, app.list(pane.id), columns);
    let fit = fit_columns(columns.to_vec(), place.width.saturating_sub(5), name);
    let ids = columns.iter().map(|c| c.id);
    ids.filter(|id| !fit.iter().any(|(c, _)| c.id == *id)).collect()
}

/// Whether the pane's numbers say anything: none and not read yet are two things.
fn known(app: &App, pane: &Pane) -> bool {
    app.pane_feed(pane).is_fresh() || app.list(pane.id).total > 0
}

/// The badge of a pane's feed. None where nobody reads it now; without a connection the reason stands in the pane.
fn told(app: &App, pane: &Pane) -> Option<(String, Role)> {
    let feed = app.pane_feed(pane);
    let reads = pane.kinds.is_empty() || matches!(app.connection, crate::app::Connection::Connected { .. });
    badge(app, &feed).filter(|_| reads && feed != Freshness::Off)
}

/// How wide the widest name is, for as many rows as are quickly looked through.
fn longest_name(app: &App, pane: &Pane, list: &List, columns: &[Column]) -> u16 {
    let name: Vec<Column> = columns
        .iter()
        .copied()
        .filter(|c| matches!(c.width, Width::Fill(_)))
        .collect();
    if list.rows().len() > 200 || name.len() != 1 {
        return NAME;
    }
    let cells = list
        .rows()
        .iter()
        .filter_map(|row| panes::cells_of(app, pane, row, &name).pop());
    let widest = cells.map(|c| text::width(&c.text)).max().unwrap_or(0);
    LONGEST.min(widest as u16)
}

fn title(app: &App, look: Look<'_>, pane: &Pane, list: &List, focused: bool) -> Vec<(String, ratatui::style::Style)> {
    let summary = app.summary(pane);
    let role = if focused { Role::TitleFocus } else { Role::Title };
    let mut title = vec![
        (format!("{} ", pane.id.number()), look.style(Role::Key)),
        (pane.title.to_owned(), look.style(role)),
    ];
    if known(app, pane) {
        title.push((format!(" {}", summary.count), look.style(Role::TextMuted)));
    }
    if pane.views.len() > 1
        && let Some(view) = panes::item::view(app, pane)
    {
        let mark = format!(" {} {}", look.symbols.dot, view.title);
        title.push((mark, look.style(if focused { Role::Accent } else { Role::TextMuted })));
    }
    if !list.filter.is_empty() {
        let text = format!(
            "  /{} {} of {}",
            text::clean(&list.filter),
            list.rows().len(),
            list.total
        );
        title.push((text, look.style(Role::Accent)));
    }
    if let Some(fault) = &list.fault {
        title.push((format!("  not in force: {fault}"), look.style(Role::Warn)));
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
    if let Some((text, role)) = told(app, pane) {
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
    if list.rows().is_empty() {
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
    let columns = panes::columns_of(app, pane);
    let name = longest_name(app, pane, list, &columns);
    let columns = fit_columns(columns, inner.width - 3, name);
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
    let feed = app.pane_feed(pane);
    let stale = matches!(feed, Freshness::Stale { .. } | Freshness::Failed { .. });
    let plain: Vec<Column> = columns.iter().map(|(c, _)| *c).collect();
    let page = usize::from(inner.height - 1);
    let mut cursor = None;
    let on_page = list.offset..(list.offset + page).min(list.rows().len());
    for ((y, i), row) in (1..).zip(on_page.clone()).zip(list.rows().within(on_page)) {
        let cells = panes::cells_of(app, pane, row, &plain);
        draw_row(
            look,
            buf,
            inner,
            y,
            &columns,
            &cells,
            Marks {
                health: pane.sign(app, row),
                stale,
                marked: is_marked(list, row),
            },
        );
        if i == list.cursor {
            let role = if focused { Role::Selection } else { Role::SelectionQuiet };
            select(look, buf, Rect::new(inner.x, inner.y + y, inner.width, 1), role);
            cursor = Some(Position::new(inner.x, inner.y + y));
        }
    }
    if app.zoomed {
        let below = 1 + list.rows().len().min(page) as u16;
        super::glance::draw(app, look, pane, inner, below, stale, buf);
    }
    if list.rows().len() > page {
        let text = format!(
            " {}–{} of {} ",
            list.offset + 1,
            (list.offset + page).min(list.rows().len()),
            list.rows().len()
        );
        let at = area.width.saturating_sub(text::width(&text) as u16 + 2);
        put(buf, area, at, area.height - 1, &text, look.style(Role::TextMuted));
    }
    cursor
}

fn is_marked(list: &List, row: &Row) -> bool {
    list.marks.contains_key(row.uid())
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
            // The last five of a pod's name tell it apart from its like.
            _ if matches!(c.id, "name" | "object") => text::truncate_keeping(&clean, w, 5),
            _ if c.id == "image" => text::image(&clean, w),
            _ if c.id == "history" => text::squeeze(&clean, w),
            _ if c.id == "node" => text::truncate_middle(&clean, w),
            _ => text::truncate_end(&clean, w),
        };
        let left = if c.right {
            x + (w.saturating_sub(text::width(&cut))) as u16
        } else {
            x
        };
        let role = if marks.stale { Role::Stale } else { cell.role };
        put(buf, inner, left, y, &cut, look.style(role));
        x += width + 2;
    }
}
