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
    hands.press("tab tab enter");
    hands.types(&format!("word{}", id.0));
    assert!(executed(&hands.press("enter enter")).is_some());
}
