//! The demonstration platform with a console's way to its sources, and the pipeline of changes.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quarterdeck::action::{
    ActionId, Actor, Class, Confirm, Confirmation, Confirmed, Outcome, Pace as Waits, Plan, Planner, Policy, Reach,
    Request, Thing, Undo, Verdict, WhyNot, WriteGrant, execute,
};
use quarterdeck::config::Platform;
use quarterdeck::feed::kube::{Access, Cluster, ContextChoice, connect};
use quarterdeck::feed::prometheus::AlertmanagerWay;
use quarterdeck::feed::{Pace, SourceContext, certificate};
use quarterdeck::journal::{Journal, Mode, Who};
use quarterdeck::model::{SourceId, SourceKind};
use quarterdeck::sim::demo::{self, Demo};

pub struct Stage {
    pub demo: Demo,
    pub cluster: Cluster,
    pub platform: Platform,
    pub context: SourceContext,
}

pub async fn stage(name: &str, access: Access) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = demo::Options {
        pace: 20,
        ..demo::Options::default()
    };
    let demo = demo::start(options).await.unwrap();
    let choice = ContextChoice {
        kubeconfig: Some(demo.kubeconfig().to_path_buf()),
        context: Some(name.to_owned()),
        ..ContextChoice::default()
    };
    let cluster = connect(choice, access).await.unwrap();
    let text = std::fs::read_to_string(demo.config()).unwrap();
    let mut file: std::collections::BTreeMap<String, Vec<Platform>> = toml::from_str(&text).unwrap();
    let platform = file.remove("platform").unwrap().remove(0);
    let context = SourceContext {
        cluster: Some(cluster.clone()),
        grant: WriteGrant::at_start(access == Access::ReadOnly).map(Arc::new),
        pace: tokio::sync::watch::channel(Pace::Slow).1,
    };
    Stage {
        demo,
        cluster,
        platform,
        context,
    }
}

impl Stage {
    pub async fn certificates(&self) -> certificate::Poll {
        let mut poll = certificate::Poll::new(self.platform.certificates[0].clone(), &self.context);
        poll.round().await.unwrap();
        poll
    }

    pub fn state_of(poll: &certificate::Poll, name: &str) -> &'static str {
        let rows = poll.seen.rows();
        rows.iter().find(|r| r.name() == name).unwrap().state(Timestamp::now())
    }

    /// What makes plans against the demonstration's cluster and its Alertmanager.
    pub fn planner(&self, policy: Policy) -> Planner {
        let endpoint = self.platform.prometheus[0].alertmanager.clone().unwrap();
        let mut sources = Reach::default();
        sources
            .alertmanagers
            .insert("main".into(), AlertmanagerWay::new(endpoint, &self.context));
        Planner {
            reader: self.cluster.reader().clone(),
            place: self.cluster.place().clone(),
            class: Class::Local,
            user: "operator".into(),
            policy,
            sources,
        }
    }

    pub fn actor(&self, folder: &std::path::Path) -> (Actor, Arc<WriteGrant>) {
        self.actor_under(folder, Policy::default())
    }

    pub fn actor_under(&self, folder: &std::path::Path, policy: Policy) -> (Actor, Arc<WriteGrant>) {
        let grant = self.context.grant.clone().unwrap();
        let journal = Journal::open(&folder.join("journal"), Who::here("operator", Mode::Live)).unwrap();
        let pace = Waits {
            deadline: Duration::from_secs(5),
            poll: Duration::from_millis(50),
        };
        let act = self.cluster.act_client(&grant).unwrap();
        let actor = Actor::new(&grant, self.planner(policy), act, journal).with_pace(pace);
        (actor, grant)
    }
}

/// Confirms a plan as a person would.
pub fn confirm(plan: Plan, now: Timestamp) -> Result<Confirmed, WhyNot> {
    let typed = match &plan.confirm {
        Confirm::Typed { word, .. } => word.clone(),
        Confirm::Button => String::new(),
    };
    let by = Confirmation {
        hash: plan.hash(),
        typed,
        reason: "test".into(),
    };
    plan.confirm(by, now)
}

/// Carries out what was confirmed, and lets nobody watch.
pub async fn carry_on(actor: &Actor, grant: &WriteGrant, confirmed: Confirmed) -> (Outcome, Option<Verdict>) {
    let (progress, mut stages) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move { while stages.recv().await.is_some() {} });
    execute(actor, grant, confirmed, progress).await
}

pub async fn carry_out(actor: &Actor, grant: &WriteGrant, request: Request) -> (Outcome, Option<Verdict>, Undo) {
    let now = Timestamp::now();
    let plan = actor.plan(request, ActionId(1), now).await.unwrap();
    assert_eq!(plan.blocked(), None);
    let undo = plan.undo.clone();
    let (outcome, verdict) = carry_on(actor, grant, confirm(plan, now).unwrap()).await;
    (outcome, verdict, undo)
}

pub fn thing(kind: SourceKind, source: &str, what: &str, within: &str, name: &str, id: &str) -> Thing {
    Thing {
        source: SourceId {
            kind,
            name: source.into(),
        },
        kind: what.into(),
        within: within.into(),
        name: name.into(),
        id: id.into(),
    }
}
