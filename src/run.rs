//! The loop: what happens goes into [`App::update`], and what that asks for is performed. The only place that spawns
//! tasks; drawing happens once after everything that was ready has been taken in.

mod cluster;
mod locks;
mod reads;
mod recorder;
mod records;
mod report;
mod screen;
pub(crate) mod sources;
mod spool;
mod taste;
mod unattended;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::action::{Confirmed, Outcome, Progress, Stage};
use crate::app::{Access, App, Effect, Msg, Notice, Start, Token};
use crate::config::Loaded;
use crate::feed::Inbox;
use crate::journal::{Entry, RecordKind};
use cluster::{Link, LinkEvent};
use locks::Locks;
use recorder::Recorder;
use records::Records;
use screen::Painter;
pub use taste::keymap;
pub use unattended::{Wish, unattended};

/// How long a change that was sent may take to have its result on record: its own deadline, and the looks after it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often the screen is drawn while it has no rows at all: often enough that the first come at once.
const FIRST_ROWS: Duration = Duration::from_millis(20);

/// Something for the loop.
#[allow(clippy::large_enum_variant)] // few are in flight
pub(crate) enum Event {
    Msg(Msg),
    Link(LinkEvent),
}

/// Runs the console until somebody leaves it.
///
/// # Errors
/// When there is no terminal to draw on.
pub async fn console(loaded: Loaded) -> anyhow::Result<()> {
    let config = loaded.config;
    let read_only = config.policy.is_read_only();
    let (sender, mut events) = mpsc::channel::<Event>(256);
    // Before anything is switched on in the terminal: a signal must not end the process with it still on.
    let mut signals = screen::Signals::new()?;
    let (mut painter, theme_problems) = Painter::enter(&config)?;
    let (keys, key_notices) = keymap(&config);
    let mut notices = in_one(loaded.problems.iter().map(|p| Notice::error(p.to_string())).collect());
    notices.extend(in_one(theme_problems));
    notices.extend(in_one(key_notices));
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
    person().clone_into(&mut app.recorded.me);
    app.recorded.service.clone_from(&config.incident.service);
    app.recorded.levels = config.incident.levels.clone();
    app.break_glass = config.policy.break_glass;
    let inbox = Inbox::new();
    let mut performer = Performer {
        link: Link::new(config.clone(), target.ok(), inbox.clone(), sender.clone()),
        sender: sender.clone(),
        logs: HashMap::new(),
        journal_dir: config.paths.journal(),
        recorder: None,
        locks: Locks::new(
            config.paths.state.clone().filter(|_| !read_only),
            &person(),
            crate::journal::session(),
        ),
        quit: false,
        repaint: false,
        copies: Vec::new(),
        suspend: false,
        login: false,
        bell: false,
        spool: spool::SpoolLine::open(config.spool.path.as_deref(), sender.clone()),
    };
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
    let mut last_data = tokio::time::Instant::now();
    while !performer.quit {
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
                    screen::Seen::Leave => effects = app.update(Msg::Terminate, Timestamp::now()),
                    screen::Seen::Stop => performer.suspend = true,
                    screen::Seen::Continue => performer.repaint = true,
                }
            }
            inputs = painter.input() => {
                match inputs {
                    Ok(inputs) => for msg in inputs {
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
                if let Some(batch) = inbox.drain() {
                    last_data = tokio::time::Instant::now();
                    effects = app.update(Msg::World(batch), Timestamp::now());
                }
            }
            () = tokio::time::sleep(tick) => effects = app.update(Msg::Tick, Timestamp::now()),
        }
        performer.perform(&mut app, effects).await;
        performer.spool.show(&app);
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
        if std::mem::take(&mut performer.bell) {
            painter.bell();
        }
        app.dirty |= painter.restyled();
        if app.dirty
            && let Err(why) = painter.draw(&mut app)
        {
            tracing::warn!("the terminal is gone: {why}");
            break;
        }
    }
    // Nobody takes what still comes: whoever sends it must not wait for us.
    drop(events);
    painter.leave();
    performer.spool.leave();
    settle(performer.link.in_flight(), &mut signals).await;
    performer.end().await;
    Ok(())
}

/// Who sits here, as the journal names them.
fn person() -> String {
    let who = crate::journal::Who::here("", crate::journal::Mode::Live);
    who.actor.person().to_owned()
}

/// The built-in runbooks and the user's, and what is wrong with the latter.
fn runbooks(config: &crate::config::Config) -> (crate::runbook::Library, Vec<Notice>) {
    let mut books = crate::runbook::Library::built_in();
    let mut notices = Vec::new();
    for file in crate::config::runbooks(&config.paths) {
        let name = file.path.display().to_string();
        match file.text {
            Ok(text) => {
                let problems = books.add(&name, &text.unwrap_or_default());
                notices.extend(in_one(problems.iter().map(|p| Notice::error(p.to_string())).collect()));
            }
            Err(why) => notices.push(Notice::error(format!("{name} {why}"))),
        }
    }
    (books, notices)
}

/// One note of what is wrong with a file, so that the next file's has room too; the log has them all.
fn in_one(notices: Vec<Notice>) -> Vec<Notice> {
    for notice in &notices {
        tracing::warn!("{}", notice.text);
    }
    let more = notices.len().saturating_sub(1);
    let mut first: Vec<Notice> = notices.into_iter().take(1).collect();
    if let Some(notice) = first.first_mut().filter(|_| more > 0) {
        notice.text = format!("{} (and {more} more: see the log)", notice.text);
    }
    first
}

/// Waits until what was sent has its answer on record; a second signal ends the waiting.
async fn settle(mut in_flight: tokio::sync::watch::Receiver<usize>, signals: &mut screen::Signals) {
    if *in_flight.borrow() == 0 {
        return;
    }
    // There may be no terminal any more to read this.
    let _ = writeln!(
        std::io::stderr(),
        "qd: waiting for the answer to what was sent, to put it on record (Ctrl-C: do not wait)"
    );
    let leave = async { while !matches!(signals.next().await, screen::Seen::Leave) {} };
    tokio::select! {
        _ = in_flight.wait_for(|n| *n == 0) => {}
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

/// Performs effects.
struct Performer {
    link: Link,
    sender: mpsc::Sender<Event>,
    logs: HashMap<Token, JoinHandle<()>>,
    journal_dir: Option<PathBuf>,
    recorder: Option<Recorder>,
    locks: Locks,
    quit: bool,
    repaint: bool,
    suspend: bool,
    login: bool,
    bell: bool,
    copies: Vec<String>,
    spool: spool::SpoolLine,
}

impl Performer {
    fn take(&mut self, app: &mut App, event: Event) -> Vec<Effect> {
        let msgs = match event {
            Event::Msg(msg) => {
                self.answered(app, &msg);
                vec![msg]
            }
            Event::Link(event) => self.link.take(event, self.journal_dir.clone()),
        };
        msgs.into_iter().flat_map(|m| app.update(m, Timestamp::now())).collect()
    }

    /// What was answered leaves this console's hands.
    fn answered(&mut self, app: &App, msg: &Msg) {
        let Msg::Progress(progress) = msg else { return };
        let last = app.activities.iter().find(|a| a.id == progress.id).map_or(0, |a| a.targets.len().saturating_sub(1));
        let over = match &progress.stage {
            Stage::Done { .. } => true,
            Stage::Executed { step, outcome } => *step >= last || !matches!(outcome, Outcome::Applied | Outcome::NoOp),
            _ => false,
        };
        if over {
            self.locks.answered(progress.id.0);
        }
    }

    fn end_logs(&mut self) {
        for task in self.logs.drain().map(|(_, t)| t) {
            task.abort();
        }
    }

    /// Writes the report beside the loop, and says where it is.
    fn report(&self, incident: Option<String>) {
        let (folder, sender) = (self.journal_dir.clone(), self.sender.clone());
        tokio::spawn(async move {
            let written = tokio::task::spawn_blocking(move || {
                let folder = folder.ok_or("there is no state folder: set XDG_STATE_HOME or HOME")?;
                report::write(&folder, incident.as_deref(), Timestamp::now())
            });
            let notice = match written.await {
                Ok(Ok(path)) => Notice::info(format!("the report is in {}", path.display())),
                Ok(Err(why)) => Notice::error(format!("no report: {why}")),
                Err(_) => Notice::error("no report: its writer stopped"),
            };
            let _ = sender.send(Event::Msg(Msg::Notice(notice))).await;
        });
    }

    fn tell(&self, msg: Msg) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let _ = sender.send(Event::Msg(msg)).await;
        });
    }

    async fn perform(&mut self, app: &mut App, effects: Vec<Effect>) {
        let mut queue = std::collections::VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Quit => self.quit = true,
                Effect::Suspend => self.suspend = true,
                Effect::Repaint => self.repaint = true,
                Effect::Bell => self.bell = true,
                Effect::Copy(text) => self.copies.push(text),
                Effect::Want(wanted) => self.link.want(wanted),
                Effect::Retry => self.link.retry().await,
                Effect::LookAgain => self.link.look_again(),
                Effect::Login => self.login = true,
                Effect::ListContexts => {
                    let (kubeconfig, platforms) = (self.link.kubeconfig(), self.link.platforms());
                    let sender = self.sender.clone();
                    tokio::spawn(async move {
                        let answer = reads::contexts(kubeconfig, platforms).await;
                        let _ = sender.send(Event::Msg(Msg::Contexts(answer))).await;
                    });
                }
                Effect::Connect { context, scope } => {
                    self.end_logs();
                    for msg in self.link.connect(context, scope) {
                        queue.extend(app.update(msg, Timestamp::now()));
                    }
                }
                Effect::GoTo(platform) => {
                    self.end_logs();
                    for msg in self.link.go_to(&platform) {
                        queue.extend(app.update(msg, Timestamp::now()));
                    }
                }
                Effect::Plan(id, request) => self.link.plan(id, request),
                Effect::Execute(confirmed) => {
                    let of_run = confirmed.run().map_or(Ok(()), |run| self.locks.check_run(&run.run));
                    let plan = confirmed.plan();
                    let objects: Vec<String> = plan
                        .steps
                        .iter()
                        .map(|s| format!("{} {} {}/{}", plan.place.server, s.target.kind(), s.target.namespace(), s.target.name()))
                        .collect();
                    let held = of_run.and_then(|()| self.locks.begin(plan.id.0, &objects, plan.request.name()));
                    match held {
                        Ok(()) => self.link.execute(*confirmed),
                        Err(why) => self.tell(refused(&confirmed, why)),
                    }
                }
                Effect::Stop(id) => self.link.stop(id),
                Effect::AskApproval { run, ask, text, .. } => match self.link.alone() {
                    (why, solo @ true) => {
                        let event = crate::runbook::engine::Event::ApprovalUnavailable { ask, why, solo };
                        queue.extend(app.update(Msg::Approval { run, event }, Timestamp::now()));
                    }
                    (_, false) => queue.extend(app.ask_for_step(run, ask, &text)),
                },
                Effect::Fetch(token, what) => self.link.fetch(token, what),
                Effect::OpenLogs(token, query) => match self.link.logs(token, query) {
                    Ok(task) => {
                        self.logs.insert(token, task);
                    }
                    Err(why) => self.tell(Msg::Logs(
                        token,
                        crate::app::msg::LogBatch {
                            lines: Vec::new(),
                            dropped: 0,
                            ended: Some(why),
                        },
                    )),
                },
                Effect::CloseLogs(token) => {
                    if let Some(task) = self.logs.remove(&token) {
                        task.abort();
                    }
                }
                Effect::Spool(order) => {
                    let journal = self.link.journal(self.journal_dir.as_deref());
                    self.spool.perform(order, self.link.grant(), journal);
                }
                Effect::Incident(id) => self.link.set_incident(id),
                Effect::Report(of) => self.report(of),
                Effect::Record(entry) => self.record(*entry),
                Effect::Alive(sessions) => self.tell(Msg::Alive {
                    me: person(),
                    sessions: self.locks.alive(&sessions),
                }),
                Effect::TakeRun { key, over } => {
                    let answer = self.locks.take(&key, over);
                    queue.extend(app.update(Msg::RunTaken { key, answer }, Timestamp::now()));
                }
            }
        }
    }

    /// Written beside the loop, in order; only mutations wait for the disk. Of a run that is in other hands now nothing
    /// more is written here: they write what is true of it.
    fn record(&mut self, entry: Entry) {
        let journal = self.link.journal(self.journal_dir.as_deref());
        // Who only reads runs a runbook for themselves, and leaves nothing behind.
        let (Some(journal), Some(recorder)) = (journal, self.recorder.clone()) else {
            return;
        };
        if let Some((run, key, leaves)) = run_of(&entry) {
            if let Err(why) = self.locks.check(&key) {
                self.tell(Msg::RunLost { run, why });
                return;
            }
            if leaves {
                self.locks.release(&key);
            }
        }
        recorder.write(journal, entry);
    }

    /// The session's end, and everything before it, on disk.
    async fn end(&mut self) {
        if self.link.has_journal() {
            self.record(Entry::new(RecordKind::SessionEnd, "session"));
        }
        if let Some(recorder) = &self.recorder {
            let _ = tokio::time::timeout(Duration::from_secs(5), recorder.settled()).await;
        }
    }
}

/// A run's id and key, and whether it leaves our hands, of a record about it.
fn run_of(entry: &Entry) -> Option<(String, String, bool)> {
    if entry.kind != RecordKind::Run {
        return None;
    }
    let run = entry.runbook.as_ref()?.run.clone();
    let started = entry.data.get("started")?.as_str()?;
    let over = entry.data.get("over").and_then(serde_json::Value::as_bool);
    let handed_over = entry.data.get("to").is_some() || entry.data.get("released").is_some();
    let key = crate::journal::replay::run_key(&run, started);
    Some((run, key, handed_over || over.unwrap_or_default()))
}

/// The end of a change that was not begun.
fn refused(confirmed: &Confirmed, why: String) -> Msg {
    Msg::Progress(Progress {
        id: confirmed.plan().id,
        at: Timestamp::now(),
        stage: Stage::Done {
            outcome: Outcome::Refused(why),
            verdict: None,
            undo: None,
        },
    })
}
