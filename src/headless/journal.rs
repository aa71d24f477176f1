//! `qd journal`: what was done, by whom and with what result; and whether the record is whole.

use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::journal::{Reading, Record, RecordKind};
use crate::text;

/// A file of the journal, read.
pub struct Leaf {
    pub name: String,
    pub reading: Reading,
}

impl Leaf {
    /// Whether every line is a record and each follows from the one before it.
    fn is_whole(&self) -> bool {
        self.reading.torn.is_empty() && self.reading.broken_at.is_none()
    }
}

const fn word(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::SessionStart => "session-start",
        RecordKind::SessionEnd => "session-end",
        RecordKind::Plan => "plan",
        RecordKind::Confirm => "confirm",
        RecordKind::Intent => "intent",
        RecordKind::Result => "result",
        RecordKind::Verify => "verify",
        RecordKind::Undo => "undo",
        RecordKind::Abort => "abort",
        RecordKind::Override => "override",
        RecordKind::Approval => "approval",
        RecordKind::Param => "param",
        RecordKind::Note => "note",
        RecordKind::Run => "run",
        RecordKind::Incident => "incident",
        RecordKind::Temporary => "temporary",
        RecordKind::Export => "export",
        RecordKind::Error => "error",
        RecordKind::Heal => "heal",
    }
}

fn target(r: &Record) -> String {
    r.entry.target.as_ref().map_or_else(String::new, |t| {
        format!("{} {}/{}/{}", t.context, t.kind.to_lowercase(), t.namespace, t.name)
    })
}

/// The records in order. Wrong when an intent has no result: nobody knows what became of it.
///
/// JSON: one record a line, as the file has it.
pub fn show(leaves: &[Leaf], output: Output) -> Answer {
    let mut doubts: Vec<String> = leaves.iter().filter(|l| !l.is_whole()).map(broken).collect();
    let unanswered: Vec<String> = leaves
        .iter()
        .flat_map(|l| l.reading.unanswered())
        .map(|r| {
            format!(
                "{} {} of {} has no result on record: look what became of it",
                r.entry.what,
                target(r),
                r.ts.strftime("%Y-%m-%d %H:%M:%SZ")
            )
        })
        .collect();
    let verdict = Verdict::of(!unanswered.is_empty(), &doubts);
    doubts.extend(unanswered);
    let records = leaves.iter().flat_map(|l| &l.reading.records);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["TIME", "WHO", "KIND", "WHAT", "TARGET", "OUTCOME", "REASON"]);
            for r in records {
                let who = if r.actor.sudo_user.is_empty() {
                    &r.actor.os_user
                } else {
                    &r.actor.sudo_user
                };
                table.row([
                    r.ts.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                    who.clone(),
                    word(r.entry.kind).to_owned(),
                    r.entry.what.clone(),
                    target(r),
                    r.entry.outcome.clone(),
                    text::truncate_end(&r.entry.reason, 60).into_owned(),
                ]);
            }
            table.to_string()
        }
        Output::Json => lines(records.filter_map(|r| serde_json::to_string(r).ok())),
    };
    Answer { text, doubts, verdict }
}

/// Each on a line of its own, made harmless.
fn lines(all: impl Iterator<Item = String>) -> String {
    all.fold(String::new(), |mut out, line| {
        out.push_str(&text::clean(&line));
        out.push('\n');
        out
    })
}

fn broken(leaf: &Leaf) -> String {
    match (leaf.reading.broken_at, leaf.reading.torn.first()) {
        (Some(seq), _) => format!(
            "{}: record {seq} does not follow from the one before it: the file was changed",
            leaf.name
        ),
        (None, Some(torn)) => format!(
            "{}: {} bytes at {} are no record: a line was cut off",
            leaf.name, torn.len, torn.offset
        ),
        (None, None) => String::new(),
    }
}

/// Whether each file is whole: its hash chain holds and no line is cut. Names the first bad record of each.
///
/// JSON: `{"files": [{file, records, whole, problem}]}`.
pub fn verify(leaves: &[Leaf], output: Output) -> Answer {
    let verdict = if leaves.iter().all(Leaf::is_whole) {
        Verdict::Fine
    } else {
        Verdict::Wrong
    };
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["FILE", "RECORDS", "STATE"]);
            for l in leaves {
                table.row([
                    l.name.clone(),
                    l.reading.records.len().to_string(),
                    if l.is_whole() { "whole".to_owned() } else { broken(l) },
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let files: Vec<_> = leaves
                .iter()
                .map(|l| {
                    json!({
                        "file": text::clean(&l.name), "records": l.reading.records.len(), "whole": l.is_whole(),
                        "problem": text::clean(&broken(l)),
                    })
                })
                .collect();
            format!("{}\n", json!({ "files": files }))
        }
    };
    Answer {
        text,
        doubts: Vec::new(),
        verdict,
    }
}
