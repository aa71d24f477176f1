//! Logs as they come.

use tokio::task::JoinHandle;

use super::super::Event;
use super::super::reads::{labels, line};
use super::Link;
use crate::app::msg::{LogBatch, LogQuery, LogTarget};
use crate::app::{Msg, Token};
use crate::feed::kube as feed;

impl Link {
    pub fn logs(&self, token: Token, query: LogQuery) -> Result<JoinHandle<()>, String> {
        let cluster = self.cluster.clone().ok_or("not connected to a cluster")?;
        let of = match query.target {
            LogTarget::Pod(pod) => feed::logs::LogOf::Pod(pod),
            LogTarget::Workload {
                namespace, selector, ..
            } => feed::logs::LogOf::Selector {
                namespace: namespace.to_string(),
                selector,
            },
            LogTarget::Labels { namespace, selector } => feed::logs::LogOf::Selector {
                namespace: namespace.to_string(),
                selector: labels(&selector)?,
            },
        };
        let query = feed::logs::LogQuery {
            of,
            container: query.container,
            previous: query.previous,
            tail: Some(query.tail),
            since: None,
            follow: !query.previous,
        };
        let sender = self.sender.clone();
        Ok(tokio::spawn(async move {
            let mut stream = feed::logs::open(&cluster, query);
            let mut dropped = 0;
            while let Some(items) = stream.next().await {
                let all = stream.dropped();
                let batch = LogBatch {
                    lines: items.into_iter().map(line).collect(),
                    dropped: all - dropped,
                    ended: None,
                };
                dropped = all;
                if sender.send(Event::Msg(Msg::Logs(token, batch))).await.is_err() {
                    return;
                }
            }
            let batch = LogBatch {
                ended: Some("the log has ended".to_owned()),
                ..LogBatch::default()
            };
            let _ = sender.send(Event::Msg(Msg::Logs(token, batch))).await;
        }))
    }
}
