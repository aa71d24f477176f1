//! The file format: a Markdown file with TOML front matter and a fenced `step` block under each heading that acts.
//!
//! ````text
//! +++
//! id = "worker-backlog"
//! title = "Worker backlog"
//! answers = ["queue.backlog"]
//! +++
//!
//! # Worker backlog
//!
//! ## Are workers alive?
//! Prose, which the panel shows.
//!
//! ```step
//! kind = "gate"
//! expect = "rollout.ready > 0"
//! ```
//! ````
//!
//! Reading is strict: every unknown or missing key, wrong type, unknown name and goto without a target is a [`Problem`]
//! with its line and column. The types here are what a file that has none means.

mod fields;
mod params;
mod prose;
mod read;
mod source;
mod steps;

pub use prose::{Block, Span, Style};
pub use read::{parse, slug};
pub use source::Problem;

use super::template::Template;
use super::value::Type;

/// One runbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Runbook {
    pub id: String,
    pub title: String,
    pub owner: String,
    /// The day somebody last walked through it.
    pub verified: Option<jiff::civil::Date>,
    /// The ids of the signals that it answers.
    pub answers: Vec<String>,
    pub use_when: String,
    pub do_not_use_when: Option<String>,
    /// Whom to call when it does not help.
    pub escalation: Option<String>,
    pub params: Vec<Param>,
    /// What stands between the title and the first step.
    pub intro: Vec<Block>,
    pub steps: Vec<Step>,
    /// Sections without a step, to read.
    pub appendix: Vec<Section>,
    /// The file it came from, for error texts and the journal.
    pub file: String,
    /// SHA-256 of the file, so that a run can say which text it followed.
    pub digest: String,
}

impl Runbook {
    pub fn step_index(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// A heading with prose and no step.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub title: String,
    pub prose: Vec<Block>,
}

/// A parameter of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub name: String,
    pub kind: ParamKind,
    pub help: Option<String>,
    pub default: Option<Template>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    /// The default is kept as it was when it was first known, instead of following the facts.
    pub keep: bool,
    /// It is never shown, written down or kept, and no expression can name it.
    pub secret: bool,
    /// It is what an `ask` step takes as its answer; later steps name it `out.NAME`, which is its whole name here.
    pub answer: bool,
}

impl Param {
    /// What people call it: its help, else its name.
    pub fn label(&self) -> &str {
        let name = self.name.strip_prefix("out.").unwrap_or(&self.name);
        let first = |help: &str| help.find(". ").unwrap_or(help.trim_end_matches(['.', ':']).len());
        self.help
            .as_deref()
            .map_or(name, |help| help.get(..first(help)).unwrap_or(help))
    }
}

/// What a parameter holds, and so which picker the panel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamKind {
    /// `kind/namespace/name` of a Deployment, StatefulSet or DaemonSet.
    Workload,
    /// `pod/namespace/name`.
    Pod,
    Namespace,
    /// `node/name`.
    Node,
    /// A host name that is served, such as `api.example.com`.
    Host,
    /// A revision of the run's workload.
    Revision,
    Int,
    Text,
    Bool,
    /// Something of a source, as facts and actions write it; the first word of it: `queue`, `table`, `session`, …
    Thing(&'static str),
    /// Seconds; written `90s`, `2m`.
    Duration,
    Choice(Vec<String>),
}

impl ParamKind {
    /// What a parameter can name beside Kubernetes objects, as files write the type.
    pub const THINGS: [&'static str; 8] = [
        "queue",
        "postgres",
        "session",
        "table",
        "index",
        "redis",
        "certificate",
        "alert",
    ];

    pub fn value_type(&self) -> Type {
        match self {
            Self::Workload
            | Self::Pod
            | Self::Namespace
            | Self::Node
            | Self::Host
            | Self::Thing(_)
            | Self::Text
            | Self::Choice(_) => Type::Text,
            Self::Revision | Self::Int => Type::Int,
            Self::Bool => Type::Bool,
            Self::Duration => Type::Seconds,
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The slug of the heading.
    pub id: String,
    pub title: String,
    pub prose: Vec<Block>,
    pub kind: StepKind,
    /// When it fails or stays unknown: whether the run stops, or may simply be continued.
    pub required: bool,
    /// The step is taken only when this holds; when it is unknown, the step is shown.
    pub when: Option<String>,
    /// Live evidence beside the prose.
    pub look: Vec<Look>,
    /// Views that the panel offers to open.
    pub opens: Vec<Open>,
    /// What later steps can name as `out.NAME`, once this one has passed.
    pub outputs: Vec<Output>,
    /// The heading's line in the file, from 1.
    pub line: usize,
}

/// A value that a step hands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// `out.NAME`.
    pub name: String,
    pub expression: String,
    pub kind: Type,
}

/// One row of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub label: String,
    pub value: Template,
    /// The condition under which the value is as it should be.
    pub expect: Option<String>,
    /// What should be there, in words.
    pub expected: Option<Template>,
}

/// A view that holds more evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Open {
    History,
    /// The difference between the current and the chosen or previous revision.
    Difference,
    Logs,
    PreviousLogs,
    Events,
    Detail,
    /// The incident that is open, or a new one.
    Incident,
}

impl Open {
    /// All, with the names that files use.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("history", Self::History),
        ("difference", Self::Difference),
        ("logs", Self::Logs),
        ("previous-logs", Self::PreviousLogs),
        ("events", Self::Events),
        ("detail", Self::Detail),
        ("incident", Self::Incident),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, open)| *open == self)
            .map_or("detail", |(name, _)| name)
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// The operator does or reads something and ticks it off, perhaps with a note.
    Note { needs_text: bool },
    /// Live evidence, looked at and passed.
    Diagnose,
    /// A condition that must hold before the run goes on.
    Gate {
        expect: String,
        why: Option<Template>,
        on_fail: OnFail,
    },
    /// One change, through the console's action pipeline.
    Action(ActionStep),
    /// Waiting for a condition.
    Wait(WaitStep),
    /// Takes the first way whose condition holds.
    Branch {
        cases: Vec<Case>,
        otherwise: Option<String>,
    },
    /// The operator decides: the value of a parameter, or a way to go.
    Ask(Ask),
    /// A second person agrees to this text, where the policy asks for one.
    Approve { text: Template },
    /// A text for others, filled in and copied; the operator sends it and says so.
    Notify(Notify),
    /// A local command, through the action pipeline.
    Run(CommandStep),
}

impl StepKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Note { .. } => "note",
            Self::Diagnose => "diagnose",
            Self::Gate { .. } => "gate",
            Self::Action(_) => "action",
            Self::Wait(_) => "wait",
            Self::Branch { .. } => "branch",
            Self::Ask(_) => "ask",
            Self::Approve { .. } => "approve",
            Self::Notify(_) => "notify",
            Self::Run(_) => "run",
        }
    }
}

/// What follows a gate that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnFail {
    Stop,
    /// Go on at this step.
    Goto(String),
}

/// One change that is asked of the action pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionStep {
    pub action: ActionName,
    /// `kind/namespace/name`; of what is no Kubernetes object, the forms at [`ActionName`].
    pub target: Template,
    /// The action's own arguments, by name.
    pub args: Vec<(&'static str, Template)>,
    /// Proposed as the reason in the plan.
    pub reason: Option<Template>,
    /// How long verification may take, in seconds.
    pub verify_for: Option<i64>,
    /// How long it must stay good afterwards, in seconds.
    pub soak: Option<i64>,
}

/// The actions that a file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionName {
    Scale,
    HpaBounds,
    Restart,
    Rollback,
    SetImage,
    Pause,
    Resume,
    DeletePod,
    EvictPod,
    /// `table/SOURCE/schema.name`
    Vacuum,
    /// `postgres/SOURCE`: every table of its database, one after the other.
    VacuumDatabase,
    Analyze,
    /// `index/SOURCE/schema.name`
    Reindex,
    /// `session/SOURCE/PID@START`
    CancelQuery,
    TerminateSession,
    /// `queue/SOURCE/NAME`
    RetryJobs,
    PauseQueue,
    ResumeQueue,
    /// `redis/SOURCE`, and the prefix as an argument.
    DeleteKeys,
    /// `certificate/NAMESPACE/NAME`
    Renew,
    /// `alert/SOURCE/NAME`
    Silence,
    SetResources,
    /// `configmap/NAMESPACE/NAME`
    SetConfig,
    /// `node/NAME`
    Cordon,
    Uncordon,
    Drain,
    /// `cronjob/NAMESPACE/NAME`, or `namespace/NAME` for a template.
    CreateJob,
    /// `job/NAMESPACE/NAME`
    DeleteJob,
    /// `ingress/NAMESPACE/NAME`
    CanaryWeight,
    /// `service/NAMESPACE/NAME`
    SwitchService,
    /// `secret/NAMESPACE/NAME`; the value is made by the console.
    RotateSecret,
    ReplaceTls,
}

impl ActionName {
    /// Whether its target is a Kubernetes object that the console watches.
    pub const fn is_of_kubernetes(self) -> bool {
        matches!(
            self,
            Self::Scale
                | Self::HpaBounds
                | Self::Restart
                | Self::Rollback
                | Self::SetImage
                | Self::Pause
                | Self::Resume
                | Self::DeletePod
                | Self::EvictPod
        )
    }
}

/// Waiting for a condition. Times are seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitStep {
    pub until: String,
    /// How long it must hold without a break.
    pub hold: i64,
    pub deadline: i64,
    /// What ends the wait as failed before its deadline.
    pub abort_if: Vec<Threshold>,
}

/// A condition that must not hold while a run waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub when: String,
    /// In how many looks in a row it must hold.
    pub times: u32,
    /// Seconds between two looks that count.
    pub every: i64,
    /// What it means, in words.
    pub text: Option<Template>,
}

/// One way of a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub condition: String,
    pub label: Option<String>,
    pub goto: String,
}

/// A decision of the operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// The value of this parameter, its default proposed.
    Param(String),
    /// One of these ways; `answer` is the parameter that keeps which one it was.
    Choices {
        choices: Vec<Choice>,
        answer: Option<String>,
    },
}

/// One way that the operator may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub label: String,
    /// Where it leads; none is the next step.
    pub goto: Option<String>,
}

/// A text for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    /// Whom it is for, or where it goes: `status page`, `#incidents`.
    pub to: Option<String>,
    pub text: Template,
}

/// A local command: a program and its arguments, never a shell.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandStep {
    /// The program comes first and is never a template. Each other one is plain text, or one expression and nothing else.
    pub argv: Vec<Template>,
    /// Variables that are added to its environment, by name.
    pub env: Vec<(String, EnvValue)>,
    /// After so many seconds it is ended.
    pub timeout: i64,
    /// Exit codes that count as success.
    pub ok: Vec<i64>,
    pub reason: Option<Template>,
}

/// The value of a variable of a command's environment.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    Text(Template),
    /// The value of this secret parameter.
    Secret(String),
}
