//! What the record alone says is unfinished: runs of runbooks that did not end, and changes of which nobody knows
//! whether they happened.
//!
//! A pure fold over records, of any number of files, days, hosts and people, in whatever order they come: what a record
//! says stays true when an earlier one is read after it. It never says that something is done which the record does not
//! say is done, and never forgets an intent.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::record::{Record, RecordKind, RunbookRef, Target};

/// What the records say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    runs: BTreeMap<String, RunLeft>,
    /// By the hash of the record.
    intents: BTreeMap<String, Intent>,
    /// By the hash of the intent that it answers.
    answers: BTreeMap<String, Answer>,
    /// The last verdict on a plan, by the plan's hash.
    verdicts: BTreeMap<String, (Timestamp, String)>,
    /// How many requests a confirmed plan had, by its hash.
    steps: BTreeMap<String, u64>,
    /// Why the first of its requests that was not sent was not, by the plan's hash.
    unsent: BTreeMap<String, (Timestamp, String)>,
}

/// A run as its last record leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunLeft {
    /// Tells it from every other run: its id, and when it was started.
    pub key: String,
    pub book: RunbookRef,
    pub title: String,
    /// What it is about.
    pub subject: String,
    pub context: String,
    pub server: String,
    /// The current step from 1, of how many, and its title.
    pub at: u64,
    pub of: u64,
    pub step: String,
    pub started: String,
    /// Who wrote the last record, where, and in which run of the program.
    pub who: String,
    pub host: String,
    pub pid: u32,
    pub session: String,
    pub last: Timestamp,
    /// The last record's word: `passed`, `confirmed`, `aborted` …
    pub what: String,
    pub over: bool,
    /// Somebody did something in it, or it went on by itself after it was begun. What is not touched was looked at and no
    /// more: nothing is left to do for it.
    pub touched: bool,
    /// Whose it is now, where it was handed over.
    pub to: Option<String>,
    /// Its console let it go, and lives on elsewhere.
    pub released: bool,
    /// The change that was confirmed and whose end the run has not seen.
    pub change: Option<Change>,
    /// What it takes to go on; null when the record could not hold it.
    pub saved: Value,
    /// Notes with the id of the step under which each was written.
    pub notes: Vec<(String, String)>,
    order: (Timestamp, u64),
}

/// A change that a run had confirmed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The plan's hash.
    pub plan: String,
    pub title: String,
    /// How to take it back, as the plan said; null when nothing does.
    pub undo: Value,
}

/// A change that was about to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub hash: String,
    pub seq: u64,
    pub at: Timestamp,
    pub who: String,
    pub host: String,
    pub session: String,
    /// The action's name.
    pub what: String,
    pub target: Option<Target>,
    pub before: Value,
    pub after: Value,
    pub reason: String,
    pub plan: String,
    pub run: Option<RunbookRef>,
    pub method: String,
    pub path: String,
}

/// What is on record of an intent's fate.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    /// The pipeline's own result.
    Result { at: Timestamp, outcome: String },
    /// A person looked, and says.
    Said {
        at: Timestamp,
        happened: bool,
        who: String,
        why: String,
    },
}

/// What became of a plan that was confirmed.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// There is no intent: nothing was sent.
    NotSent,
    /// It may have happened or not: an intent has no answer, or the answer itself is that nobody knows.
    Unknown(String),
    Ended {
        /// At least one request changed something.
        applied: bool,
        /// Every request was sent and did as wished.
        whole: bool,
        outcome: String,
        /// What the verification said last; none when nobody watched to the end.
        verdict: Option<String>,
    },
}

impl Replay {
    /// The fold over all of them.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut replay = Self::default();
        for record in records {
            replay.take(record);
        }
        replay
    }

    /// Takes in one record. Taking it in twice changes nothing.
    pub fn take(&mut self, record: &Record) {
        let entry = &record.entry;
        match entry.kind {
            RecordKind::Run => self.run(record),
            RecordKind::Intent => {
                self.intents.insert(record.hash.clone(), intent(record));
            }
            RecordKind::Result => {
                let answer = Answer::Result {
                    at: record.ts,
                    outcome: entry.outcome.clone(),
                };
                if let Some(hash) = record.answers() {
                    self.answer(hash, answer);
                } else if entry.refers.is_none() {
                    let new = (record.ts, entry.outcome.clone());
                    let first = self
                        .unsent
                        .entry(entry.plan_hash.clone())
                        .or_insert_with(|| new.clone());
                    *first = std::cmp::min(first.clone(), new);
                }
            }
            RecordKind::Override => {
                let happened = entry.data.get("happened").and_then(Value::as_bool);
                if let (Some(hash), Some(happened)) = (record.answers(), happened) {
                    let answer = Answer::Said {
                        at: record.ts,
                        happened,
                        who: record.who().to_owned(),
                        why: entry.reason.clone(),
                    };
                    self.answer(hash, answer);
                }
            }
            RecordKind::Verify => {
                let verdict = self.verdicts.entry(entry.plan_hash.clone()).or_default();
                if record.ts >= verdict.0 {
                    *verdict = (record.ts, entry.outcome.clone());
                }
            }
            RecordKind::Confirm => {
                if let Some(steps) = entry.data.get("steps").and_then(Value::as_u64) {
                    self.steps.insert(entry.plan_hash.clone(), steps);
                }
            }
            _ => {}
        }
    }

    /// A person's word counts more than an answer that says it does not know; else the later one counts.
    fn answer(&mut self, hash: &str, new: Answer) {
        let rank = |a: &Answer| match a {
            Answer::Result { outcome, .. } if is_unknown(outcome) => 0,
            Answer::Said { .. } => 1,
            Answer::Result { .. } => 2,
        };
        let at = |a: &Answer| match a {
            Answer::Result { at, .. } | Answer::Said { at, .. } => *at,
        };
        let known = self.answers.get(hash);
        if known.is_none_or(|old| (rank(&new), at(&new)) >= (rank(old), at(old))) {
            self.answers.insert(hash.to_owned(), new);
        }
    }

    fn run(&mut self, record: &Record) {
        let entry = &record.entry;
        let Some(book) = &entry.runbook else { return };
        let text = |at: &str| {
            entry
                .data
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let number = |at: &str| entry.data.pointer(at).and_then(Value::as_u64).unwrap_or_default();
        let started = text("/started");
        let key = run_key(&book.run, &started);
        let run = self.runs.entry(key.clone()).or_default();
        if entry.what == "noted" {
            let note = (book.step.clone(), entry.outcome.clone());
            if !run.notes.contains(&note) {
                run.notes.push(note);
            }
        }
        run.touched |= !came_with_the_start(record, &started);
        // What has ended stays so, whatever is read after it.
        let order = (record.ts, record.seq);
        let over = entry.data.get("over").and_then(Value::as_bool).unwrap_or_default();
        if (run.over, run.order) > (over, order) {
            return;
        }
        let change = entry.data.get("change").filter(|c| c.is_object()).map(|c| Change {
            plan: text("/change/plan"),
            title: text("/change/title"),
            undo: c.get("undo").cloned().unwrap_or_default(),
        });
        *run = RunLeft {
            key,
            book: book.clone(),
            title: text("/title"),
            subject: text("/subject"),
            context: text("/context"),
            server: text("/server"),
            at: number("/at"),
            of: number("/of"),
            step: text("/step"),
            started,
            who: record.who().to_owned(),
            host: record.host.clone(),
            pid: record.pid,
            session: record.session.clone(),
            last: record.ts,
            what: entry.what.clone(),
            over,
            touched: run.touched,
            to: Some(text("/to")).filter(|to| !to.is_empty()),
            released: entry.data.get("released").and_then(Value::as_bool).unwrap_or_default(),
            change,
            saved: entry.data.get("saved").cloned().unwrap_or_default(),
            notes: std::mem::take(&mut run.notes),
            order,
        };
    }

    /// Every run on record, the newest last.
    pub fn runs(&self) -> impl Iterator<Item = &RunLeft> {
        self.runs.values()
    }

    pub fn run_of(&self, key: &str) -> Option<&RunLeft> {
        self.runs.get(key)
    }

    pub fn intent_of(&self, hash: &str) -> Option<&Intent> {
        self.intents.get(hash)
    }

    /// Runs that did not end, those that were left last first.
    pub fn unfinished(&self) -> Vec<&RunLeft> {
        let mut runs: Vec<&RunLeft> = self.runs.values().filter(|r| !r.over).collect();
        runs.sort_by_key(|r| std::cmp::Reverse(r.order));
        runs
    }

    /// Intents of which neither a result nor a person says what became of them, the newest first.
    pub fn unanswered(&self) -> Vec<&Intent> {
        let mut left: Vec<&Intent> = self
            .intents
            .values()
            .filter(|i| !self.answers.contains_key(&i.hash))
            .collect();
        left.sort_by_key(|i| (std::cmp::Reverse(i.at), i.seq));
        left
    }

    /// What became of a plan that was confirmed.
    pub fn fate(&self, plan: &str) -> Fate {
        let mut sent: Vec<&Intent> = self.intents.values().filter(|i| i.plan == plan).collect();
        let unsent = self.unsent.get(plan).map(|(_, why)| why.clone());
        if sent.is_empty() {
            return unsent.map_or(Fate::NotSent, |outcome| Fate::Ended {
                applied: false,
                whole: false,
                outcome,
                verdict: None,
            });
        }
        sent.sort_by_key(|i| (i.at, i.seq));
        let (mut applied, mut good, mut last) = (false, true, String::new());
        for intent in &sent {
            let (did, text) = match self.answers.get(&intent.hash) {
                None => {
                    return Fate::Unknown(format!(
                        "it was about to be sent at {}, and no answer is on record",
                        intent.at.strftime("%H:%M:%SZ")
                    ));
                }
                Some(Answer::Result { outcome, .. }) if is_unknown(outcome) => return Fate::Unknown(outcome.clone()),
                Some(Answer::Result { outcome, .. }) => {
                    good &= outcome == "applied" || outcome.starts_with("no-op");
                    (outcome == "applied", outcome.clone())
                }
                Some(Answer::Said { happened, who, why, .. }) => {
                    good &= happened;
                    let word = if *happened { "it happened" } else { "it did not happen" };
                    (*happened, format!("{who} looked and says: {word} ({why})"))
                }
            };
            applied |= did;
            last = text;
        }
        let of = self.steps.get(plan).copied().unwrap_or(sent.len() as u64);
        let whole = good && sent.len() as u64 >= of;
        if good && !whole {
            let why = unsent.map_or_else(String::new, |why| format!(" ({why})"));
            last = format!("{last}; {} of {of} requests were sent{why}", sent.len());
        }
        Fate::Ended {
            applied,
            whole,
            outcome: last,
            verdict: self.verdicts.get(plan).map(|(_, text)| text.clone()),
        }
    }
}

/// Tells a run from every other: ids are short, and come again.
pub fn run_key(id: &str, started: &str) -> String {
    format!("{id}@{started}")
}

/// The run that a record is about.
pub fn run_of(record: &Record) -> Option<String> {
    let started = record.entry.data.get("started").and_then(Value::as_str);
    let book = record.entry.runbook.as_ref()?;
    (record.entry.kind == RecordKind::Run).then(|| run_key(&book.run, started.unwrap_or_default()))
}

/// Whether a record of a run says no more than that it was begun: the steps that pass by themselves do so at once.
fn came_with_the_start(record: &Record, started: &str) -> bool {
    match record.entry.what.as_str() {
        "started" => true,
        "passed" => started
            .parse::<Timestamp>()
            .is_ok_and(|t| record.ts.duration_since(t) < SignedDuration::from_millis(250)),
        _ => false,
    }
}

/// Whether a result says that nobody knows.
fn is_unknown(outcome: &str) -> bool {
    outcome.starts_with("unknown")
}

fn intent(record: &Record) -> Intent {
    let entry = &record.entry;
    let request = entry.request.as_ref();
    Intent {
        hash: record.hash.clone(),
        seq: record.seq,
        at: record.ts,
        who: record.who().to_owned(),
        host: record.host.clone(),
        session: record.session.clone(),
        what: entry.what.clone(),
        target: entry.target.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        reason: entry.reason.clone(),
        plan: entry.plan_hash.clone(),
        run: entry.runbook.clone(),
        method: request.map(|r| r.method.clone()).unwrap_or_default(),
        path: request.map(|r| r.path.clone()).unwrap_or_default(),
    }
}
