//! Read-only is a type: without a grant nothing is changed, whatever the server would allow.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fake_api;

use std::time::Duration;

use fake_api::{Desk, Fake, confirm, finish, one_of_each, planner, prepare};
use quarterdeck::action::Actor;
use quarterdeck::action::{ActionId, Class, Outcome, Pace, Policy, REGISTRY, Request, WhyNot, WriteGrant, execute};
use quarterdeck::feed::kube::transport::ReadOnly;

fn world() -> Fake {
    let fake = Fake::cortex();
    prepare(&fake);
    fake.react(finish);
    fake
}

/// The positive control: else a test that counts nothing would prove nothing.
#[tokio::test]
async fn with_a_grant_every_action_of_the_registry_changes_something() {
    let asks = one_of_each(&world());
    assert_eq!(
        asks.iter().map(Request::name).collect::<Vec<_>>(),
        REGISTRY
            .iter()
            .filter(|a| a.source.is_none())
            .map(|a| a.name)
            .collect::<Vec<_>>()
    );
    for ask in asks {
        let desk = Desk::new(world());
        let (outcome, ..) = desk.run(ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        // A drain is the cordon and the one pod of that node.
        let requests = if ask.is_drain() { 2 } else { 1 };
        assert_eq!(desk.fake.writes().len(), requests, "{ask:?}");
    }
}

#[tokio::test]
async fn without_a_grant_no_action_sends_a_single_write_request() {
    assert!(WriteGrant::at_start(true).is_none());
    let read_only = Policy {
        read_only: true,
        ..Policy::default()
    };
    for policy in [read_only, Policy::default()] {
        let fake = world();
        for ask in one_of_each(&fake) {
            let plan = planner(&fake, Class::Local, policy.clone())
                .plan(ask.clone(), ActionId(1), jiff::Timestamp::now())
                .await;
            let plan = match plan {
                Err(refusal) if ask.is_secret() => {
                    assert!(refusal.what.contains("does not read Secrets"), "{refusal}");
                    continue;
                }
                plan => plan.unwrap(),
            };
            assert!(
                matches!(confirm(plan), Err(WhyNot::Blocked(why)) if why.starts_with("read-only")),
                "{ask:?}"
            );
        }
        assert_eq!(fake.write_requests(), 0, "not even a dry run");
        let read = fake
            .0
            .lock()
            .unwrap()
            .log
            .iter()
            .any(|seen| seen.path.contains("/secrets"));
        assert!(!read, "no Secret is read either");
    }
}

/// The grant layer taken away (as if one had leaked), policy still refuses.
#[tokio::test]
async fn policy_alone_refuses_what_was_planned_and_confirmed_before() {
    for ask in one_of_each(&world()) {
        let desk = Desk::new(world());
        let confirmed = confirm(desk.plan(ask.clone()).await.unwrap()).unwrap();
        let strict = planner(
            &desk.fake,
            Class::Local,
            Policy {
                read_only: true,
                ..Policy::default()
            },
        );
        let actor = Actor::new(&desk.grant, strict, desk.fake.client(), desk.actor.journal().clone());
        let (to, _from) = tokio::sync::mpsc::channel(100);
        let (outcome, _) = execute(&actor, &desk.grant, confirmed, to).await;
        assert_eq!(outcome, Outcome::Refused("this console only reads".into()), "{ask:?}");
        assert!(desk.fake.writes().is_empty());
    }
}

/// Grant and policy taken away, the transport still refuses: every request of every action, dry runs included.
#[tokio::test]
async fn the_transport_alone_refuses_every_request_of_every_action() {
    for ask in one_of_each(&world()) {
        let desk = Desk::new(world());
        let fake = desk.fake.clone();
        let inner = tower::service_fn(move |request| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        let narrow = kube::Client::new(ReadOnly::new(inner), "default");
        let who = planner(&desk.fake, Class::Local, Policy::default());
        let actor = Actor::new(&desk.grant, who, narrow, desk.actor.journal().clone()).with_pace(Pace {
            deadline: Duration::from_secs(5),
            poll: Duration::from_millis(1),
        });
        let plan = actor
            .plan(ask.clone(), ActionId(1), jiff::Timestamp::now())
            .await
            .unwrap();
        let (to, _from) = tokio::sync::mpsc::channel(100);
        let (outcome, _) = execute(&actor, &desk.grant, confirm(plan).unwrap(), to).await;
        assert!(
            !matches!(outcome, Outcome::Applied | Outcome::NoOp),
            "{ask:?} {outcome:?}"
        );
        assert_eq!(desk.fake.write_requests(), 0, "{ask:?}");
    }
}
