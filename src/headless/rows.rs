//! Panes that have no form of their own without a screen: their columns as a table, or as JSON under the columns' ids.

use serde_json::{Map, Value, json};

use super::Answer;
use super::table::Table;
use crate::app::{App, Health};
use crate::cli::Output;
use crate::panes::{self, PaneId};
use crate::text;

/// Wrong when the pane says that something is.
///
/// JSON: `{"nodes": [{node, status, pods, …}]}`, `{"events": [{last, reason, …}]}`: the values are texts as the screen
/// shows them, and `health` is `critical`, `warning`, `moving`, `good` or `quiet`.
pub fn rows(app: &App, id: PaneId, output: Output) -> Answer {
    let pane = panes::pane(id);
    let columns = panes::columns_of(app, pane);
    let cells = |row: &crate::app::Row| -> Vec<String> {
        panes::cells_of(app, pane, row, &columns)
            .iter()
            .map(|cell| text::clean(&cell.text).trim().to_owned())
            .collect()
    };
    let all = app.list(id).rows();
    let text = match output {
        Output::Table => {
            let mut table = Table::of(columns.iter().map(|c| c.title.to_uppercase()).collect());
            for placed in all.iter() {
                table.push(cells(&placed.row));
            }
            table.to_string()
        }
        Output::Json => {
            let of_row = |row: &crate::app::Row| {
                let named = columns.iter().map(|c| c.id.to_owned());
                let mut object: Map<String, Value> = named.zip(cells(row).into_iter().map(Value::String)).collect();
                object.insert("health".to_owned(), word(pane.sign(app, row)).into());
                Value::Object(object)
            };
            let found: Vec<_> = all.iter().map(|placed| of_row(&placed.row)).collect();
            super::json(&json!({ pane.title.to_lowercase(): found }))
        }
    };
    Answer {
        text,
        doubts: Vec::new(),
        verdict: super::plain::pane(app, id).verdict,
    }
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Critical => "critical",
        Health::Warning => "warning",
        Health::Moving => "moving",
        Health::Good => "good",
        Health::Quiet => "quiet",
    }
}
