//! Revisions of a workload with their difference.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, select, text as draw};
use crate::app::App;
use crate::app::layers::{DiffAgainst, History};
use crate::app::msg::HistoryRow;
use crate::panes::short_image;
use crate::text;
use crate::theme::Role;

/// Lines that the difference has, under the table of revisions.
pub fn diff_height(h: &History, body: Rect) -> u16 {
    let table = (h.rows().len().max(1) as u16 + 1).min(body.height / 2);
    body.height.saturating_sub(table + 3)
}

/// Revisions above, the difference below.
pub fn history(app: &App, look: Look<'_>, h: &History, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let title = format!("{} · revisions", h.object);
    let inner = frame(
        buf,
        body,
        look.style(Role::BorderFocus),
        &[(title, look.style(Role::TitleFocus))],
    );
    match &h.rows {
        None => {
            put(buf, inner, 1, 0, "reading the revisions", look.style(Role::Info));
            return None;
        }
        Some(Err(why)) => {
            put(buf, inner, 1, 0, &text::clean(why), look.style(Role::Error));
            return None;
        }
        Some(Ok(rows)) if rows.is_empty() => {
            put(buf, inner, 1, 0, "no revisions are kept", look.style(Role::TextMuted));
            return None;
        }
        Some(Ok(_)) => {}
    }
    let table = inner.height.saturating_sub(diff_height(h, body) + 1);
    let image = |r: &HistoryRow| r.images.iter().map(|i| short_image(i)).collect::<Vec<_>>().join(" ");
    let widest = h.rows().iter().map(|r| text::width(&image(r))).max().unwrap_or(0);
    let images = widest.clamp(8, usize::from(inner.width / 3).max(8));
    put(
        buf,
        inner,
        2,
        0,
        &format!(
            "{:>4}  {:<9}{:>4} {:>6}  {}  CHANGE",
            "REV",
            "",
            "AGE",
            "PODS",
            text::pad("IMAGE", images)
        ),
        look.style(Role::Column),
    );
    let page = usize::from(table.saturating_sub(1)).max(1);
    let from = (h.cursor + 1).saturating_sub(page);
    let mut cursor = None;
    for (y, (i, r)) in h.rows().iter().enumerate().skip(from).take(page).enumerate() {
        let y = y as u16 + 1;
        let age = r
            .created
            .map_or_else(String::new, |t| text::age(app.server_now().duration_since(t)));
        // Of a Deployment each revision is a ReplicaSet, which counts its pods.
        let key = crate::model::Key::new(&*h.object.namespace, r.name.as_str());
        let pods = app
            .world
            .replica_sets
            .get(&key)
            .filter(|s| s.desired > 0 || s.ready > 0)
            .map_or_else(String::new, |s| format!("{}/{}", s.ready, s.desired));
        let state = if r.current { "current" } else { "" };
        let line = format!(
            "{:>4}  {state:<9}{age:>4} {pods:>6}  {}  {}",
            r.revision,
            text::pad(&text::clean(&image(r)), images),
            text::clean(&r.change_cause)
        );
        let line = text::truncate_end(&line, usize::from(inner.width.saturating_sub(3)));
        put(
            buf,
            inner,
            2,
            y,
            &line,
            look.style(if r.current { Role::Accent } else { Role::Text }),
        );
        if i == h.cursor {
            select(
                look,
                buf,
                Rect::new(inner.x, inner.y + y, inner.width, 1),
                Role::Selection,
            );
            cursor = Some(Position::new(inner.x, inner.y + y));
        }
    }
    let caption = match (h.compared(), h.against) {
        (Some((a, b)), DiffAgainst::Current) => format!(
            "from {} (current) to {}: what a roll-back would change",
            a.revision, b.revision
        ),
        (Some((a, b)), DiffAgainst::Previous) => {
            format!("from {} to {}: what that revision brought", a.revision, b.revision)
        }
        (None, _) => String::new(),
    };
    for x in 0..inner.width {
        put(buf, inner, x, table, "─", look.style(Role::Border));
    }
    put(buf, inner, 1, table, &format!(" {caption} "), look.style(Role::Heading));
    let area = Rect::new(
        inner.x + 1,
        inner.y + table + 1,
        inner.width.saturating_sub(2),
        inner.height.saturating_sub(table + 1),
    );
    draw::body(look, area, &h.diff(), &h.scroll, buf);
    cursor
}
