//! The line for a run that waits for the person here while something else is on screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, clear, put};
use crate::app::App;
use crate::text;
use crate::theme::Role;

pub fn line(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let Some(words) = app.waiting_line() else { return };
    clear(buf, area, look.style(Role::Text));
    let tail = format!(" {} {}", look.symbols.arrow, app.keys_for("runbook.resume"));
    let room = usize::from(area.width).saturating_sub(4 + text::width(&tail));
    put(buf, area, 1, 0, look.symbols.pointer, look.style(Role::Warn));
    let words = text::clean(&words);
    put(
        buf,
        area,
        3,
        0,
        &text::truncate_end(&words, room),
        look.style(Role::TextStrong),
    );
    let at = area.width.saturating_sub(text::width(&tail) as u16 + 1);
    put(buf, area, at, 0, &tail, look.style(Role::Accent));
}
