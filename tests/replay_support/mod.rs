//! What the replay rests on: recordings, a server with clients, and in `compare` what may differ.

#![allow(dead_code, reason = "each test that uses it needs another part")]

use http::{Request, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use quarterdeck::sim::kube::resources::PODS;
use quarterdeck::sim::kube::{Change, Clock, Resource, Server, ServerOptions, Store, resource};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

mod compare;
mod recorded;

pub use compare::*;
use recorded::Recorded;

fn file(name: &str) -> Value {
    let path = format!("{}/tests/recordings/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One recorded exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub user: String,
    pub method: String,
    pub path: String,
    pub accept: String,
    pub content_type: String,
    pub request: Value,
    pub status: u16,
    pub body: Value,
    pub stream: Vec<Value>,
}

/// The exchanges of a scenario.
pub fn recording(name: &str) -> Vec<Exchange> {
    let text = |v: &Value, k: &str| v[k].as_str().unwrap_or_default().to_owned();
    let exchanges = file(&format!("kubernetes-1.36/{name}"));
    let read = |e: &Value| Exchange {
        user: text(e, "as"),
        method: text(e, "method"),
        path: text(e, "path"),
        accept: text(&e["request_headers"], "Accept"),
        content_type: text(&e["request_headers"], "Content-Type"),
        request: e["request_body"].clone(),
        status: u16::try_from(e["status"].as_u64().unwrap()).unwrap(),
        body: e["body"].clone(),
        stream: e["stream"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|s| s["event"].clone())
            .collect(),
    };
    exchanges.as_array().unwrap().iter().map(read).collect()
}

/// Every object that is recorded whole, by kind, uid and version.
pub fn every_recorded_object() -> HashMap<String, Value> {
    let mut found = HashMap::new();
    let folder = format!("{}/tests/recordings/kubernetes-1.36", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // A dry run answers with what is not stored.
        for e in recording(name.trim_end_matches(".json"))
            .iter()
            .filter(|e| !e.path.contains("dryRun"))
        {
            for object in objects(&e.body)
                .into_iter()
                .chain(e.stream.iter().map(|s| s["object"].clone()))
            {
                let meta = &object["metadata"];
                let key = format!(
                    "{} {} {}",
                    object["kind"].as_str().unwrap_or(""),
                    meta["uid"],
                    meta["resourceVersion"]
                );
                found.insert(key, object);
            }
        }
    }
    found
}

/// The objects in an answer: itself, or a list's items with their kind.
fn objects(body: &Value) -> Vec<Value> {
    let kind = body["kind"].as_str().unwrap_or_default();
    let Some(items) = body["items"].as_array() else {
        return vec![body.clone()];
    };
    items
        .iter()
        .map(|item| {
            let mut object = item.clone();
            object["kind"] = json!(kind.trim_end_matches("List"));
            object["apiVersion"] = body["apiVersion"].clone();
            object
        })
        .collect()
}

/// A server with its clients.
pub struct Bench {
    pub store: Store,
    pub server: Server,
    /// The same store without the groups that a recording found absent.
    bare: Server,
    clients: HashMap<String, kube::Client>,
}

fn client(server: &Server, context: &str) -> kube::Client {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let config = futures_util::FutureExt::now_or_never(kube::Config::from_custom_kubeconfig(kubeconfig, &options));
    // Its own retries would ask again after a 429.
    let mut config = config.unwrap().unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}

impl Bench {
    /// Starts a server whose clock stands at `now`, on a store that `fill` has filled.
    pub async fn start(now: &str, fill: impl FnOnce(&Store)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::new(Clock::manual(now.parse().unwrap()));
        fill(&store);
        let platform = Arc::new(Recorded::read());
        let server = Server::start(store.clone(), platform.clone(), ServerOptions::default())
            .await
            .unwrap();
        let options = ServerOptions {
            hidden_groups: vec!["cert-manager.io".to_owned()],
            ..ServerOptions::default()
        };
        let bare = Server::start(store.clone(), platform, options).await.unwrap();
        let contexts = [
            ("admin", ""),
            ("viewer", "-viewer"),
            ("operator", "-operator"),
            ("nobody", "-nobody"),
            ("expired-token", "-expired"),
        ];
        let clients = contexts
            .iter()
            .map(|(user, suffix)| ((*user).to_owned(), client(&server, &format!("demo{suffix}"))))
            .collect();
        Self {
            store,
            server,
            bare,
            clients,
        }
    }

    fn request(exchange: &Exchange) -> Request<Body> {
        let mut request = Request::builder()
            .method(exchange.method.as_str())
            .uri(&exchange.path)
            .header(header::USER_AGENT, "recorder/1");
        for (name, value) in [
            (header::ACCEPT, &exchange.accept),
            (header::CONTENT_TYPE, &exchange.content_type),
        ] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let body = match &exchange.request {
            Value::Null => Vec::new(),
            Value::String(raw) => raw.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        };
        request.body(Body::from(body)).unwrap()
    }

    /// Asks; the answer as JSON, or as text when it is none.
    pub async fn ask(&self, exchange: &Exchange) -> (u16, Value) {
        let absent = exchange.status == 404 && exchange.path.contains("cert-manager.io");
        let client = if absent {
            client(&self.bare, "demo")
        } else {
            self.clients[&exchange.user].clone()
        };
        let response = client.send(Self::request(exchange)).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Opens a watch.
    pub async fn open(&self, path: &str) -> Lines {
        self.open_as(path, "application/json").await
    }

    /// Opens a watch whose objects come in that form.
    pub async fn open_as(&self, path: &str, accept: &str) -> Lines {
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .unwrap();
        let response = self.clients["admin"].send(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        Lines {
            body: response.into_body(),
            rest: Vec::new(),
        }
    }

    /// Takes a recorded watch event into the store.
    pub fn load(&self, event: &Value) {
        let change = match event["type"].as_str() {
            Some("ADDED") => Change::Added,
            Some("MODIFIED") => Change::Modified,
            Some("DELETED") => Change::Deleted,
            _ => return,
        };
        self.store.load_change(change, &event["object"]);
    }

    /// What a recorded watch says that controllers did.
    pub fn follow(&self, exchange: &Exchange) {
        exchange.stream.iter().for_each(|event| self.load(event));
    }

    fn stored(exchange: &Exchange) -> Option<(&'static Resource, String, String)> {
        let path = exchange.path.split('?').next().unwrap();
        let words: Vec<&str> = path.split('/').filter(|w| !w.is_empty()).collect();
        let (group, rest) = if words[0] == "apis" {
            (words[1], &words[3..])
        } else {
            ("", &words[2..])
        };
        let (namespace, rest) = match rest {
            ["namespaces", ns, rest @ ..] if !rest.is_empty() => (*ns, rest),
            rest => ("", rest),
        };
        let r = resource(group, rest.first()?)?;
        Some((r, namespace.to_owned(), (*rest.get(1)?).to_owned()))
    }

    /// Before an exchange: what the recorded answer shows that controllers had written by then.
    pub async fn prepare(&self, exchange: &Exchange) {
        let body = &exchange.body;
        let fields = body["metadata"]["managedFields"].as_array();
        if let Some(last) = fields.into_iter().flatten().filter_map(|e| e["time"].as_str()).max() {
            self.until(last);
        }
        if let (422, Some((_, mut quoted, _))) = (exchange.status, body["message"].as_str().and_then(quoted)) {
            // The refusal shows the object as it was by then, but for what was sent.
            let Some((r, namespace, name)) = Self::stored(exchange) else {
                return;
            };
            quoted["spec"] = self.store.get(r, &namespace, &name).unwrap().value()["spec"].clone();
            self.store.load_change(Change::Modified, &quoted);
        }
        if exchange.status != 200 || !body.is_object() || body["type"] == "ERROR" {
            return;
        }
        if exchange.method == "GET" && body["items"].is_array() {
            // Versions of one moment: what is no longer listed is gone (of a page, what follows is not known).
            let whole = body["metadata"]["continue"].as_str().unwrap_or_default().is_empty();
            let ours = if whole { self.ask(exchange).await.1 } else { Value::Null };
            for object in objects(&ours).iter().filter(|o| o["metadata"]["uid"].is_string()) {
                let listed = body["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|i| i["metadata"]["uid"] == object["metadata"]["uid"]);
                if !listed {
                    self.store.load_change(Change::Deleted, object);
                }
            }
            for object in objects(body) {
                self.store.load_change(Change::Modified, &object);
            }
            // Writes to other objects moved the version of the list.
            self.store
                .load_list(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": body["metadata"], "items": []}));
            return;
        }
        let Some((r, namespace, name)) = Self::stored(exchange) else {
            return;
        };
        let present = self.store.get(r, &namespace, &name).map(|o| o.value());
        match (exchange.method.as_str(), body["kind"].as_str(), present) {
            ("GET", Some("Scale"), Some(mut object)) => {
                object["spec"]["replicas"] = body["spec"]["replicas"].clone();
                object["status"]["replicas"] = body["status"]["replicas"].clone();
                object["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"].clone();
                self.store.load_change(Change::Modified, &object);
            }
            ("GET", Some(kind), _) if kind == r.kind => self.store.load_change(Change::Modified, body),
            ("PUT" | "PATCH", Some("Scale"), Some(mut object)) => {
                object["status"]["replicas"] = body["status"]["replicas"].clone();
                self.store.load_change(Change::Modified, &object);
            }
            ("PUT" | "PATCH", Some(kind), Some(mut object)) if kind == r.kind && !exchange.path.contains("/status") => {
                object["status"] = body["status"].clone();
                let by_status = |e: &Value| e["subresource"] == "status";
                let ours = object["metadata"]["managedFields"].as_array_mut().unwrap();
                for entry in fields.into_iter().flatten().filter(|e| by_status(e)) {
                    match ours
                        .iter_mut()
                        .find(|e| by_status(e) && e["manager"] == entry["manager"])
                    {
                        Some(old) => *old = entry.clone(),
                        None => ours.push(entry.clone()),
                    }
                }
                let revision = "deployment.kubernetes.io/revision";
                if let Some(value) = body["metadata"]["annotations"].get(revision) {
                    object["metadata"]["annotations"][revision] = value.clone();
                }
                self.store.load_change(Change::Modified, &object);
            }
            _ => {}
        }
    }

    /// After a write: the object as recorded, so that versions stay those of the recording.
    pub fn settle(&self, exchange: &Exchange) {
        let body = &exchange.body;
        if exchange.method == "GET" || exchange.status >= 300 || exchange.path.contains("dryRun") {
            return;
        }
        if body["kind"] == "Scale" {
            let Some((r, namespace, name)) = Self::stored(exchange) else {
                return;
            };
            let mut object = self.store.get(r, &namespace, &name).unwrap().value();
            object["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"].clone();
            self.store.load_change(Change::Modified, &object);
        } else if body["metadata"]["uid"].is_string() {
            self.store.load_change(Change::Modified, body);
        }
    }

    /// Moves the clock to that time.
    fn until(&self, time: &str) {
        let ahead = time
            .parse::<Timestamp>()
            .unwrap()
            .duration_since(self.store.clock().now());
        if ahead.is_positive() {
            self.store.clock().advance(ahead);
        }
    }

    /// A written step: an object put in, or a stored one changed by a merge patch, as a controller would have.
    pub fn step(&self, step: &Value) {
        if let Some(time) = step["clock"].as_str() {
            return self.until(time);
        }
        if let Some(copy) = step["copy_pod"].as_object() {
            let mut pod = self
                .store
                .get(&PODS, "cortex", copy["from"].as_str().unwrap())
                .unwrap()
                .value();
            pod["metadata"]["name"] = copy["to"].clone();
            pod["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000001");
            self.store.load_change(Change::Added, &pod);
            return;
        }
        if let Some(answer) = step["object_of_answer"].as_u64() {
            let scenario = step["scenario"].as_str().unwrap();
            let mut object = recording(scenario)[usize::try_from(answer).unwrap()].body.clone();
            merge(&mut object, &step["merge"]);
            self.store.load_change(Change::Added, &object);
            return;
        }
        let r = resource(step["group"].as_str().unwrap(), step["resource"].as_str().unwrap()).unwrap();
        let mut object = self
            .store
            .get(r, step["namespace"].as_str().unwrap(), step["name"].as_str().unwrap())
            .unwrap()
            .value();
        if step["gone"] == true {
            return self.store.load_change(Change::Deleted, &object);
        }
        merge(&mut object, &step["merge"]);
        self.store.load_change(Change::Modified, &object);
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

impl Exchange {
    /// Both answers without what no two runs share: versions given by a write, and names made up on the way.
    pub fn comparable(&self, got: &Value) -> (Value, Value) {
        let (mut expected, mut got) = (self.body.clone(), got.clone());
        if self.method == "GET" || self.status >= 300 {
            return (expected, got);
        }
        if self.method == "POST" {
            for field in ["name", "uid", "creationTimestamp"] {
                let ours = got["metadata"][field].as_str().unwrap_or_default().to_owned();
                let theirs = expected["metadata"][field].as_str().unwrap_or_default().to_owned();
                replace_text(&mut got, &ours, &theirs);
            }
        }
        for value in [&mut expected, &mut got] {
            let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) else {
                continue;
            };
            meta.remove("resourceVersion");
        }
        (expected, got)
    }
}

/// The lines of a stream.
pub struct Lines {
    body: Body,
    rest: Vec<u8>,
}

impl Lines {
    /// Whether it ends without another line.
    pub async fn ends(&mut self) -> bool {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(30), self.body.frame()).await;
        !matches!(frame, Ok(Some(Ok(_))) | Err(_))
    }

    /// The next line; a stream that stays silent for long fails the test.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let frame = tokio::time::timeout(std::time::Duration::from_secs(30), self.body.frame()).await;
            let frame = frame.unwrap().unwrap().unwrap();
            self.rest.extend_from_slice(&frame.into_data().unwrap());
        }
    }
}
