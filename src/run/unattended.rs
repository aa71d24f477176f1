//! `qd runbook run`: the same state machine, pipeline and journal as behind the screen, without one.

use serde_json::Value;

use super::desk::Desk;
use crate::app::unattended::{End, Leave, Unattended};
use crate::config::Loaded;

/// What is run.
pub struct Wish {
    pub book: String,
    /// What it is about, as parameters are written.
    pub on: Option<String>,
    pub leave: Leave,
}

/// Runs a runbook to its end; `say` gets an object a line.
///
/// # Errors
/// It could not be begun, or was interrupted: one sentence.
pub async fn unattended(loaded: Loaded, wish: Wish, say: impl FnMut(&Value)) -> Result<End, String> {
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let mut desk = Box::pin(Desk::open(loaded)).await?;
    let ended = tokio::select! {
        biased;
        _ = &mut interrupted => None,
        ended = Box::pin(to_its_end(&mut desk, wish, say)) => Some(ended),
    };
    let closed = tokio::select! {
        closed = Box::pin(desk.close()) => closed,
        // Who presses it again does not wait.
        _ = tokio::signal::ctrl_c() => (1, 1),
    };
    ended.unwrap_or_else(|| Err(stopped(closed)))
}

async fn to_its_end(desk: &mut Desk, wish: Wish, mut say: impl FnMut(&Value)) -> Result<End, String> {
    desk.look().await?;
    let (mut run, effects) = Unattended::start(&mut desk.app, &wish.book, wish.on.as_deref(), wish.leave)?;
    desk.perform(effects).await;
    loop {
        let turn = run.turn(&mut desk.app);
        turn.lines.iter().for_each(&mut say);
        desk.perform(turn.effects).await;
        if let Some(end) = turn.end {
            return Ok(end);
        }
        desk.turn().await;
    }
}

/// What an interruption left behind: of how many changes the answer was waited for, and of how many it did not come.
fn stopped((sent, open): (usize, usize)) -> String {
    match (sent, open) {
        (0, _) => "interrupted while nothing was being sent",
        (_, 0) => "interrupted; the answer to what was sent is on record, and nobody watches what comes of it",
        _ => "interrupted; what was sent is on record, the answer to it is not: look what became of it",
    }
    .to_owned()
}
