//! A server to watch, and what the console would know of it.

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::feed::kube::{Access, Cluster, ContextChoice, Timing, connect};
use quarterdeck::feed::{Demand, Feeds, Inbox};
use quarterdeck::model::{FeedId, Freshness, Kind, Scope, World};
use quarterdeck::sim::kube::resources::PODS;
use quarterdeck::sim::kube::{Clock, NoPlatform, Platform, Server, ServerOptions, Store, Writer};
use serde_json::{Value, json};
use tokio::sync::watch;

pub const PODS_PATH: &str = "/api/v1/namespaces/cortex/pods";

pub fn quick() -> Timing {
    Timing {
        backoff_min: Duration::from_millis(10),
        backoff_max: Duration::from_millis(40),
        forbidden: Duration::from_millis(40),
        metrics: Duration::from_millis(40),
        linger: Duration::from_millis(10),
        ..Timing::default()
    }
}

pub fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "cortex",
            "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0,
                "image": "web:1", "imageID": "", "state": {"running": {"startedAt": "2026-11-21T11:00:00Z"}}}]}})
}

pub struct Lab {
    pub server: Server,
    dir: tempfile::TempDir,
}

impl Lab {
    pub async fn new() -> Self {
        Self::with(Arc::new(NoPlatform)).await
    }

    pub async fn with(platform: Arc<dyn Platform>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::new(Clock::real());
        let server = Server::start(store, platform, ServerOptions::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        server.write_kubeconfig(&dir.path().join("config")).unwrap();
        Self { server, dir }
    }

    pub fn store(&self) -> &Store {
        self.server.store()
    }

    pub fn add_pods(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.store().put(&PODS, pod(&name));
        }
    }

    pub fn delete_pod(&self, name: &str) {
        self.store()
            .delete(&PODS, "cortex", name, &Writer::new("test"))
            .unwrap();
    }

    /// Loads the recorded lists of the lab cluster.
    pub fn load_recording(&self) {
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

    pub async fn connect(&self, user: &str, scope: Scope, access: Access) -> Cluster {
        let choice = ContextChoice {
            kubeconfig: Some(self.dir.path().join("config")),
            context: (user != "admin").then(|| format!("demo-{user}")),
            scope: Some(scope),
            ..ContextChoice::default()
        };
        connect(choice, access).await.unwrap()
    }

    pub async fn deck(&self, user: &str, scope: Scope, kinds: &[Kind], timing: Timing) -> Deck {
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

pub fn cortex() -> Scope {
    Scope::Namespaces(vec!["cortex".to_owned()])
}

/// What the console would know.
pub struct Deck {
    pub inbox: Inbox,
    pub feeds: Feeds,
    pub demand: watch::Sender<Demand>,
    pub cluster: Cluster,
    pub world: World,
    /// The fewest pods ever seen since it was last set.
    pub least_pods: usize,
    /// All states of the pod feed.
    pub states: Vec<Freshness>,
}

impl Deck {
    pub async fn until(&mut self, what: &str, holds: impl Fn(&World) -> bool) {
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

    pub async fn fresh(&mut self, kind: Kind) {
        self.until(&format!("{kind:?} fresh"), |w| w.feed(FeedId::Watch(kind)).is_fresh())
            .await;
    }

    pub async fn pods(&mut self, count: usize) {
        self.until(&format!("{count} pods, fresh"), |w| {
            w.pods.len() == count && w.feed(FeedId::Watch(Kind::Pod)).is_fresh()
        })
        .await;
    }
}
