//! The commands, one file a group.

mod actions;
mod bulk;
mod charts;
mod cluster;
mod company;
mod console;
mod copies;
mod dialogs;
mod evidence;
mod exec;
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
mod screen;
mod sources;
mod statements;
mod taste;
mod typed;
mod unfinished;
mod views;

use super::command::Command;

pub(crate) use cluster::{awaits, hide_what_is_typed, offered};
pub(crate) use evidence::open_evidence;
pub(crate) use logs::open as open_logs;
pub(crate) use pickers::{fill_contexts, fill_namespaces};
pub(crate) use runbooks::ways;

/// All tables, in the order of the help.
pub(super) const TABLES: &[&[Command]] = &[
    console::TABLE,
    taste::TABLE,
    screen::TABLE,
    lists::TABLE,
    copies::TABLE,
    finding::TABLE,
    objects::TABLE,
    charts::TABLE,
    statements::TABLE,
    actions::TABLE,
    exec::TABLE,
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
