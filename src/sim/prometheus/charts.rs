//! What the console's charts ask: pods and workloads as cAdvisor and kube-state-metrics would have measured them, from
//! what the store's objects were at each moment.

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::json;

use super::world::{Measures, Series};
use crate::sim::kube::past::{self, PodMoment, PodPast, WorkloadMoment};
use crate::sim::kube::resources::{DAEMONSETS, DEPLOYMENTS, Resource, STATEFULSETS};
use crate::sim::world::Scenario;
use crate::sim::world::json::{milli_quantity, text};

/// An image that is killed for its memory reaches its limit in so many seconds.
const UNTIL_KILLED: f64 = 25.0;
/// Looks between two points of a highest value over a range.
const LOOKS: i64 = 30;

/// The text between `before` and the next quote.
fn quoted<'a>(body: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(before)?;
    Some(rest.split_once('"')?.0)
}

/// Seconds of the first `{…}[90s]`.
fn window(body: &str) -> Option<i64> {
    let (_, rest) = body.split_once("}[")?;
    rest.split_once("s]")?.0.parse().ok()
}

fn moment(pod: &PodPast, at: Timestamp) -> Option<PodMoment> {
    past::at(&pod.moments, at, |m| m.at).filter(|m| m.there)
}

/// Of all containers: `requests` or `limits`, in thousandths.
fn asked(pod: &PodPast, what: &str, of: &str) -> f64 {
    let pointer = format!("/resources/{what}/{of}");
    let all = pod.containers.iter().map(|c| milli_quantity(c.pointer(&pointer)));
    all.sum::<i64>() as f64
}

/// A little apart from its siblings, and always the same distance: as its metrics say.
fn apart(pod: &PodPast) -> f64 {
    0.9 + f64::from(pod.uid.bytes().map(u32::from).sum::<u32>() % 21) / 100.0
}

/// Working set in bytes, while it runs.
fn memory(pod: &PodPast, at: Timestamp) -> Option<f64> {
    let since = moment(pod, at)?.running?;
    let age = at.duration_since(since).as_secs_f64().max(0.0);
    let usual = asked(pod, "requests", "memory") / 1000.0 * 0.62 * apart(pod);
    let limit = asked(pod, "limits", "memory") / 1000.0;
    let leaks = pod.containers.iter().any(|c| text(c, "/image").ends_with("-oom"));
    if leaks && limit > 0.0 && limit < f64::from(1 << 30) {
        return Some(usual * 0.4 + (limit - usual * 0.4) * (age / UNTIL_KILLED).min(1.0));
    }
    // It warms up.
    Some(usual * (0.35 + 0.65 * (age / 120.0).min(1.0)))
}

fn point(value: f64) -> Series {
    vec![(json!({}), value)]
}

/// The highest or lowest since the point before, where the query asks for it.
fn over(body: &str, at: Timestamp, of: impl Fn(Timestamp) -> Option<f64>) -> Option<f64> {
    let keep = match () {
        () if body.contains("max_over_time") => f64::max,
        () if body.contains("min_over_time") => f64::min,
        () => return of(at),
    };
    let whole = window(body)?;
    let apart = (whole / LOOKS).max(5);
    let ago = (0..whole).step_by(apart as usize);
    let all = ago.filter_map(|s| of(at - SignedDuration::from_secs(s)));
    all.reduce(keep)
}

impl Measures {
    /// The answer to a chart's query at `at`; `None`: it is none of them.
    pub(super) fn chart(&self, id: &str, body: &str, at: Timestamp) -> Option<Series> {
        let namespace = quoted(body, "namespace=\"").unwrap_or_default();
        if let Some((kind, what)) = id.split_once('.')
            && let Some(r) = workload_kind(kind)
        {
            let name = quoted(body, &format!("{kind}=\""))?;
            let moments = self.store().past().workload(r, namespace, name);
            let of = |m: WorkloadMoment| if what == "ready" { m.ready } else { m.wanted };
            let value = |at| past::at(&moments, at, |m| m.at).map(|m| of(m) as f64);
            return Some(over(body, at, value).map_or_else(Vec::new, point));
        }
        let (of, what) = id.split_once('.')?;
        let pods = match of {
            "pod" => {
                let name = quoted(body, "pod=\"")?;
                self.store().past().pods(namespace, |n| n == name)
            }
            "workload" => {
                let names = Regex::new(&format!("^(?:{})$", quoted(body, "pod=~\"")?.replace("\\\\", "\\"))).ok()?;
                self.store().past().pods(namespace, |n| names.is_match(n))
            }
            _ => return None,
        };
        let each = |value: &dyn Fn(&PodPast) -> Option<f64>| pods.iter().filter_map(value).collect::<Vec<f64>>();
        let limit = |of: &'static str, scale: f64| {
            move |p: &PodPast| {
                let limit = asked(p, "limits", of) / scale;
                moment(p, at).filter(|_| limit > 0.0).map(|_| limit)
            }
        };
        let values = match what {
            "cpu" => each(&|p| self.cpu(p, at)),
            "cpu-limit" => each(&limit("cpu", 1000.0)),
            "memory" => each(&|p| over(body, at, |at| memory(p, at))),
            "memory-limit" => each(&limit("memory", 1000.0)),
            "restarts" => each(&|p| moment(p, at).map(|m| m.restarts as f64)),
            "throttled" => each(&|p| moment(p, at)?.running.map(|_| 0.0)),
            _ => return None,
        };
        // Of a workload's memory the largest pod counts: that is the one that is killed.
        let largest = of == "workload" && what.starts_with("memory");
        let whole = if largest {
            values.iter().copied().reduce(f64::max)
        } else {
            values.iter().copied().reduce(|a, b| a + b)
        };
        Some(whole.map_or_else(Vec::new, point))
    }

    /// Cores, while it runs: its share of its workload's load.
    fn cpu(&self, pod: &PodPast, at: Timestamp) -> Option<f64> {
        moment(pod, at)?.running?;
        let moments = self.store().past().workload(&DEPLOYMENTS, &pod.namespace, &pod.app);
        let replicas = past::at(&moments, at, |m| m.at).map_or(1, |m| m.wanted.max(1));
        let share = Scenario::default().load(&pod.namespace, &pod.app, at) / replicas as f64 / 100.0;
        Some((asked(pod, "requests", "cpu") / 1000.0 * share * apart(pod)).max(0.0005))
    }
}

fn workload_kind(word: &str) -> Option<&'static Resource> {
    Some(match word {
        "deployment" => &DEPLOYMENTS,
        "statefulset" => &STATEFULSETS,
        "daemonset" => &DAEMONSETS,
        _ => return None,
    })
}

/// Whether a workload serves as it should.
pub(super) fn is_well(m: &WorkloadMoment) -> bool {
    !(m.unavailable > 0 && m.updated > 0) && m.available >= m.wanted.max(1)
}

/// The share of a workload's instances that serve at `at`, and since when it has not been all of them.
pub(super) fn trouble(moments: &[WorkloadMoment], at: Timestamp) -> Option<(f64, Timestamp)> {
    let known = moments.partition_point(|m| m.at <= at);
    let known = moments.get(..known)?;
    let last = known.last().filter(|m| !is_well(m))?;
    let began = known.iter().rev().take_while(|m| !is_well(m)).last()?;
    Some((last.available as f64 / last.wanted.max(1) as f64, began.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::{Clock, Store, Writer};
    use serde_json::Value;

    #[test]
    fn memory_climbs_to_the_limit_before_the_kill_and_there_is_none_while_nothing_runs() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let store = Store::new(clock.clone());
        let pod = json!({"metadata": {"name": "api-1", "namespace": "a", "labels": {"app": "api"}},
            "spec": {"containers": [{"name": "api", "image": "registry/api:1-oom",
                "resources": {"requests": {"memory": "128Mi", "cpu": "100m"}, "limits": {"memory": "256Mi"}}}]}});
        let by = Writer::new("kubelet");
        let r = &crate::sim::kube::resources::PODS;
        store.create(r, pod, &by).unwrap();
        let run = |after: i64, state: Value, restarts: i64| {
            clock.advance((start + SignedDuration::from_secs(after)).duration_since(clock.now()));
            let status = json!([{"name": "api", "restartCount": restarts, "state": state}]);
            store
                .update_status(r, "a", "api-1", &by, |p| p["status"]["containerStatuses"] = status)
                .unwrap();
        };
        run(10, json!({"running": {"startedAt": "2026-11-21T12:00:10Z"}}), 0);
        run(35, json!({"waiting": {"reason": "CrashLoopBackOff"}}), 0);
        run(60, json!({"running": {"startedAt": "2026-11-21T12:01:00Z"}}), 1);
        let measures = Measures::new(store);
        let ask = |id: &str, after: i64| {
            let body = "x{namespace=\"a\",pod=\"api-1\"}";
            let found = measures.chart(id, body, start + SignedDuration::from_secs(after));
            found.unwrap().first().map(|(_, v)| *v)
        };
        assert_eq!(ask("pod.memory", 5), None, "it has not begun to run");
        let (early, late) = (ask("pod.memory", 12).unwrap(), ask("pod.memory", 34).unwrap());
        let limit = ask("pod.memory-limit", 34).unwrap();
        assert!(
            early < late / 2.0 && late > limit * 0.9 && late <= limit,
            "{early} {late} {limit}"
        );
        assert_eq!(
            ask("pod.memory", 40),
            None,
            "between two runs there is nothing to measure"
        );
        assert_eq!(
            (ask("pod.restarts", 40), ask("pod.restarts", 61)),
            (Some(0.0), Some(1.0))
        );
    }
}
