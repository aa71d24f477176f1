//! `qd runbook`: the runbooks there are, one of them as it is written, the facts that they may use, and what is wrong
//! with a file.

use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict};
use crate::app::unattended::End;
use crate::cli::Output;
use crate::runbook::facts::registry;
use crate::runbook::format::Problem;
use crate::runbook::library::{Library, is_built_in};
use crate::text;

fn fine(text: String) -> Answer {
    Answer {
        text,
        doubts: Vec::new(),
        verdict: Verdict::Fine,
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.fold(String::new(), |mut out, line| {
        out.push_str(&line);
        out.push('\n');
        out
    })
}

/// JSON: `{"runbooks": [{id, built_in, file, title, answers, use_when, owner, verified, steps}]}`.
pub fn list(library: &Library, output: Output) -> Answer {
    fine(match output {
        Output::Table => {
            let mut table = Table::new(["ID", "STEPS", "ANSWERS", "TITLE", "FILE"]);
            for book in library.iter() {
                table.row([
                    book.id.clone(),
                    book.steps.len().to_string(),
                    book.answers.join(","),
                    book.title.clone(),
                    if is_built_in(book) {
                        "built in".to_owned()
                    } else {
                        book.file.clone()
                    },
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = library
                .iter()
                .map(|b| {
                    json!({
                        "id": b.id, "built_in": is_built_in(b), "file": b.file, "title": b.title, "answers": b.answers, "use_when": b.use_when, "owner": b.owner,
                        "verified": b.verified.map(|d| d.to_string()), "steps": b.steps.iter().map(|s| &s.title).collect::<Vec<_>>(),
                    })
                })
                .collect();
            format!("{}\n", json!({ "runbooks": rows }))
        }
    })
}

/// A runbook as it is written, made harmless line by line.
pub fn show(source: &str) -> Answer {
    fine(lines(source.lines().map(|l| text::clean(l).into_owned())))
}

/// Every fact: its type, what it says, and of what it is made. JSON: `{"facts": [{path, type, doc, from}]}`.
pub fn facts(output: Output) -> Answer {
    fine(match output {
        Output::Table => {
            let mut table = Table::new(["FACT", "TYPE", "FROM", "WHAT IT SAYS"]);
            for f in registry() {
                table.row([
                    f.path.to_owned(),
                    format!("{:?}", f.kind).to_lowercase(),
                    f.from.to_owned(),
                    f.doc.to_owned(),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = registry()
                .map(|f| {
                    json!({
                        "path": f.path, "type": format!("{:?}", f.kind).to_lowercase(), "doc": f.doc, "from": f.from,
                    })
                })
                .collect();
            format!("{}\n", json!({ "facts": rows }))
        }
    })
}

/// What happened in a run without a screen, as one line: the JSON as it is, or a sentence.
pub fn line(told: &serde_json::Value, output: Output) -> String {
    if output == Output::Json {
        return format!("{told}\n");
    }
    let text =
        |key: &str| text::clean(told.get(key).and_then(serde_json::Value::as_str).unwrap_or_default()).into_owned();
    let number = told
        .get("number")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default();
    let sentence = match text("event").as_str() {
        "step" => format!("{number:>3}  {:<8} {}  {}", text("state"), text("title"), text("text")),
        "plan" => {
            let steps = told.get("steps").and_then(serde_json::Value::as_array);
            let same = steps.into_iter().flatten().filter_map(|s| s.get("same_as")?.as_str());
            let same: Vec<String> = same.map(|s| format!("\n     {}", text::clean(s))).collect();
            format!("     plan ({}): {}{}", text("risk"), text("title"), same.concat())
        }
        "refused" => format!("     no plan: {}; {}", text("what"), text("hint")),
        "output" => format!("     | {}", text("line")),
        "message" => format!("     for {}:\n{}", text("to"), text("text")),
        "stopped" => format!("     stopped: {}", text("why")),
        _ => format!("run {}: {}", text("run"), text("status")),
    };
    format!("{}\n", sentence.trim_end())
}

/// What the end of a run says of the platform.
pub const fn verdict(end: End) -> Verdict {
    match end {
        End::Done => Verdict::Fine,
        End::Stopped => Verdict::Wrong,
        End::Unknown => Verdict::Unknown,
    }
}

/// `file:line:column: what`, a line each; wrong when there is one.
pub fn lint(problems: &[Problem]) -> Answer {
    Answer {
        text: lines(problems.iter().map(ToString::to_string)),
        doubts: Vec::new(),
        verdict: if problems.is_empty() {
            Verdict::Fine
        } else {
            Verdict::Wrong
        },
    }
}
