//! The terminal: the only room that knows escape sequences.
//!
//! - [`caps`] decides from the environment what the terminal can show.
//! - [`guard`] enters and leaves the full screen, whatever ends the program.
//! - [`tty`] reads the terminal's bytes; [`input`] turns them into keys, the same for every way they are cut up.
//! - [`screen`] turns frames into as few bytes as it can, one write each; [`out`] takes them without ever waiting, and
//!   [`flow`] knows how many of them a slow link still holds.
//!
//! crossterm's event parser is not used: it reads an arrow key whose bytes arrive apart as three keys, which in a console
//! that changes production is not a matter of taste. Nor are its colour commands: under `NO_COLOR` they reset the
//! selection away.

pub mod caps;
mod cell;
pub mod flow;
pub mod guard;
pub mod input;
pub mod out;
pub mod screen;
mod sequence;
pub(crate) mod sgr;
pub mod tty;

pub use caps::{Caps, Env};
pub use guard::Guard;
pub use input::{Decoder, Input};
pub use screen::Screen;
