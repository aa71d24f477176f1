//! HTTP endpoints as they answered last.

use std::time::Duration;

use jiff::Timestamp;

use super::{Seen, Str};

/// One endpoint as it answered last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpChecks {
    pub url: Str,
    /// The status that is good; `None`: any of 200 to 299.
    pub want: Option<u16>,
    pub limit: Duration,
    /// The last answer; no answer at all is a `problem`.
    pub reply: Seen<HttpReply>,
    /// Tries in a row that were not good, and when the first of them was. It is down from three on.
    pub failures: u32,
    pub bad_since: Option<Timestamp>,
    /// Answers in a row that were good but slow, and when the first of them came.
    pub slow: u32,
    pub slow_since: Option<Timestamp>,
    /// Milliseconds of the last tries, oldest first; a try without an answer is NaN.
    pub history: std::sync::Arc<[f32]>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub took: Duration,
    /// Where a redirect leads; empty otherwise.
    pub location: Str,
}

impl HttpChecks {
    /// Bad tries in a row that make it down.
    pub const TRIES: u32 = 3;

    /// Whether this status is the one that is expected.
    pub fn good(&self, status: u16) -> bool {
        self.want.map_or((200..300).contains(&status), |want| want == status)
    }

    /// `200`, `any 2xx`.
    pub fn expected(&self) -> String {
        self.want.map_or_else(|| "any 2xx".to_owned(), |s| s.to_string())
    }

    pub fn is_down(&self) -> bool {
        self.failures >= Self::TRIES
    }

    pub fn is_slow(&self) -> bool {
        self.slow >= Self::TRIES
    }
}
