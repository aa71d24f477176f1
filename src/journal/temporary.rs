//! The ledger of changes that must not stay: a raised minimum, a paused rollout, a silence. Rebuilt from the record alone.
//!
//! It is opened by the change itself: the intent says in its `data` that it is temporary ([`Mark`]), and from its result
//! on it stands in the ledger. So a console that dies in between loses nothing: an intent without a result stands there as
//! uncertain.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{Entry, Record, RecordKind, Target};

/// A change that was sent has its result on record within this time, or nobody knows what became of it.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// The key of [`Mark`] in an intent's `data`.
pub const MARK: &str = "temporary";
/// The key of [`Took`] in a result's `data`.
pub const TOOK: &str = "took";

/// What an intent says of the state that it leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What kind of state: changes of one family of one target follow on each other.
    pub family: String,
    /// What is so now: `rollout paused`.
    pub words: String,
    /// The state as it was, and as it becomes.
    pub was: String,
    pub becomes: String,
    /// Whether it opens an entry where there is none; what only takes back does not.
    pub opens: bool,
    /// Minutes until it should be taken back.
    #[serde(default)]
    pub minutes: u32,
    /// It ends by itself at that time.
    #[serde(default)]
    pub ends: bool,
    /// The request that takes it back.
    #[serde(default)]
    pub undo: Value,
    /// In words.
    #[serde(default)]
    pub undo_words: String,
}

/// Whether a change that was sent took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Took {
    Yes,
    No,
    Unknown,
}

impl Took {
    /// What a result says, or a person who looked.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let data = &record.entry.data;
        let said = data.get("happened").and_then(Value::as_bool);
        let said = said.map(|happened| if happened { Self::Yes } else { Self::No });
        said.or_else(|| serde_json::from_value(data.get(TOOK)?.clone()).ok())
    }
}

/// How an entry of the ledger ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The undo was applied.
    Restored,
    /// The live state is what it was: somebody else did it, or it ended by itself.
    Back,
    /// Somebody decided that it stays.
    Stays,
}

impl End {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Restored => "taken back",
            Self::Back => "is as it was again",
            Self::Stays => "stays",
        }
    }
}

/// What a record of kind `temporary` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Closed { key: String, end: End },
    Extended { key: String, until: Timestamp },
}

impl Event {
    /// The record of it, about the entry that it closes or extends.
    pub fn entry(&self, of: &Temporary, reason: &str) -> Entry {
        let data = serde_json::to_value(self).unwrap_or_default();
        let what = data.get("event").and_then(Value::as_str).unwrap_or_default();
        let mut entry = Entry::new(RecordKind::Temporary, what);
        entry.target = Some(of.target.clone());
        entry.outcome.clone_from(&of.words);
        entry.incident.clone_from(&of.incident);
        reason.clone_into(&mut entry.reason);
        entry.data = data;
        entry
    }
}

/// One change that must not stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Temporary {
    pub key: String,
    pub family: String,
    pub words: String,
    pub target: Target,
    /// The state before the first of its changes.
    pub was: String,
    pub is: String,
    pub undo: Value,
    pub undo_words: String,
    pub since: Timestamp,
    pub until: Timestamp,
    pub ends: bool,
    pub by: String,
    pub reason: String,
    pub incident: String,
    /// Its result is on record; without one it may or may not be so.
    pub certain: bool,
}

impl Temporary {
    /// How late it is; below zero there is time.
    pub fn overdue(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.until)
    }
}

/// An entry that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub was: Temporary,
    pub at: Timestamp,
    pub by: String,
    pub end: End,
    pub reason: String,
}

/// A change that was sent, waiting for its result.
#[derive(Clone, Debug, PartialEq)]
struct Pending {
    mark: Mark,
    entry: Entry,
    hash: String,
    at: Timestamp,
    by: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    open: BTreeMap<String, Temporary>,
    pub ended: Vec<Ended>,
    /// By host, session and number of the intent.
    pending: HashMap<(String, String, u64), Pending>,
}

impl Pending {
    /// One state of one target has one entry.
    fn key(&self) -> Option<String> {
        let t = self.entry.target.as_ref()?;
        Some(format!("{} {} {}/{}", self.mark.family, t.context, t.namespace, t.name))
    }

    fn temporary(&self, certain: bool) -> Option<Temporary> {
        let mark = &self.mark;
        let until = self.at.checked_add(SignedDuration::from_mins(i64::from(mark.minutes)));
        Some(Temporary {
            key: self.key()?,
            family: mark.family.clone(),
            words: mark.words.clone(),
            target: self.entry.target.clone()?,
            was: mark.was.clone(),
            is: mark.becomes.clone(),
            undo: mark.undo.clone(),
            undo_words: mark.undo_words.clone(),
            since: self.at,
            until: until.unwrap_or(self.at),
            ends: mark.ends,
            by: self.by.clone(),
            reason: self.entry.reason.clone(),
            incident: self.entry.incident.clone(),
            certain,
        })
    }
}

impl Ledger {
    /// Of all records, in the order of their time.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut ledger = Self::default();
        for record in records {
            ledger.take(record);
        }
        ledger
    }

    /// Takes one more record.
    pub fn take(&mut self, record: &Record) {
        let id = |seq: u64| (record.host.clone(), record.session.clone(), seq);
        match record.entry.kind {
            RecordKind::Intent => {
                let mark = record.entry.data.get(MARK).cloned();
                let Some(mark) = mark.and_then(|m| serde_json::from_value(m).ok()) else {
                    return;
                };
                let pending = Pending {
                    mark,
                    entry: record.entry.clone(),
                    hash: record.hash.clone(),
                    at: record.ts,
                    by: record.actor.person().to_owned(),
                };
                self.pending.insert(id(record.seq), pending);
            }
            RecordKind::Result | RecordKind::Override => {
                let Some(pending) = self.answered(record).and_then(|id| self.pending.remove(&id)) else {
                    return;
                };
                match Took::of(record) {
                    Some(Took::Yes) => self.apply(&pending, true),
                    Some(Took::No) => {}
                    Some(Took::Unknown) | None => self.apply(&pending, false),
                }
            }
            RecordKind::Temporary => {
                let Ok(event) = serde_json::from_value::<Event>(record.entry.data.clone()) else {
                    return;
                };
                match event {
                    Event::Closed { key, end } => {
                        let by = record.actor.person();
                        self.pending.retain(|_, p| p.key().as_ref() != Some(&key));
                        self.end(&key, end, record.ts, by, &record.entry.reason);
                    }
                    Event::Extended { key, until } => {
                        if let Some(open) = self.open.get_mut(&key) {
                            open.until = until;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Which pending change a result is of: by its hash, which holds across days, else by its number.
    fn answered(&self, record: &Record) -> Option<(String, String, u64)> {
        let hash = record.entry.data.get("intent").and_then(Value::as_str);
        let by_hash = hash.and_then(|hash| self.pending.iter().find(|(_, p)| p.hash == hash));
        by_hash.map(|(id, _)| id.clone()).or_else(|| {
            let seq = record.entry.refers?;
            Some((record.host.clone(), record.session.clone(), seq))
        })
    }

    fn end(&mut self, key: &str, end: End, at: Timestamp, by: &str, reason: &str) {
        if let Some(was) = self.open.remove(key) {
            self.ended.push(Ended {
                was,
                at,
                by: by.to_owned(),
                end,
                reason: reason.to_owned(),
            });
        }
    }

    fn apply(&mut self, p: &Pending, certain: bool) {
        let (mark, Some(key)) = (&p.mark, p.key()) else { return };
        if let Some(open) = self.open.get_mut(&key) {
            if certain && open.was == mark.becomes {
                self.end(&key, End::Restored, p.at, &p.by, &p.entry.reason);
                return;
            }
            // The state to go back to is still the first one; only what must be found there is new.
            if certain && mark.opens {
                renew(&mut open.undo, &mark.undo);
                open.is.clone_from(&mark.becomes);
                open.words = mark.words.replacen(&mark.was, &open.was, 1);
                open.certain = true;
            }
            return;
        }
        if let Some(entry) = p.temporary(certain).filter(|_| mark.opens) {
            self.open.insert(key, entry);
        }
    }

    /// What is open at `now`: what should be taken back soonest comes first. What ended by itself is left out.
    /// A change whose result is not on record after a while stands there as uncertain.
    pub fn open(&self, now: Timestamp) -> Vec<Temporary> {
        let mut open: Vec<Temporary> = self.open.values().cloned().collect();
        for pending in self.pending.values() {
            let known = |key: &String| open.iter().any(|t| t.key == *key);
            let late = now.duration_since(pending.at) > ANSWERED_WITHIN;
            if late && pending.mark.opens && pending.key().is_some_and(|k| !known(&k)) {
                open.extend(pending.temporary(false));
            }
        }
        open.retain(|t| !(t.ends && t.until <= now));
        open.sort_by(|a, b| (a.until, &a.key).cmp(&(b.until, &b.key)));
        open
    }
}

/// Puts what the newer request expects to find (`seen`, `seen_min` …) into the older one.
fn renew(undo: &mut Value, newer: &Value) {
    let (Some(undo), Some(newer)) = (undo.as_object_mut(), newer.as_object()) else {
        return;
    };
    for (name, value) in newer {
        let Some(old) = undo.get_mut(name) else { continue };
        if name.starts_with("seen") {
            old.clone_from(value);
        } else {
            renew(old, value);
        }
    }
}
