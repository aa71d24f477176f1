//! The keymap and the theme that the configuration asks for: a built-in one by name, one of the user's folder by name,
//! or a file by path. What is broken is told, and the built-in one holds.

use std::path::{Path, PathBuf};

use crate::app::Notice;
use crate::app::command;
use crate::config::{Config, Paths};
use crate::keys::{CONTEXTS, DEFAULT_KEYMAP, Keymap, Source, Vocabulary};
use crate::theme::{BUILT_IN, Depth, Theme};

/// Largest keymap or theme that is read, in bytes.
const MAX: u64 = 1 << 20;

/// `NAME.toml` in the user's `folder` (`keymaps`, `themes`), or the path itself where it looks like one.
fn place(paths: &Paths, folder: &str, name: &str) -> Option<PathBuf> {
    let by_path = name.contains('/') || Path::new(name).extension().is_some_and(|e| e == "toml");
    if !by_path {
        return Some(paths.config.as_ref()?.join(folder).join(format!("{name}.toml")));
    }
    Some(match name.strip_prefix("~/") {
        Some(rest) => paths.home.as_ref()?.join(rest),
        None => PathBuf::from(name),
    })
}

fn read(path: &Path) -> Result<String, String> {
    let named = |why: &dyn std::fmt::Display| format!("{}: cannot be read: {why}", path.display());
    let size = std::fs::metadata(path).map_err(|e| named(&e))?.len();
    if size > MAX {
        return Err(named(&"larger than 1 MiB"));
    }
    std::fs::read_to_string(path).map_err(|e| named(&e))
}

/// The keymap in force, and what is wrong with what was asked for. Laid over the built-in one: the keymap that
/// `ui.keymap` names, then `keymap.toml` of the user's folder.
pub fn keymap(config: &Config) -> (Keymap, Vec<Notice>) {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let mut notices = Vec::new();
    let mut paths = Vec::new();
    if config.ui.keymap != "default" {
        match place(&config.paths, "keymaps", &config.ui.keymap) {
            Some(path) => paths.push(path),
            None => notices.push(Notice::error(format!(
                "no keymap `{}`: there is no config folder",
                config.ui.keymap
            ))),
        }
    }
    let own = config.paths.config.as_ref().map(|f| f.join("keymap.toml"));
    paths.extend(own.filter(|p| p.is_file()));
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(why) => notices.push(Notice::error(why)),
        }
    }
    let built_in = Source {
        name: "keymaps/default.toml",
        text: DEFAULT_KEYMAP,
    };
    let mut sources = vec![built_in];
    sources.extend(texts.iter().map(|(name, text)| Source { name, text }));
    match Keymap::load(&sources, vocabulary) {
        Ok((map, warnings)) => {
            notices.extend(warnings.iter().map(|w| Notice::info(w.to_string())));
            return (map, notices);
        }
        Err(problems) => notices.extend(problems.iter().map(|p| Notice::error(p.to_string()))),
    }
    match Keymap::load(sources.get(..1).unwrap_or_default(), vocabulary) {
        Ok((map, _)) => (map, notices),
        Err(problems) => {
            notices.extend(problems.iter().map(|p| Notice::error(p.to_string())));
            (Keymap::default(), notices)
        }
    }
}

/// Whether the terminal is to be asked for its background.
pub fn follows_terminal(config: &Config) -> bool {
    config.ui.theme == "auto"
}

/// The theme in force, and what is wrong with the one that was asked for. `auto` is dark until the terminal has said
/// what its background is.
pub fn theme(config: &Config, depth: Depth) -> (Theme, Vec<Notice>) {
    let name = config.ui.theme.as_str();
    if name == "auto" || BUILT_IN.iter().any(|(known, _)| *known == name) {
        return (Theme::built_in(name, depth), Vec::new());
    }
    let file = place(&config.paths, "themes", name);
    if file.as_ref().is_some_and(|f| !f.exists()) {
        let names: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
        let why = format!(
            "{}: there is no theme `{name}`: expected auto, {}, or a file; dark is used",
            config.origin("ui.theme"),
            names.join(", ")
        );
        return (Theme::built_in("dark", depth), vec![Notice::error(why)]);
    }
    let loaded = file
        .ok_or_else(|| vec![format!("no theme `{name}`: there is no config folder")])
        .and_then(|path| {
            let text = read(&path).map_err(|why| vec![why])?;
            Theme::load(&path.display().to_string(), &text, depth)
                .map_err(|all| all.iter().map(ToString::to_string).collect())
        });
    match loaded {
        Ok(theme) => (theme, Vec::new()),
        Err(why) => (
            Theme::built_in("dark", depth),
            why.into_iter().map(Notice::error).collect(),
        ),
    }
}

/// The theme for a terminal with this background.
pub fn theme_for(background: (u8, u8, u8), depth: Depth) -> Theme {
    Theme::built_in(if Theme::wants_dark(background) { "dark" } else { "light" }, depth)
}
