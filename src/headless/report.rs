//! `qd report`: what was done, by whom, why and with what result, for whoever was not there.

use super::{Answer, Verdict};
use crate::cli::ReportForm;
use crate::journal::report::{Head, Report, Scope};
use crate::journal::{Leaf, merged};
use crate::text;

/// The report of these files. Wrong when a file is not whole or a change has no result on record.
///
/// JSON: one document; its fields are those of [`Report`].
///
/// # Errors
/// There is no such incident.
pub fn report(leaves: &[Leaf], scope: &Scope, form: ReportForm) -> Result<Answer, String> {
    let report = Report::of(&merged(leaves.iter().map(|l| &l.reading)), scope, heads(leaves))?;
    let mut doubts: Vec<String> = leaves
        .iter()
        .filter(|l| !l.reading.is_whole())
        .map(|l| format!("{} is not what was written: see qd journal verify", l.path.display()))
        .collect();
    doubts.extend(
        report
            .actions
            .iter()
            .filter(|a| a.came == "unknown")
            .map(|a| format!("{} {} of {}: {}", a.what, a.target, a.at, a.verdict)),
    );
    let text = match form {
        ReportForm::Md => report.markdown(),
        ReportForm::Json => {
            let document = serde_json::to_value(&report).map_err(|e| e.to_string())?;
            text::clean(&document.to_string()).into_owned() + "\n"
        }
    };
    Ok(Answer {
        text,
        verdict: Verdict::of(!doubts.is_empty(), &[]),
        doubts,
    })
}

/// How each file ends.
pub fn heads(leaves: &[Leaf]) -> Vec<Head> {
    leaves
        .iter()
        .filter_map(|l| {
            let (seq, hash) = l.reading.head()?;
            Some(Head {
                file: l.name(),
                seq,
                hash: hash.to_owned(),
                whole: l.reading.is_whole(),
            })
        })
        .collect()
}
