//! What is related to an object of the cluster: its owner, its autoscaler, its node, the queues that it works.

use std::sync::Arc;

use super::{Jump, Related, related, to_object, to_queue};
use crate::app::{App, ItemRef};
use crate::model::{Event, Key, Kind, ObjectRef, Pod, Workload, World};
use crate::panes::PaneId;

impl App {
    pub(super) fn of_object(&self, object: &ObjectRef) -> Vec<Related> {
        let world = &self.world;
        let mut out = Vec::new();
        match object.kind {
            Kind::Event => return self.of_event(object),
            Kind::Pod => {
                if let Some(pod) = world.pod(object) {
                    self.of_pod(pod, &mut out);
                }
                out.push(related("logs", "of this pod", Jump::Logs(object.clone())));
            }
            kind if Kind::WORKLOADS.contains(&kind) => {
                if let Some(w) = world.workload(object) {
                    out.push(related("pods", "of this rollout", self.pods_of_workload(w)));
                    self.around(w, &mut out);
                }
            }
            Kind::Node => out.push(related(
                "pods",
                "on this node",
                Jump::Pods(format!("node={}", object.name)),
            )),
            Kind::Job => {
                out.push(related("logs", "of its pods", Jump::Logs(object.clone())));
                out.push(related(
                    "pods",
                    "of this job",
                    Jump::Pods(format!("owner={}", object.name)),
                ));
                let owner = world.jobs.get(&object.key()).and_then(|j| j.meta.owner.as_ref());
                if let Some(cron) = owner.and_then(|o| world.cron_jobs.get(&beside(object, &o.name))) {
                    let to = cron.meta.object(Kind::CronJob);
                    out.push(related("cronjob", to.name.to_string(), Jump::Object(to)));
                }
            }
            Kind::CronJob => {
                let of = |uid: &str| uid == &*object.uid;
                let jobs = world.jobs.values();
                let jobs = jobs.filter(|j| j.meta.owner.as_ref().is_some_and(|o| of(&o.uid)));
                out.extend(jobs.map(|j| {
                    let to = j.meta.object(Kind::Job);
                    related("job", to.name.to_string(), Jump::Object(to))
                }));
            }
            Kind::Hpa => {
                let hpa = world.hpas.get(&object.key());
                if let Some(w) = hpa.and_then(|h| scaled(world, h)) {
                    out.push(to_object("rollout", w.meta.object(w.kind)));
                }
            }
            _ => {}
        }
        out.push(related("events", "of it", Jump::Events(object.clone())));
        out
    }

    fn of_pod(&self, pod: &Pod, out: &mut Vec<Related>) {
        let world = &self.world;
        if let Some(owner) = world.top_owner(pod) {
            let role = if Kind::WORKLOADS.contains(&owner.kind) {
                "rollout"
            } else {
                owner.kind.short()
            };
            let workload = world.workload(&owner);
            out.push(to_object(role, owner));
            if let Some(w) = workload {
                self.around(w, out);
            }
        }
        if !pod.node.is_empty() {
            let node = world.nodes.get(&Key::new("", Arc::clone(&pod.node)));
            let to = node.map_or_else(
                || ObjectRef {
                    kind: Kind::Node,
                    namespace: "".into(),
                    name: Arc::clone(&pod.node),
                    uid: "".into(),
                },
                |n| n.meta.object(Kind::Node),
            );
            out.push(related("node", pod.node.to_string(), Jump::Object(to)));
        }
        for budget in world.budgets_of(pod) {
            let to = budget.meta.object(Kind::Pdb);
            out.push(related("budget", to.name.to_string(), Jump::Object(to)));
        }
    }

    /// What stands beside a workload: who scales it, which queues it works.
    fn around(&self, w: &Workload, out: &mut Vec<Related>) {
        let world = &self.world;
        if let Some(hpa) = world.hpa_of(w) {
            out.push(to_object("autoscaler", hpa.meta.object(Kind::Hpa)));
            out.extend(hpa.keda.clone().map(|keda| to_object("KEDA", keda)));
        }
        let me = w.meta.object(w.kind);
        for (source, set) in &world.sources.queues {
            for queue in &set.queues {
                let worked = world.worked_by(source, &queue.name);
                if worked.and_then(|by| by.object.as_ref()) == Some(&me) {
                    out.push(to_queue(source, &queue.name));
                }
            }
        }
    }

    fn of_event(&self, event: &ObjectRef) -> Vec<Related> {
        let Some(e) = self.world.events.get(&event.key()) else {
            return Vec::new();
        };
        if let Some(certificate) = self.certificate_of(e) {
            let name = e.about_name.to_string();
            let to = Jump::Item(PaneId::Certificates, certificate.clone());
            let mut out = vec![related("certificate", name, to)];
            out.extend(self.of_item(&certificate));
            return out;
        }
        let Some(kind) = Kind::from_api(&e.about_kind) else {
            return Vec::new();
        };
        let about = ObjectRef {
            kind,
            namespace: e.meta.namespace.clone(),
            name: e.about_name.clone(),
            uid: e.about_uid.clone(),
        };
        let mut out = vec![to_object("object", about.clone())];
        out.extend(self.of_object(&about));
        out
    }
}

impl App {
    /// The Certificate of cert-manager that an event is about, which no table of objects has.
    pub(crate) fn certificate_of(&self, event: &Event) -> Option<ItemRef> {
        if &*event.about_kind != "Certificate" {
            return None;
        }
        self.world.sources.certificates.iter().find_map(|(source, all)| {
            let mut managed = all.managed.last()?.iter();
            let found = managed.find(|c| c.id.uid == event.about_uid)?;
            Some(ItemRef::Certificate {
                source: source.clone(),
                id: found.id.clone(),
            })
        })
    }
}

fn beside(object: &ObjectRef, name: &str) -> Key {
    Key::new(Arc::clone(&object.namespace), name)
}

fn scaled<'a>(world: &'a World, hpa: &crate::model::Hpa) -> Option<&'a Arc<Workload>> {
    let table = world.workloads_of(hpa.target_kind?)?;
    table.get(&Key::new(Arc::clone(&hpa.meta.namespace), Arc::clone(&hpa.target_name)))
}
