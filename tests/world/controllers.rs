//! Controllers do what those of a cluster do.

use super::stage::{complete, cortex, edit, events, get, pods, progressing, ready, secs, set_image, waiting};
use quarterdeck::sim::kube::resources::{
    CONTROLLERREVISIONS, DAEMONSETS, DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, JOBS, NODES, PODDISRUPTIONBUDGETS, PODS,
    RESOURCEQUOTAS, STATEFULSETS,
};
use quarterdeck::sim::kube::{Resource, Store, Writer};
use serde_json::{Value, json};

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
