//! What holds a plan up that nothing else speaks against: haste, another hand at the same object, a freeze.

use super::{Hands, asked, done, executed, failed_check, plan};
use crate::action::{Outcome, Stage, Verdict};
use crate::app::layers::PlanState;
use crate::app::{Effect, Layer, Msg};
use crate::journal::incident::Event;
use crate::journal::{Entry, Levels, News, Record, RecordKind};

fn restart(hands: &mut Hands) -> Vec<Effect> {
    hands.press("2");
    hands.select("cortex-web");
    hands.press("a r")
}

/// The name of the check that holds the plan on screen up.
fn held(hands: &Hands) -> Option<String> {
    match &hands.plan_layer().state {
        PlanState::Ready(plan) => plan.blocked().map(|check| check.name.clone()),
        other => panic!("{other:?}"),
    }
}

fn finish(hands: &mut Hands, id: crate::action::ActionId) {
    hands.progress(id, done(Outcome::Applied, Some(Verdict::Healthy("ready".to_owned()))));
}

#[test]
fn the_same_restart_waits_five_minutes() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    assert_eq!(held(&hands), None);
    hands.confirm(&format!("word{}", id.0));
    finish(&mut hands, id);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    assert_eq!(held(&hands).as_deref(), Some("cooldown"));
    hands.press("esc");
    hands.wait(300_000);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    assert_eq!(held(&hands), None);
}

#[test]
fn while_something_is_sent_to_an_object_nothing_else_is() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let first = hands.answer(&effects);
    hands.confirm(&format!("word{}", first.0));
    // Planned and answered while the first is on its way.
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a p");
    hands.answer(&effects);
    assert_eq!(held(&hands).as_deref(), Some("others"));
    hands.press("esc");
    // Once it was answered, the next may follow while the first is still watched.
    let outcome = Outcome::Applied;
    hands.progress(first, Stage::Executed { step: 0, outcome });
    hands.select("cortex-web");
    let effects = hands.press("a p");
    hands.answer(&effects);
    assert_eq!(held(&hands), None);
}

/// Puts an incident of this severity on record, as the journal would give it back.
fn incident(hands: &mut Hands, level: &str) {
    let event = Event::Opened {
        level: Levels::default().get(level).unwrap().clone(),
        service: "api".to_owned(),
        context: "prod-eu".to_owned(),
        started: hands.now,
    };
    let entry = event.entry(&format!("INC-{level}"), "errors");
    let records = vec![record(hands, entry).into()];
    hands.tell(Msg::Journal(News {
        records,
        ..News::default()
    }));
}

fn record(hands: &Hands, entry: Entry) -> Record {
    let line = serde_json::json!({
        "v": 1, "seq": 1, "ts": hands.now, "host": "h", "pid": 1, "session": "s", "build": "b",
        "actor": {"os_user": "k.lind", "uid": 1000}, "mode": "live", "prev_hash": "",
    });
    let mut line = line;
    let entry = serde_json::to_value(entry).unwrap();
    line.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
    serde_json::from_value(line).unwrap()
}

#[test]
fn a_freeze_is_overridden_only_in_a_grave_incident_and_with_a_reason_on_record() {
    let mut hands = Hands::operator();
    let frozen = |hands: &mut Hands| {
        let (id, request) = asked(&restart(hands));
        let mut made = plan(id, &request, hands.now);
        made.checks.push(failed_check("freeze", "release week until Monday"));
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        id
    };
    let overridden = |hands: &mut Hands| {
        let mut effects = hands.press("ctrl-o");
        if !matches!(hands.app.layers.last(), Some(Layer::Prompt(_))) {
            return effects;
        }
        effects.extend(hands.types("INC-1 users cannot pay"));
        effects.extend(hands.press("enter"));
        effects
    };
    frozen(&mut hands);
    assert!(overridden(&mut hands).is_empty());
    assert_eq!(held(&hands).as_deref(), Some("freeze"), "no incident");
    hands.press("esc");

    incident(&mut hands, "P3");
    frozen(&mut hands);
    overridden(&mut hands);
    assert_eq!(held(&hands).as_deref(), Some("freeze"), "not grave enough");
    hands.press("esc");

    incident(&mut hands, "P1");
    let id = frozen(&mut hands);
    let effects = overridden(&mut hands);
    let record = effects.iter().find_map(|effect| match effect {
        Effect::Record(entry) if entry.kind == RecordKind::Override => Some(entry),
        _ => None,
    });
    let record = record.unwrap();
    assert_eq!(record.reason, "INC-1 users cannot pay");
    assert!(record.incident.starts_with("INC-P"), "{record:?}");
    assert_eq!(held(&hands), None);
    hands.press("tab enter");
    hands.types(&format!("word{}", id.0));
    assert!(executed(&hands.press("enter enter")).is_some());
}

/// What another console of this machine put on record about the deployment: sent, and answered if it was.
fn elsewhere(hands: &mut Hands, answered: bool) {
    let mut sent = Entry::new(RecordKind::Intent, "restart");
    sent.target = Some(web());
    let mut records = vec![record(hands, sent)];
    if answered {
        let mut result = Entry::new(RecordKind::Result, "restart");
        result.refers = Some(1);
        result.data = serde_json::json!({ "took": "yes" });
        records.push(record(hands, result));
    }
    let records = records.into_iter().map(Into::into).collect();
    hands.tell(Msg::Journal(News {
        records,
        ..News::default()
    }));
}

fn web() -> crate::journal::Target {
    crate::journal::Target {
        // Another person may call the same cluster by another name.
        context: "eu".to_owned(),
        server: "prod-eu.example.com:6443".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: "cortex".to_owned(),
        name: "cortex-web".to_owned(),
        uid: String::new(),
    }
}

fn held_detail(hands: &Hands) -> String {
    let plan = hands.plan_layer().plan().unwrap();
    plan.blocked()
        .map(|check| format!("{}: {}", check.name, check.detail))
        .unwrap_or_default()
}

#[test]
fn what_another_console_put_on_record_holds_a_plan_up_and_says_who_and_when() {
    let mut hands = Hands::operator();
    elsewhere(&mut hands, false);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    let held = held_detail(&hands);
    assert!(held.starts_with("others: k.lind sent restart to it"), "{held}");
    assert!(held.contains("11:30:00Z"), "{held}");
    hands.press("esc");
    // Two minutes without an answer: nobody is at it any more, and what became of it is a question of its own.
    hands.wait(120_000);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    assert_eq!(held_detail(&hands), "");

    let mut hands = Hands::operator();
    elsewhere(&mut hands, true);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    let held = held_detail(&hands);
    assert!(
        held.starts_with("cooldown: restart was done to it") && held.contains("by k.lind at 11:30:00Z"),
        "{held}"
    );
    hands.press("esc");
    hands.wait(300_000);
    let effects = restart(&mut hands);
    hands.answer(&effects);
    assert_eq!(held_detail(&hands), "");
}

#[test]
fn what_another_user_says_in_the_spool_counts_the_same_also_between_plan_and_button() {
    use super::approval::{ADA, KIM, me, news};
    use crate::journal::recent::Deed;
    use crate::journal::spool::{Presence, Role, Seen};

    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    assert_eq!(held_detail(&hands), "");
    let deed = Deed {
        what: "scale".to_owned(),
        plan: "p".to_owned(),
        target: web(),
        at: hands.now,
        answered: false,
    };
    let here = Presence {
        v: 1,
        name: "ada".to_owned(),
        session: "2-b".to_owned(),
        since: hands.now,
        role: Role::Operator,
        following: None,
        seat: None,
        looks: None,
        deeds: vec![deed],
    };
    let mut all = news(me(KIM, "1-a"));
    all.present = vec![Seen::for_test(ADA, "2-b".to_owned(), here, String::new())];
    hands.tell(Msg::Spool(Box::new(all)));
    // It was begun since this plan was made.
    let effects = hands.confirm(&format!("word{}", id.0));
    assert!(executed(&effects).is_none());
    assert!(hands.told().contains("sent scale to it"), "{}", hands.told());
}

#[test]
fn what_is_sent_here_is_told_to_the_others_until_it_is_old() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let told = |hands: &Hands| {
        let me = super::approval::me(1, "1-a");
        let deeds = hands.app.presence(&me, super::start()).deeds;
        deeds.first().map(|d| (d.what.clone(), d.answered, d.is_of(&web())))
    };
    assert_eq!(told(&hands), Some(("restart".to_owned(), false, true)));
    finish(&mut hands, id);
    assert_eq!(told(&hands), Some(("restart".to_owned(), true, true)));
    hands.wait(900_000);
    hands.tell(Msg::Tick);
    assert_eq!(told(&hands), None);
}
