//! CPU and memory from metrics.k8s.io, read only while they show.

use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::feeds::{Demand, Timing};
use super::intern::Interner;
use super::row;
use super::wire;
use crate::feed::Inbox;
use crate::model::{FeedId, Freshness, Key, Scope, Usage};

const ROOT: &str = "/apis/metrics.k8s.io/v1beta1";

pub struct Metrics {
    pub cluster: Cluster,
    pub scope: Scope,
    pub inbox: Inbox,
    pub demand: Receiver<Demand>,
    pub wake: Receiver<u64>,
    pub timing: Timing,
}

impl Metrics {
    /// Never returns; stop it by dropping the future.
    pub async fn run(mut self) {
        let mut intern = Interner::default();
        let mut fresh: Option<Timestamp> = None;
        let mut lost: Option<Timestamp> = None;
        loop {
            if !self.demand.borrow_and_update().metrics {
                self.inbox.feed_state(FeedId::Metrics, Freshness::Off);
                if self.demand.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if fresh.is_none() && lost.is_none() {
                self.inbox.feed_state(FeedId::Metrics, Freshness::Syncing { rows: 0 });
            }
            let mut delay = self.timing.metrics;
            let state = match self.poll(&mut intern).await {
                Ok(()) => {
                    fresh = Some(Timestamp::now());
                    lost = None;
                    Freshness::Fresh
                }
                Err(fault) => {
                    delay = delay.max(fault.retry_after.unwrap_or_default());
                    let now = Timestamp::now();
                    let retry_at = now.checked_add(delay).unwrap_or(now);
                    let why = fault.say.as_str().into();
                    match (fault.kind, fresh) {
                        (FaultKind::Absent, _) => Freshness::Absent {
                            why: "the cluster has no metrics-server: no CPU and memory".into(),
                        },
                        (FaultKind::Forbidden, _) => Freshness::Forbidden { why },
                        (_, Some(last)) => Freshness::Stale {
                            since: *lost.get_or_insert(last),
                            why,
                            retry_at,
                        },
                        (_, None) => Freshness::Failed { why, retry_at },
                    }
                }
            };
            self.inbox.feed_state(FeedId::Metrics, state);
            self.wake.borrow_and_update();
            let changed = async {
                let (demand, wake) = (&mut self.demand, &mut self.wake);
                tokio::select! {
                    Ok(()) = demand.changed() => {}
                    Ok(()) = wake.changed() => {}
                    else => std::future::pending().await,
                }
            };
            let _ = tokio::time::timeout(delay, changed).await;
        }
    }

    async fn poll(&self, intern: &mut Interner) -> Result<(), Fault> {
        let mut pods = Vec::new();
        match &self.scope {
            Scope::All => self.pages(&format!("{ROOT}/pods"), &mut pods, intern).await?,
            Scope::Namespaces(list) => {
                for ns in list {
                    let path = format!("{ROOT}/namespaces/{}/pods", wire::escape(ns));
                    self.pages(&path, &mut pods, intern).await?;
                }
            }
        }
        self.inbox.pod_usage(pods);
        // Nodes are a matter of the cluster: who sees one namespace may not read them.
        let mut nodes = Vec::new();
        if self.pages(&format!("{ROOT}/nodes"), &mut nodes, intern).await.is_ok() {
            self.inbox.node_usage(nodes);
        }
        Ok(())
    }

    async fn pages(&self, path: &str, into: &mut Vec<(Key, Usage)>, intern: &mut Interner) -> Result<(), Fault> {
        let mut more = String::new();
        loop {
            let mut query = format!("{path}?limit=500");
            if !more.is_empty() {
                query = format!("{query}&continue={}", wire::escape(&more));
            }
            let body = wire::bytes(self.cluster.reader(), &query, self.timing.list).await?;
            let (rows, next) = row::usage(&body, intern).map_err(|e| wire::garbled(path, &e))?;
            into.extend(rows);
            if next.is_empty() || next == more {
                return Ok(());
            }
            more = next;
        }
    }
}
