//! Rows of workloads, autoscalers and budgets.

use super::{age, list, name, number, or_none, text, time};
use crate::sim::kube::selector::format_label_selector;
use jiff::Timestamp;
use serde_json::Value;

fn containers(v: &Value, template: &str) -> [Value; 2] {
    let all = list(v, &format!("{template}/spec/containers"));
    let join = |field: &str| all.iter().map(|c| text(c, field)).collect::<Vec<_>>().join(",").into();
    [join("/name"), join("/image")]
}

fn selector(v: &Value, pointer: &str) -> Value {
    or_none(&v.pointer(pointer).map(format_label_selector).unwrap_or_default())
}

fn counts(v: &Value, pointers: &[&str]) -> Vec<Value> {
    pointers.iter().map(|p| number(v, p).into()).collect()
}

pub(super) fn deployment(v: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!("{}/{}", number(v, "/status/readyReplicas"), number(v, "/spec/replicas"));
    let mut row = vec![name(v), ready.into()];
    row.extend(counts(v, &["/status/updatedReplicas", "/status/availableReplicas"]));
    row.push(super::age(v, now));
    row.extend(containers(v, "/spec/template"));
    row.push(selector(v, "/spec/selector"));
    row
}

pub(super) fn replica_set(v: &Value, now: Timestamp) -> Vec<Value> {
    let mut row = vec![name(v)];
    row.extend(counts(
        v,
        &["/spec/replicas", "/status/replicas", "/status/readyReplicas"],
    ));
    row.push(super::age(v, now));
    row.extend(containers(v, "/spec/template"));
    row.push(selector(v, "/spec/selector"));
    row
}

pub(super) fn stateful_set(v: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!("{}/{}", number(v, "/status/readyReplicas"), number(v, "/spec/replicas"));
    let mut row = vec![name(v), ready.into(), super::age(v, now)];
    row.extend(containers(v, "/spec/template"));
    row
}

pub(super) fn daemon_set(v: &Value, now: Timestamp) -> Vec<Value> {
    let mut row = vec![name(v)];
    row.extend(counts(
        v,
        &[
            "/status/desiredNumberScheduled",
            "/status/currentNumberScheduled",
            "/status/numberReady",
            "/status/updatedNumberScheduled",
            "/status/numberAvailable",
        ],
    ));
    let nodes = v.pointer("/spec/template/spec/nodeSelector").and_then(Value::as_object);
    let nodes: Vec<String> = nodes
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    row.push(or_none(&nodes.join(",")));
    row.push(super::age(v, now));
    row.extend(containers(v, "/spec/template"));
    row.push(selector(v, "/spec/selector"));
    row
}

pub(super) fn controller_revision(v: &Value, now: Timestamp) -> Vec<Value> {
    let controller = list(v, "/metadata/ownerReferences")
        .iter()
        .find(|o| o.get("controller").and_then(Value::as_bool) == Some(true))
        .map(|o| {
            let group = text(o, "/apiVersion").split_once('/').map_or("", |(g, _)| g);
            let kind = text(o, "/kind").to_lowercase();
            let kind = if group.is_empty() {
                kind
            } else {
                format!("{kind}.{group}")
            };
            format!("{kind}/{}", text(o, "/name"))
        });
    vec![
        name(v),
        or_none(&controller.unwrap_or_default()),
        number(v, "/revision").into(),
        super::age(v, now),
    ]
}

pub(super) fn job(v: &Value, now: Timestamp) -> Vec<Value> {
    let has = |kind: &str| {
        list(v, "/status/conditions")
            .iter()
            .any(|c| text(c, "/type") == kind && text(c, "/status") == "True")
    };
    let status = if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if v.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else {
        ["Suspended", "FailureTarget", "SuccessCriteriaMet"]
            .into_iter()
            .find(|c| has(c))
            .unwrap_or("Running")
    };
    let succeeded = number(v, "/status/succeeded");
    let completions = match (
        v.pointer("/spec/completions").and_then(Value::as_i64),
        number(v, "/spec/parallelism"),
    ) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let duration = match (time(v, "/status/startTime"), time(v, "/status/completionTime")) {
        (None, _) => String::new(),
        (Some(start), None) => age::human(now.duration_since(start)),
        (Some(start), Some(end)) => age::human(end.duration_since(start)),
    };
    let mut row = vec![
        name(v),
        status.into(),
        completions.into(),
        duration.into(),
        super::age(v, now),
    ];
    row.extend(containers(v, "/spec/template"));
    row.push(selector(v, "/spec/selector"));
    row
}

pub(super) fn cron_job(v: &Value, now: Timestamp) -> Vec<Value> {
    let suspended = v.pointer("/spec/suspend").and_then(Value::as_bool);
    let last = match text(v, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        at => age::since(at, now),
    };
    let mut row = vec![
        name(v),
        text(v, "/spec/schedule").into(),
        or_none(text(v, "/spec/timeZone")),
        match suspended {
            Some(true) => "True".into(),
            Some(false) => "False".into(),
            None => "<unset>".into(),
        },
        list(v, "/status/active").len().into(),
        last.into(),
        super::age(v, now),
    ];
    row.extend(containers(v, "/spec/jobTemplate/spec/template"));
    row.push(selector(v, "/spec/jobTemplate/spec/selector"));
    row
}

fn one_metric(spec: &Value, current: Option<&Value>) -> String {
    let kind = text(spec, "/type");
    let source = match kind {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return "<unknown type>".to_owned(),
    };
    let target = |field: &str| spec.pointer(&format!("/{source}/target/{field}")).cloned();
    let now = |field: &str| {
        current
            .and_then(|c| c.pointer(&format!("/{source}/current/{field}")))
            .cloned()
    };
    let show = |v: Option<Value>| match v {
        None | Some(Value::Null) => "<unknown>".to_owned(),
        Some(Value::String(s)) => s,
        Some(other) => other.to_string(),
    };
    let prefix = match source {
        "resource" => format!("{}: ", text(spec, "/resource/name")),
        "containerResource" => format!("{}: ", text(spec, "/containerResource/name")),
        _ => String::new(),
    };
    if matches!(source, "resource" | "containerResource") {
        if let Some(average) = target("averageValue") {
            return format!("{prefix}{}/{}", show(now("averageValue")), show(Some(average)));
        }
        let percent = |v: Option<Value>| v.map_or("<unknown>".to_owned(), |v| format!("{v}%"));
        return format!(
            "{prefix}{}/{}",
            percent(now("averageUtilization")),
            percent(target("averageUtilization"))
        );
    }
    if let Some(average) = target("averageValue") {
        let suffix = if source == "pods" { "" } else { " (avg)" };
        return format!("{}/{}{suffix}", show(now("averageValue")), show(Some(average)));
    }
    format!("{}/{}", show(now("value")), show(target("value")))
}

pub(super) fn autoscaler(v: &Value, now: Timestamp) -> Vec<Value> {
    let current = list(v, "/status/currentMetrics");
    let metrics = list(v, "/spec/metrics");
    let mut shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .take(2)
        .map(|(i, m)| one_metric(m, current.get(i)))
        .collect();
    if metrics.is_empty() {
        shown.push("<none>".to_owned());
    }
    let mut targets = shown.join(", ");
    if metrics.len() > 2 {
        targets = format!("{targets} + {} more...", metrics.len() - 2);
    }
    let reference = format!(
        "{}/{}",
        text(v, "/spec/scaleTargetRef/kind"),
        text(v, "/spec/scaleTargetRef/name")
    );
    let least = v
        .pointer("/spec/minReplicas")
        .map_or("<unset>".to_owned(), Value::to_string);
    vec![
        name(v),
        reference.into(),
        targets.into(),
        least.into(),
        number(v, "/spec/maxReplicas").into(),
        number(v, "/status/currentReplicas").into(),
        super::age(v, now),
    ]
}

pub(super) fn budget(v: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |pointer: &str| match v.pointer(pointer) {
        Some(Value::String(s)) => s.as_str().into(),
        Some(Value::Number(n)) => n.to_string().into(),
        _ => Value::from("N/A"),
    };
    vec![
        name(v),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        number(v, "/status/disruptionsAllowed").into(),
        super::age(v, now),
    ]
}
