//! Scrolling and searching in text: YAML, detail, differences, logs, runbook.

use crate::app::command::Command;
use crate::app::doc::Scroll;
use crate::app::layers::{Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer};

const M: &str = "Moving";
const G: &str = "Text";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "view.down",
        doc: "one line down",
        short: "down",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.by(1)),
    },
    Command {
        id: "view.up",
        doc: "one line up",
        short: "up",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.by(-1)),
    },
    Command {
        id: "view.half_down",
        doc: "half a page down",
        short: "half down",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.pages(1, 2)),
    },
    Command {
        id: "view.half_up",
        doc: "half a page up",
        short: "half up",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.pages(-1, 2)),
    },
    Command {
        id: "view.page_down",
        doc: "a page down",
        short: "page down",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.pages(1, 1)),
    },
    Command {
        id: "view.page_up",
        doc: "a page up",
        short: "page up",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.pages(-1, 1)),
    },
    Command {
        id: "view.top",
        doc: "to the beginning",
        short: "top",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.top = 0),
    },
    Command {
        id: "view.bottom",
        doc: "to the end; logs follow again",
        short: "bottom",
        group: M,
        when: has_view,
        run: bottom,
    },
    Command {
        id: "view.left",
        doc: "scroll left",
        short: "left",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.left = s.left.saturating_sub(16)),
    },
    Command {
        id: "view.right",
        doc: "scroll right",
        short: "right",
        group: M,
        when: has_view,
        run: |app| by(app, |s| s.left += 16),
    },
    Command {
        id: "view.wrap",
        doc: "wrap long lines, or let them run out of sight",
        short: "wrap",
        group: G,
        when: has_view,
        run: |app| {
            by(app, |s| {
                s.wrap = !s.wrap;
                s.left = 0;
            })
        },
    },
    Command {
        id: "view.search",
        doc: "search in the text",
        short: "search",
        group: G,
        when: searchable,
        run: search,
    },
    Command {
        id: "search.next",
        doc: "next hit",
        short: "next hit",
        group: G,
        when: has_hits,
        run: |app| hit(app, true),
    },
    Command {
        id: "search.previous",
        doc: "previous hit",
        short: "previous hit",
        group: G,
        when: has_hits,
        run: |app| hit(app, false),
    },
    Command {
        id: "copy.all",
        doc: "copy the whole text to the terminal's clipboard",
        short: "copy all",
        group: G,
        when: searchable,
        run: copy_all,
    },
];

fn has_view(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(
            Layer::Detail(_)
            | Layer::Item(_)
            | Layer::Text(_)
            | Layer::Logs(_)
            | Layer::History(_)
            | Layer::Runbook(_)
            | Layer::Incident(_)
            | Layer::Timeline(_)
            | Layer::Help(_),
        ) => Ok(()),
        _ => Err("there is no text here".to_owned()),
    }
}

/// Something was searched for, and found.
fn has_hits(app: &App) -> Result<(), String> {
    let scroll = match app.layers.last() {
        Some(Layer::Text(text)) => &text.scroll,
        Some(Layer::Logs(logs)) => &logs.scroll,
        _ => return searchable(app),
    };
    match scroll.hit {
        _ if scroll.search.is_empty() => Err(format!("search first ({})", app.keys_for("view.search"))),
        // Lines may have come since.
        None if !matches!(app.layers.last(), Some(Layer::Logs(_))) => Err(format!("nothing holds “{}”", scroll.search)),
        _ => Ok(()),
    }
}

fn searchable(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Text(_) | Layer::Logs(_)) => Ok(()),
        _ => Err("only in logs and YAML".to_owned()),
    }
}

fn by(app: &mut App, change: impl Fn(&mut Scroll)) -> Vec<Effect> {
    let Some(layer) = app.layers.last_mut() else {
        return Vec::new();
    };
    let Some(scroll) = layer.scroll() else {
        return Vec::new();
    };
    change(scroll);
    let at_end = scroll.at_end();
    // Logs and the timeline follow while one stands at their end.
    match layer {
        Layer::Logs(logs) => logs.follow = at_end,
        Layer::Timeline(view) => view.follow = at_end,
        _ => {}
    }
    Vec::new()
}

fn bottom(app: &mut App) -> Vec<Effect> {
    by(app, Scroll::end)
}

fn search(app: &mut App) -> Vec<Effect> {
    app.layers
        .push(Layer::Prompt(Prompt::new(PromptFor::Search, "search", "", "")));
    Vec::new()
}

fn plain(layer: &Layer) -> Vec<String> {
    match layer {
        Layer::Text(view) => view.lines().to_vec(),
        Layer::Logs(logs) => logs.plain(),
        _ => Vec::new(),
    }
}

impl App {
    fn searched(&self) -> Option<&Scroll> {
        match self.layers.last()? {
            Layer::Text(text) => Some(&text.scroll),
            Layer::Logs(logs) => Some(&logs.scroll),
            _ => None,
        }
    }

    /// Whether something was searched for in the text that is open.
    pub fn looks_for_something(&self) -> bool {
        self.searched().is_some_and(|scroll| !scroll.search.is_empty())
    }

    /// `hit 3 of 12`, where the search of the text that is open stands on one.
    pub fn hits(&self) -> Option<String> {
        let (layer, scroll) = (self.layers.last()?, self.searched()?);
        scroll.hit?;
        let lines = plain(layer);
        let (at, of) = scroll.hits(lines.iter().map(String::as_str))?;
        Some(format!("hit {at} of {of}"))
    }
}

/// Goes to the next hit; says when there is none.
pub(super) fn hit(app: &mut App, forward: bool) -> Vec<Effect> {
    let Some(layer) = app.layers.last_mut() else {
        return Vec::new();
    };
    let lines = plain(layer);
    let Some(scroll) = layer.scroll() else {
        return Vec::new();
    };
    if scroll.search.is_empty() {
        let key = app.keys_for("view.search");
        return app.say(format!("search first ({key})"));
    }
    let found = scroll.find(&lines, forward);
    let needle = scroll.search.clone();
    if let Layer::Logs(logs) = layer {
        logs.follow = false;
    }
    if found {
        Vec::new()
    } else {
        app.say(format!("nothing holds “{needle}”"))
    }
}

fn copy_all(app: &mut App) -> Vec<Effect> {
    let Some(layer) = app.layers.last() else {
        return Vec::new();
    };
    let text = plain(layer).join("\n");
    app.say(format!(
        "{} lines sent to the terminal's clipboard",
        text.lines().count()
    ));
    vec![Effect::Copy(text)]
}
