//! The kubelets of all nodes: pull, start, ready, crash, back off, complete, end.
//!
//! What a container does is the scenario's to say; how it shows is here: states, reasons, messages and events as the
//! kubelet of Kubernetes 1.36 writes them.

mod container;
mod status;

use super::json::{int_or, label, list, millis, secs, text, time};
use super::{Key, Work, World, events, nodes, pods};
use crate::sim::kube::resources::{NODES, PODS};
use container::{Container, State};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What the kubelets know beyond what they have written down.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    runs: HashMap<Box<str>, Run>,
    /// Images that a node has.
    pulled: HashSet<(String, String)>,
    addresses: u32,
}

/// One pod on its node.
#[derive(Debug)]
struct Run {
    node: String,
    /// The workload it belongs to, and its place among that workload's pods: the lowest that was free.
    app: String,
    slot: usize,
    address: String,
    started: Timestamp,
    /// The sandbox is there from then on.
    sandbox: Timestamp,
    init: Vec<Container>,
    main: Vec<Container>,
    /// Asked to end; gone at this time.
    ends: Option<Timestamp>,
}

impl Kubelet {
    pub fn forget(&mut self, uid: &str) {
        self.runs.remove(uid);
    }

    fn free_slot(&self, app: &str) -> usize {
        let taken: HashSet<usize> = self
            .runs
            .values()
            .filter(|r| r.app == app && r.ends.is_none())
            .map(|r| r.slot)
            .collect();
        (0..=taken.len()).find(|n| !taken.contains(n)).unwrap_or(0)
    }
}

/// Moves one pod on to where it should be now.
pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(pod) = world.get(&PODS, key) else { return };
    let uid = text(&pod, "/metadata/uid").to_owned();
    let node_name = text(&pod, "/spec/nodeName");
    if node_name.is_empty() || matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed") {
        if pods::is_terminating(&pod) {
            world.remove(&PODS, key);
        }
        return;
    }
    let node = world.get(&NODES, &Key::new("", node_name));
    if node.as_ref().is_some_and(|n| !nodes::is_ready(n)) {
        return; // nobody there does anything
    }
    let mut run = match world.kubelet.runs.remove(&*uid) {
        Some(run) => run,
        None => start(world, &pod),
    };
    if pods::is_terminating(&pod) {
        end(world, key, &pod, &mut run);
    } else {
        advance(world, &pod, &mut run);
        let status = status::of(&pod, &run, node.as_ref(), world.now);
        if pod.get("status") != Some(&status) {
            world.edit_status_as("kubelet", &PODS, key, |p| super::json::set(p, "/status", status));
        }
        if let Some(at) = run.next() {
            world.at(at.max(world.now + millis(1)), Work::Pod(key.clone()));
        }
    }
    world.kubelet.runs.insert(uid.into(), run);
}

fn start(world: &mut World, pod: &Value) -> Run {
    let now = world.now;
    let app = format!("{}/{}", text(pod, "/metadata/namespace"), label(pod, "app"));
    world.kubelet.addresses += 1;
    let n = world.kubelet.addresses;
    let known = text(pod, "/status/podIP");
    let address = if known.is_empty() {
        format!("10.244.{}.{}", n / 250, 2 + n % 250)
    } else {
        known.to_owned()
    };
    let make = |spec: &str, status: &str, init: bool| -> Vec<Container> {
        let before = |c: &Value| container::status_of(pod, status, text(c, "/name"));
        list(pod, spec)
            .iter()
            .map(|c| Container::new(c, before(c), init))
            .collect()
    };
    Run {
        node: text(pod, "/spec/nodeName").to_owned(),
        slot: world.kubelet.free_slot(&app),
        app,
        address,
        started: time(pod, "/status/startTime").unwrap_or(now),
        sandbox: time(pod, "/status/startTime").unwrap_or(now + millis(600 + world.rng.i64(0..600))),
        init: make("/spec/initContainers", "/status/initContainerStatuses", true),
        main: make("/spec/containers", "/status/containerStatuses", false),
        ends: None,
    }
}

impl Run {
    /// When something happens next by itself.
    fn next(&self) -> Option<Timestamp> {
        let sandbox = (self.waits()).then_some(self.sandbox);
        self.init
            .iter()
            .chain(&self.main)
            .filter_map(Container::next)
            .chain(sandbox)
            .min()
    }

    fn waits(&self) -> bool {
        self.init
            .iter()
            .chain(&self.main)
            .all(|c| matches!(c.state, State::Idle))
    }

    fn initialized(&self) -> bool {
        self.init
            .iter()
            .all(|c| if c.sidecar { c.is_running() } else { c.succeeded() })
    }
}

fn advance(world: &mut World, pod: &Value, run: &mut Run) {
    if world.now < run.sandbox {
        return;
    }
    let policy = text(pod, "/spec/restartPolicy").to_owned();
    let mut init = std::mem::take(&mut run.init);
    for container in &mut init {
        let policy = match (container.sidecar, policy.as_str()) {
            (true, _) => "Always",
            (false, "Never") => "Never",
            (false, _) => "OnFailure",
        };
        container::advance(world, pod, run, container, policy);
        if !(container.succeeded() || container.sidecar && container.is_running()) {
            break;
        }
    }
    run.init = init;
    if run.initialized() {
        let mut main = std::mem::take(&mut run.main);
        for container in &mut main {
            container::advance(world, pod, run, container, &policy);
        }
        run.main = main;
    }
}

/// Ends a pod whose deletion was asked for: a second or so, never longer than its grace.
fn end(world: &mut World, key: &Key, pod: &Value, run: &mut Run) {
    let now = world.now;
    let at = if let Some(at) = run.ends {
        at
    } else {
        for container in run.init.iter().chain(&run.main).filter(|c| c.is_running()) {
            note(
                world,
                pod,
                run,
                container,
                "Normal",
                "Killing",
                &format!("Stopping container {}", container.name),
            );
        }
        let grace = secs(int_or(pod, "/metadata/deletionGracePeriodSeconds", 30));
        now + grace.min(millis(900 + world.rng.i64(0..700)))
    };
    run.ends = Some(at);
    if at <= now {
        world.remove(&PODS, key);
    } else {
        world.at(at, Work::Pod(key.clone()));
    }
}

/// An event of the kubelet about a container.
fn note(world: &mut World, pod: &Value, run: &Run, container: &Container, kind: &str, reason: &str, message: &str) {
    let group = if container.init { "initContainers" } else { "containers" };
    let field = format!("spec.{group}{{{}}}", container.name);
    let note = events::Note {
        about: pod,
        kind,
        reason,
        message,
        component: "kubelet",
        host: &run.node,
        field: &field,
    };
    events::record(world, &note);
}
