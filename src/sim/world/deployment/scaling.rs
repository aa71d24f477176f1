//! A change of `spec.replicas`: one active ReplicaSet takes it all; several share it in proportion to their size.

use super::super::Key;
use super::super::json::{annotation, text};
use super::{MAX, Sync, available, spec_replicas};
use serde_json::Value;

impl Sync<'_> {
    pub(super) fn scale(&mut self) {
        let wanted = self.replicas();
        if let Some(only) = self.active_or_latest() {
            self.resize(&Key::of(&only), wanted); // also when only its annotations of the size are old
            return;
        }
        if self.is_saturated() {
            for rs in self.old.clone() {
                if spec_replicas(&rs) > 0 {
                    self.resize(&Key::of(&rs), 0);
                }
            }
            return;
        }
        if text(&self.deployment, "/spec/strategy/type") != "Recreate" {
            self.scale_in_proportion();
        }
    }

    /// The only ReplicaSet with pods; without any, the newest.
    fn active_or_latest(&self) -> Option<Value> {
        let active: Vec<&Value> = self.all().filter(|rs| spec_replicas(rs) > 0).collect();
        match active.as_slice() {
            [] => self.new.clone().or_else(|| self.old.last().cloned()),
            [one] => Some((*one).clone()),
            _ => None,
        }
    }

    fn is_saturated(&self) -> bool {
        let Some(new) = &self.new else { return false };
        let wanted = self.replicas();
        let sized: Option<i64> = annotation(new, super::DESIRED).parse().ok();
        spec_replicas(new) == wanted && sized == Some(wanted) && available(new) == wanted
    }

    fn scale_in_proportion(&mut self) {
        let mut sets: Vec<Value> = self.all().filter(|rs| spec_replicas(rs) > 0).cloned().collect();
        let total: i64 = sets.iter().map(spec_replicas).sum();
        let allowed = self.max_replicas();
        let to_add = allowed - total;
        // Bigger ones first; among equals the newer when growing, the older when shrinking.
        sets.sort_by(|a, b| {
            let age = || text(a, "/metadata/creationTimestamp").cmp(text(b, "/metadata/creationTimestamp"));
            let by_age = if to_add > 0 { age().reverse() } else { age() };
            spec_replicas(b).cmp(&spec_replicas(a)).then(by_age)
        });
        let mut added = 0;
        let mut sizes: Vec<(Key, i64)> = Vec::new();
        for rs in &sets {
            let share = if to_add == 0 {
                0
            } else {
                proportion(rs, self.replicas(), allowed, to_add, added)
            };
            added += share;
            sizes.push((Key::of(rs), spec_replicas(rs) + share));
        }
        if let Some(first) = sizes.first_mut() {
            first.1 = (first.1 + to_add - added).max(0);
        }
        for (key, size) in sizes {
            self.resize(&key, size);
        }
    }
}

/// The share of one ReplicaSet in a change, never past what is left of it.
fn proportion(rs: &Value, wanted: i64, allowed: i64, to_add: i64, added: i64) -> i64 {
    let size = spec_replicas(rs);
    let before: i64 = annotation(rs, MAX)
        .parse()
        .ok()
        .filter(|n| *n > 0)
        .unwrap_or(wanted.max(1));
    let fraction = (size as f64 * allowed as f64 / before as f64).round() as i64 - size;
    let left = to_add - added;
    if to_add > 0 {
        fraction.min(left)
    } else {
        fraction.max(left)
    }
}
