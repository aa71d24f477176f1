//! The report of an incident, or of a time: what was done, by whom, why, what came of it, and what is still to be taken
//! back. It is made of records alone, so that the same files always give the same report.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::incident::{Fact, Incident, Incidents};
use super::message::length;
use super::record::Record;
use super::temporary::{End, Ledger, Temporary};
use super::timeline::{About, Came, Moment, Timeline, target_words};

/// What a report is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Incident(String),
    Since(Timestamp),
    All,
}

/// How a file of the journal ends: whoever keeps this can tell later whether its end was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    pub file: String,
    pub seq: u64,
    pub hash: String,
    /// Every line is a record and follows from the one before it.
    pub whole: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub incident: Option<Summary>,
    /// Of the first and the last record that it rests on.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub people: Vec<String>,
    pub actions: Vec<Action>,
    pub temporary: Vec<Change>,
    pub timeline: Vec<Line>,
    pub heads: Vec<Head>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub id: String,
    pub title: String,
    pub severity: String,
    pub status: &'static str,
    pub service: String,
    pub context: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub commander: String,
    pub impact: String,
    pub cause: String,
    pub mitigation: String,
    pub resolution: String,
    pub follow_up: String,
    pub updates_sent: usize,
    pub decisions: Vec<Line>,
    pub todos: Vec<Task>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    pub text: String,
    pub by: String,
    pub done: Option<Timestamp>,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
    pub reason: String,
    pub result: String,
    /// Of an incident: it was done before anybody had opened it.
    pub before_opened: bool,
}

/// A change that was sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    pub at: Timestamp,
    pub by: String,
    pub what: String,
    pub target: String,
    pub before: Value,
    pub after: Value,
    pub reason: String,
    /// In words.
    pub verdict: String,
    /// `good`, `bad`, `open`, `unknown`
    pub came: &'static str,
    pub plan_hash: String,
    /// Of an incident: it was done before anybody had opened it.
    pub before_opened: bool,
}

/// A change that must not stay, open or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub target: String,
    pub what: String,
    pub since: Timestamp,
    pub by: String,
    pub restore_by: Timestamp,
    pub undo: String,
    /// `open`, `uncertain`, `restored`, `back`, `stays`
    pub state: &'static str,
    pub ended: Option<Timestamp>,
    pub reason: String,
}

const fn came_word(came: Came) -> &'static str {
    match came {
        Came::Plain => "plain",
        Came::Open => "open",
        Came::Good => "good",
        Came::Bad => "bad",
        Came::Unknown => "unknown",
    }
}

fn line(at: Timestamp, by: &str, text: &str) -> Line {
    Line {
        at,
        by: by.to_owned(),
        text: text.to_owned(),
        reason: String::new(),
        result: String::new(),
        before_opened: false,
    }
}

impl Summary {
    fn of(i: &Incident) -> Self {
        let fact = |f: Fact| i.fact(f).to_owned();
        Self {
            id: i.id.clone(),
            title: i.title().to_owned(),
            severity: i.level.name.clone(),
            status: if i.is_open() { i.status.word() } else { "closed" },
            service: i.service.clone(),
            context: i.context.clone(),
            started: i.started,
            ended: i.ended(),
            commander: i.commander.clone(),
            impact: fact(Fact::Impact),
            cause: fact(Fact::Cause),
            mitigation: fact(Fact::Mitigation),
            resolution: fact(Fact::Resolution),
            follow_up: fact(Fact::FollowUp),
            updates_sent: i.sent.len(),
            decisions: i.decisions.iter().map(|d| line(d.at, &d.by, &d.text)).collect(),
            todos: i
                .todos
                .iter()
                .map(|t| Task {
                    text: t.said.text.clone(),
                    by: t.said.by.clone(),
                    done: t.done.as_ref().map(|d| d.0),
                })
                .collect(),
        }
    }
}

fn action(m: &Moment, before_opened: bool) -> Action {
    Action {
        at: m.at,
        by: m.by.clone(),
        what: m.text.split(' ').next().unwrap_or_default().to_owned(),
        target: m.target.as_ref().map(target_words).unwrap_or_default(),
        before: m.before.clone(),
        after: m.after.clone(),
        reason: m.reason.clone(),
        verdict: m.result.clone(),
        came: came_word(m.came),
        plan_hash: m.plan_hash.clone(),
        before_opened,
    }
}

fn change(t: &Temporary, state: &'static str, ended: Option<Timestamp>, reason: &str) -> Change {
    Change {
        target: target_words(&t.target),
        what: t.words.clone(),
        since: t.since,
        by: t.by.clone(),
        restore_by: t.until,
        undo: t.undo_words.clone(),
        state,
        ended,
        reason: reason.to_owned(),
    }
}

impl Report {
    /// Of records in the order of their time. `heads` are of the files that they came from.
    ///
    /// # Errors
    /// There is no incident of that name; it says which there are.
    pub fn of(records: &[&Record], scope: &Scope, heads: Vec<Head>) -> Result<Self, String> {
        let all = || records.iter().copied();
        let incidents = Incidents::of(all());
        let incident = match scope {
            Scope::Incident(id) => Some(incidents.get(id).ok_or_else(|| {
                let known: Vec<&str> = incidents.newest().iter().map(|i| i.id.as_str()).collect();
                match known.as_slice() {
                    [] => format!("there is no incident {id} on record; there is none at all"),
                    known => format!("there is no incident {id} on record; there are: {}", known.join(", ")),
                }
            })?),
            _ => None,
        };
        let since = |at: Timestamp| match scope {
            Scope::Since(since) => at >= *since,
            Scope::Incident(_) | Scope::All => true,
        };
        let within = |t: &Temporary, at: Timestamp| {
            since(at) && incident.is_none_or(|i| t.incident == i.id || i.touches(Some(&t.target), at))
        };
        let before_opened = |m: &Moment| incident.is_some_and(|i| i.precedes_opening(m.at));
        let timeline = Timeline::of(all());
        let moments: Vec<&Moment> = timeline
            .moments()
            .into_iter()
            .filter(|m| since(m.at) && incident.is_none_or(|i| i.holds(m)))
            .collect();
        let last = records.last().map(|r| r.ts);
        let ledger = Ledger::of(all());
        let mut temporary: Vec<Change> = ledger
            .open(last.unwrap_or_default())
            .iter()
            // What is still open concerns whoever reads it, whenever it began.
            .filter(|t| incident.is_none() || within(t, t.since))
            .map(|t| change(t, if t.certain { "open" } else { "uncertain" }, None, ""))
            .collect();
        temporary.extend(ledger.ended.iter().filter(|e| within(&e.was, e.at)).map(|e| {
            let state = match e.end {
                End::Restored => "restored",
                End::Back => "back",
                End::Stays => "stays",
            };
            change(&e.was, state, Some(e.at), &e.reason)
        }));
        let people: BTreeSet<&str> = moments.iter().map(|m| m.by.as_str()).collect();
        Ok(Self {
            incident: incident.map(Summary::of),
            from: moments.first().map(|m| m.at),
            to: moments.last().map(|m| m.at),
            people: people.into_iter().map(str::to_owned).collect(),
            actions: moments
                .iter()
                .filter(|m| m.about == About::Action && !m.after.is_null())
                .map(|m| action(m, before_opened(m)))
                .collect(),
            temporary,
            timeline: moments
                .iter()
                .map(|m| Line {
                    at: m.at,
                    by: m.by.clone(),
                    text: m.text.clone(),
                    reason: m.reason.clone(),
                    result: m.result.clone(),
                    before_opened: before_opened(m),
                })
                .collect(),
            heads,
        })
    }

    /// As Markdown that reads well as plain text, too.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        match &self.incident {
            Some(i) => write_summary(out, i)?,
            None => writeln!(out, "# Report\n")?,
        }
        if let (Some(from), Some(to)) = (self.from, self.to) {
            writeln!(out, "- On record: {} to {}", minute(from), minute(to))?;
        }
        let people = self.people.join(", ");
        writeln!(out, "- People: {}", if people.is_empty() { "nobody" } else { &people })?;
        let bad = self.actions.iter().filter(|a| a.came != "good").count();
        let all = self.actions.len();
        let early_ones = self.actions.iter().filter(|a| a.before_opened).count();
        write!(out, "- Changes: {all}, of which {bad} without a good verdict")?;
        match early_ones {
            0 => writeln!(out)?,
            n => writeln!(out, ", and {n} before the incident was opened")?,
        }
        let open = self.temporary.iter().filter(|t| t.ended.is_none()).count();
        writeln!(out, "- Still to be taken back: {open}")?;
        writeln!(out, "\n## Changes\n")?;
        for a in &self.actions {
            let changed = super::timeline::changes(&a.before, &a.after);
            let changed = if changed.is_empty() {
                String::new()
            } else {
                format!(": {changed}")
            };
            writeln!(
                out,
                "- {} {} **{}** {}{}{}",
                minute(a.at),
                md(&a.by),
                a.what,
                md(&a.target),
                md(&changed),
                early(a.before_opened)
            )?;
            if !a.reason.is_empty() {
                writeln!(out, "  - why: {}", md(&a.reason))?;
            }
            writeln!(out, "  - verdict ({}): {}", a.came, md(&a.verdict))?;
        }
        if self.actions.is_empty() {
            writeln!(out, "Nothing was changed.")?;
        }
        writeln!(out, "\n## Temporary changes\n")?;
        for t in &self.temporary {
            let end = match t.ended {
                Some(at) => format!("{} {}", t.state, minute(at)),
                None => format!(
                    "{}, to be taken back by {}: {}",
                    t.state,
                    minute(t.restore_by),
                    md(&t.undo)
                ),
            };
            writeln!(
                out,
                "- {} {}: {} since {}; {end}",
                md(&t.target),
                md(&t.what),
                md(&t.by),
                minute(t.since)
            )?;
            if !t.reason.is_empty() {
                writeln!(out, "  - why: {}", md(&t.reason))?;
            }
        }
        if self.temporary.is_empty() {
            writeln!(out, "None.")?;
        }
        writeln!(out, "\n## Timeline (UTC)\n")?;
        for l in &self.timeline {
            let (at, early) = (minute(l.at), early(l.before_opened));
            write!(out, "- {at} {}: {}{early}", md(&l.by), md(&l.text))?;
            if !l.reason.is_empty() {
                write!(out, " ({})", md(&l.reason))?;
            }
            if l.result.is_empty() {
                writeln!(out)?;
            } else {
                writeln!(out, ": {}", md(&l.result))?;
            }
        }
        writeln!(out, "\n## The record\n")?;
        for h in &self.heads {
            let state = if h.whole {
                "whole"
            } else {
                "NOT WHOLE: see qd journal verify"
            };
            writeln!(out, "- {} record {}: `{}` ({state})", md(&h.file), h.seq, h.hash)?;
        }
        if self.heads.is_empty() {
            writeln!(out, "There are no files.")?;
        }
        Ok(())
    }
}

fn write_summary(out: &mut String, i: &Summary) -> std::fmt::Result {
    writeln!(out, "# {} {}\n", i.id, md(&i.title))?;
    let end = match i.ended {
        Some(end) => format!("{} ({})", minute(end), length(end.duration_since(i.started))),
        None => "still open".to_owned(),
    };
    writeln!(out, "- Severity: {}, {}", i.severity, i.status)?;
    writeln!(out, "- Service: {} on {}", md(&i.service), md(&i.context))?;
    writeln!(out, "- Started: {}; ended: {end}", minute(i.started))?;
    writeln!(out, "- Commander: {}", md(&i.commander))?;
    for (label, text) in [
        ("Impact", &i.impact),
        ("Cause", &i.cause),
        ("Mitigation", &i.mitigation),
        ("Resolution", &i.resolution),
        ("Follow-up", &i.follow_up),
    ] {
        let text = if text.is_empty() { "not on record" } else { text };
        writeln!(out, "- {label}: {}", md(text))?;
    }
    writeln!(out, "- Updates sent: {}", i.updates_sent)?;
    for d in &i.decisions {
        writeln!(out, "- Decided {} by {}: {}", minute(d.at), md(&d.by), md(&d.text))?;
    }
    for t in &i.todos {
        let mark = if t.done.is_some() { "x" } else { " " };
        writeln!(out, "- [{mark}] {} ({})", md(&t.text), md(&t.by))?;
    }
    Ok(())
}

/// What is said of what was done before the incident was opened.
const fn early(before_opened: bool) -> &'static str {
    if before_opened {
        " (before the incident was opened)"
    } else {
        ""
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// Text from a record within Markdown: on one line, and no markup of its own.
fn md(text: &str) -> String {
    let text = crate::text::clean(text);
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' | '\r' => out.push(' '),
            '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '|' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
        out
    })
}
