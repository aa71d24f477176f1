//! Following a journal file, where there is no spool: what another console puts on record is what the observer sees.

use super::{Hands, asked, executed, plan};
use crate::app::follow_file::FileNews;
use crate::app::{Effect, Layer, Msg};
use crate::journal::spool::StepMark;
use crate::journal::{Entry, Record};

/// A console that follows a file.
fn observer() -> Hands {
    let mut hands = Hands::observer();
    hands.app.follow_recorded();
    hands
}

/// What a console puts on record, as lines of its file.
struct File(u64);

impl File {
    fn lines(&mut self, effects: &[Effect], hands: &Hands) -> Vec<Record> {
        let entries = effects.iter().filter_map(|e| match e {
            Effect::Record(entry) => Some((**entry).clone()),
            _ => None,
        });
        entries.map(|entry| self.line(entry, hands)).collect()
    }

    fn line(&mut self, entry: Entry, hands: &Hands) -> Record {
        self.0 += 1;
        let mut line = serde_json::json!({
            "v": 1, "seq": self.0, "ts": hands.now, "host": "bastion", "pid": 1, "session": "s", "build": "b",
            "actor": {"os_user": "k.lind", "uid": 1000}, "mode": "live", "prev_hash": "",
        });
        let entry = serde_json::to_value(entry).unwrap();
        line.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        serde_json::from_value(line).unwrap()
    }
}

fn read(observer: &mut Hands, records: Vec<Record>) {
    observer.tell(Msg::FileRead(Box::new(FileNews {
        path: "/var/log/qd.jsonl".to_owned(),
        records,
        trouble: None,
    })));
}

fn lines(observer: &Hands) -> String {
    let recorded = observer.app.bastion.recorded.as_ref().unwrap();
    recorded
        .lines
        .iter()
        .flat_map(|(_, line)| [line.as_str(), "\n"])
        .collect()
}

#[test]
fn a_run_is_followed_step_by_step_with_what_it_waits_for_until_it_ends() {
    let (mut operator, mut observer, mut file) = (Hands::operator(), observer(), File(0));
    assert!(matches!(observer.app.layers.last(), Some(Layer::Followed(_))));
    let begun = operator.press("! r n");
    read(&mut observer, file.lines(&begun, &operator));
    let run = observer.app.recorded_run().unwrap();
    assert!(run.subject.contains("cortex-web") && run.ended.is_empty(), "{run:?}");
    assert_eq!(run.steps[run.at].state, StepMark::Current);

    let mut effects = operator.types("no deploy today");
    effects.extend(operator.press("enter"));
    let plan_asked = loop {
        let pressed = operator.press("enter");
        effects.extend(pressed.iter().cloned());
        if pressed.iter().any(|e| matches!(e, Effect::Plan(..))) {
            break pressed;
        }
    };
    read(&mut observer, file.lines(&effects, &operator));
    let run = observer.app.recorded_run().unwrap();
    assert!(run.at > 0 && run.steps[0].state == StepMark::Passed, "{run:?}");
    assert!(run.waiting.contains("confirmation"), "{run:?}");
    assert!(lines(&observer).contains("no deploy today"));

    let (id, request) = asked(&plan_asked);
    operator.tell(Msg::Planned(id, Ok(Box::new(plan(id, &request, operator.now)))));
    let effects = operator.confirm(&format!("word{}", id.0));
    assert!(executed(&effects).is_some());
    read(&mut observer, file.lines(&effects, &operator));
    assert!(
        observer
            .app
            .recorded_run()
            .unwrap()
            .waiting
            .contains("becomes of the change")
    );

    let mut effects = operator.press("x");
    effects.extend(operator.press("y"));
    read(&mut observer, file.lines(&effects, &operator));
    let run = observer.app.recorded_run().unwrap();
    assert_eq!((&*run.ended, &*run.waiting), ("aborted", ""));
    assert!(observer.app.runs.is_empty(), "an observer's console runs nothing of it");
}

#[test]
fn a_file_that_cannot_be_read_any_more_says_so_and_keeps_what_was_seen() {
    let (mut operator, mut observer, mut file) = (Hands::operator(), observer(), File(0));
    let begun = operator.press("! r");
    read(&mut observer, file.lines(&begun, &operator));
    let before = lines(&observer);
    observer.tell(Msg::FileRead(Box::new(FileNews {
        path: "/var/log/qd.jsonl".to_owned(),
        records: Vec::new(),
        trouble: Some("/var/log/qd.jsonl cannot be opened: gone".to_owned()),
    })));
    let recorded = observer.app.bastion.recorded.as_ref().unwrap();
    assert!(recorded.trouble.as_ref().unwrap().contains("gone"));
    assert_eq!(lines(&observer), before);
    assert!(!before.is_empty());
}
