//! A row of a source, opened: everything that is known of it.

use crate::app::ItemRef;
use crate::app::doc::Scroll;
use crate::panes::PaneId;

#[derive(Clone, Debug)]
pub struct ItemView {
    pub pane: PaneId,
    pub what: ItemRef,
    /// Keymap contexts: the item's verbs are its pane's.
    pub contexts: &'static [&'static str],
    pub scroll: Scroll,
}

impl ItemView {
    pub fn new(pane: PaneId, what: ItemRef) -> Self {
        Self {
            pane,
            what,
            contexts: match pane {
                PaneId::Queues => &["queues", "view", "global"],
                PaneId::Queries => &["queries", "view", "global"],
                PaneId::Redis => &["redis", "view", "global"],
                PaneId::Certificates => &["certificates", "view", "global"],
                PaneId::Nodes => &["nodes", "view", "global"],
                PaneId::Alerts => &["alerts", "view", "global"],
                _ => &["view", "global"],
            },
            // What a server said of a failure stands at the end of a long line.
            scroll: Scroll {
                wrap: true,
                ..Scroll::default()
            },
        }
    }
}
