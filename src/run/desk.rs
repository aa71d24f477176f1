//! The console without a terminal: the same state, the same performer of effects, the same pipeline and journal. Messages
//! come from whoever holds it instead of from keys on a tty.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::recorder::Recorder;
use super::{ANSWER_WITHIN, Event, Performer, keymap, runbooks};
use crate::app::msg::Connection;
use crate::app::{Access, App, Effect, Msg, Start};
use crate::config::Loaded;
use crate::feed::Inbox;
use crate::model::{FeedId, Freshness};

/// As long as the first look at the platform may take.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// How long nothing may happen before a second is told.
const TICK: Duration = Duration::from_millis(500);

/// A console without a terminal.
pub struct Desk {
    pub app: App,
    performer: Performer,
    events: mpsc::Receiver<Event>,
    inbox: Inbox,
    recorder: Recorder,
}

impl Desk {
    /// Opens it as the configuration says, and begins to connect.
    ///
    /// # Errors
    /// The configuration names no platform: one sentence.
    pub async fn open(loaded: Loaded) -> Result<Self, String> {
        let config = loaded.config;
        let (sender, events) = mpsc::channel::<Event>(256);
        let target = config.target()?;
        let access = if config.policy.is_read_only() {
            Access::ReadOnly {
                why: format!("set by {}", config.origin("policy.read_only")),
            }
        } else {
            Access::Operator
        };
        let platform = target.platform.as_deref().and_then(|name| config.platform(name));
        let (app, first) = App::new(Start {
            now: Timestamp::now(),
            size: (80, 24),
            access,
            keys: keymap(&config).map,
            thresholds: config.signals.clone(),
            books: runbooks(&config).0,
            sources: platform.map(crate::config::Platform::sources).unwrap_or_default(),
            context: target.context.clone(),
            scope: target.scope.clone(),
        });
        let inbox = Inbox::new();
        let mut performer = Performer::new(&config, Some(target), &inbox, &sender);
        let recorder = Recorder::start(sender, std::sync::Arc::default());
        performer.link.record_with(recorder.clone());
        performer.recorder = Some(recorder.clone());
        let mut desk = Self {
            app,
            performer,
            events,
            inbox,
            recorder,
        };
        desk.perform(first).await;
        Ok(desk)
    }

    /// Takes in the next thing that happens; a tick, when nothing does.
    pub async fn turn(&mut self) {
        let effects = tokio::select! {
            biased;
            Some(event) = self.events.recv() => self.performer.take(&mut self.app, event),
            () = self.inbox.ready() => match self.inbox.drain() {
                Some(batch) => self.app.update(Msg::World(batch), Timestamp::now()),
                None => Vec::new(),
            },
            () = tokio::time::sleep(TICK) => self.app.update(Msg::Tick, Timestamp::now()),
        };
        self.perform(effects).await;
    }

    /// Tells the console something, at that time.
    pub async fn tell(&mut self, msg: Msg, at: Timestamp) {
        let effects = self.app.update(msg, at);
        self.perform(effects).await;
    }

    /// Performs what the console asked for.
    pub async fn perform(&mut self, effects: Vec<Effect>) {
        self.performer.perform(&mut self.app, effects).await;
    }

    /// Waits until what signals and facts rest on was read, or is known not to come.
    ///
    /// # Errors
    /// There is no connection: one sentence.
    pub async fn look(&mut self) -> Result<(), String> {
        let give_up = Instant::now() + FIRST_LOOK;
        loop {
            self.turn().await;
            let late = Instant::now() >= give_up;
            match &self.app.connection {
                Connection::Missing { what, .. } => return Err(what.clone()),
                Connection::Failed { why, .. } if late => return Err(why.clone()),
                Connection::NeedsLogin { argv, .. } => return Err(format!("sign in first: {argv}")),
                Connection::Connected { .. } if self.seen() || late => return Ok(()),
                _ if late => return Err("the cluster did not answer in time".to_owned()),
                _ => {}
            }
        }
    }

    /// Whether what signals and facts rest on was read, or is known not to come.
    pub fn seen(&self) -> bool {
        let open = |freshness: Option<&Freshness>| {
            matches!(freshness, None | Some(Freshness::Off | Freshness::Syncing { .. }))
        };
        let world = &self.app.world;
        let watches = crate::signal::KINDS
            .iter()
            .all(|kind| !open(Some(world.feed(FeedId::Watch(*kind)))));
        let sources = self.app.sources.iter().all(|id| match world.sources.reach.get(id) {
            // That it answers is told before what it says.
            Some(Freshness::Fresh) => world.sources.has(id),
            reach => !open(reach),
        });
        watches && sources
    }

    /// Ends it, and hands over what it knows.
    pub fn into_app(self) -> App {
        self.app
    }

    /// Lets go: nothing more is sent, and what was gets its answer on record, if it comes in time. Of how many changes
    /// it was waited for, and of how many it did not come.
    pub async fn close(self) -> (usize, usize) {
        let mut in_flight = self.performer.link.wind_up();
        drop(self.events);
        let sent = in_flight.borrow().len();
        let _ = tokio::time::timeout(ANSWER_WITHIN, in_flight.wait_for(Vec::is_empty)).await;
        let _ = tokio::time::timeout(ANSWER_WITHIN, self.recorder.settled()).await;
        let open = in_flight.borrow().len();
        (sent, open)
    }

    /// Waits until everything so far is on record.
    pub async fn recorded(&self) {
        let _ = tokio::time::timeout(ANSWER_WITHIN, self.recorder.settled()).await;
    }
}
