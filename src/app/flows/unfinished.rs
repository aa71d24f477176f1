//! What one console leaves behind, another finds in the record alone, and goes on with when somebody says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Hands, asked, executed, plan};
use crate::action::{Confirmed, Undo};
use crate::app::unfinished::Item;
use crate::app::{Effect, Layer, Msg};
use crate::journal::{Actor, Entry, Journal, Mode, News, Reading, RecordKind, Tail, Target, Who, files, read};
use crate::runbook::engine::{Phase, StepState};

/// A journal of one person.
struct Desk {
    dir: tempfile::TempDir,
    journal: Journal,
    read: usize,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let who = Who {
            host: "bastion".into(),
            pid: 42,
            session: "the-first".into(),
            build: "b".into(),
            actor: Actor {
                os_user: "k.lind".into(),
                ..Actor::default()
            },
            mode: Mode::Live,
        };
        let journal = Journal::open(dir.path(), who).unwrap();
        Self { dir, journal, read: 0 }
    }

    /// Writes what a console puts on record.
    fn take(&self, hands: &Hands, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Record(entry) = effect {
                self.journal.append_at((**entry).clone(), hands.now).unwrap();
            }
        }
    }

    /// What the pipeline writes before it sends.
    fn intent(&self, hands: &Hands, confirmed: &Confirmed) {
        let target = &confirmed.plan().steps[0].target;
        let place = &confirmed.plan().place;
        let mut entry = Entry::new(RecordKind::Intent, "roll-back");
        entry.plan_hash = confirmed.plan().hash();
        entry.runbook = confirmed.run().cloned();
        entry.target = Some(Target {
            context: place.context.clone(),
            server: place.server.clone(),
            kind: target.kind().to_owned(),
            namespace: target.namespace(),
            name: target.name().to_owned(),
            uid: target.id().to_owned(),
        });
        entry.before = serde_json::json!({"image web": "web:broken"});
        entry.after = serde_json::json!({"image web": "web:1"});
        self.journal.append_at(entry, hands.now).unwrap();
    }

    /// What was written since.
    fn news(&mut self) -> Msg {
        let all: Vec<Reading> = files(self.dir.path())
            .unwrap()
            .iter()
            .map(|f| read(f).unwrap())
            .collect();
        let records: Vec<_> = all.into_iter().flat_map(|r| r.records).map(Arc::new).collect();
        let first = self.read == 0;
        let records = records.into_iter().skip(self.read).collect::<Vec<_>>();
        self.read += records.len();
        Msg::Journal(News {
            records,
            first,
            ..News::default()
        })
    }

    /// Another console on the same record, in whose hands nothing is.
    fn next(&mut self, me: &str, at: &Hands) -> Hands {
        let mut hands = Hands::operator();
        hands.now = at.now;
        // It reads the record from its beginning.
        self.read = 0;
        let effects = hands.tell(self.news());
        assert!(
            effects
                .iter()
                .any(|e| matches!(e, Effect::Alive(s) if s.contains("the-first")))
        );
        hands.tell(Msg::Alive {
            me: me.to_owned(),
            sessions: BTreeSet::new(),
        });
        hands
    }
}

/// A run up to the confirmation of its change.
fn confirmed(desk: &Desk) -> (Hands, Confirmed) {
    let mut hands = Hands::operator();
    let mut all = hands.press("! r n");
    all.extend(hands.types("no deploy today"));
    all.extend(hands.press("enter"));
    for _ in 0..20 {
        let effects = hands.press("enter");
        let planned = effects.iter().any(|e| matches!(e, Effect::Plan(..)));
        all.extend(effects.clone());
        if planned {
            let (id, request) = asked(&effects);
            let mut plan = plan(id, &request, hands.now);
            plan.undo = Undo::By {
                label: "back to revision 4".into(),
                request,
                valid_for_s: 600,
            };
            all.extend(hands.tell(Msg::Planned(id, Ok(Box::new(plan)))));
            let effects = hands.confirm(&format!("word{}", id.0));
            let confirmed = executed(&effects).unwrap().clone();
            let last = effects.iter().rposition(|e| matches!(e, Effect::Record(_))).unwrap();
            let sent = effects.iter().position(|e| matches!(e, Effect::Execute(_))).unwrap();
            assert!(last < sent, "on record before anything is sent: {effects:?}");
            all.extend(effects);
            desk.take(&hands, &all);
            return (hands, confirmed);
        }
    }
    panic!("no plan")
}

fn words(effects: &[Effect], kind: RecordKind) -> Vec<String> {
    let found = effects.iter().filter_map(|e| match e {
        Effect::Record(entry) if entry.kind == kind => Some(entry.what.clone()),
        _ => None,
    });
    found.collect()
}

fn taken(hands: &mut Hands, effects: &[Effect], by_force: bool) -> Vec<Effect> {
    let key = effects.iter().find_map(|e| match e {
        Effect::TakeRun { key, over } if *over == by_force => Some(key.clone()),
        _ => None,
    });
    let key = key.unwrap_or_else(|| panic!("no run is taken: {effects:?} {}", hands.told()));
    hands.tell(Msg::RunTaken { key, answer: Ok(()) })
}

#[test]
fn a_change_that_nobody_saw_the_end_of_is_decided_by_a_person_before_its_run_goes_on() {
    let mut desk = Desk::new();
    let (first, confirmed) = confirmed(&desk);
    desk.intent(&first, &confirmed);
    let mut hands = desk.next("k.lind", &first);
    assert!(hands.told().contains("unknown outcome"), "{}", hands.told());
    assert!(hands.app.layers.is_empty(), "it does not stand in the way");
    hands.press("g u");
    assert!(matches!(
        hands.app.unfinished.items.as_slice(),
        [Item::Change(_), Item::Run { alive: false, .. }]
    ));
    assert!(words(&hands.press("j r"), RecordKind::Run).is_empty());
    assert!(hands.told().contains("say first"), "{}", hands.told());

    hands.press("k y");
    assert!(hands.press("enter").is_empty(), "not without what shows it");
    hands.types("web:1 runs");
    let effects = hands.press("enter");
    assert_eq!(words(&effects, RecordKind::Override), ["roll-back"]);
    desk.take(&hands, &effects);
    hands.tell(desk.news());
    assert!(matches!(hands.app.unfinished.items.as_slice(), [Item::Run { .. }]));

    let asked = hands.press("r");
    let effects = taken(&mut hands, &asked, false);
    assert_eq!(words(&effects, RecordKind::Run)[0], "resumed");
    let all: Vec<&Effect> = asked.iter().chain(&effects).collect();
    assert!(
        !all.iter().any(|e| matches!(e, Effect::Plan(..) | Effect::Execute(_))),
        "{all:?}"
    );
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    let run = &hands.app.runs[0].run;
    assert_eq!(
        (run.step().unwrap().id.as_str(), run.phase()),
        ("roll-back", &Phase::Stopped)
    );
    let StepState::Unknown(why) = &run.states()[run.current()] else {
        panic!("{:?}", run.states())
    };
    assert!(why.contains("it happened (web:1 runs)"), "{why}");
    assert_eq!(run.undos().len(), 1, "it can be taken back");
    assert_eq!(run.notes()[0].1, "no deploy today");
    assert!(run.states()[..run.current()].iter().all(|s| *s != StepState::Todo));
    assert!(hands.app.unfinished.items.is_empty(), "it is in our hands");
}

#[test]
fn what_was_only_looked_at_is_not_told_and_the_same_key_goes_on_with_it_rather_than_beginning_another() {
    let mut desk = Desk::new();
    let mut first = Hands::operator();
    let effects = first.press("! r");
    desk.take(&first, &effects);
    let id = first.app.runs[0].run.id().to_owned();
    let mut second = desk.next("k.lind", &first);
    assert_eq!(
        (second.app.unfinished.items.as_slice(), second.app.unfinished_line()),
        ([].as_slice(), None)
    );
    let asked = second.press("! r");
    let effects = taken(&mut second, &asked, false);
    let ids: Vec<&str> = second.app.runs.iter().map(|r| r.run.id()).collect();
    assert_eq!(ids, [id.as_str()]);
    assert!(matches!(second.app.layers.last(), Some(Layer::Runbook(_))));
    desk.take(&second, &effects);
    // A note is something done: from now on it is told, and gone on with all the same.
    second.press("n");
    second.types("no deploy today");
    let effects = second.press("enter");
    desk.take(&second, &effects);
    let mut third = desk.next("k.lind", &second);
    assert!(matches!(
        third.app.unfinished.items.as_slice(),
        [Item::Run { alive: false, .. }]
    ));
    let asked = third.press("! r");
    taken(&mut third, &asked, false);
    assert_eq!(third.app.runs[0].run.notes()[0].1, "no deploy today");
    // Somebody else's is not taken so.
    let mut other = desk.next("a.other", &second);
    assert!(!other.press("! r").iter().any(|e| matches!(e, Effect::TakeRun { .. })));
}

#[test]
fn nobody_goes_on_from_a_record_that_was_changed_after_it_was_written() {
    let mut desk = Desk::new();
    let (first, _) = confirmed(&desk);
    let path = &files(desk.dir.path()).unwrap()[0];
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("no deploy today"));
    std::fs::write(path, text.replace("no deploy today", "a deploy today!")).unwrap();
    let mut hands = desk.next("k.lind", &first);
    hands.tell(Msg::Journal(Tail::new(vec![desk.dir.path().to_owned()]).look()));
    assert!(hands.told().contains("the record is not whole"), "{}", hands.told());
    for keys in ["g u r", "t"] {
        let mut effects = hands.press(keys);
        if matches!(hands.app.layers.last(), Some(Layer::Prompt(_))) {
            hands.types("mine now");
            effects = hands.press("enter");
        }
        assert!(
            !effects.iter().any(|e| matches!(e, Effect::TakeRun { .. })),
            "{effects:?}"
        );
        assert!(hands.told().contains("qd journal verify"), "{}", hands.told());
    }
    assert_eq!(hands.app.unfinished.items.len(), 1, "it is not forgotten either");
}

#[test]
fn what_was_confirmed_and_not_sent_says_so_and_can_be_tried_again() {
    let mut desk = Desk::new();
    let (first, _) = confirmed(&desk);
    let mut hands = desk.next("k.lind", &first);
    hands.press("g u");
    let asked = hands.press("r");
    taken(&mut hands, &asked, false);
    let run = &hands.app.runs[0].run;
    let StepState::Failed(why) = &run.states()[run.current()] else {
        panic!("{:?}", run.states())
    };
    assert!(why.contains("before anything was sent"), "{why}");
    assert!(run.undos().is_empty());
    let mut effects = hands.press("t");
    if !effects.iter().any(|e| matches!(e, Effect::Plan(..))) {
        effects = hands.press("enter");
    }
    super::asked(&effects);
}

#[test]
fn somebody_elses_run_is_taken_over_with_a_reason_and_a_live_one_only_so() {
    let mut desk = Desk::new();
    let (first, _) = confirmed(&desk);
    let mut hands = desk.next("m.rossi", &first);
    hands.press("g u r");
    assert!(hands.told().contains("k.lind's run"), "{}", hands.told());
    hands.tell(Msg::Alive {
        me: "m.rossi".to_owned(),
        sessions: ["the-first".to_owned()].into(),
    });
    assert_eq!(hands.app.left_behind(), 0, "somebody has it in hand");
    hands.press("r");
    assert!(
        hands.told().contains("under way in another console"),
        "{}",
        hands.told()
    );
    assert!(words(&hands.press("x"), RecordKind::Run).is_empty());
    hands.press("t");
    hands.types("k.lind is offline");
    let asked = hands.press("enter");
    let effects = taken(&mut hands, &asked, true);
    let record = effects.iter().find_map(|e| match e {
        Effect::Record(entry) if entry.what == "taken-over" => Some(entry),
        _ => None,
    });
    let record = record.unwrap();
    assert_eq!(
        (record.reason.as_str(), record.outcome.as_str()),
        ("k.lind is offline", "from k.lind")
    );
    assert_eq!(hands.app.runs.len(), 1);
    // And the first console hears of it.
    let mut first = first;
    let id = hands.app.runs[0].run.id().to_owned();
    first.tell(Msg::RunLost {
        run: id,
        why: "it was taken over: m.rossi".to_owned(),
    });
    assert!(first.app.runs.is_empty());
    assert!(first.told().contains("m.rossi"), "{}", first.told());
}

#[test]
fn a_runbook_that_was_changed_meanwhile_is_gone_on_with_only_when_somebody_says_so() {
    let mut desk = Desk::new();
    let (first, _) = confirmed(&desk);
    let mut hands = desk.next("k.lind", &first);
    let (_, text) = crate::runbook::library::BUILT_IN
        .iter()
        .find(|(file, _)| file.contains("stalled-rollout"))
        .unwrap();
    assert!(
        hands
            .app
            .books
            .add("mine.md", &text.replace("reason = \"", "reason = \"again: "))
            .is_empty()
    );
    hands.press("g u");
    assert!(hands.press("r").is_empty());
    assert!(matches!(hands.app.layers.last(), Some(Layer::Question(_))));
    let asked = hands.press("y");
    let effects = taken(&mut hands, &asked, false);
    assert_eq!(words(&effects, RecordKind::Override), ["runbook-changed"]);
    assert_eq!(hands.app.runs[0].run.step().unwrap().id, "roll-back");
}

#[test]
fn a_run_that_is_closed_with_a_reason_is_offered_to_nobody_any_more() {
    let mut desk = Desk::new();
    let (first, _) = confirmed(&desk);
    let mut hands = desk.next("k.lind", &first);
    hands.press("g u x");
    hands.types("mended by hand");
    let effects = hands.press("enter");
    desk.take(&hands, &effects);
    hands.tell(desk.news());
    assert!(hands.app.unfinished.items.is_empty());
    desk.read = 0;
    let mut third = Hands::operator();
    third.now = hands.now;
    assert!(!third.tell(desk.news()).iter().any(|e| matches!(e, Effect::Alive(_))));
}
