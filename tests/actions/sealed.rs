//! Values of Secrets reach the server and nothing else.

use super::objects::{ask, desk};
use crate::fake_api::{CANARY, Desk, Fault, path, pem_files};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quarterdeck::action::{Alphabet, NewValue, ObjectAsk, Outcome, Request, Sealed, Undo, Verdict};
use quarterdeck::model::Kind;
use serde_json::json;

fn rotate(desk: &Desk, value: NewValue) -> Request {
    ask(
        desk.target(Kind::Secret, "cortex-env"),
        ObjectAsk::RotateSecret {
            key: "API_KEY".into(),
            value,
        },
    )
}

fn held(desk: &Desk, name: &str, key: &str) -> String {
    let data = desk.fake.get(&path(Kind::Secret, name))["data"][key].clone();
    String::from_utf8(STANDARD.decode(data.as_str().unwrap()).unwrap()).unwrap()
}

/// Everything that anybody can read of it afterwards.
fn seen(desk: &Desk, more: &str) -> String {
    let file = desk.actor.journal().path(jiff::Timestamp::now());
    format!("{}{more}", std::fs::read_to_string(file).unwrap())
}

#[tokio::test]
async fn a_typed_value_is_in_the_secret_and_nowhere_else() {
    let desk = desk();
    let former = held(&desk, "cortex-env", "API_KEY");
    let request = rotate(&desk, NewValue::Given(Sealed::typed(CANARY)));
    let plan = desk.plan(request.clone()).await.unwrap();
    assert_eq!(
        plan.steps[0].changes[0].after,
        format!("{} bytes, not shown", CANARY.len())
    );
    let told = format!("{request:?} {plan:?} {} {}", json!(plan.request), plan.hash());
    let (outcome, verdict, stages) = desk.carry_out(plan.clone()).await;
    assert_eq!(
        (outcome, &verdict),
        (
            Outcome::Applied,
            &Some(Verdict::Healthy("the server holds the new value".into()))
        )
    );
    assert_eq!(held(&desk, "cortex-env", "API_KEY"), CANARY);
    assert_eq!(
        held(&desk, "cortex-env", "DATABASE_URL").get(..8),
        Some("postgres"),
        "other keys stay"
    );

    let Undo::By {
        request: back,
        valid_for_s,
        ..
    } = plan.undo
    else {
        panic!()
    };
    assert!(valid_for_s >= 8 * 3600);
    let all = seen(&desk, &format!("{told} {stages:?} {back:?} {}", json!(back)));
    for value in [CANARY, &STANDARD.encode(CANARY), &former, &STANDARD.encode(&former)] {
        assert!(!all.contains(value), "{value} got out");
    }
    // The bytes that were sent have no hash on record either: a short value could be guessed from it.
    let sent = desk.fake.writes()[0].body.to_string();
    assert!(!all.contains(&quarterdeck::journal::sha256(sent.as_bytes())));
    desk.run(back).await;
    assert_eq!(held(&desk, "cortex-env", "API_KEY"), former);
}

#[tokio::test]
async fn a_made_value_is_random_and_is_the_one_that_was_planned() {
    let mut all = Vec::new();
    for _ in 0..2 {
        let desk = desk();
        let value = NewValue::Generate {
            length: 44,
            alphabet: Alphabet::Letters,
        };
        assert_eq!(desk.run(rotate(&desk, value)).await.0, Outcome::Applied);
        let made = held(&desk, "cortex-env", "API_KEY");
        assert!(made.len() == 44 && made.bytes().all(|b| b.is_ascii_alphanumeric()));
        all.push(made);
    }
    assert_ne!(all[0], all[1]);
    let desk = desk();
    let short = NewValue::Generate {
        length: 4,
        alphabet: Alphabet::Hex,
    };
    assert!(desk.plan(rotate(&desk, short)).await.is_err());
    let refusal = desk.plan(ask(
        desk.target(Kind::Secret, "cortex-tls-300d"),
        ObjectAsk::RotateSecret {
            key: "tls.key".into(),
            value: NewValue::Given(Sealed::typed("x")),
        },
    ));
    assert!(refusal.await.unwrap_err().what.contains("belong together"));
}

#[tokio::test]
async fn what_was_held_by_a_console_that_is_gone_is_said_to_be_lost() {
    let desk = desk();
    let plan = desk
        .plan(rotate(&desk, NewValue::Given(Sealed::typed(CANARY))))
        .await
        .unwrap();
    let Undo::By { request, .. } = plan.undo else { panic!() };
    // As it would come back from a journal.
    for request in [request, plan.request] {
        let back: Request = serde_json::from_value(json!(request)).unwrap();
        assert!(desk.plan(back).await.unwrap_err().what.contains("held in memory only"));
    }
}

#[tokio::test]
async fn what_a_server_says_against_a_secret_is_told_without_what_it_quotes() {
    let desk = desk();
    let quoted = format!("Secret \"cortex-env\" is invalid: data: Invalid value: \"{CANARY}\"");
    let body = json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": quoted,
        "details": {"causes": [{"reason": "FieldValueInvalid", "message": quoted, "field": "data[API_KEY]"}]}});
    desk.fake.fault("PATCH", "/secrets/", Fault::Say(422, body));
    let (outcome, _, stages) = desk.run(rotate(&desk, NewValue::Given(Sealed::typed(CANARY)))).await;
    assert_eq!(outcome, Outcome::Refused("status 422 Invalid data[API_KEY]".into()));
    assert!(!seen(&desk, &format!("{stages:?}")).contains(CANARY));
}

#[tokio::test]
async fn a_certificate_and_key_are_looked_at_before_they_replace_others() {
    let desk = desk();
    let replace = |name: &str, certificate: &str, key: &str| {
        let files = (certificate.to_owned(), key.to_owned());
        ask(
            desk.target(Kind::Secret, name),
            ObjectAsk::ReplaceTls {
                certificate: files.0,
                key: files.1,
                read: None,
            },
        )
    };
    let (cert, key) = pem_files();
    for (request, says) in [
        (replace("cortex-tls-300d", cert, cert), "no PEM of a private key"),
        (replace("cortex-tls-300d", "relative.pem", key), "no absolute path"),
        (replace("cortex-tls-300d", "/nowhere/x.pem", key), "cannot be read"),
        (replace("cortex-tls-expired", cert, key), "does not cover"),
        (replace("cortex-env", cert, key), "not kubernetes.io/tls"),
    ] {
        let refusal = desk.plan(request).await.unwrap_err();
        assert!(refusal.what.contains(says), "{says}: {refusal}");
    }
    let (outcome, verdict, _) = desk.run(replace("cortex-tls-300d", cert, key)).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    let private = std::fs::read_to_string(key).unwrap();
    assert_eq!(held(&desk, "cortex-tls-300d", "tls.key"), private);
    let line = private.lines().nth(1).unwrap();
    assert!(!seen(&desk, "").contains(line));
}
