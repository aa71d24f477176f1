//! What a request is called, what it is about, and which rules hold for it.

use super::plan::{PlanStep, Request};
use super::sealed::Sealed;
use super::{ObjectAsk, Target};
use crate::model::{ObjectRef, SourceId};

impl Request {
    /// The action's name in the registry, in the journal and in runbooks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Together { requests, .. } => requests.first().map_or("together", Self::name),
            Self::Scale { .. } => "scale",
            Self::HpaBounds { .. } => "hpa-bounds",
            Self::Restart { .. } => "restart",
            Self::RollBack { .. } => "roll-back",
            Self::SetImage { .. } => "set-image",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::DeletePod { .. } => "delete-pod",
            Self::EvictPod { .. } => "evict-pod",
            Self::Object { ask, .. } => ask.name(),
            Self::Postgres { ask, .. } => ask.name(),
            Self::RetryJobs { .. } => "retry-jobs",
            Self::PauseQueue { .. } => "pause-queue",
            Self::ResumeQueue { .. } => "resume-queue",
            Self::DeleteKeys { .. } => "delete-keys",
            Self::Renew { .. } => "renew-certificate",
            Self::Silence { .. } => "silence-alert",
            Self::ExpireSilence { .. } => "expire-silence",
            Self::Run { .. } => "run",
        }
    }

    /// Whether it goes to the Kubernetes cluster.
    pub fn is_of_cluster(&self) -> bool {
        self.source().is_none() && !matches!(self, Self::Run { .. })
    }

    /// The source that it is about; `None`: the Kubernetes cluster, or this machine.
    pub fn source(&self) -> Option<&SourceId> {
        match self {
            Self::Together { requests, .. } => requests.first().and_then(Self::source),
            Self::Postgres { source, .. } => Some(source),
            Self::RetryJobs { queue: thing, .. }
            | Self::PauseQueue { queue: thing }
            | Self::ResumeQueue { queue: thing }
            | Self::DeleteKeys { keys: thing }
            | Self::Renew { certificate: thing }
            | Self::Silence { alert: thing, .. }
            | Self::ExpireSilence { silence: thing } => Some(&thing.source),
            _ => None,
        }
    }

    /// What is put into the request when it is sent, and stands nowhere else.
    pub(super) const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Object { ask, .. } => ask.sealed(),
            _ => None,
        }
    }

    /// The one of several that a step belongs to; itself, where it is one.
    pub(super) fn of_step(&self, step: &PlanStep) -> &Self {
        match self {
            Self::Together { requests, .. } => requests.iter().find(|r| r.is_about(&step.target)).unwrap_or(self),
            _ => self,
        }
    }

    /// Whether it changes this very thing.
    fn is_about(&self, target: &Target) -> bool {
        match (self, target) {
            (_, Target::Object(object)) => self.targets().contains(&object),
            (Self::Postgres { source, ask }, Target::Thing(thing)) => *source == thing.source && ask.is_about(thing),
            (
                Self::RetryJobs { queue: own, .. }
                | Self::PauseQueue { queue: own }
                | Self::ResumeQueue { queue: own }
                | Self::Renew { certificate: own },
                Target::Thing(thing),
            ) => own == thing,
            _ => false,
        }
    }

    /// How many things are acted on together; 1 for any other.
    pub fn members(&self) -> usize {
        match self {
            Self::Together { requests, .. } => requests.len(),
            _ => 1,
        }
    }

    /// Whether it goes on past one that fails.
    pub const fn goes_on(&self) -> bool {
        matches!(self, Self::Together { go_on: true, .. })
    }

    /// Whether it goes on from pod to pod, and can be stopped between two of them.
    pub const fn is_drain(&self) -> bool {
        matches!(
            self,
            Self::Object {
                ask: ObjectAsk::Drain { .. },
                ..
            }
        )
    }

    /// Whether it touches a Secret.
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Object { ask, .. } if ask.is_secret())
    }

    /// The Kubernetes objects that it changes.
    pub fn targets(&self) -> Vec<&ObjectRef> {
        match self {
            Self::Scale { target, .. }
            | Self::HpaBounds { target, .. }
            | Self::Restart { target }
            | Self::SetImage { target, .. }
            | Self::Pause { target }
            | Self::Resume { target }
            | Self::DeletePod { target, .. }
            | Self::EvictPod { target }
            | Self::Object { target, .. } => vec![target],
            Self::RollBack { to } => to.iter().map(|t| &t.target).collect(),
            Self::Together { requests, .. } => requests.iter().flat_map(Self::targets).collect(),
            _ => Vec::new(),
        }
    }
}
