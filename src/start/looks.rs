//! `qd keys` and `qd themes`: what the keyboard does, and how the console looks.

use std::process::ExitCode;

use super::{complain, say};
use crate::cli::{Keys, Options, ThemesArgs};
use crate::config::{Config, Inputs};
use crate::headless;
use crate::keys::{CONTEXTS, Vocabulary};

/// Prints the keymap that the configuration asks for. What is wrong with its files goes to the error stream, and the
/// exit code says so: 1.
pub fn keys(options: Options, args: &Keys) -> ExitCode {
    let loaded = Config::load(&Inputs::gather(options));
    let read = crate::run::keymap(&loaded.config);
    for notice in &read.notices {
        complain(&notice.text);
    }
    let rows = crate::app::command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    if args.ids {
        say(headless::ids(vocabulary));
        return ExitCode::from(u8::from(!read.is_as_asked));
    }
    // A table whose lines break cannot be read: where it is wider than the terminal, the words are broken instead.
    let out = std::io::stdout();
    let columns = std::io::IsTerminal::is_terminal(&out).then(|| usize::from(crate::term::tty::size(&out).width));
    say(headless::keys(&read.map, vocabulary, args.output, columns));
    ExitCode::from(u8::from(!read.is_as_asked))
}

/// Shows each theme as this terminal will show it, with what is hard to read in it. Exit code 1 when a file is wrong.
pub fn themes(options: Options, args: &ThemesArgs) -> ExitCode {
    if args.roles {
        say(headless::themes::roles());
        return ExitCode::SUCCESS;
    }
    let loaded = Config::load(&Inputs::gather(options));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let (names, caps) = crate::run::looks(&loaded.config, is_terminal);
    // A file or a pager that asked for no colours gets text alone.
    let is_text = !is_terminal && caps.depth == crate::theme::Depth::Mono;
    let mut bad = false;
    // A file is named by its path, as for `--theme`.
    let files = args
        .names
        .iter()
        .filter(|n| n.contains('/') || std::path::Path::new(n).extension().is_some_and(|is| is == "toml"));
    let known = names.iter().filter(|n| args.names.is_empty() || args.names.contains(n));
    for name in known.chain(files.clone()) {
        let (theme, notices) = crate::run::theme(&loaded.config, name, caps.depth);
        for notice in &notices {
            bad = true;
            complain(&notice.text);
        }
        if notices.is_empty() {
            let shown = headless::themes::preview(&theme, caps.depth, caps.glyphs);
            if is_text {
                let lines = shown.lines().map(|line| crate::text::clean(line).trim_end().to_owned());
                say(lines.collect::<Vec<_>>().join("\n") + "\n");
            } else {
                say(format!("{shown}\n"));
            }
        }
    }
    for name in args
        .names
        .iter()
        .filter(|n| !names.contains(n) && !files.clone().any(|f| f == *n))
    {
        bad = true;
        complain(&format!("there is no theme `{name}`: there are {}", names.join(", ")));
    }
    ExitCode::from(u8::from(bad))
}
