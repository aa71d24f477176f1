//! ResourceQuotas: what is used, and the refusal of a pod for which there is no room.

use super::json::{list, map, milli_quantity, set, set_path, text};
use super::{Key, World};
use crate::sim::kube::Status;
use crate::sim::kube::resources::{PODS, RESOURCEQUOTAS};
use serde_json::{Map, Value, json};

pub(super) fn sync(world: &mut World, ns: &str) {
    let quotas = world.list(&RESOURCEQUOTAS, Some(ns));
    if quotas.is_empty() {
        return;
    }
    let pods = world.list(&PODS, Some(ns));
    for quota in quotas {
        let mut used = Map::new();
        for what in map(&quota, "/spec/hard").into_iter().flatten().map(|(k, _)| k) {
            used.insert(what.clone(), Value::from(quantity(what, usage(&pods, what))));
        }
        let hard = quota.pointer("/spec/hard").cloned().unwrap_or_default();
        world.edit_status(&RESOURCEQUOTAS, &Key::of(&quota), |q| {
            set(q, "/status/hard", hard);
            set(q, "/status/used", used);
        });
    }
}

/// Refuses a pod that a quota of its namespace has no room for; otherwise counts it at once, as admission does.
pub(super) fn admit(world: &mut World, pod: &Value) -> Result<(), Status> {
    let ns = text(pod, "/metadata/namespace");
    let quotas = world.store.list(&RESOURCEQUOTAS, Some(ns));
    if quotas.is_empty() || world.coarse {
        return Ok(());
    }
    let one = std::slice::from_ref(pod);
    for quota in quotas.iter().map(|o| o.value()) {
        let used = |what: &str| milli_quantity(map(&quota, "/status/used").and_then(|u| u.get(what)));
        let asked: Vec<(&String, i64, i64, i64)> = map(&quota, "/spec/hard")
            .into_iter()
            .flatten()
            .map(|(what, hard)| (what, usage(one, what), used(what), milli_quantity(Some(hard))))
            .filter(|(_, asked, _, _)| *asked > 0)
            .collect();
        let over: Vec<_> = asked
            .iter()
            .filter(|(_, asked, used, hard)| used + asked > *hard)
            .collect();
        if !over.is_empty() {
            let part = |pick: fn(&(&String, i64, i64, i64)) -> i64| -> String {
                over.iter()
                    .map(|o| format!("{}={}", o.0, quantity(o.0, pick(o))))
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let why = format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                text(&quota, "/metadata/name"),
                part(|o| o.1),
                part(|o| o.2),
                part(|o| o.3)
            );
            return Err(Status::forbidden(&PODS, text(pod, "/metadata/name"), &why));
        }
        world.edit_status(&RESOURCEQUOTAS, &Key::of(&quota), |q| {
            for (what, more, used, _) in &asked {
                set_path(q, &["status", "used", what], json!(quantity(what, used + more)));
            }
        });
    }
    Ok(())
}

/// What these pods use, in thousandths; finished ones use nothing.
fn usage(pods: &[Value], what: &str) -> i64 {
    let live = pods
        .iter()
        .filter(|p| !matches!(text(p, "/status/phase"), "Succeeded" | "Failed"));
    let (side, resource) = match what {
        "pods" | "count/pods" => return 1000 * live.count() as i64,
        "cpu" | "memory" => ("requests", what),
        _ => what.split_once('.').unwrap_or(("", "")),
    };
    let pointer = format!("/resources/{side}/{resource}");
    live.flat_map(|p| list(p, "/spec/containers"))
        .map(|c| milli_quantity(c.pointer(&pointer)))
        .sum()
}

fn quantity(what: &str, milli: i64) -> String {
    if what.ends_with("memory") {
        let bytes = milli / 1000;
        let units = [(1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
        let unit = units.into_iter().find(|(size, _)| bytes > 0 && bytes % size == 0);
        unit.map_or(bytes.to_string(), |(size, name)| format!("{}{name}", bytes / size))
    } else if milli % 1000 == 0 {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}
