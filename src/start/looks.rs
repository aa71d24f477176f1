//! `qd keys` and `qd themes`: what the keyboard does, and how the console looks; and what `qd check` says of both.

use std::process::ExitCode;

use super::{complain, say};
use crate::cli::{Keys, Options, ThemesArgs};
use crate::config::{Config, Inputs};
use crate::feed::kube::access::{CheckRow, CheckState};
use crate::headless;
use crate::keys::{CONTEXTS, Vocabulary};
use crate::term::Caps;
use crate::theme::{Depth, Glyphs};

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

/// As many doubts about a theme as a row of `qd check` names.
const NAMED: usize = 2;

/// The rows of `qd check` about the person's own files, and the terminal. Who has a file that is wrong sees the same in
/// the console for a moment only.
pub fn rows(config: &Config) -> Vec<CheckRow> {
    let row = |what: String, state| CheckRow {
        source: "console".to_owned(),
        what,
        needed: false,
        state,
    };
    let keys = crate::run::keymap(config);
    let told: Vec<String> = keys.notices.into_iter().map(|n| n.text).collect();
    let keys_are = match (keys.is_as_asked, told.is_empty()) {
        (true, true) => CheckState::Ok,
        (true, false) => CheckState::Said { what: told.join("; ") },
        (false, _) => CheckState::Wrong { why: told.join("; ") },
    };
    let (_, caps) = crate::run::looks(config, true);
    let (theme, notices) = crate::run::theme(config, &config.ui.theme, caps.depth);
    let wrong: Vec<String> = notices.into_iter().map(|n| n.text).collect();
    let doubts = theme.doubts();
    let mut faint: Vec<String> = doubts.iter().take(NAMED).map(ToString::to_string).collect();
    if let more @ 1.. = doubts.len().saturating_sub(NAMED) {
        faint.push(format!("{more} more: qd themes {}", config.ui.theme));
    }
    let theme_is = match (wrong.is_empty(), faint.is_empty()) {
        (true, true) => CheckState::Ok,
        (true, false) => CheckState::Said { what: faint.join("; ") },
        (false, _) => CheckState::Wrong { why: wrong.join("; ") },
    };
    vec![
        row(format!("keymap {}", config.ui.keymap), keys_are),
        row(format!("theme {}", config.ui.theme), theme_is),
        row("terminal".to_owned(), CheckState::Said { what: terminal(caps) }),
    ]
}

/// What the console takes the terminal for, by the environment.
fn terminal(caps: Caps) -> String {
    if caps.dumb {
        return "TERM is dumb or not set: only the commands without a screen work there".to_owned();
    }
    let colours = match caps.depth {
        Depth::Mono => "no colours",
        Depth::Sixteen => "16 colours",
        Depth::Indexed => "256 colours",
        Depth::True => "true colour",
    };
    let signs = match caps.glyphs {
        Glyphs::Unicode => "Unicode",
        Glyphs::Ascii => "ASCII",
    };
    let place = [(caps.ssh, "over SSH"), (caps.tmux, "in tmux")];
    let place = place.into_iter().filter(|(is, _)| *is).map(|(_, words)| words);
    [colours, signs].into_iter().chain(place).collect::<Vec<_>>().join(", ")
}
