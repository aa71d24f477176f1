//! Kubernetes events.

use jiff::Timestamp;

use super::{Meta, Str, Uid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub meta: Meta,
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    pub reason: Str,
    pub message: Str,
    /// The API's kind, e.g. `Pod`.
    pub about_kind: Str,
    pub about_name: Str,
    pub about_uid: Uid,
    pub source: Str,
    pub count: u32,
    pub first: Option<Timestamp>,
    /// The last time it was seen: `series.lastObservedTime`, `lastTimestamp`, `eventTime` or creation, in this order.
    pub last: Timestamp,
}
