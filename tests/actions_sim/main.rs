//! Actions against the demonstration platform: the real wire over TLS, the real clients, controllers that react.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod lines;
mod objects;
mod together;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, ObjectAsk, Outcome, Pace, Plan, Planner, Policy, Reach, Refusal,
    Request, RollbackTo, Verdict, WriteGrant, execute,
};
use quarterdeck::feed::kube::{Access, ContextChoice, connect};
use quarterdeck::journal::{Journal, Mode, Who};
use quarterdeck::model::{Kind, ObjectRef};
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::{Fault, Resource, Server, ServerOptions, Status, Store, resource};
use quarterdeck::sim::world::{WorldPlatform, cortex};
use serde_json::{Value, json};

struct Stage {
    server: Server,
    store: Store,
    grant: WriteGrant,
    actor: Actor,
    stop: Arc<AtomicBool>,
    dir: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Stage {
    /// The platform with its world running much faster than the clock on the wall.
    async fn begin(calm: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (mut world, clock) = cortex::begin(Timestamp::now(), cortex::Options { calm, beside: false });
        let store = world.store().clone();
        let platform = Arc::new(WorldPlatform::new(store.clone(), world.scenario()));
        let server = Server::start(store.clone(), platform, ServerOptions::default())
            .await
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                world.run_for(&clock, SignedDuration::from_millis(500));
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        server.write_kubeconfig(&kubeconfig).unwrap();
        let choice = ContextChoice {
            kubeconfig: Some(kubeconfig),
            ..ContextChoice::default()
        };
        let cluster = connect(choice, Access::Operator).await.unwrap();
        let grant = WriteGrant::at_start(false).unwrap();
        let planner = Planner {
            reader: cluster.reader().clone(),
            place: cluster.place().clone(),
            class: Class::Local,
            user: cluster.user().to_owned(),
            policy: Policy::default(),
            sources: Reach::default(),
        };
        let journal = Journal::open(&dir.path().join("journal"), Who::here("admin", Mode::Live)).unwrap();
        let act = cluster.act_client(&grant).unwrap();
        let pace = Pace {
            deadline: Duration::from_secs(5),
            poll: Duration::from_millis(20),
        };
        let actor = Actor::new(&grant, planner, act, journal).with_pace(pace);
        Self {
            server,
            store,
            grant,
            actor,
            stop,
            dir,
        }
    }

    fn value(&self, kind: Kind, name: &str) -> Value {
        let r: &'static Resource = resource(kind.group(), kind.plural()).unwrap();
        let place = if kind.namespaced() { "cortex" } else { "" };
        self.store
            .get(r, place, name)
            .unwrap_or_else(|| panic!("{name}"))
            .value()
    }

    fn target(&self, kind: Kind, name: &str) -> ObjectRef {
        let uid = self.value(kind, name)["metadata"]["uid"].as_str().unwrap().into();
        ObjectRef {
            kind,
            namespace: if kind.namespaced() { "cortex".into() } else { "".into() },
            name: name.into(),
            uid,
        }
    }

    fn ask(&self, kind: Kind, name: &str, ask: ObjectAsk) -> Request {
        Request::Object {
            target: self.target(kind, name),
            ask,
        }
    }

    fn a_pod_of(&self, app: &str) -> ObjectRef {
        let pods = self.store.list(resource("", "pods").unwrap(), Some("cortex"));
        let pod = pods
            .iter()
            .map(|p| p.value())
            .find(|p| p["metadata"]["labels"]["app"] == app)
            .unwrap();
        self.target(Kind::Pod, pod["metadata"]["name"].as_str().unwrap())
    }

    fn image(&self, kind: Kind, name: &str) -> String {
        self.value(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn plan(&self, ask: Request) -> Result<Plan, Refusal> {
        self.actor.plan(ask, ActionId(1), Timestamp::now()).await
    }

    async fn run(&self, ask: Request) -> (Outcome, Option<Verdict>) {
        let plan = self.plan(ask).await.unwrap_or_else(|e| panic!("{e}: {}", e.hint));
        self.carry_out(plan).await
    }

    async fn carry_out(&self, mut plan: Plan) -> (Outcome, Option<Verdict>) {
        plan.verify.soak_s = plan.verify.soak_s.min(1);
        plan.verify.deadline_s = 20;
        let typed = match &plan.confirm {
            Confirm::Button => String::new(),
            Confirm::Typed { word, .. } => word.clone(),
        };
        let by = Confirmation {
            hash: plan.hash(),
            typed,
            reason: "test".into(),
        };
        let confirmed = plan.confirm(by, Timestamp::now()).unwrap();
        let (to, mut from) = tokio::sync::mpsc::channel(10);
        let drain = tokio::spawn(async move { while from.recv().await.is_some() {} });
        let done = execute(&self.actor, &self.grant, confirmed, to).await;
        drain.await.unwrap();
        done
    }

    async fn healthy(&self, ask: Request) {
        let before = self.server.requests().mutating();
        let (outcome, verdict) = self.run(ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{ask:?}: {verdict:?}");
        assert_eq!(self.server.requests().mutating(), before + 1, "{ask:?}: one request");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stalled_rollout_of_the_incident_is_rolled_back_to_health() {
    let stage = Stage::begin(false).await;
    let target = stage.target(Kind::Deployment, "cortex-api");
    assert!(stage.image(Kind::Deployment, "cortex-api").ends_with("api:1.5.1"));
    let to = |revision, newest_seen| Request::RollBack {
        to: vec![RollbackTo {
            target: target.clone(),
            revision,
            newest_seen,
        }],
    };
    stage.healthy(to(4, 5)).await;
    assert!(stage.image(Kind::Deployment, "cortex-api").ends_with("api:1.5.0"));
    assert!(stage.plan(to(3, 5)).await.is_err(), "the history has moved on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_works_on_the_demonstration_platform() {
    let stage = Stage::begin(true).await;
    let deployment = |name: &str| stage.target(Kind::Deployment, name);
    let replicas = |name: &str| {
        stage.value(Kind::Deployment, name)["spec"]["replicas"]
            .as_u64()
            .unwrap() as u32
    };
    let seen = replicas("cortex-web");
    stage
        .healthy(Request::Scale {
            target: deployment("cortex-web"),
            replicas: seen + 1,
            seen,
        })
        .await;
    stage
        .healthy(Request::Scale {
            target: deployment("cortex-web"),
            replicas: seen,
            seen: seen + 1,
        })
        .await;
    let hpa = stage.value(Kind::Hpa, "cortex-api-hpa");
    let bound = |name: &str| hpa["spec"][name].as_u64().unwrap() as u32;
    let (min, max) = (bound("minReplicas"), bound("maxReplicas"));
    stage
        .healthy(Request::HpaBounds {
            target: stage.target(Kind::Hpa, "cortex-api-hpa"),
            min: min + 1,
            max: max + 1,
            seen_min: min,
            seen_max: max,
        })
        .await;
    // KEDA's are set where KEDA reads them.
    stage
        .healthy(Request::HpaBounds {
            target: ObjectRef {
                kind: Kind::ScaledObject,
                namespace: "cortex".into(),
                name: "cortex-worker".into(),
                uid: "".into(),
            },
            min: 5,
            max: 6,
            seen_min: 2,
            seen_max: 4,
        })
        .await;
    let made = &stage.value(Kind::Hpa, "keda-hpa-cortex-worker")["spec"];
    assert_eq!((&made["minReplicas"], &made["maxReplicas"]), (&json!(5), &json!(6)));
    stage
        .healthy(Request::Restart {
            target: deployment("cortex-web"),
        })
        .await;
    stage
        .healthy(Request::Restart {
            target: stage.target(Kind::StatefulSet, "postgres"),
        })
        .await;
    let image = stage.image(Kind::StatefulSet, "postgres");
    let container =
        stage.value(Kind::StatefulSet, "postgres")["spec"]["template"]["spec"]["containers"][0]["name"].clone();
    let container = container.as_str().unwrap().to_owned();
    stage
        .healthy(Request::SetImage {
            target: stage.target(Kind::StatefulSet, "postgres"),
            container,
            image: format!("{image}-1"),
            seen: image.clone(),
        })
        .await;
    let newest = stage
        .store
        .list(resource("apps", "controllerrevisions").unwrap(), Some("cortex"))
        .iter()
        .map(|r| r.value())
        .filter(|r| r["metadata"]["ownerReferences"][0]["name"] == "postgres")
        .map(|r| r["revision"].as_u64().unwrap())
        .max()
        .unwrap();
    let target = stage.target(Kind::StatefulSet, "postgres");
    stage
        .healthy(Request::RollBack {
            to: vec![RollbackTo {
                target,
                revision: newest - 1,
                newest_seen: newest,
            }],
        })
        .await;
    assert_eq!(stage.image(Kind::StatefulSet, "postgres"), image);
    stage
        .healthy(Request::Pause {
            target: deployment("cortex-web"),
        })
        .await;
    stage
        .healthy(Request::Resume {
            target: deployment("cortex-web"),
        })
        .await;
    stage
        .healthy(Request::DeletePod {
            target: stage.a_pod_of("cortex-web"),
            force: false,
        })
        .await;
    stage
        .healthy(Request::EvictPod {
            target: stage.a_pod_of("cortex-api"),
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_size_below_the_autoscalers_minimum_is_seen_to_be_restored() {
    let stage = Stage::begin(true).await;
    let target = stage.target(Kind::Deployment, "cortex-api");
    let seen = stage.value(Kind::Deployment, "cortex-api")["spec"]["replicas"]
        .as_u64()
        .unwrap() as u32;
    let (outcome, verdict) = stage
        .run(Request::Scale {
            target,
            replicas: 1,
            seen,
        })
        .await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Superseded(why)) if why == "the HPA restored it to 3"),
        "{verdict:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_came_is_found_out_by_reading() {
    let stage = Stage::begin(true).await;
    // Two workloads: a second restart of one within a second changes nothing, as with kubectl.
    for (name, fault, applied) in [
        ("cortex-web", Fault::DropAfter, true),
        ("cognition", Fault::Drop, false),
    ] {
        let at = format!("/apis/apps/v1/namespaces/cortex/deployments/{name}");
        let mut rule = Rule::new("PATCH", &at, 1, fault);
        // The plan's dry run passes.
        rule.contains = "fieldManager=quarterdeck".into();
        let plan = stage
            .plan(Request::Restart {
                target: stage.target(Kind::Deployment, name),
            })
            .await
            .unwrap();
        stage.server.faults().set(rule);
        let before = stage.server.requests().mutating();
        let Confirm::Typed { word, .. } = plan.confirm.clone() else {
            panic!()
        };
        let by = Confirmation {
            hash: plan.hash(),
            typed: word,
            reason: "test".into(),
        };
        let mut plan = plan;
        plan.verify.soak_s = 0;
        plan.verify.deadline_s = 20;
        let confirmed = plan.confirm(by, Timestamp::now()).unwrap();
        let (to, mut from) = tokio::sync::mpsc::channel(10);
        let drain = tokio::spawn(async move { while from.recv().await.is_some() {} });
        let (outcome, _) = execute(&stage.actor, &stage.grant, confirmed, to).await;
        drain.await.unwrap();
        if applied {
            assert_eq!(outcome, Outcome::Applied);
        } else {
            assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        }
        assert_eq!(stage.server.requests().mutating(), before + 1, "sent once");
    }
}
