//! A drain: what it takes and leaves, how budgets hold it, and how it ends early.

use super::objects::{ask, desk, serious};
use crate::fake_api::{Desk, Fault, confirm, path};
use quarterdeck::action::{Confirm, ObjectAsk, Outcome, Plan, Request, Risk, Stage, Undo, Verdict, execute};
use quarterdeck::model::Kind;
use serde_json::{Value, json};

const POD: &str = "cortex-worker-5455954757-7vwmz";
const OTHER: &str = "cortex-worker-5455954757-xzhwm";

fn drain(desk: &Desk, unmanaged: bool, empty_dirs: bool) -> Request {
    ask(
        desk.target(Kind::Node, "open"),
        ObjectAsk::Drain {
            unmanaged,
            empty_dirs,
            within_s: 60,
        },
    )
}

fn here(desk: &Desk, pod: &str, change: impl FnOnce(&mut Value)) {
    desk.fake.edit(&path(Kind::Pod, pod), |p| {
        p["spec"]["nodeName"] = json!("open");
        change(p);
    });
}

fn budget_says_no() -> Fault {
    Fault::Say(
        429,
        json!({"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "Cannot evict pod",
            "details": {"causes": [{"reason": "DisruptionBudget", "message": "budget w needs 2 healthy pods and has 2"}]}}),
    )
}

fn evicted(desk: &Desk) -> Vec<String> {
    let all = desk.fake.writes();
    all.iter()
        .filter(|w| w.method == "POST")
        .map(|w| w.path.clone())
        .collect()
}

#[tokio::test]
async fn a_drain_closes_the_node_first_and_then_moves_one_pod_after_the_other() {
    let desk = desk();
    here(&desk, OTHER, |_| {});
    here(&desk, "redis-7f74b49d-tzvtf", |p| {
        p["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
    });
    let plan = desk.plan(drain(&desk, false, false)).await.unwrap();
    assert_eq!(plan.risk, Risk::R3);
    assert_eq!(
        plan.confirm,
        Confirm::Typed {
            word: "prod-eu/open".into(),
            what: "the context and the name, with slashes".into()
        }
    );
    assert_eq!(
        plan.steps[0].same_as,
        "kubectl --context prod-eu drain open --ignore-daemonsets --timeout=60s"
    );
    assert!(
        plan.impact.iter().any(|l| l == "1 pods of DaemonSets stay"),
        "{:?}",
        plan.impact
    );
    let said = serious(&plan).join("\n");
    assert!(said.contains("all pods of cortex/cortex-worker are here"), "{said}");
    assert!(matches!(
        &plan.undo,
        Undo::By {
            request: Request::Object {
                ask: ObjectAsk::Uncordon,
                ..
            },
            ..
        }
    ));
    let (outcome, verdict, stages) = desk.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(
        verdict,
        Some(Verdict::Healthy("all 2 pods are gone; the node stays cordoned".into()))
    );
    let writes = desk.fake.writes();
    assert_eq!(
        (writes[0].method.as_str(), &writes[0].body),
        ("PATCH", &json!({"spec": {"unschedulable": true}}))
    );
    let uid = |w: &crate::fake_api::Seen| w.body["deleteOptions"]["preconditions"]["uid"].is_string();
    assert!(writes.len() == 3 && writes[1..].iter().all(uid), "{writes:?}");
    let told = |s: &&Stage| matches!(s, Stage::Verifying { text, .. } if text.contains("of 2 gone"));
    assert!(stages.iter().filter(told).count() <= 4);
    // Each request stands between two records.
    let records = desk.journal().records;
    let of = |kind: quarterdeck::journal::RecordKind| records.iter().filter(|r| r.entry.kind == kind).count();
    assert_eq!(of(quarterdeck::journal::RecordKind::Intent), 3);
    assert_eq!(of(quarterdeck::journal::RecordKind::Result), 3);
}

#[tokio::test]
async fn what_would_be_lost_stops_it_until_it_is_meant() {
    let desk = desk();
    here(&desk, OTHER, |p| {
        p["spec"]["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
    });
    here(&desk, "redis-7f74b49d-tzvtf", |p| {
        p["metadata"]["ownerReferences"] = json!([]);
    });
    let refusal = desk.plan(drain(&desk, false, false)).await.unwrap_err();
    assert!(
        refusal.what.contains("emptyDir data of cortex/cortex-worker")
            && refusal.what.contains("nobody owns cortex/redis"),
        "{refusal}"
    );
    let plan = desk.plan(refusal.alternatives[0].request.clone()).await.unwrap();
    assert_eq!(
        plan.steps[0].same_as,
        "kubectl --context prod-eu drain open --ignore-daemonsets --timeout=60s --delete-emptydir-data --force"
    );
    assert_eq!(plan.steps.len(), 4);
}

#[tokio::test]
async fn a_pod_that_its_budget_holds_waits_while_the_others_go_and_is_asked_again() {
    let desk = desk();
    here(&desk, OTHER, |_| {});
    desk.fake.fault("POST", POD, budget_says_no());
    let (outcome, verdict, _) = desk.run(drain(&desk, false, false)).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    let order: Vec<bool> = evicted(&desk).iter().map(|p| p.contains(POD)).collect();
    assert_eq!(order, [true, false, true], "refused, the other one, and again");
}

async fn carry_out(desk: &Desk, mut plan: Plan, deadline_s: u64) -> (Outcome, Option<Verdict>) {
    plan.verify.deadline_s = deadline_s;
    let (to, mut from) = tokio::sync::mpsc::channel(1000);
    let listen = tokio::spawn(async move { while from.recv().await.is_some() {} });
    let done = execute(&desk.actor, &desk.grant, confirm(plan).unwrap(), to).await;
    listen.await.unwrap();
    done
}

#[tokio::test]
async fn a_budget_that_never_allows_it_ends_at_the_deadline_with_the_node_closed() {
    let desk = desk();
    here(&desk, OTHER, |_| {});
    desk.fake.fault("POST", POD, budget_says_no());
    // Asked again, a dry run is told the same for good: nothing more goes on record.
    let plan = desk.plan(drain(&desk, false, false)).await.unwrap();
    let Fault::Say(code, body) = budget_says_no() else {
        panic!()
    };
    desk.fake.0.lock().unwrap().dry_answer = Some((code, body));
    let (outcome, verdict) = carry_out(&desk, plan, 1).await;
    assert_eq!(outcome, Outcome::Applied);
    let why = "1 of 2 pods are gone, 1 stay at the deadline: budget w needs 2 healthy pods and has 2; the node stays cordoned";
    assert_eq!(verdict, Some(Verdict::Failed(why.into())));
    assert_eq!(evicted(&desk).len(), 2);
    assert_eq!(desk.fake.get("/api/v1/nodes/open")["spec"]["unschedulable"], true);
}

#[tokio::test]
async fn it_can_be_stopped_between_two_pods() {
    let desk = desk();
    here(&desk, OTHER, |_| {});
    let plan = desk.plan(drain(&desk, false, false)).await.unwrap();
    let (actor, id) = (desk.actor.clone(), plan.id);
    // Somebody stops it as soon as the first pod is gone.
    desk.fake.react(move |_, at| {
        if at.contains("/pods/") {
            actor.stops().stop(id);
        }
    });
    let (outcome, verdict) = carry_out(&desk, plan, 60).await;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(
        verdict,
        Some(Verdict::Failed(
            "stopped: 1 of 2 pods are gone, 1 stay; the node stays cordoned".into()
        ))
    );
    assert_eq!(evicted(&desk).len(), 1);
}

#[tokio::test]
async fn an_eviction_of_which_nobody_knows_ends_it() {
    let desk = desk();
    here(&desk, OTHER, |_| {});
    desk.fake.fault(
        "POST",
        POD,
        Fault::Say(504, crate::fake_api::status(504, "Timeout", "timed out")),
    );
    let plan = desk.plan(drain(&desk, false, false)).await.unwrap();
    let (outcome, verdict) = carry_out(&desk, plan, 60).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(matches!(verdict, Some(Verdict::Unknown(_))), "{verdict:?}");
    assert_eq!(
        evicted(&desk).len(),
        1,
        "it was not sent again, and no other pod was touched"
    );
}

#[tokio::test]
async fn a_drain_that_moved_nothing_says_so_once() {
    let desk = desk();
    desk.fake
        .edit("/api/v1/nodes/open", |n| n["spec"]["unschedulable"] = json!(true));
    desk.fake.fault("POST", POD, budget_says_no());
    let plan = desk.plan(drain(&desk, false, false)).await.unwrap();
    let Fault::Say(code, body) = budget_says_no() else {
        panic!()
    };
    desk.fake.0.lock().unwrap().dry_answer = Some((code, body));
    let why = "0 of 1 pods are gone, 1 stay at the deadline: budget w needs 2 healthy pods and has 2; the node stays cordoned";
    assert_eq!(carry_out(&desk, plan, 1).await, (Outcome::Refused(why.into()), None));
}
