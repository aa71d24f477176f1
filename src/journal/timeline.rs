//! What was done, when, by whom, why, and what came of it: the records of all files as lines for people. An intent, its
//! result and its verdict are one line.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::incident::Event;
use super::record::{Record, RecordKind, RunbookRef, Target};
use super::temporary::{self, Took};

/// So many are kept by a timeline that is read on and on; the files hold the rest.
const KEPT: usize = 4_000;

/// Consoles of one state folder see a signal within this time of each other.
const TOGETHER: SignedDuration = SignedDuration::from_mins(1);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A change that was sent to a server.
    Action,
    /// What happened in a run of a runbook.
    Run,
    /// What somebody said, decided, or has to do.
    Said,
    /// An incident opened, closed, or otherwise went on.
    Incident,
    Signal,
    /// A temporary change that ended or was given more time.
    Temporary,
    /// The console itself: sessions, exports, faults.
    Console,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Came {
    /// Nothing was to come.
    #[default]
    Plain,
    /// On its way.
    Open,
    Good,
    Bad,
    /// Nobody knows: it may or may not have happened.
    Unknown,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub at: Timestamp,
    pub by: String,
    pub host: String,
    pub about: About,
    /// `scale Deployment cortex/cortex-worker: replicas 2 → 5`
    pub text: String,
    pub reason: String,
    /// The result, then the verdict, in words.
    pub result: String,
    pub came: Came,
    pub incident: String,
    pub runbook: Option<RunbookRef>,
    pub target: Option<Target>,
    /// The fields that changed.
    pub before: Value,
    pub after: Value,
    pub plan_hash: String,
}

impl Moment {
    /// Whether the text is somewhere in it.
    pub fn holds(&self, needle: &str) -> bool {
        let needle = needle.to_lowercase();
        let run = self.runbook.as_ref().map_or("", |r| r.id.as_str());
        [
            self.text.as_str(),
            &self.reason,
            &self.result,
            &self.by,
            &self.incident,
            run,
        ]
        .iter()
        .any(|t| t.to_lowercase().contains(&needle))
    }
}

/// `Deployment cortex/cortex-worker`
pub fn target_words(t: &Target) -> String {
    if t.namespace.is_empty() {
        format!("{} {}", t.kind, t.name)
    } else {
        format!("{} {}/{}", t.kind, t.namespace, t.name)
    }
}

/// `replicas 2 → 5, paused false → true`
pub fn changes(before: &Value, after: &Value) -> String {
    let word = |v: Option<&Value>| match v {
        Some(Value::String(s)) => s.clone(),
        Some(v) if !v.is_null() => v.to_string(),
        _ => "–".to_owned(),
    };
    let Some(after) = after.as_object() else {
        return String::new();
    };
    let pairs = after
        .iter()
        .map(|(field, new)| format!("{field} {} → {}", word(before.get(field)), word(Some(new))));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The lines, and where those stand that more is to come of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    moments: Vec<Moment>,
    /// By the intent's hash.
    by_hash: HashMap<String, usize>,
    /// By the intent's host, session and number.
    by_seq: HashMap<(String, String, u64), usize>,
    /// By plan and target.
    by_plan: HashMap<(String, String), usize>,
    /// By incident, signal and whether it began: which console told it last, and when.
    signals: HashMap<(String, String, bool), (String, Timestamp)>,
    /// As many as there are.
    unbounded: bool,
}

impl Timeline {
    /// Of all records, in the order of their time.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut timeline = Self {
            unbounded: true,
            ..Self::default()
        };
        for record in records {
            timeline.take(record);
        }
        timeline
    }

    /// Oldest first.
    pub fn moments(&self) -> Vec<&Moment> {
        let mut all: Vec<&Moment> = self.moments.iter().collect();
        // Another host's clock may be a little behind ours.
        all.sort_by_key(|m| m.at);
        all
    }

    pub fn len(&self) -> usize {
        self.moments.len()
    }

    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// Takes one more record.
    pub fn take(&mut self, record: &Record) {
        let plan = |t: &Target| (record.entry.plan_hash.clone(), target_words(t));
        match record.entry.kind {
            RecordKind::Result | RecordKind::Override if self.intent_of(record).is_some() => {
                if let Some(i) = self.intent_of(record) {
                    self.answer(i, record);
                }
                return;
            }
            RecordKind::Verify => {
                let at = record.entry.target.as_ref().and_then(|t| self.by_plan.get(&plan(t)));
                if let Some(moment) = at.copied().and_then(|i| self.moments.get_mut(i)) {
                    verdict(moment, &record.entry.outcome);
                }
                return;
            }
            _ => {}
        }
        if self.was_told(record) {
            return;
        }
        let Some(moment) = moment(record) else { return };
        let at = self.moments.len();
        if record.entry.kind == RecordKind::Intent {
            self.by_hash.insert(record.hash.clone(), at);
            self.by_seq
                .insert((record.host.clone(), record.session.clone(), record.seq), at);
            if let Some(t) = &record.entry.target {
                self.by_plan.insert(plan(t), at);
            }
        }
        self.moments.push(moment);
        if !self.unbounded && self.moments.len() > KEPT + KEPT / 4 {
            self.forget(KEPT / 4);
        }
    }

    /// Each console of a state folder puts the same signal on record: what another one told a moment ago is no news.
    fn was_told(&mut self, record: &Record) -> bool {
        let (signal, begun) = match Event::of(record) {
            Some(Event::Raised { signal }) => (signal, true),
            Some(Event::Cleared { signal }) => (signal, false),
            _ => return false,
        };
        let console = format!("{} {}", record.host, record.session);
        let key = (record.entry.incident.clone(), signal, begun);
        let told = self.signals.get(&key);
        let twice = told.is_some_and(|(by, at)| *by != console && record.ts.duration_since(*at).abs() < TOGETHER);
        if !twice {
            self.signals.insert(key, (console, record.ts));
        }
        twice
    }

    fn intent_of(&self, record: &Record) -> Option<usize> {
        let hash = record.entry.data.get("intent").and_then(Value::as_str);
        hash.and_then(|h| self.by_hash.get(h))
            .or_else(|| {
                let seq = record.entry.refers?;
                self.by_seq.get(&(record.host.clone(), record.session.clone(), seq))
            })
            .copied()
    }

    fn answer(&mut self, at: usize, record: &Record) {
        let Some(moment) = self.moments.get_mut(at) else {
            return;
        };
        moment.came = match Took::of(record) {
            Some(Took::Yes) => Came::Open,
            Some(Took::No) => Came::Bad,
            Some(Took::Unknown) | None => Came::Unknown,
        };
        moment.result.clone_from(&record.entry.outcome);
        if moment.result.is_empty() {
            moment.result.clone_from(&record.entry.reason);
        }
    }

    /// Leaves out the oldest.
    fn forget(&mut self, n: usize) {
        self.moments.drain(..n);
        let moved = |at: &mut usize| match at.checked_sub(n) {
            Some(to) => {
                *at = to;
                true
            }
            None => false,
        };
        self.by_hash.retain(|_, at| moved(at));
        self.by_seq.retain(|_, at| moved(at));
        self.by_plan.retain(|_, at| moved(at));
    }
}

/// What came of it, by the word that the verdict begins with.
fn verdict(moment: &mut Moment, words: &str) {
    moment.came = match words.split(':').next().unwrap_or_default() {
        "failed" | "superseded" | "lost" | "paused" => Came::Bad,
        "unknown" | "cannot tell" => Came::Unknown,
        _ => Came::Good,
    };
    words.clone_into(&mut moment.result);
}

/// The line of a record; `None` for what only belongs to another line, or says nothing to people.
fn moment(r: &Record) -> Option<Moment> {
    let e = &r.entry;
    let target = e.target.as_ref().map(target_words).unwrap_or_default();
    let with_target = |verb: &str| {
        if target.is_empty() {
            verb.to_owned()
        } else {
            format!("{verb} {target}")
        }
    };
    let (mut reason, mut result, mut came) = (e.reason.clone(), String::new(), Came::Plain);
    let (about, text) = match e.kind {
        RecordKind::Intent => {
            came = Came::Unknown;
            "no result on record: it may or may not have happened".clone_into(&mut result);
            let changed = changes(&e.before, &e.after);
            let text = with_target(&e.what);
            let text = if changed.is_empty() {
                text
            } else {
                format!("{text}: {changed}")
            };
            (About::Action, text)
        }
        RecordKind::Run => {
            let book = e.runbook.as_ref().map_or("runbook", |b| b.id.as_str());
            let step = e.runbook.as_ref().map_or("", |b| b.step.as_str());
            result.clone_from(&e.outcome);
            let text = if step.is_empty() {
                format!("{book}: {}", e.what)
            } else {
                format!("{book}, {step}: {}", e.what)
            };
            (About::Run, text)
        }
        RecordKind::Note => (About::Said, e.what.clone()),
        RecordKind::Incident => {
            let (about, text) = incident_words(r)?;
            reason = String::new();
            (about, text)
        }
        RecordKind::Temporary => {
            let event = serde_json::from_value::<temporary::Event>(e.data.clone()).ok()?;
            let text = match event {
                temporary::Event::Closed { end, .. } => format!("{target}: {} {}", e.outcome, end.word()),
                temporary::Event::Extended { until, .. } => {
                    format!("{target}: {} until {}", e.outcome, until.strftime("%H:%MZ"))
                }
            };
            (About::Temporary, text)
        }
        RecordKind::SessionStart => (About::Console, "opened the console".to_owned()),
        RecordKind::SessionEnd => (About::Console, "left the console".to_owned()),
        RecordKind::Abort => (About::Console, with_target(&format!("closed the plan to {}", e.what))),
        RecordKind::Override | RecordKind::Approval => {
            let word = if e.kind == RecordKind::Override {
                "overrode"
            } else {
                "approval:"
            };
            result.clone_from(&e.outcome);
            (About::Action, with_target(&format!("{word} {}", e.what)))
        }
        RecordKind::Export => {
            result.clone_from(&e.outcome);
            (About::Console, format!("exported {}", e.what))
        }
        RecordKind::Error => {
            came = Came::Bad;
            result.clone_from(&e.outcome);
            (About::Console, e.what.clone())
        }
        RecordKind::Heal => {
            result.clone_from(&e.outcome);
            (About::Console, "mended the journal".to_owned())
        }
        // A step that was not sent: it answers no intent.
        RecordKind::Result if r.answers().is_none() && e.refers.is_none() => {
            came = Came::Bad;
            result.clone_from(&e.outcome);
            (About::Action, with_target(&e.what))
        }
        // Part of another line.
        RecordKind::Plan
        | RecordKind::Confirm
        | RecordKind::Param
        | RecordKind::Result
        | RecordKind::Verify
        | RecordKind::Undo
        | RecordKind::Rotate => {
            return None;
        }
    };
    Some(Moment {
        at: r.ts,
        by: r.actor.person().to_owned(),
        host: r.host.clone(),
        about,
        text,
        reason,
        result,
        came,
        incident: e.incident.clone(),
        runbook: e.runbook.clone(),
        target: e.target.clone(),
        before: e.before.clone(),
        after: e.after.clone(),
        plan_hash: e.plan_hash.clone(),
    })
}

fn incident_words(r: &Record) -> Option<(About, String)> {
    let said = &r.entry.reason;
    let with = |word: &str| {
        if said.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {said}")
        }
    };
    Some(match Event::of(r)? {
        Event::Opened { level, .. } => (
            About::Incident,
            with(&format!("opened {} as {}", r.entry.incident, level.name)),
        ),
        Event::Severity { level } => (About::Incident, with(&format!("severity {}", level.name))),
        Event::Status { status } => (About::Incident, with(status.word())),
        Event::Fact { fact } => (About::Said, with(fact.word())),
        Event::Offered { to } => (About::Incident, format!("asked {to} to command")),
        Event::Took => (About::Incident, "commands from here on".to_owned()),
        Event::Note => (About::Said, said.clone()),
        Event::Decision => (About::Said, with("decided")),
        Event::Todo { .. } => (About::Said, with("to do")),
        Event::Done { .. } => (About::Said, with("done")),
        Event::Sent { status } => (About::Incident, with(&format!("told others ({})", status.word()))),
        Event::Raised { .. } => (About::Signal, with("signal")),
        Event::Cleared { .. } => (About::Signal, with("cleared")),
        Event::Closed => (About::Incident, with(&format!("closed {}", r.entry.incident))),
        Event::Reopened => (About::Incident, with(&format!("opened {} again", r.entry.incident))),
    })
}
