//! `qd keys`: what the keyboard does, in the keymap in force.

use std::process::ExitCode;

use super::{complain, say};
use crate::cli::{Keys, Options};
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
    say(&headless::keys(&read.map, vocabulary, args.output));
    ExitCode::from(u8::from(!read.is_as_asked))
}
