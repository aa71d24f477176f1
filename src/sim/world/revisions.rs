//! ControllerRevisions: the history of StatefulSets and DaemonSets.

use super::deployment::owner_reference;
use super::json::{int, int_or, map, name_hash, set, set_path, text};
use super::{Key, World};
use crate::sim::kube::Resource;
use crate::sim::kube::resources::CONTROLLERREVISIONS;
use serde_json::{Value, json};

/// The revision of the owner's present template: found and moved to the top, or made. `hash_label` is the key under
/// which this kind of owner writes the hash.
pub(super) fn present(world: &mut World, owner: &Value, api: (&str, &str), hash_label: &str) -> Option<Value> {
    let data = data(owner);
    let mut known = history(world, owner);
    let newest = known.last().map_or(0, |r| int(r, "/revision"));
    if let Some(at) = known.iter().position(|r| r.get("data") == Some(&data)) {
        let same = known.remove(at);
        if int(&same, "/revision") == newest {
            return Some(same);
        }
        return world.edit(&CONTROLLERREVISIONS, &Key::of(&same), |r| {
            set(r, "/revision", newest + 1);
        });
    }
    let of = Key::of(owner);
    let hash = name_hash(&data);
    let mut revision = json!({
        "metadata": {
            "name": format!("{}-{hash}", of.name), "namespace": of.ns,
            "labels": owner.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({})),
            "ownerReferences": [owner_reference(api.0, api.1, owner)],
        },
        "data": data, "revision": newest + 1,
    });
    set_path(&mut revision, &["metadata", "labels", hash_label], json!(hash));
    for (key, value) in map(owner, "/metadata/annotations").into_iter().flatten() {
        if key != "kubectl.kubernetes.io/last-applied-configuration" {
            set_path(&mut revision, &["metadata", "annotations", key], value.clone());
        }
    }
    world.create(&CONTROLLERREVISIONS, revision).ok()
}

/// All revisions of an owner, oldest first.
pub(super) fn history(world: &World, owner: &Value) -> Vec<Value> {
    let mut all = world.owned(&CONTROLLERREVISIONS, text(owner, "/metadata/uid"));
    all.sort_by_key(|r| (int(r, "/revision"), text(r, "/metadata/name").to_owned()));
    all
}

/// Removes the oldest revisions beyond the limit that no pod runs.
pub(super) fn trim(world: &mut World, owner: &Value, live: &[&str]) {
    let keep = usize::try_from(int_or(owner, "/spec/revisionHistoryLimit", 10)).unwrap_or(10);
    let idle: Vec<Key> = history(world, owner)
        .iter()
        .filter(|r| !live.contains(&text(r, "/metadata/name")))
        .map(Key::of)
        .collect();
    for key in idle.iter().take(idle.len().saturating_sub(keep)) {
        world.remove(&CONTROLLERREVISIONS, key);
    }
}

/// Makes a pod template of a revision's data.
pub(super) fn template(revision: &Value) -> Value {
    let mut template = revision.pointer("/data/spec/template").cloned().unwrap_or_default();
    super::json::remove(&mut template, "/$patch");
    template
}

fn data(owner: &Value) -> Value {
    let mut template = owner.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    set(&mut template, "/$patch", "replace");
    json!({"spec": {"template": template}})
}

/// Marks the generation of the template on a DaemonSet, as the API server does for old clients.
pub(super) fn mark_generation(world: &mut World, r: &'static Resource, owner: &mut Value) {
    const MARK: &str = "deprecated.daemonset.template.generation";
    let generation = int(owner, "/metadata/generation").to_string();
    if super::json::annotation(owner, MARK) == generation {
        return;
    }
    let key = Key::of(owner);
    if let Some(new) = world.edit(r, &key, |d| super::json::set_annotation(d, MARK, &generation)) {
        *owner = new;
    }
}
