//! `qd journal` and `qd runbook`: what stands in files, read without a cluster.

use std::path::PathBuf;

use crate::cli::{JournalArgs, JournalCommand, JournalFilter, Options, ReportArgs, RunbookArgs, RunbookCommand};
use crate::config::{Config, Inputs};
use crate::headless::journal::{Chosen, moment};
use crate::headless::{self, Answer};
use crate::journal::report::Scope;
use crate::journal::{self, Leaf, RecordKind};
use crate::run::library;
use crate::runbook::library::BUILT_IN;

/// The journal's files: those named, else all of the state folder in their order.
pub(super) fn leaves(config: &Config, named: &[PathBuf]) -> Result<Vec<Leaf>, String> {
    let mut paths = named.to_vec();
    if paths.is_empty() {
        let folder = config
            .paths
            .journal()
            .ok_or("there is no state folder: set XDG_STATE_HOME or HOME, or name a file")?;
        paths = journal::files(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    paths
        .into_iter()
        .map(|path| {
            let reading = journal::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            Ok(Leaf { path, reading })
        })
        .collect()
}

fn chosen(filter: &JournalFilter) -> Result<Chosen, String> {
    let now = jiff::Timestamp::now();
    let moment = |text: &Option<String>| text.as_deref().map(|t| moment(t, now)).transpose();
    Ok(Chosen {
        since: moment(&filter.since)?,
        until: moment(&filter.until)?,
        incident: filter.incident.clone(),
        run: filter.run.clone(),
        kinds: filter
            .kind
            .iter()
            .map(|k| RecordKind::parse(k.trim()))
            .collect::<Result<_, _>>()?,
        user: filter.user.clone(),
    })
}

/// `qd journal`
///
/// # Errors
/// A file that cannot be read, or a time that is none.
pub fn journal(options: Options, args: &JournalArgs) -> Result<Answer, String> {
    let config = Config::load(&Inputs::gather(options)).config;
    Ok(match &args.command {
        JournalCommand::Show(a) => {
            let chosen = chosen(&a.filter)?;
            headless::journal::show(&leaves(&config, &a.files.files)?, &chosen, a.files.output)
        }
        JournalCommand::Verify(a) => headless::journal::verify(&leaves(&config, &a.files)?, a.output),
        JournalCommand::Export(a) => {
            let chosen = chosen(&a.filter)?;
            headless::export::export(&leaves(&config, &a.files)?, &chosen, a.format, jiff::Timestamp::now())
        }
    })
}

/// `qd report`
///
/// # Errors
/// A file that cannot be read, a time that is none, or no such incident.
pub fn report(options: Options, args: &ReportArgs) -> Result<Answer, String> {
    let config = Config::load(&Inputs::gather(options)).config;
    let scope = match (&args.incident, &args.since) {
        (Some(id), _) => Scope::Incident(id.clone()),
        (None, Some(since)) => Scope::Since(moment(since, jiff::Timestamp::now())?),
        (None, None) => Scope::All,
    };
    headless::report::report(&leaves(&config, &args.files)?, &scope, args.output)
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
            answer.doubts = problems.concat();
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
        RunbookCommand::Run(_) => Err("a run needs its platform".to_owned()),
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
