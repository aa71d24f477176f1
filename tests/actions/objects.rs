//! What the changes of single objects send, what they refuse, and how they are taken back.

use std::collections::BTreeMap;

use super::worker;
use crate::fake_api::{CORE, Desk, Fake, Fault, finish, one_of_each, path, prepare, status};
use quarterdeck::action::{ObjectAsk, Outcome, Plan, Request, Resources, Undo, Verdict};
use quarterdeck::model::{Kind, ObjectRef};
use serde_json::{Value, json};

pub fn desk() -> Desk {
    let fake = Fake::cortex();
    prepare(&fake);
    fake.react(finish);
    Desk::new(fake)
}

pub fn ask(target: ObjectRef, ask: ObjectAsk) -> Request {
    Request::Object { target, ask }
}

pub fn serious(plan: &Plan) -> Vec<&str> {
    plan.warnings
        .iter()
        .filter(|w| w.serious)
        .map(|w| w.text.as_str())
        .collect()
}

fn undo(plan: &Plan) -> Request {
    match &plan.undo {
        Undo::By { request, .. } => request.clone(),
        Undo::Nothing { why } => panic!("{why}"),
    }
}

#[tokio::test]
async fn each_change_of_an_object_sends_exactly_one_request_of_its_kind() {
    let (strategic, merge, patch) = (
        "application/strategic-merge-patch+json",
        "application/merge-patch+json",
        "application/json-patch+json",
    );
    for ask in one_of_each(&desk().fake) {
        let Request::Object { target, ask: what } = &ask else {
            continue;
        };
        let desk = desk();
        let at = path(target.kind, &target.name);
        let uid = desk.fake.get(&at)["metadata"]["uid"].clone();
        let version = desk.fake.get(&at)["metadata"]["resourceVersion"].clone();
        let held = json!({"uid": uid, "resourceVersion": version});
        let (kind, body) = match what {
            ObjectAsk::SetResources { .. } => (
                strategic,
                json!({"spec": {"template": {"spec": {"containers": [{"name": "worker",
                    "resources": {"requests": {"cpu": "750m"}, "limits": {"memory": "1Gi"}}}]}}}}),
            ),
            ObjectAsk::SetConfig { .. } => (merge, json!({"metadata": held, "data": {"FEATURES": "a,b"}})),
            ObjectAsk::UnsetConfig { .. } => (merge, json!({"metadata": held, "data": {"FEATURES": null}})),
            ObjectAsk::Cordon => (strategic, json!({"spec": {"unschedulable": true}})),
            // kubectl takes the field away rather than writing `false`.
            ObjectAsk::Uncordon => (strategic, json!({"spec": {"unschedulable": null}})),
            ObjectAsk::CanaryWeight { .. } => {
                let at = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";
                (
                    patch,
                    json!([{"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "test", "path": at, "value": "10"}, {"op": "replace", "path": at, "value": "25"}]),
                )
            }
            ObjectAsk::SwitchService { .. } => (
                patch,
                json!([{"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "test", "path": "/spec/selector", "value": {"app": "cortex-web"}},
                    {"op": "replace", "path": "/spec/selector", "value": {"app": "cortex-api"}}]),
            ),
            // These have tests of their own.
            _ => continue,
        };
        let (outcome, verdict, _) = desk.run(ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{ask:?} {verdict:?}");
        let writes = desk.fake.writes();
        assert_eq!(writes.len(), 1, "{ask:?}");
        assert_eq!(
            (
                writes[0].method.as_str(),
                writes[0].path.as_str(),
                writes[0].content_type.as_str()
            ),
            ("PATCH", format!("{at}?fieldManager=quarterdeck").as_str(), kind)
        );
        assert_eq!(writes[0].body, body, "{ask:?}");
    }
}

#[tokio::test]
async fn what_can_be_undone_is_as_it_was_after_its_undo() {
    for ask in one_of_each(&desk().fake) {
        let Request::Object { target, .. } = &ask else { continue };
        let desk = desk();
        let at = path(target.kind, &target.name);
        let kept = |v: &Value| {
            let mut v = v.clone();
            for k in ["generation", "resourceVersion"] {
                v["metadata"].as_object_mut().unwrap().remove(k);
            }
            v.as_object_mut().unwrap().remove("status");
            v
        };
        let before = kept(&desk.fake.get(&at));
        let plan = desk.plan(ask.clone()).await.unwrap();
        if matches!(plan.undo, Undo::Nothing { .. }) {
            continue;
        }
        let back = undo(&plan);
        assert_eq!(desk.carry_out(plan).await.0, Outcome::Applied, "{ask:?}");
        let (outcome, verdict, _) = desk.run(back.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{back:?}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{back:?} {verdict:?}");
        assert_eq!(kept(&desk.fake.get(&at)), before, "{ask:?}");
    }
}

#[tokio::test]
async fn resources_that_no_node_and_no_quota_has_are_said_before() {
    let desk = desk();
    let target = desk.target(Kind::Deployment, "cortex-worker");
    let of = |part: &str, cpu: &str| {
        let map: BTreeMap<String, String> = [("cpu".to_owned(), cpu.to_owned())].into();
        let resources = if part == "requests" {
            Resources {
                requests: map,
                ..Resources::default()
            }
        } else {
            Resources {
                limits: map,
                ..Resources::default()
            }
        };
        ask(
            target.clone(),
            ObjectAsk::SetResources {
                container: "worker".into(),
                resources,
            },
        )
    };
    let plan = desk.plan(of("requests", "64")).await.unwrap();
    let said = serious(&plan).join("\n");
    assert!(said.contains("no node has so much cpu"), "{said}");
    assert!(said.contains("quota cortex-quota has no room"), "{said}");
    let less = desk.plan(of("limits", "100m")).await.unwrap_err();
    assert!(
        less.what.contains("a request of 500m above the limit of 100m"),
        "{less}"
    );
    let same = desk.plan(of("requests", "0.5")).await.unwrap();
    assert!(same.no_op.is_some(), "500m is half a CPU");
}

#[tokio::test]
async fn a_configuration_that_changed_meanwhile_is_not_overwritten() {
    let desk = desk();
    let target = desk.target(Kind::ConfigMap, "cortex-config");
    let set = |seen: Option<&str>| {
        let (key, value) = ("FEATURES".to_owned(), "x".to_owned());
        ask(
            target.clone(),
            ObjectAsk::SetConfig {
                key,
                value,
                seen: seen.map(str::to_owned),
            },
        )
    };
    let refusal = desk.plan(set(Some("another"))).await.unwrap_err();
    assert!(refusal.what.contains("changed since you looked"), "{refusal}");
    assert!(desk.plan(refusal.alternatives[0].request.clone()).await.is_ok());
    let plan = desk.plan(set(None)).await.unwrap();
    desk.fake.edit(&path(Kind::ConfigMap, "cortex-config"), |o| {
        o["data"]["FEATURES"] = json!("theirs");
    });
    let (outcome, ..) = desk.carry_out(plan).await;
    assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}");
    assert!(desk.fake.writes().is_empty());
    // Another key of it is another matter: the newest version goes along.
    let plan = desk.plan(set(Some("theirs"))).await.unwrap();
    desk.fake.edit(&path(Kind::ConfigMap, "cortex-config"), |o| {
        o["data"]["OTHER"] = json!("1");
        o["metadata"]["resourceVersion"] = json!("777");
    });
    assert_eq!(desk.carry_out(plan).await.0, Outcome::Applied);
    let secret = ask(
        target,
        ObjectAsk::SetConfig {
            key: "DB_PASSWORD".into(),
            value: "correct-horse-battery".into(),
            seen: None,
        },
    );
    assert!(
        desk.plan(secret)
            .await
            .unwrap_err()
            .what
            .contains("looks like a credential")
    );
}

#[tokio::test]
async fn a_job_of_a_cron_job_is_what_kubectl_makes_of_it_and_is_followed_to_its_end() {
    let desk = desk();
    let target = desk.target(Kind::CronJob, "cortex-backup");
    let cron = desk.fake.get(&path(Kind::CronJob, "cortex-backup"));
    let make = || {
        ask(
            target.clone(),
            ObjectAsk::CreateJob {
                template: None,
                image: None,
                args: Vec::new(),
            },
        )
    };
    let (outcome, verdict, _) = desk.run(make()).await;
    assert_eq!(
        (outcome, verdict),
        (Outcome::Applied, Some(Verdict::Healthy("succeeded in 14 s".into())))
    );
    let sent = &desk.fake.writes()[0];
    assert_eq!(
        sent.path,
        "/apis/batch/v1/namespaces/cortex/jobs?fieldManager=quarterdeck"
    );
    assert_eq!(sent.body["spec"], cron["spec"]["jobTemplate"]["spec"]);
    assert_eq!(
        sent.body["metadata"]["ownerReferences"],
        json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "cortex-backup",
            "uid": cron["metadata"]["uid"], "controller": true}])
    );
    assert_eq!(
        sent.body["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"],
        "manual"
    );

    // One that fails says why, and its undo deletes exactly it.
    let desk = self::desk();
    desk.fake.react(|objects, at| {
        if let Some(job) = objects.get_mut(at) {
            job["status"] = json!({"failed": 2, "conditions": [{"type": "Failed", "status": "True",
                "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]});
        }
    });
    let plan = desk.plan(make()).await.unwrap();
    let back = undo(&plan);
    let (_, verdict, _) = desk.carry_out(plan).await;
    assert!(
        matches!(&verdict, Some(Verdict::Failed(why)) if why.starts_with("BackoffLimitExceeded")),
        "{verdict:?}"
    );
    let (outcome, verdict, _) = desk.run(back).await;
    assert_eq!(
        (outcome, verdict),
        (Outcome::Applied, Some(Verdict::Healthy("gone".into())))
    );
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_found_by_its_name_and_not_made_twice() {
    let desk = desk();
    let target = desk.target(Kind::CronJob, "cortex-backup");
    desk.fake.fault(
        "POST",
        "/jobs",
        Fault::DoThenSay(504, status(504, "Timeout", "the request timed out")),
    );
    let make = ask(
        target,
        ObjectAsk::CreateJob {
            template: None,
            image: None,
            args: Vec::new(),
        },
    );
    let (outcome, ..) = desk.run(make).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(desk.fake.writes().len(), 1);
}

#[tokio::test]
async fn a_canary_without_ready_pods_and_an_ingress_that_is_none_are_refused() {
    let desk = desk();
    let weigh = |target: ObjectRef, weight| ask(target, ObjectAsk::CanaryWeight { weight, seen: None });
    let main = desk.target(Kind::Ingress, "cortex");
    assert!(
        desk.plan(weigh(main, 5))
            .await
            .unwrap_err()
            .what
            .contains("is no canary")
    );
    let canary = desk.target(Kind::Ingress, "canary");
    assert!(
        desk.plan(weigh(canary.clone(), 101))
            .await
            .unwrap_err()
            .what
            .contains("from 0 to 100")
    );
    let big = desk.plan(weigh(canary.clone(), 90)).await.unwrap();
    assert!(serious(&big).iter().any(|w| w.contains("a step of 80 at once")));
    for name in ["cortex-web-7f67948884-6vr9r", "cortex-web-7f67948884-8r58q"] {
        desk.fake.edit(&format!("{CORE}/pods/{name}"), |p| {
            p["status"]["conditions"] = json!([]);
        });
    }
    let refusal = desk.plan(weigh(canary.clone(), 20)).await.unwrap_err();
    assert!(
        refusal.what.contains("no pod behind service cortex-web is ready"),
        "{refusal}"
    );
    // Going back to nobody needs no pod, and is a small matter.
    let back = desk.plan(weigh(canary, 0)).await.unwrap();
    assert_eq!(back.risk, quarterdeck::action::Risk::R1);
}

#[tokio::test]
async fn a_service_is_not_switched_to_pods_that_are_not_there() {
    let desk = worker();
    prepare(&desk.fake);
    let target = desk.target(Kind::Service, "cortex-web");
    let switch = |label: &str, value: &str| {
        let labels = [(label.to_owned(), value.to_owned())].into();
        ask(
            target.clone(),
            ObjectAsk::SwitchService {
                labels,
                seen: BTreeMap::new(),
            },
        )
    };
    let refusal = desk.plan(switch("version", "green")).await.unwrap_err();
    assert!(
        refusal.what.contains("finds 0 pods, of which none is ready"),
        "{refusal}"
    );
    // The endpoints still name the former side: it is not over.
    let plan = desk.plan(switch("app", "cortex-api")).await.unwrap();
    assert!(
        plan.impact
            .iter()
            .any(|l| l == "now 2 of 2 pods ready behind it; then 3 of 3"),
        "{:?}",
        plan.impact
    );
    let (outcome, verdict, _) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Unknown(t)) if t.contains("2 endpoints of the former side left")),
        "{verdict:?}"
    );
}
