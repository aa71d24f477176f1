//! Logs of a pod, of a workload or of a label selector, as its pods come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::connect::Cluster;
use super::tail::{Reader, Supervisor};
use crate::model::{ObjectRef, Selector, Str};

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOf {
    Pod(ObjectRef),
    /// All pods that the selector matches: a workload's own, or one that a person typed.
    Selector {
        namespace: String,
        selector: Selector,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    pub of: LogOf,
    /// `None`: all containers of each pod.
    pub container: Option<String>,
    /// Of the container before its last restart; ends by itself.
    pub previous: bool,
    /// The last so many lines of each container to begin with; `None`: all there are.
    pub tail: Option<u32>,
    pub since: Option<Timestamp>,
    /// Goes on as lines come.
    pub follow: bool,
}

/// What the stream gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogItem {
    Line(LogLine),
    /// Something about the stream itself: a pod joined or left, a container cannot be read.
    Note {
        pod: Str,
        container: Str,
        text: String,
        /// It is an error rather than news.
        bad: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub pod: Str,
    pub container: Str,
    /// When the kubelet took it in.
    pub at: Option<Timestamp>,
    /// As it was written, without the line's end; may hold control characters.
    pub text: String,
}

/// Batches that wait for the one who reads; past that, lines are dropped and counted.
const WAITING: usize = 64;

/// Lines as they come. Dropping it stops everything behind it.
pub struct LogStream {
    items: mpsc::Receiver<Vec<LogItem>>,
    dropped: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl LogStream {
    /// The next lines; `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Vec<LogItem>> {
        self.items.recv().await
    }

    /// Lines that were thrown away because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the stream. Errors come as notes in it. Must be called within a tokio runtime.
pub fn open(cluster: &Cluster, query: LogQuery) -> LogStream {
    let (out, items) = mpsc::channel(WAITING);
    let dropped = Arc::new(AtomicU64::new(0));
    let supervisor = Supervisor::new(Reader {
        cluster: cluster.clone(),
        query: Arc::new(query),
        out: Outlet {
            items: out,
            dropped: Arc::clone(&dropped),
        },
    });
    LogStream {
        items,
        dropped,
        task: tokio::spawn(supervisor.run()),
    }
}

/// The writing end.
#[derive(Clone)]
pub(super) struct Outlet {
    items: mpsc::Sender<Vec<LogItem>>,
    dropped: Arc<AtomicU64>,
}

impl Outlet {
    /// Hands lines over; when nobody takes them for a moment, they are dropped and counted, so that a slow screen
    /// never slows a container's output down.
    pub async fn lines(&self, batch: Vec<LogItem>) {
        let count = batch.len() as u64;
        let wait = std::time::Duration::from_millis(100);
        if self.items.send_timeout(batch, wait).await.is_err() {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// A note is worth waiting for.
    pub async fn note(&self, pod: &Str, container: &str, text: String, bad: bool) {
        let note = LogItem::Note {
            pod: Arc::clone(pod),
            container: container.into(),
            text,
            bad,
        };
        let _ = self.items.send(vec![note]).await;
    }
}
