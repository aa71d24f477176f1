//! The Deployment controller: ReplicaSets by template, revisions, rolling update, proportional scaling, progress.
//!
//! The order of the steps, and of the writes, is that of `pkg/controller/deployment`, because what an operator sees
//! while a rollout goes on is that order.

mod history;
mod progress;
mod rolling;
mod scaling;

use super::json::{annotation, flag, int, int_or, int_or_percent, list, set_annotation, set_label, text};
use super::{Key, World, json::name_hash, json::remove, json::set};
use crate::sim::kube::resources::{DEPLOYMENTS, REPLICASETS};
use serde_json::{Value, json};

pub(super) use progress::count;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
const COMPONENT: &str = "deployment-controller";
const HASH: &str = "pod-template-hash";

/// Annotations that a Deployment and its ReplicaSets do not share.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// One Deployment and its ReplicaSets, as one pass of the controller sees them.
struct Sync<'w> {
    world: &'w mut World,
    key: Key,
    deployment: Value,
    new: Option<Value>,
    old: Vec<Value>,
}

/// Brings one Deployment a step nearer to what it asks for.
pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(deployment) = world.get(&DEPLOYMENTS, key) else {
        return;
    };
    let mut sync = Sync {
        world,
        key: key.clone(),
        deployment,
        new: None,
        old: Vec::new(),
    };
    sync.load();
    if !text(&sync.deployment, "/metadata/deletionTimestamp").is_empty() {
        sync.status_only();
        return;
    }
    sync.note_pause();
    if flag(&sync.deployment, "/spec/paused") || sync.is_scaling() {
        sync.adopt_revision();
        sync.scale();
        if flag(&sync.deployment, "/spec/paused") {
            sync.clean_up();
        }
        sync.status_only();
    } else if text(&sync.deployment, "/spec/strategy/type") == "Recreate" {
        sync.recreate();
    } else {
        sync.roll();
    }
}

impl Sync<'_> {
    /// Reads the ReplicaSets and tells the one of the present template from the others.
    fn load(&mut self) {
        let mut all = self.world.owned(&REPLICASETS, text(&self.deployment, "/metadata/uid"));
        all.sort_by_key(|rs| (text(rs, "/metadata/creationTimestamp").to_owned(), Key::of(rs)));
        let template = self.deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let at = all.iter().position(|rs| same_template(rs, &template));
        self.new = at.map(|i| all.remove(i));
        self.old = all;
    }

    fn reload(&mut self) {
        if let Some(fresh) = self.world.get(&DEPLOYMENTS, &self.key) {
            self.deployment = fresh;
        }
        self.load();
    }

    fn replicas(&self) -> i64 {
        int_or(&self.deployment, "/spec/replicas", 1)
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.old.iter().chain(self.new.iter())
    }

    /// `maxSurge` and `maxUnavailable` as numbers: surge rounds up, unavailable down, both zero is one unavailable.
    fn fenceposts(&self) -> (i64, i64) {
        if text(&self.deployment, "/spec/strategy/type") == "Recreate" {
            return (0, 0);
        }
        let rolling = |field: &str| {
            self.deployment
                .pointer(&format!("/spec/strategy/rollingUpdate/{field}"))
        };
        let quarter = json!("25%");
        let surge = int_or_percent(rolling("maxSurge").or(Some(&quarter)), self.replicas(), true).unwrap_or(0);
        let unavailable =
            int_or_percent(rolling("maxUnavailable").or(Some(&quarter)), self.replicas(), false).unwrap_or(0);
        if surge == 0 && unavailable == 0 {
            (0, 1)
        } else {
            (surge, unavailable.min(self.replicas()))
        }
    }

    fn max_replicas(&self) -> i64 {
        if self.replicas() == 0 {
            0
        } else {
            self.replicas() + self.fenceposts().0
        }
    }

    /// Some ReplicaSet with pods was last sized for another number of replicas.
    fn is_scaling(&self) -> bool {
        let replicas = self.replicas();
        self.all()
            .filter(|rs| spec_replicas(rs) > 0)
            .filter_map(|rs| annotation(rs, DESIRED).parse::<i64>().ok())
            .any(|desired| desired != replicas)
    }

    /// Gives the ReplicaSet of the present template its revision, and the Deployment too, without making one.
    fn adopt_revision(&mut self) {
        let Some(new) = self.new.clone() else { return };
        let highest = self.old.iter().map(revision).max().unwrap_or(0);
        let next = (highest + 1).to_string();
        let deployment = self.deployment.clone();
        let (desired, max) = (self.replicas(), self.max_replicas());
        let edited = self.world.edit(&REPLICASETS, &Key::of(&new), |rs| {
            copy_annotations(&deployment, rs);
            let before = annotation(rs, REVISION).to_owned();
            if before.parse::<i64>().unwrap_or(0) < highest + 1 {
                set_annotation(rs, REVISION, &next);
                if !before.is_empty() {
                    let history = annotation(rs, REVISION_HISTORY).to_owned();
                    let joined = if history.is_empty() {
                        before
                    } else {
                        format!("{history},{before}")
                    };
                    set_annotation(rs, REVISION_HISTORY, &joined);
                }
            }
            if annotation(rs, DESIRED).is_empty() {
                set_annotation(rs, DESIRED, &desired.to_string());
                set_annotation(rs, MAX, &max.to_string());
            }
        });
        if let Some(edited) = edited {
            self.new = Some(edited);
        }
        let revision = self
            .new
            .as_ref()
            .map(|rs| annotation(rs, REVISION).to_owned())
            .unwrap_or_default();
        let name = Key::of(&new).name;
        let need_condition = self.has_deadline() && progress::condition(&self.deployment, "Progressing").is_none();
        if annotation(&self.deployment, REVISION) != revision || need_condition {
            let now = self.world.now;
            self.edit_status(|d| {
                set_annotation(d, REVISION, &revision);
                if need_condition {
                    let message = format!("Found new replica set \"{name}\"");
                    progress::set_condition(d, now, "Progressing", "True", "FoundNewReplicaSet", &message);
                }
            });
        }
    }

    /// Makes the ReplicaSet of the present template.
    fn create_new(&mut self) {
        let d = &self.deployment;
        let mut template = d.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = name_hash(&template);
        set_label(&mut template, HASH, &hash);
        let mut selector = d.pointer("/spec/selector").cloned().unwrap_or_default();
        set(&mut selector, "/matchLabels/pod-template-hash", hash.as_str());
        let name = format!("{}-{hash}", self.key.name);
        let next = (self.old.iter().map(revision).max().unwrap_or(0) + 1).to_string();
        let count = rolling::new_replicas(self, 0, self.old.iter().map(spec_replicas).sum());
        let mut rs = json!({
            "metadata": {
                "name": name, "namespace": self.key.ns,
                "labels": template.pointer("/metadata/labels"),
                "ownerReferences": [owner_reference("apps/v1", "Deployment", d)],
            },
            "spec": {"replicas": count, "selector": selector, "template": template},
            "status": {"replicas": 0},
        });
        let ready = int(d, "/spec/minReadySeconds");
        if ready > 0 {
            set(&mut rs, "/spec/minReadySeconds", ready);
        }
        copy_annotations(d, &mut rs);
        set_annotation(&mut rs, REVISION, &next);
        set_annotation(&mut rs, DESIRED, &self.replicas().to_string());
        set_annotation(&mut rs, MAX, &self.max_replicas().to_string());
        let made = self.world.create(&REPLICASETS, rs);
        let now = self.world.now;
        match made {
            Ok(made) => {
                if count > 0 {
                    let message = format!("Scaled up replica set {name} from 0 to {count}");
                    self.event("Normal", "ScalingReplicaSet", &message);
                }
                self.new = Some(made);
                let deadline = self.has_deadline();
                self.edit_status(|d| {
                    set_annotation(d, REVISION, &next);
                    if deadline {
                        let message = format!("Created new replica set \"{name}\"");
                        progress::set_condition(d, now, "Progressing", "True", "NewReplicaSetCreated", &message);
                    }
                });
            }
            Err(refusal) => {
                let message = format!("Failed to create new replica set \"{name}\": {}", refusal.message);
                self.event("Warning", "ReplicaSetCreateError", &message);
            }
        }
    }

    fn event(&mut self, kind: &str, reason: &str, message: &str) {
        self.world.event(&self.deployment, kind, reason, message, COMPONENT);
    }

    fn edit_status(&mut self, change: impl FnOnce(&mut Value)) {
        if let Some(new) = self.world.edit_status(&DEPLOYMENTS, &self.key, change) {
            self.deployment = new;
        }
    }

    fn has_deadline(&self) -> bool {
        let seconds = int_or(&self.deployment, "/spec/progressDeadlineSeconds", 600);
        seconds != i64::from(i32::MAX)
    }

    /// Sets the size of a ReplicaSet and says so. Returns true when it changed.
    fn resize(&mut self, key: &Key, to: i64) -> bool {
        let (desired, max) = (self.replicas().to_string(), self.max_replicas().to_string());
        let mut from = to;
        let edited = self.world.edit(&REPLICASETS, key, |rs| {
            from = spec_replicas(rs);
            set(rs, "/spec/replicas", to);
            set_annotation(rs, DESIRED, &desired);
            set_annotation(rs, MAX, &max);
        });
        if let Some(edited) = edited {
            for slot in self.old.iter_mut().chain(self.new.iter_mut()) {
                if Key::of(slot) == *key {
                    *slot = edited.clone();
                }
            }
        }
        if from != to {
            let way = if to > from { "up" } else { "down" };
            let message = format!("Scaled {way} replica set {} from {from} to {to}", key.name);
            self.event("Normal", "ScalingReplicaSet", &message);
        }
        from != to
    }
}

fn spec_replicas(rs: &Value) -> i64 {
    int(rs, "/spec/replicas")
}

fn available(rs: &Value) -> i64 {
    int(rs, "/status/availableReplicas")
}

fn revision(rs: &Value) -> i64 {
    annotation(rs, REVISION).parse().unwrap_or(0)
}

/// Equal but for the hash label that the controller puts in.
fn same_template(rs: &Value, template: &Value) -> bool {
    let mut of = rs.pointer("/spec/template").cloned().unwrap_or_default();
    remove(&mut of, "/metadata/labels/pod-template-hash");
    let mut template = template.clone();
    remove(&mut template, "/metadata/labels/pod-template-hash");
    for t in [&mut of, &mut template] {
        remove(t, "/metadata/creationTimestamp");
    }
    of == template
}

fn copy_annotations(from: &Value, to: &mut Value) {
    let annotations = super::json::map(from, "/metadata/annotations");
    for (key, value) in annotations.into_iter().flatten() {
        if !NOT_COPIED.contains(&key.as_str()) {
            set_annotation(to, key, value.as_str().unwrap_or(""));
        }
    }
}

/// The owner reference of a controller.
pub(super) fn owner_reference(api_version: &str, kind: &str, owner: &Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": text(owner, "/metadata/name"),
        "uid": text(owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
    })
}

/// Name and uid of the controlling owner, if it is of that kind.
pub(super) fn controller_of(object: &Value) -> Option<(&str, &str)> {
    let owner = list(object, "/metadata/ownerReferences")
        .iter()
        .find(|o| flag(o, "/controller"))?;
    Some((text(owner, "/kind"), text(owner, "/name")))
}
