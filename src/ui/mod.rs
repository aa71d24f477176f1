//! Drawing. [`view`] changes nothing: what depends on the size of the screen (pages, scroll ends) is settled by [`fit`]
//! just before.
//!
//! ```text
//!  QUARTERDECK  platform · context/namespace      PROD      k8s ●   operator  14:02Z    top bar
//!  ▲ rollout cortex-api stalled 2/5 for 6m — ImagePullBackOff …   → r  Stalled rollout   attention strip
//! ╭ 1 Pods 41/44 ready ────────────────╮╭ 2 Rollouts 7/8 healthy ─────────────────────╮  panes, or one layer
//! ╰────────────────────────────────────╯╰─────────────────────────────────────────────╯
//!  1–3 pane  ↵ open  / filter  a actions  r runbook  ? help                              footer
//! ```

mod activity;
mod approval;
mod chart;
mod chrome;
mod company;
mod detail;
mod dialogs;
mod field;
mod fleet;
mod footer;
mod glance;
mod help;
mod history;
mod incident;
mod logs;
mod page;
mod places;
mod plan;
mod runbook;
mod spot;
mod still;
mod table;
mod text;
mod timeline;
mod top;
mod unfinished;
mod waiting;

pub(crate) use detail::lines as object_lines;
pub(crate) use table::feed_words;

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::app::doc::Line;
use crate::app::layers::{Content, PickerFor};
use crate::app::{App, Layer, Strip};
use crate::panes::PANES;
use crate::theme::{Role, Symbols, TERMINALS_OWN, Theme};

pub use page::page;
pub use spot::spot;
pub use still::Still;

/// What drawing needs beside the state.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub theme: &'a Theme,
    pub symbols: &'a Symbols,
}

impl Look<'_> {
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}

/// A look for measuring: colours do not matter, and all symbols are one column wide.
fn measuring() -> Look<'static> {
    static PLAIN: std::sync::LazyLock<Theme> =
        std::sync::LazyLock::new(|| Theme::built_in("dark", crate::theme::Depth::Mono));
    Look {
        theme: &PLAIN,
        symbols: &crate::theme::symbols::UNICODE,
    }
}

/// Smaller than this and only a message fits.
const SMALLEST: (u16, u16) = (40, 10);

/// The parts of the screen.
struct Areas {
    top: Rect,
    /// A line while other platforms are looked at and there is room.
    fleet: Rect,
    strip: Rect,
    /// A line while a run waits for the person here.
    waiting: Rect,
    /// A line while something is unfinished.
    left: Rect,
    body: Rect,
    footer: Rect,
}

fn areas(app: &App, area: Rect) -> Areas {
    let signals = Strip::shown(&app.judge).count() as u16;
    let room = match app.size.1 {
        height if chrome::holds_keys(app) => height / 2,
        _ if !app.shows_all_panes() => 1,
        0..38 => 4,
        height => (height / 5).max(8),
    };
    let strip = signals.clamp(1, room).min(area.height.saturating_sub(6));
    let waiting = u16::from(app.waiting_line().is_some()).min(area.height.saturating_sub(6 + strip));
    let left = u16::from(unfinished::has_line(app)).min(area.height.saturating_sub(6 + strip + waiting));
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    let fleet = u16::from(fleet::has_line(app));
    let above = 1 + fleet + strip + waiting + left;
    Areas {
        top: row(0, 1),
        fleet: row(1, fleet),
        strip: row(1 + fleet, strip),
        waiting: row(1 + fleet + strip, waiting),
        left: row(1 + fleet + strip + waiting, left),
        body: row(above, area.height.saturating_sub(1 + above)),
        footer: row(area.height.saturating_sub(1), 1),
    }
}

/// Settles what depends on the size: how long a page is, where scrolling ends.
pub fn fit(app: &mut App) {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return;
    }
    let body = areas(app, area).body;
    let places = places::places(app, body);
    for (pane, place) in PANES.iter().zip(places) {
        if let (Some(list), Some(place)) = (app.lists.get_mut(pane.id.index()), place) {
            list.page = usize::from(place.height.saturating_sub(3)).max(1);
            list.scroll();
        }
    }
    let crowded = match app.layers.last() {
        Some(Layer::Picker(p)) if p.purpose == PickerFor::Columns => {
            let pane = app.active_pane();
            let columns = crate::panes::columns_chosen(app, pane, &p.columns());
            let ids = table::without_room(app, pane, &columns, body);
            ids.into_iter().map(str::to_owned).collect()
        }
        _ => BTreeSet::new(),
    };
    if let Some(Layer::Picker(p)) = app.layers.last_mut() {
        p.crowded = crowded;
    }
    for i in 0..app.layers.len() {
        let over = match app.layers.get(i) {
            Some(Layer::Plan(plan)) => Some(plan::overflow(app, plan, runbook::plan_frame(app, plan, body))),
            _ => None,
        };
        if let (Some(Layer::Plan(plan)), Some(over)) = (app.layers.get_mut(i), over) {
            plan.overflow = over;
            plan.scroll = plan.scroll.min(over);
            continue;
        }
        let over = match app.layers.get(i) {
            Some(Layer::Approval(layer)) => approval::overflow(app, layer, body),
            _ => 0,
        };
        if let Some(Layer::Approval(layer)) = app.layers.get_mut(i) {
            layer.overflow = over;
            layer.scroll = layer.scroll.min(over);
            continue;
        }
        let Some(layer) = app.layers.get(i) else { continue };
        let Some((page, len, jump)) = extent(app, layer, body) else {
            continue;
        };
        let Some(layer) = app.layers.get_mut(i) else { continue };
        let follows = match layer {
            Layer::Logs(l) => l.follow,
            Layer::Timeline(t) => t.follow,
            _ => false,
        };
        let Some(scroll) = layer.scroll() else { continue };
        (scroll.page, scroll.len) = (page, len);
        if let Some(line) = jump {
            scroll.top = line;
        }
        if follows {
            scroll.end();
        }
        scroll.by(0);
    }
}

/// (lines on screen, lines in all, line to jump to).
fn extent(app: &App, layer: &Layer, body: Rect) -> Option<(usize, usize, Option<usize>)> {
    let page = usize::from(body.height.saturating_sub(2));
    let width = usize::from(body.width.saturating_sub(4));
    Some(match layer {
        Layer::Detail(d) => {
            let lines = text::wrapped(&detail::opened(app, d), width, d.scroll.wrap);
            (page, lines.len(), None)
        }
        Layer::Item(i) => {
            let lines = text::wrapped(&item_lines(app, i).1, width, i.scroll.wrap);
            (page, lines.len(), None)
        }
        Layer::Text(t) => (page, t.lines().len(), None),
        Layer::Logs(l) => {
            let (page, len) = logs::extent(l, width, page);
            (page, len, None)
        }
        Layer::History(h) => (usize::from(history::diff_height(h, body)), h.diff().len(), None),
        Layer::Runbook(v) => runbook::extent(app, v, body),
        Layer::Incident(v) => {
            let lines = text::wrapped(&incident::lines(app, measuring(), v), width, v.scroll.wrap);
            (page, lines.len(), None)
        }
        Layer::Timeline(v) => {
            let lines = text::wrapped(&timeline::lines(app, measuring(), v), width, v.scroll.wrap);
            (page, lines.len(), None)
        }
        Layer::Help(h) => (page, help::lines(app, h, width).len(), None),
        Layer::Followed(f) => {
            let lines = text::wrapped(&company::followed(app, measuring()).1, width, f.scroll.wrap);
            (page, lines.len(), None)
        }
        _ => return None,
    })
}

/// Draws the console. Any size is drawn; too small is a message.
pub fn view(app: &App, look: Look<'_>, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let needs = format!("needs {}×{}", SMALLEST.0, SMALLEST.1);
        for (y, text) in ["too small", &needs].into_iter().enumerate() {
            put(frame.buffer_mut(), area, 0, y as u16, text, look.style(Role::Warn));
        }
        return;
    }
    let parts = areas(app, area);
    let buf = frame.buffer_mut();
    top::top(app, look, parts.top, buf);
    fleet::line(app, look, parts.fleet, buf);
    let mut cursor = chrome::strip(app, look, parts.strip, buf);
    waiting::line(app, look, parts.waiting, buf);
    unfinished::line(app, look, parts.left, buf);
    let base = app.layers.iter().rposition(Layer::is_full);
    match base.and_then(|i| app.layers.get(i)) {
        None => cursor = cursor.or(table::deck(app, look, parts.body, buf)),
        Some(layer) => {
            if let Some(at) = full_layer(app, look, layer, parts.body, buf) {
                cursor = Some(at);
            }
        }
    }
    for layer in app.layers.iter().skip(base.map_or(0, |i| i + 1)) {
        if let Some(at) = dialogs::float(app, look, layer, area, parts.body, parts.footer, buf) {
            cursor = Some(at);
        }
    }
    let typing = matches!(app.layers.last(), Some(Layer::Prompt(p)) if p.is_line());
    if !typing {
        footer::footer(app, look, parts.footer, buf);
    }
    chrome::toasts(app, look, parts.body, buf);
    dialogs::which_key(app, look, parts.body, buf);
    look.theme.paint(&mut frame.buffer_mut().content);
    // What is read aloud, or enlarged, follows the cursor: it is always somewhere.
    frame.set_cursor_position(cursor.unwrap_or(Position::new(parts.body.x, parts.body.y)));
}

fn full_layer(app: &App, look: Look<'_>, layer: &Layer, body: Rect, buf: &mut Buffer) -> Option<Position> {
    match layer {
        Layer::Detail(d) => {
            let lines = detail::opened(app, d);
            text::panel(look, body, &d.object.to_string(), &lines, &d.scroll, buf);
            Some(Position::new(body.x + 2, body.y + 1))
        }
        Layer::Item(i) => {
            let (title, lines) = item_lines(app, i);
            text::panel(look, body, &title, &lines, &i.scroll, buf);
            Some(Position::new(body.x + 2, body.y + 1))
        }
        Layer::Text(t) => {
            let lines: Vec<Line> = match &t.content {
                Content::Loading(_) => vec![Line::new("reading", Role::TextMuted)],
                Content::Failed(why) => vec![Line::new(why.as_str(), Role::Error)],
                Content::Lines(lines) if t.yaml => lines.iter().map(|l| text::yaml(l)).collect(),
                Content::Lines(lines) => lines.iter().map(Line::plain).collect(),
            };
            text::panel(look, body, &t.title, &lines, &t.scroll, buf);
            Some(Position::new(body.x + 2, body.y + 1))
        }
        Layer::Logs(l) => logs::draw(look, l, body, buf),
        Layer::History(h) => history::history(app, look, h, body, buf),
        Layer::Runbook(v) => runbook::draw(app, look, v, body, buf),
        Layer::Unfinished(u) => unfinished::draw(app, look, u, body, buf),
        Layer::Incident(v) => Some(incident::panel(app, look, v, body, buf)),
        Layer::Timeline(v) => Some(timeline::panel(app, look, v, body, buf)),
        Layer::Message(v) => Some(incident::message(app, look, v, body, buf)),
        Layer::Chart(v) => chart::draw(app, look, v, body, buf),
        Layer::Activity(a) => activity::draw(app, look, a.cursor, body, buf),
        Layer::Company(c) => company::company(app, look, *c, body, buf),
        Layer::Followed(f) => {
            let (title, lines) = company::followed(app, look);
            text::panel(look, body, &title, &lines, &f.scroll, buf);
            Some(Position::new(body.x + 2, body.y + 1))
        }
        _ => None,
    }
}

/// Title and lines of an opened item; what is gone says so.
fn item_lines(app: &App, view: &crate::app::layers::ItemView) -> (String, Vec<Line>) {
    let pane = crate::panes::pane(view.pane);
    (pane.detail)(app, &view.what).unwrap_or_else(|| {
        let gone = Line::new("it is no longer there", Role::TextMuted);
        (pane.title.to_owned(), vec![gone])
    })
}

/// Writes `text` at a place of `area`, cut at its right edge. Returns the columns used.
pub(crate) fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || x >= area.width {
        return 0;
    }
    let room = usize::from(area.width - x);
    // Over a frame, text in the terminal's colour must not take that of the frame.
    let style = style.fg(style.fg.unwrap_or(TERMINALS_OWN));
    let (end, _) = buf.set_stringn(area.x + x, area.y + y, text, room, style);
    end.saturating_sub(area.x + x)
}

/// Marks a row as the selected one. What is bad keeps its colour: the row under the cursor is the one that is read.
pub(crate) fn select(look: Look<'_>, buf: &mut Buffer, row: Rect, role: Role) {
    let style = look.style(role);
    let bad = [Role::Error, Role::Warn, Role::Mark].map(|r| look.style(r).fg);
    // Where selection is shown by reverse or underline, it is one piece.
    let whole = style.bg.is_none() || !style.add_modifier.is_empty();
    for x in row.left()..row.right() {
        let Some(cell) = buf.cell_mut((x, row.y)) else { continue };
        let fg = cell.fg;
        if style.add_modifier.contains(Modifier::REVERSED) {
            // A colour, or a fainter one, would be a patch in it.
            cell.set_fg(TERMINALS_OWN);
            cell.modifier.remove(Modifier::DIM);
        }
        cell.set_style(style);
        if !whole && bad.contains(&Some(fg)) {
            cell.set_fg(fg);
        }
    }
}

/// Fills a rectangle with blanks of a style.
pub(crate) fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    for y in area.top()..area.bottom().min(buf.area.bottom()) {
        for x in area.left()..area.right().min(buf.area.right()) {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

/// A frame with a title; returns what is inside.
pub(crate) fn frame(buf: &mut Buffer, area: Rect, border: Style, title: &[(String, Style)]) -> Rect {
    if area.width < 2 || area.height < 2 {
        return Rect::default();
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.left()..=right {
        buf.set_string(x, area.top(), "─", border);
        buf.set_string(x, bottom, "─", border);
    }
    for y in area.top()..=bottom {
        buf.set_string(area.left(), y, "│", border);
        buf.set_string(right, y, "│", border);
    }
    for (x, y, corner) in [
        (area.left(), area.top(), "╭"),
        (right, area.top(), "╮"),
        (area.left(), bottom, "╰"),
        (right, bottom, "╯"),
    ] {
        buf.set_string(x, y, corner, border);
    }
    let mut x = 1;
    let line = Rect::new(area.x, area.y, area.width.saturating_sub(2), 1);
    if !title.is_empty() {
        x += put(buf, line, x, 0, " ", border);
        for (text, style) in title {
            x += put(buf, line, x, 0, text, *style);
        }
        put(buf, line, x, 0, " ", border);
    }
    Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
}
