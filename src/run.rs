//! The loop: what happens goes into [`App::update`], and what that asks for is performed. The only place that spawns
//! tasks; drawing happens once after everything that was ready has been taken in.

mod attached;
mod cluster;
mod desk;
mod exec;
mod fleet;
mod locks;
mod memory;
mod performer;
mod reads;
mod recorder;
mod records;
mod report;
mod same_server;
mod screen;
mod snapshot;
pub(crate) mod sources;
mod spool;
mod taste;
mod unattended;

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::app::{Access, App, Msg, Notice, Start};
use crate::config::Loaded;
use crate::feed::Inbox;
use attached::Attached;
use cluster::LinkEvent;
pub use desk::Desk;
use fleet::Fleet;
use performer::Performer;
use recorder::Recorder;
use records::Records;
pub use same_server::platforms_at;
use screen::Painter;
pub use snapshot::{Shot, View, snapshot};
pub use taste::{Keys, keymap, looks, theme_of as theme};
pub use unattended::{Wish, unattended};

/// How long a change that was sent may take to have its result on record: its own deadline, and the looks after it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often the screen is drawn while it has no rows at all: often enough that the first come at once.
const FIRST_ROWS: Duration = Duration::from_millis(20);

/// How many rows are taken in before a key is looked for again.
const PIECE: usize = 1024;

/// Something for the loop.
#[allow(clippy::large_enum_variant)] // few are in flight
pub(crate) enum Event {
    Msg(Msg),
    Link(LinkEvent),
}

/// Runs the console until somebody leaves it. `passing`: the servers end with it.
///
/// # Errors
/// When there is no terminal to draw on.
pub async fn console(loaded: Loaded, passing: bool) -> anyhow::Result<()> {
    let config = loaded.config;
    let read_only = config.policy.is_read_only();
    let (sender, mut events) = mpsc::channel::<Event>(256);
    // Before anything is switched on in the terminal: a signal must not end the process with it still on.
    let mut signals = screen::Signals::new()?;
    let (mut painter, theme_problems) = Painter::enter(&config)?;
    let Keys {
        map: keys,
        notices: key_notices,
        ..
    } = keymap(&config);
    let mut notices = in_one(
        loaded.problems.iter().map(|p| Notice::error(p.to_string())).collect(),
        &config,
    );
    notices.extend(in_one(theme_problems, &config));
    notices.extend(in_one(key_notices, &config));
    let target = config.target();
    let (context, scope) = match &target {
        Ok(t) => (t.context.clone(), t.scope.clone()),
        Err(why) => {
            notices.push(Notice::error(why.clone()));
            (None, None)
        }
    };
    let access = if read_only {
        Access::ReadOnly {
            why: format!("set by {}", config.origin("policy.read_only")),
        }
    } else {
        Access::Operator
    };
    let (mut app, first) = App::new(Start {
        now: Timestamp::now(),
        size: painter.size(),
        access,
        keys,
        thresholds: config.signals.clone(),
        // Read once the first frame is on the screen.
        books: crate::runbook::library::Library::default(),
        sources: target
            .as_ref()
            .ok()
            .and_then(|t| config.platform(t.platform.as_deref()?))
            .map(crate::config::Platform::sources)
            .unwrap_or_default(),
        context,
        scope,
    });
    for notice in notices {
        app.update(Msg::Notice(notice), Timestamp::now());
    }
    app.recall(memory::recall(config.paths.journal().as_deref()));
    app.seat.mouse = config.ui.mouse;
    app.seat.exec = config.policy.exec();
    app.seat.passing = passing;
    person().clone_into(&mut app.recorded.me);
    app.taste = taste::taste(&config, painter.is_remote());
    app.recorded.service.clone_from(&config.incident.service);
    app.recorded.levels = config.incident.levels.clone();
    app.break_glass = config.policy.break_glass;
    let inbox = Inbox::new();
    let mut performer = Performer::new(&config, target.ok(), &inbox, &sender);
    if let Some(path) = config.follow.clone() {
        app.follow_recorded();
        spool::follow_file(path, sender.clone());
    }
    painter.draw(&mut app)?;
    // Who follows a file has its timeline, too.
    let places = config.paths.journal().into_iter().chain(config.follow.clone());
    let records = Records::start(places.collect(), sender.clone());
    let recorder = Recorder::start(sender, records.wake());
    performer.link.record_with(recorder.clone());
    performer.recorder = Some(recorder);
    let (books, troubles) = runbooks(&config);
    app.books = books;
    for notice in troubles {
        app.update(Msg::Notice(notice), Timestamp::now());
    }
    performer.perform(&mut app, first).await;
    let mut fleet = Fleet::new(&config, performer.sender.clone());
    let mut attached: Option<Attached> = None;
    let mut last_data = tokio::time::Instant::now();
    // Something that a person did is not on the screen yet.
    let mut urgent = false;
    while !performer.quit {
        fleet.follow(performer.link.open_platform());
        let now = Timestamp::now();
        let tick = app
            .next_tick()
            .duration_since(now)
            .max(jiff::SignedDuration::from_millis(50))
            .unsigned_abs();
        // Data waits for its interval; keys do not, and neither do the first rows.
        let interval = if app.has_rows() { painter.interval() } else { FIRST_ROWS };
        let data_due = last_data + interval;
        let mut effects = Vec::new();
        tokio::select! {
            biased;
            signal = signals.next() => {
                match signal {
                    screen::Seen::Resize => {
                        let (w, h) = painter.resized();
                        effects = app.update(Msg::Resize(w, h), Timestamp::now());
                    }
                    // Ctrl-C in the pager or the shell is theirs.
                    screen::Seen::Interrupt if attached.is_some() => {}
                    screen::Seen::Leave | screen::Seen::Interrupt => {
                        effects = app.update(Msg::Terminate, Timestamp::now());
                    }
                    // What has the terminal was stopped with us, and goes on with us.
                    screen::Seen::Stop if attached.is_some() => Painter::stop_beneath(),
                    screen::Seen::Stop => performer.suspend = true,
                    screen::Seen::Continue => performer.repaint = true,
                }
            }
            ended = attached::end_of(&mut attached) => {
                painter.resume();
                performer.repaint = true;
                let (w, h) = painter.resized();
                app.update(Msg::Resize(w, h), Timestamp::now());
                let said = match attached.take() {
                    Some(program) => program.said_at_end(ended).await,
                    None => None,
                };
                if let Some(notice) = said {
                    effects = app.update(Msg::Notice(notice), Timestamp::now());
                }
            }
            inputs = painter.input(&app), if attached.is_none() => {
                match inputs {
                    Ok(inputs) => for msg in inputs {
                        urgent = true;
                        // For the test of what a panic leaves behind; a release does not have it.
                        #[cfg(debug_assertions)]
                        fault_for_test();
                        effects.extend(app.update(msg, Timestamp::now()));
                    },
                    // The terminal is gone: leave as for a hang-up.
                    Err(_) => effects = app.update(Msg::Terminate, Timestamp::now()),
                }
            }
            Some(event) = events.recv() => {
                effects = performer.take(&mut app, event);
                while let Ok(event) = events.try_recv() {
                    effects.extend(performer.take(&mut app, event));
                }
            }
            () = async { tokio::time::sleep_until(data_due).await; inbox.ready().await; } => {
                if let Some(batch) = inbox.drain_some(PIECE) {
                    // The rest of many rows follows at once, but behind the keys.
                    if batch.changes.len() < PIECE {
                        last_data = tokio::time::Instant::now();
                    }
                    effects = app.update(Msg::World(batch), Timestamp::now());
                }
            }
            () = tokio::time::sleep(tick) => effects = app.update(Msg::Tick, Timestamp::now()),
        }
        performer.perform(&mut app, effects).await;
        performer.spool.show(&app);
        if attached.is_none() {
            match attached::lend(&mut painter, &mut performer, &app).await {
                Some(Ok(program)) => attached = Some(program),
                Some(Err(why)) => {
                    painter.resume();
                    performer.repaint = true;
                    app.update(Msg::Notice(Notice::error(why)), Timestamp::now());
                }
                None => {}
            }
        }
        if attached.is_some() {
            // The terminal is another's: what is to be drawn is drawn once it is ours again.
            performer.repaint = false;
            continue;
        }
        if let Some(on) = performer.mouse.take() {
            painter.mouse(on);
        }
        if performer.login {
            performer.login = false;
            painter.suspend();
            performer.link.login().await;
            painter.resume();
            performer.repaint = true;
        }
        if std::mem::take(&mut performer.suspend) {
            painter.stop();
            performer.repaint = true;
        }
        if std::mem::take(&mut performer.repaint) {
            painter.repaint();
            app.dirty = true;
        }
        for text in std::mem::take(&mut performer.copies) {
            if let Err(why) = painter.copy(&text) {
                app.update(
                    Msg::Notice(Notice::error(format!("not copied: {why}"))),
                    Timestamp::now(),
                );
            }
        }
        if let Some(words) = performer.call.take() {
            painter.call(&words);
        }
        if let Some(name) = performer.theme.take() {
            for notice in painter.wear(&config, &name) {
                app.update(Msg::Notice(notice), Timestamp::now());
            }
        }
        app.dirty |= painter.restyled();
        if app.dirty && painter.may_draw(urgent) {
            urgent = false;
            if let Err(why) = painter.draw(&mut app) {
                tracing::warn!("the terminal is gone: {why}");
                break;
            }
        }
    }
    // Nobody takes what still comes: whoever sends it must not wait for us.
    drop(events);
    if let Some(program) = attached {
        program.end().await;
        painter.resume();
    }
    painter.leave();
    performer.spool.leave();
    settle(performer.link.wind_up(), &mut signals).await;
    performer.end().await;
    Ok(())
}

/// Who sits here, as the journal names them.
fn person() -> String {
    let who = crate::journal::Who::here("", crate::journal::Mode::Live);
    who.actor.person().to_owned()
}

/// The built-in runbooks and the user's, and of each of the latter's files what is wrong with it.
pub fn library(config: &crate::config::Config) -> (crate::runbook::Library, Vec<Vec<String>>) {
    let mut books = crate::runbook::Library::built_in();
    let files = crate::config::runbooks(&config.paths).into_iter();
    let problems = files.map(|file| {
        let name = file.path.display().to_string();
        match file.text {
            Ok(text) => {
                let found = books.add(&name, &text.unwrap_or_default());
                found.iter().map(ToString::to_string).collect()
            }
            Err(why) => vec![format!("{name} {why}")],
        }
    });
    let problems = problems.collect();
    (books, problems)
}

/// The library, and a note of each file with which something is wrong.
fn runbooks(config: &crate::config::Config) -> (crate::runbook::Library, Vec<Notice>) {
    let (books, problems) = library(config);
    let notes = |file: Vec<String>| in_one(file.into_iter().map(Notice::error).collect(), config);
    (books, problems.into_iter().flat_map(notes).collect())
}

/// One note of what is wrong with a file, so that the next file's has room too; the log has them all.
fn in_one(notices: Vec<Notice>, config: &crate::config::Config) -> Vec<Notice> {
    for notice in &notices {
        tracing::warn!("{}", notice.text);
    }
    let more = notices.len().saturating_sub(1);
    let mut first: Vec<Notice> = notices.into_iter().take(1).collect();
    if let Some(notice) = first.first_mut().filter(|_| more > 0) {
        let log = config
            .paths
            .log()
            .map_or_else(String::new, |path| format!(": see {}", path.display()));
        notice.text = format!("{} (and {more} more{log})", notice.text);
    }
    first
}

/// Waits until what was sent has its answer on record; a second signal ends the waiting.
async fn settle(
    mut in_flight: tokio::sync::watch::Receiver<Vec<crate::action::ActionId>>,
    signals: &mut screen::Signals,
) {
    if in_flight.borrow().is_empty() {
        return;
    }
    // There may be no terminal any more to read this.
    let _ = writeln!(
        std::io::stderr(),
        "qd: waiting for the answer to what was sent, to put it on record (Ctrl-C: do not wait)"
    );
    let leave = async { while !matches!(signals.next().await, screen::Seen::Leave) {} };
    tokio::select! {
        _ = in_flight.wait_for(Vec::is_empty) => {}
        () = leave => {}
        () = tokio::time::sleep(ANSWER_WITHIN) => {}
    }
}

#[cfg(debug_assertions)]
#[allow(clippy::panic)]
fn fault_for_test() {
    assert!(
        std::env::var_os("QUARTERDECK_TEST_PANIC").is_none(),
        "QUARTERDECK_TEST_PANIC is set"
    );
}
