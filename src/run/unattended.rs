//! `qd runbook run`: the same state machine, pipeline and journal as behind the screen, without one.

use serde_json::Value;

use super::without_screen::{Next, without_screen};
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
    let mut wish = Some(wish);
    let mut begun: Option<Unattended> = None;
    let mut end = None;
    let person = |app: &mut crate::app::App| {
        let mut effects = Vec::new();
        if let Some(Wish { book, on, leave }) = wish.take() {
            let (run, first) = Unattended::start(app, &book, on.as_deref(), leave)?;
            begun = Some(run);
            // What the start asks for is begun before the run is looked at.
            return Ok((first, Next::Again));
        }
        if let Some(run) = &mut begun {
            let turn = run.turn(app);
            turn.lines.iter().for_each(&mut say);
            effects = turn.effects;
            end = turn.end;
        }
        Ok((effects, end.map_or(Next::Wait, |_| Next::Leave)))
    };
    without_screen(loaded, person).await?;
    end.ok_or_else(|| "the run has no end".to_owned())
}
