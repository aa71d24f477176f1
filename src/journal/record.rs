//! What a line of the journal holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    SessionStart,
    SessionEnd,
    Plan,
    Confirm,
    /// About to be sent. Without a `result` that refers to it, its fate is unknown.
    Intent,
    Result,
    Verify,
    Undo,
    Abort,
    Override,
    Approval,
    Param,
    Note,
    /// A run of a runbook: `what` says what happened to it, `runbook` which run and step, `data` holds what it takes to
    /// go on with the run.
    Run,
    /// Of an incident: `what` says what happened to it (`opened`, `severity`, `note`, `closed` …), `incident` which one.
    Incident,
    /// A change that must not stay: `what` is `opened` or `closed`, `data` how to take it back and until when.
    Temporary,
    Export,
    Error,
    /// The journal found a line that was cut off, and closed it.
    Heal,
    /// The first record of a file that goes on from an earlier one: `data` names that file, the number of its last
    /// record and that record's hash.
    Rotate,
}

impl RecordKind {
    pub const ALL: [Self; 20] = [
        Self::SessionStart,
        Self::SessionEnd,
        Self::Plan,
        Self::Confirm,
        Self::Intent,
        Self::Result,
        Self::Verify,
        Self::Undo,
        Self::Abort,
        Self::Override,
        Self::Approval,
        Self::Param,
        Self::Note,
        Self::Run,
        Self::Incident,
        Self::Temporary,
        Self::Export,
        Self::Error,
        Self::Heal,
        Self::Rotate,
    ];

    /// The kind of that word.
    ///
    /// # Errors
    /// Which words there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == word);
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|kind| kind.word()).collect();
            format!("`{word}` is no kind of record; there are {}", all.join(", "))
        })
    }

    /// As people read it, and as filters take it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SessionStart => "session-start",
            Self::SessionEnd => "session-end",
            Self::Plan => "plan",
            Self::Confirm => "confirm",
            Self::Intent => "intent",
            Self::Result => "result",
            Self::Verify => "verify",
            Self::Undo => "undo",
            Self::Abort => "abort",
            Self::Override => "override",
            Self::Approval => "approval",
            Self::Param => "param",
            Self::Note => "note",
            Self::Run => "run",
            Self::Incident => "incident",
            Self::Temporary => "temporary",
            Self::Export => "export",
            Self::Error => "error",
            Self::Heal => "heal",
            Self::Rotate => "rotate",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Live,
    Drill,
    Observer,
}

/// Who acts, as far as this machine and the cluster can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub os_user: String,
    pub uid: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sudo_user: String,
    /// Address of the SSH client, when there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ssh_client: String,
    /// As the API server names the user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub k8s_user: String,
}

impl Actor {
    /// The person: who became somebody else by sudo is still who they were.
    pub fn person(&self) -> &str {
        if self.sudo_user.is_empty() {
            &self.os_user
        } else {
            &self.sudo_user
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub context: String,
    /// Host and port of the server.
    pub server: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestSeen {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Only what is known to be harmless, see [`super::redact_body`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// Of the bytes that were sent.
    pub body_sha256: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResponseSeen {
    /// HTTP status; 0 when there was no answer.
    pub code: u16,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// `Audit-Id` of the API server: finds the same request in its own audit log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub audit_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRef {
    pub id: String,
    pub sha256: String,
    pub step: String,
    pub run: String,
}

/// What a writer gives; the journal adds who, where, when, the number and the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: RecordKind,
    /// The action's name in the registry, or what this record is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestSeen>,
    /// The fields that change, as they were.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSeen>,
    /// Outcome or verdict, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    /// The operator's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// `solo` where nobody else approved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub approval: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<RunbookRef>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incident: String,
    /// `seq` of the record that this one answers (the intent of a result). Its hash stands in `data` as `intent`: a
    /// result may come to the next day's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers: Option<u64>,
    /// What replay needs, by kind; never a value that came from a Secret, a payload or a literal.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// Parts were left out to stay within the size limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
}

impl Entry {
    pub fn new(kind: RecordKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            target: None,
            request: None,
            before: Value::Null,
            after: Value::Null,
            response: None,
            outcome: String::new(),
            reason: String::new(),
            approval: String::new(),
            duration_ms: None,
            plan_hash: String::new(),
            runbook: None,
            incident: String::new(),
            refers: None,
            data: Value::Null,
            shortened: false,
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub v: u8,
    pub seq: u64,
    /// UTC, milliseconds.
    pub ts: Timestamp,
    pub host: String,
    pub pid: u32,
    pub session: String,
    pub build: String,
    pub actor: Actor,
    pub mode: Mode,
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of the record before; of the file's name for the first one.
    pub prev_hash: String,
    /// Of the line up to here; last, so that it can be checked on the bytes themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl Record {
    /// The person, not the account that they became.
    pub fn who(&self) -> &str {
        let actor = &self.actor;
        if actor.sudo_user.is_empty() {
            &actor.os_user
        } else {
            &actor.sudo_user
        }
    }

    /// The hash of the intent that this record answers: of a result, or of a person's word on what became of it.
    pub fn answers(&self) -> Option<&str> {
        match self.entry.kind {
            RecordKind::Result | RecordKind::Override => self.entry.data.get("intent")?.as_str(),
            _ => None,
        }
    }
}
