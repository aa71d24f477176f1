//! Attention strip, toasts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, clear, put, select};
use crate::app::{App, Connection, Focus, Strip};
use crate::model::Freshness;
use crate::signal::Severity;
use crate::text;
use crate::theme::Role;

/// The first signal on the strip of so many rows, and the current one.
fn strip_window(app: &App, rows: usize) -> (usize, usize) {
    let n = Strip::shown(&app.judge).count();
    let current_key = app.signal_at_hand().map(crate::signal::Signal::key);
    let position = Strip::shown(&app.judge)
        .position(|s| Some(s.key()) == current_key)
        .unwrap_or_else(|| app.strip.position(&app.judge));
    let first = position
        .saturating_sub(rows.saturating_sub(1))
        .min(n.saturating_sub(rows));
    (first, position)
}

/// Whether the keys are the strip's: then it is the list of all causes.
pub const fn holds_keys(app: &App) -> bool {
    matches!(app.focus, Focus::Strip) && app.layers.is_empty()
}

/// Which signal stands on a line of the strip, by its place among those shown.
pub fn strip_line(app: &App, height: u16, line: usize) -> Option<usize> {
    let at = strip_window(app, usize::from(height)).0 + line;
    (at < Strip::shown(&app.judge).count()).then_some(at)
}

/// One line a cause, worst first; the current one says which key opens its runbook, and the last how many more there are.
/// Where the current one is the selected row, that is where the cursor belongs.
pub fn strip(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let n = Strip::shown(&app.judge).count();
    if n == 0 {
        let pods = app.world.worst_feed(&[crate::model::Kind::Pod]);
        let looking;
        let (text, role) = match (&app.connection, pods) {
            (Connection::Connected { .. }, Freshness::Fresh) => match app.still_looking() {
                None => ("nothing calls for attention", Role::TextMuted),
                Some(late) if late.is_empty() => ("looking", Role::TextMuted),
                Some(late) => {
                    looking = format!("looking: {} did not answer yet", late.join(", "));
                    (&*looking, Role::TextMuted)
                }
            },
            (Connection::Connected { .. }, Freshness::Failed { why, .. }) => {
                looking = format!("cannot look: {}", text::clean(why));
                (&*looking, Role::Error)
            }
            (Connection::Connected { .. }, Freshness::Forbidden { .. }) => {
                ("cannot look at pods: not permitted", Role::Warn)
            }
            (Connection::Connected { .. }, _) => ("looking", Role::TextMuted),
            (Connection::Starting | Connection::Connecting { .. }, _) => ("connecting", Role::TextMuted),
            _ => ("no cluster to look at", Role::TextMuted),
        };
        let room = usize::from(area.width).saturating_sub(2);
        put(buf, area, 1, 0, &text::truncate_end(text, room), look.style(role));
        return None;
    }
    let rows = usize::from(area.height);
    let (first, position) = strip_window(app, rows);
    let focused = holds_keys(app);
    let now = app.server_now();
    let mut selected = None;
    for (y, (i, signal)) in Strip::shown(&app.judge).enumerate().skip(first).take(rows).enumerate() {
        let y = y as u16;
        let (mark, role) = match signal.severity {
            Severity::Critical => (look.symbols.critical, Role::Error),
            Severity::Warning => (look.symbols.warning, Role::Warn),
        };
        put(buf, area, 1, y, mark, look.style(role));
        let mut tail = String::new();
        if i == position {
            if let Some(book) = signal.runbook.and_then(|b| app.books.get(b)) {
                let key = app.keys_for("runbook.best");
                tail = if app.shows_all_panes() {
                    format!(" {} {key}  {}", look.symbols.arrow, book.title)
                } else {
                    format!(" {} {key}", look.symbols.arrow)
                };
            }
            if focused {
                tail = format!("{tail}  {} of {n}", i + 1);
            } else if rows == 1 && n > 1 {
                tail = format!("{tail}  {} of {n}  {} next", i + 1, app.keys_for("signal.next"));
            }
        }
        if y as usize == rows - 1 && 1 < rows && rows < n && !focused {
            tail = format!("{tail}  {} more  {} all", n - rows, app.keys_for("focus.strip"));
        }
        let room = usize::from(area.width).saturating_sub(4 + text::width(&tail));
        let style = look.style(if signal.severity == Severity::Critical {
            Role::TextStrong
        } else {
            Role::Text
        });
        put(buf, area, 3, y, &signal.fit(now, room), style);
        let at = area.width.saturating_sub(text::width(&tail) as u16 + 1);
        put(buf, area, at, y, &tail, look.style(Role::Accent));
        if i == position && focused {
            select(look, buf, Rect::new(area.x, area.y + y, area.width, 1), Role::Selection);
            selected = Some(Position::new(area.x + 1, area.y + y));
        }
    }
    selected
}

/// Short notes, above the footer at the right.
pub fn toasts(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) {
    let mut y = body.height;
    for toast in app.toasts.iter().rev() {
        let width = usize::from(body.width.saturating_sub(4)).min(76);
        let clean = text::clean(&toast.notice.text).into_owned();
        let role = if toast.notice.error { Role::Error } else { Role::Info };
        let lines = super::text::wrapped(&[crate::app::doc::Line::new(clean, role)], width, true);
        let height = lines.len() as u16;
        if y < height + 1 {
            break;
        }
        y -= height;
        let widest = lines.iter().map(|l| text::width(&l.text())).max().unwrap_or(0) as u16 + 4;
        let x = body.width.saturating_sub(widest);
        let area = Rect::new(body.x + x, body.y + y, widest, height);
        clear(buf, area, look.style(Role::Header));
        let mark = if toast.notice.error {
            look.symbols.failed
        } else {
            look.symbols.info
        };
        put(buf, area, 1, 0, mark, look.style(role).patch(look.style(Role::Header)));
        for (row, line) in lines.iter().enumerate() {
            put(buf, area, 3, row as u16, &line.text(), look.style(Role::Header));
        }
    }
}
