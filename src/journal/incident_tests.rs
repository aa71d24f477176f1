//! Incidents, the ledger, the timeline and the report, from records as the console writes them.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::incident::{Event, Fact, Incidents, Status};
use super::message::{gaps, message};
use super::report::{Head, Report, Scope};
use super::temporary::{End, Event as Over, Ledger, MARK, Mark, TOOK, Took};
use super::{Actor, Entry, Levels, Mode, Record, RecordKind, Target};

fn at(minute: i64) -> Timestamp {
    "2026-11-21T14:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// A journal in memory.
#[derive(Default)]
struct Book(Vec<Record>);

impl Book {
    fn write(&mut self, minute: i64, who: &str, entry: Entry) -> u64 {
        let seq = self.0.len() as u64 + 1;
        self.0.push(Record {
            v: 1,
            seq,
            ts: at(minute),
            host: "bastion".into(),
            pid: 7,
            session: who.into(),
            build: "b".into(),
            actor: Actor {
                os_user: who.into(),
                ..Actor::default()
            },
            mode: Mode::Live,
            entry,
            prev_hash: String::new(),
            hash: format!("hash{seq}"),
        });
        seq
    }

    fn event(&mut self, minute: i64, who: &str, event: &Event, text: &str) {
        self.write(minute, who, event.entry("INC-1", text));
    }

    fn open(&mut self) {
        let event = Event::Opened {
            level: Levels::default().get("P2").unwrap().clone(),
            service: "Cortex".into(),
            context: "prod-eu".into(),
            started: at(-6),
        };
        self.event(0, "kim", &event, "digests are late");
    }

    /// A change of the bounds of an autoscaler, with its result if it has one.
    fn bounds(&mut self, minute: i64, (was, becomes): (&str, &str), took: Option<Took>) {
        let target = Target {
            context: "prod-eu".into(),
            server: "s".into(),
            kind: "HorizontalPodAutoscaler".into(),
            namespace: "cortex".into(),
            name: "worker".into(),
            uid: "u".into(),
        };
        let mut intent = Entry::new(RecordKind::Intent, "hpa-bounds");
        intent.target = Some(target.clone());
        intent.before = json!({ "bounds": was });
        intent.after = json!({ "bounds": becomes });
        intent.reason = "backlog".into();
        intent.incident = "INC-1".into();
        intent.plan_hash = format!("plan {was} {becomes}");
        let mark = Mark {
            family: "bounds".into(),
            words: format!("bounds {was} → {becomes}"),
            was: was.into(),
            becomes: becomes.into(),
            opens: true,
            minutes: 240,
            ends: false,
            undo: json!({"action": "hpa-bounds", "to": was, "seen_min": becomes}),
            undo_words: format!("set the bounds back to {was}"),
        };
        intent.data = json!({ MARK: mark });
        let plan = intent.plan_hash.clone();
        let seq = self.write(minute, "kim", intent);
        let Some(took) = took else { return };
        let mut result = Entry::new(RecordKind::Result, "hpa-bounds");
        result.target = Some(target.clone());
        result.incident = "INC-1".into();
        result.refers = Some(seq);
        result.outcome = "applied; waiting for it to take effect".into();
        result.data = json!({ TOOK: took, "intent": format!("hash{seq}") });
        self.write(minute, "kim", result);
        let mut verify = Entry::new(RecordKind::Verify, "hpa-bounds");
        verify.target = Some(target);
        verify.incident = "INC-1".into();
        verify.plan_hash = plan;
        verify.outcome = format!("the bounds are {becomes}");
        self.write(minute + 1, "kim", verify);
    }

    fn incidents(&self) -> Incidents {
        Incidents::of(&self.0)
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&self.0)
    }
}

#[test]
fn the_next_update_is_due_by_the_severitys_cadence_and_moves_when_others_were_told() {
    let mut book = Book::default();
    book.open();
    let next = |book: &Book| book.incidents().get("INC-1").unwrap().next_update;
    assert_eq!(next(&book), Some(at(15)));
    book.event(
        10,
        "kim",
        &Event::Sent {
            status: Status::Investigating,
        },
        "first",
    );
    assert_eq!(next(&book), Some(at(40)));
    let level = Levels::default().get("P1").unwrap().clone();
    book.event(12, "kim", &Event::Severity { level }, "");
    assert_eq!(next(&book), Some(at(25)));
    book.event(
        20,
        "kim",
        &Event::Sent {
            status: Status::Resolved,
        },
        "over",
    );
    assert_eq!(next(&book), None);
}

#[test]
fn who_is_asked_to_command_does_so_only_once_they_accept() {
    let mut book = Book::default();
    book.open();
    book.event(1, "kim", &Event::Offered { to: "sam".into() }, "");
    let incidents = book.incidents();
    let incident = incidents.get("INC-1").unwrap();
    assert_eq!(incident.commander, "kim");
    assert_eq!(incident.offered, Some(("sam".into(), "kim".into())));
    book.event(2, "sam", &Event::Took, "");
    let incidents = book.incidents();
    let incident = incidents.get("INC-1").unwrap();
    assert_eq!((incident.commander.as_str(), &incident.offered), ("sam", &None));
}

#[test]
fn what_is_done_is_done_once_and_a_closed_incident_is_open_nowhere() {
    let mut book = Book::default();
    book.open();
    book.event(1, "kim", &Event::Todo { n: 1 }, "call the vendor");
    book.event(2, "sam", &Event::Done { n: 1 }, "");
    book.event(3, "kim", &Event::Done { n: 1 }, "");
    let incidents = book.incidents();
    assert_eq!(
        incidents.get("INC-1").unwrap().todos[0].done,
        Some((at(2), "sam".into()))
    );
    assert!(incidents.open_in(Some("prod-eu")).is_some());
    assert!(incidents.open_in(Some("staging")).is_none());
    book.event(9, "kim", &Event::Closed, "scaled");
    assert!(book.incidents().open_in(Some("prod-eu")).is_none());
    // Records of a later version of the format are passed over.
    let mut strange = Event::Note.entry("INC-1", "x");
    strange.data = json!({"event": "teleported"});
    book.write(10, "kim", strange);
    assert_eq!(book.incidents().get("INC-1").unwrap().ended(), Some(at(9)));
}

#[test]
fn a_temporary_change_goes_back_to_the_first_state_however_often_it_was_changed() {
    let mut book = Book::default();
    book.bounds(1, ("2–8", "5–8"), Some(Took::Yes));
    book.bounds(5, ("5–8", "6–8"), Some(Took::Yes));
    let open = book.ledger().open(at(6));
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].was.as_str(), open[0].is.as_str()), ("2–8", "6–8"));
    assert_eq!(open[0].words, "bounds 2–8 → 6–8");
    assert_eq!(
        open[0].undo,
        json!({"action": "hpa-bounds", "to": "2–8", "seen_min": "6–8"})
    );
    assert_eq!(open[0].until, at(241));
    book.bounds(9, ("6–8", "2–8"), Some(Took::Yes));
    let ledger = book.ledger();
    assert!(ledger.open(at(10)).is_empty());
    assert_eq!(ledger.ended[0].end, End::Restored);
}

#[test]
fn what_was_refused_leaves_nothing_and_what_is_unknown_is_shown_as_uncertain() {
    let mut book = Book::default();
    book.bounds(1, ("2–8", "5–8"), Some(Took::No));
    assert!(book.ledger().open(at(60)).is_empty());
    // The console died between sending and hearing.
    book.bounds(2, ("2–8", "5–8"), None);
    assert!(book.ledger().open(at(3)).is_empty(), "it may still be on its way");
    let open = book.ledger().open(at(10));
    assert!(!open[0].certain);
    let over = Over::Closed {
        key: open[0].key.clone(),
        end: End::Stays,
    };
    book.write(11, "kim", over.entry(&open[0], "looked: it did not happen"));
    assert!(book.ledger().open(at(20)).is_empty());
}

#[test]
fn a_message_never_says_resolved_before_it_is_and_marks_what_is_missing() {
    let mut book = Book::default();
    book.open();
    let incidents = book.incidents();
    let incident = incidents.get("INC-1").unwrap();
    let first = message(incident, Status::Investigating, &[], at(1));
    assert_eq!(
        first,
        "Subject: [P2] Cortex - digests are late\n\n\
         We are investigating an issue affecting Cortex.\n\n\
         **Impact:** <what can users not do?>\n\
         **Status:** Investigating\n\
         **Started:** 2026-11-21 13:54 UTC\n\n\
         Updates will be provided every 30 min.\n"
    );
    assert_eq!(gaps(&first), ["what can users not do"]);
    let done = ["scale Deployment cortex/worker: replicas 2 → 5".to_owned()];
    for status in [Status::Investigating, Status::Identified, Status::Monitoring] {
        let text = message(incident, status, &done, at(1)).to_lowercase();
        assert!(!text.contains("resolved"), "{text}");
    }
    let fix = message(incident, Status::Monitoring, &done, at(1));
    assert!(
        fix.contains("**Mitigation:** scale Deployment cortex/worker: replicas 2 → 5\n"),
        "{fix}"
    );
    assert!(fix.contains("The incident is not over."), "{fix}");
    let over = message(incident, Status::Resolved, &done, at(54));
    assert!(over.contains("13:54 UTC - 2026-11-21 14:54 UTC (1 h)"), "{over}");
    assert_eq!(gaps(&over).len(), 4);
}

fn story() -> Book {
    let mut book = Book::default();
    book.open();
    book.event(
        1,
        "kim",
        &Event::Fact { fact: Fact::Impact },
        "Digest mails come an hour late",
    );
    book.event(
        2,
        "kim",
        &Event::Raised { signal: "q".into() },
        "queue default oldest job 11m",
    );
    book.bounds(4, ("2–8", "5–8"), Some(Took::Yes));
    book.event(6, "kim", &Event::Decision, "no deploy today");
    book.event(7, "sam", &Event::Todo { n: 1 }, "tell support");
    book.event(
        20,
        "kim",
        &Event::Sent {
            status: Status::Monitoring,
        },
        "[UPDATE] [P2] Cortex - digests are late",
    );
    book
}

#[test]
fn the_report_says_what_was_done_why_with_what_result_and_what_is_left() {
    let book = story();
    let records: Vec<&Record> = book.0.iter().collect();
    let head = Head {
        file: "bastion-kim-2026-11-21.jsonl".into(),
        seq: 9,
        hash: "ab12".into(),
        whole: true,
    };
    let report = Report::of(&records, &Scope::Incident("INC-1".into()), vec![head]).unwrap();
    assert_eq!(
        report.markdown(),
        "# INC-1 digests are late

- Severity: P2, monitoring
- Service: Cortex on prod-eu
- Started: 2026-11-21 13:54Z; ended: still open
- Commander: kim
- Impact: Digest mails come an hour late
- Cause: not on record
- Mitigation: not on record
- Resolution: not on record
- Follow-up: not on record
- Updates sent: 1
- Decided 2026-11-21 14:06Z by kim: no deploy today
- [ ] tell support (sam)
- On record: 2026-11-21 14:00Z to 2026-11-21 14:20Z
- People: kim, sam
- Changes: 1, of which 0 without a good verdict
- Still to be taken back: 1

## Changes

- 2026-11-21 14:04Z kim **hpa-bounds** HorizontalPodAutoscaler cortex/worker: bounds 2–8 → 5–8
  - why: backlog
  - verdict (good): the bounds are 5–8

## Temporary changes

- HorizontalPodAutoscaler cortex/worker bounds 2–8 → 5–8: kim since 2026-11-21 14:04Z; open, to be taken back by 2026-11-21 18:04Z: set the bounds back to 2–8

## Timeline (UTC)

- 2026-11-21 14:00Z kim: opened INC-1 as P2: digests are late
- 2026-11-21 14:01Z kim: impact: Digest mails come an hour late
- 2026-11-21 14:02Z kim: signal: queue default oldest job 11m
- 2026-11-21 14:04Z kim: hpa-bounds HorizontalPodAutoscaler cortex/worker: bounds 2–8 → 5–8 (backlog): the bounds are 5–8
- 2026-11-21 14:06Z kim: decided: no deploy today
- 2026-11-21 14:07Z sam: to do: tell support
- 2026-11-21 14:20Z kim: told others (monitoring): \\[UPDATE\\] \\[P2\\] Cortex - digests are late

## The record

- bastion-kim-2026-11-21.jsonl record 9: `ab12` (whole)
"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json.pointer("/actions/0/before/bounds"), Some(&json!("2–8")));
    assert_eq!(json.pointer("/temporary/0/state"), Some(&json!("open")));
    let wrong = Report::of(&records, &Scope::Incident("INC-2".into()), vec![]).unwrap_err();
    assert!(wrong.contains("there are: INC-1"), "{wrong}");
}

#[test]
fn the_report_has_every_change_since_the_trouble_began_and_marks_those_before_anybody_opened_it() {
    let mut book = Book::default();
    book.bounds(-20, ("1–8", "2–8"), Some(Took::Yes));
    book.bounds(-4, ("2–8", "5–8"), Some(Took::Yes));
    let here = book.0.len();
    book.bounds(-3, ("5–8", "6–8"), Some(Took::Yes));
    for (at, record) in book.0.iter_mut().enumerate() {
        record.entry.incident.clear();
        if let Some(target) = record.entry.target.as_mut().filter(|_| at >= here) {
            target.context = "staging".into();
        }
    }
    book.open();
    let records: Vec<&Record> = book.0.iter().collect();
    let report = Report::of(&records, &Scope::Incident("INC-1".into()), vec![]).unwrap();
    let changed: Vec<_> = report
        .actions
        .iter()
        .map(|a| (&a.after["bounds"], a.before_opened))
        .collect();
    assert_eq!(
        changed,
        [(&json!("5–8"), true)],
        "neither an earlier one, nor another cluster's"
    );
    let text = report.markdown();
    for words in [
        "Changes: 1, of which 0 without a good verdict, and 1 before the incident was opened",
        "bounds 2–8 → 5–8 (before the incident was opened)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(report.timeline.len(), 2, "{:?}", report.timeline);
    // What comes after its end is another story's.
    book.event(30, "kim", &Event::Closed, "scaled");
    book.bounds(40, ("5–8", "2–8"), Some(Took::Yes));
    book.0
        .iter_mut()
        .filter(|r| r.ts > at(30))
        .for_each(|r| r.entry.incident.clear());
    let records: Vec<&Record> = book.0.iter().collect();
    let report = Report::of(&records, &Scope::Incident("INC-1".into()), vec![]).unwrap();
    assert_eq!(report.actions.len(), 1);
}

#[test]
fn what_two_consoles_saw_of_one_signal_is_one_line_and_what_came_and_went_twice_is_two() {
    let mut book = Book::default();
    book.open();
    let raised = |signal: &str| Event::Raised { signal: signal.into() };
    let cleared = Event::Cleared { signal: "q".into() };
    book.event(2, "kim", &raised("q"), "queue default oldest job 11m");
    book.event(2, "sam", &raised("q"), "queue default oldest job 12m");
    book.event(2, "sam", &raised("p"), "pool core is full");
    book.event(5, "sam", &cleared, "queue default");
    book.event(5, "kim", &cleared, "queue default");
    for _ in 0..2 {
        book.event(8, "kim", &raised("q"), "queue default again");
        book.event(8, "sam", &raised("q"), "queue default again");
    }
    let records: Vec<&Record> = book.0.iter().collect();
    let report = Report::of(&records, &Scope::Incident("INC-1".into()), vec![]).unwrap();
    let told: Vec<_> = report
        .timeline
        .iter()
        .map(|l| (l.by.as_str(), l.text.as_str()))
        .collect();
    let expected = [
        ("kim", "opened INC-1 as P2: digests are late"),
        ("kim", "signal: queue default oldest job 11m"),
        ("sam", "signal: pool core is full"),
        ("sam", "cleared: queue default"),
        ("kim", "signal: queue default again"),
        ("kim", "signal: queue default again"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_step_that_was_not_sent_is_a_line_that_says_why_and_no_change() {
    let mut book = Book::default();
    book.open();
    book.bounds(1, ("2–8", "5–8"), Some(Took::Yes));
    let mut left = book.0.last().unwrap().entry.clone();
    left.kind = RecordKind::Result;
    left.target.as_mut().unwrap().name = "web".into();
    left.outcome = "not sent: it stays, because worker has no ready successor".into();
    left.data = json!({ TOOK: Took::No });
    book.write(2, "kim", left.clone());
    let records: Vec<&Record> = book.0.iter().collect();
    let report = Report::of(&records, &Scope::Incident("INC-1".into()), vec![]).unwrap();
    assert_eq!((report.actions.len(), report.actions[0].came), (1, "good"));
    let told = report.timeline.last().unwrap();
    let about = "hpa-bounds HorizontalPodAutoscaler cortex/web";
    assert_eq!((told.text.as_str(), &told.result), (about, &left.outcome));
    assert_eq!(book.ledger(), {
        book.0.pop();
        book.ledger()
    });
}

#[test]
fn a_change_whose_result_is_missing_is_unknown_in_the_report() {
    let mut book = Book::default();
    book.bounds(0, ("2–8", "5–8"), None);
    let records: Vec<&Record> = book.0.iter().collect();
    let report = Report::of(&records, &Scope::All, vec![]).unwrap();
    assert_eq!(report.actions[0].came, "unknown");
    assert!(report.actions[0].verdict.contains("may or may not have happened"));
}
