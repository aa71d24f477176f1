//! A person who changes things: plans, confirms what is asked, and sees what comes of it.

use std::sync::Arc;

use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, Outcome, Plan, Planner, Policy, PostgresAsk, Reach, Refusal,
    Relation, Request, Stage, Verdict, WhyNot, WriteGrant, execute,
};
use quarterdeck::journal::{Journal, Mode, Reading, Who};
use quarterdeck::model::{Place, Scope, SourceId, SourceKind};

use super::server;

/// No Kubernetes has a part in this.
pub fn no_cluster() -> kube::Client {
    let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("no cluster"))
    });
    kube::Client::new(nobody, "default")
}

pub struct Desk {
    pub grant: WriteGrant,
    pub actor: Actor,
    _dir: tempfile::TempDir,
}

pub fn planner(dsn: &str, read_only: bool) -> Planner {
    let mut sources = Reach::default();
    sources.postgres.insert("core".into(), Arc::new(server(dsn)));
    Planner {
        reader: no_cluster(),
        place: Place {
            platform: "cortex".into(),
            context: "lab".into(),
            server: "lab".into(),
            scope: Scope::All,
        },
        class: Class::Local,
        user: "kim".into(),
        policy: Policy {
            read_only,
            ..Policy::default()
        },
        sources,
    }
}

pub fn ask(ask: PostgresAsk) -> Request {
    let source = SourceId {
        kind: SourceKind::Postgres,
        name: "core".into(),
    };
    Request::Postgres { source, ask }
}

pub fn table(name: &str) -> Relation {
    Relation {
        schema: "public".into(),
        name: name.into(),
    }
}

pub fn vacuum(name: &str) -> Request {
    ask(PostgresAsk::Vacuum {
        table: table(name),
        analyze: true,
    })
}

impl Desk {
    pub fn new(dsn: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let grant = WriteGrant::at_start(false).unwrap();
        let journal = Journal::open(dir.path(), Who::here("kim", Mode::Live)).unwrap();
        let actor = Actor::new(&grant, planner(dsn, false), no_cluster(), journal);
        Self {
            grant,
            actor,
            _dir: dir,
        }
    }

    pub async fn plan(&self, request: Request) -> Result<Plan, Refusal> {
        self.actor.plan(request, ActionId(1), jiff::Timestamp::now()).await
    }

    pub async fn run(&self, request: Request) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        self.carry_out(self.plan(request).await.unwrap()).await
    }

    pub async fn carry_out(&self, plan: Plan) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        let (to, mut from) = tokio::sync::mpsc::channel(1000);
        let confirmed = confirm(plan).unwrap();
        let (outcome, verdict) = execute(&self.actor, &self.grant, confirmed, to).await;
        let mut stages = Vec::new();
        while let Some(p) = from.recv().await {
            stages.push(p.stage);
        }
        (outcome, verdict, stages)
    }

    pub fn journal(&self) -> String {
        let Reading { records, .. } =
            quarterdeck::journal::read(&self.actor.journal().path(jiff::Timestamp::now())).unwrap();
        serde_json::to_string(&records).unwrap()
    }
}

pub fn confirm(plan: Plan) -> Result<quarterdeck::action::Confirmed, WhyNot> {
    let typed = match &plan.confirm {
        Confirm::Typed { word, .. } => word.clone(),
        Confirm::Button => String::new(),
    };
    let by = Confirmation {
        hash: plan.hash(),
        typed,
        reason: "a test".into(),
    };
    plan.confirm(by, jiff::Timestamp::now())
}

pub fn healthy(verdict: Option<Verdict>) -> String {
    match verdict {
        Some(Verdict::Healthy(text)) => text,
        other => panic!("{other:?}"),
    }
}

pub async fn session_of(client: &tokio_postgres::Client) -> (i32, String) {
    let sql =
        "SELECT pid, backend_start AT TIME ZONE 'UTC' || '+00' FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}
