//! `qd runbook run`: the same state machine, pipeline and journal as behind the screen, without one.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::cluster::Link;
use super::locks::Locks;
use super::recorder::Recorder;
use super::{ANSWER_WITHIN, Event, Performer, keymap, runbooks};
use crate::app::msg::Connection;
use crate::app::unattended::{End, Leave, Unattended};
use crate::app::{Access, App, Msg, Start};
use crate::config::Loaded;
use crate::feed::Inbox;
use crate::model::{FeedId, Freshness};

/// As long as the first look at the platform may take.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// What is run.
pub struct Wish {
    pub book: String,
    /// What it is about, as parameters are written.
    pub on: Option<String>,
    pub leave: Leave,
}

/// Runs a runbook to its end; `say` gets an object a line.
///
/// # Errors
/// It could not be begun: one sentence.
pub async fn unattended(loaded: Loaded, wish: Wish, mut say: impl FnMut(&Value)) -> Result<End, String> {
    let config = loaded.config;
    let (sender, mut events) = mpsc::channel::<Event>(256);
    let target = config.target()?;
    let access = if config.policy.is_read_only() {
        Access::ReadOnly {
            why: format!("set by {}", config.origin("policy.read_only")),
        }
    } else {
        Access::Operator
    };
    let platform = target.platform.as_deref().and_then(|name| config.platform(name));
    let (mut app, first) = App::new(Start {
        now: Timestamp::now(),
        size: (80, 24),
        access,
        keys: keymap(&config).0,
        thresholds: config.signals.clone(),
        books: runbooks(&config).0,
        sources: platform.map(crate::config::Platform::sources).unwrap_or_default(),
        context: target.context.clone(),
        scope: target.scope.clone(),
    });
    let inbox = Inbox::new();
    let mut performer = Performer {
        link: Link::new(config.clone(), Some(target), inbox.clone(), sender.clone()),
        sender: sender.clone(),
        logs: HashMap::new(),
        journal_dir: config.paths.journal(),
        recorder: None,
        locks: Locks::new(
            config.paths.state.clone().filter(|_| !config.policy.is_read_only()),
            &super::person(),
            crate::journal::session(),
        ),
        spool: super::spool::SpoolLine::open(config.spool.path.as_deref(), sender.clone()),
        quit: false,
        repaint: false,
        copies: Vec::new(),
        pager: None,
        exec: None,
        mouse: None,
        suspend: false,
        login: false,
        bell: false,
    };
    let recorder = Recorder::start(sender.clone(), std::sync::Arc::default());
    performer.link.record_with(recorder.clone());
    performer.recorder = Some(recorder.clone());
    performer.perform(&mut app, first).await;
    let give_up = Instant::now() + FIRST_LOOK;
    let mut begun: Option<Unattended> = None;
    let mut leave = Some((wish.book, wish.on, wish.leave));
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let end = loop {
        let mut effects = Vec::new();
        tokio::select! {
            biased;
            _ = &mut interrupted => return Err("interrupted; what was sent goes on, and is on record".to_owned()),
            Some(event) = events.recv() => effects = performer.take(&mut app, event),
            () = inbox.ready() => if let Some(batch) = inbox.drain() {
                effects = app.update(Msg::World(batch), Timestamp::now());
            },
            () = tokio::time::sleep(Duration::from_millis(500)) => effects = app.update(Msg::Tick, Timestamp::now()),
        }
        performer.perform(&mut app, effects).await;
        if begun.is_none() {
            let late = Instant::now() >= give_up;
            match &app.connection {
                Connection::Missing { what, .. } => return Err(what.clone()),
                Connection::Failed { why, .. } if late => return Err(why.clone()),
                Connection::NeedsLogin { argv, .. } => return Err(format!("sign in first: {argv}")),
                Connection::Connected { .. } if seen(&app) || late => {
                    let Some((book, on, leave)) = leave.take() else {
                        continue;
                    };
                    let (run, effects) = Unattended::start(&mut app, &book, on.as_deref(), leave)?;
                    performer.perform(&mut app, effects).await;
                    begun = Some(run);
                }
                _ if late => return Err("the cluster did not answer in time".to_owned()),
                _ => {}
            }
        }
        if let Some(run) = &mut begun {
            let turn = run.turn(&mut app);
            turn.lines.iter().for_each(&mut say);
            performer.perform(&mut app, turn.effects).await;
            if let Some(end) = turn.end {
                break end;
            }
        }
    };
    let mut in_flight = performer.link.in_flight();
    drop(events);
    let _ = tokio::time::timeout(ANSWER_WITHIN, in_flight.wait_for(|n| *n == 0)).await;
    let _ = tokio::time::timeout(ANSWER_WITHIN, recorder.settled()).await;
    Ok(end)
}

/// Whether what signals and facts rest on was read, or is known not to come.
fn seen(app: &App) -> bool {
    let open =
        |freshness: Option<&Freshness>| matches!(freshness, None | Some(Freshness::Off | Freshness::Syncing { .. }));
    let watches = crate::signal::KINDS
        .iter()
        .all(|kind| !open(Some(app.world.feed(FeedId::Watch(*kind)))));
    let sources = app.sources.iter().all(|id| !open(app.world.sources.reach.get(id)));
    watches && sources
}
