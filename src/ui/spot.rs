//! What lies under the pointer.

use ratatui::layout::{Position, Rect};

use super::{SMALLEST, areas, chrome, places};
use crate::app::pointer::Spot;
use crate::app::{App, Layer};
use crate::panes::{self, PANES};

/// What is drawn at this cell now.
pub fn spot(app: &App, column: u16, row: u16) -> Spot {
    let screen = Rect::new(0, 0, app.size.0, app.size.1);
    if screen.width < SMALLEST.0 || screen.height < SMALLEST.1 {
        return Spot::Elsewhere;
    }
    let parts = areas(app, screen);
    let at = Position::new(column, row);
    if parts.strip.contains(at) {
        let line = usize::from(row - parts.strip.y);
        return chrome::strip_line(app, parts.strip.height, line).map_or(Spot::Elsewhere, Spot::Signal);
    }
    if !parts.body.contains(at) {
        return Spot::Elsewhere;
    }
    if app.layers.iter().any(Layer::is_full) {
        return Spot::Layer;
    }
    let shown = panes::on_deck(app);
    let mut folded = parts.body.y;
    for (pane, place) in PANES.iter().zip(places::places(app, parts.body)) {
        match place {
            Some(place) => {
                folded = place.bottom();
                if !place.contains(at) {
                    continue;
                }
                let list = app.list(pane.id);
                // Frame and headings stand above the rows, the frame beneath them.
                let first = place.y + 2;
                let inside = row >= first && row + 1 < place.bottom();
                let line = list.offset + usize::from(row.saturating_sub(first));
                return if inside && line < list.rows().len() {
                    Spot::Row(pane.id, line)
                } else {
                    Spot::Pane(pane.id)
                };
            }
            None if app.zoomed || !shown.contains(&pane.id) => {}
            None => {
                if row == folded {
                    return Spot::Pane(pane.id);
                }
                folded += 1;
            }
        }
    }
    Spot::Elsewhere
}
