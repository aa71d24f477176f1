//! What one action contributes to a plan; the pipeline adds permission, dry run, policy and the confirmation.

use serde_json::Value;

use super::plan::{Alternative, Check, FieldChange, PlanStep, Refusal, Request, Risk, Undo, VerifySpec, Warning};
use crate::model::ObjectRef;

/// A right that this very plan needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub verb: &'static str,
    pub target: ObjectRef,
    pub subresource: &'static str,
}

pub(super) struct Draft {
    pub title: String,
    /// Without the place, which the pipeline adds.
    pub verb: String,
    pub steps: Vec<PlanStep>,
    pub last_set: Vec<String>,
    pub impact: Vec<String>,
    pub warnings: Vec<Warning>,
    pub alternatives: Vec<Alternative>,
    pub checks: Vec<Check>,
    pub verify: VerifySpec,
    pub undo: Undo,
    pub risk: Risk,
    pub no_op: Option<String>,
    pub needs: Vec<Need>,
    /// The request that the plan stands for, where that is more than was asked: with a value that was made.
    pub request: Option<Request>,
    /// Only the first step is tried without effect: the others are answered by what the first one does.
    pub probe_first_only: bool,
}

impl Draft {
    pub fn new(title: String, verb: String, risk: Risk, verify: VerifySpec) -> Self {
        Self {
            title,
            verb,
            steps: Vec::new(),
            last_set: Vec::new(),
            impact: Vec::new(),
            warnings: Vec::new(),
            alternatives: Vec::new(),
            checks: Vec::new(),
            verify,
            undo: Undo::Nothing { why: String::new() },
            risk,
            no_op: None,
            needs: Vec::new(),
            request: None,
            probe_first_only: false,
        }
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(Warning {
            serious: false,
            text: text.into(),
        });
    }

    pub fn warn_seriously(&mut self, text: impl Into<String>) {
        self.warnings.push(Warning {
            serious: true,
            text: text.into(),
        });
    }

    /// Offered for ten minutes after success.
    pub fn undo_by(&mut self, label: String, request: Request) {
        self.undo = Undo::By {
            label,
            request,
            valid_for_s: 600,
        };
    }

    pub fn no_undo(&mut self, why: impl Into<String>) {
        self.undo = Undo::Nothing { why: why.into() };
    }

    pub fn also(&mut self, label: String, request: Request) {
        self.alternatives.push(Alternative { label, request });
    }
}

pub(super) fn change(field: impl Into<String>, before: impl ToString, after: impl ToString) -> FieldChange {
    FieldChange {
        field: field.into(),
        before: before.to_string(),
        after: after.to_string(),
    }
}

pub(super) fn refuse(what: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal {
        what: what.into(),
        hint: hint.into(),
        alternatives: Vec::new(),
    }
}

/// What a step rests on: where to look again just before it is sent, and what must still be there.
pub(super) fn rests_on(read: String, fields: &[(&str, Value)]) -> Value {
    let fields: serde_json::Map<String, Value> = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    serde_json::json!({ "read": read, "fields": fields })
}
