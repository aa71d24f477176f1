//! What a run is about: a workload, a pod, or something of another source.

use crate::model::{CertificateRow, Kind, ObjectRef, SourceKind, Sources, Str, World, text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a run is about. It keeps the workload, so that it still knows where to look once a bad pod is gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<ObjectRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<ObjectRef>,
    /// What is no workload and no pod. The workload that stands behind it (that works the queue, say) comes along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalSeen>,
}

/// The signal that began the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalSeen {
    pub id: String,
    pub severity: String,
    pub since: Timestamp,
    pub text: String,
}

/// Something that is neither a workload nor a pod, by its identity. `source` is the name in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum About {
    Queue {
        #[serde(with = "text")]
        source: Str,
        #[serde(with = "text")]
        queue: Str,
    },
    /// A PostgreSQL server as a whole.
    Postgres {
        #[serde(with = "text")]
        source: Str,
    },
    /// With the pid, `backend_start` is the session's identity.
    Session {
        #[serde(with = "text")]
        source: Str,
        pid: i32,
        backend_start: Option<String>,
    },
    Statement {
        #[serde(with = "text")]
        source: Str,
        query_id: String,
    },
    Table {
        #[serde(with = "text")]
        source: Str,
        schema: String,
        name: String,
    },
    /// One server of a deployment; `None`: the worst of them.
    Redis {
        #[serde(with = "text")]
        source: Str,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_text")]
        node: Option<Str>,
    },
    /// A Certificate of cert-manager, or a TLS Secret that nothing keeps.
    Certificate {
        #[serde(with = "text")]
        source: Str,
        #[serde(with = "text")]
        namespace: Str,
        #[serde(with = "text")]
        name: Str,
    },
    /// What serves a certificate.
    Endpoint {
        #[serde(with = "text")]
        source: Str,
        #[serde(with = "text")]
        address: Str,
    },
    /// A service as Prometheus knows it, or an objective.
    Service {
        #[serde(with = "text")]
        source: Str,
        #[serde(with = "text")]
        name: Str,
    },
    /// All firing alerts of one name.
    Alert {
        #[serde(with = "text")]
        source: Str,
        #[serde(with = "text")]
        name: Str,
    },
    Http {
        #[serde(with = "text")]
        name: Str,
    },
    Node(ObjectRef),
    /// A Job or a CronJob.
    Job(ObjectRef),
}

/// As [`text`], for what may be missing.
mod maybe_text {
    use super::Str;
    use serde::Deserialize as _;

    #[allow(clippy::ref_option)] // serde's own shape
    pub fn serialize<S: serde::Serializer>(text: &Option<Str>, to: S) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) => to.serialize_some(&**text),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Str>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Into::into))
    }
}

impl About {
    /// The source that it lives in; `None`: Kubernetes itself.
    pub fn source(&self) -> Option<(SourceKind, &Str)> {
        Some(match self {
            Self::Queue { source, .. } => (SourceKind::Queues, source),
            Self::Postgres { source }
            | Self::Session { source, .. }
            | Self::Statement { source, .. }
            | Self::Table { source, .. } => (SourceKind::Postgres, source),
            Self::Redis { source, .. } => (SourceKind::Redis, source),
            Self::Certificate { source, .. } | Self::Endpoint { source, .. } => (SourceKind::Certificates, source),
            Self::Service { source, .. } | Self::Alert { source, .. } => (SourceKind::Prometheus, source),
            Self::Http { name } => (SourceKind::Http, name),
            Self::Node(_) | Self::Job(_) => return None,
        })
    }

    /// As parameters and actions write it, such as `queue/jobs/default`; `None` for what no action is about.
    pub fn target(&self) -> Option<String> {
        Some(match self {
            Self::Queue { source, queue } => format!("queue/{source}/{queue}"),
            Self::Postgres { source } => format!("postgres/{source}"),
            Self::Session {
                source,
                pid,
                backend_start,
            } => session_target(source, *pid, backend_start.as_deref()?),
            Self::Table { source, schema, name } => format!("table/{source}/{schema}.{name}"),
            Self::Redis { source, .. } => format!("redis/{source}"),
            Self::Certificate { namespace, name, .. } => format!("certificate/{namespace}/{name}"),
            Self::Alert { source, name } => format!("alert/{source}/{name}"),
            Self::Node(node) => format!("node/{}", node.name),
            Self::Job(job) => format!("{}/{}/{}", job.kind.short(), job.namespace, job.name),
            _ => return None,
        })
    }

    /// What a signal names, found among what is observed. `None`: it is nothing that a runbook can be about.
    pub fn named(world: &World, kind: &str, namespace: &str, name: &str) -> Option<Self> {
        let (source, rest) = name.split_once('/').unwrap_or((name, ""));
        let all = &world.sources;
        Some(match kind {
            "queue" => {
                let known = |(set, queue): (&str, &str)| {
                    let set = all.queues.get_key_value(set)?;
                    let found = set.1.queues.iter().find(|q| *q.name == *queue)?;
                    Some((set.0.clone(), found.name.clone()))
                };
                let anywhere = || all.queues.keys().find_map(|set| known((set, name)));
                let (source, queue) = known((source, rest)).or_else(anywhere)?;
                Self::Queue { source, queue }
            }
            "postgres session" => {
                let (pid, start) = rest.split_once('@')?;
                Self::Session {
                    source: source.into(),
                    pid: pid.parse().ok()?,
                    backend_start: Some(start.to_owned()).filter(|s| !s.is_empty()),
                }
            }
            "postgres statement" => Self::Statement {
                source: source.into(),
                query_id: rest.to_owned(),
            },
            "postgres table" => {
                // The table's full name stands behind its database, if that is told.
                let full = rest.rsplit('/').next().unwrap_or(rest);
                let (schema, name) = full.split_once('.')?;
                Self::Table {
                    source: source.into(),
                    schema: schema.to_owned(),
                    name: name.to_owned(),
                }
            }
            _ if kind.starts_with("postgres") => Self::Postgres { source: source.into() },
            _ if kind.starts_with("redis") => Self::Redis {
                source: source.into(),
                node: Some(rest).filter(|node| !node.is_empty()).map(Into::into),
            },
            "certificate" | "secret" => {
                let (namespace, name) = if namespace.is_empty() {
                    (source, rest)
                } else {
                    (namespace, name)
                };
                Self::Certificate {
                    source: certificate_source(all, namespace, name)?,
                    namespace: namespace.into(),
                    name: name.into(),
                }
            }
            "endpoint" => {
                let serves = |c: &crate::model::Certificates| {
                    c.served
                        .last()
                        .is_some_and(|list| list.iter().any(|e| *e.address == *name))
                };
                let source = all.certificates.iter().find(|(_, c)| serves(c))?.0.clone();
                Self::Endpoint {
                    source,
                    address: name.into(),
                }
            }
            "service" | "slo" => Self::Service {
                source: prometheus_of(all, name)?,
                name: if name == "all" { "".into() } else { name.into() },
            },
            "alert" => {
                let fires = |p: &crate::model::Prometheus| {
                    p.alerts
                        .last()
                        .is_some_and(|list| list.iter().any(|a| *a.name == *name))
                };
                let source = all.prometheus.iter().find(|(_, p)| fires(p))?.0.clone();
                Self::Alert {
                    source,
                    name: name.into(),
                }
            }
            "http" => Self::Http { name: name.into() },
            _ => return None,
        })
    }
}

/// A session as actions write it: its pid, and when it began, for the pid may be another's a moment later.
pub(in crate::runbook) fn session_target(source: &str, pid: i32, backend_start: &str) -> String {
    format!("session/{source}/{pid}@{backend_start}")
}

fn certificate_source(all: &Sources, namespace: &str, name: &str) -> Option<Str> {
    let has = |c: &crate::model::Certificates| {
        let mut managed = c.managed.last().into_iter().flatten();
        let mut stored = c.stored.last().into_iter().flatten();
        managed.any(|c| *c.id.namespace == *namespace && *c.id.name == *name)
            || stored.any(|s| *s.namespace == *namespace && *s.name == *name)
    };
    let found = all.certificates.iter().find(|(_, c)| has(c));
    found
        .or(all.certificates.iter().next())
        .map(|(source, _)| source.clone())
}

/// The Prometheus that knows the service or the objective, else the only one.
fn prometheus_of(all: &Sources, name: &str) -> Option<Str> {
    let knows = |p: &crate::model::Prometheus| {
        let read = |seen: &crate::model::Seen<Vec<crate::model::Reading>>| {
            seen.last().is_some_and(|list| list.iter().any(|r| *r.service == *name))
        };
        read(&p.errors) || read(&p.latency) || p.slos.last().is_some_and(|list| list.iter().any(|b| *b.name == *name))
    };
    let found = all.prometheus.iter().find(|(_, p)| knows(p));
    found.or(all.prometheus.iter().next()).map(|(source, _)| source.clone())
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue { source, queue } => write!(f, "queue {source}/{queue}"),
            Self::Postgres { source } => write!(f, "PostgreSQL {source}"),
            Self::Session { source, pid, .. } => write!(f, "session {pid} of {source}"),
            Self::Statement { source, query_id } => write!(f, "statement {query_id} of {source}"),
            Self::Table { source, schema, name } => write!(f, "table {source}/{schema}.{name}"),
            Self::Redis { source, node: None } => write!(f, "Redis {source}"),
            Self::Redis {
                source,
                node: Some(node),
            } => write!(f, "Redis {source} ({node})"),
            Self::Certificate { namespace, name, .. } => write!(f, "certificate {namespace}/{name}"),
            Self::Endpoint { address, .. } => write!(f, "endpoint {address}"),
            Self::Service { name, .. } if name.is_empty() => f.write_str("all services"),
            Self::Service { name, .. } => write!(f, "service {name}"),
            Self::Alert { name, .. } => write!(f, "alert {name}"),
            Self::Http { name } => write!(f, "HTTP check {name}"),
            Self::Node(object) | Self::Job(object) => object.fmt(f),
        }
    }
}

impl Subject {
    /// The subject that an object of a signal or of a pane's row stands for: a pod brings its workload along, and of an
    /// autoscaler it is the workload that it scales.
    pub fn of(world: &World, object: &ObjectRef) -> Self {
        match object.kind {
            kind if Kind::WORKLOADS.contains(&kind) => Self {
                workload: Some(object.clone()),
                ..Self::default()
            },
            Kind::Pod => Self {
                workload: world
                    .pod(object)
                    .and_then(|pod| world.top_owner(pod))
                    .filter(|owner| Kind::WORKLOADS.contains(&owner.kind)),
                pod: Some(object.clone()),
                ..Self::default()
            },
            Kind::Hpa => Self {
                workload: world.hpas.get(&object.key()).and_then(|hpa| {
                    let mut all = world.workloads();
                    let scaled = all.find(|w| world.hpa_of(w).is_some_and(|of| of.meta.uid == hpa.meta.uid))?;
                    Some(scaled.meta.object(scaled.kind))
                }),
                ..Self::default()
            },
            Kind::Node => Self {
                about: Some(About::Node(object.clone())),
                ..Self::default()
            },
            Kind::Job | Kind::CronJob => Self {
                about: Some(About::Job(object.clone())),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// The subject that is about something of a source. The workload behind it comes along where one is known.
    pub fn about(world: &World, about: About) -> Self {
        Self {
            workload: behind(world, &about),
            about: Some(about),
            ..Self::default()
        }
    }

    /// Whether there is anything to look at.
    pub fn is_empty(&self) -> bool {
        self.workload.is_none() && self.pod.is_none() && self.about.is_none()
    }

    /// `deployment cortex/cortex-api`, for titles.
    pub fn name(&self) -> String {
        match (&self.about, self.workload.as_ref().or(self.pod.as_ref())) {
            (Some(about), _) => about.to_string(),
            (None, Some(object)) => object.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// The certificate that firing alerts of this name are about, by their labels; of several the one that ends first.
pub fn certificate_of_alert(world: &World, source: &str, alert: &str, now: Timestamp) -> Option<About> {
    let alerts = world.sources.prometheus.get(source)?.alerts.last()?;
    let about = |row: &CertificateRow<'_>| {
        alerts.iter().filter(|a| *a.name == *alert).any(|a| {
            let mut names = ["name", "certificate", "secret", "secret_name"].into_iter();
            let namespace = a.label("exported_namespace").or_else(|| a.label("namespace"));
            namespace.is_none_or(|n| n == row.namespace()) && names.any(|label| a.label(label) == Some(row.name()))
        })
    };
    let mut found: Vec<_> = Vec::new();
    for (source, all) in &world.sources.certificates {
        let rows = all.rows();
        let rows = rows.iter().filter(|row| row.kind() != "endpoint" && about(row));
        found.extend(rows.map(|row| {
            let about = About::Certificate {
                source: source.clone(),
                namespace: row.namespace().into(),
                name: row.name().into(),
            };
            (row.left(now), about)
        }));
    }
    // One of which no end is known stands last.
    found.sort_by_key(|(left, _)| (left.is_none(), *left));
    found.into_iter().next().map(|(_, about)| about)
}

/// The workload that works a queue, answers for a service, or that an alert's labels name.
fn behind(world: &World, about: &About) -> Option<ObjectRef> {
    match about {
        About::Queue { source, queue } => world.worked_by(source, queue)?.object.clone(),
        About::Service { name, .. } | About::Http { name } => by_name(world, None, name),
        About::Alert { source, name } => {
            let alerts = world.sources.prometheus.get(source)?.alerts.last()?;
            let alert = alerts.iter().find(|a| a.name == *name)?;
            let namespace = alert.label("namespace");
            let named = ["deployment", "statefulset", "daemonset", "service", "app", "job"];
            named
                .into_iter()
                .filter_map(|label| alert.label(label))
                .find_map(|name| by_name(world, namespace, name))
        }
        _ => None,
    }
}

/// The one workload of that name; of several, none: a guess is worse than a question.
fn by_name(world: &World, namespace: Option<&str>, name: &str) -> Option<ObjectRef> {
    let mut found = world
        .workloads()
        .filter(|w| *w.meta.name == *name && namespace.is_none_or(|n| *w.meta.namespace == *n));
    let only = found.next()?;
    found.next().is_none().then(|| only.meta.object(only.kind))
}
