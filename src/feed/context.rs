//! What every polled source is given: the cluster it may go through, the right to write, and how often to look.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Secrets;
use super::kube::Cluster;
use crate::action::WriteGrant;

/// How often a source is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Nobody looks at its pane: only what the signals need.
    #[default]
    Slow,
    /// Its pane shows.
    Fast,
}

/// What a source may use. Cheap to clone.
#[derive(Clone)]
pub struct SourceContext {
    /// `None`: no Kubernetes; sources with `via`, Secrets and certificates of a cluster are not to be had.
    pub cluster: Option<Cluster>,
    /// `None` in a read-only console.
    pub grant: Option<Arc<WriteGrant>>,
    /// Changes when the pane opens or closes.
    pub pace: watch::Receiver<Pace>,
}

impl SourceContext {
    /// Without a cluster, at this pace for ever.
    pub fn alone(pace: Pace) -> Self {
        Self {
            cluster: None,
            grant: None,
            pace: watch::channel(pace).1,
        }
    }

    /// Looks secrets up.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.cluster.as_ref().map(|c| c.reader().clone()))
    }

    /// Waits for the next look: `slow` or `fast` from now, with a fifth of it as jitter, or until the pace changes to
    /// fast, or somebody who gives the pace says it again: then something was changed, or is wanted now.
    pub async fn rest(&mut self, slow: Duration, fast: Duration) {
        let mut pace = *self.pace.borrow_and_update();
        let wait = if pace == Pace::Fast { fast } else { slow };
        let wait = wait.mul_f64(0.9 + fastrand::f64() * 0.2);
        let sooner = async {
            // Who gave the pace is gone: it stays what it is.
            while self.pace.changed().await.is_ok() {
                let now = *self.pace.borrow_and_update();
                if now == Pace::Fast || now == pace {
                    return;
                }
                pace = now;
            }
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(wait, sooner).await;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn what_is_said_again_is_looked_at_at_once_and_what_is_closed_is_not() {
        let (sender, pace) = watch::channel(Pace::Fast);
        let mut context = SourceContext {
            pace,
            ..SourceContext::alone(Pace::Fast)
        };
        let hour = Duration::from_secs(3600);
        let mut rest = std::pin::pin!(context.rest(hour, hour));
        let mut is_over = async || std::future::poll_fn(|cx| Poll::Ready(rest.as_mut().poll(cx).is_ready())).await;
        assert!(!is_over().await);
        sender.send_replace(Pace::Slow);
        assert!(!is_over().await);
        sender.send_modify(|_| {});
        assert!(is_over().await);
    }
}
