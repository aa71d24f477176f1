//! A question with two answers. Focus starts on the one that changes nothing.

use jiff::{SignedDuration, Timestamp};

use crate::app::msg::ExecAsk;

/// Keys that come sooner were meant for what was there before.
const TYPED_AHEAD: SignedDuration = SignedDuration::from_millis(300);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionFor {
    /// Open a shell in a container; when it was asked.
    Exec(Box<ExecAsk>, Timestamp),
    Quit,
    AbortRun(u64),
    /// Go on with a run whose runbook was changed since.
    ResumeChanged,
}

#[derive(Clone, Debug)]
pub struct Question {
    pub purpose: QuestionFor,
    pub text: String,
    /// What goes on meanwhile or is lost.
    pub detail: String,
    pub yes: String,
    pub no: String,
    pub on_yes: bool,
}

impl Question {
    /// Whether keys count yet: those typed ahead of a question that opens something outside the console do not.
    pub fn listens(&self, now: Timestamp) -> bool {
        match &self.purpose {
            QuestionFor::Exec(_, asked) => now.duration_since(*asked) >= TYPED_AHEAD,
            _ => true,
        }
    }
}
