//! `qd pods --plain` and its like: what the console shows, as sentences; and the panes whose table is the screen's.

use std::process::ExitCode;

use super::{What, complain, load, say};
use crate::cli::{Options, Output};
use crate::headless::{Verdict, plain, rows};
use crate::panes::PaneId;
use crate::run::{View, snapshot};

/// How it is told.
pub enum Form {
    /// All of it, or what is known of the row of that name.
    Sentences(Option<String>),
    Rows(Output),
}

/// Prints a pane, or what is known of the row of that name; without a pane the signals. The exit code is that of the
/// table: 1 when something is wrong; 2 when nothing is and not everything was reached, or there is no such row.
pub async fn print(mut options: Options, pane: Option<PaneId>, form: Form) -> ExitCode {
    // It is looked at with an observer's rights, whoever asks.
    options.read_only = true;
    let loaded = load(options);
    for problem in &loaded.problems {
        complain(&problem.to_string());
    }
    // Wide enough that nothing is left out for want of room.
    let view = View { pane, size: (240, 100) };
    let shot = match Box::pin(snapshot(loaded, view)).await {
        Ok(shot) => shot,
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    // What the table of the same pane says, its verdict and its doubts, holds for the sentences too.
    let what = pane.and_then(What::of);
    let now = jiff::Timestamp::now();
    let table = what.map(|what| what.table(&shot.app, now, Output::Json));
    let mut doubts = shot.doubts;
    let connected = matches!(shot.app.connection, crate::app::Connection::Connected { .. });
    if let (Some(what), Some(table)) = (what, &table)
        && (connected || !what.objects())
    {
        doubts.clone_from(&table.doubts);
    }
    for doubt in &doubts {
        complain(doubt);
    }
    let all = !matches!(form, Form::Sentences(Some(_)));
    let found = match (pane, form) {
        (None, _) => Some(plain::signals(&shot.app)),
        (Some(id), Form::Rows(output)) => Some(rows::rows(&shot.app, id, output)),
        (Some(id), Form::Sentences(None)) => Some(plain::pane(&shot.app, id)),
        (Some(id), Form::Sentences(Some(name))) => plain::detail(&shot.app, id, &name).or_else(|| {
            complain(&format!("nothing here is called {name}"));
            None
        }),
    };
    let Some(found) = found else {
        return Verdict::Unknown.into();
    };
    say(&found.text);
    let found = match table.filter(|_| all) {
        Some(table) => found.also(table.verdict),
        None => found,
    };
    match found.verdict {
        Verdict::Fine if !doubts.is_empty() => Verdict::Unknown.into(),
        verdict => verdict.into(),
    }
}
