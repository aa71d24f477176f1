//! Quarterdeck (`qd`): a full-screen console for the person on call. Everything in it serves one of five things:
//! signal, diagnose, act, verify, record.
//!
//! # How data and intent flow
//!
//! ```text
//!              what is                                            what is wanted
//!
//!   servers ──▶ feed ──▶ model ──▶ signal ──▶ app ──▶ ui          keys ──▶ app ──▶ action ──▶ servers
//!   (sim)        │       rows      rules       │ ▲    screen      term      │        │  ▲
//!                └─ Inbox: the latest          │ │                        Effect    │  └ verify
//!                   of each object             │ └── Msg ◀── run ◀─────────┘        ▼
//!                                              └──▶ Effect ──▶ run                journal
//! ```
//!
//! [`run`] owns the loop: it takes what happened as an [`app::Msg`], gives it to [`app::App::update`], performs the
//! [`app::Effect`]s that come back, and draws when something changed. Data flows one way, intent the other. The rooms in
//! the middle (`model`, `signal`, `runbook`, `app`, `panes`, `ui`, `keys`, `theme`, `text`) compute: no terminal, no
//! cluster, no clock, no disk; time comes in as a value. `tests/house.rs` holds these borders.
//!
//! # The rooms
//!
//! - [`model`]: what is observed, as small plain rows; [`model::World`] holds one platform's, each source with its
//!   freshness.
//! - [`feed`]: one source each: connect, watch or poll, publish rows. What is lost is marked stale, and tried again.
//! - [`signal`]: rules over the world. One signal is one cause: its evidence, since when, which runbook answers it.
//! - [`runbook`]: Markdown files with typed steps, and the pure engine that runs them over live facts.
//! - [`action`]: one file an action; one pipeline for all: plan, confirm, record, execute once, verify, offer undo.
//!   Nothing in it can change anything without the [`action::WriteGrant`] that is made once, at start.
//! - [`journal`]: the append-only record. When it cannot be written, nothing is changed.
//! - [`app`]: the state of the console, the command table, and the stack of layers over the deck.
//! - [`panes`]: one file a pane: columns, rows, order. [`ui`] draws them and everything else, and changes nothing.
//! - [`keys`]: tries of chords for each context. Footer, popup, help, palette and the README's table follow from them.
//! - [`theme`]: roles and how they look, from truecolour down to mono; the only room that names colours.
//! - [`term`]: the terminal: its modes and their restoring, one write a frame, bytes in to keys out. [`picture`] draws
//!   the same frames to SVG, PNG and text: for `screenshots/` and `qd snapshot`.
//! - [`config`]: defaults < system file < user file < environment < flags, and a policy that only tightens.
//! - [`run`]: the loop, the only place that spawns tasks; [`start`] is what each subcommand does, [`cli`] what can be
//!   asked, [`headless`] the answers without a screen, [`text`] ages, sizes and widths for all of them.
//! - [`sim`]: servers on loopback that speak the real protocols: the demonstration, and the double of the tests.
//!
//! # What a change costs
//!
//! | to add | touch |
//! |---|---|
//! | a pane on rows that are there | its file in `panes/`, a row of [`panes::PANES`] (and a line of `keymaps/default.toml`) |
//! | an action | its file in `action/` with a row of [`action::REGISTRY`], a variant of [`action::Request`]; a command for its key |
//! | a command | a row of a table in `app/commands/`, a line of the keymap |
//! | a signal | its rule in `signal/`, and its numbers in [`signal::Thresholds`] |
//! | a runbook | one file in `runbook/library/` and its line in [`runbook::library::BUILT_IN`]; the user's own: one file |
//! | a theme | one file in `themes/` and its line in [`theme::BUILT_IN`] |
//! | a keymap | one file in `keymaps/` and its line in [`keys::BUILT_IN`] |
//!
//! Help, palette, footer, confirmation, journal, read-only guard and the README's tables come with the row.
#![forbid(unsafe_code)]

pub mod action;
pub mod app;
pub mod cli;
pub mod config;
pub mod feed;
pub mod headless;
pub mod journal;
pub mod keys;
pub mod model;
pub mod panes;
pub mod picture;
pub mod run;
pub mod runbook;
pub mod signal;
pub mod sim;
pub mod start;
pub mod term;
pub mod text;
pub mod theme;
pub mod ui;
