//! The world of the demonstration platform, stepped by hand on a manual clock: what an operator does, and what follows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use quarterdeck::sim::kube::resources::{
    CONTROLLERREVISIONS, DAEMONSETS, DEPLOYMENTS, EVENTS, HORIZONTALPODAUTOSCALERS, JOBS, NODES, PODDISRUPTIONBUDGETS,
    PODS, REPLICASETS, RESOURCEQUOTAS, STATEFULSETS,
};
use quarterdeck::sim::kube::{Clock, LogQuery, Platform, Resource, Store, Writer};
use quarterdeck::sim::world::{World, cortex};
use serde_json::{Value, json};

fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn get(store: &Store, r: &'static Resource, name: &str) -> Value {
    store
        .get(r, "cortex", name)
        .unwrap_or_else(|| panic!("{} {name} is there", r.kind))
        .value()
}

fn edit(world: &World, r: &'static Resource, name: &str, f: impl FnOnce(&mut Value)) {
    world
        .store()
        .update(r, "cortex", name, &Writer::new("test"), f)
        .unwrap();
}

fn set_image(world: &World, r: &'static Resource, name: &str, image: &str) {
    edit(world, r, name, |d| {
        d["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

fn progressing(store: &Store, name: &str) -> (String, String) {
    let d = get(store, &DEPLOYMENTS, name);
    let c = d["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "Progressing")
        .unwrap()
        .clone();
    (
        c["status"].as_str().unwrap().to_owned(),
        c["reason"].as_str().unwrap().to_owned(),
    )
}

/// What `kubectl rollout status` waits for.
fn complete(store: &Store, name: &str) -> bool {
    let d = get(store, &DEPLOYMENTS, name);
    let n = &d["spec"]["replicas"];
    let s = &d["status"];
    s["observedGeneration"] == d["metadata"]["generation"]
        && [&s["replicas"], &s["updatedReplicas"], &s["availableReplicas"]]
            .iter()
            .all(|m| *m == n)
}

fn pods(store: &Store, app: &str) -> Vec<Value> {
    let of = |p: &Value| p["metadata"]["labels"]["app"] == app;
    store
        .list(&PODS, Some("cortex"))
        .iter()
        .map(|p| p.value())
        .filter(of)
        .collect()
}

fn waiting(pod: &Value) -> &str {
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        .as_str()
        .unwrap_or("")
}

fn ready(pod: &Value) -> bool {
    pod["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn events(store: &Store, about: &str) -> Vec<String> {
    let of = |e: &Value| e["involvedObject"]["name"] == about;
    let say = |e: Value| format!("{}: {}", e["reason"].as_str().unwrap(), e["message"].as_str().unwrap());
    store
        .list(&EVENTS, Some("cortex"))
        .iter()
        .map(|e| e.value())
        .filter(of)
        .map(say)
        .collect()
}

fn cortex(calm: bool) -> (World, Clock) {
    cortex::begin(start(), cortex::Options { calm })
}

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

#[test]
fn the_autoscaler_the_budget_and_the_quota_have_their_say() {
    let (mut world, clock) = cortex(true);
    let store = world.store().clone();
    let size = |name: &str| get(&store, &DEPLOYMENTS, name)["spec"]["replicas"].as_i64().unwrap();
    let hpa = |store: &Store| get(store, &HORIZONTALPODAUTOSCALERS, "cortex-api-hpa");
    let limited = |h: &Value| h["status"]["conditions"][2]["reason"].as_str().unwrap().to_owned();
    assert_eq!(
        (
            hpa(&store)["status"]["currentReplicas"].clone(),
            limited(&hpa(&store)).as_str()
        ),
        (json!(5), "DesiredWithinRange")
    );

    edit(&world, &DEPLOYMENTS, "cortex-api", |d| d["spec"]["replicas"] = json!(1));
    let back = world.run_until(&clock, secs(16), |s| {
        get(s, &DEPLOYMENTS, "cortex-api")["spec"]["replicas"] == 3
    });
    assert!(back, "below the minimum it is restored within one period");
    assert_eq!(limited(&hpa(&store)), "TooFewReplicas");
    assert!(events(&store, "cortex-api-hpa").contains(
        &"SuccessfulRescale: New size: 3; reason: Current number of replicas below Spec.MinReplicas".to_owned()
    ));
    world.run_for(&clock, secs(60));
    assert_eq!(size("cortex-api"), 5, "then the load asks for what it asked for before");

    edit(&world, &DEPLOYMENTS, "cortex-api", |d| {
        d["spec"]["replicas"] = json!(14);
    });
    world.run_for(&clock, secs(16));
    assert!(size("cortex-api") <= 10);
    edit(&world, &DEPLOYMENTS, "cortex-api", |d| d["spec"]["replicas"] = json!(0));
    world.run_for(&clock, secs(40));
    assert_eq!(size("cortex-api"), 0, "zero switches the autoscaler off");
    assert_eq!(hpa(&store)["status"]["conditions"][1]["reason"], "ScalingDisabled");
    let budget = get(&store, &PODDISRUPTIONBUDGETS, "cortex-api-pdb");
    assert_eq!(budget["status"]["disruptionsAllowed"], 0);
    edit(&world, &DEPLOYMENTS, "cortex-api", |d| d["spec"]["replicas"] = json!(5));
    world.run_for(&clock, secs(60));
    let budget = get(&store, &PODDISRUPTIONBUDGETS, "cortex-api-pdb");
    let status = &budget["status"];
    assert_eq!(
        (
            &status["currentHealthy"],
            &status["desiredHealthy"],
            &status["disruptionsAllowed"]
        ),
        (&json!(5), &json!(3), &json!(2))
    );

    edit(&world, &DEPLOYMENTS, "cortex-web", |d| {
        d["spec"]["replicas"] = json!(70);
    });
    world.run_for(&clock, secs(30));
    let web = get(&store, &DEPLOYMENTS, "cortex-web");
    let failure = web["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "ReplicaFailure")
        .unwrap()
        .clone();
    assert_eq!(failure["reason"], "FailedCreate");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("exceeded quota: cortex-quota, requested: pods=1, used: pods=60, limited: pods=60"),
        "{failure}"
    );
    let quota = get(&store, &RESOURCEQUOTAS, "cortex-quota");
    assert_eq!(quota["status"]["used"]["pods"], "60");
}

#[test]
fn revisions_of_stateful_sets_and_daemon_sets_go_back_and_forth() {
    let (mut world, clock) = cortex(true);
    let store = world.store().clone();
    let revisions = |r: &'static Resource, ns: &str, name: &str| {
        let uid = store.get(r, ns, name).unwrap().meta.uid.clone();
        let mut all: Vec<(i64, Value)> = store
            .by_owner(&CONTROLLERREVISIONS, &uid)
            .iter()
            .map(|o| o.value())
            .map(|v| (v["revision"].as_i64().unwrap(), v["data"].clone()))
            .collect();
        all.sort_by_key(|(n, _)| *n);
        all
    };
    let before = get(&store, &STATEFULSETS, "postgres")["spec"]["template"].clone();
    set_image(
        &world,
        &STATEFULSETS,
        "postgres",
        "docker.io/library/postgres:17-missing",
    );
    world.run_for(&clock, secs(60));
    let stuck = get(&store, &PODS, "postgres-1");
    assert!(waiting(&stuck).contains("Pull"));
    assert!(
        ready(&get(&store, &PODS, "postgres-0")),
        "the others wait for the highest"
    );
    assert_eq!(revisions(&STATEFULSETS, "cortex", "postgres").len(), 2);

    edit(&world, &STATEFULSETS, "postgres", |s| {
        s["spec"]["template"] = before.clone();
    });
    world.run_for(&clock, secs(60));
    assert!(
        !ready(&get(&store, &PODS, "postgres-1")),
        "going back alone does not free a stuck pod"
    );
    store.mark_deleted(&PODS, "cortex", "postgres-1", 30).unwrap();
    world.run_for(&clock, secs(60));
    let postgres = get(&store, &STATEFULSETS, "postgres");
    assert_eq!(postgres["status"]["readyReplicas"], 2);
    assert_eq!(
        postgres["status"]["currentRevision"],
        postgres["status"]["updateRevision"]
    );
    let history = revisions(&STATEFULSETS, "cortex", "postgres");
    assert_eq!(history.iter().map(|h| h.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(history[1].1["spec"]["template"]["$patch"], "replace");

    let by = Writer::new("test");
    let shipper = |tag: &str| {
        store
            .update(&DAEMONSETS, "kube-system", "log-shipper", &by, |d| {
                d["spec"]["template"]["spec"]["containers"][0]["image"] =
                    json!(format!("registry.lab/platform/log-shipper:{tag}"));
            })
            .unwrap();
    };
    shipper("3.2.0");
    for _ in 0..60 {
        world.run_for(&clock, secs(1));
        let status = store.get(&DAEMONSETS, "kube-system", "log-shipper").unwrap().value()["status"].clone();
        assert!(
            status["numberAvailable"].as_i64() >= Some(4),
            "one after the other: {status}"
        );
    }
    let ds = store.get(&DAEMONSETS, "kube-system", "log-shipper").unwrap().value();
    let s = &ds["status"];
    assert_eq!(
        (
            &s["updatedNumberScheduled"],
            &s["numberAvailable"],
            &s["desiredNumberScheduled"]
        ),
        (&json!(5), &json!(5), &json!(5))
    );
    assert_eq!(
        ds["metadata"]["annotations"]["deprecated.daemonset.template.generation"],
        "2"
    );
    shipper("3.1.0");
    world.run_for(&clock, secs(120));
    let numbers: Vec<i64> = revisions(&DAEMONSETS, "kube-system", "log-shipper")
        .iter()
        .map(|h| h.0)
        .collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn pause_cordon_jobs_and_deletion_do_what_they_do() {
    let (mut world, clock) = cortex(true);
    let store = world.store().clone();
    // Paused: a new template waits, a new size does not.
    edit(&world, &DEPLOYMENTS, "cortex-web", |d| {
        d["spec"]["paused"] = json!(true);
        d["spec"]["replicas"] = json!(4);
    });
    set_image(&world, &DEPLOYMENTS, "cortex-web", "registry.lab/cortex/web:1.5.0");
    world.run_for(&clock, secs(30));
    assert_eq!(progressing(&store, "cortex-web").1, "DeploymentPaused");
    let web = pods(&store, "cortex-web");
    assert!(
        web.len() == 4
            && web
                .iter()
                .all(|p| p["spec"]["containers"][0]["image"] == "registry.lab/cortex/web:1.4.1")
    );
    edit(&world, &DEPLOYMENTS, "cortex-web", |d| {
        d["spec"]["paused"] = json!(false);
    });
    world.run_for(&clock, secs(60));
    assert!(complete(&store, "cortex-web"));
    assert!(
        pods(&store, "cortex-web")
            .iter()
            .all(|p| p["spec"]["containers"][0]["image"] == "registry.lab/cortex/web:1.5.0")
    );

    // No node takes pods: they wait and say why, until one does.
    let cordon = |on: bool| {
        for node in store.list(&NODES, None) {
            store
                .update(&NODES, "", &node.meta.name, &Writer::new("test"), |n| {
                    n["spec"]["unschedulable"] = json!(on);
                })
                .unwrap();
        }
    };
    cordon(true);
    edit(&world, &DEPLOYMENTS, "pgbouncer", |d| d["spec"]["replicas"] = json!(3));
    world.run_for(&clock, secs(10));
    let pending: Vec<Value> = pods(&store, "pgbouncer")
        .into_iter()
        .filter(|p| p["status"]["phase"] == "Pending")
        .collect();
    assert_eq!(pending[0]["status"]["conditions"][0]["reason"], "Unschedulable");
    let said = events(&store, pending[0]["metadata"]["name"].as_str().unwrap());
    assert!(
        said.contains(&"FailedScheduling: 0/5 nodes are available: 5 node(s) were unschedulable.".to_owned()),
        "{said:?}"
    );
    cordon(false);
    world.run_for(&clock, secs(10));
    assert!(complete(&store, "pgbouncer"));

    // A Job runs to its end, and goes when its time is over.
    let job = json!({"metadata": {"name": "migrate", "namespace": "cortex"}, "spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": 600,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": "registry.lab/cortex/api:1.5.0"}]}}}});
    store.create(&JOBS, job, &Writer::new("test")).unwrap();
    world.run_for(&clock, secs(30));
    let done = get(&store, &JOBS, "migrate");
    let kinds: Vec<&str> = done["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        (kinds, &done["status"]["succeeded"]),
        (vec!["SuccessCriteriaMet", "Complete"], &json!(1))
    );
    world.run_for(&clock, secs(601));
    assert!(store.get(&JOBS, "cortex", "migrate").is_none());

    // What is owned goes with its owner.
    store
        .delete(&DEPLOYMENTS, "cortex", "cortex-web", &Writer::new("test"))
        .unwrap();
    world.run_for(&clock, secs(10));
    assert!(pods(&store, "cortex-web").is_empty());
}

#[test]
fn containers_behave_as_their_image_says() {
    let (mut world, clock) = cortex(true);
    let store = world.store().clone();
    set_image(
        &world,
        &DEPLOYMENTS,
        "memory-api",
        "registry.lab/cortex/memory-api:2.1.1-oom",
    );
    set_image(
        &world,
        &DEPLOYMENTS,
        "cognition",
        "registry.lab/cortex/cognition:0.10.1-unready",
    );
    set_image(
        &world,
        &DEPLOYMENTS,
        "cortex-web",
        "registry.lab/cortex/web:1.5.0-crash",
    );
    world.run_for(&clock, secs(300));
    let last = |app: &str| {
        let all = pods(&store, app);
        let newest = all
            .iter()
            .max_by_key(|p| p["metadata"]["creationTimestamp"].to_string())
            .unwrap()
            .clone();
        newest["status"]["containerStatuses"][0].clone()
    };
    assert_eq!(last("memory-api")["lastState"]["terminated"]["reason"], "OOMKilled");
    assert_eq!(last("memory-api")["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(last("cognition")["ready"], false);
    assert!(last("cognition")["state"]["running"].is_object());
    assert_eq!(last("cortex-web")["lastState"]["terminated"]["exitCode"], 1);
    assert!(
        pods(&store, "cortex-web").iter().filter(|p| ready(p)).count() >= 3,
        "the old ones stay"
    );
}

#[test]
fn the_load_generator_makes_pods_of_recorded_size_and_the_rate_asked_for() {
    let (mut world, clock) = cortex(true);
    let store = world.store().clone();
    let before = store.count(&PODS);
    world.add_load(260, 50);
    assert_eq!(store.count(&PODS), before + 260);
    let pod = store.list(&PODS, Some("load-00"))[0].clone();
    assert!(pod.raw.len() > 6_000, "{} bytes", pod.raw.len());
    world.run_for(&clock, secs(1));
    let version = store.version();
    world.run_for(&clock, secs(10));
    let changes = store.version() - version;
    assert!((500..600).contains(&changes), "{changes} changes in ten seconds");
}
