//! From the old template to the new: RollingUpdate within its fence posts, and Recreate.

use super::super::Key;
use super::super::json::{int, text};
use super::{Sync, available, spec_replicas};
use crate::sim::kube::resources::PODS;
use serde_json::Value;

/// How many pods the new ReplicaSet may have, given how many the old ones ask for.
pub(super) fn new_replicas(sync: &Sync<'_>, current: i64, old: i64) -> i64 {
    let wanted = sync.replicas();
    if text(&sync.deployment, "/spec/strategy/type") == "Recreate" {
        return wanted;
    }
    let room = wanted + sync.fenceposts().0 - (old + current);
    if room <= 0 {
        current
    } else {
        current + room.min(wanted - current)
    }
}

impl Sync<'_> {
    pub(super) fn roll(&mut self) {
        self.ensure_new();
        if self.scale_new() {
            self.refresh_sets();
            self.rollout_status();
            return;
        }
        if self.scale_old() {
            self.rollout_status();
            return;
        }
        self.finish();
    }

    pub(super) fn recreate(&mut self) {
        self.adopt_revision();
        let old: Vec<Key> = self
            .old
            .iter()
            .filter(|rs| spec_replicas(rs) > 0)
            .map(Key::of)
            .collect();
        if !old.is_empty() {
            for key in old {
                self.resize(&key, 0);
            }
            self.rollout_status();
            return;
        }
        // The new pods wait for the last of the old, the terminating ones too.
        let running = self.old.iter().any(|rs| {
            self.world
                .owned(&PODS, text(rs, "/metadata/uid"))
                .iter()
                .any(|p| !matches!(text(p, "/status/phase"), "Failed" | "Succeeded"))
        });
        if running {
            self.rollout_status();
            return;
        }
        self.ensure_new();
        self.scale_new();
        self.finish();
    }

    fn finish(&mut self) {
        if self.is_complete() {
            self.clean_up();
        }
        self.rollout_status();
    }

    fn ensure_new(&mut self) {
        if self.new.is_some() {
            self.adopt_revision();
        } else {
            self.create_new();
        }
    }

    /// After a resize the counters are those of before it; the next change of the ReplicaSet brings the rest.
    fn refresh_sets(&mut self) {
        self.reload();
    }

    fn scale_new(&mut self) -> bool {
        let Some(new) = &self.new else { return false };
        let (key, current) = (Key::of(new), spec_replicas(new));
        let wanted = self.replicas();
        if current == wanted {
            return false;
        }
        let to = if current > wanted {
            wanted
        } else {
            new_replicas(self, current, self.old.iter().map(spec_replicas).sum())
        };
        to != current && self.resize(&key, to)
    }

    fn scale_old(&mut self) -> bool {
        let pods: i64 = self.old.iter().map(spec_replicas).sum();
        if pods == 0 {
            return false;
        }
        let Some(new) = &self.new else { return false };
        let min_available = self.replicas() - self.fenceposts().1;
        let new_unavailable = spec_replicas(new) - available(new);
        let budget = pods + spec_replicas(new) - min_available - new_unavailable;
        if budget <= 0 {
            return false;
        }
        let unhealthy = self.drop_unhealthy(budget);
        let healthy = self.drop_available(min_available);
        unhealthy + healthy > 0
    }

    /// Old pods that are not available go first: they cost nothing.
    fn drop_unhealthy(&mut self, budget: i64) -> i64 {
        let mut dropped = 0;
        for rs in self.old.clone() {
            let (size, up) = (spec_replicas(&rs), available(&rs));
            if dropped >= budget || size == 0 || size <= up {
                continue;
            }
            let n = (budget - dropped).min(size - up);
            self.resize(&Key::of(&rs), size - n);
            dropped += n;
        }
        dropped
    }

    fn drop_available(&mut self, min_available: i64) -> i64 {
        let up: i64 = self.all().map(available).sum();
        let may = up - min_available;
        let mut dropped = 0;
        for rs in self.old.clone() {
            let size = spec_replicas(&rs);
            if dropped >= may || size == 0 {
                continue;
            }
            let n = size.min(may - dropped);
            self.resize(&Key::of(&rs), size - n);
            dropped += n;
        }
        dropped
    }
}

/// Finished shrinking: nothing asked for, nothing left, and its controller has seen so.
pub(super) fn is_empty(rs: &Value) -> bool {
    spec_replicas(rs) == 0
        && int(rs, "/status/replicas") == 0
        && int(rs, "/metadata/generation") <= int(rs, "/status/observedGeneration")
        && text(rs, "/metadata/deletionTimestamp").is_empty()
}
