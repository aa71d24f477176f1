//! Following an operator from a read-only console, and what the operator's console tells of itself.

use super::Hands;
use crate::app::{Layer, Msg};
use crate::journal::spool::{Me, News, Person, Presence, Role, Seen};
use crate::model::Kind;
use crate::panes::PaneId;

fn me(uid: u32, session: &str) -> Me {
    Me {
        person: Person {
            uid,
            name: format!("u{uid}"),
            known: true,
        },
        login: None,
        session: session.to_owned(),
    }
}

fn kim() -> Me {
    me(1001, "1-a")
}

fn ada() -> Me {
    me(1002, "2-b")
}

fn presence(hands: &Hands, me: &Me) -> Presence {
    hands.app.presence(me, super::start())
}

/// Both consoles read what both wrote.
fn exchange(operator: &mut Hands, observer: &mut Hands) {
    let written = [(kim(), presence(operator, &kim())), (ada(), presence(observer, &ada()))];
    let all: Vec<Seen<Presence>> = written
        .iter()
        .map(|(me, p)| Seen::for_test(me.person.uid, me.session.clone(), p.clone(), String::new()))
        .collect();
    for (hands, me) in [(operator, kim()), (observer, ada())] {
        let news = News {
            present: all.clone(),
            trouble: None,
            ..News::unusable(me, String::new())
        };
        hands.wait(1000);
        hands.tell(Msg::Spool(Box::new(news)));
    }
}

fn both() -> (Hands, Hands) {
    let (mut operator, mut observer) = (Hands::operator(), Hands::observer());
    exchange(&mut operator, &mut observer);
    observer.press("F");
    exchange(&mut operator, &mut observer);
    (operator, observer)
}

#[test]
fn pane_selection_and_detail_are_mirrored_and_the_operator_sees_who_watches() {
    let (mut operator, mut observer) = both();
    assert_eq!(operator.app.watchers(), 1);
    assert_eq!(observer.app.bastion.following.as_ref().unwrap().name, "u1001");
    operator.press("2");
    operator.select("cortex-web");
    exchange(&mut operator, &mut observer);
    assert_eq!(
        (observer.app.pane, observer.selected()),
        (PaneId::Rollouts, "cortex-web".to_owned())
    );
    operator.press("enter");
    exchange(&mut operator, &mut observer);
    match observer.app.layers.last() {
        Some(Layer::Detail(d)) => assert_eq!((d.object.kind, &*d.object.name), (Kind::Deployment, "cortex-web")),
        other => panic!("{other:?}"),
    }
    operator.press("esc 1");
    exchange(&mut operator, &mut observer);
    assert!(observer.app.layers.is_empty() && observer.app.pane == PaneId::Pods);
}

#[test]
fn runbook_progress_is_shown_and_cannot_be_touched() {
    let (mut operator, mut observer) = both();
    operator.press("r");
    exchange(&mut operator, &mut observer);
    assert!(matches!(observer.app.layers.last(), Some(Layer::Followed(_))));
    let run = observer.app.followed().and_then(|p| p.looks.clone()?.run).unwrap();
    assert!(run.steps.len() >= 2 && run.ended.is_empty());
    operator.press("enter");
    exchange(&mut operator, &mut observer);
    let later = observer.app.followed().and_then(|p| p.looks.clone()?.run).unwrap();
    assert_ne!(run.steps, later.steps, "it went on");
    assert!(observer.app.runs.is_empty());
}

#[test]
fn any_own_way_ends_it_and_looking_beside_does_not() {
    let (mut operator, mut observer) = both();
    observer.press("?");
    operator.press("2");
    exchange(&mut operator, &mut observer);
    assert!(
        matches!(observer.app.layers.last(), Some(Layer::Help(_))),
        "the help stays"
    );
    observer.press("esc");
    observer.wait(1000);
    observer.tell(Msg::Tick);
    assert_eq!(observer.app.pane, PaneId::Rollouts);
    observer.press("j");
    assert!(observer.app.bastion.following.is_none());
    exchange(&mut operator, &mut observer);
    assert_eq!(operator.app.watchers(), 0);
    operator.press("1");
    exchange(&mut operator, &mut observer);
    assert_eq!(observer.app.pane, PaneId::Rollouts, "free again");
}

#[test]
fn who_is_on_another_cluster_is_not_mirrored_and_who_left_is_not_followed() {
    let (mut operator, mut observer) = both();
    operator.go_to("prod-us");
    operator.press("2");
    exchange(&mut operator, &mut observer);
    assert_eq!(observer.app.pane, PaneId::Pods);
    let apart = observer.app.bastion.following.as_ref().unwrap().apart.clone();
    assert!(apart.unwrap().contains("prod-us"));
    let nobody = News {
        trouble: None,
        ..News::unusable(ada(), String::new())
    };
    observer.tell(Msg::Spool(Box::new(nobody)));
    assert!(observer.app.bastion.following.is_none());
    assert!(observer.told().contains("has left"));
}

#[test]
fn an_operator_follows_nobody_and_an_observer_tells_nothing_of_their_screen() {
    let (mut operator, observer) = both();
    operator.press("F");
    assert!(operator.app.bastion.following.is_none());
    let told = presence(&observer, &ada());
    assert_eq!((told.role, told.looks), (Role::Observer, None));
}
