//! `qd journal` and `qd runbook`: what stands in files, read without a cluster.

use std::path::PathBuf;

use crate::cli::{JournalArgs, JournalCommand, Options, RunbookArgs, RunbookCommand};
use crate::config::{Config, Inputs};
use crate::headless::journal::Leaf;
use crate::headless::{self, Answer};
use crate::journal;
use crate::runbook::library::{BUILT_IN, Library};

/// The journal's files: those named, else all of the state folder in their order.
fn leaves(config: &Config, named: &[PathBuf]) -> Result<Vec<Leaf>, String> {
    let mut paths = named.to_vec();
    if paths.is_empty() {
        let folder = config
            .paths
            .journal()
            .ok_or("there is no state folder: set XDG_STATE_HOME or HOME, or name a file")?;
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(format!("{}: {e}", folder.display())),
        };
        paths = entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        paths.sort();
    }
    paths
        .into_iter()
        .map(|path| {
            let reading = journal::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let name = path.display().to_string();
            Ok(Leaf { name, reading })
        })
        .collect()
}

/// `qd journal`
///
/// # Errors
/// A file that cannot be read.
pub fn journal(options: Options, args: &JournalArgs) -> Result<Answer, String> {
    let config = Config::load(&Inputs::gather(options)).config;
    Ok(match &args.command {
        JournalCommand::Show(a) => headless::journal::show(&leaves(&config, &a.files)?, a.output),
        JournalCommand::Verify(a) => headless::journal::verify(&leaves(&config, &a.files)?, a.output),
    })
}

/// The built-in runbooks and the user's, and what is wrong with the latter.
fn library(config: &Config) -> (Library, Vec<String>) {
    let mut library = Library::built_in();
    let mut problems = Vec::new();
    for file in crate::config::runbooks(&config.paths) {
        let name = file.path.display().to_string();
        match file.text {
            Ok(text) => {
                let found = library.add(&name, &text.unwrap_or_default());
                problems.extend(found.iter().map(ToString::to_string));
            }
            Err(why) => problems.push(format!("{name} {why}")),
        }
    }
    (library, problems)
}

/// `qd runbook`
///
/// # Errors
/// No such runbook, or a file that cannot be read.
pub fn runbook(options: Options, args: &RunbookArgs) -> Result<Answer, String> {
    let config = Config::load(&Inputs::gather(options)).config;
    match &args.command {
        RunbookCommand::List(p) => {
            let (library, problems) = library(&config);
            let mut answer = headless::runbooks::list(&library, p.output);
            answer.doubts = problems;
            Ok(answer)
        }
        RunbookCommand::Facts(p) => Ok(headless::runbooks::facts(p.output)),
        RunbookCommand::Show { id } => {
            let (library, _) = library(&config);
            let book = library.get(id).ok_or_else(|| {
                let names: Vec<&str> = library.iter().map(|b| b.id.as_str()).collect();
                format!("there is no runbook `{id}`; there are: {}", names.join(", "))
            })?;
            let built_in = BUILT_IN.iter().find(|(file, _)| *file == book.file);
            let text = match built_in {
                Some((_, text)) => (*text).to_owned(),
                None => std::fs::read_to_string(&book.file).map_err(|e| format!("{}: {e}", book.file))?,
            };
            Ok(headless::runbooks::show(&text))
        }
        RunbookCommand::Lint { files } => {
            let mut problems = Vec::new();
            for path in files {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
                problems.extend(crate::runbook::lint::lint(&text, &name));
            }
            Ok(headless::runbooks::lint(&problems))
        }
    }
}
