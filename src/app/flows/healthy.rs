//! The runbook's key on a row of which nothing is wrong, what an open thing means for the strip, and the way back to a
//! run.

use std::sync::Arc;

use super::Hands;
use crate::app::layers::PickerFor;
use crate::app::{Layer, Msg};
use crate::model::{Batch, Freshness, Kind, Queue, QueueCounts, Queues, Seen, Source, SourceId, SourceKind};

fn hands() -> Hands {
    let mut hands = Hands::operator();
    hands.wait(200_000);
    hands.tell(Msg::Tick);
    hands
}

/// A workload of which no signal speaks.
fn healthy(hands: &Hands) -> String {
    let all = hands.app.world.workloads();
    let of = |w: &crate::model::Workload| w.meta.object(w.kind);
    let spoken = |o: &crate::model::ObjectRef| {
        let mut signals = hands.app.judge.signals().iter();
        signals.any(|s| s.subject.object() == Some(o) || s.related.contains(o))
    };
    let found = all.filter(|w| w.kind == Kind::Deployment).find(|w| !spoken(&of(w)));
    found.expect("a healthy workload").meta.name.to_string()
}

#[test]
fn on_a_healthy_row_the_runbook_s_key_asks_with_the_worst_cause_first() {
    let mut hands = hands();
    let worst = hands.app.judge.signals()[0].subject.name().to_owned();
    let name = healthy(&hands);
    hands.press("2");
    hands.select(&name);
    hands.press("r");
    assert!(hands.app.runs.is_empty(), "nothing runs before somebody chose");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!("no list: {}", hands.told());
    };
    assert!(matches!(picker.purpose, PickerFor::BestRunbook { .. }));
    let shown = picker.shown();
    assert!(
        shown[0].label == "the worst cause" && shown[0].hint.contains(&worst),
        "{shown:?}"
    );
    let ids: Vec<&str> = shown.iter().skip(1).map(|c| c.value.as_str()).collect();
    for (book, fits) in [
        ("rolling-restart", true),
        ("stalled-rollout", true),
        ("worker-backlog", false),
        ("node-drain", false),
        ("bloated-table", false),
    ] {
        assert_eq!(ids.contains(&book), fits, "{book}: {ids:?}");
    }
    // Another choice is about the row; the first is about the cause.
    hands.types("restart");
    hands.press("enter");
    let about = |hands: &Hands, n: usize| hands.app.runs[n].run.subject().workload.clone().unwrap().name;
    assert_eq!(&*about(&hands, 0), name);
    hands.press("esc r enter");
    assert_eq!(&*about(&hands, 1), worst);
}

#[test]
fn on_a_healthy_row_of_a_source_the_key_asks_too_and_puts_its_usual_runbook_first() {
    let mut hands = hands();
    let id = SourceId {
        kind: SourceKind::Queues,
        name: "cortex".into(),
    };
    hands.app.sources = vec![id.clone()];
    let counts = Seen {
        value: Some(Arc::new(QueueCounts::default())),
        at: Some(hands.now),
        problem: None,
    };
    let queues = Queues {
        queues: vec![Queue {
            name: "default".into(),
            counts,
            ..Queue::default()
        }],
        ..Queues::default()
    };
    hands.tell(Msg::World(Batch {
        sources: vec![(id.clone(), Source::Queues(Arc::new(queues)))],
        reach: vec![(id, Freshness::Fresh)],
        ..Batch::default()
    }));
    hands.press("3 g g r");
    assert!(hands.app.runs.is_empty(), "nothing runs before somebody chose");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!("no list: {}", hands.told());
    };
    let books: Vec<&str> = picker.shown().iter().map(|c| c.value.as_str()).collect();
    assert_eq!(books, ["", "worker-backlog", "failed-jobs"]);
}

#[test]
fn what_is_open_leads_the_strip_with_its_own_signal() {
    let mut hands = hands();
    let signals = hands.app.judge.signals();
    let other = signals
        .iter()
        .skip(1)
        .find(|s| s.subject.object().is_some_and(|o| Kind::WORKLOADS.contains(&o.kind)));
    let other = other.expect("a second rollout with a cause");
    let (key, name) = (other.key(), other.subject.name().to_owned());
    hands.press("2");
    hands.select(&name);
    for open in ["H", "l", "enter"] {
        hands.press(open);
        assert!(!hands.app.layers.is_empty(), "{open}: {}", hands.told());
        assert_eq!(hands.app.signal_at_hand().unwrap().key(), key, "{open}");
        hands.press("esc");
        assert!(hands.app.layers.is_empty(), "{open}");
    }
}

#[test]
fn one_esc_leaves_a_run_that_was_come_back_to_and_where_there_is_none_it_says_so() {
    let mut hands = hands();
    hands.press("g R");
    assert!(hands.told().contains("nothing was left unfinished"), "{}", hands.told());
    hands.press("r");
    assert!(matches!(hands.app.layers.as_slice(), [Layer::Runbook(_)]));
    // Once more while it is open.
    hands.press("g R");
    hands.press("esc");
    assert!(hands.app.layers.is_empty());
    hands.press("g R");
    assert!(matches!(hands.app.layers.as_slice(), [Layer::Runbook(_)]));
}

#[test]
fn whoever_leaves_a_demonstration_is_not_promised_that_the_run_is_offered_again() {
    let mut hands = hands();
    // One that was only looked at is not.
    hands.press("r n");
    hands.types("it is slow");
    hands.press("enter esc");
    let detail = |hands: &mut Hands| {
        hands.press("q");
        let Some(Layer::Question(question)) = hands.app.layers.pop() else {
            panic!("no question");
        };
        question.detail
    };
    assert!(detail(&mut hands).contains("this cluster offers it when opened again"));
    hands.app.seat.passing = true;
    assert!(detail(&mut hands).contains("ends with this console and its servers"));
}
