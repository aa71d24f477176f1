//! One namespace of a cluster, with the console's own feeds and actions on it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use http::{Method, Request as HttpRequest, header};
use jiff::Timestamp;
use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, Outcome, Pace, Plan, Planner, Policy, Refusal, Request, Verdict,
    WriteGrant, execute,
};
use quarterdeck::feed::kube::{Access, Cluster, ContextChoice, Timing, connect};
use quarterdeck::feed::{Demand, Feeds, Inbox};
use quarterdeck::journal::{Journal, Mode, Who};
use quarterdeck::model::{FeedId, Freshness, Kind, ObjectRef, Scope, Workload, World};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const KINDS: [Kind; 5] = [Kind::Pod, Kind::Deployment, Kind::ReplicaSet, Kind::Pdb, Kind::Event];
/// So long anything may take before a test gives up, images pulled included.
const PATIENCE: Duration = Duration::from_secs(150);

/// So long a controller may take to see an object.
const CONTROLLERS: Duration = Duration::from_secs(10);

/// What the cluster has beside its API server.
#[derive(Clone, Copy, Debug)]
pub struct Has {
    /// Deployments get ReplicaSets and pods.
    pub controllers: bool,
    /// Pods get nodes, and run.
    pub kubelets: bool,
}

/// The cluster that the kubeconfig's current context names.
pub async fn cluster(kubeconfig: &Path, namespace: Option<&str>) -> Cluster {
    let choice = ContextChoice {
        kubeconfig: Some(kubeconfig.to_owned()),
        scope: namespace.map(|n| Scope::Namespaces(vec![n.to_owned()])),
        ..ContextChoice::default()
    };
    connect(choice, Access::Operator).await.unwrap()
}

/// A plain request, apart from the console's own.
async fn ask(cluster: &Cluster, method: Method, path: &str, body: &Value) -> Result<Value, kube::Error> {
    let grant = WriteGrant::at_start(false).unwrap();
    let request = HttpRequest::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        })
        .unwrap();
    cluster.act_client(&grant).unwrap().request(request).await
}

pub async fn make_namespace(cluster: &Cluster, name: &str) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    ask(cluster, Method::POST, "/api/v1/namespaces", &namespace)
        .await
        .unwrap();
}

/// Asks for its removal; where no controller empties namespaces, does that too.
pub async fn remove_namespace(cluster: &Cluster, name: &str) {
    let path = format!("/api/v1/namespaces/{name}");
    ask(cluster, Method::DELETE, &path, &Value::Null).await.unwrap();
    let gone = async {
        for n in 0.. {
            let Ok(mut left) = ask(cluster, Method::GET, &path, &Value::Null).await else {
                return;
            };
            if n == 40 {
                for kind in ["apis/apps/v1:deployments", "apis/apps/v1:replicasets", "api/v1:pods"] {
                    let (group, plural) = kind.split_once(':').unwrap();
                    let all = format!("/{group}/namespaces/{name}/{plural}?gracePeriodSeconds=0");
                    let _ = ask(cluster, Method::DELETE, &all, &Value::Null).await;
                }
                eprintln!("CANNOT ASSERT that the namespace goes by itself: emptied and finalized by hand");
                left["spec"]["finalizers"] = json!([]);
                let _ = ask(cluster, Method::PUT, &format!("{path}/finalize"), &left).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, gone).await.is_ok(),
        "namespace {name} is still there: delete it"
    );
}

/// The console's feeds and actions on one namespace.
pub struct Desk {
    pub cluster: Cluster,
    pub namespace: String,
    pub image: String,
    pub other_image: String,
    pub world: World,
    inbox: Inbox,
    _feeds: Feeds,
    _demand: watch::Sender<Demand>,
    grant: WriteGrant,
    actor: Actor,
    /// So long a verification may take.
    deadline_s: u64,
    _dir: tempfile::TempDir,
}

impl Desk {
    pub async fn open(kubeconfig: &Path, namespace: &str) -> Self {
        let cluster = cluster(kubeconfig, Some(namespace)).await;
        let demand = Demand {
            kinds: KINDS.into_iter().collect(),
            metrics: false,
        };
        let (demand, wanted) = watch::channel(demand);
        let inbox = Inbox::new();
        let scope = Scope::Namespaces(vec![namespace.to_owned()]);
        let feeds = Feeds::start_with(cluster.clone(), scope, inbox.clone(), wanted, Timing::default());
        let grant = WriteGrant::at_start(false).unwrap();
        let planner = Planner {
            reader: cluster.reader().clone(),
            place: cluster.place().clone(),
            class: Class::Local,
            user: cluster.user().to_owned(),
            policy: Policy::default(),
            sources: quarterdeck::action::Reach::default(),
        };
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal"), Who::here("contract", Mode::Live)).unwrap();
        let pace = Pace {
            deadline: Duration::from_secs(15),
            poll: Duration::from_millis(100),
        };
        let actor = Actor::new(&grant, planner, cluster.act_client(&grant).unwrap(), journal).with_pace(pace);
        let variable = |name: &str, other: &str| std::env::var(name).unwrap_or_else(|_| other.to_owned());
        Self {
            cluster,
            namespace: namespace.to_owned(),
            image: variable("QUARTERDECK_TEST_IMAGE", "docker.io/library/busybox:1.36"),
            other_image: variable("QUARTERDECK_TEST_IMAGE_2", "docker.io/library/busybox:1.37"),
            world: World::default(),
            inbox,
            _feeds: feeds,
            _demand: demand,
            grant,
            actor,
            deadline_s: 60,
            _dir: dir,
        }
    }

    /// Takes in what the watches bring until all are fresh and `holds`.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&World) -> bool) {
        if !self.reaches(PATIENCE, &holds).await {
            let states: Vec<(Kind, Freshness)> = KINDS
                .iter()
                .map(|k| (*k, self.world.feed(FeedId::Watch(*k)).clone()))
                .collect();
            let deployments: Vec<_> = self.world.deployments.values().collect();
            let pods: Vec<_> = self.world.pods.values().map(|p| (&p.meta.name, &p.status)).collect();
            panic!("never: {what}\n{states:?}\n{deployments:?}\n{pods:?}");
        }
    }

    async fn reaches(&mut self, within: Duration, holds: &impl Fn(&World) -> bool) -> bool {
        let all = async {
            let fresh = |w: &World| KINDS.iter().all(|k| w.feed(FeedId::Watch(*k)).is_fresh());
            while !(fresh(&self.world) && holds(&self.world)) {
                self.inbox.ready().await;
                if let Some(batch) = self.inbox.drain() {
                    self.world.apply(batch);
                }
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }

    /// What the cluster has, by what becomes of a Deployment.
    pub async fn find_out(&mut self, name: &str) -> Has {
        let mine =
            |w: &World, f: &dyn Fn(&Workload) -> bool| w.deployments.values().any(|d| &*d.meta.name == name && f(d));
        let controllers = self
            .reaches(CONTROLLERS, &|w: &World| mine(w, &|d| d.observed > 0))
            .await;
        let kubelets = controllers
            && self
                .reaches(PATIENCE, &|w: &World| mine(w, &|d| d.available >= d.desired))
                .await;
        if !controllers {
            eprintln!("CANNOT ASSERT what controllers do: none saw the Deployment within {CONTROLLERS:?}");
        } else if !kubelets {
            eprintln!(
                "CANNOT ASSERT what kubelets do: no pod of {} became available",
                self.image
            );
        }
        if !kubelets {
            self.deadline_s = 1;
        }
        Has { controllers, kubelets }
    }

    pub fn row(&self, name: &str) -> Arc<Workload> {
        self.world
            .deployments
            .values()
            .find(|d| &*d.meta.name == name)
            .unwrap()
            .clone()
    }

    fn path(&self, name: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments/{name}", self.namespace)
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        ask(&self.cluster, method, path, body).await.unwrap()
    }

    pub async fn get(&self, name: &str) -> Value {
        self.ask(Method::GET, &self.path(name), &Value::Null).await
    }

    pub async fn target(&self, name: &str) -> ObjectRef {
        let uid = self.get(name).await["metadata"]["uid"].as_str().unwrap().into();
        ObjectRef {
            kind: Kind::Deployment,
            namespace: self.namespace.as_str().into(),
            name: name.into(),
            uid,
        }
    }

    fn pod_spec(&self) -> Value {
        let lines = "i=0; while true; do i=$((i+1)); echo line $i; sleep 1; done";
        // Ends at once when it is told to: a shell that is process 1 would not hear of it.
        json!({"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": self.image,
            "command": ["sh", "-c", format!("trap 'exit 0' TERM; {lines}")],
            "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}}}]})
    }

    /// An object of any kind, in the desk's namespace.
    pub async fn make(&self, group: &str, plural: &str, object: &Value) {
        let path = format!("{group}/namespaces/{}/{plural}", self.namespace);
        self.ask(Method::POST, &path, object).await;
    }

    pub async fn make_deployment(&self, name: &str, replicas: u32) {
        let labels = json!({"app": name});
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self.pod_spec()}}});
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", self.namespace);
        self.ask(Method::POST, &path, &object).await;
    }

    pub async fn make_pod(&self, name: &str) -> ObjectRef {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": self.pod_spec()});
        let made = self
            .ask(
                Method::POST,
                &format!("/api/v1/namespaces/{}/pods", self.namespace),
                &object,
            )
            .await;
        let uid = made["metadata"]["uid"].as_str().unwrap().into();
        ObjectRef {
            kind: Kind::Pod,
            namespace: self.namespace.as_str().into(),
            name: name.into(),
            uid,
        }
    }

    /// A budget that lets none of these pods go.
    pub async fn make_budget(&mut self, app: &str) {
        let object = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app},
            "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": app}}}});
        let path = format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", self.namespace);
        self.ask(Method::POST, &path, &object).await;
        self.until("the budget", |w| w.budgets.len() == 1).await;
    }

    /// A pod of that Deployment which is not going.
    pub async fn a_pod_of(&mut self, app: &str) -> ObjectRef {
        let stays = |w: &World| {
            let pod = w
                .pods
                .values()
                .find(|p| p.meta.label("app") == Some(app) && p.meta.deleting.is_none())?;
            Some(pod.meta.object(Kind::Pod))
        };
        self.until("a pod", |w| stays(w).is_some()).await;
        stays(&self.world).unwrap()
    }

    /// Is this very object still there, and stays?
    pub async fn exists(&self, pod: &ObjectRef) -> bool {
        let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
        let found = ask(&self.cluster, Method::GET, &path, &Value::Null).await;
        found.is_ok_and(|p| p["metadata"]["uid"] == *pod.uid && p["metadata"]["deletionTimestamp"].is_null())
    }

    pub async fn remove(&self, name: &str) {
        self.ask(Method::DELETE, &self.path(name), &Value::Null).await;
    }

    pub async fn plan(&self, request: Request) -> Result<Plan, Refusal> {
        self.actor.plan(request, ActionId(1), Timestamp::now()).await
    }

    /// Plans, confirms and executes; what came of it.
    pub async fn run(&self, request: Request) -> (Outcome, Option<Verdict>) {
        let plan = self.plan(request).await.unwrap_or_else(|e| panic!("{e}: {}", e.hint));
        self.carry_out(plan).await
    }

    pub async fn carry_out(&self, mut plan: Plan) -> (Outcome, Option<Verdict>) {
        plan.verify.soak_s = plan.verify.soak_s.min(1);
        plan.verify.deadline_s = plan.verify.deadline_s.min(self.deadline_s);
        let typed = match &plan.confirm {
            Confirm::Button => String::new(),
            Confirm::Typed { word, .. } => word.clone(),
        };
        let by = Confirmation {
            hash: plan.hash(),
            typed,
            reason: "contract test".into(),
        };
        let confirmed = plan.confirm(by, Timestamp::now()).unwrap();
        let (to, mut from) = tokio::sync::mpsc::channel(10);
        let drain = tokio::spawn(async move { while from.recv().await.is_some() {} });
        let done = execute(&self.actor, &self.grant, confirmed, to).await;
        drain.await.unwrap();
        done
    }
}
