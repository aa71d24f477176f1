//! What became of a plan: each stage on its way, the outcome of its request, the verdict of its verification.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::{ActionId, Undo};

/// What became of the one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "kebab-case")]
pub enum Outcome {
    Applied,
    /// The server changed nothing (generation and resourceVersion are the same).
    NoOp,
    /// The server took it, said that it left it out, and why.
    Skipped(String),
    Refused(String),
    /// What the plan rests on has changed: plan again.
    Conflict(String),
    /// Seconds that the server asks us to wait.
    Throttled(u32),
    /// No answer, or a 5xx: read and compare before anything else; never sent again by itself.
    Unknown(String),
    /// The journal could not be written, so nothing was sent.
    NotRecorded(String),
}

/// What the verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "kebab-case")]
pub enum Verdict {
    Healthy(String),
    Failed(String),
    /// Someone changed it after us; by whom.
    Superseded(String),
    /// The object is gone, or is another one.
    Lost(String),
    Paused,
    /// The deadline passed without a clear answer, or the server could not be read.
    Unknown(String),
}

/// One step on the way, for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub id: ActionId,
    pub at: Timestamp,
    pub stage: Stage,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The intent is on disk.
    Recorded,
    /// Step `n` of the plan answered.
    Executed {
        step: usize,
        outcome: Outcome,
    },
    /// What is seen now: `3 of 5 updated, 1 not ready (ImagePullBackOff)`. `worrying` offers a roll-back early.
    Verifying {
        text: String,
        worrying: bool,
    },
    /// Lines that a command wrote.
    Output(Vec<String>),
    /// The exit code of a command.
    Exited(i32),
    Soaking {
        until: Timestamp,
    },
    Done {
        outcome: Outcome,
        verdict: Option<Verdict>,
        undo: Option<Undo>,
    },
}
