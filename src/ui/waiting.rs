//! The line for a run that waits for the person here while something else is on screen, and how such lines are drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, clear, put};
use crate::app::App;
use crate::text;
use crate::theme::Role;

pub fn line(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    let Some(words) = app.waiting_line().filter(|_| area.height > 0) else {
        return;
    };
    let key = app.keys_for("runbook.resume");
    let [long, short] = &words;
    let room = usize::from(area.width).saturating_sub(Reminder::taken(&key));
    let words = if text::width(long) <= room { long } else { short };
    let reminder = Reminder {
        mark: look.symbols.pointer,
        words,
        role: Role::TextStrong,
        key,
    };
    reminder.draw(look, area, buf);
}

/// What is under way or was left, in one line, and the key that leads there.
pub(super) struct Reminder<'a> {
    pub mark: &'a str,
    pub words: &'a str,
    pub role: Role,
    pub key: String,
}

impl Reminder<'_> {
    /// Columns beside the words.
    fn taken(key: &str) -> usize {
        7 + text::width(key)
    }

    pub fn draw(&self, look: Look<'_>, area: Rect, buf: &mut Buffer) {
        clear(buf, area, look.style(Role::Text));
        let tail = format!(" {} {}", look.symbols.arrow, self.key);
        let width = text::width(&tail);
        let room = usize::from(area.width).saturating_sub(Self::taken(&self.key));
        let words = text::clean(self.words);
        put(buf, area, 1, 0, self.mark, look.style(Role::Warn));
        put(
            buf,
            area,
            3,
            0,
            &text::truncate_end(&words, room),
            look.style(self.role),
        );
        let at = area.width.saturating_sub(width as u16 + 1);
        put(buf, area, at, 0, &tail, look.style(Role::Accent));
    }
}
