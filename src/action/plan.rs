//! The plain data of the pipeline: what is asked, what is planned, what became of it. No I/O, no clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use super::progress::{Outcome, Progress, Stage, Verdict};
pub use super::risk::{Class, Risk};
use super::second::{Second, SecondPerson, accepts};
use super::{Command, ObjectAsk, PostgresAsk, Target, Thing};
use crate::journal::RunbookRef;
use crate::model::{ObjectRef, Place, SourceId};

/// One run through the pipeline, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActionId(pub u64);

/// A revision to go back to, of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackTo {
    pub target: ObjectRef,
    /// Always explicit: undo without a number toggles between two revisions (reference B4).
    pub revision: u64,
    /// The newest revision when the list was drawn; a newer one means: plan again.
    pub newest_seen: u64,
}

/// What the operator asks for. The target is frozen here, at the key press.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Request {
    /// `seen` is the size that the operator saw: the precondition.
    Scale {
        target: ObjectRef,
        replicas: u32,
        seen: u32,
    },
    /// `target` is the HPA.
    HpaBounds {
        target: ObjectRef,
        min: u32,
        max: u32,
        seen_min: u32,
        seen_max: u32,
    },
    Restart {
        target: ObjectRef,
    },
    /// One or several workloads together, in this order; stops at the first that fails.
    RollBack {
        to: Vec<RollbackTo>,
    },
    SetImage {
        target: ObjectRef,
        container: String,
        image: String,
        seen: String,
    },
    Pause {
        target: ObjectRef,
    },
    Resume {
        target: ObjectRef,
    },
    /// Ignores disruption budgets.
    DeletePod {
        target: ObjectRef,
        force: bool,
    },
    /// Respects disruption budgets.
    EvictPod {
        target: ObjectRef,
    },
    /// Of one object: its resources, its configuration, a node, a Job, a Secret …
    Object {
        target: ObjectRef,
        #[serde(flatten)]
        ask: ObjectAsk,
    },
    /// Of a PostgreSQL server of the configuration.
    Postgres {
        source: SourceId,
        #[serde(flatten)]
        ask: PostgresAsk,
    },
    /// Failed jobs of a BullMQ queue back to where a worker takes them: these, or all that fit the filter.
    RetryJobs {
        queue: Thing,
        which: Box<JobFilter>,
    },
    PauseQueue {
        queue: Thing,
    },
    ResumeQueue {
        queue: Thing,
    },
    /// Every key that begins with the thing's name.
    DeleteKeys {
        keys: Thing,
    },
    /// A Certificate of cert-manager: its namespace is what it is `within`, its uid the `id`.
    Renew {
        certificate: Thing,
    },
    /// An alert by its name; `labels` are all that it must have to be held back.
    Silence {
        alert: Thing,
        labels: Vec<(String, String)>,
        minutes: u32,
        comment: String,
    },
    /// A command on this machine.
    Run {
        command: Box<Command>,
    },
    /// The same done to several things, one after the other, each with its own records.
    Together {
        requests: Vec<Request>,
        /// Goes on past one that is refused or that changed meanwhile; an unknown outcome stops it all the same.
        go_on: bool,
    },
    /// A silence by its id; without one, the newest of ours for the alert of that name.
    ExpireSilence {
        silence: Thing,
    },
}

/// Which failed jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFilter {
    /// These; all when empty.
    pub jobs: Vec<String>,
    /// Of them, only jobs of this name.
    pub named: Option<String>,
    /// Of them, only jobs whose reason of failure contains this.
    pub failed_with: Option<String>,
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// In the operator's words: `replicas`, `image api`, `template`.
    pub field: String,
    pub before: String,
    pub after: String,
}

/// One request to the server. Most plans have one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    pub target: Target,
    pub changes: Vec<FieldChange>,
    /// The same thing as a `kubectl`, `psql` or `redis-cli` line, without a shell prompt.
    pub same_as: String,
    /// HTTP's, or `SQL`, `RESP`.
    pub method: String,
    /// Path and query; the statement or the command of another protocol, as it is sent.
    pub path: String,
    /// Empty where the protocol has none.
    pub content_type: String,
    /// Its arguments; `Null` when there are none.
    pub body: serde_json::Value,
    /// What the plan rests on: if any of it is different at execution, plan again.
    pub rests_on: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Reddens the line: this will not last, or it will hurt.
    pub serious: bool,
    pub text: String,
}

/// Another plan that may be the better one. Choosing it opens its own plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// `raise minReplicas to 5 instead (lasts)`.
    pub label: String,
    pub request: Request,
}

/// Something that was checked before asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `permission`, `dry run`, `freeze`, `others`.
    pub name: String,
    /// `None`: could not be told (a dry run that a webhook does not support, say).
    pub passed: Option<bool>,
    /// Why not, or what is uncertain; empty when it passed.
    pub detail: String,
}

/// What the operator must do to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirm {
    /// Move to the button (focus starts on Cancel) and press Enter.
    Button,
    /// Type exactly this (never pasted), then the button.
    Typed {
        word: String,
        /// What the word is: `the object's name`, `the context's name`.
        what: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undo {
    /// Opens its own plan; offered until `valid_for` after success.
    By {
        label: String,
        request: Request,
        valid_for_s: u64,
    },
    /// Says why nothing undoes it.
    Nothing { why: String },
}

/// What counts as success, and for how long it must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    /// `5 ready within 2 min, then 60 s without a restart`.
    pub text: String,
    pub deadline_s: u64,
    pub soak_s: u64,
}

/// Everything that is shown before anything changes, and exactly what will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub id: ActionId,
    pub request: Request,
    /// `Scale deployment cortex/cortex-worker`.
    pub title: String,
    /// The verb on the button: `Scale 2 → 5 on prod-eu`.
    pub verb: String,
    pub place: Place,
    pub class: Class,
    pub steps: Vec<PlanStep>,
    /// Who set the fields last: `hpa-controller, 2 h ago (2)`.
    pub last_set: Vec<String>,
    /// Worst case while it runs: `at most 1 of 5 unavailable, up to 6 pods`.
    pub impact: Vec<String>,
    pub warnings: Vec<Warning>,
    pub alternatives: Vec<Alternative>,
    pub checks: Vec<Check>,
    pub verify: VerifySpec,
    pub undo: Undo,
    pub risk: Risk,
    pub confirm: Confirm,
    /// A reason must be given before the button works.
    pub reason_required: bool,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
    /// Nothing to do: the object already is so. Such a plan cannot be confirmed.
    pub no_op: Option<String>,
    /// Policy asks for somebody else's yes to this very plan.
    pub second_person: Option<SecondPerson>,
}

impl Plan {
    /// What a confirmation is bound to: everything that will be sent, to whom, and what it rests on.
    pub fn hash(&self) -> String {
        let bound = serde_json::json!({
            "id": self.id, "request": self.request, "context": self.place.context, "server": self.place.server,
            "steps": self.steps, "risk": self.risk, "made_at": self.made_at,
        });
        crate::journal::sha256(bound.to_string().as_bytes())
    }

    /// What it says to whoever reads it, in one word: two plans that say the same differ only in when they were made and
    /// in what they rest on.
    pub fn says(&self) -> String {
        let steps = self.steps.iter();
        let steps: Vec<_> = steps
            .map(|s| serde_json::json!([s.target, s.changes, s.same_as, s.method, s.path]))
            .collect();
        let said = serde_json::json!({
            "request": self.request, "title": self.title, "verb": self.verb, "context": self.place.context,
            "server": self.place.server, "class": self.class.badge(), "steps": steps, "impact": self.impact,
            "warnings": self.warnings, "alternatives": self.alternatives, "checks": self.checks,
            "verify": self.verify, "undo": self.undo, "risk": self.risk, "confirm": self.confirm,
            "reason_required": self.reason_required, "no_op": self.no_op, "second": self.second_person.is_some(),
        });
        crate::journal::sha256(said.to_string().as_bytes())
    }

    /// A failed check forbids execution.
    pub fn blocked(&self) -> Option<&Check> {
        self.checks.iter().find(|c| c.passed == Some(false))
    }

    /// Binds the operator's confirmation to this very plan.
    pub fn confirm(self, by: Confirmation, now: Timestamp) -> Result<Confirmed, WhyNot> {
        self.confirm_with(by, None, now)
    }

    /// [`Self::confirm`] with what stands for the second person, where one is needed.
    pub fn confirm_with(self, by: Confirmation, second: Option<Second>, now: Timestamp) -> Result<Confirmed, WhyNot> {
        if by.hash != self.hash() {
            return Err(WhyNot::OtherPlan);
        }
        if now > self.expires_at {
            return Err(WhyNot::Expired);
        }
        if let Some(why) = &self.no_op {
            return Err(WhyNot::NothingToDo(why.clone()));
        }
        if let Some(check) = self.blocked() {
            return Err(WhyNot::Blocked(format!("{}: {}", check.name, check.detail)));
        }
        if let Confirm::Typed { word, what } = &self.confirm
            && by.typed != *word
        {
            return Err(WhyNot::WrongWord(what.clone()));
        }
        if self.reason_required && by.reason.trim().is_empty() {
            return Err(WhyNot::NoReason);
        }
        accepts(self.second_person, second.as_ref(), &by.hash)?;
        let second = second.filter(|_| self.second_person.is_some());
        Ok(Confirmed {
            plan: self,
            by,
            second,
            at: now,
            run: None,
        })
    }
}

/// What the operator gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// [`Plan::hash`] of the plan that was on screen.
    pub hash: String,
    pub typed: String,
    pub reason: String,
}

/// Why a confirmation does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    #[error("this plan has expired: plan again")]
    Expired,
    #[error("the confirmation is for another plan")]
    OtherPlan,
    #[error("type {0} exactly to go on")]
    WrongWord(String),
    #[error("give a reason first: it goes on record")]
    NoReason,
    #[error("not possible: {0}")]
    Blocked(String),
    #[error("nothing to do: {0}")]
    NothingToDo(String),
    #[error("a second person must approve this plan first")]
    NoSecondPerson,
    #[error("policy lets nobody go on alone here")]
    NotAlone,
}

/// A plan that was confirmed. Only [`Plan::confirm`] makes one, and only the pipeline takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    plan: Plan,
    by: Confirmation,
    second: Option<Second>,
    at: Timestamp,
    run: Option<RunbookRef>,
}

impl Confirmed {
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub const fn by(&self) -> &Confirmation {
        &self.by
    }

    /// What stands for the second person; `None` where policy asks for none.
    pub const fn second(&self) -> Option<&Second> {
        self.second.as_ref()
    }

    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The same, as a step of a run: its records say so.
    #[must_use]
    pub fn in_run(mut self, run: Option<RunbookRef>) -> Self {
        self.run = run;
        self
    }

    pub const fn run(&self) -> Option<&RunbookRef> {
        self.run.as_ref()
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// One sentence: what stands against it.
    pub what: String,
    /// What to do instead; may be empty.
    pub hint: String,
    pub alternatives: Vec<Alternative>,
}

/// How long a plan may be looked at before it must be made again.
pub const PLAN_LIFE: SignedDuration = SignedDuration::from_secs(60);
