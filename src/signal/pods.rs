//! Pods: image, memory, crash loops, restarts, pending, not ready. One finding for each owner and reason.
//!
//! A healthy pod costs one comparison when it changed; everything else happens only for the few that are not calm.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Look};
use super::restarts::{Restarts, killed_for_memory};
use super::{Evidence, Severity, Signal, Subject, Title};
use crate::model::{Container, ContainerState, Key, Kind, ObjectRef, Phase, Pod, Uid, Workload, World};
use crate::text;

const NEEDS: &[Kind] = &[Kind::Pod, Kind::ReplicaSet, Kind::Job];

/// The one reason under which a pod is counted: the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Why {
    Image,
    Memory,
    CrashLoop,
    Restarts,
    Pending,
    NotReady,
}

/// What is remembered between looks.
#[derive(Debug, Default)]
pub(super) struct Pods {
    /// The version of the world that `suspects` is of, and what was long ago then: without a change a calm pod stays calm.
    seen: Option<(u64, Timestamp)>,
    suspects: BTreeMap<Key, Arc<Pod>>,
    restarts: HashMap<Uid, Restarts>,
}

/// Pods of one owner with one reason.
struct Group<'a> {
    why: Why,
    owner: usize,
    /// The first pods found; `count` knows all.
    pods: Vec<&'a Pod>,
    count: usize,
    since: Timestamp,
    worst_restarts: u32,
    critical: bool,
    of_new_revision: bool,
    down: bool,
}

struct Owner {
    subject: Subject,
    /// The uid of the direct owner; empty for a pod that nobody controls.
    direct: Uid,
}

impl Pods {
    pub fn look(&mut self, look: &Look<'_>, out: &mut Vec<Finding>) {
        let horizon = look.ago(look.thresholds.oom_window.max(look.thresholds.restarts_window));
        self.suspect(look.world, horizon);
        let mut known = std::mem::take(&mut self.restarts);
        for pod in self.suspects.values().filter(|p| p.restarts > 0) {
            let mut restarts = known.remove(&pod.meta.uid).unwrap_or_default();
            restarts.note(pod, look);
            self.restarts.insert(Arc::clone(&pod.meta.uid), restarts);
        }
        let mut owners: Vec<Owner> = Vec::new();
        let mut owner_of: HashMap<&str, usize> = HashMap::new();
        let mut subjects: HashMap<Subject, usize> = HashMap::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut group_of: HashMap<(usize, Why), usize> = HashMap::new();
        for pod in self.suspects.values() {
            let restarts = self.restarts.get(&pod.meta.uid);
            let Some((why, since, critical)) = judge(pod, restarts, look) else {
                continue;
            };
            let direct: &str = pod.meta.owner.as_ref().map_or(&pod.meta.uid, |o| &o.uid);
            let owner = *owner_of.entry(direct).or_insert_with(|| {
                let owner = owner(look.world, pod);
                // Two ReplicaSets of one Deployment are one owner.
                *subjects.entry(owner.subject.clone()).or_insert_with(|| {
                    owners.push(owner);
                    owners.len() - 1
                })
            });
            let at = *group_of.entry((owner, why)).or_insert_with(|| {
                groups.push(Group {
                    why,
                    owner,
                    pods: Vec::new(),
                    count: 0,
                    since,
                    worst_restarts: 0,
                    critical: false,
                    of_new_revision: true,
                    down: false,
                });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else { continue };
            group.count += 1;
            group.since = group.since.min(since);
            group.critical |= critical;
            group.down |= !pod.is_ready;
            group.worst_restarts = group.worst_restarts.max(pod.restarts);
            if group.pods.len() < Signal::MAX_RELATED {
                group.pods.push(pod);
            }
            if group.of_new_revision
                && let Some(object) = owners.get(owner).and_then(|o| o.subject.object())
                && let Some(workload) = look.world.workload(object)
            {
                group.of_new_revision = is_newest(look.world, workload, pod);
            }
        }
        for group in &groups {
            if let Some(owner) = owners.get(group.owner) {
                out.extend(self.finding(group, owner, look));
            }
        }
    }

    /// Finds the pods that are not calm: among all, or among those that changed and those that were not calm before.
    fn suspect(&mut self, world: &World, horizon: Timestamp) {
        // Where the server's clock was set back, what was long ago is so no more.
        let since = self
            .seen
            .filter(|(_, before)| *before <= horizon)
            .map(|(version, _)| version);
        if since == Some(world.version) {
            return;
        }
        self.seen = Some((world.version, horizon));
        let Some(changed) = since.and_then(|version| world.pods_since(version)) else {
            let all = world.pods.iter().filter(|(_, p)| !is_calm(p, horizon));
            self.suspects = all.map(|(key, p)| (key.clone(), Arc::clone(p))).collect();
            return;
        };
        for key in changed {
            match world.pods.get(key) {
                Some(pod) => self.suspects.insert(key.clone(), Arc::clone(pod)),
                None => self.suspects.remove(key),
            };
        }
        self.suspects.retain(|_, pod| !is_calm(pod, horizon));
    }

    /// Pods that are not calm, on nodes that are down, by node.
    pub fn on_node<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.suspects.values().filter(move |p| &*p.node == node && !p.is_ready)
    }

    fn finding(&self, group: &Group<'_>, owner: &Owner, look: &Look<'_>) -> Option<Finding> {
        let pod = *group.pods.first()?;
        let t = look.thresholds;
        let total = live_pods(look.world, owner);
        let all = total.is_some_and(|total| group.count >= total);
        let container = guilty(pod, group.why);
        let exit = container.and_then(exit_of);
        let (id, runbook, state, after) = match group.why {
            Why::Image => ("pod.image", "stalled-rollout", "image not pulled", SignedDuration::ZERO),
            Why::Memory => ("pod.oom", "out-of-memory", "out of memory", SignedDuration::ZERO),
            Why::CrashLoop => ("pod.crashloop", "crash-loop", "crash looping", SignedDuration::ZERO),
            Why::Restarts => ("pod.restarts", "crash-loop", "restarting", SignedDuration::ZERO),
            Why::Pending => ("pod.pending", "pending-pods", "pending", t.pending_for),
            Why::NotReady => ("pod.not-ready", "crash-loop", "not ready", t.not_ready_for),
        };
        let critical = match group.why {
            Why::Image => true,
            Why::Memory | Why::Restarts => group.critical,
            Why::CrashLoop | Why::Pending | Why::NotReady => all,
        };
        let severity = if critical {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let what = match total {
            Some(total) if group.count > 1 => format!("{}/{total} pods of {}", group.count, owner.subject.name()),
            None if group.count > 1 => format!("{} pods of {}", group.count, owner.subject.name()),
            _ => format!("pod {}", pod.meta.name),
        };
        let times = |n: u32| {
            if n == 1 {
                "1 restart".to_owned()
            } else {
                format!("{n} restarts")
            }
        };
        let (cause, about) = match group.why {
            Why::Image => (
                container.map_or(String::new(), |c| waiting_reason(c).to_owned()),
                container.map_or(String::new(), |c| c.image.to_string()),
            ),
            Why::Memory => (
                "OOMKilled".to_owned(),
                container.map_or(String::new(), |c| c.name.to_string()),
            ),
            Why::CrashLoop => (
                exit.clone().unwrap_or_else(|| "CrashLoopBackOff".to_owned()),
                format!("({})", times(group.worst_restarts)),
            ),
            Why::Restarts => {
                let n = group
                    .pods
                    .iter()
                    .filter_map(|p| Some(self.restarts.get(&p.meta.uid)?.within()))
                    .max();
                let window = text::age(t.restarts_window);
                (
                    format!("{} times in {window}", n.unwrap_or_default()),
                    exit.clone().unwrap_or_default(),
                )
            }
            Why::Pending => pod.unschedulable.as_ref().map_or_else(
                || (pod.status.to_string(), pod.message.to_string()),
                |(message, _)| ("Unschedulable".to_owned(), message.to_string()),
            ),
            Why::NotReady => {
                let names: Vec<&str> = pod.containers.iter().filter(|c| !c.ready).map(|c| &*c.name).collect();
                (names.join(", "), String::new())
            }
        };
        let mut evidence = vec![Evidence::new(
            "pods",
            total.map_or_else(
                || group.count.to_string(),
                |total| format!("{} of {total}", group.count),
            ),
        )];
        if group.worst_restarts > 0 {
            evidence.push(Evidence::new("restarts", group.worst_restarts));
        }
        if let Some(exit) = exit {
            evidence.push(Evidence::new("last exit", exit));
        }
        if let Some(container) = container {
            evidence.push(Evidence::new("image", &container.image));
        }
        if !pod.message.is_empty() {
            evidence.push(Evidence::new("message", &pod.message));
        }
        if !pod.node.is_empty() && group.count == 1 {
            evidence.push(Evidence::new("node", &pod.node));
        }
        let mut finding = Finding::new(id, severity, owner.subject.clone(), NEEDS);
        finding.title = Title {
            what,
            state: state.to_owned(),
            cause,
            about,
        };
        finding.evidence = evidence;
        finding.since = Some(group.since);
        finding.after = after;
        finding.runbook = Some(runbook);
        finding.related = group.pods.iter().map(|p| p.meta.object(Kind::Pod)).collect();
        finding.count = group.count;
        finding.of_new_revision = group.of_new_revision;
        finding.down = group.down;
        Some(finding)
    }
}

/// Nothing to look at: serving without a recent restart, or finished.
fn is_calm(pod: &Pod, horizon: Timestamp) -> bool {
    match pod.phase {
        Phase::Running => pod.is_ready && pod.last_restart.is_none_or(|t| t < horizon),
        // What failed for good is its Job's matter, or was replaced.
        Phase::Succeeded | Phase::Failed => true,
        Phase::Pending | Phase::Unknown => false,
    }
}

/// The reason, since when, and whether this pod alone makes it critical.
fn judge(pod: &Pod, restarts: Option<&Restarts>, look: &Look<'_>) -> Option<(Why, Timestamp, bool)> {
    let t = look.thresholds;
    if pod.meta.deleting.is_some() {
        return None;
    }
    // The Ready condition turns false when the trouble starts; a pod that never was ready has it since its creation.
    let unready = if pod.is_ready { None } else { pod.ready_since };
    let since = unready.unwrap_or(pod.meta.created).max(pod.meta.created);
    if pod.image_trouble().is_some() {
        return Some((Why::Image, since, true));
    }
    let recent = |window: SignedDuration| pod.last_restart.is_some_and(|at| look.now.duration_since(at) <= window);
    let looping = pod.crash_looping().is_some()
        || (!pod.is_ready && pod.restarts >= 3 && recent(t.restarts_window) && pod.phase == Phase::Running);
    if let Some(at) = killed_for_memory(pod)
        && look.now.duration_since(at) <= t.oom_window
    {
        let since = unready.unwrap_or(at).min(at);
        let twice = restarts.is_some_and(|r| r.killed_twice(t.oom_twice));
        return Some((Why::Memory, since, looping || twice));
    }
    if looping {
        let since = unready.or(pod.last_restart).unwrap_or(pod.meta.created);
        return Some((Why::CrashLoop, since, false));
    }
    if let Some(restarts) = restarts {
        let n = restarts.within();
        if n > t.restarts_warning {
            return Some((Why::Restarts, restarts.first()?, n > t.restarts_critical));
        }
    }
    if pod.is_ready || look.node_is_down(&pod.node) {
        return None;
    }
    match pod.phase {
        Phase::Pending => {
            let since = pod
                .unschedulable
                .as_ref()
                .and_then(|(_, since)| *since)
                .unwrap_or(pod.meta.created);
            Some((Why::Pending, since, false))
        }
        Phase::Running | Phase::Unknown => Some((Why::NotReady, since, false)),
        Phase::Succeeded | Phase::Failed => None,
    }
}

/// The container that the reason is about.
fn guilty(pod: &Pod, why: Why) -> Option<&Container> {
    match why {
        Why::Image => pod.image_trouble().map(|(c, _)| c),
        Why::Memory => pod.containers.iter().find(|c| {
            matches!(&c.state, ContainerState::Terminated(end) if &*end.reason == "OOMKilled")
                || c.last.as_ref().is_some_and(|end| &*end.reason == "OOMKilled")
        }),
        Why::CrashLoop => pod
            .crash_looping()
            .or_else(|| pod.containers.iter().max_by_key(|c| c.restarts)),
        Why::Restarts => pod.containers.iter().max_by_key(|c| c.restarts),
        Why::Pending | Why::NotReady => None,
    }
}

/// ErrImagePull and ImagePullBackOff alternate: one cause, one name.
fn waiting_reason(container: &Container) -> &str {
    match &container.state {
        ContainerState::Waiting { reason, .. } if &**reason == "ErrImagePull" => "ImagePullBackOff",
        ContainerState::Waiting { reason, .. } => reason,
        _ => "",
    }
}

/// `app exited 1 (Error)`
fn exit_of(container: &Container) -> Option<String> {
    let end = match &container.state {
        ContainerState::Terminated(end) => end,
        _ => container.last.as_ref()?,
    };
    Some(format!("{} exited {} ({})", container.name, end.exit_code, end.reason))
}

fn owner(world: &World, pod: &Pod) -> Owner {
    let subject = match (world.top_owner(pod), &pod.meta.owner) {
        (Some(object), _) => Subject::Object(object),
        (None, Some(owner)) => Subject::Named {
            kind: owner.kind.to_lowercase().into(),
            namespace: Arc::clone(&pod.meta.namespace),
            name: Arc::clone(&owner.name),
        },
        (None, None) => Subject::Object(pod.meta.object(Kind::Pod)),
    };
    let direct = pod
        .meta
        .owner
        .as_ref()
        .map_or_else(|| "".into(), |o| Arc::clone(&o.uid));
    Owner { subject, direct }
}

/// How many pods the owner has that should serve; `None` where "all of them" means nothing: Jobs and single pods.
fn live_pods(world: &World, owner: &Owner) -> Option<usize> {
    let live = |p: &&Arc<Pod>| p.meta.deleting.is_none() && !matches!(p.phase, Phase::Succeeded | Phase::Failed);
    match owner.subject.object() {
        Some(ObjectRef {
            kind: Kind::Pod | Kind::Job | Kind::CronJob,
            ..
        }) => None,
        Some(object) if world.workload(object).is_some() => {
            world.workload(object).map(|w| world.pods_of(w).filter(live).count())
        }
        _ => Some(world.pods_owned_by(&owner.direct).filter(live).count()),
    }
}

/// Whether the pod runs the newest revision of its workload, as far as is known.
pub(super) fn is_newest(world: &World, workload: &Workload, pod: &Pod) -> bool {
    let hash = match workload.kind {
        Kind::Deployment => {
            let number = world.revision_of(workload);
            let owner = pod.meta.owner.as_ref();
            return world
                .revisions_of(workload)
                .find(|r| owner.is_some_and(|o| o.uid == r.meta.uid))
                .is_none_or(|r| r.number == number);
        }
        Kind::StatefulSet if !workload.update_revision.is_empty() => Arc::clone(&workload.update_revision),
        _ => match world.newest_revision(workload) {
            Some(revision) => Arc::clone(&revision.hash),
            None => return true,
        },
    };
    // The label of a StatefulSet's pod has the workload's name before the hash.
    pod.revision_hash == hash || pod.revision_hash.ends_with(&*hash)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ago, crashing, no_image, pod, secs, t0};
    use super::*;
    use crate::model::{Batch, Change};

    #[test]
    fn pods_judged_by_what_changed_are_those_that_a_look_at_all_finds() {
        let mut random = fastrand::Rng::with_seed(5);
        let (mut world, mut pods, mut found) = (World::default(), Pods::default(), 0);
        let mut horizon = ago(60);
        for round in 0..600 {
            // Sometimes more than is remembered, sometimes nothing; sometimes the clock goes back.
            let count = if round % 200 == 199 { 5_000 } else { random.usize(0..4) };
            let some = (0..count).map(|_| {
                let name = format!("p{}", random.u8(0..30));
                let new = match random.u8(0..5) {
                    0 => return Change::Pod(pod(&name, "web-a").meta.key(), None),
                    1 => crashing(&name, "web-a", "Error", 3, ago(random.i64(0..90))),
                    2 => no_image(&name, "web-a", ago(9)),
                    3 => {
                        let mut pod = pod(&name, "web-a");
                        (pod.restarts, pod.last_restart) = (1, Some(ago(random.i64(0..90))));
                        pod
                    }
                    _ => pod(&name, "web-a"),
                };
                Change::Pod(new.meta.key(), Some(new.into()))
            });
            world.apply(Batch {
                changes: some.collect(),
                ..Batch::default()
            });
            horizon += secs(random.i64(-40..60));
            if random.bool() {
                pods.suspect(&world, horizon);
                let mut anew = Pods::default();
                anew.suspect(&world, horizon);
                assert_eq!(pods.suspects, anew.suspects, "round {round}");
                found += pods.suspects.len();
            }
        }
        assert!(
            found > 600 && horizon > ago(60) && horizon < t0() + secs(86_400),
            "{found}"
        );
    }
}
