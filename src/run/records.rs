//! The journal, read on: what is on record reaches the console as [`Msg::Journal`], its own records and those of other
//! consoles on this host alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::Event;
use crate::app::Msg;
use crate::journal::Tail;

/// How often the files are looked at when nobody says that there is something new.
const EVERY: Duration = Duration::from_secs(1);

/// Reads the journal in the background until the loop is gone.
pub struct Records {
    wake: Arc<Notify>,
}

impl Records {
    /// `places`: folders and files. The first message comes even when there is nothing.
    pub fn start(places: Vec<PathBuf>, sender: mpsc::Sender<Event>) -> Self {
        let wake = Arc::new(Notify::new());
        let woken = wake.clone();
        tokio::spawn(async move {
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
                    () = woken.notified() => {}
                    () = tokio::time::sleep(EVERY) => {}
                    () = sender.closed() => return,
                }
            }
        });
        Self { wake }
    }

    /// Something was written just now.
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }
}
