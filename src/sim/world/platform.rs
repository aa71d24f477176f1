//! What the API server asks of the world: logs and measurements.

use super::json::{list, milli_quantity, text};
use super::{Key, Scenario, logs};
use crate::sim::kube::platform::previous_not_found;
use crate::sim::kube::resources::{DEPLOYMENTS, PODS};
use crate::sim::kube::{LogLines, LogQuery, Object, Platform, Status, Store, Usage};
use serde_json::Value;
use std::sync::Arc;

/// The scenario's answers, over the store that the world writes to.
#[derive(Clone)]
pub struct WorldPlatform {
    store: Store,
    scenario: Arc<Scenario>,
}

impl WorldPlatform {
    /// Answers for what is in this store, by the rules of this scenario.
    pub fn new(store: Store, scenario: Arc<Scenario>) -> Self {
        Self { store, scenario }
    }

    /// Load of one pod in percent of what it asked for.
    fn utilisation(&self, pod: &Object) -> f64 {
        let name = pod.meta.label("app").unwrap_or("");
        let key = Key::new(&pod.meta.namespace, name);
        let replicas = self
            .store
            .get(&DEPLOYMENTS, &key.ns, &key.name)
            .map_or(1, |d| super::json::int_or(&d.value(), "/spec/replicas", 1).max(1));
        self.scenario.load(&key.ns, &key.name, self.store.clock().now()) / replicas as f64
    }
}

impl Platform for WorldPlatform {
    fn logs(&self, pod: &Value, query: &LogQuery) -> Result<LogLines, Status> {
        let found = logs::lines(pod, query, self.store.clock().now());
        match found {
            None if query.previous => Err(previous_not_found(text(pod, "/metadata/name"), &query.container)),
            None => {
                let status = list(pod, "/status/containerStatuses")
                    .iter()
                    .find(|s| text(s, "/name") == query.container);
                let reason = status.map_or("ContainerCreating", |s| text(s, "/state/waiting/reason"));
                let why = match reason {
                    "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image".to_owned(),
                    other => other.to_owned(),
                };
                let (container, name) = (&query.container, text(pod, "/metadata/name"));
                Err(Status::bad_request(format!(
                    "container \"{container}\" in pod \"{name}\" is waiting to start: {why}"
                )))
            }
            Some(lines) => Ok(lines),
        }
    }

    fn logs_ended(&self, pod: &Value, container: &str) -> bool {
        logs::ended(pod, container)
    }

    fn pod_metrics(&self, pod: &Object) -> Option<Vec<Usage>> {
        if pod.meta.phase.as_deref() != Some("Running") {
            return None;
        }
        let value = pod.value();
        let share = self.utilisation(pod) / 100.0;
        // A little apart from its siblings, and always the same distance.
        let apart = 0.9 + f64::from(pod.meta.uid.bytes().map(u32::from).sum::<u32>() % 21) / 100.0;
        let usage = |c: &Value| {
            let cpu = milli_quantity(c.pointer("/resources/requests/cpu")) as f64;
            let memory = milli_quantity(c.pointer("/resources/requests/memory")) as f64 / 1000.0;
            Usage {
                name: text(c, "/name").to_owned(),
                cpu_nano: (cpu * 1e6 * share * apart).max(500_000.0) as u64,
                memory_bytes: (memory * 0.62 * apart) as u64,
            }
        };
        Some(list(&value, "/spec/containers").iter().map(usage).collect())
    }

    fn node_metrics(&self, node: &Object) -> Option<Usage> {
        let mut total = Usage {
            name: String::new(),
            cpu_nano: 180_000_000,
            memory_bytes: 900 << 20,
        };
        if !super::load::is_load(&node.meta.name) {
            let here = |p: &Arc<Object>| p.meta.node_name.as_deref() == Some(&*node.meta.name);
            for usage in self
                .store
                .list(&PODS, None)
                .iter()
                .filter(|p| here(p))
                .filter_map(|p| self.pod_metrics(p))
                .flatten()
            {
                total.cpu_nano += usage.cpu_nano;
                total.memory_bytes += usage.memory_bytes;
            }
        }
        Some(total)
    }
}
