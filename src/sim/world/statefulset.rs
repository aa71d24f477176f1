//! The StatefulSet controller: ordinals in order, one at a time; updates from the highest down to the partition.
//!
//! A pod that never becomes ready stops everything behind it, a corrected template too: then it has to be deleted by
//! hand. So does the real controller.

use super::deployment::count;
use super::json::{int, int_or, label, list, set, set_label, text};
use super::{Key, Work, World, pods, revisions};
use crate::sim::kube::resources::{PERSISTENTVOLUMECLAIMS, PODS, STATEFULSETS};
use serde_json::{Value, json};

const COMPONENT: &str = "statefulset-controller";
const HASH: &str = "controller-revision-hash";

struct Sync<'w> {
    world: &'w mut World,
    set: Value,
    pods: Vec<(i64, Value)>,
    current: String,
    update: String,
    update_template: Value,
    current_template: Value,
    /// One after the other (`OrderedReady`), not all at once (`Parallel`).
    ordered: bool,
}

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(set) = world.get(&STATEFULSETS, key) else {
        return;
    };
    if !text(&set, "/metadata/deletionTimestamp").is_empty() {
        return;
    }
    let Some(update) = revisions::present(world, &set, ("apps/v1", "StatefulSet"), "controller.kubernetes.io/hash")
    else {
        return;
    };
    let update_name = text(&update, "/metadata/name").to_owned();
    let history = revisions::history(world, &set);
    let current_name = text(&set, "/status/currentRevision");
    let current = history
        .iter()
        .find(|r| text(r, "/metadata/name") == current_name)
        .unwrap_or(&update);
    let mut pods: Vec<(i64, Value)> = world
        .owned(&PODS, text(&set, "/metadata/uid"))
        .into_iter()
        .filter_map(|p| Some((text(&p, "/metadata/name").rsplit_once('-')?.1.parse().ok()?, p)))
        .collect();
    pods.sort_by_key(|(i, _)| *i);
    let mut sync = Sync {
        current: text(current, "/metadata/name").to_owned(),
        current_template: revisions::template(current),
        update: update_name,
        update_template: revisions::template(&update),
        ordered: text(&set, "/spec/podManagementPolicy") != "Parallel",
        set,
        pods,
        world,
    };
    sync.advance();
    sync.status(key);
    let (set, current, update) = (sync.set, sync.current, sync.update);
    revisions::trim(world, &set, &[&current, &update]);
}

impl Sync<'_> {
    fn pod(&self, ordinal: i64) -> Option<&Value> {
        self.pods.iter().find(|(i, _)| *i == ordinal).map(|(_, p)| p)
    }

    fn partition(&self) -> i64 {
        int(&self.set, "/spec/updateStrategy/rollingUpdate/partition")
    }

    fn healthy(&mut self, pod: &Value) -> bool {
        let again = Work::StatefulSet(Key::of(&self.set));
        let min = int(&self.set, "/spec/minReadySeconds");
        !pods::is_terminating(pod) && pods::count_available(self.world, std::slice::from_ref(pod), min, &again) == 1
    }

    /// Does what may be done now.
    fn advance(&mut self) {
        let replicas = int_or(&self.set, "/spec/replicas", 1);
        for ordinal in 0..replicas {
            match self.pod(ordinal).cloned() {
                None => {
                    self.create(ordinal);
                    if self.ordered {
                        return;
                    }
                }
                Some(pod) if matches!(text(&pod, "/status/phase"), "Failed" | "Succeeded") => {
                    self.delete(&pod);
                    if self.ordered {
                        return;
                    }
                }
                Some(pod) => {
                    if self.ordered && !self.healthy(&pod) {
                        return;
                    }
                }
            }
        }
        let condemned: Vec<Value> = self
            .pods
            .iter()
            .rev()
            .filter(|(i, _)| *i >= replicas)
            .map(|(_, p)| p.clone())
            .collect();
        for pod in condemned {
            if pods::is_terminating(&pod) {
                if self.ordered {
                    return;
                }
                continue;
            }
            self.delete(&pod);
            if self.ordered {
                return;
            }
        }
        if text(&self.set, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        for ordinal in (self.partition()..replicas).rev() {
            let Some(pod) = self.pod(ordinal).cloned() else { return };
            if label(&pod, HASH) != self.update && !pods::is_terminating(&pod) {
                self.delete(&pod);
                return;
            }
            if !self.healthy(&pod) {
                return;
            }
        }
    }

    fn create(&mut self, ordinal: i64) {
        let key = Key::of(&self.set);
        let name = format!("{}-{ordinal}", key.name);
        let (revision, template) = if ordinal < self.partition() {
            (self.current.clone(), self.current_template.clone())
        } else {
            (self.update.clone(), self.update_template.clone())
        };
        let set = self.set.clone();
        let mut volumes = Vec::new();
        for claim in list(&set, "/spec/volumeClaimTemplates") {
            let volume = text(claim, "/metadata/name");
            let claim_name = format!("{volume}-{name}");
            volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim_name}}));
            self.claim(claim, &claim_name, &name);
        }
        let made = pods::create_from(self.world, &set, ("apps/v1", "StatefulSet"), &template, &name, |pod| {
            for (label, value) in [
                ("statefulset.kubernetes.io/pod-name", name.as_str()),
                ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
                (HASH, &revision),
            ] {
                set_label(pod, label, value);
            }
            let mut all = volumes;
            all.extend(list(pod, "/spec/volumes").iter().cloned());
            super::json::set(pod, "/spec/volumes", all);
            super::json::set(pod, "/spec/hostname", name.as_str());
            super::json::set(pod, "/spec/subdomain", text(&set, "/spec/serviceName"));
        });
        match made {
            Ok(_) => {
                let message = format!("create Pod {name} in StatefulSet {} successful", key.name);
                self.world
                    .event(&set, "Normal", "SuccessfulCreate", &message, COMPONENT);
            }
            Err(refusal) => {
                let message = format!(
                    "create Pod {name} in StatefulSet {} failed error: {}",
                    key.name, refusal.message
                );
                self.world.event(&set, "Warning", "FailedCreate", &message, COMPONENT);
                self.world
                    .at(self.world.now + super::json::secs(15), Work::StatefulSet(key));
            }
        }
    }

    fn claim(&mut self, template: &Value, name: &str, pod: &str) {
        let key = Key::of(&self.set);
        if self
            .world
            .get(&PERSISTENTVOLUMECLAIMS, &Key::new(&key.ns, name))
            .is_some()
        {
            return;
        }
        let mut claim = template.clone();
        set(&mut claim, "/metadata/name", name);
        set(&mut claim, "/metadata/namespace", key.ns.as_str());
        let labels = self
            .set
            .pointer("/spec/selector/matchLabels")
            .cloned()
            .unwrap_or_default();
        set(&mut claim, "/metadata/labels", labels);
        set(&mut claim, "/spec/volumeName", format!("pvc-{name}"));
        let size = template
            .pointer("/spec/resources/requests")
            .cloned()
            .unwrap_or_default();
        let modes = template.pointer("/spec/accessModes").cloned().unwrap_or_default();
        set(
            &mut claim,
            "/status",
            json!({"phase": "Bound", "accessModes": modes, "capacity": size}),
        );
        if self.world.create(&PERSISTENTVOLUMECLAIMS, claim).is_ok() {
            let message = format!("Create Claim {name} Pod {pod} in StatefulSet {} success", key.name);
            let set = self.set.clone();
            self.world
                .event(&set, "Normal", "SuccessfulCreate", &message, COMPONENT);
        }
    }

    fn delete(&mut self, pod: &Value) {
        pods::delete(self.world, pod);
        let (name, set) = (text(pod, "/metadata/name"), self.set.clone());
        let message = format!(
            "delete Pod {name} in StatefulSet {} successful",
            text(&set, "/metadata/name")
        );
        self.world
            .event(&set, "Normal", "SuccessfulDelete", &message, COMPONENT);
    }

    fn status(&mut self, key: &Key) {
        // As it was when this pass began, but for what the pass deleted: a pod on its way out still counts as ready.
        let all: Vec<Value> = self.pods.iter().map(|(_, p)| p.clone()).collect();
        let staying: Vec<Value> = self
            .world
            .owned(&PODS, text(&self.set, "/metadata/uid"))
            .into_iter()
            .filter(|p| !pods::is_terminating(p))
            .collect();
        let was = |pod: &Value| all.iter().any(|p| Key::of(p) == Key::of(pod));
        let on = |revision: &str| staying.iter().filter(|p| was(p) && label(p, HASH) == revision).count() as i64;
        let ready = all.iter().filter(|p| pods::is_ready(p)).count() as i64;
        let again = Work::StatefulSet(key.clone());
        let available = pods::count_available(self.world, &all, int(&self.set, "/spec/minReadySeconds"), &again);
        let wanted = int_or(&self.set, "/spec/replicas", 1);
        let (mut current, updated) = (on(&self.current), on(&self.update));
        let replicas = all.len() as i64;
        let rolling = text(&self.set, "/spec/updateStrategy/type") != "OnDelete" && self.partition() == 0;
        if rolling && updated == replicas && ready == replicas && replicas == wanted {
            self.current.clone_from(&self.update);
            current = updated;
        }
        let generation = int(&self.set, "/metadata/generation");
        let (current_name, update_name) = (self.current.clone(), self.update.clone());
        self.world.edit_status(&STATEFULSETS, key, |s| {
            set(s, "/status/observedGeneration", generation);
            set(s, "/status/replicas", replicas);
            count(s, "/status/readyReplicas", ready);
            count(s, "/status/currentReplicas", current);
            count(s, "/status/updatedReplicas", updated);
            set(s, "/status/availableReplicas", available);
            set(s, "/status/currentRevision", current_name.as_str());
            set(s, "/status/updateRevision", update_name.as_str());
            set(s, "/status/collisionCount", 0);
        });
    }
}
