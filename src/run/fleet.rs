//! The other platforms of the configuration, looked at from afar: what is worst there, and no more.
//!
//! # What it costs
//!
//! Of each other platform that is looked at, [`KINDS`] are watched: workloads, nodes, scalers, Jobs, and no pods, so a
//! platform of ten thousand pods costs a few hundred rows here. After the first lists an API server is asked for
//! nothing but its open watches, one a kind, which end and begin anew every few minutes as the console's own do. No
//! source beside Kubernetes is looked at. What calls for attention is told at most once in [`TOLD_EVERY`]. A platform
//! that is not reached is tried again every [`AGAIN`].
//!
//! It is never more than reading: each connection is made read-only, whatever the console may do where it is.
//!
//! A platform is looked at when `fleet = true` under `[ui]`, or when it says `watched = true` itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Event;
use super::cluster::class_of;
use crate::app::Msg;
use crate::app::fleet::{Sister, SisterState};
use crate::config::{Config, Platform};
use crate::feed::Inbox;
use crate::feed::kube::{self as feed, Access, ConnectError, ContextChoice, Demand, Feeds};
use crate::model::{FeedId, Freshness, Kind, World};
use crate::signal::{Judge, Thresholds};

/// What is watched of another platform.
pub const KINDS: [Kind; 7] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Node,
    Kind::Hpa,
    Kind::Job,
    Kind::CronJob,
];

/// The least time between two words about one platform.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Until a platform that was not reached is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// The platforms that are looked at, but the one that is open.
pub struct Fleet {
    config: Config,
    sender: mpsc::Sender<Event>,
    open: Option<String>,
    begun: bool,
    tasks: BTreeMap<String, JoinHandle<()>>,
    told: watch::Sender<BTreeMap<String, SisterState>>,
    teller: Option<JoinHandle<()>>,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for task in self.tasks.values().chain(&self.teller) {
            task.abort();
        }
    }
}

impl Fleet {
    pub fn new(config: &Config, sender: mpsc::Sender<Event>) -> Self {
        Self {
            config: config.clone(),
            sender,
            open: None,
            begun: false,
            tasks: BTreeMap::new(),
            told: watch::Sender::new(BTreeMap::new()),
            teller: None,
        }
    }

    fn wanted(&self) -> impl Iterator<Item = &Platform> {
        let all = self.config.ui.fleet;
        let open = self.open.as_deref();
        let platforms = self.config.platforms.iter();
        platforms.filter(move |p| (all || p.watched) && Some(p.name.as_str()) != open)
    }

    /// Looks at all but the platform that is open now.
    pub fn follow(&mut self, open: Option<&str>) {
        if self.begun && self.open.as_deref() == open {
            return;
        }
        self.begun = true;
        self.open = open.map(str::to_owned);
        let wanted: Vec<Platform> = self.wanted().cloned().collect();
        self.tasks.retain(|name, task| {
            let stays = wanted.iter().any(|p| p.name == *name);
            if !stays {
                task.abort();
            }
            stays
        });
        self.told
            .send_modify(|told| told.retain(|name, _| wanted.iter().any(|p| p.name == *name)));
        for platform in &wanted {
            if !self.tasks.contains_key(&platform.name) {
                let look = Look {
                    choice: choice(platform),
                    thresholds: self.config.signals.clone(),
                    name: platform.name.clone(),
                    told: self.told.clone(),
                };
                self.tasks.insert(platform.name.clone(), tokio::spawn(look.run()));
            }
        }
        if let Some(teller) = self.teller.take() {
            teller.abort();
        }
        let named = wanted.iter().map(|p| (p.name.clone(), class_of(&self.config, p)));
        let (named, told) = (named.collect::<Vec<_>>(), self.told.subscribe());
        self.teller = Some(tokio::spawn(tell(named, told, self.sender.clone())));
    }
}

/// Tells the console what is known, whenever that changed.
async fn tell(
    named: Vec<(String, crate::action::Class)>,
    mut told: watch::Receiver<BTreeMap<String, SisterState>>,
    sender: mpsc::Sender<Event>,
) {
    loop {
        let sisters: Vec<Sister> = {
            let known = told.borrow_and_update();
            let state = |name: &str| known.get(name).cloned().unwrap_or(SisterState::Looking);
            let sister = |(name, class): &(String, crate::action::Class)| Sister {
                name: name.clone(),
                class: *class,
                state: state(name),
            };
            named.iter().map(sister).collect()
        };
        if sender.send(Event::Msg(Msg::Fleet(sisters))).await.is_err() || told.changed().await.is_err() {
            return;
        }
    }
}

fn choice(platform: &Platform) -> ContextChoice {
    ContextChoice {
        kubeconfig: platform.kubeconfig.clone(),
        context: platform.context.clone(),
        scope: platform.scope(),
        platform: Some(platform.name.clone()),
        signed_in: None,
    }
}

/// One platform, looked at for ever.
struct Look {
    choice: ContextChoice,
    thresholds: Thresholds,
    name: String,
    told: watch::Sender<BTreeMap<String, SisterState>>,
}

impl Look {
    fn say(&self, state: SisterState) {
        self.told.send_if_modified(|told| {
            // Since when it is lost stays.
            let same = match (told.get(&self.name), &state) {
                (Some(SisterState::Lost { why: a, .. }), SisterState::Lost { why: b, .. }) => a == b,
                (Some(before), now) => before == now,
                (None, _) => false,
            };
            if !same {
                told.insert(self.name.clone(), state);
            }
            !same
        });
    }

    async fn run(self) {
        loop {
            match feed::connect(self.choice.clone(), Access::ReadOnly).await {
                Ok(cluster) => self.watch(cluster).await,
                Err(why) => self.say(SisterState::Lost {
                    why: match why {
                        ConnectError::NeedsPerson { .. } => "it asks for a person: switch there to sign in".to_owned(),
                        why => crate::text::clean(&why.to_string()).into_owned(),
                    },
                    since: Timestamp::now(),
                }),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Watches until the cluster is lost for so long that it is worth connecting anew.
    async fn watch(&self, cluster: feed::Cluster) {
        let inbox = Inbox::new();
        let (_demand, wanted) = watch::channel(Demand {
            kinds: KINDS.into(),
            metrics: false,
        });
        let scope = cluster.place().scope.clone();
        let _feeds = Feeds::start(cluster, scope, inbox.clone(), wanted);
        let (mut world, mut judge) = (World::default(), Judge::new(self.thresholds.clone()));
        loop {
            // What needs to last is judged again as time goes by.
            let _ = tokio::time::timeout(AGAIN, inbox.ready()).await;
            if let Some(batch) = inbox.drain() {
                world.apply(batch);
            }
            let now = Timestamp::now();
            judge.update(&world, now);
            self.say(state(&world, &judge, now));
            tokio::time::sleep(TOLD_EVERY).await;
        }
    }
}

/// What is said of what is known.
fn state(world: &World, judge: &Judge, now: Timestamp) -> SisterState {
    let feeds: Vec<&Freshness> = KINDS.iter().map(|k| world.feed(FeedId::Watch(*k))).collect();
    let lost = feeds.iter().find_map(|f| match f {
        Freshness::Failed { why, .. } | Freshness::Stale { why, .. } => Some(why.to_string()),
        _ => None,
    });
    if let Some(why) = lost {
        let why = crate::text::clean(&why).into_owned();
        return SisterState::Lost { why, since: now };
    }
    if feeds
        .iter()
        .any(|f| matches!(f, Freshness::Syncing { .. } | Freshness::Off))
    {
        return SisterState::Looking;
    }
    if feeds.iter().all(|f| matches!(f, Freshness::Forbidden { .. })) {
        let why = "nothing of it may be watched".to_owned();
        return SisterState::Lost { why, since: now };
    }
    SisterState::of(judge, world.server_now(now))
}
