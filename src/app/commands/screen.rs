//! The screen itself: standing still, the pager, the mouse.

use crate::app::command::{Command, always};
use crate::app::msg::{Effect, PagerOf};
use crate::app::seat::ReadFor;
use crate::app::{App, Layer};

const G: &str = "Console";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "screen.freeze",
        doc: "let the screen stand still until the next key; what comes meanwhile is kept",
        short: "freeze",
        group: G,
        when: always,
        run: |app| {
            app.freeze();
            Vec::new()
        },
    },
    Command {
        id: "screen.pager",
        doc: "read what is open, or the selected object, in $PAGER",
        short: "pager",
        group: G,
        when: has_text,
        run: pager,
    },
    Command {
        id: "screen.mouse",
        doc: "let the mouse choose and scroll, or give it back to the terminal",
        short: "mouse",
        group: G,
        when: always,
        run: mouse,
    },
];

fn has_text(app: &App) -> Result<(), String> {
    match app.layers.last() {
        None => app.subject().map(|_| ()).ok_or_else(|| {
            let key = app.keys_for("list.open");
            format!("no object of Kubernetes is selected: open the row first ({key})")
        }),
        Some(layer) if is_text(layer) => Ok(()),
        Some(_) => Err("there is no text here".to_owned()),
    }
}

/// What can be read as a text.
pub(crate) const fn is_text(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Detail(_)
            | Layer::Item(_)
            | Layer::Text(_)
            | Layer::Logs(_)
            | Layer::History(_)
            | Layer::Plan(_)
            | Layer::Runbook(_)
            | Layer::Incident(_)
            | Layer::Timeline(_)
            | Layer::Help(_)
            | Layer::Followed(_)
    )
}

fn pager(app: &mut App) -> Vec<Effect> {
    if app.layers.is_empty() {
        return match app.subject() {
            Some(object) => app.read_for(object, ReadFor::Pager),
            None => Vec::new(),
        };
    }
    vec![Effect::Pager(PagerOf::Screen)]
}

fn mouse(app: &mut App) -> Vec<Effect> {
    let on = !app.seat.mouse;
    app.seat.mouse = on;
    app.say(if on {
        "the mouse chooses and scrolls here; hold shift to select text"
    } else {
        "the mouse is the terminal's again"
    });
    vec![Effect::Mouse(on)]
}
