//! An API server in memory, behind a real `kube::Client`: objects from the recordings, patches applied, a log of every
//! request, faults on demand. It knows only what the actions send.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

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

    /// Known collections answer an empty list; unknown groups are not found.
    fn is_collection(path: &str) -> bool {
        [
            "/api/v1/",
            "/apis/apps/v1/",
            "/apis/autoscaling/v2/",
            "/apis/policy/v1/",
        ]
        .iter()
        .any(|p| path.starts_with(p))
            && path.split('/').count() == if path.starts_with("/api/") { 6 } else { 7 }
    }

    fn list(&self, base: &str, query: &str) -> Value {
        let selector = query
            .split('&')
            .find_map(|q| q.strip_prefix("labelSelector="))
            .unwrap_or_default();
        let selector = selector.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
        let wanted: Vec<(&str, &str)> = selector.split(',').filter_map(|s| s.split_once('=')).collect();
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(p, _)| p.rsplit_once('/').is_some_and(|(b, _)| b == base))
            .map(|(_, o)| o)
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

fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let selector = object["spec"]["selector"]["matchLabels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let selector: Vec<String> = selector
        .iter()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap()))
        .collect();
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"]},
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"], "selector": selector.join(",")}})
}

fn patched(object: &Value, content_type: &str, patch: &Value) -> Option<Value> {
    let mut next = object.clone();
    if content_type == "application/json-patch+json" {
        for op in patch.as_array()? {
            let at = op["path"].as_str()?;
            let (parent, key) = at.rsplit_once('/')?;
            let key = key.replace("~1", "/");
            match op["op"].as_str()? {
                "test" => {
                    if next.pointer(at) != Some(&op["value"]) {
                        return None;
                    }
                }
                "remove" => {
                    next.pointer_mut(parent)?.as_object_mut()?.remove(&key)?;
                }
                "replace" if next.pointer(at).is_none() => return None,
                _ => {
                    next.pointer_mut(parent)?
                        .as_object_mut()?
                        .insert(key, op["value"].clone());
                }
            }
        }
    } else {
        merge(&mut next, patch, content_type.contains("strategic"));
    }
    Some(next)
}

fn merge(into: &mut Value, patch: &Value, strategic: bool) {
    match (into, patch) {
        (Value::Object(a), Value::Object(p)) => {
            if strategic && p.get("$patch") == Some(&json!("replace")) {
                a.clear();
            }
            for (k, v) in p.iter().filter(|(k, _)| *k != "$patch") {
                if v.is_null() {
                    a.remove(k);
                } else {
                    merge(a.entry(k).or_insert(Value::Null), v, strategic);
                }
            }
        }
        (Value::Array(a), Value::Array(p)) if strategic && p.iter().all(|x| x["name"].is_string()) => {
            for x in p {
                match a.iter_mut().find(|y| y["name"] == x["name"]) {
                    Some(y) => merge(y, x, true),
                    None => a.push(x.clone()),
                }
            }
        }
        (slot, patch) => {
            *slot = patch.clone();
            if slot.is_object() {
                // An absent map that a patch makes holds no directives.
                let bare = std::mem::replace(slot, json!({}));
                merge(slot, &bare, strategic);
            }
        }
    }
}

/// Controllers that are done at once: the status agrees with the spec, and a pod that went has a successor.
pub fn finish(objects: &mut Objects, path: &str) {
    if path.contains("/pods/") && !objects.contains_key(path) {
        let family = |p: &str| p.split('-').take(2).collect::<Vec<_>>().join("-");
        let sibling = objects
            .iter()
            .find(|(p, _)| family(p) == family(path))
            .map(|(_, pod)| pod.clone());
        let mut new = sibling.unwrap();
        new["metadata"]["name"] = json!("new");
        new["metadata"]["uid"] = json!("uid-new");
        objects.insert(format!("{CORE}/pods/new"), new);
        return;
    }
    let Some(o) = objects.get_mut(path) else { return };
    let generation = o["metadata"]["generation"].clone();
    if o["spec"]["template"].is_null() {
        return;
    }
    let n = o["spec"]["replicas"].as_u64().unwrap_or(1);
    o["status"]["observedGeneration"] = generation;
    for name in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        o["status"][name] = json!(n);
    }
    if o["kind"] == "StatefulSet" {
        o["status"]["currentRevision"] = o["status"]["updateRevision"].clone();
    }
    if o["kind"] == "DaemonSet" {
        let want = o["status"]["desiredNumberScheduled"].clone();
        o["status"]["updatedNumberScheduled"] = want.clone();
        o["status"]["numberAvailable"] = want;
    }
    if let Some(list) = o["status"]["conditions"].as_array_mut() {
        for c in list.iter_mut().filter(|c| c["type"] == "Progressing") {
            c["status"] = json!("True");
            c["reason"] = json!("NewReplicaSetAvailable");
        }
    }
}

// What the tests of actions and of read-only mode share: an actor on the fake, and one run through the pipeline.

use std::time::Duration;

use quarterdeck::action::Request as Ask;
use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, Outcome, Pace, Plan, Planner, Policy, Progress, Refusal, Stage,
    Verdict, WriteGrant, execute,
};
use quarterdeck::journal::{Journal, Mode, Reading, Who};
use quarterdeck::model::{Kind, ObjectRef, Place, Scope};

pub const APPS: &str = "/apis/apps/v1/namespaces/cortex";
pub const CORE: &str = "/api/v1/namespaces/cortex";

pub struct Desk {
    pub fake: Fake,
    pub grant: WriteGrant,
    pub actor: Actor,
    pub dir: tempfile::TempDir,
}

pub fn planner(fake: &Fake, class: Class, policy: Policy) -> Planner {
    Planner {
        reader: fake.client(),
        place: Place {
            platform: "cortex".into(),
            context: "prod-eu".into(),
            server: "api.example.com:6443".into(),
            scope: Scope::All,
        },
        class,
        user: "k.lind".into(),
        policy,
    }
}

impl Desk {
    pub fn new(fake: Fake) -> Self {
        Self::classed(fake, Class::Local)
    }

    pub fn classed(fake: Fake, class: Class) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let grant = WriteGrant::at_start(false).unwrap();
        let journal = Journal::open(dir.path(), Who::here("k.lind", Mode::Live)).unwrap();
        let pace = Pace {
            deadline: Duration::from_millis(200),
            poll: Duration::from_millis(1),
        };
        let actor =
            Actor::new(&grant, planner(&fake, class, Policy::default()), fake.client(), journal).with_pace(pace);
        Self {
            fake,
            grant,
            actor,
            dir,
        }
    }

    pub async fn plan(&self, ask: Ask) -> Result<Plan, Refusal> {
        self.actor.plan(ask, ActionId(1), jiff::Timestamp::now()).await
    }

    /// Plans, confirms as asked, and executes, without a soak.
    pub async fn run(&self, ask: Ask) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        let plan = self.plan(ask).await.unwrap_or_else(|e| panic!("{e}: {}", e.hint));
        self.carry_out(plan).await
    }

    pub async fn carry_out(&self, mut plan: Plan) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        plan.verify.soak_s = 0;
        plan.verify.deadline_s = 5;
        let confirmed = confirm(plan).unwrap();
        let (to, mut from) = tokio::sync::mpsc::channel::<Progress>(1000);
        let (outcome, verdict) = execute(&self.actor, &self.grant, confirmed, to).await;
        let mut stages = Vec::new();
        while let Some(p) = from.recv().await {
            stages.push(p.stage);
        }
        (outcome, verdict, stages)
    }

    pub fn journal(&self) -> Reading {
        quarterdeck::journal::read(&self.actor.journal().path(jiff::Timestamp::now())).unwrap()
    }

    /// A reference to a loaded object, with its uid.
    pub fn target(&self, kind: Kind, name: &str) -> ObjectRef {
        target(&self.fake, kind, name)
    }
}

pub fn target(fake: &Fake, kind: Kind, name: &str) -> ObjectRef {
    let group = if kind.group().is_empty() {
        "/api".into()
    } else {
        format!("/apis/{}", kind.group())
    };
    let path = format!("{group}/{}/namespaces/cortex/{}/{name}", kind.version(), kind.plural());
    ObjectRef {
        kind,
        namespace: "cortex".into(),
        name: name.into(),
        uid: fake.get(&path)["metadata"]["uid"].as_str().unwrap_or("none").into(),
    }
}

/// Does what the plan asks of the operator.
pub fn confirm(plan: Plan) -> Result<quarterdeck::action::Confirmed, quarterdeck::action::WhyNot> {
    let typed = match &plan.confirm {
        Confirm::Button => String::new(),
        Confirm::Typed { word, .. } => word.clone(),
    };
    let by = Confirmation {
        hash: plan.hash(),
        typed,
        reason: "worker backlog, INC-214".into(),
    };
    plan.confirm(by, jiff::Timestamp::now())
}

/// One request of every action in the registry, all possible on [`Fake::cortex`] after [`prepare`].
pub fn one_of_each(fake: &Fake) -> Vec<Ask> {
    let of = |kind, name: &str| target(fake, kind, name);
    let pod = of(Kind::Pod, "cortex-api-75d65cd765-xkxwp");
    vec![
        Ask::Scale { target: of(Kind::Deployment, "cortex-worker"), replicas: 3, seen: 2 },
        Ask::HpaBounds { target: of(Kind::Hpa, "cortex-api-hpa"), min: 4, max: 12, seen_min: 3, seen_max: 10 },
        Ask::Restart { target: of(Kind::Deployment, "redis") },
        Ask::RollBack { to: vec![quarterdeck::action::RollbackTo {
            target: of(Kind::Deployment, "cortex-web"), revision: 1, newest_seen: 2,
        }] },
        Ask::SetImage {
            target: of(Kind::Deployment, "cortex-api"),
            container: "api".into(),
            image: "registry.lab/cortex/api:1.5.0".into(),
            seen: fake.get(&format!("{APPS}/deployments/cortex-api"))["spec"]["template"]["spec"]["containers"][0]["image"]
                .as_str().unwrap().into(),
        },
        Ask::Pause { target: of(Kind::Deployment, "cortex-worker") },
        Ask::Resume { target: of(Kind::Deployment, "paused") },
        Ask::DeletePod { target: of(Kind::Pod, "cortex-worker-5455954757-7vwmz"), force: false },
        Ask::EvictPod { target: pod },
    ]
}

/// Adds what the recorded lists lack: a paused Deployment.
pub fn prepare(fake: &Fake) {
    let mut paused = fake.get(&format!("{APPS}/deployments/redis"));
    paused["metadata"]["name"] = json!("paused");
    paused["metadata"]["uid"] = json!("11111111-2222-3333-4444-555555555555");
    paused["spec"]["paused"] = json!(true);
    fake.put(&format!("{APPS}/deployments"), paused);
}
