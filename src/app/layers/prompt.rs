//! One line to be typed, with what it is for.

use super::ObjectPrompt;
use crate::action::Thing;
use crate::app::field::Field;
use crate::model::{ObjectRef, Str};
use crate::signal::SignalKey;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptFor {
    /// The pane's filter, applied as it is typed.
    Filter,
    /// Search in the view beneath.
    Search,
    /// Only log lines with this text.
    LogFilter,
    /// Logs of all pods with these labels.
    LogLabels,
    Replicas {
        target: ObjectRef,
        seen: u32,
    },
    /// One size for all of these; with the sizes that they have.
    ReplicasOfAll {
        targets: Vec<(ObjectRef, u32)>,
    },
    HpaBounds {
        target: ObjectRef,
        min: u32,
        max: u32,
    },
    Image {
        target: ObjectRef,
        container: String,
        seen: String,
    },
    Object {
        target: ObjectRef,
        what: ObjectPrompt,
    },
    /// Failed jobs whose reason holds what is written.
    RetryJobs {
        queue: Thing,
    },
    /// Keys that begin with what is written.
    DeleteKeys {
        source: Str,
    },
    /// The comment of a silence.
    Silence {
        alert: Thing,
        labels: Vec<(String, String)>,
    },
    /// Of an incident, the ledger or the timeline.
    Incident(super::IncidentAsk),
    /// Why a plan goes on without its second person.
    Alone,
    /// Why a step of a run goes on without its second person.
    StepAlone {
        run: u64,
    },
    SkipReason {
        run: u64,
    },
    RunNote {
        run: u64,
    },
    /// The value of a parameter of a run.
    RunAnswer {
        run: u64,
        name: String,
        secret: bool,
    },
    /// Why somebody else's run is taken over.
    TakeRun {
        key: String,
    },
    /// Why a run is closed where it stands.
    CloseRun {
        key: String,
    },
    /// What shows that a change happened, or that it did not.
    ChangeSeen {
        intent: String,
        happened: bool,
    },
    /// Who goes on with a run, and why.
    HandOver {
        run: u64,
    },
    /// Why a plan goes on in spite of what holds it up.
    Override,
    /// The signal that was current when it was asked, and its line for the record.
    SnoozeReason {
        signal: SignalKey,
        line: String,
    },
}

#[derive(Clone, Debug)]
pub struct Prompt {
    pub purpose: PromptFor,
    pub label: String,
    /// What stands under the field: what is now, what is expected.
    pub hint: String,
    pub field: Field,
    pub complaint: Option<String>,
    /// Which of the earlier filters stands in the line.
    pub recalled: Option<usize>,
    /// The filter that was on when the line was opened: it counts while what is typed is not understood.
    pub before: String,
}

impl Prompt {
    pub fn new(purpose: PromptFor, label: impl Into<String>, hint: impl Into<String>, text: &str) -> Self {
        Self {
            purpose,
            label: label.into(),
            hint: hint.into(),
            field: Field::with(text),
            complaint: None,
            recalled: None,
            before: String::new(),
        }
    }

    /// What is typed is a secret: it is not drawn.
    pub fn is_masked(&self) -> bool {
        matches!(
            self.purpose,
            PromptFor::RunAnswer { secret: true, .. }
                | PromptFor::Object {
                    what: ObjectPrompt::Secret { .. },
                    ..
                }
        )
    }

    /// Filters and searches sit in the footer's line; others are boxes.
    pub fn is_line(&self) -> bool {
        matches!(
            self.purpose,
            PromptFor::Filter | PromptFor::Search | PromptFor::LogFilter
        )
    }
}
