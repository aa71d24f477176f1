//! `qd check`

use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::feed::kube::access::{CheckRow, CheckState};
use crate::text::clean;

/// Of each source: reachable, permitted, or the missing grant; and of the keymap, the theme and the terminal. Wrong when a
/// needed one is refused or unreachable, or a file is wrong.
///
/// JSON: `{"checks": [{source, what, needed, state, detail}]}`; `state` is one of `ok`, `missing`, `unreachable`,
/// `unknown`, `absent` (the server does not have it), `wrong` (a file of the configuration); `detail` is the grant that is
/// missing, why, or what there is to say of it.
pub fn check(rows: &[CheckRow], output: Output) -> Answer {
    let doubts: Vec<String> = rows
        .iter()
        .filter_map(|r| match &r.state {
            CheckState::Unknown { why } => Some(clean(&format!("{}: {why}", r.what)).into_owned()),
            _ => None,
        })
        .collect();
    let wrong = |r: &CheckRow| {
        matches!(r.state, CheckState::Unreachable { .. } | CheckState::Wrong { .. })
            || r.needed && matches!(r.state, CheckState::Missing { .. })
    };
    let verdict = Verdict::of(rows.iter().any(wrong), &doubts);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["SOURCE", "WHAT", "STATE", "DETAIL"]).widest(72);
            for r in rows {
                let (state, detail) = parts(&r.state);
                let detail = match &r.state {
                    CheckState::Missing { .. } if r.needed => format!("grant {detail}"),
                    CheckState::Missing { .. } => format!("optional; grant {detail}"),
                    _ => detail.to_owned(),
                };
                table.row([r.source.clone(), r.what.clone(), state.to_owned(), detail]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|r| {
                    let (state, detail) = parts(&r.state);
                    json!({
                        "source": clean(&r.source), "what": clean(&r.what), "needed": r.needed,
                        "state": state, "detail": clean(detail),
                    })
                })
                .collect();
            super::json(&json!({ "checks": rows }))
        }
    };
    Answer { text, doubts, verdict }
}

/// That the cluster is not connected, and why.
pub fn no_cluster(state: CheckState) -> CheckRow {
    CheckRow {
        source: "kubernetes".to_owned(),
        what: "connect".to_owned(),
        needed: true,
        state,
    }
}

fn parts(state: &CheckState) -> (&'static str, &str) {
    match state {
        CheckState::Ok => ("ok", ""),
        CheckState::Missing { grant } => ("missing", grant),
        CheckState::Unreachable { why } => ("unreachable", why),
        CheckState::Unknown { why } => ("unknown", why),
        CheckState::Absent { why } => ("absent", why),
        CheckState::Said { what } => ("ok", what),
        CheckState::Wrong { why } => ("wrong", why),
    }
}
