//! The user's folders, by the XDG base directory specification.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// `$XDG_CONFIG_HOME/quarterdeck`, else `~/.config/quarterdeck`: configuration, themes, keymaps, runbooks.
    pub config: Option<PathBuf>,
    /// `$QUARTERDECK_STATE`, else `$XDG_STATE_HOME/quarterdeck`, else `~/.local/state/quarterdeck`: journal, log. `None` without a home: then
    /// there is no journal, and nothing may be changed.
    pub state: Option<PathBuf>,
    pub home: Option<PathBuf>,
}

impl Paths {
    pub fn from_env(env: &BTreeMap<String, String>) -> Self {
        // The specification: a relative path is to be ignored.
        let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = absolute("HOME");
        let folder = |name: &str, under: &str| {
            absolute(name)
                .or_else(|| home.as_ref().map(|h| h.join(under)))
                .map(|p| p.join("quarterdeck"))
        };
        Self {
            config: folder("XDG_CONFIG_HOME", ".config"),
            state: absolute("QUARTERDECK_STATE").or_else(|| folder("XDG_STATE_HOME", ".local/state")),
            home,
        }
    }

    /// The folder of the journal.
    pub fn journal(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|s| s.join("journal"))
    }

    /// The log file.
    pub fn log(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|s| s.join("qd.log"))
    }
}
