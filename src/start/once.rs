//! One look at a platform, for the commands without a screen.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{complain, load};
use crate::action::WriteGrant;
use crate::cli::Options;
use crate::config::{Config, Platform, Target};
use crate::feed::Inbox;
use crate::feed::kube::access::{CheckRow, CheckState};
use crate::feed::kube::{self as feed, Access, Cluster, ConnectError, ContextChoice, Demand, Feeds, SourceError};
use crate::feed::redis;
use crate::headless;
use crate::model::{FeedId, Freshness, Problem, Scope, SourceId, SourceKind, World};
use crate::run::sources::{Means, Sources, server};

/// As long as a look may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A platform that can be looked at.
pub struct Opened {
    pub config: Config,
    target: Target,
    pub platform: Platform,
    pub cluster: Option<Cluster>,
    /// Why there is none although one is wanted.
    pub no_cluster: Option<CheckState>,
}

/// When the cluster is connected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Only if a source goes through it.
    Sources,
    /// It is what is looked at.
    Always,
    Never,
}

impl Opened {
    /// Reads the configuration, and connects as far as is needed for sources of these kinds.
    pub async fn open(options: Options, kinds: &[SourceKind], need: Need) -> Result<Self, String> {
        let loaded = load(options);
        for problem in &loaded.problems {
            complain(&problem.to_string());
        }
        let target = loaded.config.target()?;
        let platform = target.platform.as_deref().and_then(|name| loaded.config.platform(name));
        let mut opened = Self {
            platform: platform.cloned().unwrap_or_default().only(kinds),
            target,
            config: loaded.config,
            cluster: None,
            no_cluster: None,
        };
        let wanted = need == Need::Always || need == Need::Sources && opened.platform.needs_cluster();
        if wanted {
            match opened.connect().await {
                Ok(cluster) => opened.cluster = Some(cluster),
                // What does not rest on the cluster is still worth a look.
                Err(why) if !opened.platform.sources().is_empty() => {
                    complain(&why.to_string());
                    opened.no_cluster = Some(opened.why_none(&why));
                }
                Err(why) => return Err(why.to_string()),
            }
        }
        Ok(opened)
    }

    /// Reads the kubeconfig for the context's namespace, where nobody names one. Without a kubeconfig it stays unknown.
    pub async fn find_namespace(&mut self) {
        if self.target.scope.is_none()
            && let Ok(cluster) = self.connect().await
        {
            self.cluster = Some(cluster);
        }
    }

    /// A platform that names no cluster, on a machine that has none, is one without Kubernetes.
    fn why_none(&self, why: &ConnectError) -> CheckState {
        let named = self.target.kubeconfig.is_some() || self.target.context.is_some();
        let goes_through = self.platform.needs_cluster();
        match why {
            ConnectError::Source(SourceError::Nothing { .. }) if !named && !goes_through => {
                let why = "no kubeconfig is here and none is named: only the other sources were looked at".to_owned();
                CheckState::Absent { why }
            }
            why => CheckState::Unreachable { why: why.to_string() },
        }
    }

    async fn connect(&self) -> Result<Cluster, ConnectError> {
        let target = self.target.clone();
        let choice = ContextChoice {
            kubeconfig: target.kubeconfig,
            context: target.context,
            scope: target.scope,
            platform: target.platform,
            signed_in: None,
        };
        let access = if self.read_only() {
            Access::ReadOnly
        } else {
            Access::Operator
        };
        feed::connect(choice, access).await
    }

    pub fn read_only(&self) -> bool {
        self.config.policy.is_read_only()
    }

    /// The namespaces that are looked at, as far as they are known.
    pub fn scope(&self) -> (Scope, String) {
        if let Some(cluster) = &self.cluster {
            return (cluster.place().scope.clone(), cluster.namespace().to_owned());
        }
        let none = Scope::Namespaces(vec!["default".to_owned()]);
        let scope = self.target.scope.clone().unwrap_or(none);
        let home = match &scope {
            Scope::Namespaces(list) => list.first().cloned(),
            Scope::All => None,
        };
        (scope, home.unwrap_or_else(|| "default".to_owned()))
    }

    /// Those of the named namespaces in which nothing was seen, and which the server says it does not have. Who may not
    /// ask is told nothing.
    pub async fn absent_namespaces(&self, world: &World) -> Vec<String> {
        let mut absent = Vec::new();
        let Some(cluster) = &self.cluster else { return absent };
        if let Scope::Namespaces(names) = &cluster.place().scope {
            let seen = |name: &str| {
                let pods = world.pods.keys().any(|k| &*k.namespace == name);
                pods || world.workloads().any(|w| &*w.meta.namespace == name)
            };
            for name in names.iter().filter(|name| !seen(name)) {
                if feed::access::has_namespace(cluster, name).await == Some(false) {
                    absent.push(name.clone());
                }
            }
        }
        absent
    }

    fn means(&self) -> Means {
        // The same right as the console's, for ways through the API server need it. No action is reached from here.
        let grant = WriteGrant::at_start(self.read_only()).map(Arc::new);
        Means::here(self.cluster.clone(), grant)
    }

    /// Reads the sources of these kinds once, and the cluster's objects where they are wanted.
    pub async fn look(&self, kinds: &[SourceKind], objects: bool) -> World {
        let inbox = Inbox::new();
        let (_demand, wanted) = tokio::sync::watch::channel(Demand::signals());
        let cluster = self.cluster.clone().filter(|_| objects);
        let _feeds = cluster.map(|cluster| {
            let scope = cluster.place().scope.clone();
            Feeds::start(cluster, scope, inbox.clone(), wanted)
        });
        let _sources = Sources::look(&self.platform, &self.means(), &inbox, kinds);
        let ids: Vec<SourceId> = self.platform.sources();
        let ids: Vec<&SourceId> = ids.iter().filter(|id| kinds.contains(&id.kind)).collect();
        let watched = objects && self.cluster.is_some();
        let mut world = World::default();
        let deadline = Instant::now() + DEADLINE;
        while !(ids.iter().all(|id| settled(&world, id)) && (!watched || watches(&world))) {
            tokio::select! {
                () = inbox.ready() => if let Some(batch) = inbox.drain() { world.apply(batch); },
                () = sleep_until(deadline) => break,
            }
        }
        // How well a source is reached may be said a moment before what was read.
        sleep(Duration::from_millis(20)).await;
        if let Some(batch) = inbox.drain() {
            world.apply(batch);
        }
        world
    }

    /// What an operator may do at each source, for `qd check`.
    pub async fn operator_rows(&self, world: &World) -> Vec<CheckRow> {
        let means = self.means();
        if means.grant.is_none() {
            return Vec::new();
        }
        let mut rows = Vec::new();
        let mut row = |source: &str, what: &str, problem: Option<&Problem>| {
            let state = match problem {
                None => CheckState::Ok,
                Some(Problem::Denied { grant, .. }) => CheckState::Missing {
                    grant: grant.to_string(),
                },
                Some(Problem::Absent { what, how }) => CheckState::Absent {
                    why: format!("{what}: {how}"),
                },
                Some(other) => CheckState::Unknown {
                    why: other.words().to_owned(),
                },
            };
            rows.push(CheckRow {
                source: source.to_owned(),
                what: what.to_owned(),
                needed: false,
                state,
            });
        };
        // Of a source that is not reached the row that says so is enough.
        let unknown = |row: &mut dyn FnMut(&str, &str, Option<&Problem>), kind: SourceKind, name: &str, why: &str| {
            let id = SourceId {
                kind,
                name: name.into(),
            };
            if world.sources.reach.get(&id).is_some_and(Freshness::is_fresh) {
                let problem = Problem::Failed(why.into());
                row(
                    &format!("{} {name}", kind.word()),
                    "what an operator may",
                    Some(&problem),
                );
            }
        };
        let context = means.context();
        for source in &self.platform.postgres {
            let name = format!("postgres {}", source.name);
            let answer = match server(source, &means, &context) {
                Ok(server) => crate::feed::postgres::rights::rights(&server).await,
                // Its row of being reached says why.
                Err(_) => continue,
            };
            match answer {
                Ok(rights) => rights.iter().for_each(|r| row(&name, r.what, r.problem.as_ref())),
                Err(why) => unknown(&mut row, SourceKind::Postgres, &source.name, &why.to_string()),
            }
        }
        for source in &self.platform.redis {
            let name = format!("redis {}", source.name);
            let way = redis::Way::new(source.clone(), &context);
            let answer = redis::rights::rights(way, &self.platform).await;
            match answer {
                Ok(rights) => rights.iter().for_each(|(what, p)| row(&name, what, p.as_ref())),
                Err(why) => unknown(&mut row, SourceKind::Redis, &source.name, &why.say()),
            }
        }
        rows
    }

    /// The one right that a server refuses at the door is that to its database: the line that gives it.
    fn name_connect(&self, rows: &mut [CheckRow]) {
        let env = crate::feed::postgres::Env::here();
        for source in &self.platform.postgres {
            let name = format!("postgres {}", source.name);
            let refused = |r: &&mut CheckRow| {
                r.source == name && matches!(&r.state, CheckState::Unreachable { why } if why.starts_with("no right:"))
            };
            if let Some(row) = rows.iter_mut().find(refused)
                && let Ok((user, database)) = crate::feed::postgres::rights::login(source, &env)
            {
                let grant = crate::feed::postgres::rights::connect_grant(&user, &database);
                row.state = CheckState::Missing { grant };
            }
        }
    }

    /// Every row of `qd check`.
    pub async fn check(&self) -> Vec<CheckRow> {
        let mut rows = Vec::new();
        if let Some(cluster) = &self.cluster {
            let role = if self.read_only() {
                feed::rights::Role::Observer
            } else {
                feed::rights::Role::Operator
            };
            let (scope, home) = self.scope();
            let wants = feed::rights::rights(&self.platform, &scope, &home, role);
            rows.extend(feed::access::check(cluster, &wants).await);
        }
        let world = self.look(&EVERY, false).await;
        rows.extend(headless::source_rows(&world, &self.platform.sources()));
        self.name_connect(&mut rows);
        rows.extend(self.operator_rows(&world).await);
        rows
    }
}

/// Every kind of source.
pub const EVERY: [SourceKind; 6] = [
    SourceKind::Postgres,
    SourceKind::Redis,
    SourceKind::Queues,
    SourceKind::Prometheus,
    SourceKind::Certificates,
    SourceKind::Http,
];

/// Whether the cluster's objects are there, or are known not to come.
fn watches(world: &World) -> bool {
    crate::signal::KINDS.iter().all(|k| {
        !matches!(
            world.feed(FeedId::Watch(*k)),
            Freshness::Off | Freshness::Syncing { .. }
        )
    })
}

/// Whether a source was read, or cannot be. An HTTP check that fails is tried as often as it takes to call it down.
fn settled(world: &World, id: &SourceId) -> bool {
    let s = &world.sources;
    let here = match id.kind {
        SourceKind::Postgres => s.postgres.contains_key(&id.name),
        SourceKind::Redis => s.redis.contains_key(&id.name),
        SourceKind::Queues => s.queues.contains_key(&id.name),
        SourceKind::Prometheus => s.prometheus.contains_key(&id.name),
        SourceKind::Certificates => s.certificates.contains_key(&id.name),
        SourceKind::Http => s.http.get(&id.name).is_some_and(|h| h.failures == 0 || h.is_down()),
    };
    match s.reach.get(id) {
        None | Some(Freshness::Off | Freshness::Syncing { .. }) => false,
        Some(Freshness::Fresh) => here,
        Some(_) => true,
    }
}
