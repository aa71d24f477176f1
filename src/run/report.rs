//! The report, written from the console: a file under the state folder.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::cli::ReportForm;
use crate::headless;
use crate::journal::report::Scope;
use crate::journal::{self, Leaf};

/// Writes the report of an incident, or of the last day, beside the journal's folder; gives its path. Blocks.
///
/// # Errors
/// A sentence: what cannot be read or written.
pub fn write(journal: &Path, incident: Option<&str>, now: Timestamp) -> Result<PathBuf, String> {
    let failed = |path: &Path, e: &std::io::Error| format!("{}: {e}", path.display());
    let mut leaves = Vec::new();
    for path in journal::files(journal).map_err(|e| failed(journal, &e))? {
        let reading = journal::read(&path).map_err(|e| failed(&path, &e))?;
        leaves.push(Leaf { path, reading });
    }
    let day_ago = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let scope = incident.map_or(Scope::Since(day_ago), |id| Scope::Incident(id.to_owned()));
    let answer = headless::report::report(&leaves, &scope, ReportForm::Md)?;
    let folder = journal.parent().unwrap_or(journal).join("reports");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|e| failed(&folder, &e))?;
    let name: String = incident
        .unwrap_or("day")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    let path = folder.join(format!("{name}-{}.md", now.strftime("%Y%m%dT%H%M%SZ")));
    std::fs::write(&path, answer.text).map_err(|e| failed(&path, &e))?;
    Ok(path)
}
