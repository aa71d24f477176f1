//! The folder itself: what is listed, opened, read and written, with every check that the module's docs promise.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fchmod, fstat, openat, renameat, statat, unlinkat};

/// Entries of the folder that are looked at.
const MOST_ENTRIES: usize = 4096;
/// Files of one person that are looked at, of each sort.
const MOST_EACH: usize = 64;

/// Why the spool cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool folder {} {why}", path.display())]
pub struct SpoolError {
    pub path: PathBuf,
    pub why: String,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Here,
    Ask,
    Answer,
}

impl Sort {
    const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Ask => "ask",
            Self::Answer => "answer",
        }
    }

    /// Bytes that such a file may have.
    const fn most(self) -> usize {
        match self {
            Self::Here => 32 * 1024,
            Self::Ask => 64 * 1024,
            Self::Answer => 8 * 1024,
        }
    }
}

/// `ask.1001.18f2c-1a2b-1`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub sort: Sort,
    pub uid: u32,
    pub id: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.sort.word(), self.uid, self.id)
    }
}

impl Name {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (word, uid, id) = (parts.next()?, parts.next()?, parts.next()?);
        let sort = [Sort::Here, Sort::Ask, Sort::Answer]
            .into_iter()
            .find(|s| s.word() == word)?;
        let name = Self {
            sort,
            uid: uid.parse().ok()?,
            id: id.to_owned(),
        };
        // One spelling for each: `01001` is nobody.
        (fits(id) && parts.next().is_none() && name.to_string() == text).then_some(name)
    }
}

/// Whether a text may be the last part of a name.
fn fits(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Tells whether a file is still the one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: i64,
    pub modified: Timestamp,
}

pub(super) struct Listing {
    pub names: Vec<Name>,
    pub trouble: Option<String>,
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    fd: OwnedFd,
    device: u64,
    /// Mode of the files that are written.
    mode: Mode,
}

impl Folder {
    pub fn open(path: &Path) -> Result<Self, SpoolError> {
        let wrong = |why: String| SpoolError {
            path: path.to_owned(),
            why,
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|e| {
            wrong(format!(
                "cannot be opened: {e}. Who looks after this machine makes it (mode 3770, group of the operators)"
            ))
        })?;
        let stat = fstat(&fd).map_err(|e| wrong(format!("cannot be looked at: {e}")))?;
        let mode = stat.st_mode & 0o7777;
        let me = rustix::process::getuid().as_raw();
        if stat.st_uid != 0 && stat.st_uid != me {
            return Err(wrong(format!(
                "belongs to uid {}, expected root: its owner could remove what others wrote",
                stat.st_uid
            )));
        }
        if mode & 0o002 != 0 {
            return Err(wrong(format!(
                "has mode {mode:o}: everybody may write into it, expected 3770"
            )));
        }
        if mode & 0o020 != 0 && mode & 0o1000 == 0 {
            return Err(wrong(format!(
                "has mode {mode:o}: members may remove each other's files, expected 3770 (the 1 keeps them apart)"
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            device: stat.st_dev,
            // Where files do not inherit the group, only the folder keeps others out.
            mode: Mode::from_raw_mode(if mode & 0o2000 != 0 { 0o640 } else { 0o644 }),
            fd,
        })
    }

    fn error(&self, why: impl std::fmt::Display) -> SpoolError {
        SpoolError {
            path: self.path.clone(),
            why: why.to_string(),
        }
    }

    /// What lies there by name, in the order of the names.
    pub fn names(&self) -> Result<Listing, SpoolError> {
        let dir = Dir::read_from(&self.fd).map_err(|e| self.error(format!("cannot be listed: {e}")))?;
        let mut each: BTreeMap<(Sort, u32), usize> = BTreeMap::new();
        let (mut names, mut trouble) = (Vec::new(), None);
        for (n, entry) in dir.enumerate() {
            if n >= MOST_ENTRIES {
                trouble = Some(
                    self.error(format!(
                        "holds more than {MOST_ENTRIES} files, and not all were looked at: clean it up"
                    ))
                    .to_string(),
                );
                break;
            }
            let entry = entry.map_err(|e| self.error(format!("cannot be listed: {e}")))?;
            let Some(name) = entry.file_name().to_str().ok().and_then(Name::parse) else {
                continue;
            };
            // A name that speaks for another person must not use up that person's room.
            if self.stat(&name).is_none() {
                continue;
            }
            let count = each.entry((name.sort, name.uid)).or_default();
            *count += 1;
            if *count <= MOST_EACH {
                names.push(name);
            }
        }
        names.sort();
        Ok(Listing { names, trouble })
    }

    fn stat(&self, name: &Name) -> Option<Stat> {
        let stat = statat(&self.fd, name.to_string(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        self.is_good(name, &stat).then_some(stat)
    }

    /// Whether a file is what its name says, and cannot have been written by anybody but its owner.
    fn is_good(&self, name: &Name, stat: &Stat) -> bool {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == name.uid
            && stat.st_nlink == 1
            && stat.st_dev == self.device
            && stat.st_mode & 0o022 == 0
            && (0..=name.sort.most() as i64).contains(&stat.st_size)
    }

    pub fn stamp(&self, name: &Name) -> Option<Stamp> {
        let stat = self.stat(name)?;
        let modified = Timestamp::new(stat.st_mtime, i32::try_from(stat.st_mtime_nsec).ok()?).ok()?;
        Some(Stamp {
            inode: stat.st_ino,
            size: stat.st_size,
            modified,
        })
    }

    /// The whole file, if it can be believed.
    pub fn read(&self, name: &Name) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name.to_string(), flags, Mode::empty()).ok()?;
        // Of the opened file: what was looked at before may be another one by now.
        if !self.is_good(name, &fstat(&fd).ok()?) {
            return None;
        }
        let mut bytes = Vec::new();
        let most = name.sort.most();
        File::from(fd).take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() <= most).then_some(bytes)
    }

    /// Puts a file in place, whole.
    pub fn write(&self, name: &Name, bytes: &[u8]) -> Result<(), SpoolError> {
        if bytes.len() > name.sort.most() {
            return Err(self.error(format!(
                "takes {} bytes of such a file at most, and this is {}",
                name.sort.most(),
                bytes.len()
            )));
        }
        if !fits(&name.id) {
            return Err(self.error(format!("takes no name like {name}")));
        }
        let (draft, mut file) = self.create(name)?;
        let written = fchmod(&file, self.mode)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| Ok(renameat(&self.fd, &draft, &self.fd, name.to_string())?));
        written.map_err(|e| {
            let _ = unlinkat(&self.fd, &draft, AtFlags::empty());
            self.error(format!("does not take {name}: {e}"))
        })
    }

    fn create(&self, name: &Name) -> Result<(String, File), SpoolError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut last = None;
        // Somebody may have taken the name on purpose.
        for _ in 0..8 {
            let draft = format!(".{name}.{:016x}", fastrand::u64(..));
            match openat(&self.fd, &draft, flags, Mode::RUSR | Mode::WUSR) {
                Ok(fd) => return Ok((draft, File::from(fd))),
                Err(e) => last = Some(e),
            }
        }
        let why = last.map_or_else(String::new, |e| e.to_string());
        Err(self.error(format!("does not take {name}: {why}")))
    }

    pub fn remove(&self, name: &Name) {
        let _ = unlinkat(&self.fd, name.to_string(), AtFlags::empty());
    }
}
