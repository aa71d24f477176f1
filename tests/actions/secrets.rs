//! What may not stand on record does not, whatever action writes it.

use quarterdeck::action::Outcome;
use serde_json::{Value, json};

use super::fake_api::{Desk, Fake, Fault, finish, one_of_each, prepare, status};

const CANARY: &str = "canary-7f3a";

/// Puts it wherever people keep what nobody else should read.
fn poison(of: &mut Value) {
    if let Some(spec) = of.pointer_mut("/spec/template/spec") {
        for container in spec["containers"].as_array_mut().unwrap() {
            container["env"] = json!([{"name": "PASSWORD", "value": CANARY}]);
            container["args"] = json!([format!("--token={CANARY}")]);
            container["command"] = json!(["sh", "-c", format!("login {CANARY}")]);
        }
        let meta = &mut of["spec"]["template"]["metadata"];
        meta["annotations"]["example.com/note"] = CANARY.into();
    }
    of["metadata"]["annotations"]["example.com/note"] = CANARY.into();
    of["metadata"]["labels"]["example.com/note"] = CANARY.into();
}

fn world() -> Fake {
    let fake = Fake::cortex();
    prepare(&fake);
    fake.react(finish);
    let mut state = fake.0.lock().unwrap();
    for (at, object) in &mut state.objects {
        // Revisions that differ in every place, so that going back to one changes all of them.
        poison(object);
        if at.contains("/replicasets/") {
            let text = object.to_string().replace(CANARY, &format!("{CANARY}-{}", at.len()));
            *object = serde_json::from_str(&text).unwrap();
        }
    }
    drop(state);
    fake
}

#[tokio::test]
async fn no_value_of_an_environment_an_argument_or_an_annotation_reaches_the_record() {
    let mut carried = 0;
    for ask in one_of_each(&world()) {
        let desk = Desk::new(world());
        let (outcome, ..) = desk.run(ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        carried += usize::from(desk.fake.writes().iter().any(|w| w.body.to_string().contains(CANARY)));
        let path = desk.actor.journal().path(jiff::Timestamp::now());
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("\"intent\""), "{ask:?}");
        assert!(!text.contains(CANARY), "{ask:?}: {text}");
    }
    assert!(carried > 0, "no request carried it: the test would prove nothing");
}

#[tokio::test]
async fn a_server_that_repeats_the_value_it_refuses_does_not_put_it_on_record() {
    for ask in one_of_each(&world()) {
        let desk = Desk::new(world());
        let said = format!("Deployment is invalid: env[0].value: Invalid value: \"{CANARY}\": no");
        let plan = desk.plan(ask.clone()).await.unwrap();
        for method in ["PATCH", "PUT", "POST", "DELETE"] {
            desk.fake
                .fault(method, "", Fault::Say(403, status(403, "Forbidden", &said)));
        }
        let (outcome, ..) = desk.carry_out(plan).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{ask:?} {outcome:?}");
        let path = desk.actor.journal().path(jiff::Timestamp::now());
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("(not kept)") && !text.contains(CANARY), "{ask:?}: {text}");
    }
}
