//! The console without a screen: the same state machine, feeds, pipeline and journal, and somebody in the place of the
//! person who looks and presses keys.

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

/// When whoever is in the person's place is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something happened, or in half a second.
    Wait,
    /// As soon as what was asked for has been begun.
    Again,
    Leave,
}

/// Runs the console until `person` leaves. They are asked from the first look at the platform on, and answer with what
/// the state asked for when they told it something.
///
/// # Errors
/// It could not be begun: one sentence; or what `person` says.
pub async fn without_screen(
    loaded: Loaded,
    mut person: impl FnMut(&mut App) -> Result<(Vec<Effect>, Next), String>,
) -> Result<(), String> {
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
    let mut performer = Performer::new(&config, Some(target), &inbox, &sender);
    let recorder = Recorder::start(sender.clone(), std::sync::Arc::default());
    performer.link.record_with(recorder.clone());
    performer.recorder = Some(recorder.clone());
    performer.perform(&mut app, first).await;
    let give_up = Instant::now() + FIRST_LOOK;
    let (mut begun, mut at_once) = (false, false);
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    loop {
        let mut effects = Vec::new();
        let pause = if at_once { 0 } else { 500 };
        tokio::select! {
            biased;
            _ = &mut interrupted => return Err("interrupted; what was sent goes on, and is on record".to_owned()),
            Some(event) = events.recv() => effects = performer.take(&mut app, event),
            () = inbox.ready() => if let Some(batch) = inbox.drain() {
                effects = app.update(Msg::World(batch), Timestamp::now());
            },
            () = tokio::time::sleep(Duration::from_millis(pause)) => effects = app.update(Msg::Tick, Timestamp::now()),
        }
        performer.perform(&mut app, effects).await;
        begun = begun || can_begin(&app, Instant::now() >= give_up)?;
        if begun {
            let (effects, next) = person(&mut app)?;
            performer.perform(&mut app, effects).await;
            match next {
                Next::Leave => break,
                next => at_once = next == Next::Again,
            }
        }
    }
    let mut in_flight = performer.link.in_flight();
    drop(events);
    let _ = tokio::time::timeout(ANSWER_WITHIN, in_flight.wait_for(|n| *n == 0)).await;
    let _ = tokio::time::timeout(ANSWER_WITHIN, recorder.settled()).await;
    Ok(())
}

/// Whether the platform was looked at once, or `late`, as far as it will be.
fn can_begin(app: &App, late: bool) -> Result<bool, String> {
    match &app.connection {
        Connection::Missing { what, .. } => Err(what.clone()),
        Connection::Failed { why, .. } if late => Err(why.clone()),
        Connection::NeedsLogin { argv, .. } => Err(format!("sign in first: {argv}")),
        Connection::Connected { .. } if seen(app) || late => Ok(true),
        _ if late => Err("the cluster did not answer in time".to_owned()),
        _ => Ok(false),
    }
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
