//! The help: every key of every context, searchable.

use crate::app::doc::Scroll;
use crate::app::field::Field;

#[derive(Clone, Debug, Default)]
pub struct Help {
    /// Contexts that were in force when it was opened: they come first.
    pub contexts: Vec<&'static str>,
    pub scroll: Scroll,
    pub searching: bool,
    pub field: Field,
    /// What cannot be done where it was opened, and why: with the help on top nothing is at hand.
    pub refused: Vec<(&'static str, String)>,
}
