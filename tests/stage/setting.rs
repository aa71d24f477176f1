//! Who looks and at what, on which terminal, and when.

use jiff::Timestamp;
use quarterdeck::action::Class;
use quarterdeck::app::{Access, App, Connection, Msg, Start};
use quarterdeck::keys::{CONTEXTS, DEFAULT_KEYMAP, Keymap, Source, Vocabulary};
use quarterdeck::picture::Paper;
use quarterdeck::runbook::library::Library;
use quarterdeck::theme::{Depth, Glyphs, Theme};

use super::sources;

/// When the pictures are taken: the incident is six minutes old.
pub const NOW: &str = "2026-11-21T14:02:30Z";

/// Who looks, and at what.
#[derive(Clone, Copy)]
pub struct Setting {
    pub size: (u16, u16),
    /// The kubeconfig's user; `None`: the administrator.
    pub user: Option<&'static str>,
    pub class: Class,
    pub read_only: bool,
    /// A resource that RBAC refuses to list.
    pub refused: Option<&'static str>,
    /// With databases, Redis, queues, certificates and Prometheus.
    pub sources: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            size: (80, 24),
            user: None,
            class: Class::Production,
            read_only: false,
            refused: None,
            sources: false,
        }
    }
}

/// Built-in keys alone.
pub fn keymap() -> Keymap {
    let rows = quarterdeck::app::command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let source = Source {
        name: "keymaps/default.toml",
        text: DEFAULT_KEYMAP,
    };
    Keymap::load(&[source], vocabulary).unwrap().0
}

pub fn start(setting: Setting, now: Timestamp) -> Start {
    Start {
        sources: if setting.sources { sources::ids() } else { Vec::new() },
        now,
        size: setting.size,
        access: if setting.read_only {
            Access::ReadOnly {
                why: "set by --read-only".to_owned(),
            }
        } else {
            Access::Operator
        },
        keys: keymap(),
        thresholds: quarterdeck::signal::Thresholds::default(),
        books: Library::built_in(),
        context: None,
        scope: None,
    }
}

/// The console with no platform at all.
pub fn alone(setting: Setting, connection: Connection) -> App {
    let now = NOW.parse().unwrap();
    let (mut app, _) = App::new(start(setting, now));
    app.update(Msg::Connection(connection), now);
    app
}

/// A dark terminal with all colours.
pub fn paper(theme: &Theme) -> Paper<'_> {
    Paper {
        theme,
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
        title: "qd",
    }
}
