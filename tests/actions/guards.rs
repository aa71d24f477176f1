//! What stands between a plan and a change.

use super::{scale, worker};
use crate::fake_api::{APPS, Desk, Fake, Fault, confirm, finish, path, status};
use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::{ActionId, Class, Confirm, Freeze, Outcome, Policy, Request, Risk, RollbackTo, Verdict};
use quarterdeck::model::{Kind, ObjectRef};
use serde_json::json;

#[tokio::test]
async fn a_scale_that_meets_a_conflict_goes_on_only_while_the_size_is_what_was_seen() {
    let conflict = || Fault::Say(409, status(409, "Conflict", "the object has been modified"));
    let desk = worker();
    desk.fake.react(finish);
    desk.fake.fault("PUT", "/scale", conflict());
    desk.fake.fault("PUT", "/scale", conflict());
    let target = desk.target(Kind::Deployment, "cortex-worker");
    assert_eq!(desk.run(scale(target.clone(), 2, 3)).await.0, Outcome::Applied);
    assert_eq!(desk.fake.writes().len(), 3);

    // Never-ending conflicts end after five.
    let desk = worker();
    (0..9).for_each(|_| desk.fake.fault("PUT", "/scale", conflict()));
    assert!(matches!(
        desk.run(scale(target.clone(), 2, 3)).await.0,
        Outcome::Conflict(_)
    ));
    assert_eq!(desk.fake.writes().len(), 5);

    // Someone else set another size between plan and execution: nothing is sent.
    let desk = worker();
    let plan = desk.plan(scale(target.clone(), 2, 3)).await.unwrap();
    desk.fake.edit(&format!("{APPS}/deployments/cortex-worker"), |o| {
        o["spec"]["replicas"] = json!(7);
    });
    let (outcome, ..) = desk.carry_out(plan).await;
    assert_eq!(
        outcome,
        Outcome::Conflict("replicas of deployment cortex/cortex-worker was 2 and is 7 now: plan again".into())
    );
    assert!(desk.fake.writes().is_empty());
    // And a plan on what was seen before is refused, with the plan that fits now.
    let refusal = desk.plan(scale(target.clone(), 2, 3)).await.unwrap_err();
    assert_eq!(refusal.alternatives[0].request, scale(target, 7, 3));
}

#[tokio::test]
async fn a_scale_that_an_autoscaler_undoes_is_foretold_and_recognised() {
    let desk = worker();
    let target = desk.target(Kind::Deployment, "cortex-api");
    let plan = desk.plan(scale(target, 3, 1)).await.unwrap();
    let told: Vec<&str> = plan
        .warnings
        .iter()
        .filter(|w| w.serious)
        .map(|w| w.text.as_str())
        .collect();
    assert!(
        told.contains(&"HPA cortex-api-hpa restores 3 within about 15 s: its minimum"),
        "{told:?}"
    );
    let hpa = desk.target(Kind::Hpa, "cortex-api-hpa");
    assert_eq!(
        plan.alternatives[0].request,
        Request::HpaBounds {
            target: hpa,
            min: 1,
            max: 10,
            seen_min: 3,
            seen_max: 10
        }
    );
    // The autoscaler of the recording: its name stands in managedFields under the subresource.
    desk.fake.react(|objects, path| {
        let o = objects.get_mut(path).unwrap();
        o["spec"]["replicas"] = json!(3);
        o["metadata"]["managedFields"] = json!([{"manager": "kube-controller-manager", "subresource": "scale",
            "time": "2026-11-21T11:21:04Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    });
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(verdict, Some(Verdict::Superseded("the HPA restored it to 3".into())));
}

#[tokio::test]
async fn what_the_plan_rests_on_is_read_again_before_anything_is_sent() {
    let at = format!("{APPS}/deployments/redis");
    for (change, says) in [
        (
            "generation",
            "the spec of deployment cortex/redis changed since the plan was made: plan again",
        ),
        ("uid", "deployment cortex/redis was deleted and made again: plan again"),
    ] {
        let desk = worker();
        let target = desk.target(Kind::Deployment, "redis");
        let plan = desk.plan(Request::Restart { target: target.clone() }).await.unwrap();
        desk.fake.edit(&at, |o| {
            o["metadata"][change] = if change == "uid" { json!("another") } else { json!(2) }
        });
        let (outcome, ..) = desk.carry_out(plan).await;
        assert_eq!(outcome, Outcome::Conflict(says.into()));
        assert!(desk.fake.writes().is_empty());
        if change == "uid" {
            assert!(
                desk.plan(Request::Restart { target })
                    .await
                    .unwrap_err()
                    .what
                    .contains("another object")
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_recorded() {
    let desk = worker();
    let plan = desk
        .plan(scale(desk.target(Kind::Deployment, "cortex-worker"), 2, 3))
        .await
        .unwrap();
    // The day's file is a folder now.
    let path = desk.actor.journal().path(jiff::Timestamp::now());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let (outcome, ..) = desk.carry_out(plan).await;
    assert!(matches!(outcome, Outcome::NotRecorded(_)), "{outcome:?}");
    assert!(desk.fake.writes().is_empty());
}

#[tokio::test]
async fn what_was_planned_before_a_freeze_is_not_sent_in_it_unless_that_was_overridden() {
    let now = Timestamp::now();
    let freeze = Freeze {
        name: "release week".into(),
        from: now - SignedDuration::from_secs(1),
        until: now + SignedDuration::from_hours(1),
    };
    let policy = Policy {
        freeze: vec![freeze.clone()],
        ..Policy::default()
    };
    let desk = Desk::governed(Fake::cortex(), Class::Local, policy);
    desk.fake.react(finish);
    let ask = scale(desk.target(Kind::Deployment, "cortex-worker"), 2, 3);
    let before = now - SignedDuration::from_secs(5);
    let plan = desk.actor.plan(ask.clone(), ActionId(1), before).await.unwrap();
    assert_eq!(plan.blocked(), None);
    let (outcome, ..) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Refused(format!("a freeze began meanwhile: {freeze}")));
    assert!(desk.fake.writes().is_empty());
    let told: Vec<String> = desk.journal().records.into_iter().map(|r| r.entry.outcome).collect();
    assert_eq!(told, [format!("not sent: a freeze began meanwhile: {freeze}")]);

    let mut plan = desk.plan(ask).await.unwrap();
    let check = plan.checks.iter_mut().find(|c| c.name == "freeze").unwrap();
    assert_eq!(check.passed.take(), Some(false));
    assert_eq!(desk.carry_out(plan).await.0, Outcome::Applied);
}

#[tokio::test]
async fn the_form_of_the_confirmation_follows_risk_and_class() {
    for (class, replicas, risk, word, reason) in [
        (Class::Local, 3, Risk::R1, None, false),
        (Class::Production, 4, Risk::R1, None, false),
        (Class::Local, 1, Risk::R2, Some("cortex-worker"), false),
        (Class::Staging, 9, Risk::R2, Some("cortex-worker"), false),
        (Class::Production, 1, Risk::R2, Some("prod-eu/cortex-worker"), true),
        (Class::Unclassified, 1, Risk::R2, Some("prod-eu"), true),
        (Class::Local, 0, Risk::R3, Some("prod-eu/cortex/cortex-worker"), true),
        (
            Class::Production,
            0,
            Risk::R3,
            Some("prod-eu/cortex/cortex-worker"),
            true,
        ),
    ] {
        let desk = Desk::classed(Fake::cortex(), class);
        let plan = desk
            .plan(scale(desk.target(Kind::Deployment, "cortex-worker"), 2, replicas))
            .await
            .unwrap();
        let typed = match &plan.confirm {
            Confirm::Button => None,
            Confirm::Typed { word, .. } => Some(word.as_str()),
        };
        assert_eq!(
            (plan.risk, typed, plan.reason_required),
            (risk, word, reason),
            "{class:?} 2 → {replicas}"
        );
    }
}

#[tokio::test]
async fn of_several_things_the_number_is_typed_and_no_namespace_that_is_only_the_firsts() {
    let desk = worker();
    let pod = desk.fake.get(&path(Kind::Pod, "cortex-worker-5455954757-7vwmz"));
    let unowned = |namespace: &str, name: &str| {
        let mut pod = pod.clone();
        let uid = format!("uid-{name}");
        pod["metadata"]["ownerReferences"] = json!([]);
        pod["metadata"]["namespace"] = json!(namespace);
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["uid"] = json!(uid);
        desk.fake.put(&format!("/api/v1/namespaces/{namespace}/pods"), pod);
        let target = ObjectRef {
            kind: Kind::Pod,
            namespace: namespace.into(),
            name: name.into(),
            uid: uid.into(),
        };
        Request::DeletePod { target, force: false }
    };
    let requests = vec![unowned("cortex", "a"), unowned("cortex", "b"), unowned("batch", "c")];
    let plan = desk.plan(Request::Together { requests, go_on: false }).await.unwrap();
    assert_eq!((plan.risk, plan.reason_required), (Risk::R3, true));
    let expected = Confirm::Typed {
        word: "prod-eu/3".into(),
        what: "the context's name, a slash, and the number of pods".into(),
    };
    assert_eq!(plan.confirm, expected);
}

#[tokio::test]
async fn a_paused_rollout_is_neither_restarted_nor_rolled_back() {
    let fake = Fake::cortex();
    fake.edit(&format!("{APPS}/deployments/cortex-web"), |o| {
        o["spec"]["paused"] = json!(true);
    });
    let desk = Desk::new(fake);
    let target = desk.target(Kind::Deployment, "cortex-web");
    let restart = desk
        .plan(Request::Restart { target: target.clone() })
        .await
        .unwrap_err();
    assert_eq!(restart.hint, "resume it first");
    let to = vec![RollbackTo {
        target: target.clone(),
        revision: 1,
        newest_seen: 2,
    }];
    let back = desk.plan(Request::RollBack { to }).await.unwrap_err();
    assert_eq!(back.alternatives[0].request, Request::Resume { target: target.clone() });
    let again = desk.plan(Request::Pause { target }).await.unwrap();
    assert_eq!(
        again.no_op.as_deref(),
        Some("deployment cortex/cortex-web is paused already")
    );
}

#[tokio::test]
async fn an_autoscaler_of_keda_is_left_alone_and_its_scaled_object_offered() {
    let desk = worker();
    desk.fake.edit(
        "/apis/autoscaling/v2/namespaces/cortex/horizontalpodautoscalers/cortex-api-hpa",
        |h| {
            h["metadata"]["ownerReferences"] =
                json!([{"kind": "ScaledObject", "name": "api-so", "uid": "so-1", "controller": true}]);
        },
    );
    let target = desk.target(Kind::Hpa, "cortex-api-hpa");
    let refusal = desk
        .plan(Request::HpaBounds {
            target,
            min: 4,
            max: 10,
            seen_min: 3,
            seen_max: 10,
        })
        .await
        .unwrap_err();
    assert!(refusal.what.contains("ScaledObject api-so"), "{}", refusal.what);
    let there = |request: &Request| match request {
        Request::HpaBounds { target, min, max, .. } => {
            assert_eq!(
                (target.kind, &*target.name, &*target.uid),
                (Kind::ScaledObject, "api-so", "so-1")
            );
            (*min, *max)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(there(&refusal.alternatives[0].request), (4, 10));
    let plan = desk
        .plan(scale(desk.target(Kind::Deployment, "cortex-api"), 3, 5))
        .await
        .unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text.contains("KEDA's ScaledObject api-so"))
    );
    assert_eq!(there(&plan.alternatives[0].request), (5, 10));
}

#[tokio::test]
async fn a_denied_right_or_a_refused_dry_run_blocks_the_button() {
    let worker_up = |desk: &Desk| scale(desk.target(Kind::Deployment, "cortex-worker"), 2, 3);
    for (code, says, passed) in [
        (
            403,
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: frozen",
            Some(false),
        ),
        (422, "Scale.autoscaling \"cortex-worker\" is invalid", Some(false)),
        (400, "admission webhook \"w\" does not support dry run", None),
        (503, "the server is currently unable to handle the request", None),
    ] {
        let desk = worker();
        desk.fake.0.lock().unwrap().dry_answer = Some((code, status(code, "Some", says)));
        let plan = desk.plan(worker_up(&desk)).await.unwrap();
        let check = plan.checks.iter().find(|c| c.name == "dry run").unwrap().clone();
        assert_eq!(check.passed, passed, "{code}");
        assert!(check.detail.contains(says));
        assert_eq!(
            confirm(plan).is_ok(),
            passed.is_none(),
            "{code}: unavailable is no refusal"
        );
    }
    let desk = worker();
    desk.fake.0.lock().unwrap().denied = true;
    let plan = desk
        .plan(scale(desk.target(Kind::Deployment, "cortex-worker"), 2, 3))
        .await
        .unwrap();
    assert_eq!(
        plan.blocked().unwrap().detail,
        "you may not update deployments/scale in cortex"
    );
}

#[tokio::test]
async fn what_a_webhook_would_add_is_seen_in_the_dry_run() {
    let desk = worker();
    let mut after = desk.fake.get(&format!("{APPS}/deployments/redis"));
    after["metadata"]["generation"] = json!(2);
    let sidecar = json!({"name": "mesh", "image": "mesh:1"});
    after["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
    desk.fake.0.lock().unwrap().dry_answer = Some((200, after));
    let target = desk.target(Kind::Deployment, "redis");
    let plan = desk.plan(Request::Restart { target }).await.unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text.ends_with("would also change: container mesh")),
        "{:?}",
        plan.warnings
    );
}
