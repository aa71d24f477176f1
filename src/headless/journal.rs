//! `qd journal`: what was done, by whom and with what result; and whether the record is whole.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::journal::replay::Replay;
use crate::journal::{Bad, Leaf, Reading, Record, RecordKind, merged, unlinked};
use crate::text;

/// Which records are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub since: Option<Timestamp>,
    /// The first moment that is not asked for.
    pub until: Option<Timestamp>,
    pub incident: Option<String>,
    pub run: Option<String>,
    /// Empty: all of them.
    pub kinds: Vec<RecordKind>,
    /// The person, as the table's column WHO names them.
    pub user: Option<String>,
}

impl Chosen {
    pub fn has(&self, record: &Record) -> bool {
        let run = record.entry.runbook.as_ref().map(|r| r.run.as_str());
        self.since.is_none_or(|t| record.ts >= t)
            && self.until.is_none_or(|t| record.ts < t)
            && self.incident.as_ref().is_none_or(|id| record.entry.incident == *id)
            && self.run.as_deref().is_none_or(|id| run == Some(id))
            && (self.kinds.is_empty() || self.kinds.contains(&record.entry.kind))
            && self.user.as_deref().is_none_or(|name| record.who() == name)
    }
}

/// A moment as a person says it: `2h` ago, `14:00` today, a day, or an exact time. All in UTC.
///
/// # Errors
/// What was expected instead.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let utc = |at: civil::DateTime| at.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let today = now.to_zoned(TimeZone::UTC).date();
    let ago = || {
        let seconds = crate::runbook::value::parse_duration(text)?;
        now.checked_sub(SignedDuration::from_secs(seconds)).ok()
    };
    let clock = || {
        text.trim_end_matches('Z')
            .parse::<civil::Time>()
            .ok()
            .and_then(|t| utc(today.to_datetime(t)))
    };
    let day = || {
        text.parse::<civil::Date>()
            .ok()
            .and_then(|d| utc(d.to_datetime(civil::Time::midnight())))
    };
    let found = if text.len() == 10 && text.contains('-') {
        day()
    } else {
        ago().or_else(|| text.parse().ok()).or_else(clock)
    };
    found.ok_or_else(|| format!("`{text}` is no time; expected 90m, 2h, 7d, 14:00, 2026-11-21 or 2026-11-21T14:00:00Z"))
}

/// Whom or what a record is about: an object, or a step of a run.
pub(super) fn about(r: &Record) -> String {
    match (&r.entry.target, &r.entry.runbook) {
        (Some(t), _) => format!("{} {}/{}/{}", t.context, t.kind.to_lowercase(), t.namespace, t.name),
        (None, Some(run)) if run.step.is_empty() => format!("{} (run {})", run.id, run.run),
        (None, Some(run)) => format!("{} {} (run {})", run.id, run.step, run.run),
        (None, None) => String::new(),
    }
}

/// Intents of which nothing says what became of them, a sentence each.
pub(super) fn unanswered(leaves: &[Leaf]) -> Vec<String> {
    let replay = Replay::of(leaves.iter().flat_map(|l| &l.reading.records));
    let sentence = |i: &crate::journal::replay::Intent| {
        let target = i
            .target
            .as_ref()
            .map(|t| format!("{} {}/{}/{}", t.context, t.kind.to_lowercase(), t.namespace, t.name));
        format!(
            "{} {} of {} by {} has no result on record: look what became of it",
            i.what,
            target.unwrap_or_default(),
            i.at.strftime("%Y-%m-%d %H:%M:%SZ"),
            i.who,
        )
    };
    replay.unanswered().into_iter().map(sentence).collect()
}

/// The records of all files by their time. Wrong when an intent has no result: nobody knows what became of it.
///
/// JSON: one record a line, as the file has it.
pub fn show(leaves: &[Leaf], chosen: &Chosen, output: Output) -> Answer {
    let mut doubts: Vec<String> = leaves.iter().filter_map(broken).collect();
    let unanswered = unanswered(leaves);
    let verdict = Verdict::of(!unanswered.is_empty(), &doubts);
    doubts.extend(unanswered);
    let records = merged(leaves.iter().map(|l| &l.reading));
    let records = records.into_iter().filter(|r| chosen.has(r));
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["TIME", "WHO", "KIND", "WHAT", "ABOUT", "OUTCOME", "REASON"]);
            for r in records {
                table.row([
                    r.ts.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                    r.who().to_owned(),
                    r.entry.kind.word().to_owned(),
                    r.entry.what.clone(),
                    about(r),
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
pub(super) fn lines(all: impl Iterator<Item = String>) -> String {
    all.fold(String::new(), |mut out, line| {
        out.push_str(&text::clean(&line));
        out.push('\n');
        out
    })
}

fn broken(leaf: &Leaf) -> Option<String> {
    let Bad { line, seq, what } = leaf.reading.bad.as_ref()?;
    Some(format!("{}:{line}: record {seq}: {what}", leaf.path.display()))
}

fn healed(reading: &Reading) -> String {
    match reading.torn.iter().filter(|t| t.healed).count() {
        0 => "whole".to_owned(),
        1 => "whole; 1 line was cut off, as is on record".to_owned(),
        n => format!("whole; {n} lines were cut off, as is on record"),
    }
}

/// Whether each file is whole: its hash chain holds, no line is cut, and what the next file says of it is so. Names the
/// first bad record of each as `file:line: record N: what`.
///
/// JSON: `{"files": [{file, records, whole, problem, head}]}`.
pub fn verify(leaves: &[Leaf], output: Output) -> Answer {
    let problems: Vec<Option<String>> = leaves
        .iter()
        .map(|l| broken(l).or_else(|| unlinked(l, leaves)))
        .collect();
    let verdict = if problems.iter().all(Option::is_none) {
        Verdict::Fine
    } else {
        Verdict::Wrong
    };
    let rows = leaves.iter().zip(&problems);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["FILE", "RECORDS", "STATE"]);
            for (l, problem) in rows {
                table.row([
                    l.path.display().to_string(),
                    l.reading.records.len().to_string(),
                    problem.clone().unwrap_or_else(|| healed(&l.reading)),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let files: Vec<_> = rows
                .map(|(l, problem)| {
                    json!({
                        "file": text::clean(&l.path.display().to_string()), "records": l.reading.records.len(),
                        "whole": problem.is_none(), "problem": text::clean(problem.as_deref().unwrap_or_default()),
                        "head": l.reading.head().map(|(_, hash)| hash),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Entry, RunbookRef};

    fn record(minute: i64, who: &str, entry: Entry) -> Record {
        let start: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
        let mut line = json!({
            "v": 1, "seq": minute + 1, "ts": start + SignedDuration::from_mins(minute), "host": "h", "pid": 1,
            "session": "s", "build": "b", "actor": {"os_user": "root", "sudo_user": who, "uid": 0}, "mode": "live",
            "prev_hash": "", "hash": "",
        });
        let entry = serde_json::to_value(entry).unwrap();
        line.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn each_filter_keeps_what_it_names_and_together_they_keep_what_all_name() {
        let mut run = Entry::new(RecordKind::Run, "started");
        run.runbook = Some(RunbookRef {
            run: "7f3a".to_owned(),
            ..RunbookRef::default()
        });
        let mut note = Entry::new(RecordKind::Note, "note");
        note.incident = "INC-1".to_owned();
        let all = [
            record(0, "k.lind", run.clone()),
            record(1, "m.rossi", note),
            record(2, "m.rossi", run),
            record(3, "k.lind", Entry::new(RecordKind::Result, "scale")),
        ];
        let kept = |chosen: Chosen| -> Vec<u64> { all.iter().filter(|r| chosen.has(r)).map(|r| r.seq).collect() };
        let some = |text: &str| Some(text.to_owned());
        let none = Chosen::default;
        assert_eq!(kept(none()), [1, 2, 3, 4]);
        let (run, incident) = (some("7f3a"), some("INC-1"));
        assert_eq!(
            kept(Chosen {
                run: run.clone(),
                ..none()
            }),
            [1, 3]
        );
        assert_eq!(kept(Chosen { incident, ..none() }), [2]);
        let user = some("m.rossi");
        assert_eq!(
            kept(Chosen {
                user: user.clone(),
                ..none()
            }),
            [2, 3]
        );
        assert_eq!(
            kept(Chosen {
                user: some("root"),
                ..none()
            }),
            [0u64; 0],
            "who sat there, not the account"
        );
        let kinds = vec![RecordKind::Note, RecordKind::Result];
        assert_eq!(kept(Chosen { kinds, ..none() }), [2, 4]);
        let since = Some("2026-11-21T18:01:00Z".parse().unwrap());
        assert_eq!(kept(Chosen { since, ..none() }), [2, 3, 4]);
        let until = Some("2026-11-21T18:03:00Z".parse().unwrap());
        let kinds = vec![RecordKind::Run];
        assert_eq!(
            kept(Chosen {
                since,
                until,
                run,
                user,
                kinds,
                incident: None
            }),
            [3]
        );
    }

    #[test]
    fn every_kind_is_named_by_its_own_word_and_a_wrong_one_is_told_the_right_ones() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::parse(kind.word()), Ok(kind));
        }
        let why = RecordKind::parse("intents").unwrap_err();
        assert!(why.contains("`intents`") && why.contains("intent, result"), "{why}");
    }

    #[test]
    fn a_moment_is_understood_as_people_say_it_and_nothing_else_is() {
        let now: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
        for (text, at) in [
            ("2h", "2026-11-21T16:00:00Z"),
            ("1d", "2026-11-20T18:00:00Z"),
            ("14:02", "2026-11-21T14:02:00Z"),
            ("14:02Z", "2026-11-21T14:02:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T14:00:00Z", "2026-11-20T14:00:00Z"),
        ] {
            assert_eq!(moment(text, now), Ok(at.parse().unwrap()), "{text}");
        }
        for text in ["", "yesterday", "5", "2026-13-01", "25:00"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }
}
