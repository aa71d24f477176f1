//! Faults on demand, and the log of requests that tests read.

use super::status::Status;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answer with this instead (its `retry_after` becomes the header).
    Refuse(Status),
    /// Answer with this code and plain text, as a proxy or the priority-and-fairness filter does.
    Text {
        /// HTTP status.
        code: u16,
        /// Body.
        body: String,
        /// Seconds for `Retry-After`.
        retry_after: Option<u32>,
    },
    /// Wait before answering (the request takes effect after the wait).
    Delay(Duration),
    /// Do what was asked, then wait before answering.
    DelayAfter(Duration),
    /// Close the connection without an answer; nothing took effect.
    Drop,
    /// Do what was asked, then close the connection without an answer.
    DropAfter,
}

/// Which requests a fault hits.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Upper case; empty: any.
    pub method: String,
    /// The path begins with this; empty: any.
    pub path_prefix: String,
    /// The path with query contains this; empty: any.
    pub contains: String,
    /// User name; empty: any.
    pub user: String,
    /// So many times, then never again.
    pub times: usize,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// Hits `times` requests of this method whose path begins so.
    pub fn new(method: &str, path_prefix: &str, times: usize, fault: Fault) -> Self {
        Self {
            method: method.to_owned(),
            path_prefix: path_prefix.to_owned(),
            contains: String::new(),
            user: String::new(),
            times,
            fault,
        }
    }
}

/// A verb that RBAC refuses from now on, for any user, in requests and in access reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedVerb {
    /// As `patch`.
    pub verb: String,
    /// As `deployments`, or `deployments/scale`.
    pub resource: String,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    refused: Vec<RefusedVerb>,
    expired: Vec<String>,
}

/// The handle by which tests make things go wrong.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
    /// Bumped to cut all open watches.
    cut: watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            cut: watch::Sender::new(0),
        }
    }
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a fault. The first rule set that matches a request hits it.
    pub fn set(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Cuts every open watch and followed log in mid-stream.
    pub fn cut_watches(&self) {
        self.cut.send_modify(|n| *n += 1);
    }

    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.cut.subscribe()
    }

    /// The user's token is no longer good (401), until [`Faults::clear`].
    pub fn expire_token(&self, user: &str) {
        self.state().expired.push(user.to_owned());
    }

    /// RBAC refuses this from now on, until [`Faults::clear`].
    pub fn refuse(&self, verb: &str, resource: &str) {
        self.state().refused.push(RefusedVerb {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
        });
    }

    /// Everything works again.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn is_expired(&self, user: &str) -> bool {
        self.state().expired.iter().any(|u| u == user)
    }

    pub(crate) fn is_refused(&self, verb: &str, target: &str) -> bool {
        self.state()
            .refused
            .iter()
            .any(|r| r.verb == verb && r.resource == target)
    }

    /// The fault for this request, counted down.
    pub(crate) fn hit(&self, method: &str, path_and_query: &str, user: &str) -> Option<Fault> {
        let mut state = self.state();
        let rule = state.rules.iter_mut().find(|r| {
            r.times > 0
                && (r.method.is_empty() || r.method == method)
                && path_and_query.starts_with(&r.path_prefix)
                && path_and_query.contains(&r.contains)
                && (r.user.is_empty() || r.user == user)
        })?;
        rule.times -= 1;
        let fault = rule.fault.clone();
        state.rules.retain(|r| r.times > 0);
        Some(fault)
    }
}

/// One request as it came, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// With the query.
    pub path: String,
    /// User name; empty when not known.
    pub user: String,
    /// The `User-Agent`.
    pub agent: String,
    /// HTTP status; 0 when the connection was dropped.
    pub status: u16,
    /// On the scenario clock.
    pub at: Timestamp,
}

impl Request {
    /// Whether it could change something: not a read, not a review, not a dry run.
    pub fn is_mutating(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
            && !self.path.contains("dryRun=All")
            && !self.path.starts_with("/apis/authorization.k8s.io/")
            && !self.path.starts_with("/apis/authentication.k8s.io/")
    }
}

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<Request>,
    total: u64,
    mutating: u64,
    changed: u64,
}

/// The last requests (at most 10,000) and counters of all.
#[derive(Debug, Default)]
pub struct RequestLog(Mutex<Log>);

impl RequestLog {
    const KEPT: usize = 10_000;

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, request: Request) {
        let mut log = self.log();
        log.total += 1;
        let mutating = request.is_mutating();
        log.mutating += u64::from(mutating);
        log.changed += u64::from(mutating && matches!(request.status, 200..300));
        log.requests.push_back(request);
        if log.requests.len() > Self::KEPT {
            log.requests.pop_front();
        }
    }

    /// The requests that are kept, oldest first.
    pub fn all(&self) -> Vec<Request> {
        self.log().requests.iter().cloned().collect()
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.log().total
    }

    /// How many of them could change something, whether or not they were let.
    pub fn mutating(&self) -> u64 {
        self.log().mutating
    }

    /// How many of them were answered with success.
    pub fn changed(&self) -> u64 {
        self.log().changed
    }

    /// Forgets all and counts from zero.
    pub fn clear(&self) {
        *self.log() = Log::default();
    }
}
