//! Configuration: defaults < system file < user file < environment < flags; every value remembers its layer.
//!
//! Files are strict: an unknown key, a wrong type or a value out of its range is a [`Problem`] with file, line, column
//! and what was expected. A section that is broken counts for nothing, the rest of the file counts, and the console
//! starts. Policy is apart: it only tightens (see [`Policy`]), and where a file is so broken that its policy cannot be
//! known the console is read-only.
//!
//! [`Config::load`] is pure over [`Inputs`], a snapshot of files, environment and flags.

mod draft;
mod inputs;
mod load;
mod paths;
mod platform;
mod policy;
pub mod reference;
mod secret;
mod source;
mod through;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::journal::Levels;
use crate::model::Scope;
use crate::signal::Thresholds;

pub use draft::{
    Findings, FoundKind, FoundQueues, FoundService, FoundUrl, Home, draft, platforms as draft_platforms,
    problems as draft_problems,
};
pub use inputs::{File, Inputs, Layer, Problem, runbooks};
pub use paths::Paths;
pub use platform::{Class, Declared, Platform};
pub use policy::{Freeze, Policy, TwoPersonFrom};
pub use secret::SecretRef;
pub use source::{
    Auth, CertificatesSource, Endpoint, HeaderValue, HttpSource, PostgresSource, Probe, PrometheusSource, Protocol,
    Slo, Tls, Via, ViaKind, ViaPort,
};
pub use source::{Oldest, QueueEntry, QueueKind, QueueSource, ScoreUnit};
pub use source::{RedisSource, RedisTarget, RedisUrl};

/// Colour depth, as asked for; `Auto` looks at the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    #[default]
    Auto,
    Truecolor,
    #[serde(rename = "256")]
    Ansi256,
    #[serde(rename = "16")]
    Ansi16,
    Mono,
}

/// The symbols that may be drawn; `Auto` looks at the locale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Symbols {
    #[default]
    Auto,
    Unicode,
    Ascii,
}

/// `[ui]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ui {
    /// `auto` (dark or light, as the terminal's background is), a theme's name, or the path of a file.
    pub theme: String,
    /// A keymap's name, or the path of a file.
    pub keymap: String,
    pub color: Color,
    pub symbols: Symbols,
    /// Whether what counts seconds is drawn each second. Over SSH it is not, unless somebody says so.
    pub motion: bool,
    /// Whether the terminal reports the mouse.
    pub mouse: bool,
    /// Whether the other platforms are looked at from afar; one that says `watched = true` is in any case.
    pub fleet: bool,
    /// Whether the terminal's title says what is wrong and where.
    pub title: bool,
    /// What rings the terminal's bell while the terminal does not have the focus.
    pub bell: Bell,
    /// With the bell, a notification (OSC 9) with the words. Terminals that do not know it pass it over.
    pub notify: bool,
}

/// What rings the bell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bell {
    Never,
    /// What was begun has ended. Like `critical`, it also rings when somebody asks for a second person, or answers.
    #[default]
    Finished,
    /// A new critical signal.
    Critical,
    Both,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            keymap: "default".to_owned(),
            color: Color::Auto,
            symbols: Symbols::Auto,
            motion: true,
            mouse: false,
            title: false,
            bell: Bell::Finished,
            notify: false,
            fleet: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// `[log]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: Level,
}

/// `[spool]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// The folder through which the consoles of this machine speak with each other; none: they do not.
    pub path: Option<PathBuf>,
}

/// `[incident]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incident {
    /// What incidents are about, as those call it who are told; empty: the platform's name.
    pub service: String,
    /// The severities, most severe first, with how often others must hear of an incident.
    pub levels: Levels,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub platforms: Vec<Platform>,
    pub ui: Ui,
    pub signals: Thresholds,
    pub log: Log,
    pub incident: Incident,
    pub policy: Policy,
    pub spool: Spool,
    /// The journal file that a read-only console follows.
    pub follow: Option<PathBuf>,
    pub paths: Paths,
    /// What the environment or a flag asks to open; files say it by `[[platform]]`.
    pub asked: Asked,
    /// Where each value that is not a default came from, by its path (`ui.theme`, `policy.read_only`).
    pub origins: BTreeMap<String, Layer>,
}

/// Where to go, as the environment or flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub platform: Option<String>,
    pub context: Option<String>,
    pub kubeconfig: Option<PathBuf>,
    pub namespaces: Vec<String>,
    pub all_namespaces: bool,
}

/// Where to go, with everything considered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The platform's name, when one is declared for it.
    pub platform: Option<String>,
    /// `None`: merged `$KUBECONFIG`, then `~/.kube/config`, then in-cluster.
    pub kubeconfig: Option<PathBuf>,
    /// `None`: the kubeconfig's current context.
    pub context: Option<String>,
    /// `None`: the context's namespace.
    pub scope: Option<Scope>,
}

/// What `load` gives: always a configuration, and what was wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    pub config: Config,
    pub problems: Vec<Problem>,
}

impl Config {
    /// Which layer set the value at `path` (`ui.theme`).
    pub fn origin(&self, path: &str) -> &Layer {
        self.origins.get(path).unwrap_or(&Layer::Default)
    }
}
