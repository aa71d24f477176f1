//! Moving about in tables, sorting, filtering, marking.

use crate::app::command::Command;
use crate::app::layers::{Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::panes;

const M: &str = "Moving";
const G: &str = "Tables";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "list.down",
        doc: "one row down",
        short: "down",
        group: M,
        when: has_list,
        run: |app| step(app, 1),
    },
    Command {
        id: "list.up",
        doc: "one row up",
        short: "up",
        group: M,
        when: has_list,
        run: |app| step(app, -1),
    },
    Command {
        id: "list.half_down",
        doc: "half a page down",
        short: "half down",
        group: M,
        when: has_list,
        run: |app| page(app, 1, 2),
    },
    Command {
        id: "list.half_up",
        doc: "half a page up",
        short: "half up",
        group: M,
        when: has_list,
        run: |app| page(app, -1, 2),
    },
    Command {
        id: "list.page_down",
        doc: "a page down",
        short: "page down",
        group: M,
        when: has_list,
        run: |app| page(app, 1, 1),
    },
    Command {
        id: "list.page_up",
        doc: "a page up",
        short: "page up",
        group: M,
        when: has_list,
        run: |app| page(app, -1, 1),
    },
    Command {
        id: "list.top",
        doc: "to the first row",
        short: "top",
        group: M,
        when: has_list,
        run: |app| edge(app, false),
    },
    Command {
        id: "list.bottom",
        doc: "to the last row",
        short: "bottom",
        group: M,
        when: has_list,
        run: |app| edge(app, true),
    },
    Command {
        id: "list.open",
        doc: "open the selected row",
        short: "open",
        group: G,
        when: has_list,
        run: open,
    },
    Command {
        id: "list.filter",
        doc: "filter the rows as you type: web !api status=Running age<2h /regex/ -l app=x",
        short: "filter",
        group: G,
        when: on_pane,
        run: filter,
    },
    Command {
        id: "list.wrong",
        doc: "show only what is wrong, or everything again",
        short: "only wrong",
        group: G,
        when: on_pane,
        run: wrong,
    },
    Command {
        id: "list.mark",
        doc: "mark the row, or unmark it",
        short: "mark",
        group: G,
        when: on_pane,
        run: mark,
    },
    Command {
        id: "list.unmark",
        doc: "take all marks away",
        short: "unmark all",
        group: G,
        when: on_pane,
        run: |app| {
            app.list_mut().unmark_all();
            Vec::new()
        },
    },
    Command {
        id: "sort.worst",
        doc: "worst first, then by name",
        short: "worst",
        group: G,
        when: on_pane,
        run: |app| sort(app, ""),
    },
    Command {
        id: "sort.name",
        doc: "sort by name",
        short: "name",
        group: G,
        when: on_pane,
        run: |app| sort(app, "name"),
    },
    Command {
        id: "sort.age",
        doc: "sort by age",
        short: "age",
        group: G,
        when: on_pane,
        run: |app| sort(app, "age"),
    },
    Command {
        id: "sort.restarts",
        doc: "sort by restarts",
        short: "restarts",
        group: G,
        when: on_pane,
        run: |app| sort(app, "restarts"),
    },
    Command {
        id: "sort.cpu",
        doc: "sort by CPU in use",
        short: "cpu",
        group: G,
        when: on_pane,
        run: |app| sort(app, "cpu"),
    },
    Command {
        id: "sort.memory",
        doc: "sort by memory in use",
        short: "memory",
        group: G,
        when: on_pane,
        run: |app| sort(app, "memory"),
    },
    Command {
        id: "sort.node",
        doc: "sort by node",
        short: "node",
        group: G,
        when: on_pane,
        run: |app| sort(app, "node"),
    },
    Command {
        id: "sort.next",
        doc: "sort by the next column",
        short: "next column",
        group: G,
        when: on_pane,
        run: sort_next,
    },
    Command {
        id: "sort.reverse",
        doc: "turn the order round",
        short: "reverse",
        group: G,
        when: on_pane,
        run: reverse,
    },
];

pub(super) fn on_pane(app: &App) -> Result<(), String> {
    if app.layers.is_empty() {
        Ok(())
    } else {
        Err("only on a pane".to_owned())
    }
}

fn has_list(app: &App) -> Result<(), String> {
    match app.layers.last() {
        None | Some(Layer::History(_) | Layer::Activity(_) | Layer::Unfinished(_)) => Ok(()),
        Some(_) => Err("there is no table here".to_owned()),
    }
}

fn move_to(app: &mut App, to: impl Fn(usize, usize, usize) -> usize) -> Vec<Effect> {
    let now = app.now;
    let activities = app.doings().len();
    let unfinished = app.unfinished.items.len();
    match app.layers.last_mut() {
        Some(Layer::History(h)) => {
            let n = h.rows().len();
            h.cursor = to(h.cursor, n, 10).min(n.saturating_sub(1));
            h.scroll.top = 0;
        }
        Some(Layer::Activity(a)) => a.cursor = to(a.cursor, activities, 10).min(activities.saturating_sub(1)),
        Some(Layer::Unfinished(u)) => u.cursor = to(u.cursor, unfinished, 10).min(unfinished.saturating_sub(1)),
        Some(_) => {}
        None => {
            let list = app.list_mut();
            let target = to(list.cursor, list.rows().len(), list.page.max(2));
            list.go(target, now);
        }
    }
    Vec::new()
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    move_to(app, |at, _, _| at.saturating_add_signed(by))
}

fn page(app: &mut App, direction: isize, part: usize) -> Vec<Effect> {
    move_to(app, |at, _, page| {
        at.saturating_add_signed(direction * (page / part).max(1) as isize)
    })
}

fn edge(app: &mut App, bottom: bool) -> Vec<Effect> {
    move_to(app, |_, n, _| if bottom { n.saturating_sub(1) } else { 0 })
}

fn open(app: &mut App) -> Vec<Effect> {
    match app.layers.last() {
        Some(Layer::History(_)) => super::actions::roll_back_to_selected(app),
        Some(Layer::Activity(a)) => {
            let at = a.cursor;
            super::actions::undo_at(app, at)
        }
        Some(Layer::Unfinished(_)) => app.run_command("unfinished.resume"),
        _ => super::objects::open_selected(app),
    }
}

fn filter(app: &mut App) -> Vec<Effect> {
    let text = app.list(app.pane).filter.clone();
    let hint = filter_hint(app);
    let mut prompt = Prompt::new(PromptFor::Filter, "filter", hint, "");
    prompt.field.set(&text);
    prompt.before = text;
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// What can be asked of this table.
fn filter_hint(app: &App) -> String {
    let fields = panes::fields(app, app.active_pane());
    let labels = if panes::label_keys(app, app.active_pane()).is_empty() {
        ""
    } else {
        "  -l app=x"
    };
    format!("= : < >  !not ~fuzzy /regex/{labels}  {}", fields.join(" "))
}

fn wrong(app: &mut App) -> Vec<Effect> {
    let list = app.list_mut();
    list.wrong_only = !list.wrong_only;
    list.release();
    app.refresh_pane();
    Vec::new()
}

fn mark(app: &mut App) -> Vec<Effect> {
    let now = app.now;
    let list = app.list_mut();
    list.toggle_mark();
    list.step(1, now);
    Vec::new()
}

pub(super) fn sort(app: &mut App, column: &'static str) -> Vec<Effect> {
    let shown = crate::panes::columns_of(app, app.active_pane());
    let known = column.is_empty() || column == "name" || shown.iter().any(|c| c.id == column);
    if !known {
        return app.complain(format!("this pane has no column {column}"));
    }
    let list = app.list_mut();
    list.sort.reverse = list.sort.column == column && !list.sort.reverse;
    list.sort.column = column;
    list.release();
    app.refresh_pane();
    vec![app.remember()]
}

fn sort_next(app: &mut App) -> Vec<Effect> {
    let columns = crate::panes::columns_of(app, app.active_pane());
    let now = app.list(app.pane).sort.column;
    let at = columns.iter().position(|c| c.id == now).map_or(0, |i| i + 1);
    let column = columns.get(at).map_or("", |c| c.id);
    sort(app, column)
}

fn reverse(app: &mut App) -> Vec<Effect> {
    let list = app.list_mut();
    list.sort.reverse = !list.sort.reverse;
    list.release();
    app.refresh_pane();
    vec![app.remember()]
}

/// Applies what was typed into the filter's line and leaves it.
pub(super) fn accept_filter(app: &mut App) {
    let now = app.now;
    let list = app.list_mut();
    let at = list.cursor;
    list.go(at, now);
    list.release();
    app.keep_filter();
}
