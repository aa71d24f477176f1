//! A run that waits for its person is marked wherever that person is.

use super::{Hands, asked, done};
use crate::action::{Outcome, Verdict};
use crate::app::layers::PickerFor;
use crate::app::{Effect, Layer};
use crate::runbook::engine::Phase;

fn note(hands: &mut Hands, words: &str) {
    hands.press("n");
    hands.types(words);
    hands.press("enter");
}

#[test]
fn a_run_that_was_left_at_a_decision_is_marked_until_it_is_come_back_to() {
    let mut hands = Hands::operator();
    hands.press("! r esc");
    assert_eq!(hands.app.waiting_line(), None, "it was only looked at");
    hands.press("g R");
    note(&mut hands, "no deploy today");
    assert_eq!(hands.app.waiting_line(), None, "it is on screen");
    hands.press("esc");
    let [line, short] = hands.app.waiting_line().unwrap();
    assert!(line.starts_with("1 runbook waits for you: at step 2 of 10: "), "{line}");
    assert!(line.contains("cortex-web"), "{line}");
    assert!(short.starts_with("a runbook waits: step 2 of 10: "), "{short}");
    let drawn = hands.screen();
    assert!(
        drawn.contains("1 runbook waits for you: ") && drawn.contains("g R"),
        "{drawn}"
    );
    // Elsewhere, too.
    hands.press("1 enter");
    assert!(hands.screen().contains("1 runbook waits for you: "));
    hands.press("g u");
    assert!(hands.screen().contains("1 runbook is under way in this console"));
    hands.press("esc g R");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    assert!(!hands.screen().contains("waits for you: "));
}

#[test]
fn of_several_runs_under_way_one_is_chosen_those_that_wait_first() {
    let mut hands = Hands::operator();
    hands.press("! r");
    note(&mut hands, "no deploy today");
    hands.press("esc esc 1");
    hands.select("cortex-worker-5455954757-7vwmz");
    hands.press("r esc");
    assert_eq!(hands.app.runs.len(), 2, "{}", hands.told());
    hands.press("g R");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!("no list of runs: {:?}", hands.app.layers.last());
    };
    assert_eq!(picker.purpose, PickerFor::Resume);
    assert_eq!(picker.choices.len(), 2);
    assert!(picker.choices[0].label.contains("cortex-web"), "{:?}", picker.choices);
    assert!(
        picker.choices[0].hint.ends_with(", waits for you"),
        "{:?}",
        picker.choices
    );
    hands.press("enter");
    let first = hands.app.runs[0].number;
    assert!(matches!(hands.app.layers.as_slice(), [Layer::Runbook(view)] if view.run == first));
    // Where it stands is read whatever the width.
    hands.press("esc g R");
    for width in [60, 80, 120] {
        let drawn = hands.screen_of(width, 20);
        assert!(drawn.contains("Runbooks under way, 1 waits for you"), "{drawn}");
        for stands in ["step 2 of 10, waits for you", "only looked at"] {
            assert!(drawn.contains(stands), "{width}: {drawn}");
        }
    }
    hands.press("enter");
    // From one there is only the other to go to.
    hands.press("g R");
    let second = hands.app.runs[1].number;
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(view)) if view.run == second));
}

#[test]
fn a_change_that_nothing_takes_back_is_not_called_no_change() {
    let mut hands = Hands::operator();
    hands.press("! r");
    let effects = loop {
        let effects = hands.press("enter");
        if effects.iter().any(|e| matches!(e, Effect::Plan(..))) {
            break effects;
        }
    };
    assert!(!hands.screen().contains("1 change"));
    let id = hands.answer(&effects);
    assert_eq!(asked(&effects).0, id);
    hands.confirm(&format!("word{}", id.0));
    let failed = Verdict::Failed("0 of 3 ready".to_owned());
    hands.progress(id, done(Outcome::Applied, Some(failed)));
    let run = &hands.app.runs[0].run;
    assert_eq!(run.phase(), &Phase::Stopped);
    assert!(run.undos().is_empty());
    let drawn = hands.screen();
    assert!(
        drawn.contains("none (1 change)") && !drawn.contains("nothing changed"),
        "{drawn}"
    );
    hands.press("esc");
    let [line, _] = hands.app.waiting_line().unwrap();
    assert!(line.contains(" of 10, stopped: "), "{line}");
}

#[test]
fn a_run_that_stopped_by_itself_counts_as_waiting_though_nobody_decided_anything() {
    const BOOK: &str = "+++\nid = \"gate\"\ntitle = \"Gate\"\nowner = \"us\"\nuse_when = \"Always.\"\n+++\n\
        ## Never\n```step\nkind = \"gate\"\nexpect = \"1 > 2\"\nwhy = \"No.\"\n```\n";
    let mut hands = Hands::operator();
    assert_eq!(hands.app.books.add("/u/gate.md", BOOK), []);
    hands.app.start_run("gate", crate::runbook::facts::Subject::default());
    hands.press("esc");
    let [line, short] = hands.app.waiting_line().unwrap();
    assert_eq!(line, "1 runbook waits for you: at step 1 of 1, stopped: Gate");
    assert_eq!(hands.app.runs[0].stands(), "step 1 of 1, stopped");
    assert_eq!(hands.app.waiting_runs(), 1);
    assert!(hands.screen_of(60, 20).contains(short.get(..40).unwrap()));
}
