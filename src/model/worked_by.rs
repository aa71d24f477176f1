//! Which workload works a queue: what the configuration says, else what the cluster lets one conclude. A conclusion is
//! never passed off as knowledge: how it is known goes with it wherever it is shown.

use std::collections::{BTreeMap, HashMap};

use super::{Hpa, Kind, ObjectRef, Queue, Str, World};

/// The workload that works a queue, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkedBy {
    /// As actions take it: `deployment/cortex/cortex-worker`.
    pub workload: Str,
    /// `None`: the cluster shows no such object now.
    pub object: Option<ObjectRef>,
    pub known: Known,
    /// What sets its replicas.
    pub scaler: Option<Scaler>,
}

/// How the workload is known, the surest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Configuration,
    /// Connections of workers come from this many of its pods; 0: they did before.
    Connections(usize),
    /// A ScaledObject of KEDA scales it by a metric that names the queue's key.
    ScaledObject {
        name: Str,
        metric: Str,
    },
    /// An autoscaler does.
    Hpa {
        name: Str,
        metric: Str,
    },
    /// Its pod template names the queue: where.
    Template(Str),
}

/// An autoscaler of a workload. Under KEDA these are the bounds of the HPA that KEDA keeps: it is never below 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    pub name: Str,
    pub keda: bool,
    pub min: u32,
    pub max: u32,
}

impl WorkedBy {
    /// It was concluded from a name and could be wrong.
    pub fn is_guess(&self) -> bool {
        !matches!(self.known, Known::Configuration | Known::Connections(_))
    }

    /// How it is known, in one sentence.
    pub fn how(&self) -> String {
        match &self.known {
            Known::Configuration => "by the configuration".to_owned(),
            Known::Connections(0) => "its workers were connected from its pods before".to_owned(),
            Known::Connections(1) => "its workers are connected from 1 pod of it".to_owned(),
            Known::Connections(n) => format!("its workers are connected from {n} pods of it"),
            Known::ScaledObject { name, metric } => {
                format!("a guess: ScaledObject {name} scales it by {metric}")
            }
            Known::Hpa { name, metric } => format!("a guess: HPA {name} scales it by {metric}"),
            Known::Template(place) => format!("a guess: {place} of its pods names the queue"),
        }
    }

    /// `cortex-worker`
    pub fn name(&self) -> &str {
        self.workload.rsplit('/').next().unwrap_or(&self.workload)
    }
}

impl Scaler {
    /// `KEDA 4–12`, `HPA 2–8`
    pub fn bounds(&self) -> String {
        let who = if self.keda { "KEDA" } else { "HPA" };
        format!("{who} {}–{}", self.min, self.max)
    }
}

/// By set and queue.
pub(super) type Workers = BTreeMap<Str, BTreeMap<Str, WorkedBy>>;

/// Looks for the workload of every queue.
pub(super) fn find(world: &World) -> Workers {
    let clues = Clues::of(world);
    let mut found = Workers::new();
    for (set, queues) in &world.sources.queues {
        let before = world.queue_workers.get(set);
        let all = queues.queues.iter().filter_map(|queue| {
            let known = clues.worked_by(world, queue);
            // Workers that are gone were somewhere: that is surer than any guess.
            let was = before.and_then(|b| b.get(&queue.name)).filter(|was| {
                matches!(was.known, Known::Connections(_))
                    && known.as_ref().is_none_or(WorkedBy::is_guess)
                    && was.object.as_ref().is_some_and(|o| world.workload(o).is_some())
            });
            let known = was.map_or(known, |was| {
                Some(WorkedBy {
                    known: Known::Connections(0),
                    scaler: scaler(world, was.object.as_ref()),
                    ..was.clone()
                })
            });
            Some((queue.name.clone(), known?))
        });
        found.insert(set.clone(), all.collect());
    }
    found
}

/// What the cluster shows that can name a queue.
struct Clues<'a> {
    /// Autoscalers by a metric, plain; KEDA's before others'.
    metrics: Vec<(String, &'a str, &'a Hpa)>,
    /// Autoscalers by a label's value of a metric's selector.
    labels: Vec<(&'a str, &'a str, &'a Hpa)>,
    /// Workloads by a queue that their template names.
    templates: HashMap<&'a str, Vec<(ObjectRef, Str)>>,
    /// Workloads by a pod's address; `None`: several pods have it.
    addresses: HashMap<&'a str, Option<ObjectRef>>,
}

impl<'a> Clues<'a> {
    fn of(world: &'a World) -> Self {
        let (mut metrics, mut labels) = (Vec::new(), Vec::new());
        for hpa in world.hpas.values() {
            for metric in hpa.metrics.iter() {
                metrics.push((plain(&metric.name), &*metric.name, &**hpa));
                let telling = metric.labels.iter().filter(|(key, _)| {
                    let key = key.to_lowercase();
                    ["queue", "list", "stream"].iter().any(|word| key.contains(word))
                });
                labels.extend(telling.map(|(_, value)| (&**value, &*metric.name, &**hpa)));
            }
        }
        metrics.sort_by_key(|(.., hpa)| hpa.keda.is_none());
        let mut templates: HashMap<&str, Vec<(ObjectRef, Str)>> = HashMap::new();
        for workload in world.workloads() {
            for mention in workload.queues.iter() {
                let place = (workload.meta.object(workload.kind), mention.place.clone());
                templates.entry(&*mention.queue).or_default().push(place);
            }
        }
        Self {
            metrics,
            labels,
            templates,
            addresses: addresses(world),
        }
    }

    fn worked_by(&self, world: &World, queue: &Queue) -> Option<WorkedBy> {
        if let Some(workload) = &queue.workload {
            let object = named(world, workload);
            return Some(WorkedBy {
                workload: workload.clone(),
                scaler: scaler(world, object.as_ref()),
                object,
                known: Known::Configuration,
            });
        }
        let (object, known) = self
            .connected(queue)
            .or_else(|| self.scaled(world, queue))
            .or_else(|| self.mentioned(queue))?;
        Some(WorkedBy {
            workload: format!(
                "{}/{}/{}",
                object.kind.api().to_lowercase(),
                object.namespace,
                object.name
            )
            .into(),
            scaler: scaler(world, Some(&object)),
            object: Some(object),
            known,
        })
    }

    /// The workload from whose pods most of its workers are connected.
    fn connected(&self, queue: &Queue) -> Option<(ObjectRef, Known)> {
        let mut pods: Vec<(&ObjectRef, usize)> = Vec::new();
        for object in queue
            .hosts
            .iter()
            .filter_map(|host| self.addresses.get(&**host)?.as_ref())
        {
            match pods.iter_mut().find(|(known, _)| *known == object) {
                Some((_, n)) => *n += 1,
                None => pods.push((object, 1)),
            }
        }
        let (object, n) = pods.into_iter().max_by_key(|(_, n)| *n)?;
        Some((object.clone(), Known::Connections(n)))
    }

    fn scaled(&self, world: &World, queue: &Queue) -> Option<(ObjectRef, Known)> {
        let keys: Vec<String> = queue.keys.iter().map(|k| plain(k)).collect();
        let by_name = self.metrics.iter().find(|(metric, ..)| {
            // `s0-redis-bull-default-wait`: KEDA numbers its triggers and begins with their kind.
            let names = |key: &String| {
                metric
                    .strip_suffix(key.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('-'))
            };
            keys.iter().any(names)
        });
        let by_label = || {
            let names = |value: &str| value == &*queue.name || queue.keys.iter().any(|k| **k == *value);
            self.labels.iter().find(|(value, ..)| names(value))
        };
        let (metric, hpa) = by_name
            .map(|(_, metric, hpa)| (*metric, *hpa))
            .or_else(|| by_label().map(|(_, metric, hpa)| (*metric, *hpa)))?;
        let mut key = hpa.meta.key();
        key.name = hpa.target_name.clone();
        let target = world.workloads_of(hpa.target_kind?)?.get(&key)?;
        let metric = metric.into();
        let known = match &hpa.keda {
            Some(made_from) => Known::ScaledObject {
                name: made_from.name.clone(),
                metric,
            },
            None => Known::Hpa {
                name: hpa.meta.name.clone(),
                metric,
            },
        };
        Some((target.meta.object(target.kind), known))
    }

    /// The only workload whose template names it; of several, the only one that is called a worker.
    fn mentioned(&self, queue: &Queue) -> Option<(ObjectRef, Known)> {
        let names = std::iter::once(&queue.name).chain(queue.keys.iter());
        let mut all: Vec<&(ObjectRef, Str)> = names.filter_map(|n| self.templates.get(&**n)).flatten().collect();
        if all.len() > 1 {
            all.retain(|(object, _)| {
                ["worker", "consumer", "processor"]
                    .iter()
                    .any(|w| object.name.contains(w))
            });
        }
        all.dedup_by(|a, b| a.0 == b.0);
        match all.as_slice() {
            [(object, place)] => Some((object.clone(), Known::Template(place.clone()))),
            _ => None,
        }
    }
}

/// The workloads behind the addresses from which workers are connected.
fn addresses(world: &World) -> HashMap<&str, Option<ObjectRef>> {
    let queues = world.sources.queues.values().flat_map(|s| &s.queues);
    let hosts = queues.filter(|q| q.workload.is_none()).flat_map(|q| q.hosts.iter());
    let mut found: HashMap<&str, Option<ObjectRef>> = hosts.map(|h| (&**h, None)).collect();
    if found.is_empty() {
        return found;
    }
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for pod in world.pods.values().filter(|p| !p.ip.is_empty()) {
        let Some((host, slot)) = found
            .get_key_value(&*pod.ip)
            .map(|(h, _)| *h)
            .and_then(|h| Some((h, found.get_mut(h)?)))
        else {
            continue;
        };
        // Pods on their node's own network share its address.
        let n = taken.entry(host).or_default();
        *n += 1;
        let owner = world.top_owner(pod).filter(|o| world.workloads_of(o.kind).is_some());
        *slot = owner.filter(|_| *n == 1);
    }
    found
}

/// Letters and digits in lower case, everything else a hyphen: names are written differently where they are not free.
fn plain(name: &str) -> String {
    let one = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(one).collect()
}

/// The object that `kind/namespace/name` names now.
fn named(world: &World, workload: &str) -> Option<ObjectRef> {
    let mut parts = workload.split('/');
    let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.api().eq_ignore_ascii_case(kind) || known.short() == kind)?;
    let found = world.workloads_of(kind)?.get(&super::Key::new(namespace, name))?;
    Some(found.meta.object(kind))
}

fn scaler(world: &World, object: Option<&ObjectRef>) -> Option<Scaler> {
    let hpa = world.hpa_of(world.workload(object?)?)?;
    Some(Scaler {
        name: hpa.bounds_at().name,
        keda: hpa.keda.is_some(),
        min: hpa.min,
        max: hpa.max,
    })
}
