//! Writing: whole lines, in one `write`, under a lock, down to the disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, fdatasync, flock};

use super::clean::{clean, clean_value, hush};
use super::record::{Actor, Entry, Mode, Record, RecordKind};
use super::{MAX_RECORD, chain};

/// The journal could not be written; nothing must be changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal {path}: cannot {doing}: {why}. Nothing is changed while what is done cannot be recorded")]
pub struct JournalError {
    pub path: PathBuf,
    pub doing: &'static str,
    pub why: String,
}

/// Who writes, and in which run of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub host: String,
    pub pid: u32,
    /// Unique to this run of the program.
    pub session: String,
    pub build: String,
    pub actor: Actor,
    pub mode: Mode,
}

impl Who {
    /// From this process and its environment.
    pub fn here(k8s_user: &str, mode: Mode) -> Self {
        let env = |name: &str| std::env::var(name).unwrap_or_default();
        let uid = rustix::process::getuid().as_raw();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let ssh = env("SSH_CLIENT");
        let pid = std::process::id();
        Self {
            host,
            pid,
            session: session().to_owned(),
            build: format!("quarterdeck/{}", env!("CARGO_PKG_VERSION")),
            actor: Actor {
                os_user: super::login_name(),
                uid,
                sudo_user: env("SUDO_USER"),
                ssh_client: ssh.split_whitespace().next().unwrap_or_default().to_owned(),
                k8s_user: k8s_user.to_owned(),
            },
            mode,
        }
    }
}

/// Names this run of the program, over all its connections: unique among those of a host.
pub fn session() -> &'static str {
    static SESSION: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    SESSION.get_or_init(|| format!("{:x}-{:x}", Timestamp::now().as_millisecond(), std::process::id()))
}

/// A written intent; its result refers to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    pub seq: u64,
    /// Its hash: tells it from every other record of every file.
    pub hash: String,
}

/// One person's journal on one host. Cheap to clone. Several processes may write the same file at once.
#[derive(Clone, Debug)]
pub struct Journal {
    dir: Arc<Path>,
    who: Arc<Who>,
    /// The incident that is open.
    incident: Arc<RwLock<String>>,
}

impl Journal {
    /// Opens, or creates, the journal folder and today's file, so that a fault shows before it matters.
    ///
    /// # Errors
    /// When the folder or the file cannot be created or opened for appending.
    pub fn open(dir: &Path, who: Who) -> Result<Self, JournalError> {
        let journal = Self {
            dir: dir.into(),
            who: who.into(),
            incident: Arc::default(),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| fault(dir, "create the folder", &e))?;
        journal.file(Timestamp::now())?;
        Ok(journal)
    }

    pub fn who(&self) -> &Who {
        &self.who
    }

    /// Every record from now on carries this incident's id, where it names none itself; empty: none is open. Holds for all
    /// clones.
    pub fn set_incident(&self, id: &str) {
        id.clone_into(&mut self.incident.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The file that a record of this moment goes to.
    pub fn path(&self, at: Timestamp) -> PathBuf {
        let day = at.strftime("%Y-%m-%d");
        let name = |text: &str| -> String {
            text.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                        c
                    } else {
                        '-'
                    }
                })
                .collect()
        };
        let (host, user) = (name(&self.who.host), name(&self.who.actor.os_user));
        self.dir.join(format!("{host}-{user}-{day}.jsonl"))
    }

    /// Writes one record, down to the disk, and gives its number.
    ///
    /// # Errors
    /// When any part of it failed: then it does not count as written.
    pub fn append(&self, entry: Entry) -> Result<u64, JournalError> {
        self.append_at(entry, Timestamp::now())
    }

    /// Writes down what is about to be done. Nothing may be sent without the ticket.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn intent(&self, entry: Entry) -> Result<Ticket, JournalError> {
        debug_assert_eq!(entry.kind, RecordKind::Intent);
        self.written(entry, Timestamp::now())
    }

    /// Writes down what became of an intent.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn result(&self, ticket: Ticket, entry: Entry) -> Result<u64, JournalError> {
        self.result_at(ticket, entry, Timestamp::now())
    }

    /// [`Self::result`] at a given moment.
    pub(super) fn result_at(&self, ticket: Ticket, mut entry: Entry, at: Timestamp) -> Result<u64, JournalError> {
        entry.refers = Some(ticket.seq);
        super::set(&mut entry.data, "intent", ticket.hash);
        self.append_at(entry, at)
    }

    /// [`Self::append`] at a given moment, which also picks the file.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_at(&self, entry: Entry, at: Timestamp) -> Result<u64, JournalError> {
        self.written(entry, at).map(|written| written.seq)
    }

    /// Writes one record; gives its number and hash.
    pub(super) fn written(&self, mut entry: Entry, at: Timestamp) -> Result<Ticket, JournalError> {
        if entry.incident.is_empty() {
            entry
                .incident
                .clone_from(&self.incident.read().unwrap_or_else(PoisonError::into_inner));
        }
        let path = self.path(at);
        let mut file = self.file(at)?;
        // Released when the file is closed, on every way out.
        flock(&file, FlockOperation::LockExclusive).map_err(|e| fault(&path, "lock it", &e))?;
        let file_name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let end = End::of(&mut file, &file_name.unwrap_or_default()).map_err(|e| fault(&path, "read its end", &e))?;
        let mut out = Vec::new();
        let (mut seq, mut prev) = (end.seq + 1, end.hash);
        if end.torn > 0 {
            out.push(b'\n');
        }
        if end.torn > 0 && !end.torn_is_record {
            let mut heal = Entry::new(RecordKind::Heal, "journal");
            heal.outcome = format!("closed a line of {} bytes that was cut off", end.torn);
            prev = self.line(&mut out, heal, seq, at, &prev, &path)?;
            seq += 1;
        }
        if end.seq == 0
            && end.torn == 0
            && let Some(link) = self
                .rotation(&path)
                .map_err(|e| fault(&path, "read the file before it", &e))?
        {
            prev = self.line(&mut out, link, seq, at, &prev, &path)?;
            seq += 1;
        }
        let hash = self.line(&mut out, entry, seq, at, &prev, &path)?;
        // One write(2): records of several processes never mix, and a crash leaves at most one torn line.
        let written = file.write(&out).map_err(|e| fault(&path, "write", &e))?;
        if written != out.len() {
            let why = std::io::Error::other(format!("{written} of {} bytes were written", out.len()));
            return Err(fault(&path, "write", &why));
        }
        fdatasync(&file).map_err(|e| fault(&path, "sync it to the disk", &e))?;
        Ok(Ticket { seq, hash })
    }

    /// What ties a new file to the newest one before it of the same host and user, when there is one.
    fn rotation(&self, new: &Path) -> std::io::Result<Option<Entry>> {
        let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
        let Some(new) = name(new) else { return Ok(None) };
        let stem = new.len().saturating_sub("YYYY-MM-DD.jsonl".len());
        let mut earlier: Vec<String> = std::fs::read_dir(&self.dir)?
            .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_file()))
            .filter_map(|path| name(&path))
            .filter(|n| n.len() == new.len() && n.get(..stem) == new.get(..stem) && *n < new)
            .collect();
        earlier.sort();
        // A console that only looked leaves a file without a record.
        let mut last = None;
        while let (None, Some(file)) = (&last, earlier.pop()) {
            let end = End::of(&mut File::open(self.dir.join(&file))?, &file)?;
            last = (end.seq > 0).then_some((file, end));
        }
        let Some((before, end)) = last else { return Ok(None) };
        let mut link = Entry::new(RecordKind::Rotate, "journal");
        link.outcome = format!("goes on from {before}, whose last record is {}", end.seq);
        link.data = serde_json::json!({ "file": before, "seq": end.seq, "head": end.hash });
        Ok(Some(link))
    }

    /// Appends the line of one record to `out` and gives its hash.
    fn line(
        &self,
        out: &mut Vec<u8>,
        entry: Entry,
        seq: u64,
        at: Timestamp,
        prev: &str,
        path: &Path,
    ) -> Result<String, JournalError> {
        let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let mut record = Record {
            v: 1,
            seq,
            ts: at,
            host: clean(&self.who.host),
            pid: self.who.pid,
            session: self.who.session.clone(),
            build: self.who.build.clone(),
            actor: Actor {
                os_user: clean(&self.who.actor.os_user),
                sudo_user: clean(&self.who.actor.sudo_user),
                ssh_client: clean(&self.who.actor.ssh_client),
                k8s_user: clean(&self.who.actor.k8s_user),
                ..self.who.actor.clone()
            },
            mode: self.who.mode,
            entry: tidy(entry).map_err(|e| fault(path, "write this record as JSON", &e))?,
            prev_hash: prev.to_owned(),
            hash: String::new(),
        };
        for step in 0..5 {
            let text = serde_json::to_string(&record).map_err(|e| fault(path, "write this record as JSON", &e))?;
            let Some(line) = chain::seal(prev, &text) else { break };
            if line.len() < MAX_RECORD {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
                return chain::check(prev, line.as_bytes())
                    .ok_or_else(|| fault(path, "seal this record", &"its hash does not fit"));
            }
            shorten(&mut record.entry, step);
        }
        Err(fault(path, "write this record", &"it is too long even when shortened"))
    }

    fn file(&self, at: Timestamp) -> Result<File, JournalError> {
        let path = self.path(at);
        let existed = path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(&path)
            .map_err(|e| fault(&path, "open it for appending", &e))?;
        // What leads elsewhere or keeps nothing is no record.
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(fault(&path, "write into it", &"it is no file"));
        }
        if !existed {
            // The new name must survive a power cut as well as the bytes.
            File::open(&*self.dir)
                .and_then(|d| d.sync_all())
                .map_err(|e| fault(&self.dir, "sync the folder to the disk", &e))?;
        }
        Ok(file)
    }
}

fn fault(path: &Path, doing: &'static str, why: &dyn std::fmt::Display) -> JournalError {
    JournalError {
        path: path.to_owned(),
        doing,
        why: why.to_string(),
    }
}

fn tidy(entry: Entry) -> serde_json::Result<Entry> {
    let mut entry: Entry = serde_json::from_value(clean_value(serde_json::to_value(entry)?))?;
    entry.outcome = hush(&entry.outcome);
    if let Some(response) = &mut entry.response {
        response.message = hush(&response.message);
        response.causes.iter_mut().for_each(|cause| *cause = hush(cause));
    }
    Ok(entry)
}

/// Leaves out what is least needed first; the hash of the body stays in any case.
fn shorten(entry: &mut Entry, step: usize) {
    let cut = |text: &mut String, most: usize| {
        if text.chars().count() > most {
            *text = text.chars().take(most).chain(['…']).collect();
        }
    };
    entry.shortened = true;
    match step {
        0 => {
            if let Some(r) = &mut entry.request {
                r.body = serde_json::Value::Null;
            }
        }
        1 => {
            entry.before = serde_json::Value::Null;
            entry.after = serde_json::Value::Null;
        }
        _ => {
            let most = if step == 2 { 500 } else { 80 };
            for text in [
                &mut entry.reason,
                &mut entry.outcome,
                &mut entry.what,
                &mut entry.incident,
            ] {
                cut(text, most);
            }
            if let Some(r) = &mut entry.response {
                cut(&mut r.message, most);
                r.causes.truncate(3);
                r.causes.iter_mut().for_each(|c| cut(c, most));
            }
            if let Some(r) = &mut entry.request {
                cut(&mut r.path, most);
            }
        }
    }
}

/// How the file ends: the last whole record, and what is cut off behind it.
struct End {
    seq: u64,
    hash: String,
    /// Bytes behind the last line break.
    torn: usize,
    /// Those bytes are a whole record that only lacks its line break.
    torn_is_record: bool,
}

impl End {
    fn of(file: &mut File, file_name: &str) -> std::io::Result<Self> {
        let len = file.metadata()?.len();
        let mut window = 4 * MAX_RECORD as u64;
        loop {
            let from = len.saturating_sub(window);
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(len - from).read_to_end(&mut bytes)?;
            if let Some(end) = Self::within(&bytes, from == 0, file_name) {
                return Ok(end);
            }
            window = window.saturating_mul(2);
        }
    }

    /// `None`: no whole record in these bytes, and there are more before them.
    fn within(bytes: &[u8], whole_file: bool, file_name: &str) -> Option<Self> {
        let torn = bytes.iter().rev().take_while(|b| **b != b'\n').count();
        // The first line of a window that does not begin with the file may be half a line: it does not parse then.
        let last = bytes
            .split(|b| *b == b'\n')
            .rev()
            .enumerate()
            .find_map(|(back, line)| Some((back, serde_json::from_slice::<Record>(line).ok()?)));
        match last {
            Some((back, record)) => Some(Self {
                seq: record.seq,
                hash: record.hash,
                torn,
                torn_is_record: back == 0,
            }),
            None => whole_file.then(|| Self {
                seq: 0,
                hash: chain::genesis(file_name),
                torn,
                torn_is_record: false,
            }),
        }
    }
}
