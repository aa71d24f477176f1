//! Values of pods, workloads, services, objectives and machines.

use super::{Asking, Bad, Chart, Unit};
use crate::app::{App, ItemRef};
use crate::model::{Kind, ObjectRef, Pick, Str};

/// The pods of a workload by their names, those that are gone too: a regular expression that the whole name fits.
fn pods_of(kind: Kind, name: &str) -> String {
    let name = name.replace('.', "\\.");
    match kind {
        Kind::StatefulSet => format!("{name}-[0-9]+"),
        Kind::DaemonSet => format!("{name}-[a-z0-9]{{5}}"),
        _ => format!("{name}-[a-z0-9]{{1,10}}-[a-z0-9]{{5}}"),
    }
}

/// The ids of how many pods are ready, and of how many are wanted.
const fn ready_of(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::StatefulSet => ("statefulset.ready", "statefulset.wanted"),
        Kind::DaemonSet => ("daemonset.ready", "daemonset.wanted"),
        _ => ("deployment.ready", "deployment.wanted"),
    }
}

impl App {
    pub(super) fn of_object_charts(&self, of: &ItemRef, object: &ObjectRef) -> Vec<Chart> {
        let seen = |name| self.seat.observed.of(of, name);
        let about = |more: (&'static str, Str)| vec![("namespace", object.namespace.clone()), more];
        let asking = |id, bound, about| Asking {
            bound,
            ..Asking::new(id, about)
        };
        match object.kind {
            Kind::Pod => {
                let pod = || about(("pod", object.name.clone()));
                vec![
                    Chart::new("memory", Unit::Bytes)
                        .points(seen("memory"))
                        .bound("limit", Bad::Near, Vec::new())
                        .asking(asking("pod.memory", Some("pod.memory-limit"), pod())),
                    Chart::new("cpu", Unit::Cores)
                        .points(seen("cpu"))
                        .bound("limit", Bad::Near, Vec::new())
                        .asking(asking("pod.cpu", Some("pod.cpu-limit"), pod())),
                    Chart::new("restarts", Unit::Count)
                        .points(seen("restarts"))
                        .stands()
                        .asking(asking("pod.restarts", None, pod())),
                    Chart::new("throttled", Unit::Share).asking(asking("pod.throttled", None, pod())),
                ]
            }
            kind if Kind::WORKLOADS.contains(&kind) => {
                let (ready, wanted) = ready_of(kind);
                let pods: Str = pods_of(kind, &object.name).into();
                let pods = || about(("pods", pods.clone()));
                let mut all = vec![
                    Chart::new("ready", Unit::Count)
                        .points(seen("ready"))
                        .stands()
                        .bound("wanted", Bad::Below, seen("wanted"))
                        .asking(asking(ready, Some(wanted), about(("workload", object.name.clone())))),
                    Chart::new("restarts", Unit::Count)
                        .points(seen("restarts"))
                        .stands()
                        .asking(asking("workload.restarts", None, pods())),
                    Chart::new("cpu", Unit::Cores)
                        .points(seen("cpu"))
                        .asking(asking("workload.cpu", None, pods())),
                    Chart::new("largest pod", Unit::Bytes)
                        .points(seen("largest pod"))
                        .bound("limit", Bad::Near, Vec::new())
                        .asking(asking("workload.memory", Some("workload.memory-limit"), pods())),
                ];
                if self.measures_service(&object.name) {
                    all.extend(self.of_service(None, &object.name));
                }
                all
            }
            _ => Vec::new(),
        }
    }

    /// Whether some Prometheus measures requests of a service with this name.
    fn measures_service(&self, name: &str) -> bool {
        let mut all = self.world.sources.prometheus.values();
        all.any(|p| {
            let views = [&p.errors, &p.latency, &p.traffic];
            views
                .iter()
                .filter_map(|v| v.last())
                .flatten()
                .any(|r| &*r.service == name)
        })
    }

    pub(super) fn of_service(&self, source: Option<&Str>, name: &Str) -> Vec<Chart> {
        let t = self.judge.thresholds();
        let asking = |id, thousandths| Asking {
            source: source.cloned(),
            pick: Pick::Service(name.clone()),
            thousandths,
            ..Asking::new(id, Vec::new())
        };
        vec![
            Chart::new("errors", Unit::Share)
                .threshold(Some((t.errors_critical_percent / 100.0, "critical")))
                .asking(asking("app.errors", false)),
            Chart::new("p95", Unit::Milliseconds)
                .threshold(Some((f64::from(t.latency_critical_ms), "critical")))
                .asking(asking("app.latency", true)),
            Chart::new("requests", Unit::PerSecond).asking(asking("app.traffic", false)),
        ]
    }

    pub(super) fn of_objective(&self, source: &Str, name: &Str) -> Vec<Chart> {
        let t = self.judge.thresholds();
        let burn = |chart: &'static str, window: &'static str, limit: f64| {
            Chart::new(chart, Unit::Times)
                .threshold(Some((limit, "burns too fast")))
                .asking(Asking {
                    source: Some(source.clone()),
                    ..Asking::new("slo.errors", vec![("slo", name.clone()), ("window", window.into())])
                })
        };
        vec![
            burn("burn 1h", "1h", t.burn_critical),
            burn("burn 5m", "5m", t.burn_critical),
            burn("burn 6h", "6h", t.burn_warning),
        ]
    }
}

/// A machine as node_exporter sees it.
pub(super) fn of_host(source: &Str, name: &Str) -> Vec<Chart> {
    let value = |chart: &'static str, id: &'static str, full: f64| {
        Chart::new(chart, Unit::Share)
            .threshold(Some((full, "nearly full")))
            .asking(Asking {
                source: Some(source.clone()),
                pick: Pick::Instance(name.clone()),
                ..Asking::new(id, Vec::new())
            })
    };
    vec![
        value("cpu", "host.cpu", 0.9),
        value("memory", "host.memory", 0.9),
        value("disk", "host.disk", 0.9),
    ]
}
