//! The tasks of the sources beside Kubernetes: one a source, started with the way to the cluster and ended with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::action::{QueueWay, Reach, WriteGrant};
use crate::app::msg::Wanted;
use crate::config::{Platform, PostgresSource, QueueKind, QueueSource};
use crate::feed::forward::Forward;
use crate::feed::kube::Cluster;
use crate::feed::prometheus::{AlertmanagerWay, Asker, Ranges};
use crate::feed::queue::Place;
use crate::feed::redis::Way;
use crate::feed::{Inbox, Pace, SourceContext, certificate, http_check, postgres, prometheus, queue, redis};
use crate::model::{Freshness, Problem, SourceId, SourceKind, Str};

/// Running sources. Dropping it ends them.
pub struct Sources {
    tasks: JoinSet<()>,
    /// At the start.
    pace: Pace,
    /// How often each kind is looked at.
    paces: BTreeMap<SourceKind, watch::Sender<Pace>>,
    postgres: watch::Sender<postgres::Wanted>,
    /// By the set's name: the queue whose failed jobs are wanted.
    queues: BTreeMap<Str, watch::Sender<Option<Str>>>,
}

/// What sources are given at their start.
pub struct Means {
    /// `None`: no Kubernetes yet.
    pub cluster: Option<Cluster>,
    /// `None` in a read-only console.
    pub grant: Option<Arc<WriteGrant>>,
    /// `kim@bastion`.
    pub who: String,
}

impl Means {
    /// As this process's user on this host.
    pub fn here(cluster: Option<Cluster>, grant: Option<Arc<WriteGrant>>) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let user = crate::journal::login_name();
        Self {
            cluster,
            grant,
            who: format!("{user}@{host}"),
        }
    }

    /// For one look.
    pub fn context(&self) -> SourceContext {
        SourceContext {
            cluster: self.cluster.clone(),
            grant: self.grant.clone(),
            pace: watch::channel(Pace::Fast).1,
        }
    }
}

impl Sources {
    /// Starts every source of the platform.
    pub fn start(platform: &Platform, means: &Means, inbox: &Inbox) -> Self {
        Self::begin(platform, means, inbox, Pace::Slow, |_| true)
    }

    /// Starts those of these kinds, with everything that a pane would show.
    pub fn look(platform: &Platform, means: &Means, inbox: &Inbox, kinds: &[SourceKind]) -> Self {
        Self::begin(platform, means, inbox, Pace::Fast, |kind| kinds.contains(&kind))
    }

    fn begin(
        platform: &Platform,
        means: &Means,
        inbox: &Inbox,
        pace: Pace,
        wanted: impl Fn(SourceKind) -> bool,
    ) -> Self {
        let mut all = Self {
            tasks: JoinSet::new(),
            pace,
            paces: BTreeMap::new(),
            postgres: watch::Sender::new(postgres::Wanted::default()),
            queues: BTreeMap::new(),
        };
        for source in platform.postgres.iter().filter(|_| wanted(SourceKind::Postgres)) {
            all.postgres(source, means, inbox);
        }
        for source in platform.redis.iter().filter(|_| wanted(SourceKind::Redis)) {
            let context = all.context(SourceKind::Redis, means);
            let named = |q: &QueueSource| q.redis.as_deref() == Some(source.name.as_str());
            let holds = source.holds_queues || platform.queues.iter().any(named);
            let way = Way::new(source.clone(), &context);
            all.tasks.spawn(redis::run(way, holds, context, inbox.also()));
        }
        for source in platform.queues.iter().filter(|_| wanted(SourceKind::Queues)) {
            let context = all.context(SourceKind::Queues, means);
            let place = place(platform, source, &context);
            let (looked_at, wanted) = watch::channel(None);
            all.queues.insert(source.name.as_str().into(), looked_at);
            all.tasks
                .spawn(queue::run(source.clone(), place, context, wanted, inbox.also()));
        }
        for source in platform.prometheus.iter().filter(|_| wanted(SourceKind::Prometheus)) {
            let context = all.context(SourceKind::Prometheus, means);
            all.tasks.spawn(prometheus::run(source.clone(), context, inbox.also()));
        }
        for source in platform
            .certificates
            .iter()
            .filter(|_| wanted(SourceKind::Certificates))
        {
            let context = all.context(SourceKind::Certificates, means);
            all.tasks.spawn(certificate::run(source.clone(), context, inbox.also()));
        }
        for source in platform.http.iter().filter(|_| wanted(SourceKind::Http)) {
            let context = all.context(SourceKind::Http, means);
            all.tasks.spawn(http_check::run(source.clone(), context, inbox.also()));
        }
        all
    }

    fn context(&mut self, kind: SourceKind, means: &Means) -> SourceContext {
        let start = self.pace;
        let pace = self.paces.entry(kind).or_insert_with(|| watch::Sender::new(start));
        SourceContext {
            cluster: means.cluster.clone(),
            grant: means.grant.clone(),
            pace: pace.subscribe(),
        }
    }

    fn postgres(&mut self, source: &PostgresSource, means: &Means, inbox: &Inbox) {
        let context = self.context(SourceKind::Postgres, means);
        match server(source, means, &context) {
            Ok(server) => {
                let wanted = self.postgres.subscribe();
                self.tasks.spawn(postgres::run(Arc::new(server), wanted, inbox.also()));
            }
            Err(problem) => {
                let id = SourceId {
                    kind: SourceKind::Postgres,
                    name: source.name.as_str().into(),
                };
                let why = problem.words().into();
                inbox.also().reach(id, Freshness::Forbidden { why });
            }
        }
    }

    /// Looks at everything now: something was changed, or somebody asks.
    pub fn look_again(&self) {
        for sender in self.paces.values() {
            sender.send_modify(|_| {});
        }
        self.postgres.send_modify(|w| w.again = w.again.wrapping_add(1));
    }

    /// What is on screen is looked at more often.
    pub fn want(&self, wanted: &Wanted) {
        for (kind, sender) in &self.paces {
            let pace = if wanted.sources.contains(kind) {
                Pace::Fast
            } else {
                Pace::Slow
            };
            sender.send_if_modified(|p| std::mem::replace(p, pace) != pace);
        }
        let pg = postgres::Wanted {
            pane: wanted.sources.contains(&SourceKind::Postgres),
            tables: wanted.tables,
            again: self.postgres.borrow().again,
        };
        self.postgres.send_if_modified(|w| std::mem::replace(w, pg) != pg);
        for (set, sender) in &self.queues {
            let queue = wanted.queue.as_ref().filter(|(s, _)| s == set).map(|(_, q)| q.clone());
            sender.send_if_modified(|q| {
                let changed = *q != queue;
                q.clone_from(&queue);
                changed
            });
        }
    }
}

/// The way to every source, for plans and changes.
pub fn reach(platform: &Platform, means: &Means) -> Reach {
    let context = SourceContext {
        cluster: means.cluster.clone(),
        grant: means.grant.clone(),
        pace: watch::channel(Pace::Slow).1,
    };
    let mut all = Reach::default();
    for source in &platform.postgres {
        if let Ok(server) = server(source, means, &context) {
            all.postgres.insert(source.name.as_str().into(), Arc::new(server));
        }
    }
    for source in &platform.redis {
        all.redis
            .insert(source.name.as_str().into(), Way::new(source.clone(), &context));
    }
    for source in &platform.queues {
        if let Place::Redis(way) = place(platform, source, &context) {
            let queue = QueueWay {
                source: source.clone(),
                way,
            };
            all.queues.insert(source.name.as_str().into(), queue);
        }
    }
    for source in &platform.prometheus {
        all.ranges.extend(Ranges::new(source, &context));
        if let Some(endpoint) = source.alertmanager.clone() {
            all.alertmanagers
                .insert(source.name.as_str().into(), AlertmanagerWay::new(endpoint, &context));
        }
    }
    all
}

/// A server of PostgreSQL, by its address or through the API server.
pub fn server(source: &PostgresSource, means: &Means, context: &SourceContext) -> Result<postgres::Server, Problem> {
    let reader = means.cluster.as_ref().map(|c| c.reader().clone());
    let server = postgres::Server::new(source.clone(), &means.who, postgres::Env::here(), reader)
        .masked(context.grant.is_none());
    let Some(via) = &source.via else {
        return Ok(server);
    };
    let forward = Forward::new(context, via)?;
    Ok(server.through(Arc::new(move || {
        let forward = forward.clone();
        let open: BoxFuture<'static, std::io::Result<postgres::Wire>> = Box::pin(async move {
            let stream = forward.open().await.map_err(|f| std::io::Error::other(f.say))?;
            Ok(postgres::Wire::new(stream))
        });
        open
    })))
}

/// Where a set of queues is.
fn place(platform: &Platform, source: &QueueSource, context: &SourceContext) -> Place {
    if source.kind == QueueKind::Promql {
        let named = source.prometheus.as_deref().unwrap_or("");
        let found = platform
            .prometheus
            .iter()
            .find(|p| p.name == named)
            .and_then(|p| Asker::new(p, context));
        return match found {
            Some(asker) => Place::Prometheus(asker),
            None => Place::Nowhere(format!(
                "there is no [[platform.prometheus]] named `{named}` with a url"
            )),
        };
    }
    let named = source.redis.as_deref().unwrap_or("");
    match platform.redis.iter().find(|r| r.name == named) {
        Some(redis) => Place::Redis(Way::new(redis.clone(), context)),
        None => Place::Nowhere(format!("there is no [[platform.redis]] named `{named}`")),
    }
}
