//! Every action through the whole pipeline, against recorded objects: what goes over the wire, what becomes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fake_api;

use fake_api::{APPS, CORE, Desk, Fake, Fault, confirm, finish, recording, status};
use quarterdeck::action::{Class, Confirm, Outcome, REGISTRY, Request, Risk, RollbackTo, Stage, Undo, Verdict, WhyNot};
use quarterdeck::journal::RecordKind;
use quarterdeck::model::{Kind, ObjectRef};
use serde_json::{Value, json};

fn scale(target: ObjectRef, seen: u32, replicas: u32) -> Request {
    Request::Scale { target, replicas, seen }
}

fn worker() -> Desk {
    Desk::new(Fake::cortex())
}

#[tokio::test]
async fn a_scale_is_the_put_that_was_recorded_with_the_fresh_version() {
    let fake = Fake::cortex();
    fake.react(finish);
    let desk = Desk::new(fake);
    let recorded = &recording("scale")[2];
    desk.fake.edit(&format!("{APPS}/deployments/cortex-worker"), |o| {
        o["metadata"]["resourceVersion"] = recorded["request_body"]["metadata"]["resourceVersion"].clone();
    });
    let target = desk.target(Kind::Deployment, "cortex-worker");
    let (outcome, verdict, stages) = desk.run(scale(target.clone(), 2, 3)).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(verdict, Some(Verdict::Healthy("3 of 3 ready".into())));
    let writes = desk.fake.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].body, recorded["request_body"]);
    assert_eq!(
        writes[0].path,
        format!("{APPS}/deployments/cortex-worker/scale?fieldManager=quarterdeck")
    );
    assert_eq!(
        (writes[0].method.as_str(), writes[0].content_type.as_str()),
        ("PUT", "application/json")
    );
    let Some(Stage::Done {
        undo: Some(Undo::By { request, .. }),
        ..
    }) = stages.last()
    else {
        panic!("{stages:?}")
    };
    assert_eq!(*request, scale(target, 3, 2));
}

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
async fn a_roll_back_of_a_deployment_carries_the_recorded_template_behind_two_guards() {
    let stalled = recording("bad-image-stalled");
    let fake = Fake::default();
    fake.put(&format!("{APPS}/deployments"), stalled[4]["body"].clone());
    fake.load(&format!("{APPS}/replicasets"), &stalled[5]["body"]);
    fake.load(&format!("{CORE}/pods"), &stalled[6]["body"]);
    fake.react(finish);
    let desk = Desk::new(fake);
    let target = desk.target(Kind::Deployment, "cortex-web");
    let to = |revision, newest_seen| Request::RollBack {
        to: vec![RollbackTo {
            target: target.clone(),
            revision,
            newest_seen,
        }],
    };
    // Someone rolled out meanwhile; and a revision that is not there.
    assert!(desk.plan(to(3, 3)).await.unwrap_err().what.contains("revision 4 now"));
    assert!(
        desk.plan(to(9, 4))
            .await
            .unwrap_err()
            .what
            .contains("not in its history")
    );
    let same = desk.plan(to(4, 4)).await.unwrap();
    assert!(same.no_op.as_deref().unwrap().contains("already is that of revision 4"));
    assert!(matches!(confirm(same), Err(WhyNot::NothingToDo(_))));

    let plan = desk.plan(to(3, 4)).await.unwrap();
    assert_eq!(plan.steps[0].changes[1].field, "image web");
    assert_eq!(plan.steps[0].changes[1].before, "registry.lab/cortex/web:9.9.9-missing");
    assert_eq!(
        plan.undo,
        Undo::By {
            label: "go back: cortex-web to revision 4".into(),
            request: to(4, 5),
            valid_for_s: 600
        }
    );
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(
        verdict,
        Some(Verdict::Healthy("all 2 new and available".into())),
        "a deadline passed before does not count"
    );
    let writes = desk.fake.writes();
    let recorded = recording("undo")[2]["request_body"].clone();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].content_type, "application/json-patch+json");
    assert_eq!(writes[0].body[0], recorded[0], "the uid");
    assert_eq!(
        writes[0].body[1],
        json!({"op": "test", "path": "/metadata/generation", "value": 5})
    );
    assert_eq!(
        writes[0].body[2], recorded[1],
        "the template, without pod-template-hash"
    );
    assert_eq!(writes[0].body.as_array().unwrap().len(), 3, "annotations stay");
}

/// The object and history before the recorded undo, and the body that was sent.
fn controller_revisions(kind: &str, watch: usize, list: usize, patch: usize) -> (Fake, Value) {
    let all = recording("undo-controllerrevisions");
    let stream = all[watch]["stream"].as_array().unwrap();
    let fake = Fake::default();
    fake.put(
        &format!("{APPS}/{kind}"),
        stream.last().unwrap()["event"]["object"].clone(),
    );
    fake.load(&format!("{APPS}/controllerrevisions"), &all[list]["body"]);
    fake.react(finish);
    (fake, all[patch]["request_body"].clone())
}

#[tokio::test]
async fn a_roll_back_by_controller_revision_sends_its_data_as_it_is() {
    for (kind, plural, name, at) in [
        (Kind::DaemonSet, "daemonsets", "log-agent", (3, 4, 6)),
        (Kind::StatefulSet, "statefulsets", "postgres", (11, 12, 14)),
    ] {
        let (fake, body) = controller_revisions(plural, at.0, at.1, at.2);
        let desk = Desk::new(fake);
        let target = desk.target(kind, name);
        let (outcome, verdict, _) = desk
            .run(Request::RollBack {
                to: vec![RollbackTo {
                    target,
                    revision: 1,
                    newest_seen: 2,
                }],
            })
            .await;
        assert_eq!(outcome, Outcome::Applied, "{name}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
        let writes = desk.fake.writes();
        assert_eq!(writes[0].body, body);
        assert_eq!(writes[0].content_type, "application/strategic-merge-patch+json");
    }
}

#[tokio::test]
async fn a_stuck_pod_of_a_stateful_set_is_found_and_its_deletion_offered() {
    let (fake, _) = controller_revisions("statefulsets", 11, 12, 14);
    fake.edit(&format!("{APPS}/statefulsets/postgres"), |o| {
        o["status"]["updateRevision"] = json!("postgres-bad");
    });
    let owner = fake.get(&format!("{APPS}/statefulsets/postgres"))["metadata"]["uid"].clone();
    for n in [9, 10] {
        fake.put(
            &format!("{CORE}/pods"),
            json!({"kind": "Pod", "metadata": {"name": format!("postgres-{n}"),
            "namespace": "cortex", "uid": format!("uid-{n}"),
            "labels": {"app": "postgres", "controller-revision-hash": "postgres-bad"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "postgres", "uid": owner, "controller": true}]},
            "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}]}}),
        );
    }
    let desk = Desk::new(fake);
    let target = desk.target(Kind::StatefulSet, "postgres");
    let plan = desk
        .plan(Request::RollBack {
            to: vec![RollbackTo {
                target,
                revision: 1,
                newest_seen: 2,
            }],
        })
        .await
        .unwrap();
    let labels: Vec<&str> = plan.alternatives.iter().map(|a| a.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "afterwards: delete stuck pod postgres-10",
            "afterwards: delete stuck pod postgres-9"
        ]
    );
}

#[tokio::test]
async fn several_workloads_roll_back_in_order_and_the_first_failure_stops_the_rest() {
    let stalled = recording("bad-image-stalled");
    let fake = Fake::default();
    for name in ["a", "b", "c"] {
        let rename = |mut v: Value| {
            let text = v
                .to_string()
                .replace("cortex-web", name)
                .replace("d2d6ecaa", &format!("d2d6eca{name}"));
            v = serde_json::from_str(&text).unwrap();
            v
        };
        fake.put(&format!("{APPS}/deployments"), rename(stalled[4]["body"].clone()));
        fake.load(&format!("{APPS}/replicasets"), &rename(stalled[5]["body"].clone()));
    }
    fake.react(finish);
    fake.fault(
        "PATCH",
        "deployments/b",
        Fault::Say(403, status(403, "Forbidden", "not you")),
    );
    let desk = Desk::new(fake);
    let to = ["a", "b", "c"].map(|n| RollbackTo {
        target: desk.target(Kind::Deployment, n),
        revision: 3,
        newest_seen: 4,
    });
    let plan = desk.plan(Request::RollBack { to: to.to_vec() }).await.unwrap();
    assert_eq!(plan.steps.len(), 3);
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Refused("not you".into()));
    assert!(
        matches!(verdict, Some(Verdict::Healthy(_))),
        "what was applied is watched all the same: {verdict:?}"
    );
    let paths: Vec<String> = desk.fake.writes().iter().map(|w| w.path.clone()).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
}

#[tokio::test]
async fn each_action_sends_exactly_the_request_of_the_reference() {
    let fake = Fake::cortex();
    fake_api::prepare(&fake);
    let uid = |fake: &Fake, path: &str| fake.get(path)["metadata"]["uid"].clone();
    let asks = fake_api::one_of_each(&fake);
    let names: Vec<&str> = asks.iter().map(Request::name).collect();
    assert_eq!(
        names,
        REGISTRY
            .iter()
            .filter(|a| a.source.is_none())
            .map(|a| a.name)
            .collect::<Vec<_>>(),
        "the registry is walked in full"
    );
    let (strategic, plain) = ("application/strategic-merge-patch+json", "application/json");
    let mine = "?fieldManager=quarterdeck";
    let hpa = "/apis/autoscaling/v2/namespaces/cortex/horizontalpodautoscalers/cortex-api-hpa";
    let (evicted, deleted) = (
        format!("{CORE}/pods/cortex-api-75d65cd765-xkxwp"),
        format!("{CORE}/pods/cortex-worker-5455954757-7vwmz"),
    );
    for ask in asks {
        let fake = Fake::cortex();
        fake_api::prepare(&fake);
        fake.react(finish);
        let want = match &ask {
            Request::HpaBounds { .. } => (
                "PATCH",
                format!("{hpa}{mine}"),
                "application/json-patch+json",
                json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid(&fake, hpa)},
                    {"op": "test", "path": "/spec/minReplicas", "value": 3}, {"op": "replace", "path": "/spec/minReplicas", "value": 4},
                    {"op": "test", "path": "/spec/maxReplicas", "value": 10}, {"op": "replace", "path": "/spec/maxReplicas", "value": 12},
                ]),
            ),
            Request::SetImage { .. } => (
                "PATCH",
                format!("{APPS}/deployments/cortex-api{mine}"),
                strategic,
                json!({"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "registry.lab/cortex/api:1.5.0"}]}}}}),
            ),
            Request::Pause { .. } => (
                "PATCH",
                format!("{APPS}/deployments/cortex-worker{mine}"),
                strategic,
                recording("refusals")[0]["request_body"].clone(),
            ),
            Request::Resume { .. } => (
                "PATCH",
                format!("{APPS}/deployments/paused{mine}"),
                strategic,
                recording("refusals")[2]["request_body"].clone(),
            ),
            Request::DeletePod { .. } => (
                "DELETE",
                deleted.clone(),
                plain,
                json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid(&fake, &deleted)}}),
            ),
            Request::EvictPod { .. } => (
                "POST",
                format!("{evicted}/eviction"),
                plain,
                json!({"apiVersion": "policy/v1", "kind": "Eviction",
                    "metadata": {"name": "cortex-api-75d65cd765-xkxwp", "namespace": "cortex"},
                    "deleteOptions": {"preconditions": {"uid": uid(&fake, &evicted)}}}),
            ),
            // These have tests of their own.
            Request::Scale { .. } | Request::RollBack { .. } => continue,
            Request::Restart { .. } => (
                "PATCH",
                format!("{APPS}/deployments/redis{mine}"),
                strategic,
                Value::Null,
            ),
        };
        let desk = Desk::new(fake);
        let (outcome, verdict, _) = desk.run(ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{ask:?} {verdict:?}");
        let writes = desk.fake.writes();
        assert_eq!(writes.len(), 1, "{ask:?}");
        let w = &writes[0];
        assert_eq!(
            (w.method.as_str(), &w.path, w.content_type.as_str()),
            (want.0, &want.1, want.2)
        );
        if let Request::Restart { .. } = ask {
            let at = w.body["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
                .as_str()
                .unwrap();
            assert!(
                at.parse::<jiff::Timestamp>().is_ok() && at.len() == 20,
                "RFC 3339 in seconds: {at}"
            );
            assert_eq!(w.body.to_string().matches(':').count(), 7, "nothing else: {}", w.body);
        } else {
            assert_eq!(w.body, want.3, "{ask:?}");
        }
    }
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
async fn a_change_without_an_answer_is_compared_and_never_sent_again() {
    let gateway = || status(504, "Timeout", "request did not complete within requested timeout");
    for (fault, applied) in [
        (Fault::DoThenSay(504, gateway()), true),
        (Fault::Say(504, gateway()), false),
        (
            Fault::Say(500, status(500, "InternalError", "etcdserver: leader changed")),
            false,
        ),
        (Fault::Hang, false),
        (Fault::Cut, false),
    ] {
        for ask in [0, 2, 3] {
            let fake = Fake::cortex();
            fake_api::prepare(&fake);
            fake.react(finish);
            let desk = Desk::new(fake);
            let ask = fake_api::one_of_each(&desk.fake).swap_remove(ask);
            desk.fake
                .fault(if ask.name() == "scale" { "PUT" } else { "PATCH" }, "", fault.clone());
            let (outcome, verdict, _) = desk.run(ask.clone()).await;
            if applied {
                assert_eq!(outcome, Outcome::Applied, "{ask:?}");
                assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
            } else {
                assert!(
                    matches!(&outcome, Outcome::Unknown(why) if why.contains("not sent again")),
                    "{outcome:?}"
                );
            }
            assert_eq!(desk.fake.writes().len(), 1, "{fault:?}");
            assert_eq!(
                desk.journal().unanswered().count(),
                0,
                "the result says that it is unknown"
            );
        }
    }
}

#[tokio::test]
async fn a_budget_that_refuses_is_told_apart_from_a_busy_server() {
    let evict = |desk: &Desk| Request::EvictPod {
        target: desk.target(Kind::Pod, "cortex-api-75d65cd765-xkxwp"),
    };
    let desk = worker();
    let refused = &recording("eviction")[3];
    desk.fake
        .fault("POST", "/eviction", Fault::Say(429, refused["body"].clone()));
    let (outcome, ..) = desk.run(evict(&desk)).await;
    assert_eq!(
        outcome,
        Outcome::Refused("The disruption budget cortex-api-pdb needs 2 healthy pods and has 2 currently".into())
    );
    assert_eq!(desk.fake.writes().len(), 1);

    let desk = worker();
    desk.fake.fault(
        "POST",
        "/eviction",
        Fault::Plain(429, "Too many requests, please try again later."),
    );
    assert_eq!(desk.run(evict(&desk)).await.0, Outcome::Throttled(7));
    assert_eq!(desk.fake.writes().len(), 1);

    // The plan sees it coming, and the button does not work.
    let desk = worker();
    desk.fake.edit(
        "/apis/policy/v1/namespaces/cortex/poddisruptionbudgets/cortex-api-pdb",
        |b| {
            b["status"]["disruptionsAllowed"] = json!(0);
            b["status"]["currentHealthy"] = json!(2);
        },
    );
    let plan = desk.plan(evict(&desk)).await.unwrap();
    assert!(
        matches!(confirm(plan), Err(WhyNot::Blocked(why)) if why.starts_with("budget: budget cortex-api-pdb needs 2"))
    );
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
async fn the_journal_holds_intent_result_and_verification_without_secrets() {
    let stalled = recording("bad-image-stalled");
    let fake = Fake::default();
    fake.put(&format!("{APPS}/deployments"), stalled[4]["body"].clone());
    let sets = stalled[5]["body"]
        .to_string()
        .replace("\"value\":\"info\"", "\"value\":\"hunter2\"");
    fake.load(&format!("{APPS}/replicasets"), &serde_json::from_str(&sets).unwrap());
    fake.react(finish);
    let desk = Desk::new(fake);
    let target = desk.target(Kind::Deployment, "cortex-web");
    desk.run(Request::RollBack {
        to: vec![RollbackTo {
            target,
            revision: 3,
            newest_seen: 4,
        }],
    })
    .await;
    assert!(desk.fake.writes()[0].body.to_string().contains("hunter2"));
    let journal = desk.journal();
    let kinds: Vec<RecordKind> = journal.records.iter().map(|r| r.entry.kind).collect();
    assert_eq!(kinds, [RecordKind::Intent, RecordKind::Result, RecordKind::Verify]);
    assert_eq!(journal.broken_at, None);
    let [intent, result, verify] = journal.records.as_slice() else {
        panic!()
    };
    assert_eq!(result.entry.refers, Some(intent.seq));
    assert_eq!(intent.entry.reason, "worker backlog, INC-214");
    assert_eq!(intent.entry.after["image web"], "registry.lab/cortex/web:1.4.0");
    assert_eq!(
        (
            result.entry.outcome.as_str(),
            result.entry.response.as_ref().unwrap().code
        ),
        ("applied", 200)
    );
    assert_eq!(verify.entry.outcome, "healthy: all 2 new and available");
    let text = std::fs::read_to_string(desk.actor.journal().path(jiff::Timestamp::now())).unwrap();
    assert!(!text.contains("hunter2"));
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
async fn an_autoscaler_of_keda_is_left_alone() {
    let desk = worker();
    desk.fake.edit(
        "/apis/autoscaling/v2/namespaces/cortex/horizontalpodautoscalers/cortex-api-hpa",
        |h| {
            h["metadata"]["ownerReferences"] = json!([{"kind": "ScaledObject", "name": "api-so", "controller": true}]);
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
    assert!(refusal.what.contains("KEDA ScaledObject api-so"));
    let plan = desk
        .plan(scale(desk.target(Kind::Deployment, "cortex-api"), 3, 5))
        .await
        .unwrap();
    assert!(plan.alternatives.is_empty() && plan.warnings.iter().any(|w| w.text.contains("paused-replicas: \"5\"")));
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
