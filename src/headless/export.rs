//! `qd journal export`: records for others, with what lets them check later that nothing was changed.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::journal::{Chosen, about, lines, unanswered};
use super::{Answer, Verdict};
use crate::cli::ExportForm;
use crate::journal::{Leaf, Record, merged};
use crate::text;

/// The chosen records of all files. Wrong when an intent has no result or a file is not whole.
pub fn export(leaves: &[Leaf], chosen: &Chosen, form: ExportForm, now: Timestamp) -> Answer {
    let records: Vec<&Record> = merged(leaves.iter().map(|l| &l.reading))
        .into_iter()
        .filter(|r| chosen.has(r))
        .collect();
    let mut doubts = unanswered(leaves);
    doubts.extend(leaves.iter().filter_map(|l| {
        let bad = l.reading.bad.as_ref()?;
        Some(format!(
            "{}:{}: record {}: {}",
            l.path.display(),
            bad.line,
            bad.seq,
            bad.what
        ))
    }));
    let verdict = Verdict::of(!doubts.is_empty(), &[]);
    let text = match form {
        ExportForm::Jsonl => {
            let head = json!({ "export": {
                "made_at": now, "since": chosen.since, "until": chosen.until, "incident": chosen.incident,
                "run": chosen.run, "records": records.len(), "files": heads(leaves), "doubts": doubts,
            }});
            let records = records.iter().filter_map(|r| serde_json::to_string(r).ok());
            lines(std::iter::once(head.to_string()).chain(records))
        }
        ExportForm::Markdown => page(leaves, chosen, &records, &doubts, now),
    };
    Answer { text, doubts, verdict }
}

fn heads(leaves: &[Leaf]) -> Vec<serde_json::Value> {
    leaves
        .iter()
        .map(|l| {
            let head = l.reading.head();
            json!({
                "file": l.name(), "records": l.reading.records.len(), "seq": head.map(|(seq, _)| seq),
                "head": head.map(|(_, hash)| hash), "whole": l.reading.is_whole(),
            })
        })
        .collect()
}

fn page(leaves: &[Leaf], chosen: &Chosen, records: &[&Record], doubts: &[String], now: Timestamp) -> String {
    let time = |t: Timestamp| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let mut out = String::from("# Journal\n\n");
    let mut range = String::new();
    if let Some(since) = chosen.since {
        let _ = write!(range, " from {}", time(since));
    }
    if let Some(until) = chosen.until {
        let _ = write!(range, " until {}", time(until));
    }
    if let Some(id) = &chosen.incident {
        let _ = write!(range, ", incident {id}");
    }
    if let Some(id) = &chosen.run {
        let _ = write!(range, ", run {id}");
    }
    let _ = writeln!(out, "{} records{range}; written {}.\n", records.len(), time(now));
    for doubt in doubts {
        let _ = writeln!(out, "- **{}**", cell(doubt));
    }
    if !doubts.is_empty() {
        out.push('\n');
    }
    out.push_str("| time | who | what | about | outcome | reason |\n|---|---|---|---|---|---|\n");
    for r in records {
        let e = &r.entry;
        let what = if e.what.is_empty() || e.what == e.kind.word() {
            e.kind.word().to_owned()
        } else {
            format!("{}: {}", e.kind.word(), e.what)
        };
        let fields = [&time(r.ts), r.who(), &what, &about(r), &e.outcome, &e.reason].map(cell);
        let _ = writeln!(out, "| {} |", fields.join(" | "));
    }
    out.push_str("\n## Heads of the chain\n\nAs long as these hashes are found at these numbers, what stands above is what was written.\n\n");
    out.push_str("| file | record | hash |\n|---|---|---|\n");
    for l in leaves {
        if let Some((seq, hash)) = l.reading.head() {
            let _ = writeln!(out, "| {} | {seq} | `{hash}` |", cell(&l.name()));
        }
    }
    out
}

/// Text within a table of Markdown.
fn cell(text: &str) -> String {
    text::clean(text).replace('|', "\\|")
}
