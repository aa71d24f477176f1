//! Which columns a table shows: those that it has by itself, those that were chosen, and labels.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::{Cell, Column, Pane, Width, facts, item};
use crate::app::finding::{Chosen, key_of};
use crate::app::{App, Row};

/// Labels whose keys are longer have no column.
const LONGEST_KEY: usize = 120;

/// A chosen column that would be dropped early stays as long as one of this priority.
const CHOSEN: u8 = 3;

/// One that was asked for although it had no room stays as long as one of this priority.
const FIRST: u8 = 1;

/// All columns that the pane's table has, wide ones included, in the order of an item's cells; labels at the end.
pub fn all_columns(app: &App, pane: &Pane) -> Vec<Column> {
    let mut all = own_columns(app, pane);
    if let Some(chosen) = app.finding.chosen.get(&key_of(app, pane)) {
        all.extend(chosen.order.iter().filter_map(|id| label_column(id)));
    }
    all
}

/// The table's own columns, in the order of an item's cells.
pub(super) fn own_columns(app: &App, pane: &Pane) -> Vec<Column> {
    item::view(app, pane).map_or_else(|| (pane.columns)(app), |v| (v.columns)(app))
}

/// The columns of what the pane shows now.
pub fn columns_of(app: &App, pane: &Pane) -> Vec<Column> {
    let all = all_columns(app, pane);
    match app.finding.chosen.get(&key_of(app, pane)) {
        Some(chosen) => apply(&all, chosen),
        None => all.into_iter().filter(|c| !c.wide).collect(),
    }
}

/// The columns of what the pane would show if these were chosen.
pub fn columns_chosen(app: &App, pane: &Pane, chosen: &Chosen) -> Vec<Column> {
    let mut all = own_columns(app, pane);
    all.extend(chosen.order.iter().filter_map(|id| label_column(id)));
    apply(&all, chosen)
}

/// Whether somebody took the column away.
pub fn is_hidden(app: &App, pane: &Pane, id: &str) -> bool {
    let chosen = app.finding.chosen.get(&key_of(app, pane));
    chosen.is_some_and(|c| c.hidden.iter().any(|h| h == id))
}

fn apply(all: &[Column], chosen: &Chosen) -> Vec<Column> {
    let mut shown: Vec<Column> = chosen
        .order
        .iter()
        .filter_map(|id| all.iter().find(|c| c.id == *id))
        .map(|c| Column {
            priority: match c {
                c if chosen.first.iter().any(|id| id == c.id) => c.priority.min(FIRST),
                c if c.wide => c.priority.min(CHOSEN),
                c => c.priority,
            },
            ..*c
        })
        .collect();
    let mut before: Option<&str> = None;
    for column in all {
        let known = chosen.order.iter().any(|id| id == column.id);
        let taken_away = chosen.hidden.iter().any(|id| id == column.id) && column.priority > 0;
        if !known && !taken_away && !column.wide {
            let at = shown.iter().position(|c| Some(c.id) == before).map_or(0, |at| at + 1);
            shown.insert(at, *column);
        }
        before = Some(column.id);
    }
    shown
}

/// The column of a label, by the id that names it.
pub fn label_column(id: &str) -> Option<Column> {
    let key = id.strip_prefix("label:").filter(|k| k.len() <= LONGEST_KEY)?;
    let title = key.rsplit('/').next().unwrap_or(key).to_uppercase();
    let mut column = Column::new(lasting(id), lasting(&title), Width::Grow(10, 20), CHOSEN);
    column.wide = true;
    Some(column)
}

/// Columns are plain values with names that last; those of labels are chosen by people, so there are few.
fn lasting(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(text) = known.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.into());
    known.insert(text);
    text
}

/// The cells of the columns that fit.
pub fn cells_of(app: &App, pane: &Pane, row: &Row, columns: &[Column]) -> Vec<Cell> {
    let mut cells = match row {
        Row::Item(_) => item::cells(&own_columns(app, pane), row, columns),
        _ => (pane.cells)(app, row, columns),
    };
    for (cell, column) in cells.iter_mut().zip(columns) {
        if let Some(key) = column.id.strip_prefix("label:") {
            *cell = Cell::muted(facts::label(app, row, key).unwrap_or_default());
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_columns_stand_as_chosen_and_a_new_one_at_its_own_place() {
        let column = |id, priority| Column::new(id, "X", Width::Fixed(4), priority);
        let mut ip = column("ip", 9);
        ip.wide = true;
        let all = [
            column("namespace", 3),
            column("name", 0),
            column("status", 1),
            ip,
            label_column("label:example.com/app").unwrap(),
        ];
        let ids = |order: &[&str], hidden: &[&str]| -> Vec<&str> {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let chosen = Chosen {
                order: own(order),
                hidden: own(hidden),
                first: Vec::new(),
            };
            apply(&all, &chosen).iter().map(|c| c.id).collect()
        };
        assert_eq!(
            ids(&["ip", "name", "label:example.com/app"], &["status"]),
            ["namespace", "ip", "name", "label:example.com/app"]
        );
        // The name is never taken away; what is wide only shows when it was chosen.
        assert_eq!(ids(&[], &["name", "status"]), ["namespace", "name"]);
        assert_eq!(all[4].title, "APP");
    }
}
