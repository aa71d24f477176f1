//! Changes of what nobody watches: it is read, chosen from a list, typed where that is needed, and planned.

use super::{Hands, asked, fetch_token};
use crate::action::{NewValue, ObjectAsk, Offer, Offered, Request};
use crate::app::msg::{Effect, Fetch, Fetched};
use crate::app::{Layer, Msg};
use crate::model::{Kind, ObjectRef};

fn offered(kind: Kind, name: &str, key: &str, now: Option<&str>) -> Offered {
    Offered {
        object: ObjectRef {
            kind,
            namespace: "cortex".into(),
            name: name.into(),
            uid: "u-1".into(),
        },
        key: key.to_owned(),
        now: now.map(str::to_owned),
        hint: String::new(),
    }
}

fn object(request: Request) -> (ObjectRef, ObjectAsk) {
    match request {
        Request::Object { target, ask } => (target, ask),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_of_a_config_map_is_chosen_edited_and_planned_from_what_was_seen() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a c");
    let wanted = |e: &Effect| matches!(e, Effect::Fetch(_, Fetch::Offers(Offer::ConfigKeys, ns)) if &**ns == "cortex");
    assert!(effects.iter().any(wanted), "{effects:?}");
    let token = fetch_token(&effects);
    let list = vec![
        offered(Kind::ConfigMap, "cortex-config", "FEATURES", Some("a,b")),
        offered(Kind::ConfigMap, "cortex-config", "app.yaml", None),
    ];
    hands.tell(Msg::Fetched(token, Ok(Fetched::Offers(list))));
    // A value of several lines is not edited in one.
    hands.types("app.yaml");
    hands.press("enter");
    assert!(hands.told().contains("several lines"), "{}", hands.told());

    let token = fetch_token(&hands.press("a c"));
    let list = vec![offered(Kind::ConfigMap, "cortex-config", "FEATURES", Some("a,b"))];
    hands.tell(Msg::Fetched(token, Ok(Fetched::Offers(list))));
    hands.press("enter");
    assert!(hands.press("enter").is_empty(), "the value it has is no change");
    hands.types(",c");
    let (target, ask) = object(asked(&hands.press("enter")).1);
    assert_eq!((target.kind, &*target.name), (Kind::ConfigMap, "cortex-config"));
    let (key, value) = ("FEATURES".to_owned(), "a,b,c".to_owned());
    let seen = Some("a,b".to_owned());
    assert_eq!(ask, ObjectAsk::SetConfig { key, value, seen });
}

#[test]
fn a_typed_secret_is_in_no_layer_and_no_effect_that_anybody_could_print() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let token = fetch_token(&hands.press("a k"));
    let list = vec![offered(Kind::Secret, "cortex-env", "API_KEY", None)];
    hands.tell(Msg::Fetched(token, Ok(Fetched::Offers(list))));
    hands.press("enter");
    // Who takes the list for the field types into the field all the same.
    hands.types("ca");
    let Some(Layer::Prompt(prompt)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers)
    };
    assert!(prompt.is_masked() && prompt.field.text() == "ca");
    hands.press("backspace backspace");
    hands.tell(Msg::Paste("x".repeat(crate::app::field::MOST + 1)));
    assert!(hands.told().contains("nothing was pasted"), "{}", hands.told());
    hands.tell(Msg::Paste("canary-in-a-cage".to_owned()));
    let Some(Layer::Prompt(prompt)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers)
    };
    assert_eq!(
        prompt.field.text(),
        "canary-in-a-cage",
        "and not after a part of the other"
    );
    let effects = hands.press("enter");
    let all = format!("{effects:?} {:?} {:?}", hands.app.layers, hands.app.toasts);
    assert!(!all.contains("canary"), "{all}");
    let (target, ask) = object(asked(&effects).1);
    assert_eq!((target.kind, &*target.name), (Kind::Secret, "cortex-env"));
    assert!(
        matches!(
            ask,
            ObjectAsk::RotateSecret {
                value: NewValue::Given(_),
                ..
            }
        ),
        "{ask:?}"
    );
}

#[test]
fn a_cron_job_is_run_now_from_the_table_of_cron_jobs() {
    let mut hands = Hands::operator();
    hands.press("9 v");
    hands.select("cortex-backup");
    let (target, ask) = object(asked(&hands.press("a r")).1);
    assert_eq!((target.kind, &*target.name), (Kind::CronJob, "cortex-backup"));
    assert!(matches!(ask, ObjectAsk::CreateJob { template: None, .. }), "{ask:?}");
}

#[test]
fn resources_are_typed_as_request_and_limit() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    hands.press("a m");
    hands.types("memory=:512Mi");
    let (_, ask) = object(asked(&hands.press("enter")).1);
    let ObjectAsk::SetResources { container, resources } = ask else {
        panic!()
    };
    assert_eq!(
        (container.as_str(), resources.limits.get("memory").map(String::as_str)),
        ("web", Some("512Mi"))
    );
    assert!(resources.requests.is_empty());
}
