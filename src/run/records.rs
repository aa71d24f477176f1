//! The journal, written in order and read on: what is on record reaches the console as [`Msg::Journal`], its own records
//! and those of other consoles on this host alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::Event;
use crate::app::{Msg, Notice};
use crate::journal::{Entry, Journal, Tail};

/// How often the files are looked at when nobody says that there is something new.
const EVERY: Duration = Duration::from_secs(1);

/// How long what was said may take to reach the disk when the console is left.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);

/// Reads the journal in the background until the loop is gone, and writes what is not a change: notes, incidents, runs.
/// Only changes wait for the disk.
pub struct Records {
    queue: mpsc::UnboundedSender<(Arc<Journal>, Entry)>,
    writer: JoinHandle<()>,
}

impl Records {
    /// `places`: folders and files. The first message comes even when there is nothing.
    pub fn start(places: Vec<PathBuf>, sender: mpsc::Sender<Event>) -> Self {
        let wake = Arc::new(Notify::new());
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(read_on(places, sender.clone(), wake.clone()));
        let writer = tokio::spawn(write_in_order(waiting, sender, wake));
        Self { queue, writer }
    }

    /// Puts it on record behind what is waiting already.
    pub fn write(&self, journal: Arc<Journal>, entry: Entry) {
        let _ = self.queue.send((journal, entry));
    }

    /// Waits until everything is written.
    pub async fn finish(self) {
        drop(self.queue);
        let _ = tokio::time::timeout(WRITTEN_WITHIN, self.writer).await;
    }
}

async fn read_on(places: Vec<PathBuf>, sender: mpsc::Sender<Event>, wake: Arc<Notify>) {
    let mut tail = Tail::new(places);
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            let news = tail.look();
            (tail, news)
        });
        let Ok((back, news)) = looked.await else { return };
        tail = back;
        for doubt in &news.doubts {
            tracing::warn!("{doubt}");
        }
        if !news.is_empty() && sender.send(Event::Msg(Msg::Journal(news))).await.is_err() {
            return;
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
            () = sender.closed() => return,
        }
    }
}

async fn write_in_order(
    mut waiting: mpsc::UnboundedReceiver<(Arc<Journal>, Entry)>,
    sender: mpsc::Sender<Event>,
    wake: Arc<Notify>,
) {
    while let Some((journal, entry)) = waiting.recv().await {
        match tokio::task::spawn_blocking(move || journal.append(entry)).await {
            Ok(Ok(_)) => wake.notify_one(),
            Ok(Err(why)) => {
                tracing::warn!("not on record: {why}");
                let notice = Notice::error(format!("not on record: {why}"));
                let _ = sender.send(Event::Msg(Msg::Notice(notice))).await;
            }
            Err(_) => tracing::warn!("the journal's writer stopped"),
        }
    }
}
