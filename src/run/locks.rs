//! Who drives what on this host: a file for every console that lives, and one for every run.
//!
//! A lock is a file with an advisory lock on it; the system takes it back when the process ends, however it ends, so what
//! is not held was left. A run is driven by one console. Taking it over from one that lives puts another file in its place,
//! which the other console finds before it writes or changes anything for that run.

use std::collections::{BTreeSet, HashMap};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

/// Files that nobody holds are removed after this time.
const OLD: Duration = Duration::from_secs(8 * 24 * 3600);

struct Lock {
    path: PathBuf,
    file: File,
}

/// The locks of this console. Dropping it lets all of them go.
pub struct Locks {
    dir: Option<PathBuf>,
    /// What a lock says of its holder.
    holder: String,
    session: Option<Lock>,
    runs: HashMap<String, Lock>,
    /// Objects to which something is being sent, by the number of the change.
    objects: HashMap<u64, Vec<Lock>>,
}

fn file_name(key: &str) -> String {
    key.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// Opens and locks it. `Ok(None)`: somebody else holds it.
fn hold(path: &Path, holder: &str) -> std::io::Result<Option<Lock>> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    file.set_len(0)?;
    file.write_all(holder.as_bytes())?;
    let path = path.to_owned();
    Ok(Some(Lock { path, file }))
}

impl Lock {
    /// Whether the file in this place is still the one that is held.
    fn is_mine(&self) -> bool {
        let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(a), Ok(b)) => same(&a, &b),
            _ => false,
        }
    }
}

impl Locks {
    /// `state`: the state folder. `session` names this run of the program.
    pub fn new(state: Option<PathBuf>, who: &str, session: &str) -> Self {
        let dir = state.map(|s| s.join("live"));
        let holder = format!("{who} (process {})", std::process::id());
        let mut locks = Self {
            dir,
            holder,
            session: None,
            runs: HashMap::new(),
            objects: HashMap::new(),
        };
        if let Err(why) = locks.live(session) {
            tracing::warn!("other consoles cannot see that this one lives: {why}");
        }
        locks
    }

    fn live(&mut self, session: &str) -> std::io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        sweep(dir);
        self.session = hold(&dir.join(format!("session-{}", file_name(session))), &self.holder)?;
        Ok(())
    }

    fn path(&self, run: &str) -> Result<PathBuf, String> {
        let dir = self
            .dir
            .as_ref()
            .ok_or("there is no state folder: set XDG_STATE_HOME or HOME")?;
        Ok(dir.join(format!("run-{}", file_name(run))))
    }

    /// Takes a run into this console's hands; `over`: even from a console that lives.
    ///
    /// # Errors
    /// Who has it, or why it cannot be told.
    pub fn take(&mut self, run: &str, over: bool) -> Result<(), String> {
        if self.runs.get(run).is_some_and(Lock::is_mine) {
            return Ok(());
        }
        let path = self.path(run)?;
        let fault = |e: std::io::Error| format!("{}: {e}", path.display());
        if over {
            // Another file in its place: who holds the old one sees that it is no longer the one.
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(fault(e)),
                _ => {}
            }
        }
        match hold(&path, &self.holder).map_err(fault)? {
            Some(lock) => {
                self.runs.insert(run.to_owned(), lock);
                Ok(())
            }
            None => Err(format!("it is under way in another console: {}", said(&path))),
        }
    }

    /// Whether this console still has the run; one that nobody has, it takes. That it cannot be told is in the log, and
    /// in [`Self::check_run`]: it stops nobody from looking.
    ///
    /// # Errors
    /// Who has it now.
    pub fn check(&mut self, run: &str) -> Result<(), String> {
        match self.runs.get(run) {
            Some(lock) if lock.is_mine() => return Ok(()),
            Some(lock) => return Err(format!("it was taken over: {}", said(&lock.path))),
            None => {}
        }
        let held = self.path(run).and_then(|path| {
            let held = hold(&path, &self.holder).map_err(|e| format!("{}: {e}", path.display()))?;
            Ok((path, held))
        });
        match held {
            Ok((_, Some(lock))) => {
                self.runs.insert(run.to_owned(), lock);
                Ok(())
            }
            Ok((path, None)) => Err(format!("it is under way in another console: {}", said(&path))),
            Err(why) => {
                tracing::warn!("nobody can tell who has run {run}: {why}");
                Ok(())
            }
        }
    }

    /// As [`Self::check`], by the run's id alone.
    ///
    /// # Errors
    /// Who has it now, or that it is not in our hands.
    pub fn check_run(&mut self, id: &str) -> Result<(), String> {
        let key = self.runs.keys().find(|key| key.split('@').next() == Some(id)).cloned();
        match key {
            Some(key) => self.check(&key),
            None => Err("this run is not in this console's hands".to_owned()),
        }
    }

    /// Takes objects into this console's hands for one change. Of two consoles of this state folder that press their
    /// buttons in the same moment, one is told of the other.
    ///
    /// # Errors
    /// Who is at one of them, and with what.
    pub fn begin(&mut self, change: u64, objects: &BTreeSet<String>, what: &str) -> Result<(), String> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let holder = format!("{}: {what}", self.holder);
        let mut held = Vec::with_capacity(objects.len());
        for object in objects {
            let path = dir.join(format!("object-{}", crate::journal::sha256(object.as_bytes())));
            match hold(&path, &holder) {
                Ok(Some(lock)) => held.push(lock),
                Ok(None) => return Err(format!("another console is at it just now: {}", said(&path))),
                Err(why) => tracing::warn!("nobody can tell who else is at {object}: {why}"),
            }
        }
        self.objects.insert(change, held);
        Ok(())
    }

    /// The change was answered. The files stay: one that is removed while another console opens it locks nothing.
    pub fn answered(&mut self, change: u64) {
        self.objects.remove(&change);
    }

    /// Lets a run go that is over.
    pub fn release(&mut self, run: &str) {
        if let Some(lock) = self.runs.remove(run)
            && lock.is_mine()
        {
            let _ = std::fs::remove_file(&lock.path);
        }
    }

    /// Those of the other sessions whose console lives, on this host.
    pub fn alive(&self, sessions: &BTreeSet<String>) -> BTreeSet<String> {
        let Some(dir) = &self.dir else { return BTreeSet::new() };
        let own = self.session.as_ref().map(|lock| lock.path.clone());
        let lives = |session: &&String| {
            let path = dir.join(format!("session-{}", file_name(session)));
            if own.as_ref() == Some(&path) {
                return false;
            }
            let Ok(file) = File::open(path) else { return false };
            flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
        };
        sessions.iter().filter(lives).cloned().collect()
    }
}

/// What a lock says of its holder.
fn said(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|f| f.take(200).read_to_string(&mut text));
    match read {
        Ok(1..) => crate::text::clean(&text).into_owned(),
        _ => "it does not say whose".to_owned(),
    }
}

/// Removes what nobody holds any more.
fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let old = std::fs::metadata(&path)
            .and_then(|m| m.modified())
            .is_ok_and(|t| SystemTime::now().duration_since(t).is_ok_and(|age| age > OLD));
        let free = || {
            let Ok(file) = File::open(&path) else { return false };
            flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        };
        if old && free() {
            let _ = std::fs::remove_file(&path);
        }
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        if let Some(lock) = self.session.take() {
            let _ = std::fs::remove_file(&lock.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_in_one_consoles_hands_until_it_ends_or_is_taken_over() {
        let state = tempfile::tempdir().unwrap();
        let console = |who: &str, session: &str| Locks::new(Some(state.path().to_owned()), who, session);
        let (mut a, mut b) = (console("k.lind", "s1"), console("m.rossi", "s2"));
        let run = "7f3a@2026-11-21T14:02:00Z";
        a.check(run).unwrap();
        a.take(run, false).unwrap();
        assert!(b.take(run, false).unwrap_err().contains("k.lind"));
        let both: BTreeSet<String> = ["s1", "s2", "gone"].map(str::to_owned).into();
        assert_eq!(b.alive(&both).into_iter().collect::<Vec<_>>(), ["s1"]);

        b.take(run, true).unwrap();
        b.check(run).unwrap();
        let lost = a.check(run).unwrap_err();
        assert!(lost.contains("taken over") && lost.contains("m.rossi"), "{lost}");
        assert!(a.take(run, false).is_err());
        // What is no longer ours is not ours to remove.
        a.release(run);
        b.check(run).unwrap();

        // One object is in one console's hands until its change was answered, and the other is told who has it.
        let object = BTreeSet::from(["s:6443 Deployment cortex/web".to_owned()]);
        a.begin(1, &object, "restart").unwrap();
        let busy = b.begin(1, &object, "scale").unwrap_err();
        assert!(busy.contains("k.lind") && busy.contains("restart"), "{busy}");
        a.answered(1);
        b.begin(2, &object, "scale").unwrap();
        assert!(a.begin(3, &object, "restart").is_err());

        drop(b);
        a.begin(3, &object, "restart").unwrap();
        assert!(a.alive(&both).is_empty());
        a.take(run, false).unwrap();
    }
}
