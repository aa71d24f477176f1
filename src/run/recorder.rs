//! Writing to the journal beside the loop: in the order in which things happened, and all of it.
//!
//! A key never waits for the disk. What changes something does: [`Recorder::settled`] says when everything before it is on
//! disk, and that it is not is a reason to change nothing. What could not be written is kept and tried again, at its own
//! time, so that a full disk delays the record and loses none of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};

use super::Event;
use crate::app::Msg;
use crate::journal::{Entry, Journal};

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(3);

/// No more waits to be written: beyond that the newest is lost, and the log says so.
const MOST: usize = 10_000;

enum Job {
    Write(Arc<Journal>, Box<Entry>, Timestamp),
    Settle(oneshot::Sender<Result<(), String>>),
}

/// The way to the journal's writer. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(mpsc::UnboundedSender<Job>);

impl Recorder {
    /// `wake` is told of every record that was written.
    pub fn start(sender: mpsc::Sender<Event>, wake: Arc<Notify>) -> Self {
        let (jobs, todo) = mpsc::unbounded_channel();
        tokio::spawn(write(todo, sender, wake));
        Self(jobs)
    }

    pub fn write(&self, journal: Arc<Journal>, entry: Entry) {
        let _ = self.0.send(Job::Write(journal, Box::new(entry), Timestamp::now()));
    }

    /// Waits until everything that was given so far is on disk.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn settled(&self) -> Result<(), String> {
        let (tell, told) = oneshot::channel();
        let _ = self.0.send(Job::Settle(tell));
        told.await
            .unwrap_or_else(|_| Err("the journal's writer stopped".to_owned()))
    }
}

async fn write(mut todo: mpsc::UnboundedReceiver<Job>, sender: mpsc::Sender<Event>, wake: Arc<Notify>) {
    let mut waiting: VecDeque<(Arc<Journal>, Box<Entry>, Timestamp)> = VecDeque::new();
    let mut broken: Option<String> = None;
    loop {
        let job = tokio::select! {
            job = todo.recv() => match job {
                Some(job) => Some(job),
                None => return,
            },
            () = tokio::time::sleep(AGAIN), if broken.is_some() => None,
        };
        let asked = match job {
            Some(Job::Write(journal, entry, at)) => {
                if waiting.len() < MOST {
                    waiting.push_back((journal, entry, at));
                } else {
                    tracing::warn!(
                        "not on record, too much waits to be written: {} {}",
                        entry.kind.word(),
                        entry.what
                    );
                }
                None
            }
            Some(Job::Settle(tell)) => Some(tell),
            None => None,
        };
        let was = broken.take();
        while let Some((journal, entry, at)) = waiting.pop_front() {
            let copy = (journal.clone(), entry.clone());
            let written = tokio::task::spawn_blocking(move || journal.append_at(*entry, at)).await;
            let why = match written {
                Ok(Ok(_)) => {
                    wake.notify_one();
                    continue;
                }
                Ok(Err(why)) => why.to_string(),
                Err(_) => "the writer stopped".to_owned(),
            };
            waiting.push_front((copy.0, copy.1, at));
            broken = Some(why);
            break;
        }
        if broken != was {
            if let Some(why) = &broken {
                tracing::warn!("{why}");
            }
            let _ = sender.send(Event::Msg(Msg::JournalBroken(broken.clone()))).await;
        }
        if let Some(tell) = asked {
            let _ = tell.send(broken.clone().map_or(Ok(()), Err));
        }
    }
}
