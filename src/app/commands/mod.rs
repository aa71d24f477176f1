//! The commands, one file a group.

mod actions;
mod cluster;
mod company;
mod console;
mod dialogs;
mod finding;
mod incident;
mod incident_asks;
mod lists;
mod logs;
mod objects;
mod pickers;
mod plans;
mod prompts;
mod runbooks;
mod sources;
mod statements;
mod taste;
mod typed;
mod unfinished;
mod views;

use super::command::Command;

pub(crate) use cluster::{awaits, offered};
pub(crate) use logs::open as open_logs;
pub(crate) use pickers::{fill_contexts, fill_namespaces};
pub(crate) use runbooks::{open_evidence, ways};

/// All tables, in the order of the help.
pub(super) const TABLES: &[&[Command]] = &[
    console::TABLE,
    taste::TABLE,
    lists::TABLE,
    finding::TABLE,
    objects::TABLE,
    statements::TABLE,
    actions::TABLE,
    cluster::TABLE,
    sources::TABLE,
    runbooks::TABLE,
    unfinished::TABLE,
    incident::TABLE,
    logs::TABLE,
    views::TABLE,
    plans::TABLE,
    company::TABLE,
    prompts::TABLE,
    pickers::TABLE,
    dialogs::TABLE,
];
