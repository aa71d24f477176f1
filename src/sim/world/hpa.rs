//! The horizontal pod autoscaler: every 15 seconds, first the bounds, then the metric.

use super::json::{int, int_or, list, milli_quantity, secs, set, stamp, text};
use super::{CONTROLLERS, Key, Work, World};
use crate::sim::kube::resources::{DEPLOYMENTS, HORIZONTALPODAUTOSCALERS, REPLICASETS, STATEFULSETS};
use crate::sim::kube::{Resource, Writer};
use serde_json::{Value, json};

const PERIOD_S: i64 = 15;
const STABILISATION_S: i64 = 300;
const TOLERANCE: f64 = 0.1;
const COMPONENT: &str = "horizontal-pod-autoscaler";

/// What one look came to.
struct Verdict {
    desired: i64,
    reason: String,
    metrics: Option<Value>,
    able: (&'static str, String),
    active: (bool, &'static str, String),
    limited: (bool, &'static str, &'static str),
}

const WITHIN: (bool, &str, &str) = (
    false,
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
);
const FEW: (bool, &str, &str) = (
    true,
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);
const MANY: (bool, &str, &str) = (
    true,
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(hpa) = world.get(&HORIZONTALPODAUTOSCALERS, key) else {
        world.recommendations.remove(key);
        return;
    };
    let period = if world.coarse { 4 * 3600 } else { PERIOD_S };
    world.at(world.now + secs(period), Work::Hpa(key.clone()));
    let target = Key::new(&key.ns, text(&hpa, "/spec/scaleTargetRef/name"));
    let kind: &'static Resource = match text(&hpa, "/spec/scaleTargetRef/kind") {
        "StatefulSet" => &STATEFULSETS,
        "ReplicaSet" => &REPLICASETS,
        _ => &DEPLOYMENTS,
    };
    let Some(workload) = world.get(kind, &target) else {
        lost(world, key, &hpa, &target);
        return;
    };
    let current = int_or(&workload, "/spec/replicas", 1);
    let verdict = judge(world, key, &hpa, &workload, current);
    let mut able = verdict.able;
    let rescale = verdict.desired != current;
    if rescale {
        let by = Writer::new(CONTROLLERS).through("scale");
        let _ = world.store.update(kind, &target.ns, &target.name, &by, |w| {
            set(w, "/spec/replicas", verdict.desired);
        });
        let message = format!("New size: {}; reason: {}", verdict.desired, verdict.reason);
        world.event(&hpa, "Normal", "SuccessfulRescale", &message, COMPONENT);
        able = (
            "SucceededRescale",
            format!(
                "the HPA controller was able to update the target scale to {}",
                verdict.desired
            ),
        );
    }
    let now = stamp(world.now);
    let conditions = vec![
        condition(&hpa, &now, "AbleToScale", true, able.0, &able.1),
        condition(
            &hpa,
            &now,
            "ScalingActive",
            verdict.active.0,
            verdict.active.1,
            &verdict.active.2,
        ),
        condition(
            &hpa,
            &now,
            "ScalingLimited",
            verdict.limited.0,
            verdict.limited.1,
            verdict.limited.2,
        ),
    ];
    world.edit_status(&HORIZONTALPODAUTOSCALERS, key, |h| {
        set(h, "/status/currentReplicas", current);
        set(h, "/status/desiredReplicas", verdict.desired);
        if rescale {
            set(h, "/status/lastScaleTime", now.as_str());
        }
        if let Some(metrics) = verdict.metrics {
            set(h, "/status/currentMetrics", metrics);
        }
        set(h, "/status/conditions", conditions);
    });
}

fn judge(world: &mut World, key: &Key, hpa: &Value, workload: &Value, current: i64) -> Verdict {
    let (min, max) = (int_or(hpa, "/spec/minReplicas", 1), int(hpa, "/spec/maxReplicas"));
    let metric = list(hpa, "/spec/metrics").first().cloned().unwrap_or_default();
    let found = format!(
        "the HPA was able to successfully calculate a replica count from {}",
        metric_name(&metric)
    );
    let mut verdict = Verdict {
        desired: current,
        reason: String::new(),
        metrics: None,
        able: ("ReadyForNewScale", "recommended size matches current size".to_owned()),
        active: (true, "ValidMetricFound", found),
        limited: WITHIN,
    };
    if current == 0 && min != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        verdict.active = (false, "ScalingDisabled", message.to_owned());
        verdict.able = (
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale".to_owned(),
        );
        return verdict;
    }
    // Outside the bounds nothing else counts, the past least of all.
    if current > max || current < min {
        let above = current > max;
        verdict.desired = if above { max } else { min };
        let bound = if above {
            "above Spec.MaxReplicas"
        } else {
            "below Spec.MinReplicas"
        };
        verdict.reason = format!("Current number of replicas {bound}");
        verdict.limited = if above { MANY } else { FEW };
        return verdict;
    }
    let name = text(workload, "/metadata/name");
    let waiting = world.waiting.filter(|_| name == "cortex-worker");
    let load = waiting.map_or_else(|| world.scenario.load(&key.ns, name, world.now), |jobs| jobs as f64);
    let average = load / current as f64;
    let (target, shown) = measure(&metric, workload, average);
    verdict.metrics = Some(json!([shown]));
    let ratio = if target > 0.0 { average / target } else { 1.0 };
    let wanted = if (ratio - 1.0).abs() <= TOLERANCE {
        current
    } else {
        (current as f64 * ratio).ceil() as i64
    };
    let now = world.now;
    let past = world.recommendations.entry(key.clone()).or_default();
    past.retain(|(at, _)| *at > now - secs(STABILISATION_S));
    let highest = past.iter().map(|(_, n)| *n).max().unwrap_or(wanted).max(wanted);
    past.push((now, wanted));
    let mut desired = wanted;
    if wanted < current && highest > wanted {
        desired = highest.min(current);
        verdict.able = (
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation"
                .to_owned(),
        );
    }
    // The default policies: at most doubled or four more at a time.
    desired = desired.min((current * 2).max(current + 4));
    if desired > max {
        desired = max;
        verdict.limited = MANY;
    } else if desired < min {
        desired = min;
        verdict.limited = FEW;
    }
    let name = metric_name(&metric);
    verdict.reason = if desired > current {
        format!("{name} above target")
    } else {
        "All metrics below target".to_owned()
    };
    verdict.desired = desired;
    verdict
}

fn metric_name(metric: &Value) -> String {
    match text(metric, "/type") {
        "External" => format!("external metric {}(nil)", text(metric, "/external/metric/name")),
        _ => format!(
            "{} resource utilization (percentage of request)",
            text(metric, "/resource/name")
        ),
    }
}

/// The target, and the metric as the status shows it.
fn measure(metric: &Value, workload: &Value, average: f64) -> (f64, Value) {
    if text(metric, "/type") == "External" {
        let target = milli_quantity(metric.pointer("/external/target/averageValue")) as f64 / 1000.0;
        let name = metric.pointer("/external/metric").cloned().unwrap_or_default();
        let current = json!({"averageValue": format!("{}", average.round() as i64)});
        return (
            target,
            json!({"type": "External", "external": {"metric": name, "current": current}}),
        );
    }
    let resource = text(metric, "/resource/name");
    let target = int(metric, "/resource/target/averageUtilization") as f64;
    let request: i64 = list(workload, "/spec/template/spec/containers")
        .iter()
        .map(|c| milli_quantity(c.pointer(&format!("/resources/requests/{resource}"))))
        .sum();
    let used = request as f64 * average / 100.0;
    let value = if resource == "memory" {
        format!("{}", (used / 1000.0) as i64)
    } else {
        format!("{}m", used as i64)
    };
    let current = json!({"averageUtilization": average.round() as i64, "averageValue": value});
    (
        target,
        json!({"type": "Resource", "resource": {"name": resource, "current": current}}),
    )
}

fn lost(world: &mut World, key: &Key, hpa: &Value, target: &Key) {
    let message = format!(
        "the HPA controller was unable to get the target's current scale: deployments/scale.apps \"{}\" not found",
        target.name
    );
    world.event(hpa, "Warning", "FailedGetScale", &message, COMPONENT);
    let conditions = vec![condition(
        hpa,
        &stamp(world.now),
        "AbleToScale",
        false,
        "FailedGetScale",
        &message,
    )];
    world.edit_status(&HORIZONTALPODAUTOSCALERS, key, |h| {
        set(h, "/status/conditions", conditions);
    });
}

fn condition(hpa: &Value, now: &str, kind: &str, is: bool, reason: &str, message: &str) -> Value {
    let status = if is { "True" } else { "False" };
    let before = list(hpa, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == kind);
    let since = before
        .filter(|c| text(c, "/status") == status)
        .map_or(now, |c| text(c, "/lastTransitionTime"));
    json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
}
