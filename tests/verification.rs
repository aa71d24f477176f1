//! The verification against what a real server reported, event by event.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fake_api;

use fake_api::recording;
use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::verify::{Goal, Observation, Step, Verifier};
use quarterdeck::action::{Verdict, VerifySpec};
use quarterdeck::model::Kind;
use serde_json::{Value, json};

fn spec(deadline_s: u64, soak_s: u64) -> VerifySpec {
    VerifySpec {
        text: String::new(),
        deadline_s,
        soak_s,
    }
}

fn start() -> Timestamp {
    "2026-11-21T11:20:17Z".parse().unwrap()
}

fn after(ms: u64) -> Timestamp {
    start() + SignedDuration::from_millis(i64::try_from(ms).unwrap())
}

fn events(file: &str, n: usize) -> Vec<(u64, Value)> {
    let all = recording(file);
    let stream = all[n]["stream"].as_array().unwrap();
    stream
        .iter()
        .map(|e| (e["at_ms"].as_u64().unwrap(), e["event"]["object"].clone()))
        .collect()
}

fn seen(object: &Value, pods: &[Value]) -> Observation {
    Observation {
        object: Some(object.clone()),
        pods: pods.to_vec(),
    }
}

fn text(step: &Step) -> String {
    match step {
        Step::Wait { text, .. } => text.clone(),
        Step::Soak { .. } => "soak".into(),
        Step::Verdict(v) => format!("{v:?}"),
    }
}

/// Feeds every recorded event and gives what was said, without repetitions.
fn replay(verifier: &mut Verifier, events: &[(u64, Value)], pods: &[Value]) -> Vec<String> {
    let mut said: Vec<String> = events
        .iter()
        .map(|(at, o)| text(&verifier.observe(&seen(o, pods), after(*at))))
        .collect();
    said.dedup();
    said
}

#[test]
fn a_restart_is_followed_to_its_end_and_soaks() {
    let events = events("restart-watched", 2);
    let answer = recording("restart-watched")[0]["body"].clone();
    let mut before = answer.clone();
    before["metadata"]["generation"] = json!(2);
    let mut v = Verifier::new(
        Goal::Rollout,
        Kind::Deployment,
        seen(&before, &[]),
        &answer,
        &spec(630, 60),
        start(),
    );
    assert_eq!(
        replay(&mut v, &events, &[]),
        [
            "the controller has not seen it yet",
            "0 of 2 updated, 2 available",
            "1 of 2 updated, 2 available",
            "1 of 2 updated, 3 available",
            "1 of 2 updated, 2 available",
            "all updated, 1 old to stop",
            "soak",
        ]
    );
    let last = &events.last().unwrap().1;
    assert!(matches!(v.observe(&seen(last, &[]), after(60_000)), Step::Soak { .. }));
    let done = v.observe(&seen(last, &[]), after(70_000));
    assert_eq!(done, Step::Verdict(Verdict::Healthy("all 2 new and available".into())));
}

#[test]
fn an_image_that_cannot_be_pulled_worries_early_and_fails_at_the_deadline() {
    let objects = events("bad-image-stalled", 2);
    let pods = events("bad-image-stalled", 3);
    let answer = recording("bad-image-stalled")[1]["body"].clone();
    let mut v = Verifier::new(
        Goal::Rollout,
        Kind::Deployment,
        seen(&answer, &[]),
        &answer,
        &spec(45, 60),
        start(),
    );
    let at = |n: usize| objects[n].1.clone();
    assert!(matches!(
        v.observe(&seen(&at(3), &[pods[2].1.clone()]), after(1300)),
        Step::Wait { worrying: false, .. }
    ));
    let early = v.observe(&seen(&at(3), &[pods[4].1.clone()]), after(3400));
    assert_eq!(early, Step::Wait {
        text: "1 of 2 updated, 2 available; pod cortex-web-64db9f84cc-zkdqk: ImagePullBackOff registry.lab/cortex/web:9.9.9-missing".into(),
        worrying: true,
    });
    let end = v.observe(&seen(&at(4), &[]), after(16_600));
    assert!(
        matches!(&end, Step::Verdict(Verdict::Failed(why)) if why.starts_with("the progress deadline passed")),
        "{end:?}"
    );
}

#[test]
fn a_roll_back_is_not_blamed_for_the_deadline_that_passed_before_it() {
    let stalled = recording("bad-image-stalled");
    let before = stalled[4]["body"].clone();
    let bad_pods: Vec<Value> = stalled[6]["body"]["items"].as_array().unwrap().clone();
    let answer = recording("undo")[2]["body"].clone();
    let mut v = Verifier::new(
        Goal::Rollout,
        Kind::Deployment,
        seen(&before, &bad_pods),
        &answer,
        &spec(45, 0),
        start(),
    );
    let said = replay(&mut v, &events("undo", 3), &bad_pods);
    assert_eq!(
        said,
        [
            "the controller has not seen it yet",
            "all updated, 1 old to stop",
            "Healthy(\"all 2 new and available\")",
        ],
        "the old bad pods do not worry either"
    );
}

#[test]
fn daemon_sets_and_stateful_sets_are_followed_by_their_own_rules() {
    for (watch, kind, end) in [
        (3, Kind::DaemonSet, "Healthy(\"all 1 new and available\")"),
        (11, Kind::StatefulSet, "Healthy(\"all 1 new and ready\")"),
    ] {
        let events = events("undo-controllerrevisions", watch);
        let answer = recording("undo-controllerrevisions")[watch - 1]["body"].clone();
        let mut v = Verifier::new(Goal::Rollout, kind, seen(&answer, &[]), &answer, &spec(630, 0), start());
        let said = replay(&mut v, &events, &[]);
        assert_eq!(said.first().unwrap(), "the controller has not seen it yet");
        assert_eq!(said.last().unwrap(), end);
        assert_eq!(said.iter().filter(|s| s.contains("Healthy")).count(), 1, "{said:?}");
    }
}

fn deployment(generation: i64, image: &str, replicas: u32) -> Value {
    json!({"kind": "Deployment", "metadata": {"uid": "u", "generation": generation, "managedFields": [
            {"manager": "deployer", "time": "2026-11-21T11:21:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}}]},
        "spec": {"replicas": replicas, "template": {"image": image}},
        "status": {"observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas}})
}

fn pod(uid: &str, restarts: u64) -> Value {
    json!({"metadata": {"name": format!("pod-{uid}"), "uid": uid},
        "status": {"containerStatuses": [{"restartCount": restarts, "ready": true}]}})
}

fn restarted() -> Verifier {
    let answer = deployment(2, "a", 2);
    Verifier::new(
        Goal::Rollout,
        Kind::Deployment,
        seen(&deployment(1, "a", 2), &[]),
        &answer,
        &spec(60, 30),
        start(),
    )
}

#[test]
fn a_change_after_ours_supersedes_it_but_a_new_size_does_not() {
    let mut v = restarted();
    assert!(
        matches!(
            v.observe(&seen(&deployment(3, "a", 5), &[]), after(1000)),
            Step::Soak { .. }
        ),
        "an HPA scaled it"
    );
    let step = v.observe(&seen(&deployment(4, "b", 5), &[]), after(2000));
    assert_eq!(
        step,
        Step::Verdict(Verdict::Superseded("deployer changed the template after us".into()))
    );
}

#[test]
fn another_object_of_the_name_is_not_ours() {
    let mut other = deployment(1, "a", 2);
    other["metadata"]["uid"] = json!("other");
    assert!(matches!(
        restarted().observe(&seen(&other, &[]), after(1)),
        Step::Verdict(Verdict::Lost(_))
    ));
    assert!(matches!(
        restarted().observe(&Observation::default(), after(1)),
        Step::Verdict(Verdict::Lost(_))
    ));
    let mut paused = deployment(2, "a", 2);
    paused["spec"]["paused"] = json!(true);
    assert_eq!(
        restarted().observe(&seen(&paused, &[]), after(1)),
        Step::Verdict(Verdict::Paused)
    );
}

#[test]
fn a_restart_during_the_soak_begins_it_anew_and_worries() {
    let mut v = restarted();
    let now = deployment(2, "a", 2);
    assert_eq!(
        v.observe(&seen(&now, &[pod("p", 0)]), after(0)),
        Step::Soak { until: after(30_000) }
    );
    let step = v.observe(&seen(&now, &[pod("p", 1)]), after(20_000));
    assert!(
        matches!(&step, Step::Wait { text, worrying: true } if text.contains("pod-p restarted")),
        "{step:?}"
    );
    assert_eq!(
        v.observe(&seen(&now, &[pod("p", 1)]), after(22_000)),
        Step::Soak { until: after(50_000) }
    );
    let step = v.observe(&seen(&now, &[pod("p", 1)]), after(50_000));
    assert!(matches!(step, Step::Verdict(Verdict::Healthy(_))));
}

#[test]
fn a_server_that_cannot_be_read_makes_it_unknown_only_at_the_deadline() {
    let mut v = restarted();
    assert!(matches!(
        v.missed("connection refused", after(30_000)),
        Step::Wait { .. }
    ));
    assert!(matches!(
        v.missed("connection refused", after(60_000)),
        Step::Verdict(Verdict::Unknown(_))
    ));
}

#[test]
fn pods_that_were_created_but_are_not_ready_do_not_count_as_scaled() {
    let mut now = deployment(2, "a", 5);
    now["status"]["readyReplicas"] = json!(2);
    now["status"]["availableReplicas"] = json!(2);
    let mut v = Verifier::new(
        Goal::Size(5),
        Kind::Deployment,
        seen(&deployment(1, "a", 2), &[]),
        &Value::Null,
        &spec(60, 0),
        start(),
    );
    assert_eq!(text(&v.observe(&seen(&now, &[]), after(1))), "2 of 5 ready");
    assert!(matches!(
        v.observe(&seen(&now, &[]), after(60_000)),
        Step::Verdict(Verdict::Unknown(_))
    ));
}
