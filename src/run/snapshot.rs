//! `qd snapshot`: the console as it would be drawn once the sources have answered, without a terminal. It is a read-only
//! console like an observer's: it holds no right to change anything, writes no record and tells nobody that it is there.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::desk::Desk;
use super::taste;
use crate::app::msg::Connection;
use crate::app::{App, Msg};
use crate::config::{Color, Loaded};
use crate::journal::Tail;
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
pub async fn snapshot(mut loaded: Loaded, view: View) -> Result<Shot, String> {
    if !loaded.config.policy.is_read_only() {
        return Err("a picture is taken by a read-only console only".to_owned());
    }
    // Nobody is told of somebody who is gone in a second.
    loaded.config.spool.path = None;
    let config = loaded.config.clone();
    let mut desk = Box::pin(Desk::open(loaded)).await?;
    let (columns, rows) = view.size;
    if let Some(id) = view.pane {
        desk.app.pane = id;
        desk.app.zoomed = true;
    }
    desk.tell(Msg::Resize(columns, rows), Timestamp::now()).await;
    // The incident that is open stands on the screen, too.
    let places: Vec<_> = config.paths.journal().into_iter().collect();
    let news = tokio::task::spawn_blocking(move || Tail::new(places).look());
    if let Ok(news) = news.await {
        desk.tell(Msg::Journal(news), Timestamp::now()).await;
    }
    let (begun, mut answered) = (Instant::now(), None);
    while answered.is_none_or(|at: Instant| at.elapsed() < AFTER) && begun.elapsed() < DEADLINE {
        desk.turn().await;
        if answered.is_none() && settled(&desk) {
            answered = Some(Instant::now());
        }
    }
    let mut app = desk.into_app();
    app.update(Msg::Tick, Timestamp::now());
    // What passes by on its own says nothing in a picture.
    app.toasts.clear();
    let depth = match config.ui.color {
        Color::Auto | Color::Truecolor => Depth::True,
        Color::Ansi256 => Depth::Indexed,
        Color::Ansi16 => Depth::Sixteen,
        Color::Mono => Depth::Mono,
    };
    let mut doubts = doubts(&app);
    let (theme, notices) = taste::theme(&config, &config.ui.theme, depth, None);
    // A picture in other colours than those that were asked for is not what was asked for.
    doubts.extend(notices.into_iter().map(|n| n.text));
    Ok(Shot {
        app,
        theme,
        depth,
        doubts,
    })
}

/// Whether everything that is shown was read, or is known not to come.
fn settled(desk: &Desk) -> bool {
    let app = &desk.app;
    match &app.connection {
        Connection::Starting | Connection::Connecting { .. } => false,
        Connection::Missing { .. } | Connection::Failed { .. } | Connection::NeedsLogin { .. } => {
            let open =
                |state: Option<&Freshness>| matches!(state, None | Some(Freshness::Off | Freshness::Syncing { .. }));
            !app.sources.iter().any(|id| open(app.world.sources.reach.get(id)))
        }
        Connection::Connected { .. } => {
            let open = |kind| {
                matches!(
                    app.world.feed(FeedId::Watch(kind)),
                    Freshness::Off | Freshness::Syncing { .. }
                )
            };
            let shown = pane(app.pane).wants.iter().chain(pane(app.pane).kinds);
            desk.seen() && !shown.copied().any(open)
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
