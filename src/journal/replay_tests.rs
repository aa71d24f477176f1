//! A journal that ends anywhere gives a state that is true.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::replay::{Fate, Replay};
use super::*;

fn who(session: &str) -> Who {
    Who {
        host: "bastion-1".into(),
        pid: 42,
        session: session.into(),
        build: "quarterdeck/0.1.0".into(),
        actor: Actor {
            os_user: "k.lind".into(),
            uid: 1000,
            ..Actor::default()
        },
        mode: Mode::Live,
    }
}

fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_secs(second)
}

/// What somebody does with one of three runs, each of which makes one change.
#[derive(Clone, Copy, Debug)]
enum Op {
    Step(u8),
    Confirm(u8),
    Intent(u8),
    Result(u8, bool),
    Said(u8, bool),
    Over(u8),
    Note,
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0..3u8;
    prop_oneof![
        n.clone().prop_map(Op::Step),
        n.clone().prop_map(Op::Confirm),
        n.clone().prop_map(Op::Intent),
        (n.clone(), any::<bool>()).prop_map(|(n, ok)| Op::Result(n, ok)),
        (n.clone(), any::<bool>()).prop_map(|(n, yes)| Op::Said(n, yes)),
        n.prop_map(Op::Over),
        Just(Op::Note),
    ]
}

fn run(n: u8, what: &str, over: bool, change: bool) -> Entry {
    let mut entry = Entry::new(RecordKind::Run, what);
    entry.runbook = Some(RunbookRef {
        id: "worker-backlog".into(),
        sha256: "ab".into(),
        step: "scale".into(),
        run: format!("7f3{n}"),
    });
    entry.data =
        json!({"started": "12:00", "title": "Worker backlog", "at": 4, "of": 7, "over": over, "saved": {"v": 1}});
    if change {
        entry.data["change"] = json!({"plan": format!("plan{n}"), "title": "Scale", "undo": null});
    }
    entry
}

fn about(kind: RecordKind, n: u8) -> Entry {
    Entry {
        plan_hash: format!("plan{n}"),
        ..Entry::new(kind, "scale")
    }
}

/// What is true of one run and its change, told by the operations alone.
#[derive(Clone, Debug, Default, PartialEq)]
struct Truth {
    begun: bool,
    over: bool,
    confirmed: bool,
    intents: usize,
    /// Of each intent, whether somebody says that it happened.
    answers: Vec<Option<bool>>,
}

/// What was true once so many bytes were written.
type Marks = Vec<(usize, [Truth; 3])>;

/// Writes them one after the other; gives the bytes, and what was true once so many bytes were written.
fn play(ops: &[Op], dir: &std::path::Path) -> (String, Vec<u8>, Marks) {
    let journal = Journal::open(dir, who("s1")).unwrap();
    let path = journal.path(at(0));
    let mut truth: [Truth; 3] = Default::default();
    let mut tickets: [Vec<Option<Ticket>>; 3] = Default::default();
    let mut states = vec![(0, truth.clone())];
    for (i, op) in ops.iter().enumerate() {
        let now = at(i as i64);
        let add = |entry: Entry| journal.append_at(entry, now).unwrap();
        match *op {
            Op::Note => {
                add(Entry::new(RecordKind::Note, "note"));
            }
            Op::Step(n) | Op::Over(n) | Op::Confirm(n) => {
                let t = &mut truth[usize::from(n)];
                t.begun = true;
                t.over |= matches!(op, Op::Over(_));
                t.confirmed = matches!(op, Op::Confirm(_)) && !t.over;
                add(run(n, "step", t.over, matches!(op, Op::Confirm(_))));
            }
            Op::Intent(n) => {
                tickets[usize::from(n)].push(Some(journal.written(about(RecordKind::Intent, n), now).unwrap()));
                let t = &mut truth[usize::from(n)];
                t.intents += 1;
                t.answers.push(None);
            }
            Op::Result(n, ok) => {
                let n = usize::from(n);
                let open = tickets[n].iter().position(Option::is_some);
                let Some(open) = open.filter(|i| truth[n].answers[*i].is_none()) else {
                    continue;
                };
                let mut entry = about(RecordKind::Result, n as u8);
                entry.outcome = if ok { "applied" } else { "refused: no" }.into();
                let ticket = tickets[n][open].take().unwrap();
                entry.data = json!({ "intent": ticket.hash });
                add(entry);
                truth[n].answers[open] = Some(ok);
            }
            Op::Said(n, yes) => {
                let n = usize::from(n);
                let Some(open) = truth[n].answers.iter().position(Option::is_none) else {
                    continue;
                };
                let mut entry = Entry::new(RecordKind::Override, "looked");
                let ticket = tickets[n][open].take().unwrap();
                entry.data = json!({"intent": ticket.hash, "happened": yes});
                add(entry);
                truth[n].answers[open] = Some(yes);
            }
        }
        states.push((std::fs::metadata(&path).unwrap().len() as usize, truth.clone()));
    }
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let bytes = std::fs::read(&path).unwrap_or_default();
    (name, bytes, states)
}

fn agrees(replay: &Replay, truth: &[Truth; 3]) -> Result<(), TestCaseError> {
    for (n, t) in truth.iter().enumerate() {
        let found = replay.runs().find(|r| r.book.run == format!("7f3{n}"));
        prop_assert_eq!(found.is_some(), t.begun);
        if let Some(found) = found {
            prop_assert_eq!(found.over, t.over);
            prop_assert_eq!(found.change.is_some() && !found.over, t.confirmed);
        }
        let plan = format!("plan{n}");
        let open = replay.unanswered().iter().filter(|i| i.plan == plan).count();
        prop_assert_eq!(open, t.answers.iter().filter(|a| a.is_none()).count());
        match replay.fate(&plan) {
            Fate::NotSent => prop_assert_eq!(t.intents, 0),
            Fate::Unknown(_) => prop_assert!(t.answers.contains(&None)),
            Fate::Ended { applied, whole, .. } => {
                prop_assert!(!t.answers.contains(&None) && t.intents > 0);
                prop_assert_eq!(applied, t.answers.contains(&Some(true)));
                prop_assert_eq!(whole, !t.answers.contains(&Some(false)));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_cut_at_any_byte_says_what_was_true_then(ops in prop::collection::vec(op(), 0..14), share in 0.0_f64..=1.0) {
        let dir = tempfile::tempdir().unwrap();
        let (name, bytes, states) = play(&ops, dir.path());
        let cuts = [((bytes.len() as f64) * share) as usize, bytes.len()];
        for cut in cuts {
            let reading = read::parse(&name, &bytes[..cut]);
            // A record whose line break alone is missing was written.
            let (_, truth) = states.iter().rev().find(|(end, _)| end.saturating_sub(1) <= cut).unwrap();
            agrees(&Replay::of(&reading.records), truth)?;
            // The same, whatever order the records are read in, and read twice.
            let backwards: Vec<&Record> = reading.records.iter().rev().chain(&reading.records).collect();
            agrees(&Replay::of(backwards), truth)?;
            // The next console heals the line, says so, and loses nothing.
            let again = tempfile::tempdir().unwrap();
            std::fs::write(again.path().join(&name), &bytes[..cut]).unwrap();
            let journal = Journal::open(again.path(), who("s2")).unwrap();
            journal.append_at(Entry::new(RecordKind::SessionStart, "session"), at(1000)).unwrap();
            let healed = read(&journal.path(at(1000))).unwrap();
            prop_assert!(healed.is_whole(), "{:?}", healed.bad);
            prop_assert_eq!(healed.torn.is_empty(), reading.torn.is_empty());
            agrees(&Replay::of(&healed.records), truth)?;
        }
    }
}

#[test]
fn an_answer_that_knows_counts_more_than_one_that_does_not_and_a_person_may_answer_that_one() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), who("s1")).unwrap();
    let ticket = journal.written(about(RecordKind::Intent, 0), at(0)).unwrap();
    let hash = ticket.hash.clone();
    let mut result = about(RecordKind::Result, 0);
    result.outcome = "unknown: 504".into();
    journal.result(ticket, result).unwrap();
    let fold = || {
        let files = files(dir.path()).unwrap();
        let all: Vec<Reading> = files.iter().map(|f| read(f).unwrap()).collect();
        Replay::of(all.iter().flat_map(|r| &r.records)).fate("plan0")
    };
    assert_eq!(fold(), Fate::Unknown("unknown: 504".into()));
    let mut said = Entry::new(RecordKind::Override, "looked");
    said.data = json!({"intent": hash, "happened": true});
    said.reason = "5 of 5 are there".into();
    journal.append(said).unwrap();
    assert!(matches!(
        fold(),
        Fate::Ended {
            applied: true,
            whole: true,
            ..
        }
    ));
}

#[test]
fn what_became_of_a_plan_says_why_a_step_of_it_was_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), who("s1")).unwrap();
    let mut confirm = about(RecordKind::Confirm, 0);
    confirm.data = json!({"steps": 2});
    journal.append(confirm).unwrap();
    let fate = || {
        let all: Vec<Reading> = files(dir.path()).unwrap().iter().map(|f| read(f).unwrap()).collect();
        Replay::of(all.iter().flat_map(|r| &r.records)).fate("plan0")
    };
    let ended = |applied, outcome: &str| Fate::Ended {
        applied,
        whole: false,
        outcome: outcome.to_owned(),
        verdict: None,
    };
    assert_eq!(fate(), Fate::NotSent);
    let mut left = about(RecordKind::Result, 0);
    left.outcome = "not sent: b is gone".into();
    journal.append(left).unwrap();
    assert_eq!(fate(), ended(false, "not sent: b is gone"));
    let ticket = journal.intent(about(RecordKind::Intent, 0)).unwrap();
    let mut result = about(RecordKind::Result, 0);
    result.outcome = "applied".into();
    journal.result(ticket, result).unwrap();
    assert_eq!(
        fate(),
        ended(true, "applied; 1 of 2 requests were sent (not sent: b is gone)")
    );
}

#[test]
fn a_new_day_goes_on_from_the_last_ones_head_and_a_removed_end_shows() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), who("s1")).unwrap();
    let other = Journal::open(
        dir.path(),
        Who {
            host: "bastion-2".into(),
            ..who("s9")
        },
    )
    .unwrap();
    let day = SignedDuration::from_hours(24);
    let note = || Entry::new(RecordKind::Note, "note");
    other.append_at(note(), at(0)).unwrap();
    journal.append_at(note(), at(0) - day).unwrap();
    journal.append_at(note(), at(1) - day).unwrap();
    journal.append_at(note(), at(0) + day).unwrap();
    let first = journal.path(at(0) - day);
    let last = read(&journal.path(at(0) + day)).unwrap();
    let link = &last.records[0];
    assert_eq!(
        (last.bad.as_ref(), link.entry.kind, link.seq),
        (None, RecordKind::Rotate, 1)
    );
    assert_eq!(link.entry.data["head"], read(&first).unwrap().head().unwrap().1);
    let verdict = || {
        let leaves: Vec<Leaf> = files(dir.path())
            .unwrap()
            .into_iter()
            .map(|path| Leaf {
                reading: read(&path).unwrap(),
                path,
            })
            .collect();
        let found = leaves.iter().find_map(|l| unlinked(l, &leaves));
        (leaves.iter().all(|l| l.reading.is_whole()), found)
    };
    assert_eq!(verdict(), (true, None));
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, format!("{}\n", text.lines().next().unwrap())).unwrap();
    let (whole, found) = verdict();
    assert!(whole, "the chain alone does not show it");
    assert!(found.unwrap().contains("record 2 is missing"));
}

#[test]
fn the_first_bad_record_is_named_by_line_and_number() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), who("s1")).unwrap();
    for _ in 0..4 {
        journal.append_at(Entry::new(RecordKind::Note, "note"), at(0)).unwrap();
    }
    let path = journal.path(at(0));
    let name = path.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let bad = |text: &str| read::parse(name, text.as_bytes()).bad.map(|b| (b.line, b.seq));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(bad(&text), None);
    assert_eq!(bad(&text.replacen("\"note\"", "\"other\"", 1)), Some((1, 1)));
    assert_eq!(bad(&[lines[0], lines[2], lines[3]].join("\n")), Some((2, 3)));
    assert_eq!(bad(&[lines[0], "{", lines[1]].join("\n")), Some((2, 2)));
    assert_eq!(
        bad(&format!("{}\n{}", lines[0], lines[1].get(..90).unwrap())),
        Some((2, 2))
    );
}

#[test]
fn the_ledger_of_a_journal_cut_at_any_byte_says_what_was_true_then() {
    use super::recent::Recent;
    use super::temporary::{MARK, Mark, TOOK, Took};

    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), who("s1")).unwrap();
    let path = journal.path(at(0));
    let change = |was: &str, becomes: &str, opens: bool| {
        let mark = Mark {
            family: "rollout".into(),
            words: becomes.into(),
            was: was.into(),
            becomes: becomes.into(),
            opens,
            minutes: 60,
            ends: false,
            undo: serde_json::Value::Null,
            undo_words: String::new(),
        };
        let mut entry = about(RecordKind::Intent, 0);
        entry.target = Some(Target {
            kind: "Deployment".into(),
            name: "web".into(),
            ..Target::default()
        });
        entry.data = json!({ MARK: mark });
        entry
    };
    // Once so many bytes are written: the entry is open, and certain; something is on its way.
    let mut truth = vec![(0, None, false)];
    let mut wrote = |state: Option<bool>, under_way: bool| {
        truth.push((std::fs::read(&path).unwrap().len(), state, under_way));
    };
    let mut send = |was: &str, becomes: &str, opens: bool, took: Took, second: i64, [sent, then]: [Option<bool>; 2]| {
        let ticket = journal.written(change(was, becomes, opens), at(second)).unwrap();
        wrote(sent, true);
        let mut result = about(RecordKind::Result, 0);
        result.data = json!({ TOOK: took });
        journal.result_at(ticket, result, at(second)).unwrap();
        wrote(then, false);
    };
    send("running", "paused", true, Took::No, 0, [None, None]);
    send("running", "paused", true, Took::Unknown, 1, [None, Some(false)]);
    send("running", "paused", true, Took::Yes, 2, [Some(false), Some(true)]);
    send("paused", "running", false, Took::Yes, 3, [Some(true), None]);
    let bytes = std::fs::read(&path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let target = change("", "", true).target.unwrap();
    for cut in 0..=bytes.len() {
        let reading = read::parse(&name, &bytes[..cut]);
        let (_, open, under_way) = truth
            .iter()
            .rev()
            .find(|(end, ..)| end.saturating_sub(1) <= cut)
            .unwrap();
        let ledger = Ledger::of(&reading.records);
        let found = ledger.open(at(10)).first().map(|t| t.certain);
        assert_eq!(found, *open, "cut at {cut}");
        let mut recent = Recent::default();
        reading.records.iter().for_each(|r| recent.take(r));
        assert_eq!(
            recent.of(&target).any(|(_, d)| d.is_under_way(at(10))),
            *under_way,
            "cut at {cut}"
        );
        // Two minutes later what has no answer stands there as uncertain.
        let late = ledger.open(at(200)).len();
        assert_eq!(late, usize::from(open.is_some() || *under_way), "cut at {cut}");
    }
}
