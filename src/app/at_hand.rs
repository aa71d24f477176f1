//! Which signal the keys mean: that of what is open, of the chosen row, or of the attention strip.

use super::msg::LogTarget;
use super::{App, Focus, ItemRef, Layer, Lead, Row, Strip};
use crate::model::{Key, Kind, ObjectRef};
use crate::signal::Signal;

impl App {
    /// Whether the strip was chosen later than the row was.
    pub(super) fn strip_leads(&self) -> bool {
        let chosen = self.list(self.pane).chosen();
        self.layers.is_empty()
            && match &self.strip.lead {
                Lead::Worst => chosen.is_none(),
                Lead::Strip(pane, row) => *pane == self.pane && chosen == row.as_ref(),
                Lead::Row => false,
            }
    }

    /// Makes the signal `by` places after the one at hand the current one.
    pub(super) fn step_signal(&mut self, by: isize) {
        if let Some(at) = self.signal_at_hand().map(Signal::key) {
            self.strip.select(at);
        }
        self.strip.step(by, &self.judge);
        self.strip.lead = Lead::Strip(self.pane, self.list(self.pane).chosen().cloned());
    }

    /// The signal that the keys mean: that of the chosen row or the current one of the strip, what was chosen last.
    pub fn signal_at_hand(&self) -> Option<&Signal> {
        if self.strip_leads()
            && let Some(signal) = self.strip.current(&self.judge)
        {
            return Some(signal);
        }
        self.own_signal().or_else(|| self.strip.current(&self.judge))
    }

    /// The signal of what is open, or of the selected row.
    pub(super) fn own_signal(&self) -> Option<&Signal> {
        let object = self.opened().or_else(|| {
            self.subject()
                .filter(|_| self.focus != Focus::Strip || !self.layers.is_empty())
        });
        let of_object = object.and_then(|object| {
            let owner = (object.kind == Kind::Pod)
                .then(|| self.world.pod(&object).and_then(|p| self.world.top_owner(p)))
                .flatten();
            Strip::shown(&self.judge).find(|s| {
                s.subject
                    .object()
                    .is_some_and(|o| *o == object || Some(o) == owner.as_ref())
                    || s.related.contains(&object)
            })
        });
        of_object.or_else(|| self.signal_of_item())
    }

    /// The object whose chart or logs are on top.
    pub(super) fn opened(&self) -> Option<ObjectRef> {
        match self.layers.last()? {
            Layer::Chart(view) => match &view.of {
                ItemRef::Object(object) => Some(object.clone()),
                _ => None,
            },
            Layer::Logs(logs) => match &logs.query.target {
                LogTarget::Pod(pod) => Some(pod.clone()),
                LogTarget::Workload {
                    namespace, name, kind, ..
                } => {
                    let table = self.world.workloads_of(*kind)?;
                    let workload = table.get(&Key::new(namespace.clone(), name.clone()))?;
                    Some(workload.meta.object(*kind))
                }
                LogTarget::Labels { .. } => None,
            },
            _ => None,
        }
    }

    /// The object that a row opens: of an event what it is about, of a ReplicaSet's the Deployment.
    pub(crate) fn object_of(&self, row: &Row) -> Option<ObjectRef> {
        let Row::Event(e) = row else { return row.object() };
        let about = ObjectRef {
            kind: Kind::from_api(&e.about_kind)?,
            namespace: e.meta.namespace.clone(),
            name: e.about_name.clone(),
            uid: e.about_uid.clone(),
        };
        let set = (about.kind == Kind::ReplicaSet).then(|| self.world.replica_sets.get(&about.key()));
        let owner = set.flatten().and_then(|r| r.meta.owner.as_ref());
        let workload = owner.and_then(|o| {
            let key = Key::new(about.namespace.clone(), o.name.clone());
            self.world.deployments.get(&key)
        });
        Some(workload.map_or(about, |w| w.meta.object(Kind::Deployment)))
    }
}
