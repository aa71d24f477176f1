//! The pipeline of changes at a Redis of the tests, with a journal of its own.

use std::time::Duration;

use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, JobFilter, Outcome, Pace, Plan, Planner, Policy, QueueWay, Reach,
    Refusal, Request, Stage, Thing, Verdict, WriteGrant, execute,
};
use quarterdeck::feed::redis::Way;
use quarterdeck::journal::{Journal, Mode, Who};
use quarterdeck::model::{Place, Scope, SourceId, SourceKind};

pub struct Desk {
    pub grant: WriteGrant,
    pub actor: Actor,
    pub folder: tempfile::TempDir,
}

pub fn planner(way: &Way, set: &str, policy: Policy) -> Planner {
    let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("no cluster"))
    });
    let mut sources = Reach::default();
    sources.redis.insert("cache".into(), way.clone());
    let queues = QueueWay {
        source: toml::from_str(&format!("name = 'jobs'\nredis = 'cache'\n{set}")).unwrap(),
        way: way.clone(),
    };
    sources.queues.insert("jobs".into(), queues);
    Planner {
        reader: kube::Client::new(nowhere, "default"),
        place: Place {
            platform: "cortex".into(),
            context: "lab".into(),
            server: "127.0.0.1".into(),
            scope: Scope::All,
        },
        class: Class::Local,
        user: "kim".into(),
        policy,
        sources,
    }
}

impl Desk {
    pub fn new(way: &Way, set: &str) -> Self {
        Self::with(planner(way, set, Policy::default()))
    }

    pub fn with(planner: Planner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let grant = WriteGrant::at_start(false).unwrap();
        let journal = Journal::open(folder.path(), Who::here("kim", Mode::Live)).unwrap();
        let act = planner.reader.clone();
        let actor = Actor::new(&grant, planner, act, journal).with_pace(Pace {
            deadline: Duration::from_secs(5),
            poll: Duration::from_millis(20),
        });
        Self { grant, actor, folder }
    }

    pub async fn plan(&self, request: Request) -> Result<Plan, Refusal> {
        self.actor.plan(request, ActionId(1), jiff::Timestamp::now()).await
    }

    pub async fn carry_out(&self, mut plan: Plan) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        plan.verify.deadline_s = plan.verify.deadline_s.min(3);
        let typed = match &plan.confirm {
            Confirm::Typed { word, .. } => word.clone(),
            Confirm::Button => String::new(),
        };
        let by = Confirmation {
            hash: plan.hash(),
            typed,
            reason: "a test".into(),
        };
        let confirmed = plan.confirm(by, jiff::Timestamp::now()).unwrap();
        let (to, mut from) = tokio::sync::mpsc::channel(1000);
        let (outcome, verdict) = execute(&self.actor, &self.grant, confirmed, to).await;
        let mut stages = Vec::new();
        while let Some(p) = from.recv().await {
            stages.push(p.stage);
        }
        (outcome, verdict, stages)
    }

    pub async fn run(&self, request: Request) -> (Outcome, Option<Verdict>) {
        let plan = self.plan(request).await.unwrap_or_else(|e| panic!("{e}: {}", e.hint));
        let (outcome, verdict, _) = self.carry_out(plan).await;
        (outcome, verdict)
    }
}

pub fn thing(kind: SourceKind, source: &str, what: &str, name: &str) -> Thing {
    Thing {
        source: SourceId {
            kind,
            name: source.into(),
        },
        kind: what.into(),
        within: "".into(),
        name: name.into(),
        id: "".into(),
    }
}

pub fn queue(name: &str) -> Thing {
    thing(SourceKind::Queues, "jobs", "queue", name)
}

pub fn keys(prefix: &str) -> Request {
    Request::DeleteKeys {
        keys: thing(SourceKind::Redis, "cache", "keys", prefix),
    }
}

pub fn retry(ids: &[String]) -> Request {
    Request::RetryJobs {
        queue: queue("q"),
        which: Box::new(JobFilter {
            jobs: ids.to_vec(),
            ..JobFilter::default()
        }),
    }
}
