//! The incident of the scenario, and what heals it.

use super::stage::{complete, cortex, edit, events, get, pods, progressing, ready, secs, waiting};
use jiff::SignedDuration;
use quarterdeck::sim::kube::resources::{DEPLOYMENTS, PODS, REPLICASETS};
use quarterdeck::sim::kube::{LogQuery, Platform, Store};
use serde_json::{Value, json};

#[test]
fn the_incident_is_as_the_scenario_says_and_a_rollback_heals_it() {
    let (mut world, clock) = cortex(false);
    let store = world.store().clone();
    let api = get(&store, &DEPLOYMENTS, "cortex-api");
    assert_eq!(api["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "5");
    assert_eq!(
        (
            &api["status"]["readyReplicas"],
            &api["spec"]["replicas"],
            &api["status"]["updatedReplicas"]
        ),
        (&json!(3), &json!(5), &json!(3))
    );
    assert_eq!(
        progressing(&store, "cortex-api"),
        ("False".into(), "ProgressDeadlineExceeded".into())
    );
    let all = pods(&store, "cortex-api");
    let stuck = |p: &&Value| matches!(waiting(p), "ImagePullBackOff" | "ErrImagePull");
    assert_eq!(all.iter().filter(stuck).count(), 3);
    assert_eq!(all.iter().filter(|p| ready(p)).count(), 3);
    let message =
        all.iter().find(stuck).unwrap()["status"]["containerStatuses"][0]["state"]["waiting"]["message"].to_string();
    assert!(
        message.contains("failed to resolve reference \\\"registry.lab/cortex/api:1.5.1\\\": not found"),
        "{message}"
    );
    // Nothing else is stalled, and every object's spec is observed.
    for d in store
        .list(&DEPLOYMENTS, None)
        .iter()
        .filter(|d| &*d.meta.name != "cortex-api")
    {
        let v = d.value();
        let c = v["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == "Progressing")
            .unwrap()
            .clone();
        assert_eq!(c["reason"], "NewReplicaSetAvailable", "{}", d.meta.name);
    }

    // Back to revision 4, as `kubectl rollout undo --to-revision=4` writes it.
    let uid = api["metadata"]["uid"].as_str().unwrap();
    let sets = || {
        store
            .by_owner(&REPLICASETS, uid)
            .iter()
            .map(|o| o.value())
            .collect::<Vec<_>>()
    };
    let revision = |rs: &Value| {
        rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let good = sets().into_iter().find(|rs| revision(rs) == "4").unwrap();
    let mut template = good["spec"]["template"].clone();
    template["metadata"]["labels"]
        .as_object_mut()
        .unwrap()
        .remove("pod-template-hash");
    let seen = store.subscribe();
    let mut reasons: Vec<String> = Vec::new();
    edit(&world, &DEPLOYMENTS, "cortex-api", |d| {
        d["spec"]["template"] = template.clone();
    });
    for _ in 0..600 {
        world.run_for(&clock, SignedDuration::from_millis(100));
        seen.take();
        let (_, reason) = progressing(&store, "cortex-api");
        if reasons.last() != Some(&reason) {
            reasons.push(reason);
        }
    }
    assert!(complete(&store, "cortex-api"));
    let tail: Vec<&str> = reasons.iter().rev().take(2).rev().map(String::as_str).collect();
    assert_eq!(tail, ["ReplicaSetUpdated", "NewReplicaSetAvailable"], "{reasons:?}");
    let now = get(&store, &DEPLOYMENTS, "cortex-api");
    assert_eq!(now["spec"]["template"], template);
    assert_eq!(now["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "6");
    let mut left: Vec<String> = sets().iter().map(revision).collect();
    left.sort();
    assert_eq!(
        left,
        ["1", "2", "3", "5", "6"],
        "the revision gone back to takes the next number"
    );
    let reused = sets().into_iter().find(|rs| revision(rs) == "6").unwrap();
    assert_eq!(
        reused["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"],
        "4"
    );
    assert!(pods(&store, "cortex-api").iter().all(ready));
}

#[test]
fn only_the_missing_variable_heals_the_crash_looping_worker() {
    let (mut world, clock) = cortex(false);
    let store = world.store().clone();
    let looping = |store: &Store| {
        let bad = |p: &Value| !ready(p);
        pods(store, "cortex-worker").into_iter().filter(bad).collect::<Vec<_>>()
    };
    let [pod] = &looping(&store)[..] else {
        panic!("exactly one worker crashes")
    };
    let status = &pod["status"]["containerStatuses"][0];
    assert!(status["restartCount"].as_i64().unwrap() > 8, "{status}");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    let platform = quarterdeck::sim::world::WorldPlatform::new(store.clone(), world.scenario());
    let query = LogQuery {
        container: "worker".into(),
        previous: true,
        ..LogQuery::default()
    };
    let lines: Vec<String> = platform
        .logs(pod, &query)
        .unwrap()
        .into_iter()
        .map(|(_, l)| l)
        .collect();
    assert!(
        lines.iter().any(|l| l.contains("EXPORT_BUCKET is not set")),
        "{lines:?}"
    );
    assert!(lines.iter().any(|l| l.starts_with('{')) && lines.iter().any(|l| !l.starts_with('{')));

    // Deleting it brings another that crashes.
    let name = pod["metadata"]["name"].as_str().unwrap();
    store.mark_deleted(&PODS, "cortex", name, 30).unwrap();
    world.run_for(&clock, secs(60));
    let [other] = &looping(&store)[..] else {
        panic!("one crashes again")
    };
    assert_ne!(other["metadata"]["name"], name);
    assert_eq!(waiting(other), "CrashLoopBackOff");
    assert!(
        events(&store, other["metadata"]["name"].as_str().unwrap())
            .iter()
            .any(|e| e.starts_with("BackOff: Back-off restarting failed container worker"))
    );

    // A restart of all does not help either.
    edit(&world, &DEPLOYMENTS, "cortex-worker", |d| {
        d["spec"]["template"]["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/restartedAt": "2026-11-21T12:01:00Z"});
    });
    world.run_for(&clock, secs(120));
    assert_eq!(looping(&store).len(), 1);
    assert!(!complete(&store, "cortex-worker"));

    edit(&world, &DEPLOYMENTS, "cortex-worker", |d| {
        let env = d["spec"]["template"]["spec"]["containers"][0]["env"]
            .as_array_mut()
            .unwrap();
        env.push(json!({"name": "EXPORT_BUCKET", "value": "s3://cortex-export"}));
    });
    world.run_for(&clock, secs(120));
    assert!(looping(&store).is_empty() && complete(&store, "cortex-worker"));
}
