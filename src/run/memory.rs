//! What the console keeps between two sessions: chosen columns, orders, what was run lately. A file of its own in the
//! state folder; without it nothing is lost but comfort, so faults are noted in the log and no more.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::app::finding::Remembered;

/// A file that was grown by somebody else is not read.
const LARGEST: u64 = 256 * 1024;

fn file(journal: &Path) -> PathBuf {
    journal.parent().unwrap_or(journal).join("view.toml")
}

/// Reads what was kept; beside the folder of the journal.
pub fn recall(journal: Option<&Path>) -> Remembered {
    let Some(path) = journal.map(file) else {
        return Remembered::default();
    };
    if std::fs::metadata(&path).is_ok_and(|m| m.len() > LARGEST) {
        return Remembered::default();
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).unwrap_or_else(|e| {
            tracing::warn!("{} is not understood, and will be written anew: {e}", path.display());
            Remembered::default()
        }),
        Err(_) => Remembered::default(),
    }
}

/// Writes it, in the background; the newest wins.
pub fn keep(journal: Option<&Path>, kept: Remembered) {
    static NEWEST: Mutex<u64> = Mutex::new(0);
    static WRITING: Mutex<u64> = Mutex::new(0);
    let Some(path) = journal.map(file) else { return };
    let turn = {
        let mut newest = NEWEST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *newest += 1;
        *newest
    };
    tokio::task::spawn_blocking(move || {
        let mut written = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *written > turn {
            return;
        }
        *written = turn;
        if let Err(e) = write(&path, &kept) {
            tracing::warn!("{} could not be written: {e}", path.display());
        }
    });
}

/// All of it or nothing.
fn write(path: &Path, kept: &Remembered) -> std::io::Result<()> {
    let text = toml::to_string(kept).map_err(std::io::Error::other)?;
    let new = path.with_extension(format!("toml.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::finding::{Chosen, SortOf};

    #[test]
    fn what_is_kept_comes_back_and_a_broken_file_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let mut kept = Remembered::default();
        let chosen = Chosen {
            order: vec!["name".to_owned(), "label:app".to_owned()],
            hidden: vec!["node".to_owned()],
            first: vec!["name".to_owned()],
        };
        kept.columns.insert("queries/tables".to_owned(), chosen);
        let sort = SortOf {
            column: "age".to_owned(),
            reverse: true,
        };
        kept.sort.insert("pods".to_owned(), sort);
        write(&file(&journal), &kept).unwrap();
        assert_eq!(recall(Some(&journal)), kept);
        std::fs::write(file(&journal), "sort = [").unwrap();
        assert_eq!(recall(Some(&journal)), Remembered::default());
    }
}
