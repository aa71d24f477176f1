//! Who does the work, and for whom: the pods of a workload, the queues of a Redis, the workload that an alert names.

use std::sync::Arc;

use super::{Jump, Related, related, to_object, to_queue};
use crate::app::App;
use crate::model::{Str, Workload};

/// Labels by which rules name what serves, the surest first.
const NAMES: [&str; 5] = ["app", "app_kubernetes_io_name", "service", "job", "container"];

impl App {
    /// The queues that live on a Redis. Where several hold queues, nobody told which are whose.
    pub(super) fn queues_on(&self, redis: &Str, out: &mut Vec<Related>) {
        let sources = &self.world.sources;
        let holders: Vec<&Str> = sources
            .redis
            .iter()
            .filter(|(_, r)| r.holds_queues)
            .map(|(name, _)| name)
            .collect();
        if holders != [redis] {
            return;
        }
        for (source, set) in &sources.queues {
            out.extend(set.queues.iter().map(|queue| to_queue(source, &queue.name)));
        }
    }

    /// The workload that is called what one of an alert's labels says: in the alert's namespace, or where it names none,
    /// the only one of that name.
    pub(super) fn named_by(&self, labels: &[(Str, Str)], out: &mut Vec<Related>) {
        let label = |key: &str| labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| v);
        let namespace = label("namespace");
        let names = NAMES.iter().filter_map(|key| label(key));
        out.extend(
            names
                .map(|name| self.called(name, namespace))
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
        );
    }

    /// The workload of that name, in the namespace where one is known, and its pods; none where several are called so.
    pub(super) fn called(&self, name: &str, namespace: Option<&Str>) -> Vec<Related> {
        let here = |w: &&Arc<Workload>| *w.meta.name == *name && namespace.is_none_or(|ns| w.meta.namespace == *ns);
        let mut found = self.world.workloads().filter(here);
        let (Some(w), None) = (found.next(), found.next()) else {
            return Vec::new();
        };
        vec![
            to_object("rollout", w.meta.object(w.kind)),
            related("pods", "of this rollout", self.pods_of_workload(w)),
        ]
    }

    /// To the pods that it controls, and no others: that of another whose name begins alike may be marked with them.
    pub(crate) fn pods_of_workload(&self, w: &Workload) -> Jump {
        let place = if self.many_namespaces() {
            format!(" namespace={}", w.meta.namespace)
        } else {
            String::new()
        };
        Jump::Pods(format!("owner={}{place}", w.meta.object(w.kind).slash()))
    }
}
