//! An actor on the fake, and one run through the pipeline.

use std::sync::OnceLock;
use std::time::Duration;

use super::{APPS, Fake};
use quarterdeck::action::{
    ActionId, Actor, Alphabet, Class, Confirm, Confirmation, NewValue, ObjectAsk, Outcome, Pace, Plan, Planner, Policy,
    Progress, Refusal, Request as Ask, Resources, Sealed, Stage, Verdict, WriteGrant, execute,
};
use quarterdeck::journal::{Journal, Mode, Reading, Who};
use quarterdeck::model::{Kind, ObjectRef, Place, Scope};
use serde_json::json;

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
        sources: quarterdeck::action::Reach::default(),
    }
}

impl Desk {
    pub fn new(fake: Fake) -> Self {
        Self::classed(fake, Class::Local)
    }

    pub fn classed(fake: Fake, class: Class) -> Self {
        Self::governed(fake, class, Policy::default())
    }

    pub fn governed(fake: Fake, class: Class, policy: Policy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let grant = WriteGrant::at_start(false).unwrap();
        let journal = Journal::open(dir.path(), Who::here("k.lind", Mode::Live)).unwrap();
        let pace = Pace {
            deadline: Duration::from_millis(200),
            poll: Duration::from_millis(1),
        };
        let actor = Actor::new(&grant, planner(&fake, class, policy), fake.client(), journal).with_pace(pace);
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
    let uid = fake.get(&path(kind, name))["metadata"]["uid"].clone();
    ObjectRef {
        kind,
        namespace: if kind.namespaced() { "cortex".into() } else { "".into() },
        name: name.into(),
        uid: uid.as_str().unwrap_or("none").into(),
    }
}

pub fn path(kind: Kind, name: &str) -> String {
    let group = if kind.group().is_empty() {
        "/api".into()
    } else {
        format!("/apis/{}", kind.group())
    };
    let place = if kind.namespaced() { "/namespaces/cortex" } else { "" };
    format!("{group}/{}{place}/{}/{name}", kind.version(), kind.plural())
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
        object(of(Kind::Deployment, "cortex-worker"), ObjectAsk::SetResources {
            container: "worker".into(),
            resources: Resources {
                requests: [("cpu".to_owned(), "750m".to_owned())].into(),
                limits: [("memory".to_owned(), "1Gi".to_owned())].into(),
            },
        }),
        object(of(Kind::ConfigMap, "cortex-config"), ObjectAsk::SetConfig {
            key: "FEATURES".into(), value: "a,b".into(), seen: Some("a,b,c".into()),
        }),
        object(of(Kind::ConfigMap, "cortex-config"), ObjectAsk::UnsetConfig {
            key: "FEATURES".into(), seen: "a,b,c".into(),
        }),
        object(of(Kind::Node, "open"), ObjectAsk::Cordon),
        object(of(Kind::Node, "closed"), ObjectAsk::Uncordon),
        object(of(Kind::Node, "open"), ObjectAsk::Drain { unmanaged: false, empty_dirs: false, within_s: 60 }),
        object(of(Kind::CronJob, "cortex-backup"), ObjectAsk::CreateJob { template: None, image: None, args: Vec::new() }),
        object(of(Kind::Job, "cortex-migrate-140"), ObjectAsk::DeleteJob),
        object(of(Kind::Ingress, "canary"), ObjectAsk::CanaryWeight { weight: 25, seen: Some(10) }),
        object(of(Kind::Service, "cortex-web"), ObjectAsk::SwitchService {
            labels: [("app".to_owned(), "cortex-api".to_owned())].into(),
            seen: [("app".to_owned(), "cortex-web".to_owned())].into(),
        }),
        object(of(Kind::Secret, "cortex-env"), ObjectAsk::RotateSecret {
            key: "API_KEY".into(),
            value: NewValue::Generate { length: 32, alphabet: Alphabet::Letters },
        }),
        object(of(Kind::Secret, "cortex-tls-300d"), ObjectAsk::ReplaceTls {
            certificate: pem_files().0.clone(), key: pem_files().1.clone(), read: None,
        }),
        object(of(Kind::Secret, "cortex-env"), ObjectAsk::RestoreSecret {
            former: Sealed::new([("API_KEY".to_owned(), Some(CANARY.as_bytes().to_vec()))]),
        }),
    ]
}

/// A value that must turn up nowhere but on the wire to the Secret.
pub const CANARY: &str = "canary-7c1d-in-a-cage";

fn object(target: ObjectRef, ask: ObjectAsk) -> Ask {
    Ask::Object { target, ask }
}

/// Certificate and key for the names of the recorded Secret, as files: made once.
pub fn pem_files() -> &'static (String, String) {
    static FILES: OnceLock<(tempfile::TempDir, (String, String))> = OnceLock::new();
    let (_, files) = FILES.get_or_init(|| {
        let fake = Fake::cortex();
        let old = fake.get(&path(Kind::Secret, "cortex-tls-300d"))["data"]["tls.crt"].clone();
        let pem = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, old.as_str().unwrap()).unwrap();
        let old = quarterdeck::feed::certificate::x509::chain_of_pem(&pem).unwrap();
        let names: Vec<String> = old.leaf.names.iter().map(ToString::to_string).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            file.display().to_string()
        };
        let files = (
            write("chain.pem", params.self_signed(&key).unwrap().pem()),
            write("key.pem", key.serialize_pem()),
        );
        (dir, files)
    });
    files
}

/// Adds what the recorded lists lack: a paused Deployment.
pub fn prepare(fake: &Fake) {
    let mut paused = fake.get(&format!("{APPS}/deployments/redis"));
    paused["metadata"]["name"] = json!("paused");
    paused["metadata"]["uid"] = json!("11111111-2222-3333-4444-555555555555");
    paused["spec"]["paused"] = json!(true);
    fake.put(&format!("{APPS}/deployments"), paused);
    let node = |name: &str, closed: bool| {
        let mut node = json!({"kind": "Node", "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "1"},
            "spec": {}, "status": {"allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True"}]}});
        if closed {
            node["spec"]["unschedulable"] = json!(true);
        }
        fake.put("/api/v1/nodes", node);
    };
    node("open", false);
    node("closed", true);
    fake.edit(&path(Kind::Pod, "cortex-worker-5455954757-7vwmz"), |p| {
        p["spec"]["nodeName"] = json!("open");
    });
    let mut canary = fake.get(&path(Kind::Ingress, "cortex"));
    canary["metadata"]["name"] = json!("canary");
    canary["metadata"]["uid"] = json!("uid-canary");
    canary["metadata"]["annotations"] = json!({
        "nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10",
    });
    fake.put("/apis/networking.k8s.io/v1/namespaces/cortex/ingresses", canary);
}
