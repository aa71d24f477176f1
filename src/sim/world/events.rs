//! Events as the components of Kubernetes write them: counted up when they repeat, gone after an hour.

use super::json::{micro_stamp, secs, set, stamp, text, time};
use super::{Key, Work, World};
use crate::sim::kube::Writer;
use crate::sim::kube::resources::EVENTS;
use serde_json::{Value, json};
use std::collections::HashMap;

const LIFETIME_S: i64 = 3600;

/// Which event says the same: about this uid and field, for this reason, in these words.
type Same = (String, String, String, String);

/// Remembers which event to count up.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    known: HashMap<Same, Key>,
    written: u64,
}

/// What there is to say.
pub(super) struct Note<'a> {
    pub about: &'a Value,
    pub kind: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    pub component: &'a str,
    pub host: &'a str,
    pub field: &'a str,
}

pub(super) fn record(world: &mut World, note: &Note<'_>) {
    let uid = text(note.about, "/metadata/uid").to_owned();
    let same: Same = (
        uid.clone(),
        note.reason.to_owned(),
        note.message.to_owned(),
        note.field.to_owned(),
    );
    let now = world.now;
    let writer = Writer::new(match note.component {
        "kubelet" => "kubelet",
        "default-scheduler" => "kube-scheduler",
        _ => super::CONTROLLERS,
    });
    if let Some(key) = world.events.known.get(&same) {
        let counted = world.store.update(&EVENTS, &key.ns, &key.name, &writer, |e| {
            let n = super::json::int(e, "/count");
            set(e, "/count", n + 1);
            set(e, "/lastTimestamp", stamp(now));
        });
        if counted.is_ok() {
            return;
        }
    }
    let about = Key::of(note.about);
    let ns = if about.ns.is_empty() {
        "default".to_owned()
    } else {
        about.ns.clone()
    };
    world.events.written += 1;
    // Nanoseconds in hexadecimal, made unique.
    let stem = u64::try_from(now.as_nanosecond())
        .unwrap_or(0)
        .wrapping_add(world.events.written);
    let name = format!("{}.{stem:x}", about.name);
    let mut involved = json!({
        "kind": text(note.about, "/kind"), "name": about.name, "uid": uid,
        "apiVersion": text(note.about, "/apiVersion"),
        "resourceVersion": text(note.about, "/metadata/resourceVersion"),
    });
    if !about.ns.is_empty() {
        set(&mut involved, "/namespace", about.ns.as_str());
    }
    if !note.field.is_empty() {
        set(&mut involved, "/fieldPath", note.field);
    }
    let mut event = json!({
        "metadata": {"name": name, "namespace": ns}, "involvedObject": involved, "reason": note.reason,
        "message": note.message, "type": note.kind, "reportingComponent": note.component,
        "reportingInstance": note.host,
    });
    if note.component == "default-scheduler" {
        // The scheduler writes through events.k8s.io: a time in microseconds, no count.
        set(&mut event, "/source", json!({}));
        for absent in ["/firstTimestamp", "/lastTimestamp"] {
            set(&mut event, absent, Value::Null);
        }
        set(&mut event, "/eventTime", micro_stamp(now));
        set(
            &mut event,
            "/action",
            if note.reason == "Scheduled" {
                "Binding"
            } else {
                "Scheduling"
            },
        );
        set(&mut event, "/reportingInstance", "default-scheduler-control-1");
    } else {
        set(&mut event, "/source/component", note.component);
        if !note.host.is_empty() {
            set(&mut event, "/source/host", note.host);
        }
        set(&mut event, "/firstTimestamp", stamp(now));
        set(&mut event, "/lastTimestamp", stamp(now));
        set(&mut event, "/count", 1);
        set(&mut event, "/eventTime", Value::Null);
    }
    if world.store.create(&EVENTS, event, &writer).is_ok() {
        let key = Key { ns, name };
        if note.component != "default-scheduler" {
            world.events.known.insert(same, key.clone());
        }
        world.at(now + secs(LIFETIME_S), Work::Expire(key));
    }
}

/// Removes an event whose hour is over.
pub(super) fn expire(world: &mut World, key: &Key) {
    let Some(event) = world.get(&EVENTS, key) else { return };
    let last = time(&event, "/lastTimestamp").or_else(|| time(&event, "/metadata/creationTimestamp"));
    let over = last.map_or(world.now, |at| at + secs(LIFETIME_S));
    if over > world.now {
        world.at(over, Work::Expire(key.clone()));
        return;
    }
    world.events.known.retain(|_, k| k != key);
    world.remove(&EVENTS, key);
}
