//! How fresh what we show is. "Syncing", "forbidden", "empty" and "stale" are four different things.

use jiff::Timestamp;

use super::{Kind, Str};

/// One stream of data whose freshness is judged on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeedId {
    /// The watch of one kind (over all namespaces of the scope).
    Watch(Kind),
    /// metrics.k8s.io, polled while CPU and memory show.
    Metrics,
}

/// The state of a feed. Rows stay whatever it says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Nobody asked for it yet.
    #[default]
    Off,
    /// The first list is under way; `rows` have arrived.
    Syncing { rows: usize },
    /// The watch is open; what is shown is what the server has.
    Fresh,
    /// It was fresh until `since`; the reason, and when it is tried again.
    Stale {
        since: Timestamp,
        why: Str,
        retry_at: Timestamp,
    },
    /// It never was fresh: the reason, and when it is tried again.
    Failed { why: Str, retry_at: Timestamp },
    /// The server refuses (403): the missing right, in the server's words.
    Forbidden { why: Str },
    /// The server does not have this API (404 of the resource: no metrics-server, say).
    Absent { why: Str },
}

impl Freshness {
    /// Whether a mutation may be planned on it.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh)
    }

    /// For a light: the worse of two.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Off | Self::Absent { .. } => 0,
            Self::Fresh => 1,
            Self::Syncing { .. } => 2,
            Self::Forbidden { .. } => 3,
            Self::Stale { .. } => 4,
            Self::Failed { .. } => 5,
        }
    }
}
