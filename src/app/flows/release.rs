//! Another cluster is chosen while a runbook is under way: it is let go, not ended; and what was sent is waited for.

use std::collections::BTreeSet;

use super::{Hands, asked, batch, done, executed, plan, rows};
use crate::action::{ActionId, Outcome, Stage, Verdict};
use crate::app::msg::ContextRow;
use crate::app::unfinished::Item;
use crate::app::{Effect, Layer, Msg};
use crate::journal::{Entry, News, Record};

fn contexts() -> Msg {
    Msg::Contexts(Ok(vec![ContextRow {
        name: "prod-us".to_owned(),
        cluster: "us".to_owned(),
        user: "me".to_owned(),
        namespace: "cortex".to_owned(),
        current: false,
        platform: false,
        class: String::new(),
    }]))
}

/// Chooses the other cluster by keys.
fn choose(hands: &mut Hands) -> Vec<Effect> {
    hands.press("C");
    hands.tell(contexts());
    hands.press("enter")
}

/// The same in the palette.
fn choose_in_the_palette(hands: &mut Hands) -> Vec<Effect> {
    hands.press(":");
    hands.tell(contexts());
    hands.types("prod-us");
    hands.press("enter")
}

/// Restarts the web, up to the moment when it is sent.
fn restarts(hands: &mut Hands) -> ActionId {
    hands.press("2");
    hands.select("cortex-web");
    let (id, request) = asked(&hands.press("a r"));
    hands.tell(Msg::Planned(id, Ok(Box::new(plan(id, &request, hands.now)))));
    assert!(executed(&hands.confirm(&format!("word{}", id.0))).is_some());
    id
}

/// What the question before the end says.
fn at_the_end(hands: &mut Hands) -> String {
    hands.press("ctrl-c");
    let Some(Layer::Question(question)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers)
    };
    let text = question.detail.clone();
    hands.press("n");
    text
}

fn goes(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|e| matches!(e, Effect::Connect { context: Some(c), .. } if c == "prod-us"))
}

fn record(hands: &Hands, seq: u64, entry: &Entry) -> Record {
    let mut line = serde_json::json!({
        "v": 1, "seq": seq, "ts": hands.now, "host": "h", "pid": 1, "session": "ours", "build": "b",
        "actor": {"os_user": "k.lind", "uid": 1000}, "mode": "live", "prev_hash": "",
    });
    let entry = serde_json::to_value(entry).unwrap();
    line.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
    serde_json::from_value(line).unwrap()
}

/// What was put on record, as the journal gives it back.
fn told(hands: &Hands, effects: &[Effect]) -> Msg {
    let entries = effects.iter().filter_map(|e| match e {
        Effect::Record(entry) => Some(&**entry),
        _ => None,
    });
    let records = entries.enumerate().map(|(n, e)| record(hands, n as u64 + 1, e).into());
    Msg::Journal(News {
        records: records.collect(),
        first: true,
        ..News::default()
    })
}

#[test]
fn a_run_that_is_left_with_its_cluster_is_free_and_goes_on_where_it_stood_once_we_are_back() {
    let mut hands = Hands::operator();
    let mut effects = hands.press("! r");
    effects.extend(hands.press("enter"));
    let (id, at) = (hands.app.runs[0].run.id().to_owned(), hands.app.runs[0].run.current());
    assert!(at > 0);
    let chosen = choose(&mut hands);
    assert!(goes(&chosen), "{chosen:?}");
    effects.extend(chosen);
    effects.extend(hands.tell(Msg::Leaving {
        context: "prod-us".to_owned(),
        sources: Vec::new(),
    }));
    assert!(hands.app.runs.is_empty());
    assert!(hands.told().contains("g u"), "{}", hands.told());
    let left = effects.iter().rev().find_map(|e| match e {
        Effect::Record(r) if r.what == "left" => Some(r),
        _ => None,
    });
    // What is on record is of the place where the run was, though that is left already.
    let left = left.unwrap_or_else(|| panic!("{effects:?}"));
    assert_eq!(
        (&left.data["context"], &left.data["over"]),
        (&"prod-eu".into(), &false.into())
    );

    let news = told(&hands, &effects);
    hands.tell(news);
    let ours: BTreeSet<String> = ["ours".to_owned()].into();
    let me = "k.lind".to_owned();
    hands.tell(Msg::Alive { me, sessions: ours });
    hands.go_to("prod-us");
    assert!(hands.app.unfinished.items.is_empty(), "it is of the other cluster");
    hands.go_to("prod-eu");
    hands.tell(batch(rows()));
    // Its console lives, but let it go: anybody may go on with it.
    assert!(
        matches!(hands.app.unfinished.items.as_slice(), [Item::Run { alive: false, .. }]),
        "{:?}",
        hands.app.unfinished.items
    );
    hands.press("g u");
    let take = hands.press("enter");
    let Some(Effect::TakeRun { key, over: false }) = take.iter().find(|e| matches!(e, Effect::TakeRun { .. })) else {
        panic!("{take:?} {}", hands.told())
    };
    let key = key.clone();
    hands.tell(Msg::RunTaken { key, answer: Ok(()) });
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    assert_eq!(
        (hands.app.runs[0].run.id(), hands.app.runs[0].run.current()),
        (&*id, at)
    );
}

#[test]
fn while_something_is_being_sent_the_other_cluster_waits_for_its_result() {
    let mut hands = Hands::operator();
    let id = restarts(&mut hands);
    for choose in [choose, choose_in_the_palette] {
        let effects = choose(&mut hands);
        assert!(!goes(&effects), "{effects:?}");
        assert!(hands.told().contains("is being sent"), "{}", hands.told());
    }
    let effects = hands.progress(id, Stage::Recorded);
    assert!(!goes(&effects), "it is on its way still");
    let outcome = Outcome::Applied;
    let effects = hands.progress(id, Stage::Executed { step: 0, outcome });
    assert!(goes(&effects), "{effects:?}");
    // Once, and not again with what follows.
    let end = done(Outcome::Applied, Some(Verdict::Healthy("ready".to_owned())));
    assert!(!goes(&hands.progress(id, end)));
}

#[test]
fn who_quits_is_told_what_is_left_undone_and_what_is_only_not_watched() {
    let mut hands = Hands::operator();
    let id = restarts(&mut hands);
    let text = at_the_end(&mut hands);
    assert!(text.contains("1 change is not finished"), "{text}");
    let outcome = Outcome::Applied;
    hands.progress(id, Stage::Executed { step: 0, outcome });
    let text = at_the_end(&mut hands);
    assert!(text.starts_with("1 change still being verified"), "{text}");
    hands.progress(id, done(Outcome::Applied, None));
    assert_eq!(at_the_end(&mut hands), "Nothing is under way.");
    // A runbook that was only opened leaves nothing behind; one in which somebody decided something is offered again.
    hands.press("! r");
    assert_eq!(at_the_end(&mut hands), "Nothing is under way.");
    hands.press("enter");
    let text = at_the_end(&mut hands);
    assert!(text.starts_with("1 runbook under way"), "{text}");
}
