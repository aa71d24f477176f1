//! From what a step asks for to the pipeline's request: the target is frozen, and what is seen now goes along.

mod objects;
mod subject;
mod things;

pub use objects::labels;
pub use subject::subject;

use super::engine::ActionAsk;
use super::facts::Subject;
use super::format::ActionName;
use super::value::Value;
use crate::action::{Request, RollbackTo};
use crate::model::{Key, Kind, ObjectRef, Workload, World};
use std::sync::Arc;

/// Makes the request.
///
/// # Errors
/// One sentence for the operator: what of it cannot be, and so why there is no plan.
pub fn resolve(world: &World, subject: &Subject, ask: &ActionAsk) -> Result<Request, String> {
    if let Some(request) = objects::resolve(world, subject, ask)? {
        return Ok(request);
    }
    if !ask.action.is_of_kubernetes() {
        return things::resolve(world, ask);
    }
    let object = find(world, &ask.target)?;
    // The run looked at one object all along; another of the same name is not what its evidence spoke of.
    let replaced =
        |known: &ObjectRef| known.kind == object.kind && known.key() == object.key() && known.uid != object.uid;
    if subject.workload.iter().chain(&subject.pod).any(replaced) {
        return Err(format!(
            "{object} was made anew since this run began; abort it and start again"
        ));
    }
    let is_pod = object.kind == Kind::Pod;
    if matches!(ask.action, ActionName::DeletePod | ActionName::EvictPod) != is_pod {
        return Err(format!("{} does not act on a {}", ask.action.name(), object.kind.api()));
    }
    let target = object.clone();
    Ok(match ask.action {
        ActionName::Scale => Request::Scale {
            target,
            replicas: count(ask, "replicas")?,
            seen: workload(world, &object)?.desired,
        },
        ActionName::HpaBounds => {
            let workload = workload(world, &object)?;
            let hpa = world
                .hpa_of(workload)
                .ok_or_else(|| format!("no HPA sets the replicas of {object}"))?;
            let (seen_min, seen_max) = (hpa.min, hpa.max);
            let target = hpa.bounds_at();
            Request::HpaBounds {
                target,
                min: count(ask, "min")?,
                max: count(ask, "max")?,
                seen_min,
                seen_max,
            }
        }
        ActionName::Restart => Request::Restart { target },
        ActionName::Rollback => {
            let workload = workload(world, &object)?;
            let revision = u64::from(count(ask, "revision")?);
            if !world.revisions_of(workload).any(|kept| kept.number == revision) {
                return Err(format!(
                    "{object} keeps no revision {revision}; open its history and choose another"
                ));
            }
            let newest_seen = world.newest_revision(workload).map_or(0, |newest| newest.number);
            Request::RollBack {
                to: vec![RollbackTo {
                    target,
                    revision,
                    newest_seen,
                }],
            }
        }
        ActionName::SetImage => {
            let (container, image) = (text(ask, "container")?, text(ask, "image")?);
            let containers = &workload(world, &object)?.containers;
            let seen = containers.iter().find(|known| *known.name == *container);
            let seen = seen
                .ok_or_else(|| format!("{object} has no container {container}"))?
                .image
                .to_string();
            Request::SetImage {
                target,
                container,
                image,
                seen,
            }
        }
        ActionName::Pause => Request::Pause { target },
        ActionName::Resume => Request::Resume { target },
        ActionName::DeletePod => Request::DeletePod { target, force: false },
        ActionName::EvictPod => Request::EvictPod { target },
        other => return Err(format!("{} does not act on a {}", other.name(), object.kind.api())),
    })
}

/// Finds `kind/namespace/name` among what is observed, and with it the uid.
pub fn find(world: &World, target: &str) -> Result<ObjectRef, String> {
    let parts: Vec<&str> = target.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, namespace, name] => (*kind, *namespace, *name),
        [kind, name] if Kind::named(kind).is_some_and(|k| !k.namespaced()) => (*kind, "", *name),
        _ => return Err(format!("`{target}` names no object; expected kind/namespace/name")),
    };
    let key = Key::new(namespace, name);
    let kind = Kind::named(kind);
    // What is not watched is looked for when the plan is made.
    let later = |kind| {
        (!name.is_empty()).then(|| ObjectRef {
            kind,
            namespace: Arc::clone(&key.namespace),
            name: Arc::clone(&key.name),
            uid: "".into(),
        })
    };
    let found = match kind {
        Some(Kind::Pod) => world.pods.get(&key).map(|pod| pod.meta.object(Kind::Pod)),
        Some(Kind::Node) => world.nodes.get(&key).map(|node| node.meta.object(Kind::Node)),
        Some(Kind::Job) => world.jobs.get(&key).map(|job| job.meta.object(Kind::Job)),
        Some(Kind::CronJob) => world.cron_jobs.get(&key).map(|job| job.meta.object(Kind::CronJob)),
        Some(kind) if kind == Kind::Namespace || Kind::UNWATCHED.contains(&kind) => later(kind),
        Some(kind) => world.workloads_of(kind).and_then(|table| match table.get(&key) {
            Some(workload) => Some(workload.meta.object(kind)),
            // Of a namespace that is watched everything is known; of another one the plan reads it.
            None if world.workloads().any(|w| w.meta.namespace == key.namespace) => None,
            None => later(kind),
        }),
        None => None,
    };
    found.ok_or_else(|| format!("there is no {target} now; it may be gone or in a namespace that is not watched"))
}

fn workload<'a>(world: &'a World, object: &ObjectRef) -> Result<&'a Arc<Workload>, String> {
    world
        .workload(object)
        .ok_or_else(|| format!("{object} is not a workload"))
}

fn argument<'a>(ask: &'a ActionAsk, name: &str) -> Result<&'a Value, String> {
    let given = ask
        .args
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value);
    given.ok_or_else(|| format!("`{name}` is not given"))
}

fn count(ask: &ActionAsk, name: &str) -> Result<u32, String> {
    let value = argument(ask, name)?;
    let number = value.as_int().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("`{name}` is {value}; expected a whole number from 0"))
}

fn text(ask: &ActionAsk, name: &str) -> Result<String, String> {
    match argument(ask, name)? {
        Value::Text(text) if !text.is_empty() => Ok(text.clone()),
        other => Err(format!("`{name}` is {other}; expected a text")),
    }
}
