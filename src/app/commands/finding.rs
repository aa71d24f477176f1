//! Marks, columns, earlier filters, and jumps between what is related.

use crate::app::command::Command;
use crate::app::finding::key_of;
use crate::app::layers::{Choice, Picker, PickerFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::panes;

const G: &str = "Tables";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "list.mark_range",
        doc: "mark the rows from the last marked one to this one",
        short: "mark range",
        group: G,
        when: super::lists::on_pane,
        run: |app| {
            app.list_mut().mark_range();
            Vec::new()
        },
    },
    Command {
        id: "list.mark_all",
        doc: "mark every row that the filter lets through",
        short: "mark all",
        group: G,
        when: super::lists::on_pane,
        run: |app| {
            app.list_mut().mark_all();
            Vec::new()
        },
    },
    Command {
        id: "list.invert_marks",
        doc: "mark the rows that are not marked, and unmark the others",
        short: "invert",
        group: G,
        when: super::lists::on_pane,
        run: |app| {
            app.list_mut().invert_marks();
            Vec::new()
        },
    },
    Command {
        id: "columns.pick",
        doc: "choose the columns of this table and their order",
        short: "columns",
        group: G,
        when: super::lists::on_pane,
        run: pick_columns,
    },
    Command {
        id: "columns.reset",
        doc: "show the columns of this table as they were at first",
        short: "all as before",
        group: G,
        when: super::lists::on_pane,
        run: reset_columns,
    },
    Command {
        id: "sort.pick",
        doc: "choose the column that orders the rows",
        short: "choose",
        group: G,
        when: super::lists::on_pane,
        run: pick_sort,
    },
    Command {
        id: "jump.related",
        doc: "go to what is related: owner, autoscaler, node, blocker, workers, ingress",
        short: "related",
        group: "Objects",
        when: has_related,
        run: App::open_related,
    },
    Command {
        id: "jump.back",
        doc: "go back to where you were before the last jump",
        short: "back",
        group: "Objects",
        when: crate::app::command::always,
        run: back,
    },
    Command {
        id: "text.older",
        doc: "the filter before this one",
        short: "older",
        group: "Dialogs",
        when: crate::app::command::always,
        run: |app| {
            app.recall_filter(-1);
            Vec::new()
        },
    },
    Command {
        id: "text.newer",
        doc: "the filter after this one",
        short: "newer",
        group: "Dialogs",
        when: crate::app::command::always,
        run: |app| {
            app.recall_filter(1);
            Vec::new()
        },
    },
    Command {
        id: "text.complete",
        doc: "end the column's or label's name in a filter",
        short: "complete",
        group: "Dialogs",
        when: crate::app::command::always,
        run: |app| {
            app.complete_filter();
            Vec::new()
        },
    },
    Command {
        id: "picker.move_down",
        doc: "put the column further right",
        short: "further right",
        group: "Dialogs",
        when: crate::app::command::always,
        run: |app| shift(app, 1),
    },
    Command {
        id: "picker.move_up",
        doc: "put the column further left",
        short: "further left",
        group: "Dialogs",
        when: crate::app::command::always,
        run: |app| shift(app, -1),
    },
];

/// All columns of the table: those that show in their order, then the others, then the labels that its rows have.
fn pick_columns(app: &mut App) -> Vec<Effect> {
    let pane = app.active_pane();
    let shown = panes::columns_of(app, pane);
    let all = panes::all_columns(app, pane);
    let hidden = all.iter().filter(|c| !shown.iter().any(|s| s.id == c.id));
    let choice = |id: &str, title: &str| Choice {
        value: id.to_owned(),
        label: title.to_owned(),
        hint: id
            .strip_prefix("label:")
            .map_or_else(String::new, |key| format!("label {key}")),
    };
    let mut choices: Vec<Choice> = shown.iter().chain(hidden).map(|c| choice(c.id, c.title)).collect();
    let labels = panes::label_keys(app, pane);
    let labels = labels.iter().map(|key| format!("label:{key}"));
    for id in labels
        .filter(|id| !all.iter().any(|c| c.id == id.as_str()))
        .collect::<Vec<_>>()
    {
        if let Some(column) = panes::label_column(&id) {
            choices.push(choice(&id, column.title));
        }
    }
    let mut picker = Picker::new(&format!("Columns of {}", pane.title), PickerFor::Columns, choices);
    picker.marked = shown.iter().map(|c| c.id.to_owned()).collect();
    let before = app.finding.chosen.get(&key_of(app, pane));
    picker.first = before.map(|c| c.first.iter().cloned().collect()).unwrap_or_default();
    app.layers.push(Layer::Picker(picker));
    let [mark, up, down, take] =
        ["mark", "move_up", "move_down", "accept"].map(|verb| app.keys_for(&format!("picker.{verb}")));
    if let Some(Layer::Picker(picker)) = app.layers.last_mut() {
        picker.note = format!("{mark} shows or hides  {up}, {down} move  {take} keeps them so");
    }
    Vec::new()
}

/// Takes what was marked, in the order of the list.
pub(super) fn take_columns(app: &mut App, picker: &Picker) -> Vec<Effect> {
    let pane = app.active_pane();
    let key = key_of(app, pane);
    let chosen = picker.columns();
    if chosen.order.is_empty() {
        return app.complain("a table needs a column: nothing was changed");
    }
    app.finding.chosen.insert(key, chosen);
    app.refresh_pane();
    vec![app.remember()]
}

fn reset_columns(app: &mut App) -> Vec<Effect> {
    let key = key_of(app, app.active_pane());
    app.finding.chosen.remove(&key);
    app.refresh_pane();
    vec![app.remember()]
}

fn pick_sort(app: &mut App) -> Vec<Effect> {
    let pane = app.active_pane();
    let sort = &app.list(pane.id).sort;
    let mut choices = vec![Choice {
        value: String::new(),
        label: "worst first".to_owned(),
        hint: "then by name".to_owned(),
    }];
    choices.extend(panes::columns_of(app, pane).iter().map(|c| Choice {
        value: c.id.to_owned(),
        label: c.title.to_owned(),
        hint: match (sort.column == c.id, sort.reverse) {
            (true, true) => "now, turned round; again turns it back".to_owned(),
            (true, false) => "now; again turns it round".to_owned(),
            _ => String::new(),
        },
    }));
    let picker = Picker::new(&format!("Sort {} by", pane.title), PickerFor::Sort, choices);
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}

pub(super) fn take_sort(app: &mut App, column: &str) -> Vec<Effect> {
    let columns = panes::columns_of(app, app.active_pane());
    let known = columns.iter().map(|c| c.id).find(|id| *id == column);
    super::lists::sort(app, known.unwrap_or(""))
}

fn has_related(app: &App) -> Result<(), String> {
    if app.related().is_empty() && app.backend_ask().is_none() {
        return Err("nothing that the console knows is related to this".to_owned());
    }
    Ok(())
}

fn back(app: &mut App) -> Vec<Effect> {
    match app.go_back() {
        Some(effects) => effects,
        None => app.say("there is nowhere to go back to: no jump was made"),
    }
}

fn shift(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Picker(p)) = app.layers.last_mut()
        && p.purpose == PickerFor::Columns
        && p.field.is_empty()
    {
        let to = p.cursor.saturating_add_signed(by);
        if to < p.choices.len() && p.cursor < p.choices.len() {
            p.choices.swap(p.cursor, to);
            p.cursor = to;
        }
    }
    Vec::new()
}
