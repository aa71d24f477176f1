//! What a run is told, and what it asks for.

use crate::action::{ActionId, Command, Progress, Request};
use crate::runbook::format::{ActionName, Open};
use crate::runbook::value::Value;
use jiff::Timestamp;

/// A question to the pipeline, unique within the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// New facts came with this event, or only time passed.
    Tick,
    /// The step's own way on: read, done, plan it, take the proposed value.
    Continue,
    Skip {
        reason: String,
    },
    Retry,
    RollBack,
    Abort {
        reason: String,
    },
    Note(String),
    /// One of the offered ways, by its index.
    Choose(usize),
    SetParam {
        name: String,
        text: String,
    },
    Open(Open),
    /// There is a plan; `title` is its title. Planning again while it is shown replaces it.
    PlanMade {
        ask: AskId,
        plan: ActionId,
        title: String,
    },
    PlanRefused {
        ask: AskId,
        why: String,
    },
    /// The operator closed the plan, or it expired, before it was confirmed.
    PlanCancelled {
        ask: AskId,
        why: String,
    },
    /// This console may not make such a plan, now or later.
    Barred {
        ask: AskId,
        why: String,
    },
    /// The operator confirmed this very plan.
    Confirmed {
        plan: ActionId,
    },
    /// What the pipeline says of a plan. Those of other plans are ignored.
    Progress(Box<Progress>),
    /// A second person agreed.
    Approved {
        ask: AskId,
        by: String,
    },
    ApprovalRefused {
        ask: AskId,
        by: String,
        why: String,
    },
    /// Policy lets the operator go on without the second person, for this reason.
    Alone {
        reason: String,
    },
    /// Nobody can be asked; `solo`: nobody needs to be.
    ApprovalUnavailable {
        ask: AskId,
        why: String,
        solo: bool,
    },
    /// Another operator goes on with it.
    HandOver {
        to: String,
        reason: String,
    },
    /// The step's text for others goes to the clipboard.
    Copy,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make a plan and show it. [`super::request::resolve`] gives the request; if there is none, answer `PlanRefused`.
    Plan(ActionAsk),
    /// Make a plan for taking back what a step changed.
    PlanUndo {
        ask: AskId,
        step: String,
        label: String,
        request: Request,
    },
    /// Make a plan for a local command and show it.
    PlanCommand(CommandAsk),
    /// Ask a second person to agree to `text`, and to the plan if one is named.
    AskApproval {
        ask: AskId,
        text: String,
        plan: Option<ActionId>,
    },
    /// The run was left while this plan is carried out: what can be stopped (a local command) is stopped.
    Stop { plan: ActionId },
    /// To the clipboard.
    Copy(String),
    /// Open a view that holds more evidence on the run's subject.
    Open(Open),
    /// Write this down in the journal.
    Record(Record),
}

/// A change that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionAsk {
    pub ask: AskId,
    /// The step's title.
    pub step: String,
    pub action: ActionName,
    /// `kind/namespace/name`.
    pub target: String,
    pub args: Vec<(&'static str, Value)>,
    /// To stand in the plan's reason field; may be empty.
    pub reason: String,
    /// How long verification may take and how long it must then stay good, in seconds, where the file says so.
    pub verify_for: Option<i64>,
    pub soak: Option<i64>,
}

/// A local command that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandAsk {
    pub ask: AskId,
    /// The step's title.
    pub step: String,
    pub command: Command,
    /// To stand in the plan's reason field; may be empty.
    pub reason: String,
}

/// One line for the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The run's id.
    pub run: String,
    pub at: Timestamp,
    /// The step's id; none for the run as a whole.
    pub step: Option<String>,
    pub what: Recorded,
    pub text: String,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Started,
    Passed,
    Failed,
    Unknown,
    Skipped,
    Decided,
    Noted,
    PlanAsked,
    ApprovalAsked,
    /// With who agreed, or `solo` and why.
    Approved,
    /// A text went to others.
    Told,
    HandedOver,
    Aborted,
    /// One change was taken back.
    TakenBack,
    /// Every change was.
    RolledBack,
    /// The taking back is over, and some changes stay.
    ChangesLeft,
    Completed,
}

impl Recorded {
    /// The word in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::Decided => "decided",
            Self::Noted => "noted",
            Self::PlanAsked => "plan-asked",
            Self::ApprovalAsked => "approval-asked",
            Self::Approved => "approved",
            Self::Told => "told",
            Self::HandedOver => "handed-over",
            Self::Aborted => "aborted",
            Self::TakenBack => "taken-back",
            Self::RolledBack => "rolled-back",
            Self::ChangesLeft => "changes-left",
            Self::Completed => "completed",
        }
    }
}
