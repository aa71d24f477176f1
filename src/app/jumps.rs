//! What is related to what is at hand, and going there: pod → rollout → autoscaler, query → blocker, queue → workers,
//! certificate → ingress, alert → its subject.

mod served;

use std::sync::Arc;

use super::layers::{Detail, ItemView};
use super::msg::{Effect, LogQuery, LogTarget};
use super::{App, Focus, ItemRef, Layer, subjects};
use crate::model::postgres::LockRow;
use crate::model::{CertificateId, Key, Kind, ObjectRef, Pod, Workload, World};
use crate::panes::{self, PaneId, View};
use crate::signal;

/// No menu is longer.
const MOST: usize = 24;

/// Somewhere to go.
#[derive(Clone, Debug, PartialEq)]
pub enum Jump {
    /// Its row, or where no pane has it, its detail.
    Object(ObjectRef),
    /// What happened to it.
    Events(ObjectRef),
    /// The pods that a filter lets through.
    Pods(String),
    /// A row of a source.
    Item(PaneId, ItemRef),
    Logs(ObjectRef),
}

/// A place to go, with the words for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    /// What it is to where one is: `rollout`, `blocked by`.
    pub role: &'static str,
    pub name: String,
    pub to: Jump,
}

fn related(role: &'static str, name: impl Into<String>, to: Jump) -> Related {
    Related {
        role,
        name: name.into(),
        to,
    }
}

impl App {
    /// Everything related to what the keys mean now, the nearest first.
    pub fn related(&self) -> Vec<Related> {
        let mut out = match (self.item_at_hand(), self.subject()) {
            (Some(ItemRef::Object(_)) | None, Some(object)) => self.of_object(&object),
            (Some(item), _) => self.of_item(item),
            (None, None) => self.of_strip(),
        };
        out.truncate(MOST);
        out
    }

    fn of_strip(&self) -> Vec<Related> {
        let Some(signal) = self.strip.current(&self.judge).filter(|_| self.focus == Focus::Strip) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        if let signal::Subject::Named { kind, namespace, name } = &signal.subject
            && let Some((pane, item)) = crate::runbook::facts::About::named(&self.world, kind, namespace, name)
                .and_then(|about| subjects::item(&self.world, &about))
        {
            out.push(related("subject", name.to_string(), Jump::Item(pane, item)));
        }
        let others = signal.related.iter();
        out.extend(others.map(|o| related(o.kind.short(), o.key().to_string(), Jump::Object(o.clone()))));
        out
    }

    fn of_object(&self, object: &ObjectRef) -> Vec<Related> {
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
                    let to = w.meta.object(w.kind);
                    out.push(related("rollout", to.slash(), Jump::Object(to)));
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
            out.push(related(role, owner.slash(), Jump::Object(owner.clone())));
            if let Some(w) = world.workload(&owner) {
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
            let to = hpa.meta.object(Kind::Hpa);
            out.push(related("autoscaler", to.slash(), Jump::Object(to)));
            if let Some(keda) = &hpa.keda {
                out.push(related("KEDA", keda.slash(), Jump::Object(keda.clone())));
            }
        }
        let me = w.meta.object(w.kind);
        for (source, set) in &world.sources.queues {
            for queue in &set.queues {
                let worked = world.worked_by(source, &queue.name);
                if worked.and_then(|by| by.object.as_ref()) == Some(&me) {
                    let item = ItemRef::Queue {
                        source: source.clone(),
                        queue: queue.name.clone(),
                    };
                    out.push(related(
                        "queue",
                        queue.name.to_string(),
                        Jump::Item(PaneId::Queues, item),
                    ));
                }
            }
        }
    }

    fn of_event(&self, event: &ObjectRef) -> Vec<Related> {
        let Some(e) = self.world.events.get(&event.key()) else {
            return Vec::new();
        };
        let Some(kind) = Kind::from_api(&e.about_kind) else {
            return Vec::new();
        };
        let about = ObjectRef {
            kind,
            namespace: e.meta.namespace.clone(),
            name: e.about_name.clone(),
            uid: e.about_uid.clone(),
        };
        let mut out = vec![related("object", about.slash(), Jump::Object(about.clone()))];
        out.extend(self.of_object(&about));
        out
    }

    fn of_item(&self, item: &ItemRef) -> Vec<Related> {
        let world = &self.world;
        let mut out = Vec::new();
        match item {
            ItemRef::Queue { source, queue } => {
                let worked = world.worked_by(source, queue).and_then(|by| by.object.clone());
                if let Some(w) = worked.as_ref().and_then(|o| world.workload(o)) {
                    let to = w.meta.object(w.kind);
                    out.push(related("workers", to.slash(), Jump::Object(to)));
                    out.push(related("pods", "of its workers", self.pods_of_workload(w)));
                    if let Some(hpa) = world.hpa_of(w) {
                        let to = hpa.meta.object(Kind::Hpa);
                        out.push(related("autoscaler", to.slash(), Jump::Object(to)));
                    }
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
            _ => {}
        }
        out
    }

    fn of_session(&self, source: &crate::model::Str, pid: i32, out: &mut Vec<Related>) {
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

    fn of_certificate(&self, source: &crate::model::Str, id: &CertificateId, out: &mut Vec<Related>) {
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
                    self.behind(&ingress, out);
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

    fn of_endpoint(&self, source: &crate::model::Str, address: &str, out: &mut Vec<Related>) {
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
            self.behind(&ingress, out);
        }
    }

    /// The workload behind an Ingress, as far as their names say: Ingresses are not watched.
    fn behind(&self, ingress: &ObjectRef, out: &mut Vec<Related>) {
        let stem = ingress.name.trim_end_matches("-ingress");
        if let Some(w) = self.find(Kind::Deployment, &ingress.namespace, stem) {
            out.push(related("behind it, by its name", w.slash(), Jump::Object(w)));
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

    /// Goes there; one can come back.
    pub(crate) fn jump(&mut self, to: Jump) -> Vec<Effect> {
        self.leave_a_trail();
        match to {
            Jump::Object(object) => self.show_object(&object),
            Jump::Events(object) => {
                self.layers.push(Layer::Detail(Detail::new(object, true)));
                Vec::new()
            }
            Jump::Pods(filter) => {
                let effects = self.pop_layers();
                self.go_to_pane(PaneId::Pods, 0);
                let list = self.list_mut();
                list.filter = filter;
                list.wrong_only = false;
                list.release();
                self.refresh_pane();
                effects
            }
            Jump::Item(pane, item) => self.show_item(pane, item),
            Jump::Logs(object) => {
                let target = match object.kind {
                    Kind::Pod => LogTarget::Pod(object.clone()),
                    _ => LogTarget::Labels {
                        namespace: object.namespace.clone(),
                        // The label that every server writes; `batch.kubernetes.io/job-name` came with 1.27.
                        selector: format!("job-name={}", object.name),
                    },
                };
                let query = LogQuery {
                    target,
                    container: None,
                    previous: false,
                    tail: 200,
                };
                super::commands::open_logs(self, object.to_string(), query)
            }
        }
    }

    /// Goes to the object: selects it in its pane, or opens its detail where no pane has it.
    pub(crate) fn show_object(&mut self, object: &ObjectRef) -> Vec<Effect> {
        let (pane, view) = match object.kind {
            Kind::Pod => (PaneId::Pods, 0),
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => (PaneId::Rollouts, 0),
            _ => {
                self.layers.push(Layer::Detail(Detail::new(object.clone(), false)));
                return Vec::new();
            }
        };
        let effects = self.pop_layers();
        self.go_to_pane(pane, view);
        let now = self.now;
        if !self.list_mut().select(&object.uid, now) {
            self.show_everything();
            self.list_mut().select(&object.uid, now);
        }
        effects
    }

    /// Goes to the row of a source's thing; opens it where no table has it.
    fn show_item(&mut self, pane: PaneId, item: ItemRef) -> Vec<Effect> {
        let here = panes::pane(pane);
        let uid_in = |app: &Self, view: Option<&View>| {
            let rows = view.map_or_else(|| (here.rows)(app), |v| (v.rows)(app));
            let found = rows
                .iter()
                .find(|r| r.item().is_some_and(|i| same_thing(&i.what, &item)));
            found.map(|r| r.uid().clone())
        };
        let now_shown = self.views.get(pane.index()).copied().unwrap_or(0);
        let mut views: Vec<usize> = (0..here.views.len().max(1)).collect();
        views.sort_by_key(|v| *v != now_shown);
        let found = views
            .into_iter()
            .find_map(|v| Some((v, uid_in(self, here.views.get(v))?)));
        let effects = self.pop_layers();
        let Some((view, uid)) = found else {
            self.pane = pane;
            self.layers.push(Layer::Item(ItemView::new(pane, item)));
            return effects;
        };
        self.go_to_pane(pane, view);
        let now = self.now;
        if !self.list_mut().select(&uid, now) {
            self.show_everything();
            self.list_mut().select(&uid, now);
        }
        effects
    }

    fn show_everything(&mut self) {
        let list = self.list_mut();
        list.filter.clear();
        list.wrong_only = false;
        list.release();
        self.refresh_pane();
    }
}

/// A session that one table knows by its start and another does not is the same while its pid is.
fn same_thing(one: &ItemRef, other: &ItemRef) -> bool {
    let session = |item: &ItemRef| match item {
        ItemRef::Session { source, pid, .. } => Some((source.clone(), *pid)),
        _ => None,
    };
    one == other || session(one).is_some_and(|known| session(other) == Some(known))
}

fn beside(object: &ObjectRef, name: &str) -> Key {
    Key::new(Arc::clone(&object.namespace), name)
}

fn scaled<'a>(world: &'a World, hpa: &crate::model::Hpa) -> Option<&'a Arc<Workload>> {
    let table = world.workloads_of(hpa.target_kind?)?;
    table.get(&Key::new(Arc::clone(&hpa.meta.namespace), Arc::clone(&hpa.target_name)))
}

/// `ingress cortex/web`, as an endpoint says where it comes from.
fn ingress(from: &str) -> Option<ObjectRef> {
    let (namespace, name) = from.strip_prefix("ingress ")?.split_once('/')?;
    Some(ObjectRef {
        kind: Kind::Ingress,
        namespace: namespace.into(),
        name: name.into(),
        uid: "".into(),
    })
}
