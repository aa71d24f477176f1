//! Several things in one plan: each with its own request and its own records.

use super::*;

fn records(stage: &Stage) -> Vec<Value> {
    let folder = stage.dir.path().join("journal");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        all.extend(text.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()));
    }
    all
}

fn together(requests: Vec<Request>, go_on: bool) -> Request {
    Request::Together { requests, go_on }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_plan_names_each_pod_and_each_has_its_own_intent_and_result() {
    let stage = Stage::begin(true).await;
    let delete = |target| Request::DeletePod { target, force: false };
    let (web, api) = (stage.a_pod_of("cortex-web"), stage.a_pod_of("cortex-api"));
    let mut gone = web.clone();
    gone.name = "cortex-web-was-here".into();
    let ask = together(vec![delete(web.clone()), delete(gone), delete(api.clone())], false);
    let plan = stage.plan(ask).await.unwrap();
    assert_eq!(plan.steps.len(), 2);
    assert!(plan.title.contains("2 pods") && plan.steps.iter().all(|s| s.same_as.contains("kubectl")));
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text.contains("left out") && w.text.contains("was-here"))
    );
    assert!(
        matches!(&plan.confirm, Confirm::Typed { word, what } if word.ends_with('2') && what.ends_with("the number of pods")),
        "{:?}",
        plan.confirm
    );
    let before = stage.server.requests().mutating();
    let (outcome, verdict) = stage.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    assert_eq!(stage.server.requests().mutating(), before + 2);
    let records = records(&stage);
    for kind in ["intent", "result"] {
        let of_kind: Vec<&Value> = records.iter().filter(|r| r["kind"] == kind).collect();
        for name in [&web.name, &api.name] {
            let text = format!("\"{name}\"");
            let own = of_kind.iter().filter(|r| r.to_string().contains(&text));
            assert_eq!(own.count(), 1, "{kind} of {name}: {of_kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_changed_meanwhile_stops_the_rest_or_is_passed_over() {
    for go_on in [false, true] {
        let stage = Stage::begin(true).await;
        let pause = |name: &str| Request::Pause {
            target: stage.target(Kind::Deployment, name),
        };
        let both = together(vec![pause("cortex-web"), pause("cortex-api")], go_on);
        let plan = stage.plan(both).await.unwrap();
        stage.run(pause("cortex-web")).await;
        let (outcome, _) = stage.carry_out(plan).await;
        assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}");
        let paused = stage.value(Kind::Deployment, "cortex-api")["spec"]["paused"] == true;
        assert_eq!(paused, go_on);
        // It has no intent, and why is on record all the same.
        let of_web = |kind: &str| -> Vec<Value> {
            let all = records(&stage).into_iter();
            all.filter(|r| r["kind"] == kind && r["target"]["name"] == "cortex-web")
                .collect()
        };
        let (sent, told) = (of_web("intent"), of_web("result"));
        assert_eq!((sent.len(), told.len()), (1, 2), "{told:?}");
        let why = told[1]["outcome"].as_str().unwrap();
        assert!(why.starts_with("not sent: ") && why.ends_with("plan again"), "{why}");
        assert!(told[1]["refers"].is_null(), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_to_all_is_taken_back_from_all() {
    let stage = Stage::begin(true).await;
    let pause = |name: &str| Request::Pause {
        target: stage.target(Kind::Deployment, name),
    };
    let plan = stage
        .plan(together(vec![pause("cortex-web"), pause("cortex-api")], false))
        .await
        .unwrap();
    let quarterdeck::action::Undo::By { request, .. } = plan.undo.clone() else {
        panic!("{:?}", plan.undo);
    };
    assert_eq!(stage.carry_out(plan).await.0, Outcome::Applied);
    assert_eq!(stage.run(request).await.0, Outcome::Applied);
    for name in ["cortex-web", "cortex-api"] {
        assert_ne!(stage.value(Kind::Deployment, name)["spec"]["paused"], true, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_and_common_sense_limit_how_many_and_what() {
    let stage = Stage::begin(true).await;
    let restart = |name: &str| Request::Restart {
        target: stage.target(Kind::Deployment, name),
    };
    let planner = Planner {
        policy: Policy {
            max_bulk: Some(1),
            ..Policy::default()
        },
        ..stage.actor.planner().clone()
    };
    let two = together(vec![restart("cortex-web"), restart("cortex-api")], false);
    let refused = planner.plan(two, ActionId(1), Timestamp::now()).await.unwrap_err();
    assert!(refused.what.contains("1 are the most"), "{}", refused.what);
    let mixed = together(
        vec![
            restart("cortex-web"),
            Request::Pause {
                target: stage.target(Kind::Deployment, "cortex-api"),
            },
        ],
        false,
    );
    assert!(stage.plan(mixed).await.is_err());
    let nested = together(vec![together(vec![restart("cortex-web")], false)], false);
    assert!(stage.plan(nested).await.is_err());
}

/// The pods of cortex-web, and no canary of it.
fn web_pods(store: &Store) -> Vec<Value> {
    let pods = store.list(resource("", "pods").unwrap(), Some("cortex"));
    let mut own: Vec<Value> = pods.iter().map(|p| p.value()).collect();
    own.retain(|p| {
        let set = p["metadata"]["ownerReferences"][0]["name"].as_str().unwrap_or_default();
        set.starts_with("cortex-web-") && !set.starts_with("cortex-web-canary")
    });
    own
}

fn ready(store: &Store) -> usize {
    let is_ready = |p: &&Value| {
        let conditions = p["status"]["conditions"].as_array();
        p["metadata"]["deletionTimestamp"].is_null()
            && conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    };
    web_pods(store).iter().filter(is_ready).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pods_of_one_workload_go_one_at_a_time_and_the_plan_says_so_first() {
    for evicts in [true, false] {
        let stage = Stage::begin(true).await;
        let name = |p: &Value| p["metadata"]["name"].as_str().unwrap().to_owned();
        let names: Vec<String> = web_pods(&stage.store).iter().map(name).collect();
        let n = names.len();
        assert!(n > 2 && ready(&stage.store) == n, "{names:?}");
        let requests = names.iter().map(|name| match stage.target(Kind::Pod, name) {
            target if evicts => Request::EvictPod { target },
            target => Request::DeletePod { target, force: false },
        });
        let plan = stage.plan(together(requests.collect(), false)).await.unwrap();
        let first = &plan.warnings[0];
        let told = format!(
            "these are all {n} pods of deployment cortex-web: each goes only when the successor of the one before is ready"
        );
        assert_eq!((first.serious, &first.text), (true, &told), "{:?}", plan.warnings);
        // The budget has not counted the successor yet, as it may be for some seconds.
        let mut lags = Status::new(429, "TooManyRequests", "Cannot evict pod");
        lags.details = Some(json!({"causes": [{"reason": "DisruptionBudget", "message": "it needs 2 and has 2"}]}));
        let last = format!("/api/v1/namespaces/cortex/pods/{}/eviction", names[n - 1]);
        stage
            .server
            .faults()
            .set(Rule::new("POST", &last, 1, Fault::Refuse(lags)));
        let store = stage.store.clone();
        let over = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&over);
        let fewest = std::thread::spawn(move || {
            let mut fewest = n;
            while !done.load(Ordering::Relaxed) {
                fewest = fewest.min(ready(&store));
                std::thread::sleep(Duration::from_millis(1));
            }
            fewest
        });
        let (outcome, verdict) = stage.carry_out(plan).await;
        over.store(true, Ordering::Relaxed);
        assert_eq!(outcome, Outcome::Applied);
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
        assert_eq!(fewest.join().unwrap(), n - 1, "never more than one is missed");
        assert!(web_pods(&stage.store).iter().all(|p| !names.contains(&name(p))));
    }
}
