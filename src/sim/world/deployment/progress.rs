//! What the Deployment says of itself: counters, conditions, the progress deadline.

use super::super::Work;
use super::super::json::{flag, int, int_or, list, secs, set, stamp, text};
use super::{Sync, available, spec_replicas};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The condition of that type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == kind)
}

/// Puts a condition in, last. One with the same status and reason stays as it is; the time of the last transition
/// changes only with the status.
pub(super) fn set_condition(object: &mut Value, now: Timestamp, kind: &str, status: &str, reason: &str, message: &str) {
    let before = condition(object, kind);
    if before.is_some_and(|c| text(c, "/status") == status && text(c, "/reason") == reason) {
        return;
    }
    let since = before
        .filter(|c| text(c, "/status") == status)
        .map_or_else(|| stamp(now), |c| text(c, "/lastTransitionTime").to_owned());
    force_condition(object, kind, status, reason, message, &stamp(now), &since);
}

fn force_condition(
    object: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    updated: &str,
    since: &str,
) {
    drop_condition(object, kind);
    let mut conditions = list(object, "/status/conditions").to_vec();
    conditions.push(json!({
        "type": kind, "status": status, "lastUpdateTime": updated, "lastTransitionTime": since,
        "reason": reason, "message": message,
    }));
    set(object, "/status/conditions", conditions);
}

fn drop_condition(object: &mut Value, kind: &str) {
    let kept: Vec<Value> = list(object, "/status/conditions")
        .iter()
        .filter(|c| text(c, "/type") != kind)
        .cloned()
        .collect();
    if !kept.is_empty() || !list(object, "/status/conditions").is_empty() {
        set(object, "/status/conditions", kept);
    }
}

/// Sets a counter, or leaves it out at zero as Go does.
pub(in crate::sim::world) fn count(object: &mut Value, pointer: &str, n: i64) {
    if n == 0 {
        super::super::json::remove(object, pointer);
    } else {
        set(object, pointer, n);
    }
}

impl Sync<'_> {
    /// The counters and the Available condition, as they should be now.
    fn counted(&self) -> Value {
        let mut d = self.deployment.clone();
        let status = |field: &str| -> i64 { self.all().map(|rs| int(rs, field)).sum() };
        let wanted: i64 = self.all().map(spec_replicas).sum();
        let total_available: i64 = self.all().map(available).sum();
        set(
            &mut d,
            "/status/observedGeneration",
            int(&self.deployment, "/metadata/generation"),
        );
        count(&mut d, "/status/replicas", status("/status/replicas"));
        count(
            &mut d,
            "/status/updatedReplicas",
            self.new.as_ref().map_or(0, |rs| int(rs, "/status/replicas")),
        );
        count(&mut d, "/status/readyReplicas", status("/status/readyReplicas"));
        count(&mut d, "/status/availableReplicas", total_available);
        count(&mut d, "/status/unavailableReplicas", (wanted - total_available).max(0));
        set(
            &mut d,
            "/status/terminatingReplicas",
            status("/status/terminatingReplicas"),
        );
        let now = self.world.now;
        if total_available >= self.replicas() - self.fenceposts().1 {
            let message = "Deployment has minimum availability.";
            set_condition(&mut d, now, "Available", "True", "MinimumReplicasAvailable", message);
        } else {
            let message = "Deployment does not have minimum availability.";
            set_condition(&mut d, now, "Available", "False", "MinimumReplicasUnavailable", message);
        }
        d
    }

    /// Counters only: while paused, scaling or being deleted.
    pub(super) fn status_only(&mut self) {
        let next = self.counted();
        self.write_status(&next);
    }

    /// Counters and progress: complete, progressing, or past its deadline.
    pub(super) fn rollout_status(&mut self) {
        let mut next = self.counted();
        let now = self.world.now;
        let before = condition(&self.deployment, "Progressing").cloned();
        let name = self.new.as_ref().map_or("", |rs| text(rs, "/metadata/name")).to_owned();
        let done = int(&next, "/status/replicas") == int(&next, "/status/updatedReplicas")
            && before
                .as_ref()
                .is_some_and(|c| text(c, "/reason") == "NewReplicaSetAvailable");
        if !self.has_deadline() {
            drop_condition(&mut next, "Progressing");
        } else if !done {
            if self.complete(&next) {
                let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
                set_condition(
                    &mut next,
                    now,
                    "Progressing",
                    "True",
                    "NewReplicaSetAvailable",
                    &message,
                );
            } else if self.progressing(&next) {
                let since = before
                    .as_ref()
                    .filter(|c| text(c, "/status") == "True")
                    .map_or_else(|| stamp(now), |c| text(c, "/lastTransitionTime").to_owned());
                let message = format!("ReplicaSet \"{name}\" is progressing.");
                force_condition(
                    &mut next,
                    "Progressing",
                    "True",
                    "ReplicaSetUpdated",
                    &message,
                    &stamp(now),
                    &since,
                );
            } else if self.deadline(before.as_ref()).is_some_and(|at| at <= now) {
                let (reason, message) = (
                    "ProgressDeadlineExceeded",
                    format!("ReplicaSet \"{name}\" has timed out progressing."),
                );
                set_condition(&mut next, now, "Progressing", "False", reason, &message);
            }
        }
        self.note_failures(&mut next);
        self.write_status(&next);
        // Look again when the deadline has passed, as nothing else may happen until then.
        if let Some(at) = self
            .deadline(condition(&self.deployment, "Progressing"))
            .filter(|at| *at > now)
        {
            self.world.at(at, Work::Deployment(self.key.clone()));
        }
    }

    fn note_failures(&self, next: &mut Value) {
        let failure = self
            .new
            .iter()
            .chain(self.old.iter())
            .find_map(|rs| condition(rs, "ReplicaFailure"));
        match failure {
            Some(c) => {
                let (reason, message) = (text(c, "/reason"), text(c, "/message"));
                set_condition(next, self.world.now, "ReplicaFailure", "True", reason, message);
            }
            None => drop_condition(next, "ReplicaFailure"),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete(&self.deployment)
    }

    fn complete(&self, d: &Value) -> bool {
        let wanted = self.replicas();
        int(d, "/status/updatedReplicas") == wanted
            && int(d, "/status/replicas") == wanted
            && int(d, "/status/availableReplicas") == wanted
            && int(d, "/status/observedGeneration") >= int(d, "/metadata/generation")
    }

    fn progressing(&self, next: &Value) -> bool {
        let at = |d: &Value, field: &str| int(d, &format!("/status/{field}"));
        let old = |d: &Value| at(d, "replicas") - at(d, "updatedReplicas");
        let now = &self.deployment;
        at(next, "updatedReplicas") > at(now, "updatedReplicas")
            || old(next) < old(now)
            || at(next, "readyReplicas") > at(now, "readyReplicas")
            || at(next, "availableReplicas") > at(now, "availableReplicas")
    }

    /// When the rollout is given up on if nothing moves; `None` when it is done, was given up, or never started.
    fn deadline(&self, progressing: Option<&Value>) -> Option<Timestamp> {
        let c = progressing?;
        if !self.has_deadline()
            || matches!(
                text(c, "/reason"),
                "NewReplicaSetAvailable" | "ProgressDeadlineExceeded"
            )
        {
            return None;
        }
        let from: Timestamp = text(c, "/lastUpdateTime").parse().ok()?;
        Some(from + secs(int_or(&self.deployment, "/spec/progressDeadlineSeconds", 600)) + secs(1))
    }

    fn write_status(&mut self, next: &Value) {
        if next.get("status") != self.deployment.get("status") {
            let status = next.get("status").cloned().unwrap_or_default();
            self.edit_status(|d| set(d, "/status", status));
        }
    }

    /// Marks a pause and its end in the Progressing condition, so that the time paused does not count.
    pub(super) fn note_pause(&mut self) {
        let reason = condition(&self.deployment, "Progressing")
            .map_or("", |c| text(c, "/reason"))
            .to_owned();
        if !self.has_deadline() || reason == "ProgressDeadlineExceeded" {
            return;
        }
        let paused = flag(&self.deployment, "/spec/paused");
        let now = self.world.now;
        let (reason, message) = match (paused, reason == "DeploymentPaused") {
            (true, false) => ("DeploymentPaused", "Deployment is paused"),
            (false, true) => ("DeploymentResumed", "Deployment is resumed"),
            _ => return,
        };
        self.edit_status(|d| set_condition(d, now, "Progressing", "Unknown", reason, message));
    }
}
