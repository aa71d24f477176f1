//! `qd pods --plain` and its like: what the console shows, as sentences.

use std::process::ExitCode;

use super::{complain, load, say};
use crate::cli::Options;
use crate::headless::plain;
use crate::panes::PaneId;
use crate::run::{View, snapshot};

/// Prints a pane, or what is known of the row of that name; without a pane the signals. Exit code 0, or 2 when
/// something was not reached or there is no such row.
pub async fn print(mut options: Options, pane: Option<PaneId>, name: Option<String>) -> ExitCode {
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
    for doubt in &shot.doubts {
        complain(doubt);
    }
    let found = match (pane, name) {
        (None, _) => Some(plain::signals(&shot.app)),
        (Some(id), None) => Some(plain::pane(&shot.app, id)),
        (Some(id), Some(name)) => plain::detail(&shot.app, id, &name).or_else(|| {
            complain(&format!("nothing here is called {name}"));
            None
        }),
    };
    let whole = shot.doubts.is_empty() && found.is_some();
    say(found.unwrap_or_default());
    ExitCode::from(if whole { 0 } else { 2 })
}
