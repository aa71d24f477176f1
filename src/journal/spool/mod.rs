//! The spool: a folder on the bastion through which the consoles of several people speak with each other. A second
//! person approves a plan here, and observers see where an operator is.
//!
//! # The folder
//!
//! ```text
//! drwxrws--T root quarterdeck  /var/spool/quarterdeck        mode 3770: group members write, nobody removes another's
//! -rw-r----- kim  quarterdeck  here.1001.18f2c-1a2b          a console that is open: presence, where it looks
//! -rw-r----- kim  quarterdeck  ask.1001.18f2c-1a2b-1         a plan that waits for a second person
//! -rw-r----- ada  quarterdeck  answer.1002.18f2c-1a2b-1      what that person said
//! ```
//!
//! One JSON document a file, written under another name and renamed, so that nobody reads half of one.
//!
//! # What is believed
//!
//! Only what the kernel says: who wrote a file is the owner that `fstat` gives for the opened file, and it must be the
//! uid in the file's name. What the text claims (a name, a host) is shown as a claim. Members of the group may be
//! hostile, so:
//!
//! - a file counts only when it is a regular file with one link, on the folder's own file system, not writable by group
//!   or others, and small. Nothing is followed (`O_NOFOLLOW`) and nothing waits (`O_NONBLOCK`): a symlink, a FIFO, a
//!   device, a huge file, a link to somebody's other file are passed over;
//! - of each person only so many files are looked at, and of the folder only so many entries;
//! - a file is created anew (`O_EXCL`) and renamed within the opened folder: no link can lead a write elsewhere;
//! - text is parsed strictly (unknown fields are refused) and stripped of control bytes;
//! - root's answers never count: whoever may become root would be their own second person.
//!
//! What this cannot stop: root, and an operator who does not use the console at all. The second person is a rule of the
//! house with a record, not a wall; the wall is the cluster's RBAC.

mod approval;
mod folder;
mod message;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::person::people;
pub use approval::{Approval, Objection, judge};
pub use folder::SpoolError;
use folder::{Folder, Name, Sort};
pub use message::{
    Answer, Ask, Looks, ObjectSeen, Opened, PlanSeen, Presence, Role, RunSeen, Seat, StepMark, StepSeen,
};

/// A presence that was not renewed for so long is that of a console that is gone.
pub const GONE_AFTER: SignedDuration = SignedDuration::from_secs(120);
/// How often a presence is renewed although nothing changed.
pub const RENEW_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long a second person has to answer.
pub const ASK_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// Our own answers stay so long after they were given: the other console may be slow to look.
const ANSWER_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// A person, as the owner of a file. [`std::fmt::Display`]: `kim (uid 1001)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    pub uid: u32,
    /// The name that this machine's `/etc/passwd` has for the uid, else what the file says.
    pub name: String,
    /// The name is the machine's, not only claimed.
    pub known: bool,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.known, self.name.is_empty()) {
            (true, _) => write!(f, "{} (uid {})", self.name, self.uid),
            (false, true) => write!(f, "uid {}", self.uid),
            (false, false) => write!(f, "uid {} (says: {})", self.uid, self.name),
        }
    }
}

/// Who this console is to the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    pub person: Person,
    /// The user that logged in, whoever `sudo` made of them since; where the kernel keeps it.
    pub login: Option<u32>,
    /// This run of the program: part of the names of its files.
    pub session: String,
}

/// Something that was found in the spool and passed every check. Only the spool makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen<T> {
    by: Person,
    id: String,
    what: T,
    digest: String,
}

impl<T> Seen<T> {
    /// The owner of the file.
    pub const fn by(&self) -> &Person {
        &self.by
    }

    /// The last part of the file's name: a session, or the id of what is asked.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub const fn what(&self) -> &T {
        &self.what
    }

    /// As if it had been found in a spool.
    #[cfg(test)]
    pub(crate) fn for_test(uid: u32, id: String, what: T, digest: String) -> Self {
        let by = Person {
            uid,
            name: format!("u{uid}"),
            known: true,
        };
        Self { by, id, what, digest }
    }

    /// SHA-256 of the file's bytes, as hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// What lies in the spool. Two looks that find the same are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    pub me: Me,
    /// Open consoles of everybody, ours too.
    pub present: Vec<Seen<Presence>>,
    /// What waits for a second person, oldest first; ours too.
    pub asks: Vec<Seen<Ask>>,
    pub answers: Vec<Seen<Answer>>,
    /// Why the spool cannot be used, or not wholly.
    pub trouble: Option<String>,
}

impl News {
    /// The spool could not be opened: there is nobody, and this is why.
    pub const fn unusable(me: Me, why: String) -> Self {
        Self {
            me,
            present: Vec::new(),
            asks: Vec::new(),
            answers: Vec::new(),
            trouble: Some(why),
        }
    }
}

/// An opened spool.
#[derive(Debug)]
pub struct Spool {
    folder: Folder,
    me: Me,
    people: BTreeMap<u32, String>,
    cache: BTreeMap<String, Cached>,
}

/// A file as it was when it was read, so that it is read again only when it changed.
#[derive(Debug)]
struct Cached {
    stamp: folder::Stamp,
    found: Option<Found>,
}

#[derive(Clone, Debug)]
enum Found {
    Here(Seen<Presence>),
    Ask(Seen<Ask>),
    Answer(Seen<Answer>),
}

impl Spool {
    /// Opens the folder and checks that it is fit for the purpose. What an earlier console of ours left behind goes.
    ///
    /// # Errors
    /// When it is no folder, when anybody could write into it, or when members could remove each other's files.
    pub fn open(path: &Path, session: &str) -> Result<Self, SpoolError> {
        let folder = Folder::open(path)?;
        let spool = Self {
            me: me(session),
            people: people(),
            folder,
            cache: BTreeMap::new(),
        };
        Ok(spool)
    }

    pub const fn me(&self) -> &Me {
        &self.me
    }

    /// Writes down that this console is open, and where it looks.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn show(&self, presence: &Presence) -> Result<(), SpoolError> {
        let name = self.name(Sort::Here, &self.me.session);
        self.folder.write(&name, &message::bytes(presence))
    }

    /// Asks for a second person.
    ///
    /// # Errors
    /// When the file cannot be written: a full disk, a missing right, a name that somebody else took.
    pub fn ask(&self, ask: &Ask) -> Result<(), SpoolError> {
        self.folder.write(&self.name(Sort::Ask, &ask.id), &message::bytes(ask))
    }

    /// Takes back what was asked.
    pub fn withdraw(&self, id: &str) {
        self.folder.remove(&self.name(Sort::Ask, id));
    }

    /// Answers what somebody else asked.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn answer(&self, answer: &Answer) -> Result<(), SpoolError> {
        let name = self.name(Sort::Answer, &answer.ask);
        self.folder.write(&name, &message::bytes(answer))
    }

    /// This console closes: its presence and what it asked for go. Its answers stay, others may still read them.
    pub fn leave(&self) {
        let Ok(found) = self.folder.names() else { return };
        for name in found.names.iter().filter(|n| n.uid == self.me.person.uid) {
            let ours = match name.sort {
                Sort::Here => name.id == self.me.session,
                Sort::Ask => message::session_of(&name.id) == self.me.session,
                Sort::Answer => false,
            };
            if ours {
                self.folder.remove(name);
            }
        }
    }

    /// Everything that lies there and can be believed. Old files of ours are removed on the way.
    pub fn look(&mut self, now: Timestamp) -> News {
        let listing = match self.folder.names() {
            Ok(listing) => listing,
            Err(why) => return News::unusable(self.me.clone(), why.to_string()),
        };
        let mut news = News {
            trouble: listing.trouble,
            ..News::unusable(self.me.clone(), String::new())
        };
        let mut kept = BTreeMap::new();
        for name in &listing.names {
            let text = name.to_string();
            let Some(stamp) = self.folder.stamp(name) else { continue };
            let age = now.duration_since(stamp.modified);
            if self.is_over(name, age) {
                self.folder.remove(name);
                continue;
            }
            let cached = match self.cache.remove(&text) {
                Some(old) if old.stamp == stamp => old,
                _ => Cached {
                    found: self.read(name),
                    stamp,
                },
            };
            match &cached.found {
                Some(Found::Here(here)) if age <= GONE_AFTER => news.present.push(here.clone()),
                // A clock of the future does not make a question live longer.
                Some(Found::Ask(ask)) if age <= ASK_LIFE && now <= ask.what.expires => news.asks.push(ask.clone()),
                Some(Found::Answer(answer)) => news.answers.push(answer.clone()),
                _ => {}
            }
            kept.insert(text, cached);
        }
        self.cache = kept;
        news.present
            .sort_by(|a, b| (a.what.since, &a.by, &a.id).cmp(&(b.what.since, &b.by, &b.id)));
        news.asks
            .sort_by(|a, b| (a.what.at, &a.by, &a.id).cmp(&(b.what.at, &b.by, &b.id)));
        news
    }

    /// Of our own files, what nobody needs any more.
    fn is_over(&self, name: &Name, age: SignedDuration) -> bool {
        let life = match name.sort {
            Sort::Here => GONE_AFTER,
            Sort::Ask => ASK_LIFE,
            Sort::Answer => ANSWER_LIFE,
        };
        name.uid == self.me.person.uid && age > life
    }

    fn read(&self, name: &Name) -> Option<Found> {
        let bytes = self.folder.read(name)?;
        let digest = super::sha256(&bytes);
        let found = match name.sort {
            Sort::Here => {
                let what: Presence = message::parse(&bytes)?;
                let by = self.person(name.uid, &what.name);
                (what.session == name.id).then(|| Found::Here(seen(by, name, what, digest)))
            }
            Sort::Ask => {
                let what: Ask = message::parse(&bytes)?;
                let by = self.person(name.uid, &what.name);
                (what.id == name.id).then(|| Found::Ask(seen(by, name, what, digest)))
            }
            Sort::Answer => {
                let what: Answer = message::parse(&bytes)?;
                let by = self.person(name.uid, &what.name);
                (what.ask == name.id).then(|| Found::Answer(seen(by, name, what, digest)))
            }
        };
        if found.is_none() {
            tracing::warn!("spool: {name} says something else than its name");
        }
        found
    }

    fn name(&self, sort: Sort, id: &str) -> Name {
        Name {
            sort,
            uid: self.me.person.uid,
            id: id.to_owned(),
        }
    }

    fn person(&self, uid: u32, claimed: &str) -> Person {
        person(&self.people, uid, claimed)
    }
}

fn seen<T>(by: Person, name: &Name, what: T, digest: String) -> Seen<T> {
    Seen {
        by,
        id: name.id.clone(),
        what,
        digest,
    }
}

fn person(people: &BTreeMap<u32, String>, uid: u32, claimed: &str) -> Person {
    let known = people.get(&uid);
    Person {
        uid,
        name: known.cloned().unwrap_or_else(|| claimed.to_owned()),
        known: known.is_some(),
    }
}

/// Who this process is. `session` must be fit for a file's name.
pub fn me(session: &str) -> Me {
    let uid = rustix::process::getuid().as_raw();
    // All ones: the kernel knows of no login.
    let login = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|uid| *uid != u32::MAX);
    Me {
        person: person(&people(), uid, &crate::text::clean(&crate::journal::login_name())),
        login,
        session: session.to_owned(),
    }
}
