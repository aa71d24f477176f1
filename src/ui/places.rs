//! Where the panes of the deck stand.

use ratatui::layout::Rect;

use crate::app::App;
use crate::panes::{self, PANES, PaneId};

/// Lines of a pane beside its rows: the frame and the headings.
const AROUND: u16 = 3;

/// No pane is lower where all stand open.
const LEAST: u16 = 6;

/// Where each pane stands; `None` for one that is folded to a line or hidden.
pub fn places(app: &App, body: Rect) -> Vec<Option<Rect>> {
    if app.zoomed {
        return PANES.iter().map(|p| (p.id == app.pane).then_some(body)).collect();
    }
    let shown = panes::on_deck(app);
    let mut places = vec![None; PANES.len()];
    let mut put = |id: PaneId, at: Rect| {
        if let Some(place) = places.get_mut(id.index()) {
            *place = Some(at);
        }
    };
    if !app.shows_all_panes() {
        let before = shown.iter().take_while(|id| **id != app.pane).count() as u16;
        let after = (shown.len() as u16).saturating_sub(before + 1);
        let open = Rect::new(
            body.x,
            body.y + before,
            body.width,
            body.height.saturating_sub(before + after),
        );
        put(app.pane, open);
        return places;
    }
    // Two beside each other; an odd one at the end has the whole width. With two rows the upper one is the larger: the
    // lower one is the events.
    let rows = shown.len().div_ceil(2) as u16;
    let left = body.width / 2;
    let low = match rows {
        2 if shown.len() == 3 => (body.height / 4).max(LEAST),
        // Pods and rollouts have the most rows.
        3 => body.height * 3 / 10,
        n => body.height / n.max(1),
    };
    let lower = shown.chunks(2).skip(1).map(|pair| enough(app, pair).min(low));
    let upper = body.height.saturating_sub(lower.clone().sum());
    let mut y = body.y;
    for (pair, height) in shown.chunks(2).zip(std::iter::once(upper).chain(lower)) {
        match pair {
            [one] => put(*one, Rect::new(body.x, y, body.width, height)),
            [one, other] => {
                put(*one, Rect::new(body.x, y, left, height));
                put(*other, Rect::new(body.x + left, y, body.width - left, height));
            }
            _ => {}
        }
        y += height;
    }
    places
}

/// The height at which panes beside each other show all that they have. Where rows come and go by themselves any height
/// is too little: the deck would never stand still.
fn enough(app: &App, pair: &[PaneId]) -> u16 {
    let heights = pair.iter().map(|id| match (id, app.list(*id).total) {
        (PaneId::Redis | PaneId::Certificates | PaneId::Nodes, 1..) => {
            u16::try_from(app.list(*id).total).map_or(u16::MAX, |rows| rows.saturating_add(AROUND))
        }
        _ => u16::MAX,
    });
    heights.max().map_or(u16::MAX, |height| height.max(LEAST))
}
