//! To the terminal's clipboard: a cell, a row, the object, the line that shows the same elsewhere.

use crate::app::command::{Command, always};
use crate::app::doc::Scroll;
use crate::app::layers::{Choice, Content, Picker, PickerFor, TextView};
use crate::app::msg::Effect;
use crate::app::seat::{Doing, ReadFor};
use crate::app::{App, Layer, Row};
use crate::panes;

const G: &str = "Tables";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "copy.name",
        doc: "copy the name to the terminal's clipboard",
        short: "copy name",
        group: G,
        when: has_selection,
        run: name,
    },
    Command {
        id: "copy.cell",
        doc: "choose a cell of the row, and copy it",
        short: "copy cell",
        group: G,
        when: has_row,
        run: cell,
    },
    Command {
        id: "copy.row",
        doc: "copy the row, or the marked rows, with tabs between the cells",
        short: "copy row",
        group: G,
        when: has_row,
        run: row,
    },
    Command {
        id: "copy.yaml",
        doc: "copy the object as YAML, without managedFields and secret values",
        short: "copy yaml",
        group: G,
        when: has_object,
        run: yaml,
    },
    Command {
        id: "copy.command",
        doc: "copy the kubectl, psql or redis-cli line that shows this",
        short: "copy command",
        group: G,
        when: has_selection,
        run: command,
    },
    Command {
        id: "copy.show",
        doc: "show what was copied last, to select it by hand",
        short: "show copied",
        group: G,
        when: always,
        run: show,
    },
    Command {
        id: "activity.copy",
        doc: "copy all that is known of this line: times, outcome, command lines",
        short: "copy",
        group: "Console",
        when: in_activity,
        run: activity,
    },
];

fn has_row(app: &App) -> Result<(), String> {
    if !app.layers.is_empty() {
        return Err("only on a pane".to_owned());
    }
    let row = app.list(app.pane).selected();
    row.map(|_| ()).ok_or_else(|| "nothing is selected".to_owned())
}

fn has_object(app: &App) -> Result<(), String> {
    app.subject()
        .map(|_| ())
        .ok_or_else(|| "no object of Kubernetes is selected".to_owned())
}

fn has_selection(app: &App) -> Result<(), String> {
    if app.subject().is_some() || app.item_at_hand().is_some() {
        Ok(())
    } else {
        Err("nothing is selected".to_owned())
    }
}

fn in_activity(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Activity(_)) if !app.doings().is_empty() => Ok(()),
        Some(Layer::Activity(_)) => Err("there is nothing here".to_owned()),
        _ => Err("only in the list of activities".to_owned()),
    }
}

fn name(app: &mut App) -> Vec<Effect> {
    if let Some(object) = app.subject() {
        return app.copy("name", object.name.to_string());
    }
    let name = app.list(app.pane).selected().map(|r| r.order().1.to_owned());
    name.map_or_else(Vec::new, |name| app.copy("name", name))
}

/// The cells of the selected row, with what stands above them.
fn cells(app: &App) -> Vec<(String, String)> {
    let Some(row) = app.list(app.pane).selected() else {
        return Vec::new();
    };
    let pane = app.active_pane();
    let columns = panes::columns_of(app, pane);
    let cells = panes::cells_of(app, pane, row, &columns);
    let titled = columns.iter().zip(cells);
    let texts = titled.map(|(column, cell)| (column.title.to_owned(), said(&cell.text).to_owned()));
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

fn cell(app: &mut App) -> Vec<Effect> {
    let choices = cells(app).into_iter().map(|(title, text)| Choice {
        label: text.clone(),
        value: text,
        hint: title.to_lowercase(),
    });
    let picker = Picker::new("Copy a cell", PickerFor::CopyCell, choices.collect());
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}

fn row(app: &mut App) -> Vec<Effect> {
    let pane = app.active_pane();
    let columns = panes::columns_of(app, pane);
    let list = app.list(app.pane);
    let marked = list.rows().iter().filter(|r| list.marks.contains_key(r.uid()));
    let mut rows: Vec<&Row> = marked.map(|r| &**r).collect();
    if rows.is_empty() {
        rows.extend(list.selected());
    }
    let line = |row: &&Row| {
        let cells = panes::cells_of(app, pane, row, &columns);
        cells.iter().map(|c| said(&c.text)).collect::<Vec<_>>().join("\t")
    };
    let text = rows.iter().map(line).collect::<Vec<_>>().join("\n");
    let what = if rows.len() == 1 { "row" } else { "marked rows" };
    app.copy(what, text)
}

fn yaml(app: &mut App) -> Vec<Effect> {
    match app.subject() {
        Some(object) => app.read_for(object, ReadFor::Clipboard),
        None => Vec::new(),
    }
}

fn command(app: &mut App) -> Vec<Effect> {
    let line = match (app.subject(), app.item_at_hand()) {
        (Some(object), _) => Ok(app.kubectl("describe", &object)),
        (None, Some(item)) => app.command_for(item),
        (None, None) => Err("nothing is selected".to_owned()),
    };
    match line {
        Ok(line) => app.copy("command", line),
        Err(why) => app.complain(format!("there is no command for it: {why}")),
    }
}

fn show(app: &mut App) -> Vec<Effect> {
    if app.seat.copied.is_empty() {
        return app.say("nothing was copied yet");
    }
    let lines = in_columns(&app.seat.copied);
    app.layers.push(Layer::Text(TextView {
        title: "copied last".to_owned(),
        object: None,
        content: Content::Lines(lines),
        scroll: Scroll::default(),
        yaml: false,
    }));
    Vec::new()
}

/// Lines whose tabs are blanks up to the next column, for a tab is drawn as nothing.
fn in_columns(text: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| crate::text::width(cell)).max().unwrap_or(0)
    };
    let line = |row: &Vec<&str>| {
        let padded = row.iter().enumerate().map(|(at, cell)| {
            if at + 1 == row.len() {
                (*cell).to_owned()
            } else {
                crate::text::pad(cell, widest(at))
            }
        });
        padded.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// What a cell says, without the bar that it draws beside.
fn said(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || ('\u{2580}'..='\u{259f}').contains(&c))
}

/// A line of the list of activities in full.
fn activity(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Activity(view)) = app.layers.last() else {
        return Vec::new();
    };
    let text = match app.doings().get(view.cursor) {
        None => return Vec::new(),
        Some(Doing::Said(said)) => format!("{:.0}  {}", said.at, said.notice.text),
        Some(Doing::Activity(a)) => {
            let mut lines = vec![format!("{:.0}  {}", a.started, a.title)];
            lines.push(format!("on {} ({})", a.place.context, a.place.server));
            lines.extend(a.targets.iter().map(|t| format!("target   {} {}", t.kind(), t.name())));
            if !a.reason.is_empty() {
                lines.push(format!("reason   {}", a.reason));
            }
            lines.push(format!("outcome  {}", a.line));
            if let Some(ended) = a.ended {
                lines.push(format!("ended    {ended:.0}"));
            }
            lines.extend(a.same_as.iter().map(|s| format!("same as  {s}")));
            lines.push(format!("plan     {}", a.plan_hash));
            lines.join("\n")
        }
    };
    app.copy("line of the list", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_rows_are_shown_in_columns_and_a_bar_is_no_part_of_a_cell() {
        assert_eq!(
            in_columns("web-1\t1/1\t0\na\tRunning\t17"),
            ["web-1  1/1      0", "a      Running  17"]
        );
        assert_eq!(said("████░  83 %"), "83 %");
        assert_eq!(said(" 3/5 "), "3/5");
    }
}
