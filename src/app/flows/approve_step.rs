//! A step that asks a second person to agree: by keys, from the question to the yes, the no, nobody, and broken glass.

use super::approval::{ADA, KIM, answered, me, news, spool, withdrawn};
use super::{Hands, start};
use crate::app::{Effect, Layer, Msg, ToSpool};
use crate::journal::RecordKind;
use crate::journal::spool::Ask;
use crate::runbook::engine::{Event, StepState};
use crate::runbook::facts::Subject;
use jiff::SignedDuration;

const BOOK: &str = r#"+++
id = "agree"
title = "Agree"
owner = "us"
use_when = "Always."
+++
## Agree
```step
kind = "approve"
text = "The primary is replaced: writes stop for a minute."
```
## Go
```step
kind = "note"
```
"#;

/// What the loop does with a step's question, where policy asks for a second person.
fn asks(hands: &mut Hands, effects: &[Effect]) -> Vec<Effect> {
    let found = effects.iter().find_map(|e| match e {
        Effect::AskApproval { run, ask, text, .. } => Some((*run, *ask, text.clone())),
        _ => None,
    });
    let (run, ask, text) = found.unwrap_or_else(|| panic!("nobody is asked: {effects:?}"));
    hands.app.ask_for_step(run, ask, &text)
}

fn open(with_spool: bool) -> Hands {
    let mut hands = Hands::operator();
    if with_spool {
        hands.tell(Msg::Spool(Box::new(news(me(KIM, "1-a")))));
    }
    assert_eq!(hands.app.books.add("/u/agree.md", BOOK), []);
    hands.app.start_run("agree", Subject::default());
    hands
}

/// A console whose step has asked, and the question.
fn asked() -> (Hands, Ask) {
    let mut hands = open(true);
    let effects = hands.press("enter");
    let effects = asks(&mut hands, &effects);
    let question = match spool(&effects).as_slice() {
        [ToSpool::Ask(ask, entry)] => {
            assert_eq!((entry.kind, &entry.plan_hash), (RecordKind::Approval, &ask.hash));
            (**ask).clone()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(question.changes, ["The primary is replaced: writes stop for a minute."]);
    (hands, question)
}

fn state(hands: &Hands) -> &StepState {
    &hands.app.runs[0].run.states()[0]
}

fn recorded(effects: &[Effect], word: &str) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Record(r) if r.what == word))
}

#[test]
fn somebody_elses_yes_passes_the_step_and_ones_own_does_not() {
    let (mut hands, question) = asked();
    answered(&mut hands, KIM, &question, true);
    assert_eq!(state(&hands), &StepState::Current);
    let effects = answered(&mut hands, ADA, &question, true);
    assert!(matches!(state(&hands), StepState::Passed(by) if by.contains("1002") && by.contains("seen")));
    assert!(recorded(&effects, "approved") && withdrawn(&effects, &question));
    assert_eq!(hands.app.runs[0].run.current(), 1);
}

#[test]
fn a_no_stops_the_run_and_only_a_new_question_can_be_answered_with_yes() {
    let (mut hands, question) = asked();
    let effects = answered(&mut hands, ADA, &question, false);
    assert!(matches!(state(&hands), StepState::Failed(why) if why.contains("refused: seen")));
    assert!(withdrawn(&effects, &question));
    hands.press("s");
    assert!(
        matches!(hands.app.layers.last(), Some(Layer::Runbook(_))),
        "nobody passes over the second person"
    );
    hands.press("t");
    let effects = hands.press("enter");
    let effects = asks(&mut hands, &effects);
    let again = match spool(&effects).as_slice() {
        [ToSpool::Ask(ask, _)] => (**ask).clone(),
        other => panic!("{other:?}"),
    };
    answered(&mut hands, ADA, &question, true);
    assert_eq!(state(&hands), &StepState::Current, "the yes was to another question");
    answered(&mut hands, ADA, &again, true);
    assert!(matches!(state(&hands), StepState::Passed(_)));
}

#[test]
fn where_nobody_can_be_asked_or_nobody_answers_the_step_fails_and_says_so() {
    let mut hands = open(false);
    let effects = hands.press("enter");
    asks(&mut hands, &effects);
    assert!(matches!(state(&hands), StepState::Failed(why) if why.contains("no spool folder")));

    let (mut hands, question) = asked();
    hands.now = start() + SignedDuration::from_mins(20);
    let effects = hands.tell(Msg::Tick);
    assert!(matches!(state(&hands), StepState::Failed(why) if why.contains("15 minutes")));
    assert!(withdrawn(&effects, &question));

    let (mut hands, question) = asked();
    hands.tell(Msg::NotAsked(question.id, "the folder is full".to_owned()));
    assert!(matches!(state(&hands), StepState::Failed(why) if why.contains("full")));
}

#[test]
fn where_no_policy_asks_for_it_the_step_passes_alone_and_says_so() {
    let mut hands = open(false);
    let effects = hands.press("enter");
    let Some(Effect::AskApproval { run, ask, .. }) = effects.iter().find(|e| matches!(e, Effect::AskApproval { .. }))
    else {
        panic!("{effects:?}")
    };
    let (run, ask, why) = (*run, *ask, "no policy".to_owned());
    let event = Event::ApprovalUnavailable { ask, why, solo: true };
    hands.tell(Msg::Approval { run, event });
    assert!(matches!(state(&hands), StepState::Passed(how) if how == "solo: no policy"));
}

#[test]
fn breaking_the_glass_takes_policy_and_a_reason_before_after_and_instead_of_a_question() {
    let (mut hands, _) = asked();
    hands.press("ctrl-b");
    assert!(hands.told().contains("policy lets nobody"), "{}", hands.told());
    assert_eq!(state(&hands), &StepState::Current);

    let broken = |hands: &mut Hands| {
        hands.app.break_glass = true;
        hands.press("ctrl-b enter");
        assert!(matches!(hands.app.layers.last(), Some(Layer::Prompt(p)) if p.complaint.is_some()));
        hands.types("nobody awake");
        let effects = hands.press("enter");
        let first = effects.iter().find_map(|e| match e {
            Effect::Record(r) => Some(r),
            _ => None,
        });
        let first = first.unwrap();
        assert_eq!((first.kind, &*first.reason), (RecordKind::Override, "nobody awake"));
        assert!(first.outcome.contains("BREAK GLASS"), "{}", first.outcome);
        assert!(matches!(state(hands), StepState::Passed(how) if how == "BREAK GLASS, alone: nobody awake"));
        effects
    };
    // While the question is open: it is taken back.
    let (mut hands, question) = asked();
    assert!(withdrawn(&broken(&mut hands), &question));
    // After a no; and without asking at all.
    let (mut hands, question) = asked();
    answered(&mut hands, ADA, &question, false);
    broken(&mut hands);
    broken(&mut open(true));
    // Elsewhere there is nothing to break.
    hands.press("ctrl-b");
    assert!(hands.told().contains("needs no second person"), "{}", hands.told());
}
