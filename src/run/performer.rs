//! What the state machine asks for is done here, or begun.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::cluster::Link;
use super::locks::Locks;
use super::recorder::Recorder;
use super::{Event, exec, memory, person, reads, report, spool};
use crate::action::{Confirmed, Outcome, Progress, Stage};
use crate::app::msg::{ExecAsk, PagerOf};
use crate::app::{App, Effect, Msg, Notice, Token};
use crate::config::{Config, Target};
use crate::feed::Inbox;
use crate::journal::{Entry, RecordKind};

/// Performs effects.
pub(super) struct Performer {
    pub link: Link,
    pub sender: mpsc::Sender<Event>,
    pub logs: HashMap<Token, JoinHandle<()>>,
    pub journal_dir: Option<PathBuf>,
    pub recorder: Option<Recorder>,
    pub locks: Locks,
    pub quit: bool,
    pub repaint: bool,
    pub suspend: bool,
    pub login: bool,
    /// The terminal rings, and says this.
    pub call: Option<String>,
    /// Another theme is put on.
    pub theme: Option<String>,
    pub copies: Vec<String>,
    /// What wants the terminal, once the loop can give it away.
    pub pager: Option<PagerOf>,
    pub exec: Option<ExecAsk>,
    pub mouse: Option<bool>,
    pub spool: spool::SpoolLine,
}

impl Performer {
    pub fn new(config: &Config, target: Option<Target>, inbox: &Inbox, sender: &mpsc::Sender<Event>) -> Self {
        let state = config.paths.state.clone().filter(|_| !config.policy.is_read_only());
        Self {
            link: Link::new(config.clone(), target, inbox.clone(), sender.clone()),
            sender: sender.clone(),
            logs: HashMap::new(),
            journal_dir: config.paths.journal(),
            recorder: None,
            locks: Locks::new(state, &person(), crate::journal::session()),
            quit: false,
            repaint: false,
            copies: Vec::new(),
            pager: None,
            exec: None,
            mouse: None,
            suspend: false,
            login: false,
            call: None,
            theme: None,
            spool: spool::SpoolLine::open(config.spool.path.as_deref(), sender.clone()),
        }
    }

    pub fn take(&mut self, app: &mut App, event: Event) -> Vec<Effect> {
        let change = match &event {
            Event::Msg(Msg::Progress(progress)) => Some(progress.id),
            _ => None,
        };
        let msgs = match event {
            Event::Msg(msg) => vec![msg],
            Event::Link(event) => {
                let msgs = self.link.take(event, self.journal_dir.clone());
                app.seat.freezes = self.link.freezes();
                msgs
            }
        };
        let effects = msgs.into_iter().flat_map(|m| app.update(m, Timestamp::now())).collect();
        // What was answered leaves this console's hands.
        let answered = app.activities.iter().find(|a| Some(a.id) == change && a.answered);
        if let Some(activity) = answered {
            self.locks.answered(activity.id.0);
        }
        effects
    }

    /// What a shell in a container rests on.
    ///
    /// # Errors
    /// What is missing.
    pub fn exec_means(&mut self) -> Result<exec::Means, String> {
        let journal = self.link.journal(self.journal_dir.as_deref());
        let (Some(journal), Some(recorder)) = (journal, self.recorder.clone()) else {
            return Err("there is no journal to put it on record".to_owned());
        };
        self.link.exec_means(journal, recorder)
    }

    /// Takes what a change is about into this console's hands until it is answered.
    fn hold(&mut self, confirmed: &Confirmed) -> Result<(), String> {
        let plan = confirmed.plan();
        let object = |s: &crate::action::PlanStep| {
            let (server, target) = (&plan.place.server, &s.target);
            format!("{server} {} {}/{}", target.kind(), target.namespace(), target.name())
        };
        // Several steps may be about one object.
        let objects: BTreeSet<String> = plan.steps.iter().map(object).collect();
        self.locks.begin(plan.id.0, &objects, plan.request.name())
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

    /// The keymap's files, read again.
    fn keymap(&self) -> Msg {
        let read = super::keymap(self.link.config());
        Msg::Keymap {
            map: read.is_as_asked.then(|| Box::new(read.map)),
            notices: super::in_one(read.notices, self.link.config()),
        }
    }

    fn tell(&self, msg: Msg) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let _ = sender.send(Event::Msg(msg)).await;
        });
    }

    pub async fn perform(&mut self, app: &mut App, effects: Vec<Effect>) {
        let mut queue = std::collections::VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Quit => self.quit = true,
                Effect::Suspend => self.suspend = true,
                Effect::Repaint => self.repaint = true,
                Effect::Call { occasion, words } => {
                    if super::taste::rings(&self.link.config().ui, occasion) {
                        self.call = Some(words);
                    }
                }
                Effect::Theme(name) => self.theme = Some(name),
                Effect::Copy(text) => self.copies.push(text),
                Effect::Pager(of) => self.pager = Some(of),
                Effect::Exec(ask) => self.exec = Some(*ask),
                Effect::Mouse(on) => self.mouse = Some(on),
                Effect::Want(wanted) => self.link.want(wanted),
                Effect::Retry => self.link.retry().await,
                Effect::LookAgain => self.link.look_again(),
                Effect::Login => self.login = true,
                Effect::LoadKeymap => queue.extend(app.update(self.keymap(), Timestamp::now())),
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
                    let held = of_run.and_then(|()| self.hold(&confirmed));
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
                Effect::Remember(kept) => memory::keep(self.journal_dir.as_deref(), *kept),
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
    pub async fn end(&mut self) {
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
pub(super) fn refused(confirmed: &Confirmed, why: String) -> Msg {
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
