//! EndpointSlices: the pods behind each Service, ready or not, as the endpointslice controller writes them.

use super::deployment::owner_reference;
use super::json::{label, list, map, set, text};
use super::{Key, World, pods};
use crate::sim::kube::Object;
use crate::sim::kube::resources::{ENDPOINTSLICES, PODS, SERVICES};
use serde_json::{Value, json};

pub(super) fn sync(world: &mut World, ns: &str) {
    let services = world.list(&SERVICES, Some(ns));
    if services.iter().all(|s| map(s, "/spec/selector").is_none()) {
        return;
    }
    let all = world.store.list(&PODS, Some(ns));
    let slices = world.list(&ENDPOINTSLICES, Some(ns));
    for service in services {
        let Some(selector) = map(&service, "/spec/selector").filter(|s| !s.is_empty()) else {
            continue;
        };
        // By the labels alone: only the pods behind it are parsed.
        let chosen = |pod: &Object| {
            let has = |k: &str, v: &Value| pod.meta.labels.iter().any(|(a, b)| **a == *k && v == &**b);
            selector.iter().all(|(k, v)| has(k, v))
        };
        let mut behind: Vec<Value> = all.iter().filter(|p| chosen(p)).map(|p| p.value()).collect();
        behind.retain(|p| {
            !text(p, "/status/podIP").is_empty() && !matches!(text(p, "/status/phase"), "Succeeded" | "Failed")
        });
        behind.sort_by_key(|p| text(p, "/metadata/name").to_owned());
        let endpoints: Vec<Value> = behind.iter().map(endpoint).collect();
        let ports: Vec<Value> = list(&service, "/spec/ports")
            .iter()
            .map(|p| port(p, behind.first()))
            .collect();
        let name = text(&service, "/metadata/name");
        let known = slices.iter().find(|s| label(s, "kubernetes.io/service-name") == name);
        match known {
            Some(slice) if slice.get("endpoints") == Some(&json!(endpoints)) => {}
            Some(slice) => {
                world.edit(&ENDPOINTSLICES, &Key::of(slice), |s| {
                    set(s, "/endpoints", endpoints);
                    set(s, "/ports", ports);
                });
            }
            None => create(world, &service, endpoints, ports),
        }
    }
}

fn endpoint(pod: &Value) -> Value {
    let leaving = pods::is_terminating(pod);
    let ready = pods::is_ready(pod);
    json!({
        "addresses": [text(pod, "/status/podIP")],
        "conditions": {"ready": ready && !leaving, "serving": ready, "terminating": leaving},
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": {"kind": "Pod", "namespace": text(pod, "/metadata/namespace"),
            "name": text(pod, "/metadata/name"), "uid": text(pod, "/metadata/uid")},
    })
}

/// A port by name is that of the first pod's container.
fn port(port: &Value, pod: Option<&Value>) -> Value {
    let target = port.get("targetPort");
    let by_name = |name: &str| {
        let containers = pod.map(|p| list(p, "/spec/containers")).unwrap_or_default();
        let mut ports = containers.iter().flat_map(|c| list(c, "/ports"));
        ports
            .find(|p| text(p, "/name") == name)
            .and_then(|p| p.get("containerPort"))
            .cloned()
    };
    let number = match target {
        Some(Value::String(name)) => by_name(name),
        Some(number) => Some(number.clone()),
        None => None,
    };
    json!({
        "name": text(port, "/name"), "protocol": "TCP",
        "port": number.or_else(|| port.get("port").cloned()),
    })
}

fn create(world: &mut World, service: &Value, endpoints: Vec<Value>, ports: Vec<Value>) {
    let (ns, name) = (
        text(service, "/metadata/namespace").to_owned(),
        text(service, "/metadata/name").to_owned(),
    );
    // Not at random: what comes after it in the world stays as it was.
    let full = format!("{name}-{}", super::json::name_hash(&json!([ns, name])));
    let _exists = world.create(
        &ENDPOINTSLICES,
        json!({
            "metadata": {"name": full, "namespace": ns, "generateName": format!("{name}-"),
                "labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": name},
                "ownerReferences": [owner_reference("v1", "Service", service)]},
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        }),
    );
}
