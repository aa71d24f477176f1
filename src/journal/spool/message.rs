//! What is said through the spool: plain data, parsed strictly, without control bytes, and without a secret, a payload
//! or a literal of a statement: who may read the spool need not be one who may read the sources.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::clean::clean_value;
use crate::journal::recent::Deed;

/// What a console may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Operator,
    Observer,
}

/// An open console: who, where, what is on its screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub v: u8,
    /// What the writer calls themselves; a claim.
    pub name: String,
    pub session: String,
    pub since: Timestamp,
    pub role: Role,
    /// The session that it follows.
    pub following: Option<String>,
    pub seat: Option<Seat>,
    pub looks: Option<Looks>,
    /// What its operator sent in the last minutes: nobody else does the same to the same object meanwhile.
    #[serde(default)]
    pub deeds: Vec<Deed>,
}

/// Which cluster, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    pub context: String,
    pub server: String,
    pub scope: String,
}

/// What is on an operator's screen, by identity: an observer's console shows the same from its own data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looks {
    /// The pane's name in the keymap: `pods`.
    pub pane: String,
    pub view: u16,
    pub zoomed: bool,
    /// What the selected row is known by.
    pub selected: Option<String>,
    pub opened: Option<Opened>,
    pub run: Option<RunSeen>,
    pub plan: Option<PlanSeen>,
    /// The open incident in a line.
    pub incident: Option<String>,
}

/// What lies over the deck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// `detail`, `item`, `logs`, `text`, `revisions`, `runbook`, `plan`, `activity`.
    pub what: String,
    pub object: Option<ObjectSeen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSeen {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// A run of a runbook, as far as others need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSeen {
    pub title: String,
    pub subject: String,
    pub run: String,
    pub started: Timestamp,
    pub steps: Vec<StepSeen>,
    /// Of the current step, from 0; as many as there are steps when it is through.
    pub at: usize,
    /// `completed`, `aborted: why`; empty while it goes on.
    pub ended: String,
    /// What it waits for; empty when for nothing but the operator.
    pub waiting: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSeen {
    pub title: String,
    pub state: StepMark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepMark {
    Todo,
    Current,
    Passed,
    Failed,
    Skipped,
    Unknown,
}

/// The plan that is on the operator's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSeen {
    pub title: String,
    /// `being made`, `to be confirmed`, `waits for a second person`, `refused`.
    pub state: String,
}

/// A plan, or a step of a runbook, that waits for a second person: all that this person needs to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub v: u8,
    /// The asker's session and a number.
    pub id: String,
    /// A claim.
    pub name: String,
    /// The asker's login uid, where the kernel keeps it.
    pub login: Option<u32>,
    /// Of the plan: what the answer is bound to.
    pub hash: String,
    pub title: String,
    /// What will be done, for the button and the record.
    pub verb: String,
    pub seat: Seat,
    /// `PROD`.
    pub class: String,
    /// `R3`.
    pub risk: String,
    /// `replicas: 2 → 5`.
    pub changes: Vec<String>,
    /// The same as `kubectl`, `psql` or `redis-cli` lines.
    pub same_as: Vec<String>,
    pub impact: Vec<String>,
    pub warnings: Vec<String>,
    /// Checks that did not pass, or could not be told.
    pub doubts: Vec<String>,
    pub undo: String,
    pub reason: String,
    /// What the second person types to approve.
    pub word: String,
    pub at: Timestamp,
    pub expires: Timestamp,
}

impl Ask {
    /// SHA-256 of the bytes as they are written: the answer says which text it is an answer to.
    pub fn digest(&self) -> String {
        crate::journal::sha256(&bytes(self))
    }
}

/// What the second person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub v: u8,
    /// [`Ask::id`].
    pub ask: String,
    /// A claim.
    pub name: String,
    pub login: Option<u32>,
    pub hash: String,
    /// [`Ask::digest`] of what was on the second person's screen.
    pub shown: String,
    pub approves: bool,
    pub reason: String,
    pub at: Timestamp,
}

/// The session in the id of what is asked.
pub(super) fn session_of(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(session, _)| session)
}

/// The document as it is written: clean already, so that reader and writer see the same bytes.
pub(super) fn bytes<T: Serialize>(what: &T) -> Vec<u8> {
    let value = serde_json::to_value(what).map(clean_value).unwrap_or_default();
    serde_json::to_vec(&value).unwrap_or_default()
}

/// `None` for what is not exactly such a document of this version.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    if value.get("v").and_then(Value::as_u64) != Some(1) {
        return None;
    }
    serde_json::from_value(clean_value(value)).ok()
}
