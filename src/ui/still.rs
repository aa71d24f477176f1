//! A screen that stands still: what it showed when it was told to, whatever comes behind it.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, clear, put, view};
use crate::app::App;
use crate::theme::Role;

/// What the screen showed when it was told to stand still.
#[derive(Debug, Default)]
pub struct Still(Option<Buffer>);

impl Still {
    /// Draws the console, or what it showed.
    pub fn draw(&mut self, app: &App, look: Look<'_>, frame: &mut Frame<'_>) {
        if app.seat.frozen.is_none() {
            self.0 = None;
            view(app, look, frame);
            return;
        }
        match self.0.as_ref().filter(|kept| kept.area == frame.area()) {
            Some(kept) => frame.buffer_mut().clone_from(kept),
            None => {
                view(app, look, frame);
                self.0 = Some(frame.buffer_mut().clone());
            }
        }
        line(app, look, frame);
    }
}

/// Since when it stands, and how it goes on. In place of the footer, whose keys do nothing now.
fn line(app: &App, look: Look<'_>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let Some(age) = app.frozen_for() else { return };
    let line = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1);
    let buf = frame.buffer_mut();
    clear(buf, line, look.style(Role::Header));
    let x = put(buf, line, 0, 0, " FROZEN ", look.style(Role::BadgeProd));
    let text = format!(
        " for {}: what comes meanwhile is kept {} any key lets it go on",
        crate::text::age(age),
        look.symbols.dot
    );
    put(buf, line, x, 0, &text, look.style(Role::Header));
    frame.set_cursor_position(Position::new(line.x, line.y));
}
