//! The defaults that the API server writes into objects.

use super::object::put;
use super::resources::Resource;
use serde_json::{Map, Value, json};

/// Fills in what is absent. Writing it twice changes nothing.
pub fn apply(r: &Resource, value: &mut Value) {
    let Some(root) = value.as_object_mut() else { return };
    if r.key == "secrets" {
        root.entry("type").or_insert_with(|| json!("Opaque"));
        return;
    }
    if r.status && r.key != "nodes" && !r.is_custom() {
        root.entry("status").or_insert_with(|| json!({}));
    }
    if r.key == "daemonsets.apps" {
        let counts = [
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        ];
        fill(root.get_mut("status"), &counts.map(|c| (c, json!(0))));
        if let Some(annotations) = object(root, "metadata").and_then(|m| object(m, "annotations")) {
            set(annotations, TEMPLATE_GENERATION, json!("1"));
        }
    }
    if r.key == "pods" {
        fill(root.get_mut("status"), &[("phase", json!("Pending"))]);
    }
    let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    match r.key {
        "pods" => {
            pod_spec(spec);
            set(spec, "enableServiceLinks", json!(true));
        }
        "deployments.apps" => deployment(spec),
        "replicasets.apps" => {
            set(spec, "replicas", json!(1));
            template(spec);
        }
        "statefulsets.apps" => stateful_set(spec),
        "daemonsets.apps" => daemon_set(spec),
        "jobs.batch" => job(spec),
        "cronjobs.batch" => {
            set(spec, "concurrencyPolicy", json!("Allow"));
            set(spec, "suspend", json!(false));
            set(spec, "successfulJobsHistoryLimit", json!(3));
            set(spec, "failedJobsHistoryLimit", json!(1));
            if let Some(job) = spec
                .get_mut("jobTemplate")
                .and_then(|t| t.get_mut("spec"))
                .and_then(Value::as_object_mut)
            {
                template(job);
            }
        }
        "services" => service(spec),
        "horizontalpodautoscalers.autoscaling" => set(spec, "minReplicas", json!(1)),
        _ => {}
    }
}

/// The count of template changes that DaemonSets carry since before they had revisions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// What the server itself changes along with an update: a DaemonSet counts the changes of its template.
pub(crate) fn along(r: &Resource, before: &Value, after: &mut Value) {
    let template = |v: &Value| v.pointer("/spec/template").cloned();
    if r.key != "daemonsets.apps" {
        return;
    }
    let count = before
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(TEMPLATE_GENERATION)?.as_str()?.parse::<u64>().ok())
        .unwrap_or(1);
    let count = count + u64::from(template(before) != template(after));
    put(
        after,
        &["metadata", "annotations", TEMPLATE_GENERATION],
        json!(count.to_string()),
    );
}

/// What depends on the uid: a Job selects its pods by it, and they carry it.
pub(crate) fn after_uid(r: &Resource, value: &mut Value) {
    if r.key != "jobs.batch" || value.pointer("/spec/selector").is_some() {
        return;
    }
    let meta = |k: &str| value.pointer(&format!("/metadata/{k}")).cloned().unwrap_or_default();
    let (uid, name) = (meta("uid"), meta("name"));
    let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    spec.insert(
        "selector".to_owned(),
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
    );
    let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut) else {
        return;
    };
    let meta = template.entry("metadata").or_insert_with(|| json!({}));
    let Some(labels) = meta
        .as_object_mut()
        .map(|m| m.entry("labels").or_insert_with(|| json!({})))
    else {
        return;
    };
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(key.to_owned(), value.clone());
        }
    }
    let labels = Value::Object(labels.as_object().cloned().unwrap_or_default());
    if value.pointer("/metadata/labels").is_none() {
        put(value, &["metadata", "labels"], labels);
    }
}

/// Sets a field that is absent or null.
fn set(map: &mut Map<String, Value>, key: &str, to: Value) {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = to;
    }
}

fn fill(value: Option<&mut Value>, fields: &[(&str, Value)]) {
    if let Some(map) = value.and_then(Value::as_object_mut) {
        for (key, to) in fields {
            set(map, key, to.clone());
        }
    }
}

/// The object in a field, made when absent.
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    set(map, key, json!({}));
    map.get_mut(key).and_then(Value::as_object_mut)
}

fn items<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    map.get_mut(key)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

fn template(spec: &mut Map<String, Value>) {
    let template = spec.get_mut("template").and_then(Value::as_object_mut);
    if let Some(pod) = template.and_then(|t| t.get_mut("spec")).and_then(Value::as_object_mut) {
        pod_spec(pod);
    }
}

fn deployment(spec: &mut Map<String, Value>) {
    set(spec, "replicas", json!(1));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "progressDeadlineSeconds", json!(600));
    if let Some(strategy) = object(spec, "strategy") {
        set(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type") == Some(&json!("RollingUpdate"))
            && let Some(rolling) = object(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", json!("25%"));
            set(rolling, "maxSurge", json!("25%"));
        }
    }
    // Go leaves false out.
    if spec.get("paused") == Some(&json!(false)) {
        spec.remove("paused");
    }
    template(spec);
}

fn stateful_set(spec: &mut Map<String, Value>) {
    set(spec, "replicas", json!(1));
    set(spec, "podManagementPolicy", json!("OrderedReady"));
    set(spec, "revisionHistoryLimit", json!(10));
    set(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    if let Some(strategy) = object(spec, "updateStrategy") {
        set(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type") == Some(&json!("RollingUpdate"))
            && let Some(rolling) = object(strategy, "rollingUpdate")
        {
            set(rolling, "partition", json!(0));
        }
    }
    template(spec);
}

fn daemon_set(spec: &mut Map<String, Value>) {
    set(spec, "revisionHistoryLimit", json!(10));
    if let Some(strategy) = object(spec, "updateStrategy") {
        set(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type") == Some(&json!("RollingUpdate"))
            && let Some(rolling) = object(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", json!(1));
            set(rolling, "maxSurge", json!(0));
        }
    }
    template(spec);
}

fn job(spec: &mut Map<String, Value>) {
    for (key, to) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("manualSelector", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        set(spec, key, to);
    }
    template(spec);
}

fn service(spec: &mut Map<String, Value>) {
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    set(spec, "internalTrafficPolicy", json!("Cluster"));
    for port in items(spec, "ports") {
        set(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or_default();
        set(port, "targetPort", number);
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
    set(spec, "restartPolicy", json!("Always"));
    set(spec, "terminationGracePeriodSeconds", json!(30));
    set(spec, "dnsPolicy", json!("ClusterFirst"));
    set(spec, "securityContext", json!({}));
    set(spec, "schedulerName", json!("default-scheduler"));
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        set(spec, "serviceAccount", account);
    }
    for volume in items(spec, "volumes") {
        for source in ["configMap", "secret", "projected", "downwardAPI"] {
            fill(volume.get_mut(source), &[("defaultMode", json!(420))]);
        }
    }
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            self::container(container);
        }
    }
}

fn container(c: &mut Map<String, Value>) {
    set(c, "terminationMessagePath", json!("/dev/termination-log"));
    set(c, "terminationMessagePolicy", json!("File"));
    let image = c.get("image").and_then(Value::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let latest = !last.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    set(
        c,
        "imagePullPolicy",
        json!(if latest { "Always" } else { "IfNotPresent" }),
    );
    if let Some(resources) = object(c, "resources")
        && let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned()
        && let Some(requests) = object(resources, "requests")
    {
        // What is limited but not requested is requested in full.
        for (resource, limit) in limits {
            set(requests, &resource, limit);
        }
    }
    for port in items(c, "ports") {
        set(port, "protocol", json!("TCP"));
    }
    for variable in items(c, "env") {
        let field = variable.get_mut("valueFrom").and_then(|v| v.get_mut("fieldRef"));
        fill(field, &[("apiVersion", json!("v1"))]);
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = c.get_mut(probe).and_then(Value::as_object_mut) {
            fill(
                probe.get_mut("httpGet"),
                &[("scheme", json!("HTTP")), ("path", json!("/"))],
            );
            for (key, to) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                set(probe, key, json!(to));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::resources::DEPLOYMENTS;

    #[test]
    fn defaults_are_written_once_and_stay() {
        let mut d = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "x/y:1", "resources": {"limits": {"memory": "1Gi"}}}]}}}});
        apply(&DEPLOYMENTS, &mut d);
        assert_eq!(d["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
        let container = &d["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(container["resources"]["requests"]["memory"], "1Gi");
        let once = d.clone();
        apply(&DEPLOYMENTS, &mut d);
        assert_eq!(d, once);
    }
}
