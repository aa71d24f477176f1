//! Rows of everything that is no workload.

use super::{age, list, name, number, or_none, text};
use jiff::Timestamp;
use serde_json::Value;

fn join(values: impl IntoIterator<Item = String>) -> String {
    values.into_iter().collect::<Vec<_>>().join(",")
}

pub(super) fn event(v: &Value, now: Timestamp) -> Vec<Value> {
    let ago = |at: &str| age::since(at, now);
    let first = match text(v, "/firstTimestamp") {
        "" => ago(text(v, "/eventTime")),
        at => ago(at),
    };
    let mut last = match text(v, "/lastTimestamp") {
        "" => first.clone(),
        at => ago(at),
    };
    let mut count = number(v, "/count").max(1);
    if v.get("series").is_some_and(|s| !s.is_null()) {
        last = ago(text(v, "/series/lastObservedTime"));
        count = number(v, "/series/count");
    }
    let kind = text(v, "/involvedObject/kind").to_lowercase();
    let object = match text(v, "/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let first_of = |a: &str, b: &str| match text(v, a) {
        "" => text(v, b).to_owned(),
        found => found.to_owned(),
    };
    let component = first_of("/source/component", "/reportingComponent");
    let host = first_of("/source/host", "/reportingInstance");
    let source = if host.is_empty() {
        component
    } else {
        format!("{component}, {host}")
    };
    vec![
        last.into(),
        text(v, "/type").into(),
        text(v, "/reason").into(),
        object.into(),
        text(v, "/involvedObject/fieldPath").into(),
        source.into(),
        text(v, "/message").trim().into(),
        first.into(),
        count.into(),
        name(v),
    ]
}

pub(super) fn node(v: &Value, now: Timestamp) -> Vec<Value> {
    let ready = list(v, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Ready");
    let mut status = match ready {
        Some(c) if text(c, "/status") == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if v.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true) {
        status.push_str(",SchedulingDisabled");
    }
    let labels = v.pointer("/metadata/labels").and_then(Value::as_object);
    let roles = join(labels.into_iter().flatten().filter_map(|(k, value)| {
        if k == "kubernetes.io/role" {
            return value.as_str().map(str::to_owned);
        }
        k.strip_prefix("node-role.kubernetes.io/")
            .filter(|r| !r.is_empty())
            .map(str::to_owned)
    }));
    let address = |kind: &str| {
        list(v, "/status/addresses")
            .iter()
            .find(|a| text(a, "/type") == kind)
            .map_or("", |a| text(a, "/address"))
    };
    let info = |field: &str| text(v, &format!("/status/nodeInfo/{field}")).to_owned();
    let unknown = |s: String| {
        if s.is_empty() {
            "<unknown>".into()
        } else {
            Value::from(s)
        }
    };
    let kernel = match (info("kernelVersion"), info("architecture")) {
        (kernel, _) if kernel.is_empty() => kernel,
        (kernel, architecture) if architecture.is_empty() => kernel,
        (kernel, architecture) => format!("{kernel} ({architecture})"),
    };
    vec![
        name(v),
        status.into(),
        or_none(&roles),
        super::age(v, now),
        info("kubeletVersion").into(),
        or_none(address("InternalIP")),
        or_none(address("ExternalIP")),
        unknown(info("osImage")),
        unknown(kernel),
        unknown(info("containerRuntimeVersion")),
    ]
}

pub(super) fn service(v: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(v, "/spec/type");
    let given = join(
        list(v, "/spec/externalIPs")
            .iter()
            .filter_map(|i| i.as_str().map(str::to_owned)),
    );
    let external = match kind {
        "LoadBalancer" => {
            let got = join(
                list(v, "/status/loadBalancer/ingress")
                    .iter()
                    .map(|i| match text(i, "/ip") {
                        "" => text(i, "/hostname").to_owned(),
                        ip => ip.to_owned(),
                    }),
            );
            match (got.is_empty(), given.is_empty()) {
                (true, true) => "<pending>".to_owned(),
                (true, false) => given,
                (false, true) => got,
                (false, false) => format!("{got},{given}"),
            }
        }
        "ExternalName" => text(v, "/spec/externalName").to_owned(),
        _ => given,
    };
    let ports = join(list(v, "/spec/ports").iter().map(|p| {
        let protocol = match text(p, "/protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        match number(p, "/nodePort") {
            0 => format!("{}/{protocol}", number(p, "/port")),
            node => format!("{}:{node}/{protocol}", number(p, "/port")),
        }
    }));
    let selector = v.pointer("/spec/selector").and_then(Value::as_object);
    let selector = join(
        selector
            .into_iter()
            .flatten()
            .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())),
    );
    vec![
        name(v),
        kind.into(),
        or_none(text(v, "/spec/clusterIP")),
        or_none(&external),
        or_none(&ports),
        super::age(v, now),
        or_none(&selector),
    ]
}

pub(super) fn ingress(v: &Value, now: Timestamp) -> Vec<Value> {
    let hosts = join(
        list(v, "/spec/rules")
            .iter()
            .map(|r| text(r, "/host").to_owned())
            .filter(|h| !h.is_empty()),
    );
    let address = join(
        list(v, "/status/loadBalancer/ingress")
            .iter()
            .map(|i| match text(i, "/ip") {
                "" => text(i, "/hostname").to_owned(),
                ip => ip.to_owned(),
            }),
    );
    let ports = if list(v, "/spec/tls").is_empty() {
        "80"
    } else {
        "80, 443"
    };
    vec![
        name(v),
        or_none(text(v, "/spec/ingressClassName")),
        if hosts.is_empty() { "*".into() } else { hosts.into() },
        address.into(),
        ports.into(),
        super::age(v, now),
    ]
}

pub(super) fn quota(v: &Value, now: Timestamp) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let hard = v.pointer("/status/hard").and_then(Value::as_object);
    for (resource, hard) in hard.into_iter().flatten() {
        let used = v
            .pointer("/status/used")
            .and_then(|u| u.get(resource))
            .and_then(Value::as_str)
            .unwrap_or("0");
        let cell = format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default());
        if resource.starts_with("limits.") {
            limits.push(cell);
        } else {
            requests.push(cell);
        }
    }
    vec![
        name(v),
        requests.join(", ").into(),
        limits.join(", ").into(),
        super::age(v, now),
    ]
}

fn first_three(all: Vec<String>) -> Value {
    match all.len() {
        0 => "<none>".into(),
        n if n > 3 => format!("{} + {} more...", all.get(..3).unwrap_or_default().join(","), n - 3).into(),
        _ => all.join(",").into(),
    }
}

pub(super) fn endpoints(v: &Value, now: Timestamp) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in list(v, "/subsets") {
        for address in list(subset, "/addresses") {
            for port in list(subset, "/ports") {
                all.push(format!("{}:{}", text(address, "/ip"), number(port, "/port")));
            }
        }
    }
    vec![name(v), first_three(all), super::age(v, now)]
}

pub(super) fn endpoint_slice(v: &Value, now: Timestamp) -> Vec<Value> {
    let ports = list(v, "/ports")
        .iter()
        .map(|p| number(p, "/port").to_string())
        .collect();
    let addresses = list(v, "/endpoints")
        .iter()
        .flat_map(|e| {
            list(e, "/addresses")
                .iter()
                .filter_map(|a| a.as_str().map(str::to_owned))
        })
        .collect();
    vec![
        name(v),
        text(v, "/addressType").into(),
        first_three(ports),
        first_three(addresses),
        super::age(v, now),
    ]
}

pub(super) fn claim(v: &Value, now: Timestamp) -> Vec<Value> {
    let modes = join(list(v, "/status/accessModes").iter().map(|m| match m.as_str() {
        Some("ReadWriteOnce") => "RWO".to_owned(),
        Some("ReadOnlyMany") => "ROX".to_owned(),
        Some("ReadWriteMany") => "RWX".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }));
    vec![
        name(v),
        text(v, "/status/phase").into(),
        text(v, "/spec/volumeName").into(),
        text(v, "/status/capacity/storage").into(),
        modes.into(),
        text(v, "/spec/storageClassName").into(),
        "<unset>".into(),
        super::age(v, now),
        text(v, "/spec/volumeMode").into(),
    ]
}

/// A custom resource: its columns are JSON paths of the definition, so an absent value is an empty cell.
pub(super) fn certificate(v: &Value) -> Vec<Value> {
    let ready = list(v, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Ready");
    vec![
        name(v),
        ready.map_or("", |c| text(c, "/status")).into(),
        text(v, "/spec/secretName").into(),
        text(v, "/spec/issuerRef/name").into(),
        ready.map_or("", |c| text(c, "/message")).into(),
        text(v, "/metadata/creationTimestamp").into(),
    ]
}

fn is(v: &Value, kind: &str) -> Value {
    let found = list(v, "/status/conditions").iter().find(|c| text(c, "/type") == kind);
    found.map_or("", |c| text(c, "/status")).into()
}

pub(super) fn certificate_request(v: &Value) -> Vec<Value> {
    vec![
        name(v),
        is(v, "Approved"),
        is(v, "Denied"),
        is(v, "Ready"),
        text(v, "/spec/issuerRef/name").into(),
        text(v, "/spec/username").into(),
        text(v, "/metadata/creationTimestamp").into(),
    ]
}

pub(super) fn issuer(v: &Value) -> Vec<Value> {
    vec![name(v), is(v, "Ready"), text(v, "/metadata/creationTimestamp").into()]
}
