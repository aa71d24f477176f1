//! Keys: chords, tries of chords per context, and everything that can be derived from them.
//!
//! A [`Chord`] is one key press. A [`Keymap`] is a trie of chords for each context, read from TOML files
//! (`keymaps/*.toml`, the user's own on top). [`Keymap::resolve`] answers what a press means: a command, a prefix that
//! waits for more, or nothing. [`hints`] derives the footer, the popup after a prefix, the help and the palette's key
//! column from the same two tables, so they cannot drift from what the keys do.
//!
//! Nothing here knows the application: the list of commands and contexts is an argument ([`Vocabulary`]).

mod built_in;
mod chord;
mod file;
pub mod hints;
mod keymap;
mod load;
pub mod problem;
mod reach;

pub use built_in::{BUILT_IN, DEFAULT_KEYMAP, STACKS};
pub use chord::{BadChord, Chord, Key, format_sequence, parse_sequence};
pub use keymap::{Keymap, Node, Prefix, Resolved};
pub use load::Source;
pub use problem::Problem;

/// The group of commands that change something outside the console. No such command may be bound to one bare chord.
pub const MUTATE: &str = "mutate";

/// One row of the command table, as far as keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandRow {
    /// `group.verb`, as it stands in the keymap.
    pub id: &'static str,
    /// One sentence for the help and the palette.
    pub doc: &'static str,
    /// One or two words for the footer.
    pub short: &'static str,
    /// The heading in the help; [`MUTATE`] for commands that change something outside the console.
    pub group: &'static str,
    /// The palette lists it, so that it can be reached without a key.
    pub listed: bool,
}

/// A context of the keymap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextRow {
    /// The name of its table in the keymap.
    pub name: &'static str,
    /// The heading in the help.
    pub title: &'static str,
    /// A dialog: it stands in front of everything and was opened on purpose, so a bare chord may mutate in it.
    pub dialog: bool,
}

/// The names that a keymap may use.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary<'a> {
    /// Every command.
    pub commands: &'a [CommandRow],
    /// Every context.
    pub contexts: &'a [ContextRow],
}

impl Vocabulary<'_> {
    /// The command of that id.
    pub fn command(&self, id: &str) -> Option<&CommandRow> {
        self.commands.iter().find(|row| row.id == id)
    }

    /// The context of that name.
    pub fn context(&self, name: &str) -> Option<&ContextRow> {
        self.contexts.iter().find(|row| row.name == name)
    }
}

/// The contexts of the built-in keymap.
pub const CONTEXTS: &[ContextRow] = &[
    ContextRow {
        name: "global",
        title: "Everywhere",
        dialog: false,
    },
    ContextRow {
        name: "strip",
        title: "Attention strip",
        dialog: false,
    },
    ContextRow {
        name: "list",
        title: "Tables",
        dialog: false,
    },
    ContextRow {
        name: "pods",
        title: "Pods",
        dialog: false,
    },
    ContextRow {
        name: "rollouts",
        title: "Rollouts",
        dialog: false,
    },
    ContextRow {
        name: "queues",
        title: "Queues",
        dialog: false,
    },
    ContextRow {
        name: "queries",
        title: "Slow queries",
        dialog: false,
    },
    ContextRow {
        name: "redis",
        title: "Redis",
        dialog: false,
    },
    ContextRow {
        name: "certificates",
        title: "Certificates",
        dialog: false,
    },
    ContextRow {
        name: "alerts",
        title: "Alerts",
        dialog: false,
    },
    ContextRow {
        name: "events",
        title: "Events",
        dialog: false,
    },
    ContextRow {
        name: "nodes",
        title: "Nodes",
        dialog: false,
    },
    ContextRow {
        name: "history",
        title: "Revisions",
        dialog: false,
    },
    ContextRow {
        name: "chart",
        title: "Values over time",
        dialog: false,
    },
    ContextRow {
        name: "activity",
        title: "Activity",
        dialog: false,
    },
    ContextRow {
        name: "unfinished",
        title: "Unfinished",
        dialog: false,
    },
    ContextRow {
        name: "incident",
        title: "Incident",
        dialog: false,
    },
    ContextRow {
        name: "timeline",
        title: "Timeline",
        dialog: false,
    },
    ContextRow {
        name: "message",
        title: "Message to others",
        dialog: true,
    },
    ContextRow {
        name: "detail",
        title: "Detail",
        dialog: false,
    },
    ContextRow {
        name: "view",
        title: "Text",
        dialog: false,
    },
    ContextRow {
        name: "logs",
        title: "Logs",
        dialog: false,
    },
    ContextRow {
        name: "runbook",
        title: "Runbook",
        dialog: true,
    },
    ContextRow {
        name: "plan",
        title: "Plan",
        dialog: true,
    },
    ContextRow {
        name: "approval",
        title: "Second person",
        dialog: true,
    },
    ContextRow {
        name: "company",
        title: "Company",
        dialog: true,
    },
    ContextRow {
        name: "question",
        title: "Question",
        dialog: true,
    },
    ContextRow {
        name: "text",
        title: "Typing",
        dialog: true,
    },
    ContextRow {
        name: "palette",
        title: "Palette",
        dialog: true,
    },
    ContextRow {
        name: "picker",
        title: "Picker",
        dialog: true,
    },
    ContextRow {
        name: "help",
        title: "Help",
        dialog: false,
    },
];
