//! Pods, workloads and databases as they were seen.

use jiff::Timestamp;

use super::{FEW, Observed};
use crate::app::ItemRef;
use crate::model::postgres::Session;
use crate::model::{FeedId, Kind, ObjectRef, Pod, Postgres, Str, Workload, World};

/// One process holds this name in one namespace at a time, so that its history goes on when it is made anew.
pub(super) fn object_key(object: &ObjectRef) -> String {
    named(object.kind, &object.namespace, &object.name)
}

fn named(kind: Kind, namespace: &str, name: &str) -> String {
    format!("{} {namespace}/{name}", kind.short())
}

impl Observed {
    pub(super) fn look_at_cluster(&mut self, world: &World, open: Option<&ItemRef>, now: Timestamp) {
        let open = match open {
            Some(ItemRef::Object(object)) => Some(object),
            _ => None,
        };
        let new_usage = std::mem::replace(&mut self.usage, world.usage_version) != world.usage_version;
        if world.pods.len() <= FEW {
            for pod in world.pods.values() {
                self.look_at_pod(world, pod, new_usage, now);
            }
        } else if let Some(pod) = open.and_then(|o| world.pod(o)) {
            self.look_at_pod(world, pod, new_usage, now);
        }
        if world.workloads().count() <= FEW {
            for workload in world.workloads() {
                self.look_at_workload(world, workload, new_usage, now);
            }
        } else if let Some(workload) = open.and_then(|o| world.workload(o)) {
            self.look_at_workload(world, workload, new_usage, now);
        }
    }

    fn look_at_pod(&mut self, world: &World, pod: &Pod, new_usage: bool, now: Timestamp) {
        let of = named(Kind::Pod, &pod.meta.namespace, &pod.meta.name);
        let restarts = watched(world, Kind::Pod, pod.restarts);
        self.take_standing(&of, "restarts", now, restarts);
        if let Some(usage) = world.pod_usage.get(&pod.meta.key()).filter(|_| new_usage) {
            self.take(&of, "cpu", now, usage.cpu_m as f64 / 1000.0);
            self.take(&of, "memory", now, usage.memory as f64);
        }
    }

    fn look_at_workload(&mut self, world: &World, w: &Workload, new_usage: bool, now: Timestamp) {
        let of = named(w.kind, &w.meta.namespace, &w.meta.name);
        self.take_standing(&of, "ready", now, watched(world, w.kind, w.ready));
        self.take_standing(&of, "wanted", now, watched(world, w.kind, w.desired));
        let restarts = world.pods_of(w).map(|p| p.restarts).sum();
        self.take_standing(&of, "restarts", now, watched(world, Kind::Pod, restarts));
        if new_usage {
            let of_pods = || world.pods_of(w).filter_map(|p| world.pod_usage.get(&p.meta.key()));
            if of_pods().next().is_some() {
                let cpu: u64 = of_pods().map(|u| u.cpu_m).sum();
                let largest = of_pods().map(|u| u.memory).max().unwrap_or(0);
                self.take(&of, "cpu", now, cpu as f64 / 1000.0);
                self.take(&of, "largest pod", now, largest as f64);
            }
        }
    }

    pub(super) fn look_at_postgres(&mut self, source: &Str, postgres: &Postgres) {
        let of = format!("postgres {source}");
        if let (Some(all), Some(at)) = (&postgres.connections.value, postgres.connections.at) {
            self.take(&of, "connections", at, all.total as f64);
        }
        if let (Some(sessions), Some(at)) = (&postgres.activity.value, postgres.activity.at) {
            let busy = || sessions.iter().filter(|s| s.state.as_deref() == Some("active"));
            self.take(&of, "busy", at, busy().count() as f64);
            let longest = busy().map(Session::age_s).fold(0.0, f64::max);
            self.take(&of, "longest", at, longest);
        }
        if let (Some(locks), Some(at)) = (&postgres.locks.value, postgres.locks.at) {
            self.take(&of, "waiting", at, locks.waiters().count() as f64);
        }
    }
}

/// No number while its kind is not watched.
fn watched(world: &World, kind: Kind, value: u32) -> f64 {
    if world.feed(FeedId::Watch(kind)).is_fresh() {
        f64::from(value)
    } else {
        f64::NAN
    }
}
