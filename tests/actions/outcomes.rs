//! What became of a change, told as it is.

use super::{controller_revisions, worker};
use crate::fake_api::{APPS, CORE, Desk, Fake, Fault, confirm, finish, recording, status};
use quarterdeck::action::{Outcome, Request, RollbackTo, Verdict, WhyNot};
use quarterdeck::journal::RecordKind;
use quarterdeck::model::Kind;
use serde_json::json;

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
            crate::fake_api::prepare(&fake);
            fake.react(finish);
            let desk = Desk::new(fake);
            let ask = crate::fake_api::one_of_each(&desk.fake).swap_remove(ask);
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
    let expected = [
        RecordKind::Confirm,
        RecordKind::Intent,
        RecordKind::Result,
        RecordKind::Verify,
    ];
    assert_eq!(kinds, expected);
    assert!(journal.is_whole());
    let [confirm, intent, result, verify] = journal.records.as_slice() else {
        panic!()
    };
    assert_eq!(confirm.entry.plan_hash, intent.entry.plan_hash);
    assert_eq!(
        (confirm.entry.reason.as_str(), &confirm.entry.data["steps"]),
        ("worker backlog, INC-214", &1.into())
    );
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
