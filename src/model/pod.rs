//! Pods, as an on-call engineer reads them: is it ready, what is the true reason, how often did it restart and when last.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Meta, Str};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// Where a container stands in the pod's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerRole {
    /// Runs once, before the main ones.
    Init,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    Main,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `Completed`, `Error`, `OOMKilled`, …
    pub reason: Str,
    pub exit_code: i32,
    /// 0 when it was no signal.
    pub signal: i32,
    pub finished: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// `reason` as the kubelet says it (`ImagePullBackOff`); `message` is its sentence, possibly empty.
    Waiting {
        reason: Str,
        message: Str,
    },
    Running {
        since: Option<Timestamp>,
    },
    Terminated(Ended),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: Str,
    pub image: Str,
    pub role: ContainerRole,
    pub ready: bool,
    pub restarts: u32,
    pub state: ContainerState,
    /// `lastState.terminated`: how it ended before the present state.
    pub last: Option<Ended>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub meta: Meta,
    /// Empty while unscheduled.
    pub node: Str,
    pub phase: Phase,
    /// kubectl's STATUS column, rule for rule (`printPod` of kubernetes 1.36): the true reason, with init containers
    /// and sidecars (`Init:CrashLoopBackOff`, `Init:1/2`), `Terminating`, `Completed`, `NodeLost`.
    pub status: Str,
    /// Containers ready (main and sidecars), and how many there are: kubectl's READY.
    pub ready: u16,
    pub total: u16,
    /// kubectl's RESTARTS.
    pub restarts: u32,
    pub last_restart: Option<Timestamp>,
    pub containers: Arc<[Container]>,
    /// The pod's `Ready` condition and since when.
    pub is_ready: bool,
    pub ready_since: Option<Timestamp>,
    /// The `PodScheduled=False` message, when the scheduler found no node.
    pub unschedulable: Option<(Str, Option<Timestamp>)>,
    /// `pod-template-hash` or `controller-revision-hash`: which revision of its owner it runs.
    pub revision_hash: Str,
    pub ip: Str,
    /// `Guaranteed`, `Burstable`, `BestEffort`: in which order the kubelet evicts. Empty while the server has not said.
    pub qos: Str,
    pub service_account: Str,
    /// The sentence behind the status when the kubelet or scheduler gave one.
    pub message: Str,
}

impl Pod {
    /// Whether it should serve but does not: neither ready nor finished.
    pub fn is_bad(&self) -> bool {
        match self.phase {
            Phase::Succeeded => false,
            Phase::Failed | Phase::Unknown => true,
            Phase::Pending | Phase::Running => {
                self.meta.deleting.is_none() && !self.is_ready && !self.status_is_transient()
            }
        }
    }

    /// Starting up in the ordinary way: nothing to worry about yet.
    pub fn status_is_transient(&self) -> bool {
        matches!(&*self.status, "ContainerCreating" | "PodInitializing")
            || self.status.starts_with("Init:")
                && self.status.chars().nth(5).is_some_and(|c| c.is_ascii_digit())
                && !self
                    .containers
                    .iter()
                    .any(|c| matches!(&c.state, ContainerState::Waiting { reason, .. } if reason.ends_with("BackOff")))
    }

    /// The image cannot be had: pulling fails, or its name is invalid.
    pub fn image_trouble(&self) -> Option<(&Container, &str)> {
        self.containers.iter().find_map(|c| match &c.state {
            ContainerState::Waiting { reason, .. }
                if matches!(
                    &**reason,
                    "ImagePullBackOff"
                        | "ErrImagePull"
                        | "InvalidImageName"
                        | "ErrImageNeverPull"
                        | "RegistryUnavailable"
                ) =>
            {
                Some((c, &**reason))
            }
            _ => None,
        })
    }

    /// A container waits in CrashLoopBackOff, or ended badly and is between two starts of one.
    pub fn crash_looping(&self) -> Option<&Container> {
        self.containers.iter().find(|c| match &c.state {
            ContainerState::Waiting { reason, .. } => &**reason == "CrashLoopBackOff",
            _ => false,
        })
    }
}
