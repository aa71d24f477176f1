//! From a target as it is written to what a run is about.

use super::find;
use crate::model::{Kind, World};
use crate::runbook::facts::{About, Subject};

/// What `kind/…` names now: an object as `deployment/cortex/api`, a thing as `queue/jobs/default`.
///
/// # Errors
/// One sentence: there is no such thing.
pub fn subject(world: &World, target: &str) -> Result<Subject, String> {
    let none = || format!("there is no {target} now; it may be gone, or not be looked at");
    let (kind, rest) = target
        .split_once('/')
        .ok_or_else(|| format!("`{target}` names nothing; expected kind/namespace/name or kind/source/name"))?;
    let (source, name) = rest.split_once('/').unwrap_or((rest, ""));
    let sources = &world.sources;
    let known = |there: bool| there.then_some(()).ok_or_else(none);
    let about = match kind {
        "queue" => {
            let set = sources.queues.get(source);
            known(set.is_some_and(|set| set.queues.iter().any(|q| *q.name == *name)))?;
            About::Queue {
                source: source.into(),
                queue: name.into(),
            }
        }
        "postgres" => {
            known(sources.postgres.contains_key(source))?;
            About::Postgres { source: source.into() }
        }
        "table" => {
            known(sources.postgres.contains_key(source))?;
            About::named(world, "postgres table", "", rest).ok_or_else(none)?
        }
        "session" => {
            known(sources.postgres.contains_key(source))?;
            About::named(world, "postgres session", "", rest).ok_or_else(none)?
        }
        "redis" => {
            known(sources.redis.contains_key(source))?;
            About::Redis {
                source: source.into(),
                node: None,
            }
        }
        "certificate" => About::named(world, "certificate", source, name).ok_or_else(none)?,
        "alert" => About::Alert {
            source: source.into(),
            name: name.into(),
        },
        "node" => {
            let node = world
                .nodes
                .values()
                .find(|node| *node.meta.name == *rest)
                .ok_or_else(none)?;
            About::Node(node.meta.object(Kind::Node))
        }
        _ => return find(world, target).map(|object| Subject::of(world, &object)),
    };
    Ok(Subject::about(world, about))
}
