//! The console without a screen, and somebody in the place of the person who looks and presses keys.

use super::desk::Desk;
use crate::app::{App, Effect};
use crate::config::Loaded;

/// When whoever is in the person's place is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something happened, or in half a second.
    Wait,
    /// As soon as what was asked for has been begun.
    Again,
    Leave,
}

/// Runs the console until `person` leaves. They are asked from the first look at the platform on, and answer with what
/// the state asked for when they told it something.
///
/// # Errors
/// It could not be begun: one sentence; or what `person` says.
pub async fn without_screen(
    loaded: Loaded,
    mut person: impl FnMut(&mut App) -> Result<(Vec<Effect>, Next), String>,
) -> Result<(), String> {
    let mut desk = Desk::open(loaded).await?;
    desk.look().await?;
    loop {
        let (effects, next) = person(&mut desk.app)?;
        desk.perform(effects).await;
        match next {
            Next::Leave => break,
            Next::Again => {}
            Next::Wait => desk.turn().await,
        }
    }
    desk.close().await;
    Ok(())
}
