//! The scenario `cortex`: nine days of an ordinary platform, then two incidents.
//!
//! The history is not written down but lived through: the manifests are applied at the time at which they were, and
//! the controllers do the rest, so that revisions, ReplicaSets, events and managed fields are as they would be.

use super::super::json::{secs, set, set_path, text};
use super::super::{Key, Work, World};
use super::Scenario;
use crate::sim::kube::resources::resource_of_kind;
use crate::sim::kube::resources::{DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, NAMESPACES, NODES};
use crate::sim::kube::{Clock, Store, Writer};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const PLATFORM: &str = include_str!("cluster.yaml");
const RELEASES: &str = include_str!("releases.yaml");
const ACME: &str = include_str!("acme.yaml");
const CORTEX: &str = include_str!("cortex.yaml");
const AROUND: &str = include_str!("around.yaml");

/// How to begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Without incidents: everything is well.
    pub calm: bool,
    /// With releases beside what serves: a canary of the web, and the documentation in blue and in green.
    pub beside: bool,
}

/// One thing that happened: so long ago, who did what.
struct Step {
    minutes_ago: i64,
    who: &'static str,
    what: What,
}

enum What {
    Image {
        workload: &'static str,
        image: &'static str,
        cause: &'static str,
    },
}

const HISTORY: &[Step] = &[
    Step {
        minutes_ago: 6 * DAY,
        who: "helm",
        what: image(
            "memory-api",
            "memory-api:2.1.0",
            "helm upgrade memory-api --version 2.1.0",
        ),
    },
    Step {
        minutes_ago: 5 * DAY,
        who: "gitlab-deployer",
        what: image("cortex-api", "api:1.4.0", "release 1.4.0 (pipeline 48112)"),
    },
    Step {
        minutes_ago: 5 * DAY - 9,
        who: "gitlab-deployer",
        what: image("cortex-worker", "worker:1.4.2", "release 1.4.2 (pipeline 48114)"),
    },
    Step {
        minutes_ago: 3 * DAY,
        who: "helm",
        what: image("cortex-web", "web:1.4.0", "helm upgrade cortex-web --version 1.4.0"),
    },
    Step {
        minutes_ago: 2 * DAY,
        who: "gitlab-deployer",
        what: image("cortex-api", "api:1.4.1", "release 1.4.1 (pipeline 48377)"),
    },
    Step {
        minutes_ago: 26 * 60,
        who: "argocd-controller",
        what: image("cognition", "cognition:0.10.1", ""),
    },
    Step {
        minutes_ago: 22 * 60,
        who: "helm",
        what: image("cortex-web", "web:1.4.1", "helm upgrade cortex-web --version 1.4.1"),
    },
    Step {
        minutes_ago: 5 * 60,
        who: "gitlab-deployer",
        what: image("cortex-api", "api:1.5.0", "release 1.5.0 (pipeline 48590)"),
    },
    Step {
        minutes_ago: 5 * 60 - 6,
        who: "gitlab-deployer",
        what: image("cortex-worker", "worker:1.5.0", "release 1.5.0 (pipeline 48590)"),
    },
];

/// The last release, whose image was never pushed.
const INCIDENT: Step = Step {
    minutes_ago: 6,
    who: "gitlab-deployer",
    what: image("cortex-api", "api:1.5.1", "release 1.5.1 (pipeline 48655)"),
};

const DAY: i64 = 24 * 60;
/// The nightly export was turned on so long ago.
const EXPORT_MINUTES_AGO: i64 = 41;

/// The releases beside what serves came so long ago: between two steps of the history.
const BESIDE_MINUTES_AGO: i64 = 21 * 60;

const fn image(workload: &'static str, image: &'static str, cause: &'static str) -> What {
    What::Image { workload, image, cause }
}

/// A world that has lived through the history up to `now`. Its clock stands there ([`Clock::run`] lets it go).
pub fn begin(now: Timestamp, options: Options) -> (World, Clock) {
    let start = now - SignedDuration::from_mins(9 * DAY);
    let clock = Clock::manual(start);
    let scenario = Scenario {
        export_since: (!options.calm).then(|| now - SignedDuration::from_mins(EXPORT_MINUTES_AGO)),
        acme_fails: !options.calm,
    };
    let store = Store::new(clock.clone());
    let mut world = World::new(store, Arc::new(scenario));
    world.coarse = true;
    world.apply(PLATFORM, "kubeadm");
    world.run_for(&clock, secs(1));
    world.apply(AROUND, "helm");
    world.apply(CORTEX, "gitlab-deployer");
    world.run_for(&clock, secs(120));
    let incident = (!options.calm).then_some(&INCIDENT);
    let mut beside = options.beside;
    for step in HISTORY.iter().chain(incident) {
        if beside && step.minutes_ago < BESIDE_MINUTES_AGO {
            let at = now - SignedDuration::from_mins(BESIDE_MINUTES_AGO);
            world.run_for(&clock, at.duration_since(clock.now()));
            world.apply(RELEASES, "gitlab-deployer");
            beside = false;
        }
        let at = now - SignedDuration::from_mins(step.minutes_ago);
        world.run_for(&clock, at.duration_since(clock.now()));
        world.act(step);
    }
    world.run_for(&clock, (now - secs(60)).duration_since(clock.now()));
    world.refine();
    world.run_for(&clock, now.duration_since(clock.now()));
    (world, clock)
}

/// What [`add_acme`] takes of the clock.
pub const ACME_TAKES: SignedDuration = SignedDuration::from_secs(15);

/// A certificate of an ACME issuer, whose renewal stands still at its challenge unless all is calm.
pub fn add_acme(world: &mut World, clock: &Clock) {
    world.apply(ACME, "gitlab-deployer");
    world.run_for(clock, ACME_TAKES);
}

impl World {
    /// Creates every object of some manifests.
    pub fn apply(&mut self, manifests: &str, who: &str) {
        for document in serde_yaml_ng::Deserializer::from_str(manifests) {
            let Ok(mut object) = Value::deserialize(document) else {
                continue;
            };
            if !object.is_object() {
                continue;
            }
            let api = text(&object, "/apiVersion").to_owned();
            let group = api.split_once('/').map_or("", |(g, _)| g);
            let Some(r) = resource_of_kind(group, text(&object, "/kind")) else {
                continue;
            };
            let manager = match super::super::json::label(&object, "app.kubernetes.io/managed-by") {
                "Helm" => "helm",
                "keda-operator" => "keda-operator",
                _ if !super::super::json::annotation(&object, "argocd.argoproj.io/tracking-id").is_empty() => {
                    "argocd-controller"
                }
                _ => who,
            };
            let status = object.get("status").cloned();
            if r.key == NODES.key || r.generation && status.is_none() {
                set(&mut object, "/status", status.unwrap_or_else(|| json!({})));
            }
            if let Err(refusal) = self.store.create(r, object, &Writer::new(manager)) {
                tracing::warn!(kind = r.kind, %refusal, "a manifest of the scenario was refused");
            }
        }
    }

    fn act(&mut self, step: &Step) {
        let What::Image { workload, image, cause } = step.what;
        let image = format!("registry.lab/cortex/{image}");
        let by = Writer::new(step.who);
        let _ = self.store.update(&DEPLOYMENTS, "cortex", workload, &by, |d| {
            if let Some(first) = d.pointer_mut("/spec/template/spec/containers/0") {
                set(first, "/image", image.as_str());
            }
            if !cause.is_empty() {
                set_path(
                    d,
                    &["metadata", "annotations", "kubernetes.io/change-cause"],
                    json!(cause),
                );
            }
        });
    }

    /// From the coarse steps of a long history to the fine ones of the present.
    fn refine(&mut self) {
        self.coarse = false;
        for hpa in self.store.list(&HORIZONTALPODAUTOSCALERS, None) {
            self.queue.push(Work::Hpa(Key::of_object(&hpa)));
        }
        for namespace in self.store.list(&NAMESPACES, None) {
            self.queue.push(Work::Budgets(namespace.meta.name.to_string()));
            self.queue.push(Work::Quota(namespace.meta.name.to_string()));
        }
        for node in self.store.list(&NODES, None) {
            self.queue.push(Work::Node(Key::of_object(&node)));
        }
    }
}
