//! What was done to a thing, for its chart: releases, and changes on record.

use jiff::Timestamp;

use crate::app::{App, ItemRef};
use crate::journal::timeline::About;
use crate::model::{Kind, ObjectRef, Workload};

/// The last ones are named.
const MOST: usize = 12;

impl App {
    /// What happened to a thing since `from`, oldest first: when, and in a few words.
    pub fn chart_marks(&self, of: &ItemRef, from: Timestamp) -> Vec<(Timestamp, String)> {
        let mut marks = Vec::new();
        let workload = self.workload_behind(of);
        if let Some(w) = workload {
            let revisions = self.world.revisions_of(w).filter(|r| r.meta.created >= from);
            marks.extend(revisions.map(|r| {
                let image = r.images.iter().find(|c| !c.init).map_or("", |c| &c.image);
                let image = crate::panes::short_image(image);
                (r.meta.created, format!("revision {} {image}", r.number))
            }));
        }
        let named = |kind: &str, namespace: &str, name: &str| {
            let of_workload = workload
                .is_some_and(|w| w.kind.api() == kind && &*w.meta.namespace == namespace && &*w.meta.name == name);
            let of_item = match of {
                ItemRef::Object(o) => o.kind.api() == kind && &*o.namespace == namespace && &*o.name == name,
                ItemRef::Queue { queue, .. } => kind == "queue" && &**queue == name,
                _ => false,
            };
            of_workload || of_item
        };
        let server = self.place().map(|p| p.server.as_str());
        for moment in self.recorded.timeline.moments() {
            // What was not sent changed nothing.
            let sent = moment.about == About::Action && !moment.after.is_null();
            let Some(target) = moment.target.as_ref().filter(|_| sent) else {
                continue;
            };
            let here = server.is_none_or(|s| s == target.server);
            if moment.at >= from && here && named(&target.kind, &target.namespace, &target.name) {
                let words = moment.text.split(' ').next().unwrap_or_default();
                marks.push((moment.at, format!("{words} by {}", moment.by)));
            }
        }
        marks.sort_by_key(|(at, _)| *at);
        let first = marks.len().saturating_sub(MOST);
        marks.split_off(first)
    }

    fn workload_behind(&self, of: &ItemRef) -> Option<&Workload> {
        match of {
            ItemRef::Object(object) if object.kind == Kind::Pod => {
                let owner = self.world.top_owner(self.world.pod(object)?)?;
                self.workload_of(&owner)
            }
            ItemRef::Object(object) => self.workload_of(object),
            // Services are measured under the name of what serves them.
            ItemRef::Service { name, .. } => self.world.workloads().find(|w| w.meta.name == *name).map(|w| &**w),
            _ => None,
        }
    }

    fn workload_of(&self, object: &ObjectRef) -> Option<&Workload> {
        self.world.workload(object).map(|w| &**w)
    }
}
