//! What rows and signals are to a runbook: which thing they are about, which book answers, and what shows it.

use std::sync::Arc;

use super::{App, Focus, ItemRef, Layer, Row, Strip, Wanted};
use crate::model::{CertificateId, Kind, ObjectRef, SourceKind, Workload, World};
use crate::panes::PaneId;
use crate::runbook::facts::{About, Subject};
use crate::signal::{self, Signal};

/// The thing that a row of a source stands for; `None` for a line that is only read.
pub(super) fn about(item: &ItemRef) -> Option<About> {
    Some(match item.clone() {
        ItemRef::Queue { source, queue } => About::Queue { source, queue },
        ItemRef::Redis { source, node } => About::Redis {
            source,
            node: Some(node),
        },
        ItemRef::Session {
            source,
            pid,
            backend_start,
        } => About::Session {
            source,
            pid,
            backend_start,
        },
        ItemRef::Statement { source, id } => About::Statement {
            source,
            query_id: id.query_id,
        },
        ItemRef::Table { source, schema, name } => About::Table { source, schema, name },
        ItemRef::Index { source, .. } => About::Postgres { source },
        ItemRef::Certificate { source, id } => About::Certificate {
            source,
            namespace: id.namespace,
            name: id.name,
        },
        ItemRef::Endpoint { source, address } => About::Endpoint { source, address },
        ItemRef::Alert { source, labels } => About::Alert {
            source,
            name: labels.iter().find(|(key, _)| &**key == "alertname")?.1.clone(),
        },
        ItemRef::HttpCheck { name } => About::Http { name },
        ItemRef::Object(object) if object.kind == Kind::Node => About::Node(object),
        ItemRef::Object(object) => About::Job(object),
        // An objective is of a service, and its signal is answered as that service's.
        ItemRef::Slo { source, name } | ItemRef::Service { source, name } => About::Service { source, name },
        ItemRef::Host { .. } | ItemRef::Line => return None,
    })
}

/// Where a thing is shown in full.
pub(super) fn item(world: &World, about: &About) -> Option<(PaneId, ItemRef)> {
    let all = &world.sources;
    Some(match about.clone() {
        About::Queue { source, queue } => (PaneId::Queues, ItemRef::Queue { source, queue }),
        About::Session {
            source,
            pid,
            backend_start,
        } => (
            PaneId::Queries,
            ItemRef::Session {
                source,
                pid,
                backend_start,
            },
        ),
        About::Table { source, schema, name } => (PaneId::Queries, ItemRef::Table { source, schema, name }),
        About::Statement { source, query_id } => {
            let seen = all.postgres.get(&source)?.statements.last()?;
            let id = seen.rows.iter().find(|s| s.id.query_id == query_id)?.id.clone();
            (PaneId::Queries, ItemRef::Statement { source, id })
        }
        About::Redis { source, node } => {
            let first = || Some(all.redis.get(&source)?.nodes.first()?.address.clone());
            let node = node.or_else(first)?;
            (PaneId::Redis, ItemRef::Redis { source, node })
        }
        About::Certificate {
            source,
            namespace,
            name,
        } => {
            let managed = all.certificates.get(&source)?.managed.last()?;
            let mut managed = managed.iter().map(|c| &c.id);
            let id: CertificateId = managed.find(|id| id.namespace == namespace && id.name == name)?.clone();
            (PaneId::Certificates, ItemRef::Certificate { source, id })
        }
        About::Endpoint { source, address } => (PaneId::Certificates, ItemRef::Endpoint { source, address }),
        About::Alert { source, name } => {
            let alerts = all.prometheus.get(&source)?.alerts.last()?;
            let labels = Arc::clone(&alerts.iter().find(|a| a.name == name)?.labels);
            (PaneId::Alerts, ItemRef::Alert { source, labels })
        }
        About::Http { name } => (PaneId::Alerts, ItemRef::HttpCheck { name }),
        About::Postgres { .. } | About::Service { .. } | About::Node(_) | About::Job(_) => return None,
    })
}

/// What a run's panel wants to be looked at more often.
pub(super) fn wants(subject: &Subject, wanted: &mut Wanted) {
    let Some(about) = &subject.about else { return };
    if let Some((kind, _)) = about.source() {
        wanted.sources.insert(kind);
        wanted.tables |= kind == SourceKind::Postgres;
    }
    if let About::Queue { source, queue } = about {
        wanted.queue = Some((source.clone(), queue.clone()));
    }
}

/// Whether a signal is about this thing. Of a session its pid decides, of a Redis its source.
fn concerns(world: &World, signal: &Signal, about: &About) -> bool {
    let signal::Subject::Named { kind, namespace, name } = &signal.subject else {
        return false;
    };
    let Some(named) = About::named(world, kind, namespace, name) else {
        return false;
    };
    match (&named, about) {
        (About::Session { source: a, pid: p, .. }, About::Session { source: b, pid: q, .. }) => (a, p) == (b, q),
        (About::Redis { source: a, node: m }, About::Redis { source: b, node: n }) => {
            a == b && (m.is_none() || n.is_none() || m == n)
        }
        _ => named == *about,
    }
}

/// The book that one would open on a thing of which no signal speaks.
pub(super) fn usual_book(world: &World, about: &About) -> &'static str {
    match about {
        About::Queue { source, queue } => {
            let set = world.sources.queues.get(source);
            let queue = set.and_then(|set| set.queues.iter().find(|q| q.name == *queue));
            let counts = queue.and_then(|q| q.counts.last());
            if counts.is_some_and(|c| c.ready == 0 && c.failed.is_some_and(|n| n > 0)) {
                "failed-jobs"
            } else {
                "worker-backlog"
            }
        }
        About::Session { source, pid, .. } => {
            let server = world.sources.postgres.get(source);
            let locks = server.and_then(|s| s.locks.last());
            let locked = locks.is_some_and(|tree| tree.lines.iter().any(|w| w.row.pid == *pid));
            let sessions = server.and_then(|s| s.activity.last());
            let session = sessions.and_then(|all| all.iter().find(|s| s.pid == *pid));
            if locked || session.is_some_and(crate::model::postgres::Session::is_idle_in_transaction) {
                "blocked-queries"
            } else {
                "slow-queries"
            }
        }
        About::Statement { .. } | About::Postgres { .. } => "slow-queries",
        About::Table { .. } => "bloated-table",
        About::Redis { .. } => "redis-memory",
        About::Certificate { .. } | About::Endpoint { .. } => "certificate-renewal",
        About::Service { .. } | About::Http { .. } => "high-error-rate",
        About::Alert { .. } => "incident-response",
        About::Node(_) => "node-drain",
        About::Job(_) => "backup-restore",
    }
}

/// What a signal is about, as a run sees it. Empty when it names nothing that is known.
fn of_signal(world: &World, signal: &Signal) -> Subject {
    let subject = match &signal.subject {
        signal::Subject::Object(object) => Subject::of(world, object),
        signal::Subject::Named { kind, namespace, name } => About::named(world, kind, namespace, name)
            .map(|about| Subject::about(world, about))
            .unwrap_or_default(),
    };
    match signal.related.first() {
        Some(related) if subject.is_empty() => Subject::of(world, related),
        _ => subject,
    }
}

impl App {
    /// The object that keys act on: the one that is opened, or the selected row's.
    pub fn subject(&self) -> Option<ObjectRef> {
        for layer in self.layers.iter().rev() {
            match layer {
                Layer::Detail(d) => return Some(d.object.clone()),
                Layer::History(h) => return Some(h.object.clone()),
                Layer::Text(t) => return t.object.clone(),
                layer if layer.hides_rows() => return None,
                _ => {}
            }
        }
        if self.focus == Focus::Strip {
            return self
                .strip
                .current(&self.judge)
                .and_then(|s| s.subject.object().cloned());
        }
        self.list(self.pane).selected().and_then(Row::object)
    }

    /// The workload that keys act on: the subject, or the owner of the subject pod.
    pub fn subject_workload(&self) -> Option<&Workload> {
        let subject = self.subject()?;
        let owner = if subject.kind == Kind::Pod {
            self.world.pod(&subject).and_then(|p| self.world.top_owner(p))?
        } else {
            subject
        };
        self.world.workload(&owner).map(|w| &**w)
    }

    /// The thing of a source that the keys mean.
    pub(super) fn about_at_hand(&self) -> Option<About> {
        match self.layers.last() {
            Some(Layer::Chart(view)) if !matches!(view.of, ItemRef::Object(_)) => about(&view.of),
            _ => self.item_at_hand().and_then(about),
        }
    }

    /// The signal about the row of a source that the keys mean; `None` when no such row is meant.
    pub(super) fn signal_of_item(&self) -> Option<&Signal> {
        let about = self.about_at_hand()?;
        Strip::shown(&self.judge).find(|signal| concerns(&self.world, signal, &about))
    }

    /// What a runbook chosen from the list would be about.
    pub(super) fn run_subject(&self) -> Option<Subject> {
        if let Some(about) = self.about_at_hand() {
            return Some(Subject::about(&self.world, about));
        }
        let workload = self.subject_workload().map(|w| w.meta.object(w.kind));
        let object: Option<ObjectRef> = workload.or_else(|| self.subject()).or_else(|| self.opened());
        let subject = object.map(|object| Subject::of(&self.world, &object));
        let of_strip = || {
            let signal = self.strip.current(&self.judge).filter(|_| self.focus == Focus::Strip)?;
            Some(of_signal(&self.world, signal))
        };
        subject.or_else(of_strip).filter(|subject| !subject.is_empty())
    }

    /// The best runbook for what is at hand: the one that answers the signal, else the usual one for the row.
    ///
    /// # Errors
    /// Why there is none, for the operator.
    pub fn best_run(&self) -> Result<(String, Subject), String> {
        let thing = self.about_at_hand();
        let signal = match &thing {
            Some(_) => self.signal_of_item(),
            None => self.signal_at_hand(),
        };
        self.run_on(signal, thing)
    }

    /// The runbook that answers this signal, or the usual one for this thing.
    pub(super) fn run_on(&self, signal: Option<&Signal>, thing: Option<About>) -> Result<(String, Subject), String> {
        let book = signal.and_then(|signal| signal.runbook);
        let (book, mut subject) = match (book, thing, signal) {
            (Some(book), Some(about), _) => (book, Subject::about(&self.world, about)),
            (None, Some(about), _) => (usual_book(&self.world, &about), Subject::about(&self.world, about)),
            (Some(book), None, Some(signal)) => (book, of_signal(&self.world, signal)),
            // An alert that names no runbook of ours is still somebody's to look at.
            (None, None, Some(signal)) if signal.id == "alert.firing" => {
                ("incident-response", of_signal(&self.world, signal))
            }
            (None, None, Some(signal)) => return Err(format!("no runbook answers {}", signal.id)),
            (_, None, None) => {
                let key = self.keys_for("runbook.list");
                return Err(format!(
                    "there is no signal here: choose a runbook from the list ({key})"
                ));
            }
        };
        if self.books.get(book).is_none() {
            return Err(format!("there is no runbook {book} on this console"));
        }
        if subject.is_empty() {
            return Err("what the signal is about is not in sight any more".to_owned());
        }
        subject.signal = signal.map(|signal| self.seen(signal));
        Ok((book.to_owned(), subject))
    }
}
