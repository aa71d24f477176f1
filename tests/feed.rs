//! The Kubernetes feeds against the demonstration API server, and against everything that can go wrong with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::action::WriteGrant;
use quarterdeck::feed::kube::access::{self, Ask, CheckState};
use quarterdeck::feed::kube::logs::{self, LogItem, LogOf, LogQuery};
use quarterdeck::feed::kube::object::{self, Side};
use quarterdeck::feed::kube::{Access, Cluster, ContextChoice, Timing, connect};
use quarterdeck::feed::{Demand, Feeds, Inbox};
use quarterdeck::model::{FeedId, Freshness, Key, Kind, ObjectRef, Requirement, Scope, Selector, World};
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::{EVENTS, PODS, REPLICASETS};
use quarterdeck::sim::kube::{
    self, Clock, Fault, LogLines, NoPlatform, Object, Platform, Server, ServerOptions, Status, Store, Usage, Writer,
};
use serde_json::{Value, json};
use tokio::sync::watch;

const PODS_PATH: &str = "/api/v1/namespaces/cortex/pods";

fn quick() -> Timing {
    Timing {
        backoff_min: Duration::from_millis(10),
        backoff_max: Duration::from_millis(40),
        forbidden: Duration::from_millis(40),
        metrics: Duration::from_millis(40),
        linger: Duration::from_millis(10),
        ..Timing::default()
    }
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "cortex",
            "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0,
                "image": "web:1", "imageID": "", "state": {"running": {"startedAt": "2026-11-21T11:00:00Z"}}}]}})
}

struct Lab {
    server: Server,
    dir: tempfile::TempDir,
}

impl Lab {
    async fn new() -> Self {
        Self::with(Arc::new(NoPlatform)).await
    }

    async fn with(platform: Arc<dyn Platform>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::new(Clock::real());
        let server = Server::start(store, platform, ServerOptions::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        server.write_kubeconfig(&dir.path().join("config")).unwrap();
        Self { server, dir }
    }

    fn store(&self) -> &Store {
        self.server.store()
    }

    fn add_pods(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.store().put(&PODS, pod(&name));
        }
    }

    fn delete_pod(&self, name: &str) {
        self.store()
            .delete(&PODS, "cortex", name, &Writer::new("test"))
            .unwrap();
    }

    /// Loads the recorded lists of the lab cluster.
    fn load_recording(&self) {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/recordings/kubernetes-1.36/lists.json"
        );
        let exchanges: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for x in exchanges
            .iter()
            .filter(|x| x["status"] == 200 && !x["path"].as_str().unwrap().contains('?'))
        {
            if x["request_headers"]["Accept"] == "application/json" && !x["path"].as_str().unwrap().contains("metrics")
            {
                self.store().load_list(&x["body"]);
            }
        }
    }

    async fn connect(&self, user: &str, scope: Scope, access: Access) -> Cluster {
        let choice = ContextChoice {
            kubeconfig: Some(self.dir.path().join("config")),
            context: (user != "admin").then(|| format!("demo-{user}")),
            scope: Some(scope),
            ..ContextChoice::default()
        };
        connect(choice, access).await.unwrap()
    }

    async fn deck(&self, user: &str, scope: Scope, kinds: &[Kind], timing: Timing) -> Deck {
        let cluster = self.connect(user, scope.clone(), Access::ReadOnly).await;
        let demand = Demand {
            kinds: kinds.iter().copied().collect(),
            metrics: false,
        };
        let (demand, wanted) = watch::channel(demand);
        let inbox = Inbox::new();
        let feeds = Feeds::start_with(cluster.clone(), scope, inbox.clone(), wanted, timing);
        Deck {
            inbox,
            feeds,
            demand,
            cluster,
            world: World::default(),
            least_pods: usize::MAX,
            states: Vec::new(),
        }
    }
}

fn cortex() -> Scope {
    Scope::Namespaces(vec!["cortex".to_owned()])
}

/// What the console would know.
struct Deck {
    inbox: Inbox,
    feeds: Feeds,
    demand: watch::Sender<Demand>,
    cluster: Cluster,
    world: World,
    /// The fewest pods ever seen since it was last set.
    least_pods: usize,
    /// All states of the pod feed.
    states: Vec<Freshness>,
}

impl Deck {
    async fn until(&mut self, what: &str, holds: impl Fn(&World) -> bool) {
        let all = async {
            while !holds(&self.world) {
                self.inbox.ready().await;
                let Some(batch) = self.inbox.drain() else {
                    continue;
                };
                let pods = batch.feeds.iter().filter(|(id, _)| *id == FeedId::Watch(Kind::Pod));
                self.states.extend(pods.map(|(_, s)| s.clone()));
                self.world.apply(batch);
                self.least_pods = self.least_pods.min(self.world.pods.len());
            }
        };
        // Only so that a broken feed ends the test instead of hanging it.
        let done = tokio::time::timeout(Duration::from_secs(30), all).await;
        assert!(
            done.is_ok(),
            "never: {what}; pods feed {:?}",
            self.world.feed(FeedId::Watch(Kind::Pod))
        );
    }

    async fn fresh(&mut self, kind: Kind) {
        self.until(&format!("{kind:?} fresh"), |w| w.feed(FeedId::Watch(kind)).is_fresh())
            .await;
    }

    async fn pods(&mut self, count: usize) {
        self.until(&format!("{count} pods, fresh"), |w| {
            w.pods.len() == count && w.feed(FeedId::Watch(Kind::Pod)).is_fresh()
        })
        .await;
    }
}

#[tokio::test]
async fn rows_come_change_and_go_as_the_objects_do() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(2).await;
    lab.add_pods(["c".to_owned()]);
    deck.pods(3).await;
    lab.delete_pod("a");
    deck.pods(2).await;
    lab.store()
        .update_status(&PODS, "cortex", "b", &Writer::new("test"), |p| {
            p["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        })
        .unwrap();
    deck.until("the new status", |w| {
        &*w.pods[&Key::new("cortex", "b")].status == "CrashLoopBackOff"
    })
    .await;
    let paths: Vec<String> = lab.server.requests().all().iter().map(|r| r.path.clone()).collect();
    assert_eq!(
        paths.len(),
        1,
        "one request for the list, the watch and every change: {paths:?}"
    );
    assert!(deck.cluster.meter().requests() == 1 && deck.cluster.meter().writes() == 0);
}

#[tokio::test]
async fn without_streaming_lists_pages_are_read_and_an_expired_page_begins_again() {
    let lab = Lab::new().await;
    lab.add_pods((0..1200).map(|i| format!("p{i:04}")));
    let refused = Status::invalid("", "ListOptions", "", &[]);
    lab.server.faults().set(Rule {
        contains: "sendInitialEvents".to_owned(),
        ..Rule::new("GET", "", usize::MAX, Fault::Refuse(refused))
    });
    let expired = Status::expired("The provided continue parameter is too old");
    lab.server.faults().set(Rule {
        contains: "continue=".to_owned(),
        ..Rule::new("GET", PODS_PATH, 1, Fault::Refuse(expired))
    });
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1200).await;
    let pages = lab
        .server
        .requests()
        .all()
        .iter()
        .filter(|r| r.path.contains("limit=500"))
        .count();
    assert_eq!(
        pages,
        1 + 1 + 3,
        "a page, the expired one, and three from the beginning"
    );
    lab.delete_pod("p0007");
    deck.pods(1199).await;
}

#[tokio::test]
async fn a_version_too_old_is_listed_again_without_a_blank_moment() {
    let lab = Lab::new().await;
    lab.add_pods((0..30).map(|i| format!("p{i}")));
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(30).await;
    deck.least_pods = usize::MAX;
    lab.server.faults().set(Rule {
        contains: "&resourceVersion=".to_owned(),
        ..Rule::new(
            "GET",
            PODS_PATH,
            1,
            Fault::Refuse(Status::expired("too old resource version")),
        )
    });
    lab.server.faults().cut_watches();
    lab.delete_pod("p3");
    lab.add_pods(["new".to_owned()]);
    deck.until("the vanished one gone, the new one there", |w| {
        !w.pods.contains_key(&Key::new("cortex", "p3")) && w.pods.contains_key(&Key::new("cortex", "new"))
    })
    .await;
    deck.pods(30).await;
    assert!(deck.least_pods >= 29, "rows were let go: {}", deck.least_pods);
}

#[tokio::test]
async fn one_forbidden_kind_does_not_stop_the_others_and_is_tried_again() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    for verb in ["list", "watch"] {
        lab.server.faults().refuse(verb, "replicasets");
    }
    let mut deck = lab
        .deck("admin", cortex(), &[Kind::Pod, Kind::ReplicaSet], quick())
        .await;
    deck.pods(1).await;
    let sets = FeedId::Watch(Kind::ReplicaSet);
    deck.until(
        "replicasets forbidden",
        |w| matches!(w.feed(sets), Freshness::Forbidden { why } if why.contains("replicasets.apps is forbidden")),
    )
    .await;
    assert!(deck.world.feed(FeedId::Watch(Kind::Pod)).is_fresh());
    lab.server.faults().clear();
    deck.fresh(Kind::ReplicaSet).await;
}

#[tokio::test]
async fn who_may_not_see_the_cluster_is_told_to_name_namespaces() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let mut deck = lab.deck("operator", Scope::All, &[Kind::Pod], quick()).await;
    deck.until("forbidden with advice", |w| {
        matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Forbidden { why }
            if why.contains("at the cluster scope") && why.contains("--namespace"))
    })
    .await;
    let mut deck = lab.deck("operator", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_is_kept() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let busy = Fault::Text {
        code: 429,
        body: "Too many requests, please try again later.".to_owned(),
        retry_after: Some(1),
    };
    lab.server.faults().set(Rule::new("GET", PODS_PATH, 1, busy));
    let before = jiff::Timestamp::now();
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    let told = deck.states.iter().find_map(|s| match s {
        Freshness::Failed { why, retry_at } => Some((why.clone(), *retry_at)),
        _ => None,
    });
    let (why, retry_at) = told.expect("it was told");
    assert!(why.contains("429"), "{why}");
    assert!(retry_at.duration_since(before) >= jiff::SignedDuration::from_secs(1));
}

#[tokio::test]
async fn an_expired_token_says_so_and_a_wake_tries_at_once() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let timing = Timing {
        backoff_min: Duration::from_secs(3600),
        backoff_max: Duration::from_secs(3600),
        ..quick()
    };
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], timing).await;
    deck.pods(1).await;
    lab.server.faults().expire_token("admin");
    lab.server.faults().cut_watches();
    deck.until("stale", |w| {
        matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Stale { .. })
    })
    .await;
    deck.feeds.wake().await;
    deck.until(
        "sign in again",
        |w| matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Stale { why, .. } if why.contains("sign in again")),
    )
    .await;
    assert_eq!(deck.world.pods.len(), 1);
    lab.server.faults().clear();
    deck.feeds.wake().await;
    deck.fresh(Kind::Pod).await;
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_its_rows_and_comes_back() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(2).await;
    deck.least_pods = usize::MAX;
    lab.server.stop().await;
    let mut since = None;
    for _ in 0..3 {
        // The time of the loss stays, whatever fails after it.
        let seen = deck.world.feed(FeedId::Watch(Kind::Pod)).clone();
        deck.until("another stale state", |w| {
            let now = w.feed(FeedId::Watch(Kind::Pod));
            *now != seen && matches!(now, Freshness::Stale { .. })
        })
        .await;
        if let Freshness::Stale { since: at, .. } = deck.world.feed(FeedId::Watch(Kind::Pod)) {
            assert_eq!(*since.get_or_insert(*at), *at);
        }
    }
    lab.add_pods(["c".to_owned()]);
    lab.server.restart().await.unwrap();
    deck.pods(3).await;
    assert_eq!(deck.least_pods, 2);
    let words = deck.states.iter().filter_map(|s| match s {
        Freshness::Stale { why, .. } => Some(why.to_string()),
        _ => None,
    });
    let words: Vec<_> = words.collect();
    assert!(
        words
            .iter()
            .any(|w| w == "no connection to the server: connection refused"),
        "{words:?}"
    );
}

#[tokio::test]
async fn a_slow_server_is_told_and_tried_again() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let timing = Timing {
        list: Duration::from_millis(150),
        ..quick()
    };
    lab.server.faults().set(Rule {
        contains: "sendInitialEvents".to_owned(),
        ..Rule::new(
            "GET",
            "",
            usize::MAX,
            Fault::Refuse(Status::invalid("", "ListOptions", "", &[])),
        )
    });
    lab.server.faults().set(Rule {
        contains: "limit=500".to_owned(),
        ..Rule::new("GET", PODS_PATH, 1, Fault::Delay(Duration::from_secs(20)))
    });
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], timing).await;
    deck.pods(1).await;
    let slow = |s: &Freshness| matches!(s, Freshness::Failed { why, .. } if why.starts_with("no answer to"));
    assert!(deck.states.iter().any(slow), "{:?}", deck.states);
}

#[tokio::test]
async fn only_what_is_wanted_is_watched_and_what_is_no_longer_wanted_is_let_go() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    lab.store().put(
        &EVENTS,
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "cortex"},
        "involvedObject": {"kind": "Pod", "name": "a"}, "type": "Warning", "reason": "BackOff",
        "lastTimestamp": "2026-11-21T11:00:00Z"}),
    );
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    assert!(lab.server.requests().all().iter().all(|r| !r.path.contains("/events")));
    deck.demand.send_modify(|d| _ = d.kinds.insert(Kind::Event));
    deck.until("the event", |w| w.events.len() == 1).await;
    deck.demand.send_modify(|d| _ = d.kinds.remove(&Kind::Event));
    deck.until("the event let go", |w| {
        w.events.is_empty() && *w.feed(FeedId::Watch(Kind::Event)) == Freshness::Off
    })
    .await;
    deck.fresh(Kind::Pod).await;
}

#[tokio::test]
async fn every_kind_of_a_real_cluster_has_its_rows() {
    let lab = Lab::new().await;
    lab.load_recording();
    let mut deck = lab.deck("admin", Scope::All, &Kind::ALL, quick()).await;
    deck.until("all kinds fresh", |w| {
        Kind::ALL.iter().all(|k| w.feed(FeedId::Watch(*k)).is_fresh())
    })
    .await;
    let w = &deck.world;
    assert!(w.skew.abs() < jiff::SignedDuration::from_secs(2));
    for r in w.replica_sets.values() {
        assert!(r.number > 0 && !r.hash.is_empty() && r.images.len() == 1, "{r:?}");
    }
    let api = &w.deployments[&Key::new("cortex", "cortex-api")];
    let pods = w.pods_of(api).count();
    assert_eq!(pods as u32, api.replicas, "pods are found through their ReplicaSets");
    let hpa = w.hpa_of(api).expect("its autoscaler");
    assert_eq!(
        (hpa.min, hpa.max, hpa.metrics[0].current, hpa.metrics[0].target),
        (3, 10, Some(16.0), 70.0)
    );
    let pod = w.pods_of(api).next().unwrap();
    let budget = w.budgets_of(pod).next().expect("its budget");
    assert_eq!(
        (&*budget.rule, budget.allowed, budget.observed),
        ("minAvailable: 2", 1, true)
    );
    let quota = &w.quotas[&Key::new("cortex", "cortex-quota")];
    let cpu = quota.items.iter().find(|i| &*i.resource == "requests.cpu").unwrap();
    assert_eq!((cpu.used, &*cpu.used_text, cpu.hard), (2.55, "2550m", 100.0));
    let sts = &w.stateful_sets[&Key::new("cortex", "postgres")];
    assert_eq!(
        w.newest_revision(sts).map(|r| (r.number, &*r.hash)),
        Some((1, "95957579c"))
    );
    assert!(w.cron_jobs[&Key::new("cortex", "cortex-backup")].last_success.is_some());
    assert!(
        w.jobs
            .values()
            .all(|j| j.succeeded == 1 && j.failure.is_none() && j.completed.is_some())
    );
    assert!(
        w.events
            .values()
            .any(|e| &*e.reason == "Scheduled" && &*e.source == "default-scheduler")
    );
}

#[tokio::test]
async fn history_and_the_difference_between_revisions_are_read() {
    let lab = Lab::new().await;
    lab.load_recording();
    let cluster = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let set = lab.store().list(&REPLICASETS, Some("cortex"));
    let uid = |kind: Kind, name: &str| ObjectRef {
        kind,
        namespace: "cortex".into(),
        name: name.into(),
        uid: "".into(),
    };
    assert!(!set.is_empty());
    let web = object::history(&cluster, &uid(Kind::Deployment, "cortex-web"))
        .await
        .unwrap();
    assert!(web.len() >= 2, "{web:?}");
    assert!(web.windows(2).all(|w| w[0].number > w[1].number));
    let diff = object::template_diff(&web[1].template, &web[0].template);
    assert!(
        diff.iter().any(|l| l.side == Side::Added) || web[0].images == web[1].images,
        "{diff:?}"
    );
    assert!(diff.iter().all(|l| !l.text.contains("pod-template-hash")));
    let sts = object::history(&cluster, &uid(Kind::StatefulSet, "postgres"))
        .await
        .unwrap();
    assert_eq!(
        (sts[0].number, &*sts[0].images[0]),
        (1, "docker.io/library/postgres:16.4")
    );
    let view = object::view(&cluster, &uid(Kind::Deployment, "cortex-web"))
        .await
        .unwrap();
    assert!(view.yaml.contains("kind: Deployment") && !view.yaml.contains("managedFields"));
    let other = ObjectRef {
        uid: "other".into(),
        ..uid(Kind::Deployment, "cortex-web")
    };
    let gone = object::view(&cluster, &other).await.unwrap_err();
    assert!(gone.say.contains("another object has its name"), "{gone}");
}

#[tokio::test]
async fn rights_are_asked_for_and_a_missing_one_is_a_rule_to_paste() {
    let lab = Lab::new().await;
    let operator = lab.connect("operator", cortex(), Access::Operator).await;
    let who = access::who_am_i(&operator).await.unwrap().unwrap();
    assert_eq!(who.user, "operator");
    let asks = [
        Ask::new("patch", "apps", "deployments", "", "cortex"),
        Ask::new("list", "", "nodes", "", ""),
    ];
    let answers = access::review(&operator, &asks).await;
    assert_eq!(answers[0], access::Allowed::Yes);
    assert!(matches!(answers[1], access::Allowed::No(_)), "{answers:?}");
    let rows = access::check(&operator, &cortex()).await;
    let state = |what: &str| {
        &rows
            .iter()
            .find(|r| r.what == what)
            .unwrap_or_else(|| panic!("{rows:#?}"))
            .state
    };
    assert_eq!(*state("list and watch pods in cortex"), CheckState::Ok);
    let CheckState::Missing { grant } = state("list and watch nodes everywhere") else {
        panic!("{rows:#?}")
    };
    assert_eq!(
        grant,
        r#"{apiGroups: [""], resources: ["nodes"], verbs: ["list", "watch"]} in a ClusterRole"#
    );
    lab.server.stop().await;
    let rows = access::check(&operator, &cortex()).await;
    assert!(
        matches!(&rows[..], [r] if matches!(r.state, CheckState::Unreachable { .. })),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_reader_never_writes_and_a_writer_needs_operator_access_and_a_grant() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let grant = WriteGrant::at_start(false).unwrap();
    let delete = || {
        http::Request::delete(format!("{PODS_PATH}/a"))
            .body(Vec::new())
            .unwrap()
    };
    let observer = lab.connect("admin", cortex(), Access::ReadOnly).await;
    assert!(observer.act_client(&grant).is_none());
    let operator = lab.connect("admin", cortex(), Access::Operator).await;
    for reader in [observer.reader(), operator.reader()] {
        let error = reader.request_text(delete()).await.unwrap_err();
        assert!(error.to_string().contains("only reads"), "{error}");
    }
    assert_eq!(lab.server.requests().mutating(), 0);
    let act = operator.act_client(&grant).unwrap();
    act.request_text(delete()).await.unwrap();
    assert_eq!((lab.server.requests().mutating(), operator.meter().writes()), (1, 1));
    let agent = lab.server.requests().all().pop().unwrap().agent;
    assert!(agent.starts_with("quarterdeck/"), "{agent}");
}

#[tokio::test]
async fn a_refused_write_is_sent_once() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let operator = lab.connect("admin", cortex(), Access::Operator).await;
    let act = operator.act_client(&WriteGrant::at_start(false).unwrap()).unwrap();
    for code in [401_u16, 429, 503, 504] {
        let fault = Fault::Text {
            code,
            body: "no".to_owned(),
            retry_after: Some(1),
        };
        lab.server.requests().clear();
        lab.server.faults().set(Rule::new("DELETE", PODS_PATH, 9, fault));
        let request = http::Request::delete(format!("{PODS_PATH}/a"))
            .body(Vec::new())
            .unwrap();
        act.request_text(request).await.unwrap_err();
        assert_eq!(lab.server.requests().mutating(), 1, "{code}");
        lab.server.faults().clear();
    }
}

/// A container that writes a numbered line each tenth of a second since an epoch.
struct Clockwork;

impl Platform for Clockwork {
    fn logs(&self, _pod: &Value, query: &kube::LogQuery) -> Result<LogLines, Status> {
        let end = (query.until.unwrap().as_millisecond() + 99) / 100;
        let from = query.since.map_or(end - 50, |s| (s.as_millisecond() + 99) / 100);
        let mut lines: LogLines = (from..end)
            .map(|n| (jiff::Timestamp::from_millisecond(n * 100).unwrap(), n.to_string()))
            .collect();
        if let Some(tail) = query.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Ok(lines)
    }

    fn pod_metrics(&self, _pod: &Object) -> Option<Vec<Usage>> {
        Some(vec![Usage {
            name: "web".to_owned(),
            cpu_nano: 12_300_000,
            memory_bytes: 1 << 20,
        }])
    }

    fn node_metrics(&self, _node: &Object) -> Option<Usage> {
        None
    }
}

fn web_logs(follow: bool, tail: Option<u32>) -> LogQuery {
    let all = [Requirement::In("app".into(), ["web".into()].into())].into();
    LogQuery {
        of: LogOf::Selector {
            namespace: "cortex".to_owned(),
            selector: Selector { all },
        },
        container: None,
        previous: false,
        tail,
        since: None,
        follow,
    }
}

#[tokio::test]
async fn logs_follow_pods_as_they_come_and_a_cut_loses_and_repeats_nothing() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned()]);
    let cluster = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let mut stream = logs::open(&cluster, web_logs(true, Some(3)));
    let mut of_a: Vec<u64> = Vec::new();
    let mut b_seen = false;
    let mut cut = false;
    let reading = async {
        while of_a.len() < 40 || !b_seen {
            for item in stream.next().await.expect("it goes on") {
                match item {
                    LogItem::Line(l) if &*l.pod == "a" => of_a.push(l.text.parse().unwrap()),
                    LogItem::Line(_) => b_seen = true,
                    LogItem::Note { .. } => {}
                }
            }
            if of_a.len() > 8 && !cut {
                cut = true;
                lab.server.faults().cut_watches();
                lab.add_pods(["b".to_owned()]);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .expect("lines go on after a cut");
    assert!(of_a.windows(2).all(|w| w[1] == w[0] + 1), "{of_a:?}");
    assert_eq!(stream.dropped(), 0);
}

#[tokio::test]
async fn logs_without_follow_end_and_errors_are_notes() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let viewer = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let mut stream = logs::open(&viewer, web_logs(false, Some(5)));
    let mut lines = 0;
    while let Some(items) = stream.next().await {
        lines += items.iter().filter(|i| matches!(i, LogItem::Line(_))).count();
    }
    assert_eq!(lines, 10);
    lab.server.faults().refuse("get", "pods/log");
    let mut stream = logs::open(&viewer, web_logs(false, None));
    let mut notes = Vec::new();
    while let Some(items) = stream.next().await {
        notes.extend(items.into_iter().filter_map(|i| match i {
            LogItem::Note { text, bad: true, .. } => Some(text),
            _ => None,
        }));
    }
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("pods/log"), "{notes:?}");
}

#[tokio::test]
async fn usage_is_read_only_while_it_shows_and_a_cluster_without_metrics_says_so() {
    let lab = Lab::with(Arc::new(Clockwork)).await;
    lab.add_pods(["a".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    assert!(lab.server.requests().all().iter().all(|r| !r.path.contains("metrics")));
    deck.demand.send_modify(|d| d.metrics = true);
    deck.until("usage", |w| {
        w.pod_usage.get(&Key::new("cortex", "a")).is_some_and(|u| u.cpu_m == 13)
    })
    .await;
    deck.until("fresh", |w| w.feed(FeedId::Metrics).is_fresh()).await;
    lab.server.faults().set(Rule::new(
        "GET",
        "/apis/metrics.k8s.io",
        usize::MAX,
        Fault::Text {
            code: 404,
            body: "404 page not found".to_owned(),
            retry_after: None,
        },
    ));
    deck.until("absent", |w| {
        matches!(w.feed(FeedId::Metrics), Freshness::Absent { .. })
    })
    .await;
    deck.demand.send_modify(|d| d.metrics = false);
    deck.until("off", |w| *w.feed(FeedId::Metrics) == Freshness::Off).await;
}
