//! What goes when something else is gone: dependents of a removed owner, and everything in a removed namespace.

use super::json::text;
use super::{Key, World, pods};
use crate::sim::kube::RESOURCES;
use crate::sim::kube::resources::{CONFIGMAPS, NAMESPACES, PODS, SERVICEACCOUNTS};
use serde_json::json;

/// Removes what an owner that is gone owned.
pub(super) fn collect(world: &mut World, uid: &str) {
    for r in RESOURCES {
        for object in world.store.by_owner(r, uid) {
            if r.key == PODS.key {
                pods::delete(world, &object.value());
            } else {
                world.remove(r, &Key::of_object(&object));
            }
        }
    }
}

/// Furnishes a new namespace; empties and removes one whose deletion was asked for.
pub(super) fn end_namespace(world: &mut World, key: &Key) {
    let namespace = world.get(&NAMESPACES, key);
    if namespace
        .as_ref()
        .is_some_and(|n| text(n, "/metadata/deletionTimestamp").is_empty())
    {
        for (r, name) in [(&SERVICEACCOUNTS, "default"), (&CONFIGMAPS, "kube-root-ca.crt")] {
            if world.store.get(r, &key.name, name).is_none() {
                let _ = world.create(r, json!({"metadata": {"name": name, "namespace": key.name}}));
            }
        }
        return;
    }
    for r in RESOURCES.iter().filter(|r| r.namespaced) {
        for object in world.store.list(r, Some(&key.name)) {
            world.remove(r, &Key::of_object(&object));
        }
    }
    if namespace.is_some() {
        world.remove(&NAMESPACES, key);
    }
}
