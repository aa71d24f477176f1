//! Reading journal files, and saying what is not right with them.

use std::io;
use std::path::{Path, PathBuf};

use super::chain;
use super::record::{Record, RecordKind};

/// A line that is no record: cut off by a crash or a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Byte offset in the file.
    pub offset: usize,
    pub len: usize,
    /// A later record says that it was cut off.
    pub healed: bool,
}

/// The first line at which a file stops being what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// From 1.
    pub line: usize,
    /// Of the record there, or of the one that should be there.
    pub seq: u64,
    pub what: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Whole records, in order.
    pub records: Vec<Record>,
    pub torn: Vec<Torn>,
    /// `seq` of the first record that does not follow from the one before it.
    pub broken_at: Option<u64>,
    /// What is wrong first; nothing when every line is whole, or its being cut off is on record.
    pub bad: Option<Bad>,
}

impl Reading {
    /// Whether it is what was written, as far as the chain can tell.
    pub const fn is_whole(&self) -> bool {
        self.bad.is_none()
    }

    /// Number and hash of the last record.
    pub fn head(&self) -> Option<(u64, &str)> {
        self.records.last().map(|r| (r.seq, r.hash.as_str()))
    }

    /// Intents without a result: their fate is unknown, and they are never sent again by themselves.
    pub fn unanswered(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|r| {
            r.entry.kind == RecordKind::Intent && !self.records.iter().any(|x| x.answers() == Some(&r.hash))
        })
    }
}

/// One file of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    pub path: PathBuf,
    pub reading: Reading,
}

impl Leaf {
    /// Its name without the folder.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

/// The files of a journal folder, of all hosts and users, in the order of their names. None when there is no folder.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl") && p.is_file())
        .collect();
    paths.sort();
    Ok(paths)
}

/// The records of several files by their time; those of one moment keep their file's order.
pub fn merged<'a>(readings: impl IntoIterator<Item = &'a Reading>) -> Vec<&'a Record> {
    let mut all: Vec<&Record> = readings.into_iter().flat_map(|r| &r.records).collect();
    all.sort_by_key(|r| r.ts);
    all
}

/// Reads one file. Lines that are no records are listed, not dropped in silence.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> io::Result<Reading> {
    let bytes = std::fs::read(path)?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    Ok(parse(&name.unwrap_or_default(), &bytes))
}

/// What is wrong with the file from which `leaf` goes on, when that is among `all` and is not what it was then: a chain
/// alone does not show that its end was removed.
pub fn unlinked(leaf: &Leaf, all: &[Leaf]) -> Option<String> {
    let link = leaf
        .reading
        .records
        .first()
        .filter(|r| r.entry.kind == RecordKind::Rotate)?;
    let (file, head) = (
        link.entry.data.get("file")?.as_str()?,
        link.entry.data.get("head")?.as_str()?,
    );
    let seq = link.entry.data.get("seq")?.as_u64()?;
    let before = all
        .iter()
        .find(|l| l.path.parent() == leaf.path.parent() && l.name() == file)?;
    let there = before.reading.records.iter().any(|r| r.seq == seq && r.hash == head);
    (!there).then(|| {
        format!(
            "{}: record {seq} is missing or another than when {} was begun: its end was removed or rewritten",
            before.path.display(),
            leaf.name()
        )
    })
}

pub(super) fn parse(file_name: &str, bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let mut prev = chain::genesis(file_name);
    let (mut offset, mut seq) = (0, 0);
    // The first line that was cut off, until a record says so.
    let mut open: Option<Bad> = None;
    let mut healable = 0;
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let begins = offset;
        offset += line.len() + 1;
        if line.is_empty() {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            reading.torn.push(Torn {
                offset: begins,
                len: line.len(),
                healed: false,
            });
            let what = format!("{} bytes that are no record: the line was cut off", line.len());
            open.get_or_insert(Bad {
                line: at + 1,
                seq: seq + 1,
                what,
            });
            continue;
        };
        let broken = match chain::check(&prev, line) {
            Some(_) => None,
            None if record.prev_hash == prev => Some("it was changed after it was written"),
            None if seq == 0 => Some("it is not the first record of a file of this name"),
            None => Some("it does not follow from the record before it: one was changed, removed or moved"),
        };
        if let (Some(what), None) = (broken, reading.broken_at) {
            reading.broken_at = Some(record.seq);
            let what = what.to_owned();
            let bad = Bad {
                line: at + 1,
                seq: record.seq,
                what,
            };
            reading.bad.get_or_insert(open.take().unwrap_or(bad));
        }
        if record.entry.kind == RecordKind::Heal && broken.is_none() {
            open = None;
            for torn in reading.torn.iter_mut().skip(healable) {
                torn.healed = true;
            }
            healable = reading.torn.len();
        }
        seq = record.seq;
        prev.clone_from(&record.hash);
        reading.records.push(record);
    }
    if reading.bad.is_none() {
        reading.bad = open;
    }
    reading
}
