//! What else decides the size of a workload: autoscalers, KEDA, and the quota.

use serde_json::Value;

use super::draft::Draft;
use super::object::{clean, collection, condition, count, items, label, owner, text};
use super::survey::Survey;
use crate::model::{Kind, ObjectRef};

pub(super) struct Scaler {
    pub hpa: ObjectRef,
    pub min: u32,
    pub max: u32,
    pub current: u32,
    pub desired: u32,
    /// The ScaledObject that owns it.
    pub keda: Option<ObjectRef>,
    /// Why it does not scale now.
    pub inactive: Option<String>,
    /// `cpu 41 % of 70 %`.
    pub metrics: Vec<String>,
}

impl Scaler {
    pub fn read(hpa: &Value) -> Self {
        let metadata = |at: &str| text(hpa, &format!("/metadata/{at}")).to_owned();
        let inactive = condition(hpa, "ScalingActive").filter(|c| text(c, "/status") == "False");
        Self {
            hpa: ObjectRef {
                kind: Kind::Hpa,
                namespace: metadata("namespace").into(),
                name: metadata("name").into(),
                uid: metadata("uid").into(),
            },
            min: count(hpa, "/spec/minReplicas", 1),
            max: count(hpa, "/spec/maxReplicas", 1),
            current: count(hpa, "/status/currentReplicas", 0),
            desired: count(hpa, "/status/desiredReplicas", 0),
            keda: keda(hpa),
            inactive: inactive.map(|c| text(c, "/reason").to_owned()),
            metrics: items(hpa, "/spec/metrics").filter_map(|m| metric(m, hpa)).collect(),
        }
    }

    /// Where its bounds are set, so that they last.
    pub fn holder(&self) -> ObjectRef {
        self.keda.clone().unwrap_or_else(|| self.hpa.clone())
    }

    /// One line for the plan.
    pub fn line(&self) -> String {
        let metrics = if self.metrics.is_empty() {
            String::new()
        } else {
            format!("; {}", self.metrics.join(", "))
        };
        format!(
            "HPA {} holds {}–{}, now {}, wants {}{metrics}",
            self.hpa.name, self.min, self.max, self.current, self.desired
        )
    }
}

fn metric(spec: &Value, hpa: &Value) -> Option<String> {
    let name = text(spec, "/resource/name");
    let target = spec.pointer("/resource/target/averageUtilization")?.as_u64()?;
    let now = items(hpa, "/status/currentMetrics").find(|m| text(m, "/resource/name") == name);
    let now = now.and_then(|m| m.pointer("/resource/current/averageUtilization")?.as_u64());
    Some(now.map_or_else(
        || format!("{name} unknown, target {target} %"),
        |n| format!("{name} {n} % of {target} %"),
    ))
}

/// The ScaledObject behind an HPA, by its owner reference or KEDA's label.
fn keda(hpa: &Value) -> Option<ObjectRef> {
    let by_owner = owner(hpa)
        .filter(|o| text(o, "/kind") == "ScaledObject")
        .map(|o| (text(o, "/name"), text(o, "/uid")));
    let by_label = label(hpa, "scaledobject.keda.sh/name");
    let (name, uid) = by_owner.or((!by_label.is_empty()).then_some((by_label, "")))?;
    Some(ObjectRef {
        kind: Kind::ScaledObject,
        namespace: text(hpa, "/metadata/namespace").into(),
        name: clean(name).into(),
        uid: uid.into(),
    })
}

/// Autoscalers of this workload. `Err`: they could not be read.
pub(super) async fn of(survey: &Survey<'_>, target: &ObjectRef) -> Result<Vec<Scaler>, String> {
    let list = survey
        .list(&collection(Kind::Hpa, &target.namespace))
        .await
        .map_err(|e| e.why)?;
    let ours = |h: &&Value| {
        let of = |at: &str| text(h, &format!("/spec/scaleTargetRef/{at}"));
        // The version in the reference may differ; the group may not.
        let group = of("apiVersion").split_once('/').map_or("", |(g, _)| g);
        of("kind") == target.kind.api() && of("name") == &*target.name && group == target.kind.group()
    };
    Ok(list.iter().filter(ours).map(Scaler::read).collect())
}

/// A quantity in base units: `500m` is 0.5, `1Gi` is 2³⁰.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    // `1e3` is a number with an exponent, `1E` is exa.
    if let Ok(n) = text.parse::<f64>() {
        return n.is_finite().then_some(n);
    }
    let factor = match unit {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|n| n * factor)
}

/// What one pod of a template asks of a quota's resource (`requests.cpu`, `limits.memory`, `pods`).
fn asks(template: &Value, resource: &str) -> f64 {
    if matches!(resource, "pods" | "count/pods") {
        return 1.0;
    }
    let (list, name) = match resource.split_once('.') {
        Some((list @ ("requests" | "limits"), name)) => (list, name),
        // `cpu` and `memory` alone mean requests.
        _ => ("requests", resource),
    };
    items(template, "/spec/containers")
        .filter_map(|c| quantity(text(c, &format!("/resources/{list}/{name}"))))
        .sum()
}

/// Head-room of the quotas for `more` pods of this template; warns when they do not fit.
pub(super) async fn quota(survey: &Survey<'_>, draft: &mut Draft, namespace: &str, template: &Value, more: u32) {
    if more == 0 {
        return;
    }
    let Ok(quotas) = survey.list(&collection(Kind::Quota, namespace)).await else {
        draft.warn("quotas could not be read: whether these pods fit is unknown");
        return;
    };
    for q in &quotas {
        let name = text(q, "/metadata/name");
        let hard = q.pointer("/status/hard").and_then(Value::as_object);
        for (resource, hard) in hard.into_iter().flatten() {
            let used = q
                .pointer("/status/used")
                .and_then(|u| u.get(resource))
                .and_then(Value::as_str);
            let (Some(hard_n), Some(used_n)) = (hard.as_str().and_then(quantity), used.and_then(quantity)) else {
                continue;
            };
            let each = asks(template, resource);
            let fits = if each > 0.0 {
                ((hard_n - used_n) / each).floor().max(0.0)
            } else {
                continue;
            };
            if f64::from(more) > fits {
                draft.warn_seriously(format!(
                    "quota {name} leaves room for {fits} of {more} more pod{} ({resource}: {} used of {})",
                    if more == 1 { "" } else { "s" },
                    used.unwrap_or_default(),
                    hard.as_str().unwrap_or_default()
                ));
            }
        }
    }
}

/// `500m CPU / 512Mi`, of one pod.
pub(super) fn each_asks(template: &Value) -> String {
    let of = |name: &str| {
        let list: Vec<&str> = items(template, "/spec/containers")
            .map(|c| text(c, &format!("/resources/requests/{name}")))
            .filter(|q| !q.is_empty())
            .collect();
        list.join("+")
    };
    match (of("cpu"), of("memory")) {
        (cpu, memory) if cpu.is_empty() && memory.is_empty() => "no requests".to_owned(),
        (cpu, memory) if memory.is_empty() => format!("{cpu} CPU"),
        (cpu, memory) if cpu.is_empty() => memory,
        (cpu, memory) => format!("{cpu} CPU / {memory}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_server_writes_them() {
        for (text, want) in [
            ("500m", 0.5),
            ("2", 2.0),
            ("1Gi", 1_073_741_824.0),
            ("1e3", 1000.0),
            ("128k", 128_000.0),
        ] {
            assert_eq!(quantity(text), Some(want), "{text}");
        }
        assert_eq!(quantity("abc"), None);
        assert_eq!(quantity(""), None);
    }
}
