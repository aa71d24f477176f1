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
/// It could not be begun: one sentence.
pub async fn unattended(loaded: Loaded, wish: Wish, mut say: impl FnMut(&Value)) -> Result<End, String> {
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let mut desk = Box::pin(Desk::open(loaded)).await?;
    let stopped = || "interrupted; what was sent goes on, and is on record".to_owned();
    tokio::select! {
        biased;
        _ = &mut interrupted => return Err(stopped()),
        looked = desk.look() => looked?,
    }
    let (mut run, effects) = Unattended::start(&mut desk.app, &wish.book, wish.on.as_deref(), wish.leave)?;
    desk.perform(effects).await;
    let end = loop {
        let turn = run.turn(&mut desk.app);
        turn.lines.iter().for_each(&mut say);
        desk.perform(turn.effects).await;
        if let Some(end) = turn.end {
            break end;
        }
        tokio::select! {
            biased;
            _ = &mut interrupted => return Err(stopped()),
            () = desk.turn() => {}
        }
    };
    Box::pin(desk.close()).await;
    Ok(end)
}
