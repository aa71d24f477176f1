//! Facts from the observed world, for one subject at one time.

mod certificate;
mod cluster;
mod horizon;
mod postgres;
mod queue;
mod redis;
mod service;

use super::{About, Fact, Facts, Subject, registry};
use crate::model::{
    Container, ContainerState, Ended, FeedId, Freshness, HpaMetric, Kind, ObjectRef, Pod, Problem, Revision,
    RolloutState, Seen, SourceId, SourceKind, Steward, Str, Workload, World, rollout_state, trouble_of,
};
use crate::runbook::value::Value;
use jiff::Timestamp;
use std::sync::Arc;

/// The object as facts and parameters write it: `deployment/cortex/cortex-api`.
pub fn target_text(object: &ObjectRef) -> String {
    format!(
        "{}/{}/{}",
        object.kind.api().to_lowercase(),
        object.namespace,
        object.name
    )
}

/// Computes every fact of the registry for `subject`. `now` is the console's time; ages use the server's.
pub fn of(world: &World, subject: &Subject, now: Timestamp) -> Facts {
    let mut maker = Maker {
        world,
        ours: now,
        now: world.server_now(now),
        facts: Facts::new(),
    };
    maker.workload(subject);
    maker.pod(subject);
    maker.signal(subject);
    maker.cluster(subject);
    maker.queue(subject);
    maker.postgres(subject);
    maker.redis(subject);
    maker.certificate(subject);
    maker.service(subject);
    maker.alert(subject);
    maker.http(subject);
    maker.facts
}

struct Maker<'a> {
    world: &'a World,
    ours: Timestamp,
    now: Timestamp,
    facts: Facts,
}

/// Seconds from `then` to `now`; never negative, however the clocks stand.
fn seconds(now: Timestamp, then: Timestamp) -> i64 {
    now.duration_since(then).as_secs().max(0)
}

/// A fact's name, its value, and why it is absent when there is none.
type Row = (&'static str, Option<Value>, &'static str);

/// A value that there is.
#[allow(clippy::unnecessary_wraps)] // it stands in a row beside those that may be missing
fn known(value: impl Into<Value>) -> Option<Value> {
    Some(value.into())
}

fn maybe(value: Option<impl Into<Value>>) -> Option<Value> {
    value.map(Into::into)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Maker<'_> {
    /// Sets several facts that rest on the same.
    fn many(&mut self, blocked: Option<&Fact>, rows: Vec<Row>) {
        for (name, value, absent) in rows {
            self.put(name, blocked, value, absent);
        }
    }

    /// Why facts that rest on these kinds are not known now, if they are not.
    fn blocked(&self, kinds: &[Kind]) -> Option<Fact> {
        let worst = kinds
            .iter()
            .map(|kind| (self.world.feed(FeedId::Watch(*kind)), *kind))
            .find(|(feed, _)| !feed.is_fresh());
        let (feed, kind) = worst?;
        Some(match feed {
            Freshness::Fresh => return None,
            Freshness::Off | Freshness::Syncing { .. } => {
                Fact::Denied(format!("{} are still being loaded", kind.plural()))
            }
            Freshness::Stale { since, .. } => Fact::Stale {
                seconds: seconds(self.ours, *since),
                last: None,
            },
            Freshness::Failed { why, .. } | Freshness::Forbidden { why } => Fact::Denied(why.to_string()),
            Freshness::Absent { why } => Fact::Absent(why.to_string()),
        })
    }

    /// Why facts that rest on this view of a source are not known now, if they are not.
    fn unread<T>(&self, kind: SourceKind, name: &Str, seen: &Seen<T>) -> Option<Fact> {
        let id = SourceId {
            kind,
            name: name.clone(),
        };
        match self.world.sources.reach.get(&id) {
            Some(Freshness::Stale { since, .. }) => {
                return Some(Fact::Stale {
                    seconds: seconds(self.ours, *since),
                    last: None,
                });
            }
            Some(Freshness::Failed { why, .. } | Freshness::Forbidden { why }) => {
                return Some(Fact::Denied(why.to_string()));
            }
            Some(Freshness::Absent { why }) => return Some(Fact::Absent(why.to_string())),
            _ => {}
        }
        match (&seen.problem, &seen.value) {
            (None, Some(_)) => None,
            (None, None) => Some(Fact::Denied("it is still being read".to_owned())),
            (Some(_), Some(_)) => Some(Fact::Stale {
                seconds: seen.at.map_or(0, |at| seconds(self.ours, at)),
                last: None,
            }),
            (Some(Problem::Absent { what, .. }), None) => Some(Fact::Absent(what.to_string())),
            (Some(Problem::Denied { what, grant }), None) => Some(Fact::Denied(format!("{what}; {grant}"))),
            (Some(other), None) => Some(Fact::Denied(other.words().to_owned())),
        }
    }

    /// Sets a fact that rests on kinds which may be blocked. `None` is absent, because of `absent`.
    fn put<V: Into<Value>>(&mut self, name: &str, blocked: Option<&Fact>, value: Option<V>, absent: &str) {
        let value = value.map(Into::into);
        let fact = match (blocked, value) {
            (Some(Fact::Stale { seconds, .. }), last) => Fact::Stale {
                seconds: *seconds,
                last,
            },
            (Some(other), _) => other.clone(),
            (None, Some(value)) => Fact::Known(value),
            (None, None) => Fact::Absent(absent.to_owned()),
        };
        self.facts.set(name, fact);
    }

    /// Sets all facts of a family to one that is not known.
    fn all(&mut self, family: &str, fact: &Fact) {
        for spec in registry().filter(|spec| spec.path.starts_with(family)) {
            self.facts.set(spec.path, fact.clone());
        }
    }

    fn workload(&mut self, subject: &Subject) {
        let Some(object) = &subject.workload else {
            self.all("rollout.", &Fact::Absent("no workload owns this pod".to_owned()));
            return;
        };
        let own = self.blocked(&[object.kind]);
        let Some(workload) = self.world.workload(object).cloned() else {
            let gone = Fact::Absent(format!("{object} is gone, or was made anew"));
            self.all("rollout.", &own.unwrap_or(gone));
            return;
        };
        let w = &*workload;
        let own = own.as_ref();
        let kind = w.kind.api().to_lowercase();
        self.put("rollout.target", own, Some(target_text(object)), "");
        self.put("rollout.kind", own, Some(kind), "");
        self.put("rollout.name", own, Some(w.meta.name.to_string()), "");
        self.put("rollout.namespace", own, Some(w.meta.namespace.to_string()), "");
        self.put("rollout.paused", own, Some(w.paused), "");
        for (name, count) in [
            ("rollout.desired", w.desired),
            ("rollout.updated", w.updated),
            ("rollout.ready", w.ready),
            ("rollout.available", w.available),
        ] {
            self.put(name, own, Some(i64::from(count)), "");
        }
        let images: Vec<&str> = w.containers.iter().filter(|c| !c.init).map(|c| &*c.image).collect();
        self.put("rollout.image", own, Some(images.join(", ")), "");
        self.put("rollout.managed_by", own, Some(steward_text(w.steward.as_ref())), "");
        let gitops = matches!(
            w.steward,
            Some(Steward::ArgoCd { .. } | Steward::FluxKustomization { .. } | Steward::FluxHelmRelease { .. })
        );
        self.put("rollout.gitops", own, Some(gitops), "");
        self.progress(w);
        self.history(w);
        self.pods(w);
        let blocked = self.blocked(&[Kind::Hpa]);
        let hpa = self.world.hpa_of(w).cloned();
        self.put("rollout.autoscaled", blocked.as_ref(), Some(hpa.is_some()), "");
        let (min, max) = (
            hpa.as_ref().map(|h| i64::from(h.min)),
            hpa.as_ref().map(|h| i64::from(h.max)),
        );
        self.put("rollout.hpa.min", blocked.as_ref(), min, "no HPA sets its replicas");
        self.put("rollout.hpa.max", blocked.as_ref(), max, "no HPA sets its replicas");
        let wanted = hpa.as_ref().map(|h| i64::from(h.desired));
        self.put(
            "rollout.hpa.desired",
            blocked.as_ref(),
            wanted,
            "no HPA sets its replicas",
        );
        let keda = hpa.as_ref().map(|h| h.keda.is_some());
        self.put("rollout.hpa.keda", blocked.as_ref(), keda, "no HPA sets its replicas");
        let metric = hpa.as_ref().and_then(|h| {
            let of = |m: &HpaMetric| Some((m.current? / m.target.max(f64::EPSILON), m.name.clone()));
            h.metrics.iter().filter_map(of).max_by(|a, b| a.0.total_cmp(&b.0))
        });
        let unread = "its metric is not read";
        self.put(
            "rollout.hpa.load",
            blocked.as_ref(),
            metric.as_ref().map(|m| m.0),
            unread,
        );
        let name = metric.map(|m| m.1.to_string());
        self.put("rollout.hpa.metric", blocked.as_ref(), name, unread);
        let why = hpa.as_ref().and_then(|h| {
            let bad = |c: &&crate::model::Condition| {
                matches!(&*c.kind, "AbleToScale" | "ScalingActive") && &*c.status == "False"
            };
            h.conditions
                .iter()
                .find(bad)
                .map(|c| format!("{}: {}", c.reason, c.message))
        });
        let able = hpa.as_ref().map(|_| why.is_none());
        self.put("rollout.hpa.able", blocked.as_ref(), able, "no HPA sets its replicas");
        self.put(
            "rollout.hpa.trouble",
            blocked.as_ref(),
            why,
            "the HPA says nothing of trouble",
        );
    }

    fn progress(&mut self, w: &Workload) {
        let blocked = self.blocked(&[w.kind, Kind::Pod, revision_kind(w)]);
        let blocked = blocked.as_ref();
        let state = rollout_state(self.world, w, self.now);
        let word = match &state {
            RolloutState::Complete => "complete",
            RolloutState::Progressing { .. } => "progressing",
            RolloutState::Stalled { .. } => "stalled",
            RolloutState::Paused => "paused",
            RolloutState::ScaledToZero => "scaled to zero",
            RolloutState::Unobserved => "not yet observed",
            RolloutState::Degraded { .. } => "degraded",
        };
        self.put("rollout.state", blocked, Some(word), "");
        self.put(
            "rollout.stalled",
            blocked,
            Some(matches!(state, RolloutState::Stalled { .. })),
            "",
        );
        self.put(
            "rollout.complete",
            blocked,
            Some(matches!(state, RolloutState::Complete)),
            "",
        );
        let since = if let RolloutState::Stalled { since, .. } = &state {
            *since
        } else {
            None
        };
        self.put(
            "rollout.stalled_for",
            blocked,
            since.map(|since| seconds(self.now, since)),
            "it is not stalled",
        );
        let trouble = trouble_of(self.world, w);
        self.put(
            "rollout.reason",
            blocked,
            trouble.as_ref().map(|t| t.reason.to_string()),
            "no pod says why",
        );
        self.put("rollout.about", blocked, trouble.map(|t| t.about), "no pod says why");
    }

    fn history(&mut self, w: &Workload) {
        let blocked = self.blocked(&[w.kind, revision_kind(w)]);
        let blocked = blocked.as_ref();
        let current = self.world.revision_of(w);
        let mut older: Vec<&Arc<Revision>> = self.world.revisions_of(w).filter(|r| r.number < current).collect();
        older.sort_by_key(|r| r.number);
        let previous = older.iter().rev().find(|r| r.ready > 0).or(older.last()).copied();
        let newest = self.world.revisions_of(w).find(|r| r.number == current);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let revision = (current > 0).then(|| number(current));
        let images = previous.map(|r| {
            r.images
                .iter()
                .filter(|c| !c.init)
                .map(|c| &*c.image)
                .collect::<Vec<_>>()
                .join(", ")
        });
        let none = "no older revision is kept";
        let count = self.world.revisions_of(w).count();
        let changed = newest.map(|r| seconds(self.now, r.meta.created));
        let previous = previous.map(|r| number(r.number));
        self.put("rollout.revision", blocked, revision, "it has no revision yet");
        self.put("rollout.previous_revision", blocked, previous, none);
        self.put("rollout.previous_image", blocked, images, none);
        self.put("rollout.revisions", blocked, Some(number(count as u64)), "");
        self.put(
            "rollout.changed_for",
            blocked,
            changed,
            "the newest revision is not in the history",
        );
    }

    fn pods(&mut self, w: &Workload) {
        let blocked = self.blocked(&[w.kind, Kind::Pod, revision_kind(w)]);
        let blocked = blocked.as_ref();
        let pods: Vec<&Arc<Pod>> = self.world.pods_of(w).collect();
        let mut bad: Vec<&Arc<Pod>> = pods.iter().copied().filter(|pod| pod.is_bad()).collect();
        bad.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        let new: Vec<_> = pods.iter().filter(|p| is_newest(self.world, w, p)).collect();
        let new_ready = new.iter().filter(|p| p.is_ready && p.meta.deleting.is_none()).count();
        let new = new.iter().filter(|p| p.is_bad()).count();
        let crashing = pods.iter().filter(|pod| pod.crash_looping().is_some()).count();
        let names = bad.iter().take(5).map(|pod| Value::text(&*pod.meta.name)).collect();
        let quiet = pods.iter().map(|pod| seconds(self.now, last_stir(pod))).min();
        for (name, count) in [
            ("rollout.pods", pods.len()),
            ("rollout.new_ready", new_ready),
            ("rollout.bad_pods", bad.len()),
            ("rollout.bad_new_pods", new),
            ("rollout.bad_old_pods", bad.len() - new),
            ("rollout.crashing", crashing),
        ] {
            self.put(name, blocked, Some(count as i64), "");
        }
        self.put("rollout.quiet_for", blocked, quiet, "it has no pods");
        self.put("rollout.bad_names", blocked, Some(Value::List(names)), "");
    }

    fn pod(&mut self, subject: &Subject) {
        let blocked = self.blocked(&[Kind::Pod]);
        let workload = subject
            .workload
            .as_ref()
            .and_then(|object| self.world.workload(object))
            .cloned();
        let named = subject.pod.as_ref().and_then(|object| self.world.pod(object)).cloned();
        let worst = || {
            let pods = self.world.pods_of(workload.as_ref()?);
            pods.max_by_key(|pod| {
                (
                    pod.crash_looping().is_some(),
                    pod.is_bad(),
                    pod.restarts,
                    std::cmp::Reverse(&pod.meta.name),
                )
            })
        };
        let Some(pod) = named.or_else(|| worst().cloned()) else {
            self.all(
                "pod.",
                &blocked.unwrap_or_else(|| Fact::Absent("there is no such pod any more".to_owned())),
            );
            return;
        };
        let blocked = blocked.as_ref();
        let object = pod.meta.object(Kind::Pod);
        let container = culprit(&pod);
        let ended = container.and_then(last_end);
        let never = "no container of it ever ended";
        let owner = pod
            .meta
            .owner
            .as_ref()
            .map(|o| format!("{}/{}", o.kind.to_lowercase(), o.name));
        self.put("pod.target", blocked, Some(target_text(&object)), "");
        self.put("pod.name", blocked, Some(pod.meta.name.to_string()), "");
        self.put("pod.namespace", blocked, Some(pod.meta.namespace.to_string()), "");
        self.put("pod.status", blocked, Some(pod.status.to_string()), "");
        self.put("pod.ready", blocked, Some(pod.is_ready), "");
        self.put(
            "pod.container",
            blocked,
            container.map(|c| c.name.to_string()),
            "it has no container yet",
        );
        self.put("pod.restarts", blocked, Some(i64::from(pod.restarts)), "");
        let restarted = pod.last_restart.map(|at| seconds(self.now, at));
        self.put("pod.restarted_for", blocked, restarted, "it never restarted");
        self.put("pod.quiet_for", blocked, Some(seconds(self.now, last_stir(&pod))), "");
        self.put(
            "pod.last_exit_code",
            blocked,
            ended.map(|end| i64::from(end.exit_code)),
            never,
        );
        self.put(
            "pod.last_reason",
            blocked,
            ended.map(|end| end.reason.to_string()),
            never,
        );
        self.put("pod.age", blocked, Some(seconds(self.now, pod.meta.created)), "");
        let node = Some(pod.node.to_string()).filter(|node| !node.is_empty());
        self.put("pod.node", blocked, node, "no node was found for it");
        let stuck = pod.unschedulable.as_ref().map(|_| true).or(Some(false));
        self.put("pod.unschedulable", blocked, stuck, "");
        let says = Some(pod.message.to_string()).filter(|m| !m.is_empty());
        self.put("pod.message", blocked, says, "it says nothing more");
        self.put("pod.owned", blocked, Some(owner.is_some()), "");
        self.put("pod.owner", blocked, Some(owner.unwrap_or_default()), "");
        let newest = workload.map(|w| is_newest(self.world, &w, &pod));
        self.put("pod.newest_revision", blocked, newest, "no workload owns it");
    }

    fn signal(&mut self, subject: &Subject) {
        let Some(signal) = &subject.signal else {
            self.all("signal.", &Fact::Absent("no signal began this run".to_owned()));
            return;
        };
        self.facts.know("signal.id", signal.id.as_str());
        self.facts.know("signal.severity", signal.severity.as_str());
        self.facts.know("signal.for", seconds(self.now, signal.since));
        self.facts.know("signal.text", signal.text.as_str());
    }
}

fn revision_kind(w: &Workload) -> Kind {
    if w.kind == Kind::Deployment {
        Kind::ReplicaSet
    } else {
        Kind::ControllerRevision
    }
}

/// Whether the pod runs the workload's newest revision.
fn is_newest(world: &World, w: &Workload, pod: &Pod) -> bool {
    if w.kind == Kind::StatefulSet && !w.update_revision.is_empty() {
        return pod.revision_hash == w.update_revision;
    }
    let current = world.revision_of(w);
    world.revisions_of(w).find(|r| r.number == current).is_some_and(|r| {
        // ControllerRevision hashes appear with the workload's name before them on pods.
        !r.hash.is_empty() && pod.revision_hash.ends_with(&*r.hash)
    })
}

/// When the pod last started anew: its making, or its last restart.
fn last_stir(pod: &Pod) -> Timestamp {
    pod.last_restart.map_or(pod.meta.created, |at| at.max(pod.meta.created))
}

/// The container that is in trouble: in a crash loop, else not ready, else the one that restarted most.
fn culprit(pod: &Pod) -> Option<&Container> {
    pod.crash_looping().or_else(|| {
        pod.containers
            .iter()
            .max_by_key(|c| (last_end(c).is_some_and(|end| end.exit_code != 0), !c.ready, c.restarts))
    })
}

fn last_end(container: &Container) -> Option<&Ended> {
    match &container.state {
        ContainerState::Terminated(end) => Some(end),
        _ => container.last.as_ref(),
    }
}

fn steward_text(steward: Option<&Steward>) -> String {
    match steward {
        Some(Steward::ArgoCd { app }) => format!("Argo CD ({app})"),
        Some(Steward::FluxKustomization { name } | Steward::FluxHelmRelease { name }) => format!("Flux ({name})"),
        Some(Steward::Helm { release }) => format!("Helm ({release})"),
        Some(Steward::Operator { kind, name }) => format!("{kind} {name}"),
        Some(Steward::KubectlApply) => "kubectl apply".to_owned(),
        None => "nobody".to_owned(),
    }
}

#[cfg(test)]
pub(in crate::runbook) mod tests;
