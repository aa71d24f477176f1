//! An API server in memory, behind a real `kube::Client`: objects from the recordings, patches applied, a log of every
//! request, faults on demand. It knows only what the actions send.
#![allow(
    dead_code,
    unused_imports, // each test takes its part
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic
)]

mod desk;
mod objects;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

pub use desk::{CANARY, Desk, confirm, one_of_each, path, pem_files, planner, prepare, target};
pub use objects::finish;
use objects::{patched, scale_of};

pub const APPS: &str = "/apis/apps/v1/namespaces/cortex";
pub const CORE: &str = "/api/v1/namespaces/cortex";

pub fn recording(name: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/recordings/kubernetes-1.36/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub content_type: String,
    pub body: Value,
}

impl Seen {
    pub fn writes(&self) -> bool {
        self.method != "GET" && !self.path.contains("selfsubject")
    }

    pub fn dry(&self) -> bool {
        self.path.contains("dryRun=All")
    }
}

#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers this instead.
    Say(u16, Value),
    /// Answers plain text, as priority and fairness does.
    Plain(u16, &'static str),
    /// Does it, but answers this.
    DoThenSay(u16, Value),
    Hang,
    Cut,
}

pub type Objects = BTreeMap<String, Value>;

/// Plays the controllers after each write: gets all objects, and the path that was written.
type Reaction = Box<dyn FnMut(&mut Objects, &str) + Send>;

#[derive(Default)]
pub struct State {
    pub objects: Objects,
    pub log: Vec<Seen>,
    /// Method, part of the path, fault; each is used once, and never by a dry run.
    pub faults: Vec<(&'static str, &'static str, Fault)>,
    pub denied: bool,
    /// What every dry run answers instead of what it would.
    pub dry_answer: Option<(u16, Value)>,
    reaction: Option<Reaction>,
    rv: u64,
}

#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<State>>);

impl Fake {
    /// The `cortex` namespace as it was recorded.
    pub fn cortex() -> Self {
        let fake = Self::default();
        for exchange in recording("lists") {
            let path = exchange["path"].as_str().unwrap();
            if exchange["status"] == 200 && !path.contains('?') && exchange["body"]["items"].is_array() {
                fake.load(path, &exchange["body"]);
            }
        }
        fake
    }

    /// Takes in a recorded list.
    pub fn load(&self, collection: &str, list: &Value) {
        let kind = list["kind"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches("List")
            .to_owned();
        for item in list["items"].as_array().unwrap() {
            let mut item = item.clone();
            item["kind"] = json!(kind);
            self.put(collection, item);
        }
    }

    pub fn put(&self, collection: &str, object: Value) {
        let path = format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap());
        self.0.lock().unwrap().objects.insert(path, object);
    }

    pub fn edit(&self, path: &str, f: impl FnOnce(&mut Value)) {
        f(self.0.lock().unwrap().objects.get_mut(path).unwrap());
    }

    pub fn get(&self, path: &str) -> Value {
        self.0.lock().unwrap().objects.get(path).cloned().unwrap_or_default()
    }

    pub fn fault(&self, method: &'static str, part: &'static str, fault: Fault) {
        self.0.lock().unwrap().faults.push((method, part, fault));
    }

    pub fn react(&self, f: impl FnMut(&mut Objects, &str) + Send + 'static) {
        self.0.lock().unwrap().reaction = Some(Box::new(f));
    }

    /// Requests that change something, dry runs apart.
    pub fn writes(&self) -> Vec<Seen> {
        self.0
            .lock()
            .unwrap()
            .log
            .iter()
            .filter(|s| s.writes() && !s.dry())
            .cloned()
            .collect()
    }

    /// Requests that are no reads, dry runs included.
    pub fn write_requests(&self) -> usize {
        self.0.lock().unwrap().log.iter().filter(|s| s.writes()).count()
    }

    pub fn client(&self) -> kube::Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        kube::Client::new(service, "default")
    }

    pub async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, tower::BoxError> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let header = head.headers.get("content-type").and_then(|v| v.to_str().ok());
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            content_type: header.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        };
        let reply = self.0.lock().unwrap().reply(&seen);
        let (code, body) = match reply {
            Fault::Say(code, body) | Fault::DoThenSay(code, body) => (code, body.to_string()),
            Fault::Plain(code, text) => (code, text.to_owned()),
            Fault::Cut => return Err("connection reset by peer".into()),
            Fault::Hang => std::future::pending().await,
        };
        let answer = Response::builder().status(code).header("retry-after", "7");
        Ok(answer.body(Body::from(body.into_bytes()))?)
    }
}

pub fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

impl State {
    fn reply(&mut self, seen: &Seen) -> Fault {
        self.log.push(seen.clone());
        let hit =
            |(method, part, _): &(&str, &str, Fault)| *method == seen.method && seen.path.contains(part) && !seen.dry();
        let fault = self.faults.iter().position(hit).map(|i| self.faults.remove(i).2);
        if matches!(fault, None | Some(Fault::DoThenSay(..))) {
            let (code, body) = self.handle(seen);
            return fault.unwrap_or(Fault::Say(code, body));
        }
        fault.unwrap()
    }

    fn handle(&mut self, seen: &Seen) -> (u16, Value) {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        if path.contains("selfsubjectaccessreviews") {
            return (201, json!({"status": {"allowed": !self.denied}}));
        }
        let dry = query.contains("dryRun=All");
        if let Some(answer) = self.dry_answer.clone().filter(|_| dry) {
            return answer;
        }
        let (base, sub) = match path.rsplit_once('/') {
            Some((base, sub @ ("scale" | "eviction"))) => (base.to_owned(), sub),
            _ => (path.to_owned(), ""),
        };
        let Some(object) = self.objects.get(&base).cloned() else {
            if seen.method == "POST" && sub.is_empty() && Self::is_collection(&base) {
                return self.create(&base, &seen.body, dry);
            }
            return if seen.method == "GET" && Self::is_collection(&base) {
                (200, self.list(&base, query))
            } else {
                (404, status(404, "NotFound", "not found"))
            };
        };
        match (seen.method.as_str(), sub) {
            ("GET", "scale") => (200, scale_of(&object)),
            ("GET", _) => (200, object),
            ("PUT", "scale") => {
                if seen.body["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
                    return (409, status(409, "Conflict", "the object has been modified"));
                }
                let mut next = object.clone();
                next["spec"]["replicas"] = seen.body["spec"]["replicas"].clone();
                let answer = self.store(&base, &object, next, dry);
                (200, scale_of(&answer))
            }
            ("PATCH", _) if Self::is_stale(&object, &seen.body) => {
                (409, status(409, "Conflict", "the object has been modified"))
            }
            ("PATCH", _) => match patched(&object, &seen.content_type, &seen.body) {
                Some(next) => (200, self.store(&base, &object, next, dry)),
                None => (
                    422,
                    json!({"kind": "Status", "code": 422, "reason": "Invalid", "details": {},
                        "message": "the server rejected our request due to an error in our request"}),
                ),
            },
            ("POST", "eviction") | ("DELETE", _) => {
                let at = if sub.is_empty() {
                    "/preconditions/uid"
                } else {
                    "/deleteOptions/preconditions/uid"
                };
                let want = seen.body.pointer(at);
                if want.is_some_and(|u| *u != object["metadata"]["uid"]) {
                    return (
                        409,
                        status(409, "Conflict", "the UID in the precondition does not match"),
                    );
                }
                if !dry {
                    self.objects.remove(&base);
                    self.reaction(&base);
                }
                (
                    if sub.is_empty() { 200 } else { 201 },
                    json!({"kind": "Status", "status": "Success"}),
                )
            }
            _ => (405, status(405, "MethodNotAllowed", "not allowed")),
        }
    }

    /// A patch that carries a version or a uid rests on it.
    fn is_stale(object: &Value, patch: &Value) -> bool {
        ["uid", "resourceVersion"].iter().any(|k| {
            let sent = &patch["metadata"][*k];
            sent.is_string() && *sent != object["metadata"][*k]
        })
    }

    /// Known collections answer an empty list; unknown groups are not found.
    fn is_collection(path: &str) -> bool {
        [
            "/api/v1/",
            "/apis/apps/v1/",
            "/apis/autoscaling/v2/",
            "/apis/policy/v1/",
            "/apis/batch/v1/",
            "/apis/networking.k8s.io/v1/",
            "/apis/discovery.k8s.io/v1/",
        ]
        .iter()
        .any(|p| path.starts_with(p))
            && path.split('/').count() == if path.starts_with("/api/") { 6 } else { 7 }
            || matches!(path, "/api/v1/nodes" | "/api/v1/pods")
    }

    /// Names, uids and the rest that the server gives to a new object.
    fn create(&mut self, base: &str, body: &Value, dry: bool) -> (u16, Value) {
        let path = format!("{base}/{}", body["metadata"]["name"].as_str().unwrap());
        let mut object = body.clone();
        self.rv += 1;
        object["metadata"]["uid"] = json!(format!("uid-made-{}", self.rv));
        object["metadata"]["resourceVersion"] = json!(format!("9{:05}", self.rv));
        object["metadata"]["generation"] = json!(1);
        if !dry {
            self.objects.insert(path.clone(), object.clone());
            self.reaction(&path);
        }
        (201, object)
    }

    fn list(&self, base: &str, query: &str) -> Value {
        let selector = query
            .split('&')
            .find_map(|q| q.strip_prefix("labelSelector="))
            .unwrap_or_default();
        let selector = selector.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
        let wanted: Vec<(&str, &str)> = selector.split(',').filter_map(|s| s.split_once('=')).collect();
        let node = query
            .split('&')
            .find_map(|q| q.strip_prefix("fieldSelector=spec.nodeName%3D"));
        let here = |p: &str| match base {
            "/api/v1/pods" => p.starts_with("/api/v1/namespaces/") && p.contains("/pods/"),
            _ => p.rsplit_once('/').is_some_and(|(b, _)| b == base),
        };
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(p, _)| here(p))
            .map(|(_, o)| o)
            .filter(|o| node.is_none_or(|n| o["spec"]["nodeName"] == n))
            .filter(|o| wanted.iter().all(|(k, v)| o["metadata"]["labels"][k] == **v))
            .collect();
        json!({"kind": "List", "items": items})
    }

    fn store(&mut self, path: &str, old: &Value, mut next: Value, dry: bool) -> Value {
        if next == *old {
            return next;
        }
        if next["spec"] != old["spec"]
            && let Some(g) = old["metadata"]["generation"].as_i64()
        {
            next["metadata"]["generation"] = json!(g + 1);
        }
        if !dry {
            self.rv += 1;
            next["metadata"]["resourceVersion"] = json!(format!("9{:05}", self.rv));
            self.objects.insert(path.to_owned(), next.clone());
            self.reaction(path);
        }
        next
    }

    fn reaction(&mut self, path: &str) {
        if let Some(mut f) = self.reaction.take() {
            f(&mut self.objects, path);
            self.reaction = Some(f);
        }
    }
}
