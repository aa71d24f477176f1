//! Old ReplicaSets beyond `revisionHistoryLimit` are removed, oldest revision first.

use super::super::Key;
use super::super::json::int_or;
use super::{Sync, revision, rolling};
use crate::sim::kube::resources::REPLICASETS;
use serde_json::Value;

impl Sync<'_> {
    pub(super) fn clean_up(&mut self) {
        let keep = usize::try_from(int_or(&self.deployment, "/spec/revisionHistoryLimit", 10)).unwrap_or(10);
        let excess = self.old.len().saturating_sub(keep);
        let mut old: Vec<&Value> = self.old.iter().collect();
        old.sort_by_key(|rs| revision(rs));
        let gone: Vec<Key> = old
            .into_iter()
            .take(excess)
            .filter(|rs| rolling::is_empty(rs))
            .map(Key::of)
            .collect();
        for key in gone {
            self.old.retain(|rs| Key::of(rs) != key);
            self.world.remove(&REPLICASETS, &key);
        }
    }
}
