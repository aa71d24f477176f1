//! An actor on the fake, and one run through the pipeline.

use std::time::Duration;

use super::{APPS, Fake};
use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, Outcome, Pace, Plan, Planner, Policy, Progress, Refusal,
    Request as Ask, Stage, Verdict, WriteGrant, execute,
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
