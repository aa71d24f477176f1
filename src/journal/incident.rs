//! Incidents, rebuilt from the record alone: whoever reads the same files sees the same incidents.
//!
//! Each change of an incident is a record of kind `incident`; [`Event`] is what it says, and the only place that knows
//! how that is written. What was done meanwhile is not written twice: those records carry the incident's id.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::level::Level;
use super::record::{Entry, Record, RecordKind};

/// How far one is. Mitigated is `Monitoring`: nobody hurts any more, but it is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Investigating,
    Identified,
    Monitoring,
    Resolved,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }
}

/// A sentence of an incident that is filled in as it becomes known, and that messages to others are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    Title,
    Impact,
    Cause,
    Mitigation,
    Eta,
    Resolution,
    FollowUp,
}

impl Fact {
    pub const ALL: [Self; 7] = [
        Self::Title,
        Self::Impact,
        Self::Cause,
        Self::Mitigation,
        Self::Eta,
        Self::Resolution,
        Self::FollowUp,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Impact => "impact",
            Self::Cause => "cause",
            Self::Mitigation => "mitigation",
            Self::Eta => "ETA",
            Self::Resolution => "resolution",
            Self::FollowUp => "follow-up",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.word() == word)
    }
}

/// What a record of kind `incident` says happened. Its own words are the record's `reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Opened {
        level: Level,
        /// What is affected, as others know it.
        service: String,
        context: String,
        started: Timestamp,
    },
    Severity {
        level: Level,
    },
    Status {
        status: Status,
    },
    Fact {
        fact: Fact,
    },
    /// Somebody is asked to command; nothing changes until they say so.
    Offered {
        to: String,
    },
    /// Whoever writes it commands from now on.
    Took,
    Note,
    Decision,
    Todo {
        n: u32,
    },
    Done {
        n: u32,
    },
    /// Others were told.
    Sent {
        status: Status,
    },
    /// A signal began; its line is the record's text.
    Raised {
        signal: String,
    },
    Cleared {
        signal: String,
    },
    Closed,
    Reopened,
}

impl Event {
    /// The record of it.
    pub fn entry(&self, incident: &str, text: &str) -> Entry {
        let data = serde_json::to_value(self).unwrap_or_default();
        let what = data.get("event").and_then(Value::as_str).unwrap_or_default();
        let mut entry = Entry::new(RecordKind::Incident, what);
        incident.clone_into(&mut entry.incident);
        text.clone_into(&mut entry.reason);
        entry.data = data;
        entry
    }

    /// What a record says; `None` when it is of another kind, or of a later version of this format.
    pub fn of(record: &Record) -> Option<Self> {
        if record.entry.kind != RecordKind::Incident {
            return None;
        }
        serde_json::from_value(record.entry.data.clone()).ok()
    }
}

/// Something that somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    pub n: u32,
    pub said: Said,
    pub done: Option<(Timestamp, String)>,
}

/// A message to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Timestamp,
    pub by: String,
    pub status: Status,
    pub subject: String,
}

/// A signal that was seen while it was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalSeen {
    pub line: String,
    pub raised: Timestamp,
    pub cleared: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: String,
    pub level: Level,
    pub service: String,
    pub context: String,
    /// When the trouble began, as far as is known; not when somebody opened this.
    pub started: Timestamp,
    pub opened: Timestamp,
    pub status: Status,
    pub facts: BTreeMap<Fact, String>,
    pub commander: String,
    /// Asked to command, and by whom.
    pub offered: Option<(String, String)>,
    pub notes: Vec<Said>,
    pub decisions: Vec<Said>,
    pub todos: Vec<Todo>,
    pub sent: Vec<Sent>,
    /// When others must hear of it next; `None` once they heard that it is resolved.
    pub next_update: Option<Timestamp>,
    pub signals: BTreeMap<String, SignalSeen>,
    /// When, by whom, in what words.
    pub closed: Option<Said>,
}

fn minutes_after(at: Timestamp, minutes: u32) -> Timestamp {
    at.checked_add(SignedDuration::from_mins(i64::from(minutes)))
        .unwrap_or(at)
}

impl Incident {
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    pub fn fact(&self, fact: Fact) -> &str {
        self.facts.get(&fact).map_or("", String::as_str)
    }

    pub fn title(&self) -> &str {
        self.fact(Fact::Title)
    }

    /// When it ended, if it did.
    pub fn ended(&self) -> Option<Timestamp> {
        self.closed.as_ref().map(|c| c.at)
    }

    /// How long until the next update; below zero it is overdue.
    pub fn update_in(&self, now: Timestamp) -> Option<SignedDuration> {
        self.next_update.map(|at| at.duration_since(now))
    }

    pub fn open_todos(&self) -> usize {
        self.todos.iter().filter(|t| t.done.is_none()).count()
    }

    /// The number that the next thing to do gets.
    pub fn next_todo(&self) -> u32 {
        self.todos.iter().map(|t| t.n).max().unwrap_or(0) + 1
    }

    fn due(&mut self) {
        self.next_update = match self.sent.last() {
            _ if self.closed.is_some() => None,
            Some(sent) if sent.status == Status::Resolved => None,
            Some(sent) => Some(minutes_after(sent.at, self.level.every_minutes)),
            None => Some(minutes_after(self.opened, self.level.first_minutes)),
        };
    }

    fn take(&mut self, event: Event, record: &Record) {
        let (at, by, text) = (record.ts, record.actor.person().to_owned(), record.entry.reason.clone());
        let said = Said {
            at,
            by: by.clone(),
            text: text.clone(),
        };
        match event {
            // The second record of the same opening says nothing new.
            Event::Opened { .. } => {}
            Event::Severity { level } => self.level = level,
            Event::Status { status } => self.status = status,
            Event::Fact { fact } => {
                self.facts.insert(fact, text);
            }
            Event::Offered { to } => self.offered = Some((to, by)),
            Event::Took => {
                self.commander = by;
                self.offered = None;
            }
            Event::Note => self.notes.push(said),
            Event::Decision => self.decisions.push(said),
            Event::Todo { n } => self.todos.push(Todo { n, said, done: None }),
            Event::Done { n } => {
                // Two consoles may have given the same number; each is done once.
                let open = self.todos.iter_mut().find(|t| t.n == n && t.done.is_none());
                if let Some(todo) = open {
                    todo.done = Some((at, by));
                }
            }
            Event::Sent { status } => {
                self.status = status;
                self.sent.push(Sent {
                    at,
                    by,
                    status,
                    subject: text,
                });
            }
            Event::Raised { signal } => {
                let seen = SignalSeen {
                    line: text,
                    raised: at,
                    cleared: None,
                };
                let known = self.signals.entry(signal).or_insert_with(|| seen.clone());
                if known.cleared.is_some() {
                    *known = seen;
                }
            }
            Event::Cleared { signal } => {
                if let Some(seen) = self.signals.get_mut(&signal) {
                    seen.cleared.get_or_insert(at);
                }
            }
            Event::Closed => {
                self.closed.get_or_insert(said);
            }
            Event::Reopened => self.closed = None,
        }
        self.due();
    }
}

/// All incidents on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    all: BTreeMap<String, Incident>,
}

impl Incidents {
    /// Of all records, in the order of their time.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut incidents = Self::default();
        for record in records {
            incidents.take(record);
        }
        incidents
    }

    /// Takes one more record; says whether it was about an incident.
    pub fn take(&mut self, record: &Record) -> bool {
        let Some(event) = Event::of(record) else { return false };
        let id = &record.entry.incident;
        if let Some(incident) = self.all.get_mut(id) {
            incident.take(event, record);
            return true;
        }
        let Event::Opened {
            level,
            service,
            context,
            started,
        } = event
        else {
            return false;
        };
        let mut incident = Incident {
            id: id.clone(),
            level,
            service,
            context,
            started,
            opened: record.ts,
            status: Status::default(),
            facts: BTreeMap::from([(Fact::Title, record.entry.reason.clone())]),
            commander: record.actor.person().to_owned(),
            offered: None,
            notes: Vec::new(),
            decisions: Vec::new(),
            todos: Vec::new(),
            sent: Vec::new(),
            next_update: None,
            signals: BTreeMap::new(),
            closed: None,
        };
        incident.due();
        self.all.insert(id.clone(), incident);
        true
    }

    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.all.get(id)
    }

    /// Newest first.
    pub fn newest(&self) -> Vec<&Incident> {
        let mut all: Vec<&Incident> = self.all.values().collect();
        all.sort_by_key(|i| (std::cmp::Reverse(i.opened), &i.id));
        all
    }

    /// The newest open one of a context; one that was opened without a cluster belongs to all.
    pub fn open_in(&self, context: Option<&str>) -> Option<&Incident> {
        self.newest()
            .into_iter()
            .find(|i| i.is_open() && (i.context.is_empty() || context.is_none_or(|c| c == i.context)))
    }
}
