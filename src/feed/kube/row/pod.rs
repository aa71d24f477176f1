//! Pods. The STATUS, READY and RESTARTS columns follow `printPod` of kubernetes 1.36
//! (`pkg/printers/internalversion/printers.go`) rule for rule.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::Slim;
use super::part::{ConditionIn, ContainerIn, Maybe, MetaIn, Text};
use crate::feed::kube::intern::Interner;
use crate::model::{Change, Container, ContainerRole, ContainerState, Ended, Key, Kind, Phase, Pod};

#[derive(Deserialize)]
pub struct PodIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: Spec<'a>,
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Text<'a>,
    #[serde(borrow)]
    service_account_name: Text<'a>,
    #[serde(borrow)]
    containers: Maybe<Vec<ContainerIn<'a>>>,
    #[serde(borrow)]
    init_containers: Maybe<Vec<ContainerIn<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    qos_class: Text<'a>,
    #[serde(borrow, rename = "podIP")]
    pod_ip: Text<'a>,
    #[serde(borrow)]
    conditions: Maybe<Vec<ConditionIn<'a>>>,
    #[serde(borrow)]
    container_statuses: Maybe<Vec<ContainerStatus<'a>>>,
    #[serde(borrow)]
    init_container_statuses: Maybe<Vec<ContainerStatus<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    ready: bool,
    started: Option<bool>,
    restart_count: u32,
    #[serde(borrow)]
    state: State<'a>,
    #[serde(borrow)]
    last_state: State<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    waiting: Option<Waiting<'a>>,
    #[serde(borrow)]
    running: Option<Running<'a>>,
    #[serde(borrow)]
    terminated: Option<Terminated<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiting<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Running<'a> {
    #[serde(borrow)]
    started_at: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated<'a> {
    exit_code: i32,
    signal: i32,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    finished_at: Text<'a>,
}

impl Terminated<'_> {
    fn row(&self, intern: &mut Interner) -> Ended {
        Ended {
            reason: intern.text(&self.reason),
            exit_code: self.exit_code,
            signal: self.signal,
            finished: self.finished_at.time(),
        }
    }

    /// What stands for a missing reason.
    fn words(&self) -> String {
        if !self.reason.is_empty() {
            self.reason.to_string()
        } else if self.signal != 0 {
            format!("Signal:{}", self.signal)
        } else {
            format!("ExitCode:{}", self.exit_code)
        }
    }
}

/// The printed columns, and the sentence behind the status.
struct Printed {
    reason: String,
    ready: u16,
    total: u16,
    restarts: u32,
    last_restart: Option<Timestamp>,
}

impl PodIn<'_> {
    fn condition(&self, kind: &str) -> Option<&ConditionIn<'_>> {
        self.status.conditions.iter().find(|c| &*c.r#type == kind)
    }

    fn is_true(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|c| &*c.status == "True")
    }

    fn is_sidecar(&self, name: &str) -> bool {
        let spec = self.spec.init_containers.iter().find(|c| &*c.name == name);
        spec.is_some_and(|c| &*c.restart_policy == "Always")
    }

    fn print(&self, deleting: bool) -> Printed {
        let status = &self.status;
        let mut reason = if status.reason.is_empty() {
            &status.phase
        } else {
            &status.reason
        }
        .to_string();
        if self
            .condition("PodScheduled")
            .is_some_and(|c| &*c.reason == "SchedulingGated")
        {
            "SchedulingGated".clone_into(&mut reason);
        }
        let sidecars = self
            .spec
            .init_containers
            .iter()
            .filter(|c| &*c.restart_policy == "Always")
            .count();
        let mut ready = 0_u16;
        let (mut restarts, mut sidecar_restarts) = (0_u32, 0_u32);
        let (mut last, mut sidecar_last) = (None, None);
        let mut initializing = false;
        for (i, c) in status.init_container_statuses.iter().enumerate() {
            let sidecar = self.is_sidecar(&c.name);
            let ended = c.last_state.terminated.as_ref().and_then(|t| t.finished_at.time());
            restarts = restarts.saturating_add(c.restart_count);
            last = last.max(ended);
            if sidecar {
                sidecar_restarts = sidecar_restarts.saturating_add(c.restart_count);
                sidecar_last = sidecar_last.max(ended);
            }
            match (&c.state.terminated, &c.state.waiting) {
                (Some(t), _) if t.exit_code == 0 => continue,
                _ if sidecar && c.started == Some(true) => {
                    ready += u16::from(c.ready);
                    continue;
                }
                (Some(t), _) => reason = format!("Init:{}", t.words()),
                (None, Some(w)) if !w.reason.is_empty() && &*w.reason != "PodInitializing" => {
                    reason = format!("Init:{}", &*w.reason);
                }
                _ => reason = format!("Init:{i}/{}", self.spec.init_containers.len()),
            }
            initializing = true;
            break;
        }
        if !initializing || self.is_true("Initialized") {
            (restarts, last) = (sidecar_restarts, sidecar_last);
            let mut running = false;
            for c in status.container_statuses.iter().rev() {
                restarts = restarts.saturating_add(c.restart_count);
                last = last.max(c.last_state.terminated.as_ref().and_then(|t| t.finished_at.time()));
                match (&c.state.waiting, &c.state.terminated) {
                    (Some(w), _) if !w.reason.is_empty() => reason = w.reason.to_string(),
                    (_, Some(t)) => reason = t.words(),
                    _ if c.ready && c.state.running.is_some() => {
                        running = true;
                        ready += 1;
                    }
                    _ => {}
                }
            }
            if reason == "Completed" && running {
                let word = if self.is_true("Ready") { "Running" } else { "NotReady" };
                word.clone_into(&mut reason);
            }
        }
        if deleting && &*status.reason == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if deleting && !matches!(&*status.phase, "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut reason);
        }
        Printed {
            reason,
            ready,
            total: (self.spec.containers.len() + sidecars) as u16,
            restarts,
            last_restart: last,
        }
    }

    fn containers(&self, intern: &mut Interner) -> Arc<[Container]> {
        let init = self.spec.init_containers.iter().map(|c| (c, true));
        let all: Vec<(&ContainerIn<'_>, bool)> = init.chain(self.spec.containers.iter().map(|c| (c, false))).collect();
        all.into_iter()
            .map(|(spec, init)| {
                let list = if init {
                    &self.status.init_container_statuses
                } else {
                    &self.status.container_statuses
                };
                let status = list.iter().find(|s| *s.name == *spec.name);
                let role = match (init, &*spec.restart_policy) {
                    (false, _) => ContainerRole::Main,
                    (true, "Always") => ContainerRole::Sidecar,
                    (true, _) => ContainerRole::Init,
                };
                Container {
                    name: intern.text(&spec.name),
                    image: intern.text(&spec.image),
                    role,
                    ready: status.is_some_and(|s| s.ready),
                    restarts: status.map_or(0, |s| s.restart_count),
                    state: container_state(status.map(|s| &s.state), intern),
                    last: status
                        .and_then(|s| s.last_state.terminated.as_ref())
                        .map(|t| t.row(intern)),
                }
            })
            .collect()
    }

    /// The kubelet's or the scheduler's own sentence about what is wrong.
    fn message(&self) -> &str {
        let statuses = || {
            self.status
                .init_container_statuses
                .iter()
                .chain(self.status.container_statuses.iter())
        };
        let waiting = statuses().filter_map(|c| c.state.waiting.as_ref()).map(|w| &*w.message);
        let ended = statuses()
            .filter_map(|c| c.state.terminated.as_ref())
            .filter(|t| t.exit_code != 0)
            .map(|t| &*t.message);
        let unscheduled = self
            .condition("PodScheduled")
            .filter(|c| &*c.status == "False")
            .map_or("", |c| &*c.message);
        waiting
            .chain(ended)
            .find(|m| !m.is_empty())
            .or(Some(unscheduled).filter(|m| !m.is_empty()))
            .unwrap_or(&self.status.message)
    }
}

fn container_state(state: Option<&State<'_>>, intern: &mut Interner) -> ContainerState {
    match state {
        Some(State {
            terminated: Some(t), ..
        }) => ContainerState::Terminated(t.row(intern)),
        Some(State { running: Some(r), .. }) => ContainerState::Running {
            since: r.started_at.time(),
        },
        Some(State { waiting: Some(w), .. }) => ContainerState::Waiting {
            reason: intern.text(&w.reason),
            message: intern.text(&w.message),
        },
        _ => ContainerState::Waiting {
            reason: intern.text(""),
            message: intern.text(""),
        },
    }
}

impl<'a> Slim<'a> for PodIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let meta = self.metadata.row(&key, intern);
        let printed = self.print(meta.deleting.is_some());
        let hash = ["pod-template-hash", "controller-revision-hash"]
            .iter()
            .find_map(|l| self.metadata.labels.get(l))
            .unwrap_or_default();
        let ready = self.condition("Ready");
        let pod = Pod {
            node: intern.text(&self.spec.node_name),
            phase: match &*self.status.phase {
                "Running" => Phase::Running,
                "Succeeded" => Phase::Succeeded,
                "Failed" => Phase::Failed,
                "Unknown" => Phase::Unknown,
                _ => Phase::Pending,
            },
            status: intern.text(&printed.reason),
            ready: printed.ready,
            total: printed.total,
            restarts: printed.restarts,
            last_restart: printed.last_restart,
            containers: self.containers(intern),
            is_ready: ready.is_some_and(|c| &*c.status == "True"),
            ready_since: ready.and_then(|c| c.last_transition_time.time()),
            unschedulable: self
                .condition("PodScheduled")
                .filter(|c| &*c.status == "False" && &*c.reason == "Unschedulable")
                .map(|c| (intern.text(&c.message), c.last_transition_time.time())),
            revision_hash: intern.text(hash),
            ip: if self.status.pod_ip.is_empty() {
                intern.text("")
            } else {
                Arc::from(&*self.status.pod_ip)
            },
            qos: intern.text(&self.status.qos_class),
            service_account: intern.text(&self.spec.service_account_name),
            message: intern.text(self.message()),
            meta,
        };
        Change::Pod(key, Some(Arc::new(pod)))
    }
}
