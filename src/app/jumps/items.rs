//! What is related to the row of a source: a query's blocker, a queue's workers, a certificate's Ingress, an alert's
//! subject.

use super::{Jump, Related, related, to_object};
use crate::app::{App, ItemRef};
use crate::model::postgres::LockRow;
use crate::model::{CertificateId, Key, Kind, ObjectRef, Str};
use crate::panes::PaneId;

impl App {
    pub(super) fn of_item(&self, item: &ItemRef) -> Vec<Related> {
        let world = &self.world;
        let mut out = Vec::new();
        match item {
            ItemRef::Queue { source, queue } => {
                let worked = world.worked_by(source, queue).and_then(|by| by.object.clone());
                if let Some(w) = worked.as_ref().and_then(|o| world.workload(o)) {
                    out.push(to_object("workers", w.meta.object(w.kind)));
                    out.push(related("pods", "of its workers", self.pods_of_workload(w)));
                    let autoscaler = world.hpa_of(w);
                    out.extend(autoscaler.map(|hpa| to_object("autoscaler", hpa.meta.object(Kind::Hpa))));
                }
            }
            ItemRef::Session { source, pid, .. } => self.of_session(source, *pid, &mut out),
            ItemRef::Certificate { source, id } => self.of_certificate(source, id, &mut out),
            ItemRef::Endpoint { source, address } => self.of_endpoint(source, address, &mut out),
            ItemRef::Alert { labels, .. } => {
                let label = |key: &str| labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| v.clone());
                let namespace = label("namespace").unwrap_or_default();
                let named = [
                    ("pod", Kind::Pod),
                    ("deployment", Kind::Deployment),
                    ("statefulset", Kind::StatefulSet),
                    ("daemonset", Kind::DaemonSet),
                    ("node", Kind::Node),
                    ("job_name", Kind::Job),
                ];
                for (key, kind) in named {
                    let found = label(key).and_then(|name| self.find(kind, &namespace, &name));
                    out.extend(found.map(|to| related(kind.short(), to.key().to_string(), Jump::Object(to))));
                }
                if out.is_empty() {
                    self.named_by(labels, &mut out);
                }
            }
            ItemRef::Redis { source, .. } => self.queues_on(source, &mut out),
            ItemRef::Service { name, .. } => out = self.called(name, None),
            // An objective is called after its service: `cortex-api availability`.
            ItemRef::Slo { name, .. } => {
                out = name
                    .split_whitespace()
                    .flat_map(|word| self.called(word, None))
                    .collect();
            }
            ItemRef::Host { name, .. } => {
                let node = self.find(Kind::Node, "", name);
                out.extend(node.map(|to| related("node", name.to_string(), Jump::Object(to))));
            }
            _ => {}
        }
        out
    }

    fn of_session(&self, source: &Str, pid: i32, out: &mut Vec<Related>) {
        let locks = self.world.sources.postgres.get(source).and_then(|p| p.locks.last());
        let rows = || locks.into_iter().flat_map(|tree| tree.lines.iter().map(|l| &l.row));
        let place = |row: &LockRow| {
            Jump::Item(
                PaneId::Queries,
                ItemRef::Session {
                    source: source.clone(),
                    pid: row.pid,
                    backend_start: row.backend_start.clone(),
                },
            )
        };
        let words = |row: &LockRow| {
            let query: String = row.query.as_deref().unwrap_or("").chars().take(60).collect();
            let user = row.user.as_deref().unwrap_or("?");
            format!(
                "{} {user}  {}",
                row.pid,
                query.split_whitespace().collect::<Vec<_>>().join(" ")
            )
        };
        let own = rows().find(|r| r.pid == pid);
        for by in own.iter().flat_map(|r| &r.blocked_by) {
            let blocker = rows().find(|r| r.pid == *by);
            out.extend(blocker.map(|r| related("blocked by", words(r), place(r))));
        }
        let waiting = rows().filter(|r| r.blocked_by.contains(&pid));
        out.extend(waiting.map(|r| related("blocks", words(r), place(r))));
    }

    fn of_certificate(&self, source: &Str, id: &CertificateId, out: &mut Vec<Related>) {
        let Some(all) = self.world.sources.certificates.get(source) else {
            return;
        };
        let managed = all.managed.last().and_then(|m| m.iter().find(|c| c.id == *id));
        let Some(certificate) = managed else { return };
        let secret = format!("{}/{}", id.namespace, certificate.secret);
        for endpoint in all.served.last().into_iter().flatten().filter(|e| *e.secret == *secret) {
            if let Some(ingress) = ingress(&endpoint.from) {
                let named = Jump::Object(ingress.clone());
                if !out.iter().any(|r| r.to == named) {
                    out.push(related("ingress", ingress.key().to_string(), named));
                }
            }
            let item = ItemRef::Endpoint {
                source: source.clone(),
                address: endpoint.address.clone(),
            };
            out.push(related(
                "served at",
                endpoint.address.to_string(),
                Jump::Item(PaneId::Certificates, item),
            ));
        }
    }

    fn of_endpoint(&self, source: &Str, address: &str, out: &mut Vec<Related>) {
        let Some(all) = self.world.sources.certificates.get(source) else {
            return;
        };
        let Some(endpoint) = all
            .served
            .last()
            .and_then(|s| s.iter().find(|e| &*e.address == address))
        else {
            return;
        };
        let secret = endpoint.secret.split_once('/');
        let managed = all.managed.last().into_iter().flatten();
        for c in managed.filter(|c| secret == Some((&*c.id.namespace, &*c.secret))) {
            let item = ItemRef::Certificate {
                source: source.clone(),
                id: c.id.clone(),
            };
            out.push(related(
                "certificate",
                c.id.name.to_string(),
                Jump::Item(PaneId::Certificates, item),
            ));
        }
        if let Some(ingress) = ingress(&endpoint.from) {
            out.push(related(
                "ingress",
                ingress.key().to_string(),
                Jump::Object(ingress.clone()),
            ));
        }
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<ObjectRef> {
        let world = &self.world;
        let key = Key::new(if kind.namespaced() { namespace } else { "" }, name);
        let meta = match kind {
            Kind::Pod => &world.pods.get(&key)?.meta,
            Kind::Node => &world.nodes.get(&key)?.meta,
            Kind::Job => &world.jobs.get(&key)?.meta,
            kind => &world.workloads_of(kind)?.get(&key)?.meta,
        };
        Some(meta.object(kind))
    }
}

/// `ingress cortex/web`, as an endpoint says where it comes from.
pub(super) fn ingress(from: &str) -> Option<ObjectRef> {
    let (namespace, name) = from.strip_prefix("ingress ")?.split_once('/')?;
    Some(ObjectRef {
        kind: Kind::Ingress,
        namespace: namespace.into(),
        name: name.into(),
        uid: "".into(),
    })
}
