//! Reading a journal file, and saying what is not right with it.

use std::io;
use std::path::Path;

use super::chain;
use super::record::Record;

/// A line that is no record: cut off by a crash or a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Byte offset in the file.
    pub offset: usize,
    pub len: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Whole records, in order.
    pub records: Vec<Record>,
    pub torn: Vec<Torn>,
    /// `seq` of the first record that does not follow from the one before it.
    pub broken_at: Option<u64>,
}

impl Reading {
    /// Intents without a result: their fate is unknown, and they are never sent again by themselves.
    pub fn unanswered(&self) -> impl Iterator<Item = &Record> {
        use super::RecordKind::{Intent, Result};
        self.records.iter().filter(|r| {
            r.entry.kind == Intent
                && !self
                    .records
                    .iter()
                    .any(|x| x.entry.kind == Result && x.entry.refers == Some(r.seq))
        })
    }
}

/// Reads one file. Lines that are no records are listed, not dropped in silence.
pub fn read(path: &Path) -> io::Result<Reading> {
    let bytes = std::fs::read(path)?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    Ok(parse(&name.unwrap_or_default(), &bytes))
}

pub(super) fn parse(file_name: &str, bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let mut prev = chain::genesis(file_name);
    let mut offset = 0;
    for line in bytes.split(|b| *b == b'\n') {
        let at = offset;
        offset += line.len() + 1;
        if line.is_empty() {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            reading.torn.push(Torn {
                offset: at,
                len: line.len(),
            });
            continue;
        };
        if chain::check(&prev, line).is_none() && reading.broken_at.is_none() {
            reading.broken_at = Some(record.seq);
        }
        prev.clone_from(&record.hash);
        reading.records.push(record);
    }
    reading
}
