//! The keys of a run's panel: values chosen from what is there, secrets, texts for others, another operator.

use super::{Hands, asked, start};
use crate::app::layers::PromptFor;
use crate::app::{Effect, Layer};
use crate::runbook::engine::Status;
use crate::runbook::facts::Subject;

const BOOK: &str = r#"+++
id = "panel"
title = "Panel"
owner = "us"
use_when = "Always."
[params.workload]
type = "workload"
help = "What is restarted"
[params.word]
type = "string"
secret = true
+++
## Which
```step
kind = "ask"
param = "workload"
```
## Secret
```step
kind = "ask"
param = "word"
```
## Tell
```step
kind = "notify"
to = "all"
text = "{{ workload }} restarts"
```
## Restart
```step
kind = "action"
action = "restart"
target = "{{ workload }}"
```
"#;

fn open() -> Hands {
    let mut hands = Hands::operator();
    assert_eq!(hands.app.books.add("/u/panel.md", BOOK), []);
    hands.app.start_run("panel", Subject::default());
    hands
}

fn step(hands: &Hands) -> String {
    hands.app.runs[0].run.step().unwrap().id.clone()
}

fn recorded(effects: &[Effect]) -> String {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Record(entry) => Some(serde_json::to_string(entry).unwrap()),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_value_is_chosen_from_what_is_there_the_worst_on_top_with_how_it_is() {
    let mut hands = open();
    hands.press("enter");
    assert_eq!(step(&hands), "which", "nothing is chosen yet");
    hands.press("e");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers.last())
    };
    let shown = picker.shown();
    // All its old pods are ready; what is not well is its release.
    assert!(
        shown[0].label.ends_with("/cortex-web") && shown[0].hint.contains(" ready, stalled "),
        "{:?}",
        shown[0]
    );
    assert!(shown.last().unwrap().hint.ends_with("complete"), "{shown:?}");
    hands.types("cortex-api");
    let effects = hands.press("enter");
    assert!(
        recorded(&effects).contains("workload = deployment/cortex/cortex-api"),
        "{effects:?}"
    );
    hands.press("enter");
    assert_eq!(step(&hands), "secret");
}

/// Past the choice of the workload.
fn at_secret() -> Hands {
    let mut hands = open();
    hands.press("e");
    hands.types("cortex-api");
    hands.press("enter enter");
    hands
}

#[test]
fn a_secret_is_typed_unseen_and_reaches_no_record() {
    let mut hands = at_secret();
    hands.press("e");
    let Some(Layer::Prompt(prompt)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers.last())
    };
    assert!(matches!(prompt.purpose, PromptFor::RunAnswer { secret: true, .. }) && prompt.is_masked());
    let mut effects = hands.types("canary-1");
    effects.extend(hands.press("enter enter"));
    assert_eq!(step(&hands), "tell");
    let told = recorded(&effects);
    assert!(told.contains("word = (secret)") && !told.contains("canary-1"), "{told}");
    assert!(!format!("{:?}", hands.app.runs).contains("canary-1"));
    // Another look at it begins empty.
    hands.press("e");
    let choices = match hands.app.layers.last() {
        Some(Layer::Picker(picker)) => picker.choices.clone(),
        other => panic!("{other:?}"),
    };
    assert!(
        choices.iter().all(|choice| !choice.hint.contains("canary")),
        "{choices:?}"
    );
}

#[test]
fn a_text_is_copied_by_one_key_and_the_change_has_its_plan() {
    let mut hands = at_secret();
    hands.press("e");
    hands.types("x");
    hands.press("enter enter");
    let effects = hands.press("y");
    let copied = effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(copied, Some("deployment/cortex/cortex-api restarts"));
    hands.press("enter");
    let (_, request) = asked(&hands.press("enter"));
    assert_eq!(&*request.targets()[0].name, "cortex-api");
}

#[test]
fn a_run_is_let_go_for_another_operator_by_name() {
    let mut hands = open();
    hands.press("H");
    hands.types("r.roe end of shift");
    let effects = hands.press("enter");
    assert_eq!(hands.app.runs[0].run.status(), &Status::HandedOver("r.roe".to_owned()));
    assert!(recorded(&effects).contains("to r.roe: end of shift"), "{effects:?}");
    assert!(hands.now > start());
}

#[test]
fn what_enter_takes_is_written_beside_it_and_nothing_is_offered_where_nothing_is_proposed() {
    let mut hands = Hands::operator();
    hands.app.start_run("redis-memory", Subject::default());
    while hands.app.runs[0]
        .run
        .step()
        .is_some_and(|s| !matches!(s.kind, crate::runbook::format::StepKind::Ask(_)))
    {
        hands.press("s");
        hands.types("not now");
        hands.press("enter");
    }
    for (width, height) in [(60, 20), (80, 24)] {
        let drawn = hands.screen_of(width, height);
        assert!(drawn.contains("What to do: [ not chosen"), "{drawn}");
        assert!(!drawn.contains("take it") && !drawn.contains("proposed"), "{drawn}");
        assert!(!drawn.contains("no default"), "{drawn}");
    }
    let asked = step(&hands);
    hands.press("enter");
    assert_ne!(step(&hands), asked, "the way that is marked is taken");
}

#[test]
fn the_steps_that_have_no_room_are_counted() {
    let mut hands = Hands::operator();
    hands.app.start_run("redis-memory", Subject::default());
    let steps = hands.app.runs[0].run.book().steps.len();
    let drawn = hands.screen_of(60, 16);
    let shown = (1..=steps)
        .filter(|n| {
            drawn
                .lines()
                .any(|l| l.contains(&format!(" {n} ")) && l.starts_with('│'))
        })
        .count();
    assert!(shown < steps && drawn.contains(" more"), "{drawn}");
}
