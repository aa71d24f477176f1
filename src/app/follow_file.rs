//! Following a journal file, where there is no spool: what was recorded, newest last, and where the newest run stands.

use std::collections::BTreeMap;

use super::layers::FollowedView;
use super::{App, Layer};
use crate::journal::spool::{RunSeen, StepMark, StepSeen};
use crate::journal::{Record, RecordKind};
use crate::text;
use jiff::Timestamp;

/// Lines that are kept.
const MOST: usize = 200;

/// What a followed file said so far.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The file's path, for the title.
    pub path: String,
    /// Who wrote it last: `kim on bastion`.
    pub who: String,
    /// When, and what was done, by whom and why.
    pub lines: Vec<(Timestamp, String)>,
    /// Why nothing more can be read.
    pub trouble: Option<String>,
    run: Option<RunSoFar>,
}

#[derive(Clone, Debug, Default)]
struct RunSoFar {
    run: String,
    book: String,
    started: Timestamp,
    subject: String,
    /// The current step's index.
    number: Option<usize>,
    /// What it waits for, as far as the record says.
    waiting: String,
    /// By step id.
    marks: BTreeMap<String, StepMark>,
    at: String,
    ended: String,
}

/// What the follower of a file hears.
#[derive(Clone, Debug, Default)]
pub struct FileNews {
    pub path: String,
    pub records: Vec<Record>,
    pub trouble: Option<String>,
}

impl Recorded {
    fn take(&mut self, record: &Record) {
        self.who = text::clean(&format!("{} on {}", record.actor.os_user, record.host)).into_owned();
        if let Some(line) = line(record) {
            self.lines.push((record.ts, line));
        }
        let over = self.lines.len().saturating_sub(MOST);
        self.lines.drain(..over);
        let (RecordKind::Run, Some(book)) = (record.entry.kind, &record.entry.runbook) else {
            return;
        };
        let fresh = self.run.as_ref().is_none_or(|r| r.run != book.run);
        if fresh {
            self.run = Some(RunSoFar {
                run: book.run.clone(),
                book: book.id.clone(),
                started: record.ts,
                ..RunSoFar::default()
            });
        }
        let Some(run) = &mut self.run else { return };
        let mark = match record.entry.what.as_str() {
            "passed" => Some(StepMark::Passed),
            "failed" => Some(StepMark::Failed),
            "skipped" => Some(StepMark::Skipped),
            "unknown" => Some(StepMark::Unknown),
            ended @ ("completed" | "aborted" | "rolled-back" | "handed-over" | "left" | "closed") => {
                ended.clone_into(&mut run.ended);
                None
            }
            "changes-left" => {
                run.ended.clone_from(&record.entry.outcome);
                None
            }
            "resumed" | "taken-over" => {
                run.ended.clear();
                None
            }
            _ => None,
        };
        let at = record.entry.data.get("at").and_then(serde_json::Value::as_u64);
        run.number = at
            .and_then(|at| usize::try_from(at.checked_sub(1)?).ok())
            .or(run.number);
        if let Some(subject) = record.entry.data.get("subject").and_then(serde_json::Value::as_str) {
            run.subject = text::clean(subject).into_owned();
        }
        let waits = match record.entry.what.as_str() {
            "noted" => None,
            "plan-asked" => Some(format!("for the confirmation of: {}", record.entry.outcome)),
            "confirmed" => Some("for what becomes of the change".to_owned()),
            "approval-asked" => Some("for a second person to agree".to_owned()),
            _ => Some(String::new()),
        };
        if let Some(waits) = waits {
            run.waiting = text::clean(&waits).into_owned();
        }
        if !book.step.is_empty() {
            run.at.clone_from(&book.step);
            if let Some(mark) = mark {
                run.marks.insert(book.step.clone(), mark);
            }
        }
    }
}

/// A record in a line; what says nothing to a reader gives none.
fn line(record: &Record) -> Option<String> {
    let e = &record.entry;
    let target = e.target.as_ref().map_or_else(String::new, |t| {
        let namespace = if t.namespace.is_empty() {
            String::new()
        } else {
            format!("{}/", t.namespace)
        };
        format!(" {} {namespace}{}", t.kind, t.name)
    });
    let words = match e.kind {
        RecordKind::SessionStart => "opened the console".to_owned(),
        RecordKind::SessionEnd => "closed the console".to_owned(),
        RecordKind::Intent => format!("sends {}{target}", e.what),
        RecordKind::Result => format!("{}{target}: {}", e.what, e.outcome),
        RecordKind::Verify => format!("verified {}{target}: {}", e.what, e.outcome),
        RecordKind::Approval | RecordKind::Override => e.outcome.clone(),
        RecordKind::Run => {
            let step = e.runbook.as_ref().map_or("", |r| r.step.as_str());
            let book = e.runbook.as_ref().map_or("", |r| r.id.as_str());
            format!("{book} {step} {}: {}", e.what, e.outcome)
        }
        RecordKind::Plan | RecordKind::Confirm | RecordKind::Param | RecordKind::Heal => return None,
        _ if e.outcome.is_empty() => e.what.clone(),
        _ => format!("{}: {}", e.what, e.outcome),
    };
    let why = if e.reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", e.reason)
    };
    Some(text::clean(&format!("{words}{why}")).into_owned())
}

impl App {
    /// A journal file is to be followed: what it says is the first thing on the screen.
    pub fn follow_recorded(&mut self) {
        self.bastion.recorded.get_or_insert_default();
        self.layers.push(Layer::Followed(FollowedView::default()));
    }

    pub(super) fn file_read(&mut self, news: FileNews) {
        let recorded = self.bastion.recorded.get_or_insert_default();
        recorded.path = text::clean(&news.path).into_owned();
        for record in &news.records {
            recorded.take(record);
        }
        recorded.trouble = news.trouble;
        self.dirty = true;
    }

    /// The newest run of the followed file, with the steps as our own library has them.
    pub fn recorded_run(&self) -> Option<RunSeen> {
        let run = self.bastion.recorded.as_ref()?.run.as_ref()?;
        let book = self.books.get(&run.book);
        let steps = book.map_or(&[][..], |b| b.steps.as_slice());
        let by_id = || steps.iter().position(|s| s.id == run.at).unwrap_or(0);
        let at = run.number.filter(|at| *at < steps.len()).unwrap_or_else(by_id);
        Some(RunSeen {
            title: book.map_or_else(|| run.book.clone(), |b| b.title.clone()),
            subject: run.subject.clone(),
            run: run.run.clone(),
            started: run.started,
            steps: steps
                .iter()
                .enumerate()
                .map(|(n, s)| StepSeen {
                    title: s.title.clone(),
                    state: match run.marks.get(&s.id) {
                        Some(mark) => *mark,
                        None if n == at && run.ended.is_empty() => StepMark::Current,
                        None => StepMark::Todo,
                    },
                })
                .collect(),
            at,
            ended: run.ended.clone(),
            waiting: run.waiting.clone(),
        })
    }
}
