//! One watch of one kind, in one namespace or in all: kept open for ever, through every way in which it can break.
//!
//! The first rows come by a streaming list where the server has it, else by pages. After that, each line of the watch
//! is one change. Rows stay whatever happens; a list that follows a 410 removes only what is truly gone.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::feeds::Timing;
use super::intern::Interner;
use super::row::{self, News, Row};
use super::wire::{self, Lines};
use crate::model::{Change, Freshness, Key, Kind};

/// Objects a page.
const PAGE: usize = 500;
/// A server that ends a watch sooner than this is not asked again at once.
const SHORT: Duration = Duration::from_secs(1);
/// Past the time at which the server should have ended a watch, it may be late by this.
const GRACE: Duration = Duration::from_secs(15);

/// Where a watch puts what it learns.
pub trait Out: Send {
    fn change(&mut self, change: Change);
    fn state(&mut self, state: Freshness);
}

/// What is watched.
pub struct Subject {
    pub kind: Kind,
    /// `None`: all namespaces.
    pub namespace: Option<String>,
    /// More of the query, escaped, beginning with `&`.
    pub selector: String,
}

pub struct Watch<O> {
    cluster: Cluster,
    subject: Subject,
    timing: Timing,
    wake: Receiver<u64>,
    out: O,
    intern: Interner,
    known: HashMap<Key, Change>,
    /// Where to go on; `None`: list first.
    version: Option<String>,
    /// Failures in a row.
    attempt: u32,
    was_fresh: bool,
    stale_since: Option<Timestamp>,
    /// When the server was last heard on the open watch.
    heard: Timestamp,
}

impl<O: Out> Watch<O> {
    pub fn new(cluster: Cluster, subject: Subject, timing: Timing, wake: Receiver<u64>, out: O) -> Self {
        Self {
            cluster,
            subject,
            timing,
            wake,
            out,
            intern: Interner::default(),
            known: HashMap::new(),
            version: None,
            attempt: 0,
            was_fresh: false,
            stale_since: None,
            heard: Timestamp::UNIX_EPOCH,
        }
    }

    /// Never returns; stop it by dropping the future.
    pub async fn run(&mut self) {
        loop {
            let began = Instant::now();
            let outcome = match self.version.clone() {
                Some(version) => self.follow(&version).await,
                None if self.cluster.streams() => self.stream().await,
                None => self.pages().await,
            };
            match outcome {
                Ok(()) if began.elapsed() < SHORT && self.version.is_some() && self.attempt > 0 => {
                    let pause = self.backoff();
                    self.pause(pause).await;
                }
                Ok(()) => {}
                Err(fault) => self.after(fault).await,
            }
        }
    }

    /// After the last use of the watch: takes its rows back.
    pub fn retire(mut self) {
        for (key, _) in std::mem::take(&mut self.known) {
            if let Some(gone) = row::gone(self.subject.kind, key) {
                self.out.change(gone);
            }
        }
        self.out.state(Freshness::Off);
    }

    /// Says what went wrong, waits, and leaves things so that the next round mends them.
    async fn after(&mut self, fault: Fault) {
        let first = self.attempt == 0;
        let mut delay = self.backoff();
        if fault.kind == FaultKind::Gone {
            // Too old to go on from. The rows stay while the new list comes.
            self.version = None;
            if first {
                return;
            }
        }
        if let Some(wait) = fault.retry_after {
            delay = wait.max(delay) + jitter(wait / 5);
        }
        if matches!(fault.kind, FaultKind::Forbidden | FaultKind::Absent) {
            delay = self.timing.forbidden;
        }
        let now = Timestamp::now();
        let retry_at = now.checked_add(delay).unwrap_or(now);
        let why = fault.say.as_str().into();
        self.out.state(match fault.kind {
            FaultKind::Forbidden => Freshness::Forbidden {
                why: self.what_to_do(&fault.say).into(),
            },
            FaultKind::Absent => Freshness::Absent { why },
            _ if self.was_fresh => {
                let since = if fault.kind == FaultKind::Slow {
                    self.heard.min(now)
                } else {
                    now
                };
                Freshness::Stale {
                    since: *self.stale_since.get_or_insert(since),
                    why,
                    retry_at,
                }
            }
            _ => Freshness::Failed { why, retry_at },
        });
        self.pause(delay).await;
    }

    fn what_to_do(&self, said: &str) -> String {
        if self.subject.namespace.is_none() && self.subject.kind.namespaced() {
            format!("{said}; name the namespaces that you may see with --namespace")
        } else {
            said.to_owned()
        }
    }

    fn backoff(&mut self) -> Duration {
        let doubled = self.timing.backoff_min.saturating_mul(1 << self.attempt.min(10));
        self.attempt = self.attempt.saturating_add(1);
        let delay = doubled.min(self.timing.backoff_max);
        delay * 3 / 4 + jitter(delay / 2)
    }

    /// Until the time is over or somebody wakes us.
    async fn pause(&mut self, delay: Duration) {
        self.wake.borrow_and_update();
        let woken = async {
            if self.wake.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let woken = tokio::select! {
            () = tokio::time::sleep(delay) => false,
            () = woken => true,
        };
        if woken {
            self.attempt = 0;
        }
    }

    fn path(&self, query: &str) -> String {
        let collection = wire::collection(self.subject.kind, self.subject.namespace.as_deref());
        format!("{collection}?{query}{}", self.subject.selector)
    }

    /// What shows is what the server has.
    fn settled(&mut self) {
        self.was_fresh = true;
        self.stale_since = None;
        self.out.state(Freshness::Fresh);
    }

    fn put(&mut self, row: Row) {
        if self.known.get(&row.key) == Some(&row.change) {
            return;
        }
        self.known.insert(row.key, row.change.clone());
        self.out.change(row.change);
    }

    fn remove(&mut self, key: Key) {
        if self.known.remove(&key).is_some()
            && let Some(gone) = row::gone(self.subject.kind, key)
        {
            self.out.change(gone);
        }
    }

    /// A whole list is in: what it did not name is gone.
    fn keep_only(&mut self, seen: &HashSet<Key>) {
        let lost: Vec<Key> = self.known.keys().filter(|k| !seen.contains(*k)).cloned().collect();
        for key in lost {
            self.remove(key);
        }
    }

    fn syncing(&mut self, rows: usize) {
        // A list after a 410 does not make less of what was there.
        let rows = rows.max(self.known.len());
        self.out.state(Freshness::Syncing { rows });
    }

    async fn pages(&mut self) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        let mut more = String::new();
        let mut restarts = 0;
        self.syncing(0);
        loop {
            let mut query = format!("limit={PAGE}");
            if !more.is_empty() {
                query = format!("{query}&continue={}", wire::escape(&more));
            }
            let path = self.path(&query);
            let body = match wire::bytes(self.cluster.reader(), &path, self.timing.list).await {
                // The continue token has expired: from the beginning, without letting go of anything.
                Err(f) if f.kind == FaultKind::Gone && !more.is_empty() && restarts < 3 => {
                    restarts += 1;
                    seen.clear();
                    more.clear();
                    continue;
                }
                other => other?,
            };
            let page = row::page(self.subject.kind, &body, &mut self.intern).map_err(|e| wire::garbled(&path, &e))?;
            drop(body);
            for row in page.rows {
                seen.insert(row.key.clone());
                self.put(row);
            }
            more = page.more;
            if more.is_empty() {
                self.keep_only(&seen);
                self.version = Some(page.version);
                self.attempt = 0;
                self.settled();
                return Ok(());
            }
            self.syncing(seen.len());
        }
    }

    fn watch_query(&self) -> String {
        let seconds = (self.timing.watch + jitter(self.timing.watch / 10)).as_secs().max(1);
        format!("watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}")
    }

    /// List and watch in one.
    async fn stream(&mut self) -> Result<(), Fault> {
        self.syncing(0);
        let path = self.path(&format!(
            "{}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            self.watch_query()
        ));
        let lines = match wire::lines(self.cluster.reader(), &path).await {
            Err(f) if matches!(f.kind, FaultKind::Refused(400 | 405 | 406 | 415 | 422)) => {
                self.cluster.no_streams();
                return Ok(());
            }
            other => other?,
        };
        match self.read(lines, Some(HashSet::new())).await {
            // Silent before the end of the first objects: a server that does not know streaming lists, perhaps.
            Err(f) if f.kind == FaultKind::Slow && self.version.is_none() => {
                self.cluster.no_streams();
                Ok(())
            }
            other => other,
        }
    }

    async fn follow(&mut self, version: &str) -> Result<(), Fault> {
        let path = self.path(&format!(
            "{}&resourceVersion={}",
            self.watch_query(),
            wire::escape(version)
        ));
        let lines = wire::lines(self.cluster.reader(), &path).await?;
        self.settled();
        self.read(lines, None).await
    }

    /// Reads a watch to its end. With `first`, the keys of its first objects are gathered there until they are all in.
    async fn read(&mut self, mut lines: Lines, mut first: Option<HashSet<Key>>) -> Result<(), Fault> {
        let longest = self.timing.watch * 11 / 10 + GRACE;
        let mut told = 0;
        let mut bookmark: Option<Instant> = None;
        let mut gap: Option<Duration> = None;
        self.heard = Timestamp::now();
        loop {
            while let Some(line) = lines.ready() {
                if line.is_empty() {
                    continue;
                }
                match row::news(self.subject.kind, line, &mut self.intern) {
                    Ok(News::Put(row)) => {
                        self.attempt = 0;
                        if let Some(seen) = &mut first {
                            seen.insert(row.key.clone());
                        } else {
                            self.version = Some(row.version.clone());
                        }
                        self.put(row);
                    }
                    Ok(News::Gone(key)) => {
                        self.attempt = 0;
                        if let Some(seen) = &mut first {
                            seen.remove(&key);
                        }
                        self.remove(key);
                    }
                    Ok(News::Bookmark { version, initial_end }) => {
                        self.attempt = 0;
                        let now = Instant::now();
                        if let Some(before) = bookmark.replace(now) {
                            gap = Some(now - before);
                        }
                        if first.is_none() || initial_end {
                            self.version = Some(version);
                        }
                        if initial_end && let Some(seen) = first.take() {
                            self.keep_only(&seen);
                            self.settled();
                        }
                    }
                    Ok(News::Error(code, status)) => return Err(Fault::of_answer(code, None, &status)),
                    // One object that cannot be read must not cost the others.
                    Err(e) => tracing::warn!(kind = self.subject.kind.plural(), "an object cannot be read: {e}"),
                }
            }
            if let Some(seen) = &first
                && seen.len() >= told + PAGE
            {
                told = seen.len();
                self.syncing(told);
            }
            // Bookmarks come about once a minute. Where the server has shown that it sends them, three missed ones
            // mean that the link is dead, long before the watch would have ended.
            let patience = match (&first, gap) {
                (Some(_), _) => self.timing.first,
                (None, Some(gap)) => (gap * 3).clamp(longest.min(Duration::from_secs(90)), longest),
                (None, None) => longest,
            };
            match tokio::time::timeout(patience, lines.more()).await {
                Ok(Ok(true)) => self.heard = Timestamp::now(),
                Ok(Ok(false)) if first.is_some() => {
                    return Err(Fault::new(FaultKind::Link, "the connection to the server was cut"));
                }
                Ok(Ok(false)) => return Ok(()),
                Ok(Err(fault)) => return Err(fault),
                Err(_) => {
                    let say = format!("nothing from the server for {} s", patience.as_secs());
                    return Err(Fault::new(FaultKind::Slow, say));
                }
            }
        }
    }
}

fn jitter(up_to: Duration) -> Duration {
    up_to.mul_f64(fastrand::f64())
}
