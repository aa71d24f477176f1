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
                // Each feed notices it at its own moment, and each try fails in its own words.
                (Some(SisterState::Stale { worst: a, .. }), SisterState::Stale { worst: b, .. }) => a == b,
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
    let why = |why: &str| crate::text::clean(why).into_owned();
    for feed in &feeds {
        match feed {
            Freshness::Failed { why: text, .. } => {
                return SisterState::Lost {
                    why: why(text),
                    since: now,
                };
            }
            Freshness::Stale { why: text, since, .. } => {
                return SisterState::stale(judge, world.server_now(now), why(text), *since);
            }
            _ => {}
        }
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::{File, Inputs};
    use crate::signal::Severity;
    use crate::sim::demo::{self, Demo};

    async fn platform(name: &'static str, calm: bool) -> Demo {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = demo::Options {
            name: Some(name),
            calm,
            ..demo::Options::default()
        };
        demo::start(options).await.unwrap()
    }

    /// All of them in one configuration, and one whose kubeconfig names a port where nobody listens.
    fn config(home: &std::path::Path, platforms: &[&Demo]) -> Config {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let there = platforms.first().unwrap();
        let kubeconfig = std::fs::read_to_string(there.kubeconfig()).unwrap();
        let away = kubeconfig.replace(&there.server().address().to_string(), &free.to_string());
        let gone = home.join("gone");
        std::fs::write(&gone, away).unwrap();
        let texts = platforms.iter().map(|d| std::fs::read_to_string(d.config()).unwrap());
        let mut text = format!("[ui]\nfleet = true\n{}", texts.collect::<Vec<_>>().join("\n"));
        let gone = format!(
            "\n[[platform]]\nname = 'gone'\ncontext = 'eu'\nclassify = 'staging'\nkubeconfig = {:?}\n",
            gone.display().to_string()
        );
        text.push_str(&gone);
        let loaded = Config::load(&Inputs {
            user: Some(File {
                path: home.join("qd.toml"),
                text: Ok(Some(text)),
            }),
            ..Inputs::default()
        });
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        loaded.config
    }

    /// What the console is told, until it is so. Every word about a platform goes through `each`.
    async fn until(
        told: &mut mpsc::Receiver<Event>,
        each: impl Fn(&Sister),
        is_so: impl Fn(&BTreeMap<&str, &SisterState>) -> bool,
    ) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut last = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = tokio::time::timeout(left, told.recv()).await;
            let Ok(Some(Event::Msg(Msg::Fleet(sisters)))) = event else {
                panic!("it stayed at {last:?}");
            };
            sisters.iter().for_each(&each);
            let by_name = sisters.iter().map(|s| (s.name.as_str(), &s.state)).collect();
            if is_so(&by_name) {
                return;
            }
            last = sisters;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_platform_tells_its_own_worst_and_what_is_stale_or_not_reached_is_said_to_be_so() {
        let (eu, us) = tokio::join!(platform("eu", true), platform("us", false));
        let home = tempfile::tempdir().unwrap();
        let (sender, mut told) = mpsc::channel(64);
        let mut fleet = Fleet::new(&config(home.path(), &[&eu, &us]), sender);
        fleet.follow(None);
        // Nothing of one is ever told of another: only in `us` something is wrong.
        let own = |s: &Sister| match &s.state {
            SisterState::Seen { worst: Some(w), .. } | SisterState::Stale { worst: Some(w), .. } => {
                assert_eq!(s.name, "us", "{w:?}");
            }
            _ => {}
        };
        until(&mut told, own, |seen| {
            let names: Vec<&str> = seen.keys().copied().collect();
            assert_eq!(names, ["eu", "gone", "us"]);
            matches!(seen["gone"], SisterState::Lost { .. })
                && matches!(seen["eu"], SisterState::Seen { worst: None, .. })
                && matches!(
                    seen["us"],
                    SisterState::Seen {
                        worst: Some((Severity::Critical, _)),
                        ..
                    }
                )
        })
        .await;
        us.server().stop().await;
        until(&mut told, own, |seen| {
            assert!(!matches!(seen["us"], SisterState::Lost { .. }), "it was reached before");
            let stale = matches!(
                seen["us"],
                SisterState::Stale {
                    worst: Some((Severity::Critical, _)),
                    ..
                }
            );
            assert!(!stale || seen["us"].words().starts_with("stale since "));
            stale
        })
        .await;
        // On a platform its own line goes, with all that it said.
        fleet.follow(Some("us"));
        until(&mut told, own, |seen| {
            matches!(seen.keys().copied().collect::<Vec<_>>()[..], ["eu", "gone"])
        })
        .await;
        assert_eq!(
            (eu.server().requests().mutating(), us.server().requests().mutating()),
            (0, 0)
        );
    }
}
