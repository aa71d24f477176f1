//! A second person approves, refuses, or cannot; and a plan that needs one never goes without.

use super::{Hands, asked, executed, plan};
use crate::action::{ActionId, Second, SecondPerson, WhyNot};
use crate::app::layers::{ApprovalFocus, PlanFocus};
use crate::app::{Asking, Effect, Layer, Msg, ToSpool};
use crate::journal::RecordKind;
use crate::journal::spool::{Answer, Ask, Me, News, Person, Seen};

pub(super) const KIM: u32 = 1001;
pub(super) const ADA: u32 = 1002;

pub(super) fn me(uid: u32, session: &str) -> Me {
    Me {
        person: Person {
            uid,
            name: format!("u{uid}"),
            known: true,
        },
        login: Some(uid),
        session: session.to_owned(),
    }
}

pub(super) fn news(me: Me) -> News {
    News {
        trouble: None,
        ..News::unusable(me, String::new())
    }
}

pub(super) fn spool(effects: &[Effect]) -> Vec<&ToSpool> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Spool(order) => Some(order),
            _ => None,
        })
        .collect()
}

/// A console with the plan of a restart on it, for which policy asks a second person.
fn planned(break_glass: bool) -> (Hands, ActionId) {
    let mut hands = Hands::operator();
    hands.tell(Msg::Spool(Box::new(news(me(KIM, "1-a")))));
    hands.press("2");
    hands.select("cortex-web");
    let (id, request) = asked(&hands.press("a r"));
    let mut made = plan(id, &request, hands.now);
    made.second_person = Some(SecondPerson { break_glass });
    made.expires_at = hands.now + crate::journal::spool::ASK_LIFE;
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    (hands, id)
}

/// Asks for a second person by keys, and gives what was written.
fn ask(hands: &mut Hands) -> Ask {
    hands.press("tab");
    hands.types("INC-214");
    let effects = hands.press("enter enter");
    assert!(executed(&effects).is_none());
    match spool(&effects).as_slice() {
        [ToSpool::Ask(ask, entry)] => {
            assert_eq!((entry.kind, &entry.plan_hash), (RecordKind::Approval, &ask.hash));
            (**ask).clone()
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn answered(hands: &mut Hands, by: u32, ask: &Ask, approves: bool) -> Vec<Effect> {
    let answer = Answer {
        v: 1,
        ask: ask.id.clone(),
        name: String::new(),
        login: Some(by),
        hash: ask.hash.clone(),
        shown: ask.digest(),
        approves,
        reason: "seen".to_owned(),
        at: hands.now,
    };
    let mut all = news(me(KIM, "1-a"));
    all.answers = vec![Seen::for_test(by, ask.id.clone(), answer, String::new())];
    hands.tell(Msg::Spool(Box::new(all)))
}

pub(super) fn withdrawn(effects: &[Effect], ask: &Ask) -> bool {
    spool(effects).contains(&&ToSpool::Withdraw(ask.id.clone()))
}

#[test]
fn the_plan_goes_only_after_somebody_elses_yes_and_takes_it_along() {
    let (mut hands, id) = planned(false);
    let question = ask(&mut hands);
    assert_eq!(question.reason, "INC-214");
    assert_eq!(question.word, "prod-eu/cortex-web");
    assert_eq!(
        hands.plan_layer().stops(),
        [PlanFocus::Cancel],
        "only waiting, or leaving"
    );
    // Our own yes is none.
    answered(&mut hands, KIM, &question, true);
    assert!(matches!(hands.plan_layer().asking, Asking::Asked(_)));
    let effects = answered(&mut hands, ADA, &question, true);
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Record(r) if r.kind == RecordKind::Approval))
    );
    assert_eq!(hands.plan_layer().focus, PlanFocus::Cancel);
    hands.press("tab");
    hands.types(&format!("word{}", id.0));
    let effects = hands.press("enter enter");
    let confirmed = executed(&effects).unwrap();
    match confirmed.second() {
        Some(Second::Approved(by)) => assert_eq!((by.by().uid, by.hash()), (ADA, &*question.hash)),
        other => panic!("{other:?}"),
    }
    assert!(withdrawn(&effects, &question));
}

#[test]
fn a_no_ends_it_also_after_a_yes() {
    let (mut hands, _) = planned(false);
    let question = ask(&mut hands);
    answered(&mut hands, ADA, &question, true);
    let effects = answered(&mut hands, 1003, &question, false);
    assert!(withdrawn(&effects, &question));
    assert!(matches!(&hands.plan_layer().asking, Asking::Refused(no) if no.by.uid == 1003));
    assert_eq!(hands.plan_layer().stops(), [PlanFocus::Cancel]);
}

#[test]
fn planning_again_or_leaving_voids_what_was_approved() {
    for keys in ["ctrl-r", "esc"] {
        let (mut hands, _) = planned(false);
        let question = ask(&mut hands);
        answered(&mut hands, ADA, &question, true);
        let effects = hands.press(keys);
        assert!(withdrawn(&effects, &question), "{keys}");
        if keys == "ctrl-r" {
            let (id, request) = asked(&effects);
            let mut made = plan(id, &request, hands.now);
            made.second_person = Some(SecondPerson { break_glass: false });
            hands.tell(Msg::Planned(id, Ok(Box::new(made))));
            // The old yes lies there still.
            answered(&mut hands, ADA, &question, true);
            assert_eq!(hands.plan_layer().asking, Asking::NotAsked);
        }
    }
}

#[test]
fn without_a_second_person_no_confirmation_counts() {
    let (hands, id) = planned(false);
    let made = hands.plan_layer().plan().unwrap().clone();
    let by = crate::action::Confirmation {
        hash: made.hash(),
        typed: format!("word{}", id.0),
        reason: "x".to_owned(),
    };
    let now = hands.now;
    assert_eq!(made.clone().confirm(by.clone(), now), Err(WhyNot::NoSecondPerson));
    let alone = Some(Second::Alone { reason: "y".to_owned() });
    assert_eq!(made.clone().confirm_with(by.clone(), alone, now), Err(WhyNot::NotAlone));
}

#[test]
fn breaking_the_glass_takes_policy_and_a_reason() {
    let (mut hands, _) = planned(false);
    hands.press("ctrl-b");
    assert!(hands.told().contains("policy lets nobody"), "{}", hands.told());
    let (mut hands, id) = planned(true);
    hands.press("ctrl-b enter");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Prompt(p)) if p.complaint.is_some()));
    hands.types("nobody awake");
    hands.press("enter");
    assert_eq!(hands.plan_layer().asking, Asking::Alone("nobody awake".to_owned()));
    hands.wait(400);
    let effects = hands.confirm(&format!("word{}", id.0));
    let second = executed(&effects).and_then(|c| c.second().cloned());
    assert!(matches!(second, Some(Second::Alone { reason }) if reason == "nobody awake"));
}

/// Ada's console, with Kim's question.
fn second_console(mut hands: Hands, question: &Ask) -> Hands {
    let mut all = news(me(ADA, "2-b"));
    all.asks = vec![Seen::for_test(
        KIM,
        question.id.clone(),
        question.clone(),
        question.digest(),
    )];
    hands.tell(Msg::Spool(Box::new(all)));
    hands
}

#[test]
fn the_second_person_reads_types_the_word_and_says_why() {
    let question = ask(&mut planned(false).0);
    let mut ada = second_console(Hands::operator(), &question);
    assert!(ada.told().contains("asks for a second person"), "{}", ada.told());
    assert_eq!(ada.app.to_answer().len(), 1);
    ada.press("g w enter");
    let focus = |ada: &Hands| match ada.app.layers.last() {
        Some(Layer::Approval(layer)) => (layer.focus, layer.complaint.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(focus(&ada).0, ApprovalFocus::Cancel);
    ada.press("tab tab enter");
    assert!(focus(&ada).1.unwrap().contains("reason"));
    ada.types("checked the pods");
    ada.press("enter");
    ada.types("prod-eu/cortex-api");
    assert!(spool(&ada.press("enter enter")).is_empty());
    assert!(focus(&ada).1.unwrap().contains("prod-eu/cortex-web"));
    for _ in 0..20 {
        ada.press("backspace");
    }
    ada.types("prod-eu/cortex-web");
    let effects = ada.press("enter enter");
    match spool(&effects).as_slice() {
        [ToSpool::Answer(answer, entry)] => {
            assert!(answer.approves && answer.hash == question.hash && answer.shown == question.digest());
            assert_eq!((entry.kind, &*entry.reason), (RecordKind::Approval, "checked the pods"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn neither_the_asker_nor_a_read_only_console_approves() {
    let question = ask(&mut planned(false).0);
    let mut observer = second_console(Hands::observer(), &question);
    assert!(observer.app.to_answer().is_empty());
    observer.press("g w enter");
    assert!(spool(&observer.press("tab tab tab tab enter")).is_empty());
    // The same user in a second console.
    let mut again = Hands::operator();
    let mut all = news(me(KIM, "9-z"));
    all.asks = vec![Seen::for_test(
        KIM,
        question.id.clone(),
        question.clone(),
        question.digest(),
    )];
    again.tell(Msg::Spool(Box::new(all)));
    assert!(again.app.to_answer().is_empty());
    again.press("g w enter");
    assert!(spool(&again.press("tab tab tab tab enter")).is_empty());
}

#[test]
fn a_question_that_was_taken_back_cannot_be_answered_any_more() {
    let question = ask(&mut planned(false).0);
    let mut ada = second_console(Hands::operator(), &question);
    ada.press("g w enter tab");
    ada.tell(Msg::Spool(Box::new(news(me(ADA, "2-b")))));
    match ada.app.layers.last() {
        Some(Layer::Approval(layer)) => assert_eq!(layer.stops(), [ApprovalFocus::Cancel]),
        other => panic!("{other:?}"),
    }
}
