//! The keymap and the theme that the configuration asks for: a built-in one by name, one of the user's folder by name,
//! or a file by path. What is broken is told, and the built-in one holds.

use std::path::{Path, PathBuf};

use crate::app::command;
use crate::app::taste::{Taste, ThemeName};
use crate::app::{Notice, Occasion};
use crate::config::{Bell, Color, Config, Layer, Paths, Ui};
use crate::keys::{BUILT_IN as KEYMAPS, CONTEXTS, Keymap, Source, Vocabulary};
use crate::term::Caps;
use crate::theme::colour::Rgb;
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

/// A keymap that was read, and what is to be told of it.
pub struct Keys {
    pub map: Keymap,
    pub notices: Vec<Notice>,
    /// Nothing was wrong: else it is the nearest one that is sound.
    pub is_as_asked: bool,
}

/// The keymap in force: the one that `ui.keymap` names, and `keymap.toml` of the user's folder laid over it. Where a file
/// is wrong, none of the user's counts; where that helps nothing, the built-in default.
pub fn keymap(config: &Config) -> Keys {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let (mut texts, mut wrong): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    let mut take = |path: PathBuf| match read(&path) {
        Ok(text) => texts.push((path.display().to_string(), text)),
        Err(why) => wrong.push(why),
    };
    let name = config.ui.keymap.as_str();
    let built_in = KEYMAPS.iter().find(|(known, _)| *known == name);
    match (built_in, place(&config.paths, "keymaps", name)) {
        (Some((_, text)), _) => texts.push((format!("keymaps/{name}.toml"), (*text).to_owned())),
        (None, Some(path)) if path.exists() => take(path),
        (None, _) => {
            let known: Vec<&str> = KEYMAPS.iter().map(|(known, _)| *known).collect();
            wrong.push(format!(
                "{}: there is no keymap `{name}`: expected {}, or a file; default is used",
                config.origin("ui.keymap"),
                known.join(", ")
            ));
        }
    }
    let named = texts.len();
    let own = config.paths.config.as_ref().map(|f| f.join("keymap.toml"));
    if let Some(own) = own.filter(|p| p.is_file()) {
        match read(&own) {
            Ok(text) => texts.push((own.display().to_string(), text)),
            Err(why) => wrong.push(why),
        }
    }
    let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
    let load = |n: usize| Keymap::load(sources.get(..n).unwrap_or_default(), vocabulary);
    let mut notices = Vec::new();
    let loaded = load(sources.len()).map_err(|problems| wrong.extend(problems.iter().map(ToString::to_string)));
    let map = match loaded {
        Ok((map, warnings)) => {
            notices.extend(warnings.iter().map(|w| Notice::info(w.to_string())));
            map
        }
        // A test holds the built-in ones sound.
        Err(()) => load(named).or_else(|_| load(0)).map(|(map, _)| map).unwrap_or_default(),
    };
    notices.splice(0..0, wrong.iter().map(|why| Notice::error(why.clone())));
    Keys {
        map,
        notices,
        is_as_asked: wrong.is_empty(),
    }
}

/// Whether what happened rings the terminal's bell.
pub fn rings(ui: &Ui, occasion: Occasion) -> bool {
    match (ui.bell, occasion) {
        (Bell::Never, _) | (Bell::Critical, Occasion::Finished) | (Bell::Finished, Occasion::Critical) => false,
        (_, Occasion::Asked)
        | (Bell::Both | Bell::Finished, Occasion::Finished)
        | (Bell::Both | Bell::Critical, Occasion::Critical) => true,
    }
}

/// What the console knows of the person's taste. Over SSH nothing counts seconds, unless somebody said so.
pub fn taste(config: &Config, remote: bool) -> Taste {
    let said = *config.origin("ui.motion") != Layer::Default;
    Taste::new(
        config.ui.theme.clone(),
        themes(config),
        if said { !config.ui.motion } else { remote },
    )
}

/// The themes by their names, and what the terminal can show; where nothing of a terminal is there, no colours unless
/// they are asked for.
pub fn looks(config: &Config, terminal: bool) -> (Vec<String>, Caps) {
    let mut caps = super::screen::capabilities(config);
    if !terminal && config.ui.color == Color::Auto {
        caps.depth = Depth::Mono;
    }
    let names = themes(config).into_iter().map(|t| t.name).filter(|n| n != "auto");
    (names.collect(), caps)
}

/// The theme of that name, on no terminal in particular.
pub fn theme_of(config: &Config, name: &str, depth: Depth) -> (Theme, Vec<Notice>) {
    theme(config, name, depth, None)
}

/// Every theme that can be put on: by the terminal, built in, and the user's own.
pub fn themes(config: &Config) -> Vec<ThemeName> {
    let row = |name: &str, hint: &str| ThemeName {
        name: name.to_owned(),
        hint: hint.to_owned(),
    };
    let mut names = vec![row("auto", "dark or light, as the terminal is")];
    names.extend(BUILT_IN.iter().map(|(name, _)| row(name, "")));
    let folder = config.paths.config.as_ref().map(|f| f.join("themes"));
    let entries = folder.and_then(|f| std::fs::read_dir(f).ok());
    let mut own: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .collect();
    own.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    own.sort();
    for path in own {
        if let Some(name) = path.file_stem().and_then(|s| s.to_str())
            && !names.iter().any(|known| known.name == name)
        {
            names.push(row(name, "your own"));
        }
    }
    // A file that was asked for by its path.
    if !names.iter().any(|known| known.name == config.ui.theme) {
        names.push(row(&config.ui.theme, "your own"));
    }
    names
}

/// The theme of that name, and what is wrong with it. `auto` is dark or light as the terminal's background is, as far
/// as it is known.
pub fn theme(config: &Config, name: &str, depth: Depth, background: Option<Rgb>) -> (Theme, Vec<Notice>) {
    let dark = background.is_none_or(Theme::wants_dark);
    if name == "auto" {
        return (Theme::built_in(if dark { "dark" } else { "light" }, depth), Vec::new());
    }
    // A light theme on a dark terminal cannot be read unless its background is painted; nor the other way round.
    let fit = |theme: Theme| {
        let strange = background.is_some() && Theme::wants_dark(theme.background()) != dark;
        theme.painted(strange)
    };
    if BUILT_IN.iter().any(|(known, _)| *known == name) {
        return (fit(Theme::built_in(name, depth)), Vec::new());
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
        Ok(theme) => (fit(theme), Vec::new()),
        Err(why) => (
            Theme::built_in("dark", depth),
            why.into_iter().map(Notice::error).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::config::{File, Inputs};

    #[test]
    fn what_rings_is_what_was_asked_for_and_who_is_asked_hears_it_unless_never() {
        use Occasion::{Asked, Critical, Finished};
        let all = [Finished, Asked, Critical];
        let rows: [(Bell, &[Occasion]); 4] = [
            (Bell::Never, &[]),
            (Bell::Finished, &[Finished, Asked]),
            (Bell::Critical, &[Asked, Critical]),
            (Bell::Both, &[Finished, Asked, Critical]),
        ];
        for (bell, rung) in rows {
            let ui = Ui { bell, ..Ui::default() };
            let heard: Vec<Occasion> = all.into_iter().filter(|o| rings(&ui, *o)).collect();
            assert_eq!(heard, rung, "{bell:?}");
        }
        assert_eq!(Ui::default().bell, Bell::Finished);
    }

    #[test]
    fn nothing_moves_over_ssh_nor_where_somebody_said_so_and_what_is_said_wins() {
        let still = |file: &str, variable: Option<&str>, flag: bool, remote: bool| {
            let env = variable.map(|v| ("QUARTERDECK_MOTION".to_owned(), v.to_owned()));
            let loaded = Config::load(&Inputs {
                env: env.into_iter().collect(),
                user: Some(File {
                    path: "config.toml".into(),
                    text: Ok(Some(file.to_owned())),
                }),
                options: Options {
                    no_motion: flag,
                    ..Options::default()
                },
                ..Inputs::default()
            });
            assert_eq!(loaded.problems, []);
            taste(&loaded.config, remote).still
        };
        let (on, off) = ("[ui]\nmotion = true\n", "[ui]\nmotion = false\n");
        for (file, variable, flag, here, over_ssh) in [
            ("", None, false, false, true),
            (on, None, false, false, false),
            (off, None, false, true, true),
            ("", Some("true"), false, false, false),
            ("", Some("false"), false, true, true),
            (off, Some("true"), false, false, false),
            ("", None, true, true, true),
            (on, Some("true"), true, true, true),
        ] {
            let said = format!("{file:?}, {variable:?}, --no-motion {flag}");
            assert_eq!(still(file, variable, flag, false), here, "{said}");
            assert_eq!(still(file, variable, flag, true), over_ssh, "{said}, over SSH");
        }
    }
}
