//! The spool beside the loop: a thread of its own looks into the folder once a second and writes what this console says,
//! so that a slow or hostile folder can hold up nothing else.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender as ToThread, channel};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::Event;
use crate::action::WriteGrant;
use crate::app::follow_file::FileNews;
use crate::app::{App, Msg, Notice, ToSpool};
use crate::journal::spool::{News, Presence, RENEW_AFTER, Spool, me};
use crate::journal::{Journal, Record};

/// Between two looks; a presence is written no more often either.
const EVERY: Duration = Duration::from_secs(1);
/// How long leaving waits for the folder.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);
/// Of a followed file, what is read at first, and at most at a time.
const TAIL: u64 = 1 << 20;

enum Order {
    Show(Box<Presence>),
    Do(ToSpool, Option<Arc<Journal>>),
    Leave(ToThread<()>),
}

/// This console's side of the spool; without a configured folder it does nothing.
pub struct SpoolLine {
    orders: Option<ToThread<Order>>,
    since: Timestamp,
    shown: Option<Presence>,
}

impl SpoolLine {
    /// Opens the folder in the background; what lies there comes as messages.
    pub fn open(path: Option<&Path>, sender: Sender<Event>) -> Self {
        let since = Timestamp::now();
        let orders = path.map(|path| {
            let (orders, taken) = channel();
            let (path, session) = (path.to_owned(), session(since));
            let thread = std::thread::Builder::new().name("spool".to_owned());
            if let Err(why) = thread.spawn(move || attend(&path, &session, &taken, &sender)) {
                tracing::warn!("the spool is not looked at: {why}");
            }
            orders
        });
        Self {
            orders,
            since,
            shown: None,
        }
    }

    /// Tells the others where we are, if that changed.
    pub fn show(&mut self, app: &App) {
        let (Some(orders), Some(me)) = (&self.orders, app.bastion.me()) else {
            return;
        };
        let presence = app.presence(me, self.since);
        if self.shown.as_ref() != Some(&presence) {
            self.shown = Some(presence.clone());
            let _ = orders.send(Order::Show(Box::new(presence)));
        }
    }

    /// Does what the app asks for. Asking and answering are for operators: without the grant nothing is written.
    pub fn perform(&self, order: ToSpool, grant: Option<&WriteGrant>, journal: Option<Arc<Journal>>) {
        let allowed = grant.is_some() || matches!(order, ToSpool::Withdraw(_));
        if let (Some(orders), true) = (&self.orders, allowed) {
            let _ = orders.send(Order::Do(order, journal));
        }
    }

    /// Takes this console's files away. Waits only a moment.
    pub fn leave(&self) {
        let (done, gone) = channel();
        if let Some(orders) = &self.orders
            && orders.send(Order::Leave(done)).is_ok()
        {
            let _ = gone.recv_timeout(LEAVE_WITHIN);
        }
    }
}

/// Unique to this run of the program, and fit for a file's name.
fn session(now: Timestamp) -> String {
    format!("{:x}-{:x}", now.as_millisecond(), std::process::id())
}

fn attend(path: &Path, session: &str, orders: &Receiver<Order>, sender: &Sender<Event>) {
    let mut spool = match Spool::open(path, session) {
        Ok(spool) => spool,
        Err(why) => {
            let news = News::unusable(me(session), why.to_string());
            let _ = sender.blocking_send(Event::Msg(Msg::Spool(Box::new(news))));
            return;
        }
    };
    let mut told: Option<News> = None;
    let mut presence: Option<Box<Presence>> = None;
    let mut due = false;
    let mut written = Timestamp::MIN;
    loop {
        let next_look = std::time::Instant::now() + EVERY;
        let now = Timestamp::now();
        if let Some(here) = &presence
            && (due || now.duration_since(written) >= RENEW_AFTER)
        {
            if let Err(why) = spool.show(here) {
                tracing::warn!("{why}");
            }
            (due, written) = (false, now);
        }
        let news = spool.look(now);
        if told.as_ref() != Some(&news) {
            told = Some(news.clone());
            if sender.blocking_send(Event::Msg(Msg::Spool(Box::new(news)))).is_err() {
                spool.leave();
                return;
            }
        }
        loop {
            match orders.recv_timeout(next_look.saturating_duration_since(std::time::Instant::now())) {
                Ok(Order::Show(here)) => (presence, due) = (Some(here), true),
                Ok(Order::Do(what, journal)) => {
                    obey(&spool, what, journal, sender);
                    break;
                }
                Ok(Order::Leave(done)) => {
                    spool.leave();
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    spool.leave();
                    return;
                }
            }
        }
    }
}

/// Nothing is asked or answered that is not on record first.
fn obey(spool: &Spool, what: ToSpool, journal: Option<Arc<Journal>>, sender: &Sender<Event>) {
    let record = |entry| match &journal {
        Some(journal) => journal.append(entry).map(|_| ()).map_err(|e| e.to_string()),
        None => Err("there is no journal to put it on record".to_owned()),
    };
    let msg = match what {
        ToSpool::Ask(ask, entry) => {
            let done = record(*entry).and_then(|()| spool.ask(&ask).map_err(|e| e.to_string()));
            done.err().map(|why| Msg::NotAsked(ask.id.clone(), why))
        }
        ToSpool::Withdraw(id) => {
            spool.withdraw(&id);
            None
        }
        ToSpool::Answer(answer, entry) => {
            let done = record(*entry).and_then(|()| spool.answer(&answer).map_err(|e| e.to_string()));
            Some(Msg::Notice(match done {
                Ok(()) if answer.approves => Notice::info("approved: it is on record, here and there"),
                Ok(()) => Notice::info("refused: it is on record, here and there"),
                Err(why) => Notice::error(format!("not answered: {why}")),
            }))
        }
    };
    if let Some(msg) = msg {
        let _ = sender.blocking_send(Event::Msg(msg));
    }
}

/// Follows a journal file: what is recorded comes as messages.
pub fn follow_file(path: PathBuf, sender: Sender<Event>) {
    let thread = std::thread::Builder::new().name("follow".to_owned());
    let started = thread.spawn(move || {
        let mut at = None;
        let mut last = None;
        loop {
            let read = more(&path, &mut at);
            let (records, trouble) = match read {
                Ok(records) => (records, None),
                Err(why) => (Vec::new(), Some(format!("{} {why}", path.display()))),
            };
            if !records.is_empty() || last.as_ref() != Some(&trouble) {
                last = Some(trouble.clone());
                let news = FileNews {
                    path: path.display().to_string(),
                    records,
                    trouble,
                };
                if sender.blocking_send(Event::Msg(Msg::FileRead(Box::new(news)))).is_err() {
                    return;
                }
            }
            std::thread::sleep(EVERY);
        }
    });
    if let Err(why) = started {
        tracing::warn!("the file is not followed: {why}");
    }
}

/// Whole records behind `at`, which moves on. A line that is not finished yet is left for the next time.
fn more(path: &Path, at: &mut Option<u64>) -> Result<Vec<Record>, String> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(|e| format!("cannot be opened: {e}"))?;
    let meta = file.metadata().map_err(|e| format!("cannot be looked at: {e}"))?;
    if !meta.is_file() {
        return Err("is no file".to_owned());
    }
    // A file that became shorter is another one.
    let from = match *at {
        Some(from) if from <= meta.len() => from,
        _ => meta.len().saturating_sub(TAIL),
    };
    file.seek(SeekFrom::Start(from))
        .map_err(|e| format!("cannot be read: {e}"))?;
    let mut reader = BufReader::new(file.take(TAIL));
    let (mut end, mut records) = (from, Vec::new());
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = reader
            .read_until(b'\n', &mut line)
            .map_err(|e| format!("cannot be read: {e}"))?;
        if n == 0 || line.last() != Some(&b'\n') {
            break;
        }
        end += n as u64;
        records.extend(serde_json::from_slice::<Record>(&line).ok());
    }
    *at = Some(end);
    Ok(records)
}
