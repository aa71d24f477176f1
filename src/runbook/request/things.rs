//! Requests about what is no Kubernetes object: tables, sessions, queues, keys, certificates, alerts.

use super::super::engine::ActionAsk;
use super::super::format::ActionName;
use super::{argument, count, text};
use crate::action::{JobFilter, PostgresAsk, Relation, Request, Thing};
use crate::model::{Alert, Certificate, Postgres, SourceId, SourceKind, Str, World};
use crate::runbook::value::Value;
use std::sync::Arc;

/// Makes the request.
pub(super) fn resolve(world: &World, ask: &ActionAsk) -> Result<Request, String> {
    let request = make(world, ask)?;
    if let Some(source) = request.source() {
        fresh(world, source.kind, &source.name)?;
    }
    Ok(request)
}

fn make(world: &World, ask: &ActionAsk) -> Result<Request, String> {
    let target = &ask.target;
    Ok(match ask.action {
        ActionName::Vacuum | ActionName::Analyze => {
            let (source, name) = named(target, "table")?;
            let table = table(world, source, name)?;
            let ask = if ask.action == ActionName::Analyze {
                PostgresAsk::Analyze { table }
            } else {
                PostgresAsk::Vacuum {
                    table,
                    analyze: flag(ask, "analyze")?.unwrap_or(true),
                }
            };
            postgres(source, ask)
        }
        ActionName::VacuumDatabase => {
            let source = target
                .strip_prefix("postgres/")
                .ok_or_else(|| format!("`{target}` names no server; expected postgres/SOURCE"))?;
            server(world, source)?;
            postgres(source, PostgresAsk::VacuumDatabase)
        }
        ActionName::Reindex => {
            let (source, name) = named(target, "index")?;
            let all = server(world, source)?.indexes.last();
            let index = all.and_then(|all| all.iter().find(|i| format!("{}.{}", i.schema, i.name) == name));
            let index = index.ok_or_else(|| format!("{source} does not list an index {name} now; look again"))?;
            let index = Relation {
                schema: index.schema.clone(),
                name: index.name.clone(),
            };
            postgres(source, PostgresAsk::Reindex { index })
        }
        ActionName::CancelQuery | ActionName::TerminateSession => {
            let (source, name) = named(target, "session")?;
            let (pid, backend_start) = session(world, source, name)?;
            let cancel = ask.action == ActionName::CancelQuery;
            postgres(
                source,
                if cancel {
                    PostgresAsk::CancelQuery { pid, backend_start }
                } else {
                    PostgresAsk::TerminateSession { pid, backend_start }
                },
            )
        }
        ActionName::RetryJobs => Request::RetryJobs {
            queue: queue(world, target)?,
            which: Box::new(JobFilter {
                jobs: Vec::new(),
                named: optional(ask, "named")?,
                failed_with: optional(ask, "failed_with")?,
            }),
        },
        ActionName::PauseQueue => Request::PauseQueue {
            queue: queue(world, target)?,
        },
        ActionName::ResumeQueue => Request::ResumeQueue {
            queue: queue(world, target)?,
        },
        ActionName::DeleteKeys => {
            let source = target
                .strip_prefix("redis/")
                .ok_or_else(|| format!("`{target}` names no Redis; expected redis/SOURCE"))?;
            if !world.sources.redis.contains_key(source) {
                return Err(format!("no Redis called {source} is looked at"));
            }
            Request::DeleteKeys {
                keys: thing(SourceKind::Redis, source, "keys", "", &text(ask, "prefix")?, ""),
            }
        }
        ActionName::Renew => {
            let (namespace, name) = named(target, "certificate")?;
            let (source, found) = certificate(world, namespace, name)?;
            Request::Renew {
                certificate: thing(
                    SourceKind::Certificates,
                    source,
                    "certificate",
                    namespace,
                    name,
                    &found.id.uid,
                ),
            }
        }
        ActionName::Silence => {
            let (source, name) = named(target, "alert")?;
            Request::Silence {
                alert: thing(SourceKind::Prometheus, source, "alert", "", name, ""),
                labels: labels(world, source, name)?,
                minutes: count(ask, "minutes")?,
                comment: text(ask, "comment")?,
            }
        }
        _ => return Err(format!("{} needs a Kubernetes object", ask.action.name())),
    })
}

/// Nothing is changed by what was seen of a source that does not answer now.
fn fresh(world: &World, kind: SourceKind, name: &str) -> Result<(), String> {
    let id = SourceId {
        kind,
        name: name.into(),
    };
    match world.sources.reach.get(&id) {
        Some(reach) if !reach.is_fresh() => Err(format!(
            "{} {name} is not fresh: wait until it answers, then plan again",
            kind.word()
        )),
        _ => Ok(()),
    }
}

/// `KIND/A/B` as A and B; B may hold slashes.
fn named<'a>(target: &'a str, kind: &str) -> Result<(&'a str, &'a str), String> {
    let wrong = || format!("`{target}` names no {kind}; expected {kind}/…/…");
    let rest = target.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/'));
    let parts = rest.and_then(|rest| rest.split_once('/'));
    parts.filter(|(a, b)| !a.is_empty() && !b.is_empty()).ok_or_else(wrong)
}

fn postgres(source: &str, ask: PostgresAsk) -> Request {
    let source = SourceId {
        kind: SourceKind::Postgres,
        name: source.into(),
    };
    Request::Postgres { source, ask }
}

fn thing(kind: SourceKind, source: &str, what: &str, within: &str, name: &str, id: &str) -> Thing {
    let source = SourceId {
        kind,
        name: source.into(),
    };
    Thing {
        source,
        kind: what.into(),
        within: within.into(),
        name: name.into(),
        id: id.into(),
    }
}

fn server<'a>(world: &'a World, source: &str) -> Result<&'a Arc<Postgres>, String> {
    let found = world.sources.postgres.get(source);
    found.ok_or_else(|| format!("no PostgreSQL called {source} is looked at"))
}

fn table(world: &World, source: &str, name: &str) -> Result<Relation, String> {
    let server = server(world, source)?;
    let tables = server.tables.last().into_iter().flatten();
    let known = tables.map(|t| (&t.schema, &t.name));
    let scanned = server.scanned.last().into_iter().flatten();
    let mut known = known.chain(scanned.map(|t| (&t.schema, &t.name)));
    let (schema, name) = known
        .find(|(schema, table)| format!("{schema}.{table}") == name)
        .ok_or_else(|| format!("{source} does not list a table {name} now; look at its tables again"))?;
    Ok(Relation {
        schema: schema.clone(),
        name: name.clone(),
    })
}

/// The session of `PID@START`, if it is still that one.
fn session(world: &World, source: &str, name: &str) -> Result<(i32, String), String> {
    let server = server(world, source)?;
    let (pid, start) = name
        .split_once('@')
        .ok_or_else(|| format!("`{name}` names no session; expected its pid, @, and when it began"))?;
    let pid: i32 = pid.parse().map_err(|_| format!("`{pid}` is no process id"))?;
    let lines = server.locks.last().map_or(&[][..], |tree| tree.lines.as_slice());
    let waits = lines.iter().map(|w| (w.row.pid, w.row.backend_start.as_deref()));
    let sessions = server.activity.last().into_iter().flatten();
    let mut all = waits.chain(sessions.map(|s| (s.pid, s.backend_start.as_deref())));
    if all.any(|seen| seen == (pid, Some(start))) {
        Ok((pid, start.to_owned()))
    } else {
        Err(format!(
            "session {pid} of {source} has ended: there is nothing to do to it"
        ))
    }
}

fn queue(world: &World, target: &str) -> Result<Thing, String> {
    let (source, name) = named(target, "queue")?;
    let set = world.sources.queues.get(source);
    let set = set.ok_or_else(|| format!("no set of queues called {source} is looked at"))?;
    if !set.queues.iter().any(|q| *q.name == *name) {
        return Err(format!("{source} has no queue {name} now"));
    }
    Ok(thing(SourceKind::Queues, source, "queue", "", name, ""))
}

fn certificate<'a>(world: &'a World, namespace: &str, name: &str) -> Result<(&'a Str, &'a Certificate), String> {
    let all = world.sources.certificates.iter();
    let found = all.filter_map(|(source, c)| {
        let managed = c.managed.last()?;
        let found = managed
            .iter()
            .find(|c| *c.id.namespace == *namespace && *c.id.name == *name)?;
        Some((source, found))
    });
    found
        .into_iter()
        .next()
        .ok_or_else(|| format!("there is no Certificate {namespace}/{name} now"))
}

/// The labels that all firing alerts of that name share: a silence of them holds back every one, and no other.
fn labels(world: &World, source: &str, name: &str) -> Result<Vec<(String, String)>, String> {
    let seen = world.sources.prometheus.get(source);
    let seen = seen.ok_or_else(|| format!("no Prometheus called {source} is looked at"))?;
    let all: Vec<&Alert> = seen
        .alerts
        .last()
        .into_iter()
        .flatten()
        .filter(|a| *a.name == *name)
        .collect();
    let first = all.first().ok_or_else(|| format!("{name} does not fire any more"))?;
    let shared = first
        .labels
        .iter()
        .filter(|pair| all.iter().all(|a| a.labels.contains(pair)));
    Ok(shared
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect())
}

fn given<'a>(ask: &'a ActionAsk, name: &str) -> Option<&'a Value> {
    argument(ask, name).ok()
}

/// A text that may be left out; an empty one is none.
fn optional(ask: &ActionAsk, name: &str) -> Result<Option<String>, String> {
    match given(ask, name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("`{name}` is {other}; expected a text")),
    }
}

fn flag(ask: &ActionAsk, name: &str) -> Result<Option<bool>, String> {
    match given(ask, name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(format!("`{name}` is {other}; expected yes or no")),
    }
}
