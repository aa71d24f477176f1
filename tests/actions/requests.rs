//! What each action sends, against what was recorded.

use super::controller_revisions;
use super::scale;
use crate::fake_api::{APPS, CORE, Desk, Fake, Fault, confirm, finish, recording, status};
use quarterdeck::action::{Outcome, REGISTRY, Request, RollbackTo, Stage, Undo, Verdict, WhyNot};
use quarterdeck::model::Kind;
use serde_json::{Value, json};

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
    crate::fake_api::prepare(&fake);
    let uid = |fake: &Fake, path: &str| fake.get(path)["metadata"]["uid"].clone();
    let asks = crate::fake_api::one_of_each(&fake);
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
        crate::fake_api::prepare(&fake);
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
            Request::Object { .. } | Request::Scale { .. } | Request::RollBack { .. } => continue,
            Request::Restart { .. } => (
                "PATCH",
                format!("{APPS}/deployments/redis{mine}"),
                strategic,
                Value::Null,
            ),
            of_a_source => panic!("{of_a_source:?} is no request to Kubernetes"),
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
