//! Reading on: what is on record already, and then each record as it is written, by this console or by another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain;
use super::record::Record;
use super::replay;

/// No more than this is read at one look, newest files first.
const MOST: u64 = 32 * 1024 * 1024;

/// What came since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// In the order of their time, over all files.
    pub records: Vec<Arc<Record>>,
    /// What is not right with a file, as a sentence; each is said once.
    pub doubts: Vec<String>,
    /// Runs of runbooks with a record in a file that was changed after it was written: whether it was theirs is not known.
    /// By [`super::replay::run_key`].
    pub broken_runs: BTreeSet<String>,
    /// The first look: everything that was there.
    pub first: bool,
}

impl News {
    /// Nothing that anybody needs to hear of. The first look is always told, even when it found nothing.
    pub fn is_empty(&self) -> bool {
        !self.first && self.records.is_empty() && self.doubts.is_empty()
    }
}

/// How far a file has been read.
#[derive(Debug, Default)]
struct At {
    offset: u64,
    /// Hash of the last record.
    prev: String,
    doubted: bool,
    /// A record does not follow from the one before it.
    broken: bool,
    /// Whose records are in it.
    runs: BTreeSet<String>,
}

/// The files of a journal, read on and on. Looking blocks: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Tail {
    /// Folders, of which every `*.jsonl` counts, and single files.
    places: Vec<PathBuf>,
    files: BTreeMap<PathBuf, At>,
    looked: bool,
}

impl Tail {
    pub fn new(places: Vec<PathBuf>) -> Self {
        Self {
            places,
            files: BTreeMap::new(),
            looked: false,
        }
    }

    /// What came since the last look. A line without its end is left for the next one.
    pub fn look(&mut self) -> News {
        let mut news = News {
            first: !self.looked,
            ..News::default()
        };
        let mut left = MOST;
        for path in self.found(&mut news.doubts) {
            let at = self.files.entry(path.clone()).or_default();
            if let Err(why) = at.read(&path, &mut left, &mut news)
                && !std::mem::replace(&mut at.doubted, true)
            {
                news.doubts.push(format!("{}: {why}", path.display()));
            }
        }
        self.looked = true;
        news.records.sort_by(|a, b| {
            let order = |r: &Record| (r.ts, r.seq);
            order(a).cmp(&order(b)).then_with(|| a.host.cmp(&b.host))
        });
        news
    }

    /// The files, newest day first.
    fn found(&mut self, doubts: &mut Vec<String>) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for place in &self.places {
            if place.is_file() {
                found.push(place.clone());
                continue;
            }
            match std::fs::read_dir(place) {
                Ok(entries) => found.extend(
                    entries
                        .filter_map(|e| Some(e.ok()?.path()))
                        .filter(|p| p.extension().is_some_and(|e| e == "jsonl") && p.is_file()),
                ),
                // It is made with the first record.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) if !self.looked => doubts.push(format!("{}: {e}", place.display())),
                Err(_) => {}
            }
        }
        // Names end in their day.
        let day = |p: &PathBuf| p.to_string_lossy().chars().rev().take(16).collect::<Vec<_>>();
        found.sort_by_cached_key(|p| std::cmp::Reverse(day(p).into_iter().rev().collect::<String>()));
        found
    }
}

impl At {
    fn read(&mut self, path: &Path, left: &mut u64, news: &mut News) -> io::Result<()> {
        let len = std::fs::metadata(path)?.len();
        if len < self.offset {
            // Another file of that name: from the start.
            *self = Self::default();
        }
        let new = len - self.offset;
        if new == 0 {
            return Ok(());
        }
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        if self.offset == 0 {
            self.prev = chain::genesis(&name.unwrap_or_default());
        }
        if new > *left {
            if news.first {
                self.offset = len;
                self.doubted = true;
                let text = format!("{}: not read, there is too much of it", path.display());
                news.doubts.push(text);
            }
            return Ok(());
        }
        *left -= new;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(new).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        self.offset += whole as u64;
        for line in bytes.get(..whole).unwrap_or_default().split(|b| *b == b'\n') {
            if !line.is_empty() {
                self.take(path, line, news);
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, line: &[u8], news: &mut News) {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            // A crash leaves such a line; the next writer closes it and says so in a record of its own.
            return;
        };
        self.runs.extend(replay::run_of(&record));
        if chain::check(&self.prev, line).is_none() && !std::mem::replace(&mut self.broken, true) {
            news.doubts.push(format!(
                "{}: record {} does not follow from the one before it: the file was changed",
                path.display(),
                record.seq
            ));
        }
        if self.broken {
            news.broken_runs.append(&mut self.runs);
        }
        self.prev.clone_from(&record.hash);
        news.records.push(Arc::new(record));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::{Actor, Entry, Journal, Mode, RecordKind, RunbookRef, Who};
    use super::*;

    fn who(user: &str) -> Who {
        Who {
            host: "bastion".into(),
            pid: 1,
            session: "s".into(),
            build: "b".into(),
            actor: Actor {
                os_user: user.into(),
                ..Actor::default()
            },
            mode: Mode::Live,
        }
    }

    fn words(news: &News) -> Vec<&str> {
        news.records.iter().map(|r| r.entry.what.as_str()).collect()
    }

    #[test]
    fn each_record_of_each_file_is_seen_once_and_in_the_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (
            Journal::open(folder.path(), who("a")).unwrap(),
            Journal::open(folder.path(), who("b")).unwrap(),
        );
        let at = |s: i64| jiff::Timestamp::from_second(1_800_000_000 + s).unwrap();
        let note = |text: &str| Entry::new(RecordKind::Note, text);
        a.append_at(note("one"), at(1)).unwrap();
        b.append_at(note("two"), at(2)).unwrap();
        a.append_at(note("three"), at(3)).unwrap();
        let mut tail = Tail::new(vec![folder.path().to_owned()]);
        let first = tail.look();
        assert!(first.first);
        assert_eq!(words(&first), ["one", "two", "three"]);
        assert!(tail.look().is_empty());
        b.append_at(note("four"), at(4)).unwrap();
        assert_eq!(words(&tail.look()), ["four"]);

        // Half a line is not a record yet; a changed one is said.
        let path = a.path(at(5));
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"v\":1,").unwrap();
        assert!(tail.look().is_empty());
        a.append_at(note("five"), at(5)).unwrap();
        let healed = tail.look();
        assert_eq!(words(&healed), ["journal", "five"]);
        assert!(healed.doubts.is_empty(), "{:?}", healed.doubts);

        let text = std::fs::read_to_string(&path).unwrap().replacen("one", "eno", 1);
        std::fs::write(&path, text).unwrap();
        let mut again = Tail::new(vec![path]);
        let doubts = again.look().doubts;
        assert!(
            doubts.iter().any(|d| d.contains("record 1 does not follow")),
            "{doubts:?}"
        );
    }

    #[test]
    fn of_a_file_that_was_changed_no_run_is_trusted_whether_it_was_read_before_or_is_written_after() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), who("a")).unwrap();
        let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let run = |id: &str| {
            let mut entry = Entry::new(RecordKind::Run, "passed");
            entry.runbook = Some(RunbookRef {
                run: id.to_owned(),
                ..RunbookRef::default()
            });
            entry.data = serde_json::json!({ "started": "now", "step": "one" });
            journal.append_at(entry, at).unwrap();
        };
        run("r1");
        run("r2");
        let path = journal.path(at);
        let mut tail = Tail::new(vec![path.clone()]);
        assert_eq!(tail.look().broken_runs, BTreeSet::new());
        // Where it was read already, only what follows can tell.
        let text = std::fs::read_to_string(&path).unwrap();
        let hash = serde_json::from_str::<Record>(text.lines().last().unwrap())
            .unwrap()
            .hash;
        std::fs::write(&path, text.replace(&hash, &"0".repeat(hash.len()))).unwrap();
        run("r3");
        let news = tail.look();
        assert_eq!(news.doubts.len(), 1);
        assert_eq!(
            news.broken_runs,
            ["r1", "r2", "r3"].map(|id| format!("{id}@now")).into()
        );
        run("r4");
        assert_eq!(tail.look().broken_runs, ["r4@now".to_owned()].into());
    }
}
