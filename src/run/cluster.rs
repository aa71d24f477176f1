//! The way to one cluster: connecting, feeds, plans, executions, reads. What it hears comes back as events.

mod carry;
mod journal;
mod places;
mod streams;

pub(super) use places::class_of;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use super::Event;
use super::reads::answer;
use super::recorder::Recorder;
use super::same_server::platforms_at;
use super::sources::{Means, Sources};
use crate::action::{ActionId, Actor, Class, Freeze, Planner, Policy, Reach, Stops, WriteGrant};
use crate::app::msg::{Connection, Fetch, Wanted};
use crate::app::{Msg, Notice, Token};
use crate::config::{Config, Target};
use crate::feed::Inbox;
use crate::feed::kube::{self as feed, Cluster, ConnectError, ContextChoice, Demand, Feeds, Login, SignedIn};
use crate::journal::{Entry, Journal, Mode, RecordKind, Who};
use crate::model::{Place, Scope};

/// The answer to a connection attempt; of an older attempt than the newest it is dropped.
pub struct LinkEvent {
    attempt: u64,
    what: What,
}

enum What {
    /// The cluster, and the platforms that its server is.
    Connected(Box<Cluster>, Vec<String>),
    Refused(Box<ConnectError>),
    User(String),
    Again,
}

/// One platform's connection.
pub struct Link {
    config: Config,
    target: Target,
    /// The contexts that were connected, and as which platform.
    visited: BTreeMap<String, Option<String>>,
    /// The last of them.
    here: Option<String>,
    inbox: Inbox,
    sender: mpsc::Sender<Event>,
    grant: Option<Arc<WriteGrant>>,
    attempt: u64,
    cluster: Option<Cluster>,
    /// What that cluster's server is by the configuration.
    platforms: Vec<String>,
    feeds: Option<Feeds>,
    demand: watch::Sender<Demand>,
    sources: Option<Sources>,
    /// How they are reached, for plans, changes and what is asked once.
    reach: Reach,
    wanted: Wanted,
    planner: Option<Planner>,
    actor: Option<Actor>,
    /// What every actor of this console looks at.
    stops: Stops,
    journal: Option<Arc<Journal>>,
    /// The incident that is open; empty: none.
    incident: String,
    recorder: Option<Recorder>,
    login: Option<Login>,
    signed_in: Option<SignedIn>,
    /// Changes that were confirmed and of which not everything is on record yet.
    in_flight: watch::Sender<Vec<ActionId>>,
}

/// `platforms`: what the place is by the configuration.
fn class(config: &Config, place: &Place, platforms: &[String]) -> Class {
    config.class(platforms, &place.context, &place.server).into()
}

impl Link {
    pub const fn config(&self) -> &Config {
        &self.config
    }

    pub fn new(config: Config, target: Option<Target>, inbox: Inbox, sender: mpsc::Sender<Event>) -> Self {
        // The one place where the right to write is made.
        let grant = WriteGrant::at_start(config.policy.is_read_only()).map(Arc::new);
        Self {
            config,
            target: target.unwrap_or_default(),
            visited: BTreeMap::new(),
            here: None,
            inbox,
            sender,
            grant,
            attempt: 0,
            cluster: None,
            platforms: Vec::new(),
            feeds: None,
            demand: watch::Sender::new(Demand::default()),
            sources: None,
            reach: Reach::default(),
            wanted: Wanted::default(),
            planner: None,
            actor: None,
            stops: Stops::default(),
            journal: None,
            incident: String::new(),
            recorder: None,
            login: None,
            signed_in: None,
            in_flight: watch::Sender::default(),
        }
    }

    pub fn kubeconfig(&self) -> Option<PathBuf> {
        self.target.kubeconfig.clone()
    }

    /// The right to change anything; `None` in a read-only console.
    pub fn grant(&self) -> Option<&WriteGrant> {
        self.grant.as_deref()
    }

    /// Whether anything was written, or could have been.
    pub const fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// When nothing may be changed at the place that is open.
    pub fn freezes(&self) -> Vec<Freeze> {
        self.planner.as_ref().map_or_else(Vec::new, |p| p.policy.freeze.clone())
    }

    pub fn want(&mut self, wanted: Wanted) {
        if let Some(sources) = &self.sources {
            sources.want(&wanted);
        }
        self.wanted = wanted.clone();
        self.demand.send_if_modified(|d| {
            let new = Demand {
                kinds: wanted.kinds,
                metrics: wanted.metrics,
            };
            let changed = d.kinds != new.kinds || d.metrics != new.metrics;
            *d = new;
            changed
        });
    }

    fn dial(&mut self) {
        self.attempt += 1;
        let attempt = self.attempt;
        let choice = ContextChoice {
            kubeconfig: self.target.kubeconfig.clone(),
            context: self.target.context.clone(),
            scope: self.target.scope.clone(),
            platform: self.target.platform.clone(),
            signed_in: self.signed_in.take(),
        };
        let access = if self.grant.is_some() {
            feed::Access::Operator
        } else {
            feed::Access::ReadOnly
        };
        let (sender, config) = (self.sender.clone(), self.config.clone());
        tokio::spawn(async move {
            let what = match feed::connect(choice, access).await {
                Ok(cluster) => {
                    let platforms = platforms_at(&config, &cluster).await;
                    What::Connected(Box::new(cluster), platforms)
                }
                Err(why) => What::Refused(Box::new(why)),
            };
            let _ = sender.send(Event::Link(LinkEvent { attempt, what })).await;
        });
    }

    /// Looks at the sources beside Kubernetes now.
    pub fn look_again(&self) {
        if let Some(sources) = &self.sources {
            sources.look_again();
        }
    }

    pub async fn retry(&mut self) {
        self.look_again();
        match &self.feeds {
            Some(feeds) => feeds.wake().await,
            None => self.dial(),
        }
    }

    /// Runs the credential plugin attached to the terminal. The screen is suspended meanwhile.
    pub async fn login(&mut self) {
        if let Some(login) = self.login.take() {
            match login.run_attached().await {
                Ok(signed_in) => self.signed_in = Some(signed_in),
                Err(why) => {
                    let notice = Msg::Notice(Notice::error(format!("not signed in: {why}")));
                    let _ = self.sender.send(Event::Msg(notice)).await;
                    self.login = Some(login);
                    return;
                }
            }
            self.dial();
        }
    }

    pub fn take(&mut self, event: LinkEvent, journal_dir: Option<PathBuf>) -> Vec<Msg> {
        if event.attempt != self.attempt {
            return Vec::new();
        }
        match event.what {
            What::Connected(cluster, platforms) => {
                self.platforms = platforms;
                self.connected(*cluster, journal_dir)
            }
            What::Refused(why) => vec![self.refused(*why)],
            What::Again => {
                self.dial();
                Vec::new()
            }
            What::User(user) => {
                if let Some(planner) = &mut self.planner {
                    planner.user.clone_from(&user);
                }
                if let Some(actor) = &mut self.actor {
                    actor.set_user(&user);
                }
                vec![Msg::WhoAmI(user)]
            }
        }
    }

    fn connected(&mut self, cluster: Cluster, journal_dir: Option<PathBuf>) -> Vec<Msg> {
        let place = cluster.place().clone();
        self.here = Some(place.context.clone());
        self.visited.insert(place.context.clone(), self.target.platform.clone());
        let class = class(&self.config, &place, &self.platforms);
        self.feeds = Some(Feeds::start(
            cluster.clone(),
            place.scope.clone(),
            self.inbox.clone(),
            self.demand.subscribe(),
        ));
        // After the feeds: they begin a new time, and what older ones still say is not heard.
        self.start_sources(Some(cluster.clone()));
        let planner = Planner {
            reader: cluster.reader().clone(),
            place: place.clone(),
            class,
            user: cluster.user().to_owned(),
            policy: Policy::of(&self.config.policy, &self.platforms),
            sources: self.reach.clone(),
        };
        let mut msgs = vec![Msg::Connection(Connection::Connected {
            place: place.clone(),
            class,
        })];
        if let Some(grant) = self.grant.clone() {
            let who = Who::here(cluster.user(), Mode::Live);
            let opened = journal_dir
                .ok_or_else(|| "there is no state folder: set XDG_STATE_HOME or HOME".to_owned())
                .and_then(|dir| Journal::open(&dir, who).map_err(|e| e.to_string()));
            match opened {
                Ok(journal) => {
                    journal.set_incident(&self.incident);
                    let mut entry = Entry::new(RecordKind::SessionStart, "session");
                    entry.reason = format!("{} on {}", place.context, place.server);
                    if let Some(recorder) = &self.recorder {
                        recorder.write(Arc::new(journal.clone()), entry);
                    }
                    self.journal = Some(Arc::new(journal.clone()));
                    self.actor = cluster
                        .act_client(&grant)
                        .map(|act| Actor::new(&grant, planner.clone(), act, journal).with_stops(self.stops.clone()));
                    msgs.push(Msg::JournalBroken(None));
                }
                Err(why) => msgs.push(Msg::JournalBroken(Some(why))),
            }
        }
        self.planner = Some(planner);
        let (asker, sender, attempt) = (cluster.clone(), self.sender.clone(), self.attempt);
        tokio::spawn(async move {
            let user = match feed::access::who_am_i(&asker).await {
                Ok(Some(identity)) => identity.user,
                _ => asker.user().to_owned(),
            };
            let _ = sender
                .send(Event::Link(LinkEvent {
                    attempt,
                    what: What::User(user),
                }))
                .await;
        });
        self.cluster = Some(cluster);
        msgs
    }

    /// Starts the platform's other sources: with a way through the cluster, or for now without one.
    fn start_sources(&mut self, cluster: Option<Cluster>) {
        let means = Means::here(cluster, self.grant.clone());
        self.reach = self.ways(&means);
        let Some(platform) = self.platform() else { return };
        let sources = Sources::start(platform, &means, &self.inbox);
        sources.want(&self.wanted);
        self.sources = Some(sources);
    }

    /// Says what is missing, and tries again in a while.
    fn refused(&mut self, why: ConnectError) -> Msg {
        // A database can be looked at without a cluster.
        if self.sources.is_none() {
            self.start_sources(None);
        }
        let again = Duration::from_secs(5);
        let (sender, attempt) = (self.sender.clone(), self.attempt);
        let needs_person = matches!(why, ConnectError::NeedsPerson { .. });
        if !needs_person {
            tokio::spawn(async move {
                tokio::time::sleep(again).await;
                let _ = sender
                    .send(Event::Link(LinkEvent {
                        attempt,
                        what: What::Again,
                    }))
                    .await;
            });
        }
        let retry_at = Timestamp::now()
            .checked_add(SignedDuration::from_secs(5))
            .unwrap_or_else(|_| Timestamp::now());
        let text = why.to_string();
        match why {
            ConnectError::NeedsPerson { login, .. } => {
                let argv = login.argv().join(" ");
                self.login = Some(login);
                let context = self.target.context.clone().unwrap_or_default();
                let scope = self.target.scope.clone().unwrap_or(Scope::All);
                let place = Place {
                    platform: context.clone(),
                    context,
                    server: String::new(),
                    scope,
                };
                Msg::Connection(Connection::NeedsLogin { place, argv })
            }
            ConnectError::Source(_) => Msg::Connection(Connection::Missing {
                what: text,
                hint: "It is looked for again every 5 s; qd demo shows the console at work.".to_owned(),
            }),
            ConnectError::Credentials { .. } => Msg::Connection(Connection::Failed {
                place: None,
                why: text,
                hint: "Tried again in 5 s.".to_owned(),
                retry_at,
            }),
        }
    }

    pub fn fetch(&self, token: Token, what: Fetch) {
        let (cluster, actor, reach, sender) = (
            self.cluster.clone(),
            self.actor.clone(),
            self.reach.clone(),
            self.sender.clone(),
        );
        tokio::spawn(async move {
            let answer = answer(cluster, actor, &reach, what).await;
            let _ = sender.send(Event::Msg(Msg::Fetched(token, answer))).await;
        });
    }
}
