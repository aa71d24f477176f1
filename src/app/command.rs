//! The command table: one record per command. Footer hints, the popup after a prefix, help, palette, the README's key
//! table, conflict checks and the read-only guard are derived from it and the keymap.

use super::{App, Effect};
use crate::keys::{CommandRow, MUTATE};

/// Why a command cannot be used now.
pub type Why = String;

pub struct Command {
    /// `group.verb`, as keymaps name it.
    pub id: &'static str,
    /// One line that says what it does.
    pub doc: &'static str,
    /// A word or two for the footer.
    pub short: &'static str,
    /// The heading in the help; [`MUTATE`] for what changes something outside the console.
    pub group: &'static str,
    /// Whether it can be used here and now, and if not, why.
    pub when: fn(&App) -> Result<(), Why>,
    pub run: fn(&mut App) -> Vec<Effect>,
}

impl Command {
    pub fn mutates(&self) -> bool {
        self.group == MUTATE
    }

    pub fn row(&self) -> CommandRow {
        CommandRow {
            id: self.id,
            doc: self.doc,
            short: self.short,
            group: self.group,
            listed: super::layers::listed(self),
        }
    }
}

/// Every command, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static Command> {
    super::commands::TABLES.iter().copied().flatten()
}

pub fn find(id: &str) -> Option<&'static Command> {
    all().find(|c| c.id == id)
}

/// What the keymap loader needs to know of the commands.
pub fn rows() -> Vec<CommandRow> {
    all().map(Command::row).collect()
}

#[allow(clippy::unnecessary_wraps)] // the table wants one shape
pub(super) fn always(_: &App) -> Result<(), Why> {
    Ok(())
}
