use std::io::Write as _;
use std::sync::Barrier;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOON: &str = "2026-11-21T12:00:00Z";

fn who() -> Who {
    Who {
        host: "bastion-1".into(),
        pid: 42,
        session: "s1".into(),
        build: "quarterdeck/0.1.0".into(),
        actor: Actor {
            os_user: "k.lind".into(),
            uid: 1000,
            k8s_user: "k.lind@example.com".into(),
            ..Actor::default()
        },
        mode: Mode::Live,
    }
}

fn at() -> Timestamp {
    NOON.parse().unwrap()
}

fn journal(dir: &std::path::Path) -> Journal {
    Journal::open(dir, who()).unwrap()
}

fn note(text: &str) -> Entry {
    Entry {
        reason: text.into(),
        ..Entry::new(RecordKind::Note, "note")
    }
}

#[test]
fn nothing_is_written_through_a_link_or_into_what_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path());
    let path = journal.path(at());
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let why = journal.append_at(note("one"), at()).unwrap_err().to_string();
    assert!(why.contains("open it for appending"), "{why}");
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "");
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let why = journal.append_at(note("one"), at()).unwrap_err().to_string();
    assert!(why.contains("no file"), "{why}");
    // Nor does one that lies there from another day hold anybody up.
    let earlier = journal.path(at() - jiff::SignedDuration::from_hours(24));
    std::fs::rename(&path, earlier).unwrap();
    journal.append_at(note("one"), at()).unwrap();
    let today = journal.path(at());
    let there = files(dir.path()).unwrap();
    assert!(
        there.contains(&today) && there.iter().all(|path| path.is_file()),
        "{there:?}"
    );
}

#[test]
fn what_was_written_reads_back_in_order_with_an_unbroken_chain() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    let seqs: Vec<u64> = ["a", "b", "c"].map(|t| j.append_at(note(t), at()).unwrap()).into();
    let got = read(&j.path(at())).unwrap();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(
        got.records.iter().map(|r| r.entry.reason.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    assert_eq!((got.broken_at, got.torn.len()), (None, 0));
    assert!(j.path(at()).ends_with("bastion-1-k.lind-2026-11-21.jsonl"));
}

#[test]
fn an_edit_a_removal_and_an_exchange_of_lines_all_show() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    for t in ["a", "b", "c", "d"] {
        j.append_at(note(t), at()).unwrap();
    }
    let text = std::fs::read_to_string(j.path(at())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let name = j.path(at()).file_name().unwrap().to_str().unwrap().to_owned();
    let broken = |lines: &[&str]| read::parse(&name, lines.join("\n").as_bytes()).broken_at;
    assert_eq!(broken(&lines), None);
    let edited = lines[1].replace("\"b\"", "\"x\"");
    assert_eq!(broken(&[lines[0], &edited, lines[2]]), Some(2));
    assert_eq!(broken(&[lines[0], lines[2], lines[3]]), Some(3));
    assert_eq!(broken(&[lines[0], lines[2], lines[1]]), Some(3));
    assert_eq!(
        read::parse("another-name.jsonl", text.as_bytes()).broken_at,
        Some(1),
        "files cannot be exchanged"
    );
}

#[test]
fn several_writers_at_once_interleave_whole_records_in_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let start = Barrier::new(8);
    std::thread::scope(|s| {
        for n in 0..8 {
            let (start, dir) = (&start, dir.path());
            s.spawn(move || {
                // A handle of its own, as another process has.
                let j = journal(dir);
                start.wait();
                for k in 0..10 {
                    j.append_at(note(&format!("{n}/{k}")), at()).unwrap();
                }
            });
        }
    });
    let got = read(&journal(dir.path()).path(at())).unwrap();
    assert_eq!((got.records.len(), got.broken_at, got.torn.len()), (80, None, 0));
    assert!(got.records.iter().map(|r| r.seq).eq(1..=80));
}

#[test]
fn a_result_answers_its_intent_and_an_unanswered_one_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    let first = j.intent(Entry::new(RecordKind::Intent, "scale")).unwrap();
    let second = j.intent(Entry::new(RecordKind::Intent, "restart")).unwrap();
    let open = second.seq;
    j.result(first, Entry::new(RecordKind::Result, "scale")).unwrap();
    let got = read(&j.path(Timestamp::now())).unwrap();
    assert_eq!(got.unanswered().map(|r| r.seq).collect::<Vec<_>>(), [open]);
}

#[test]
fn a_record_stays_within_its_size_and_says_what_was_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    let mut entry = note(&"ä".repeat(20_000));
    entry.request = Some(RequestSeen {
        body: json!({"spec": {"template": {"name": "x".repeat(20_000)}}}),
        body_sha256: "abc".into(),
        ..RequestSeen::default()
    });
    entry.before = json!({"template": "y".repeat(20_000)});
    j.append_at(entry, at()).unwrap();
    let text = std::fs::read_to_string(j.path(at())).unwrap();
    assert!(text.len() <= MAX_RECORD);
    let record = &read(&j.path(at())).unwrap().records[0];
    assert!(record.entry.shortened);
    assert_eq!(
        record.entry.request.as_ref().unwrap().body_sha256,
        "abc",
        "the hash stays"
    );
}

#[test]
fn nothing_in_a_line_can_steer_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    j.append_at(note("a\u{1b}]52;c;ZXZpbA==\u{7}b\u{9b}31mc\u{202e}d\u{7f}e\nf"), at())
        .unwrap();
    let bytes = std::fs::read(j.path(at())).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'));
    assert!(!text.contains("\\u00"), "not as escapes either: {text}");
}

#[test]
fn only_the_owner_and_the_group_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let j = journal(&dir.path().join("deep/journal"));
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&j.path(Timestamp::now())) & !0o640, 0);
    assert_eq!(mode(&dir.path().join("deep/journal")), 0o700);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file.join("journal"), who()).unwrap_err();
    assert!(error.to_string().contains("Nothing is changed while"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A crash or a full disk cuts the file anywhere: what was whole stays, the rest is told, and writing goes on in
    /// the same chain.
    #[test]
    fn a_file_cut_at_any_byte_reads_as_whole_records_and_heals(share in 0.0_f64..=1.0, texts in prop::collection::vec(".{0,40}", 1..5)) {
        let dir = tempfile::tempdir().unwrap();
        let j = journal(dir.path());
        for t in &texts {
            j.append_at(note(t), at()).unwrap();
        }
        let path = j.path(at());
        let all = std::fs::read(&path).unwrap();
        let cut = ((all.len() as f64) * share) as usize;
        std::fs::write(&path, &all[..cut]).unwrap();
        let whole = all[..cut].split(|b| *b == b'\n').count() - 1;
        let before = read(&path).unwrap();
        // One more when only the line break is missing.
        prop_assert!(before.records.len() == whole || (before.records.len() == whole + 1 && before.torn.is_empty()));
        prop_assert_eq!(before.broken_at, None);
        j.append_at(note("after"), at()).unwrap();
        j.append_at(note("and on"), at()).unwrap();
        let after = read(&path).unwrap();
        prop_assert_eq!(after.broken_at, None);
        prop_assert_eq!(after.torn.len(), before.torn.len());
        let healed = after.records.iter().filter(|r| r.entry.kind == RecordKind::Heal).count();
        prop_assert_eq!(healed, before.torn.len());
        prop_assert_eq!(after.records.len(), before.records.len() + 2 + healed);
        prop_assert!(after.records.iter().map(|r| r.seq).eq(1..=after.records.len() as u64));
    }

    /// Whatever stands in the file, reading and writing on never fail for it.
    #[test]
    fn rubbish_in_the_file_is_told_and_written_past(rubbish in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = tempfile::tempdir().unwrap();
        let j = journal(dir.path());
        j.append_at(note("first"), at()).unwrap();
        std::fs::OpenOptions::new().append(true).open(j.path(at())).unwrap().write_all(&rubbish).unwrap();
        j.append_at(note("second"), at()).unwrap();
        let got = read(&j.path(at())).unwrap();
        prop_assert_eq!(got.broken_at, None);
        prop_assert_eq!(&got.records.last().unwrap().entry.reason, "second");
    }
}

#[test]
fn every_record_carries_the_open_incident_unless_it_names_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let j = journal(dir.path());
    let other_hand = j.clone();
    j.append_at(note("before"), at()).unwrap();
    j.set_incident("INC-1");
    other_hand.append_at(note("within"), at()).unwrap();
    let event = incident::Event::Note.entry("INC-0", "of the one before");
    j.append_at(event, at()).unwrap();
    j.set_incident("");
    other_hand.append_at(note("after"), at()).unwrap();
    let got = read(&j.path(at())).unwrap();
    let ids: Vec<&str> = got.records.iter().map(|r| r.entry.incident.as_str()).collect();
    assert_eq!(ids, ["", "INC-1", "INC-0", ""]);
}
