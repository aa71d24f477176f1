//! What the configuration is made of: files, environment, flags; and what can be wrong with it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::Options;
use crate::text;

use super::Paths;

/// Where a value came from, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    #[default]
    Default,
    System(PathBuf),
    User(PathBuf),
    /// The variable's name.
    Env(String),
    /// The flag as it is written: `--theme`.
    Flag(&'static str),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::System(path) | Self::User(path) => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Something in the configuration that does not count, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub layer: Layer,
    /// Line and column from 1, in characters; `None` when it is not about a place in a file.
    pub at: Option<(usize, usize)>,
    /// What is wrong and what was expected; then what holds instead.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.layer.to_string();
        if let Some((row, column)) = self.at {
            let _ = write!(line, ":{row}:{column}");
        }
        line.push_str(": ");
        line.push_str(&self.what);
        f.write_str(&text::clean(&line))
    }
}

/// A configuration file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    /// The text; `Ok(None)` when there is no such file; else why it cannot be read.
    pub text: Result<Option<String>, String>,
}

impl File {
    /// Largest file that is read: a configuration is a few kilobytes, and `/dev/zero` is not one.
    const MAX: u64 = 1 << 20;

    fn read(path: PathBuf) -> Self {
        let text = Self::text_of(&path);
        Self { path, text }
    }

    fn text_of(path: &Path) -> Result<Option<String>, String> {
        use std::io::Read;
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("cannot be opened: {e}")),
        };
        let mut bytes = Vec::new();
        file.take(Self::MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| format!("cannot be read: {e}"))?;
        if bytes.len() as u64 > Self::MAX {
            return Err("is larger than 1 MiB: not a configuration".to_owned());
        }
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|e| format!("is not UTF-8 after byte {}", e.utf8_error().valid_up_to()))
    }
}

/// The runbooks of the user's folder (`*.md`), in the order of their names. No folder, no runbooks.
pub fn runbooks(paths: &Paths) -> Vec<File> {
    let Some(folder) = paths.config.as_ref().map(|folder| folder.join("runbooks")) else {
        return Vec::new();
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => {
            let text = Err(format!("cannot be listed: {e}"));
            return vec![File { path: folder, text }];
        }
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.sort();
    found.into_iter().map(File::read).collect()
}

/// A snapshot of everything that configures.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub env: BTreeMap<String, String>,
    pub system: Option<File>,
    /// The user's file, or the one that `--config` names.
    pub user: Option<File>,
    pub options: Options,
}

impl Inputs {
    /// The system's file.
    pub const SYSTEM: &'static str = "/etc/quarterdeck/config.toml";

    /// Reads the environment and the files.
    pub fn gather(options: Options) -> Self {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let user = options
            .config
            .clone()
            .or_else(|| {
                env.get("QUARTERDECK_CONFIG")
                    .filter(|v| !v.is_empty())
                    .map(PathBuf::from)
            })
            .or_else(|| Paths::from_env(&env).config.map(|folder| folder.join("config.toml")));
        Self {
            system: Some(File::read(PathBuf::from(Self::SYSTEM))),
            user: user.map(File::read),
            env,
            options,
        }
    }
}
