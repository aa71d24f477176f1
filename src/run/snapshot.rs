//! `qd snapshot`: the console as it would be drawn once the sources have answered, without a terminal. It is a read-only
//! console like an observer's: it holds no right to change anything, writes no record and tells nobody that it is there.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::cluster::Link;
use super::locks::Locks;
use super::records::Records;
use super::unattended::seen;
use super::{Event, Performer, keymap, runbooks, taste};
use crate::app::msg::Connection;
use crate::app::{Access, App, Msg, Start};
use crate::config::{Color, Loaded};
use crate::feed::Inbox;
use crate::model::{FeedId, Freshness};
use crate::panes::{PaneId, pane};
use crate::theme::{Depth, Theme};

/// As long as the sources may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Signals are judged once a second, and a source's first answer may come in pieces.
const AFTER: Duration = Duration::from_millis(1300);

/// What is wanted.
#[derive(Clone, Copy)]
pub struct View {
    /// This pane on the whole screen; none: the deck.
    pub pane: Option<PaneId>,
    /// Columns and rows.
    pub size: (u16, u16),
}

/// The console, ready to be drawn.
pub struct Shot {
    pub app: App,
    pub theme: Theme,
    pub depth: Depth,
    /// Why it does not show everything; empty when it does.
    pub doubts: Vec<String>,
}

/// Opens the console, waits until every source has answered or the time is up, and hands it over.
///
/// # Errors
/// The configuration permits changes (the caller makes it read-only first), or names a platform that is not there.
pub async fn snapshot(loaded: Loaded, view: View) -> Result<Shot, String> {
    let config = loaded.config;
    if !config.policy.is_read_only() {
        return Err("a picture is taken by a read-only console only".to_owned());
    }
    let (sender, mut events) = mpsc::channel::<Event>(256);
    let target = config.target()?;
    let platform = target.platform.as_deref().and_then(|name| config.platform(name));
    let (mut app, first) = App::new(Start {
        now: Timestamp::now(),
        size: view.size,
        access: Access::ReadOnly {
            why: "a picture".to_owned(),
        },
        keys: keymap(&config).0,
        thresholds: config.signals.clone(),
        books: runbooks(&config).0,
        sources: platform.map(crate::config::Platform::sources).unwrap_or_default(),
        context: target.context.clone(),
        scope: target.scope.clone(),
    });
    if let Some(id) = view.pane {
        app.pane = id;
        app.zoomed = true;
    }
    let inbox = Inbox::new();
    let mut performer = Performer {
        link: Link::new(config.clone(), Some(target), inbox.clone(), sender.clone()),
        sender: sender.clone(),
        logs: HashMap::new(),
        journal_dir: None,
        recorder: None,
        locks: Locks::new(None, &super::person(), crate::journal::session()),
        spool: super::spool::SpoolLine::open(None, sender.clone()),
        quit: false,
        repaint: false,
        copies: Vec::new(),
        suspend: false,
        login: false,
        bell: false,
    };
    // The incident that is open stands on the screen, too.
    let _records = Records::start(config.paths.journal().into_iter().collect(), sender);
    performer.perform(&mut app, first).await;
    let (begun, mut answered) = (Instant::now(), None);
    loop {
        let mut effects = Vec::new();
        tokio::select! {
            Some(event) = events.recv() => effects = performer.take(&mut app, event),
            () = inbox.ready() => if let Some(batch) = inbox.drain() {
                effects = app.update(Msg::World(batch), Timestamp::now());
            },
            () = tokio::time::sleep(Duration::from_millis(200)) => effects = app.update(Msg::Tick, Timestamp::now()),
        }
        performer.perform(&mut app, effects).await;
        if answered.is_none() && settled(&app) {
            answered = Some(Instant::now());
        }
        if answered.is_some_and(|at| at.elapsed() >= AFTER) || begun.elapsed() >= DEADLINE {
            break;
        }
    }
    app.update(Msg::Tick, Timestamp::now());
    // What passes by on its own says nothing in a picture.
    app.toasts.clear();
    let depth = match config.ui.color {
        Color::Auto | Color::Truecolor => Depth::True,
        Color::Ansi256 => Depth::Indexed,
        Color::Ansi16 => Depth::Sixteen,
        Color::Mono => Depth::Mono,
    };
    let doubts = doubts(&app);
    let theme = taste::theme(&config, depth).0;
    Ok(Shot {
        app,
        theme,
        depth,
        doubts,
    })
}

/// Whether everything that is shown was read, or is known not to come.
fn settled(app: &App) -> bool {
    let journal = app.recorded.read;
    let sources = app.sources.iter().all(|id| {
        !matches!(
            app.world.sources.reach.get(id),
            None | Some(Freshness::Off | Freshness::Syncing { .. })
        )
    });
    match &app.connection {
        Connection::Starting | Connection::Connecting { .. } => false,
        Connection::Missing { .. } | Connection::Failed { .. } | Connection::NeedsLogin { .. } => journal && sources,
        Connection::Connected { .. } => {
            let open = |kind| {
                matches!(
                    app.world.feed(FeedId::Watch(kind)),
                    Freshness::Off | Freshness::Syncing { .. }
                )
            };
            let shown = pane(app.pane).wants.iter().chain(pane(app.pane).kinds);
            journal && seen(app) && !shown.copied().any(open)
        }
    }
}

fn doubts(app: &App) -> Vec<String> {
    let mut out = Vec::new();
    match &app.connection {
        Connection::Connected { .. } => {}
        Connection::Missing { what, .. } => out.push(what.clone()),
        Connection::Failed { why, .. } => out.push(why.clone()),
        Connection::NeedsLogin { argv, .. } => out.push(format!("sign in first: {argv}")),
        Connection::Starting | Connection::Connecting { .. } => {
            out.push("the cluster did not answer in time".to_owned());
        }
    }
    out.extend(crate::headless::unknown(&app.world, out.is_empty()));
    out
}
