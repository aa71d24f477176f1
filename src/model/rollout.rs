//! The state of a rollout: kubectl's `rollout status` rules (reference B6), plus the reason found in its pods.

use jiff::{SignedDuration, Timestamp};

use super::{ContainerState, Kind, Pod, Str, Strategy, Workload, World};

/// What holds a rollout up, found in the pods of its newest revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable`, `FailedCreate`, …
    pub reason: Str,
    /// What it concerns: the image, the container, the quota's sentence.
    pub about: String,
    /// How many pods say so.
    pub pods: usize,
    /// Since when, by the objects' own timestamps.
    pub since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutState {
    Complete,
    /// `done` of `want` pods are updated and available.
    Progressing {
        done: u32,
        want: u32,
    },
    Stalled {
        done: u32,
        want: u32,
        trouble: Option<Trouble>,
        since: Option<Timestamp>,
    },
    Paused,
    ScaledToZero,
    /// The controller has not seen the newest spec yet.
    Unobserved,
    /// Complete by revision, but fewer pods are available than wanted (they died later).
    Degraded {
        available: u32,
        want: u32,
        trouble: Option<Trouble>,
    },
}

/// Whether the deadline passed, by the Deployment's own condition.
#[allow(clippy::option_option)] // whether, and since when if the server says
fn deadline_exceeded(w: &Workload) -> Option<Option<Timestamp>> {
    w.condition("Progressing")
        .filter(|c| &*c.reason == "ProgressDeadlineExceeded")
        .map(|c| c.since)
}

/// Judges a workload at server time `now`.
pub fn rollout_state(world: &World, w: &Workload, now: Timestamp) -> RolloutState {
    if w.desired == 0 && w.kind != Kind::DaemonSet {
        return RolloutState::ScaledToZero;
    }
    if w.observed < w.generation {
        return RolloutState::Unobserved;
    }
    let partition = if let Strategy::Ordered { partition } = w.strategy {
        partition
    } else {
        0
    };
    let want = w.desired.saturating_sub(partition);
    let on_delete = w.strategy == Strategy::OnDelete;
    let rolled = match w.kind {
        Kind::Deployment => w.updated >= w.desired && w.replicas <= w.updated,
        Kind::StatefulSet if partition > 0 => w.updated >= want,
        Kind::StatefulSet => w.current_revision == w.update_revision || w.updated >= w.desired,
        _ => w.updated >= w.desired,
    } || on_delete;
    let up = if w.kind == Kind::StatefulSet {
        w.ready.min(w.available.max(w.ready))
    } else {
        w.available
    };
    if rolled && up >= w.desired {
        return if w.paused {
            RolloutState::Paused
        } else {
            RolloutState::Complete
        };
    }
    let trouble = trouble_of(world, w);
    let done = done_pods(world, w);
    let exceeded = deadline_exceeded(w);
    if let Some(since) = exceeded {
        // The condition's own time is when the deadline passed; the trouble began with the pods.
        let since = trouble.as_ref().and_then(|t| t.since).or(since);
        return RolloutState::Stalled {
            done,
            want,
            trouble,
            since,
        };
    }
    if w.paused {
        return RolloutState::Paused;
    }
    if rolled {
        return RolloutState::Degraded {
            available: up,
            want: w.desired,
            trouble,
        };
    }
    if let Some(t) = &trouble {
        // New pods that cannot become ready by themselves: image, crash loop, quota, no node for a minute.
        let hopeless = matches!(
            &*t.reason,
            "ImagePullBackOff"
                | "ErrImagePull"
                | "InvalidImageName"
                | "CrashLoopBackOff"
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "FailedCreate"
        );
        let waited = t
            .since
            .is_some_and(|s| now.duration_since(s) >= SignedDuration::from_secs(60));
        if hopeless && waited {
            return RolloutState::Stalled {
                done,
                want,
                since: t.since,
                trouble,
            };
        }
    }
    let idle = newest_pod_change(world, w).or(Some(w.meta.created));
    if idle.is_some_and(|t| now.duration_since(t) >= SignedDuration::from_secs(i64::from(w.deadline_s)))
        && w.kind != Kind::Deployment
    {
        return RolloutState::Stalled {
            done,
            want,
            since: idle,
            trouble,
        };
    }
    RolloutState::Progressing { done, want }
}

/// Pods of the newest revision that are ready.
fn done_pods(world: &World, w: &Workload) -> u32 {
    let hash = newest_hash(world, w);
    let ready = world
        .pods_of(w)
        .filter(|p| p.is_ready && p.meta.deleting.is_none() && hash.as_deref().is_none_or(|h| runs(p, h)))
        .count() as u32;
    ready.min(w.updated.max(ready))
}

fn runs(pod: &Pod, hash: &str) -> bool {
    // ControllerRevision hashes appear with the workload's name before them on StatefulSet pods.
    &*pod.revision_hash == hash || pod.revision_hash.ends_with(hash)
}

fn newest_hash(world: &World, w: &Workload) -> Option<Str> {
    if w.kind == Kind::StatefulSet && !w.update_revision.is_empty() {
        return Some(w.update_revision.clone());
    }
    let number = w.revision;
    if number > 0 {
        return world
            .revisions_of(w)
            .find(|r| r.number == number)
            .map(|r| r.hash.clone());
    }
    world.newest_revision(w).map(|r| r.hash.clone())
}

fn newest_pod_change(world: &World, w: &Workload) -> Option<Timestamp> {
    world
        .pods_of(w)
        .map(|p| p.ready_since.unwrap_or(p.meta.created).max(p.meta.created))
        .max()
}

/// The trouble that most pods of the newest revision share; a refusal to create pods comes first.
pub fn trouble_of(world: &World, w: &Workload) -> Option<Trouble> {
    if let Some(c) = w.condition("ReplicaFailure").filter(|c| &*c.status == "True") {
        return Some(Trouble {
            reason: c.reason.clone(),
            about: c.message.to_string(),
            pods: 0,
            since: c.since,
        });
    }
    let hash = newest_hash(world, w);
    let mut found: Vec<Trouble> = Vec::new();
    for pod in world.pods_of(w).filter(|p| hash.as_deref().is_none_or(|h| runs(p, h))) {
        let Some((reason, about, since)) = pod_trouble(pod) else {
            continue;
        };
        if let Some(t) = found.iter_mut().find(|t| t.reason == reason && t.about == about) {
            t.pods += 1;
            t.since = t.since.into_iter().chain(since).min();
        } else {
            found.push(Trouble {
                reason,
                about,
                pods: 1,
                since,
            });
        }
    }
    found.into_iter().max_by_key(|t| t.pods)
}

/// Why a pod is not ready, in the fewest words that are true.
pub(crate) fn pod_trouble(pod: &Pod) -> Option<(Str, String, Option<Timestamp>)> {
    if pod.is_ready || pod.meta.deleting.is_some() || pod.phase == super::Phase::Succeeded {
        return None;
    }
    if let Some((message, since)) = &pod.unschedulable {
        return Some(("Unschedulable".into(), message.to_string(), *since));
    }
    if let Some((container, reason)) = pod.image_trouble() {
        // ErrImagePull and ImagePullBackOff alternate: one cause, one name.
        let reason = if reason == "ErrImagePull" {
            "ImagePullBackOff"
        } else {
            reason
        };
        return Some((reason.into(), container.image.to_string(), Some(pod.meta.created)));
    }
    for c in pod.containers.iter() {
        match &c.state {
            ContainerState::Waiting { reason, .. }
                if !matches!(&**reason, "ContainerCreating" | "PodInitializing" | "") =>
            {
                let since = c.last.as_ref().and_then(|l| l.finished).or(Some(pod.meta.created));
                let about = c.last.as_ref().map_or_else(
                    || c.name.to_string(),
                    |l| format!("{} exited {} ({})", c.name, l.exit_code, l.reason),
                );
                return Some((reason.clone(), about, since));
            }
            ContainerState::Terminated(end) if end.exit_code != 0 => {
                return Some((
                    end.reason.clone(),
                    format!("{} exited {}", c.name, end.exit_code),
                    end.finished,
                ));
            }
            _ => {}
        }
    }
    if pod.phase == super::Phase::Running {
        return Some((
            "NotReady".into(),
            String::new(),
            pod.ready_since.or(Some(pod.meta.created)),
        ));
    }
    None
}
