//! Deployments, StatefulSets and DaemonSets: stalled, short of replicas, left paused.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Look};
use super::pods::is_newest;
use super::{Evidence, Severity, Signal, Subject, Title};
use crate::model::{Kind, ObjectRef, RolloutState, Strategy, Trouble, Workload, rollout_state, trouble_of};

const NEEDS: &[Kind] = &[
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::Pod,
];

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for w in look.world.workloads() {
        if is_calm(w) || w.meta.deleting.is_some() {
            continue;
        }
        if w.paused && w.kind == Kind::Deployment && w.desired > 0 {
            out.push(paused(w, look));
        }
        match rollout_state(look.world, w, look.now) {
            RolloutState::Stalled {
                done,
                want,
                trouble,
                since,
            } => {
                out.push(stalled(w, look, "stalled", (done, want), trouble, since));
                out.extend(unavailable(w, look, None));
            }
            RolloutState::Progressing { done, want } => {
                let trouble = trouble_of(look.world, w);
                let slow = trouble.is_some() || new_unready_since(w, look).is_some();
                if slow {
                    out.push(stalled(w, look, "slow", (done, want), trouble.clone(), None));
                }
                out.extend(unavailable(w, look, trouble));
            }
            RolloutState::Degraded { trouble, .. } => out.extend(unavailable(w, look, trouble)),
            RolloutState::Unobserved => {
                let mut finding = begin("rollout.stalled", Severity::Warning, w);
                "waits for its controller".clone_into(&mut finding.title.state);
                finding.after = look.thresholds.stalled_for;
                finding.evidence = vec![
                    Evidence::new("generation", w.generation),
                    Evidence::new("observed generation", w.observed),
                ];
                out.push(finding);
            }
            RolloutState::Complete | RolloutState::Paused | RolloutState::ScaledToZero => {}
        }
    }
}

/// Replicas that serve now. The model's rule for a StatefulSet without `minReadySeconds` is the ready ones.
fn up(w: &Workload) -> u32 {
    if w.kind == Kind::StatefulSet {
        w.ready
    } else {
        w.available
    }
}

/// Everything as wanted, seen without a look at its pods.
fn is_calm(w: &Workload) -> bool {
    w.observed >= w.generation
        && !w.paused
        && w.updated >= w.desired
        && up(w) >= w.desired
        && (w.kind != Kind::Deployment || w.replicas <= w.updated)
        && !deadline_exceeded(w)
}

fn deadline_exceeded(w: &Workload) -> bool {
    w.condition("Progressing")
        .is_some_and(|c| &*c.reason == "ProgressDeadlineExceeded")
}

fn begin(id: &'static str, severity: Severity, w: &Workload) -> Finding {
    let mut finding = Finding::new(id, severity, Subject::Object(w.meta.object(w.kind)), NEEDS);
    finding.title.what = format!("rollout {}", w.meta.name);
    finding.runbook = Some("stalled-rollout");
    finding
}

/// Since when the first of the newest revision's pods that are not ready is so.
fn new_unready_since(w: &Workload, look: &Look<'_>) -> Option<Timestamp> {
    new_unready(w, look).map(|(_, since)| since).min()
}

fn new_unready<'a>(w: &'a Workload, look: &'a Look<'_>) -> impl Iterator<Item = (ObjectRef, Timestamp)> + 'a {
    look.world
        .pods_of(w)
        .filter(|p| !p.is_ready && p.meta.deleting.is_none() && is_newest(look.world, w, p))
        .map(|p| (p.meta.object(Kind::Pod), p.ready_since.unwrap_or(p.meta.created)))
}

fn stalled(
    w: &Workload,
    look: &Look<'_>,
    state: &str,
    (done, want): (u32, u32),
    trouble: Option<Trouble>,
    since: Option<Timestamp>,
) -> Finding {
    let exceeded = deadline_exceeded(w);
    let refused = w.condition("ReplicaFailure").is_some_and(|c| &*c.status == "True");
    let no_image = trouble
        .as_ref()
        .is_some_and(|t| matches!(&*t.reason, "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName"));
    // Other kinds have no condition for it: the model says stalled when nothing moved for the deadline.
    let idle = state == "stalled"
        && w.kind != Kind::Deployment
        && since.is_some_and(|s| look.now.duration_since(s) >= SignedDuration::from_secs(i64::from(w.deadline_s)));
    let critical = exceeded || refused || no_image || idle;
    let mut finding = begin(
        "rollout.stalled",
        if critical {
            Severity::Critical
        } else {
            Severity::Warning
        },
        w,
    );
    let word = if exceeded || refused { "stalled" } else { state };
    finding.title.state = format!("{word} {done}/{want}");
    finding.after = if exceeded {
        SignedDuration::ZERO
    } else {
        look.thresholds.stalled_for
    };
    finding.since = new_unready_since(w, look)
        .into_iter()
        .chain(trouble.as_ref().and_then(|t| t.since))
        .min()
        .or(since);
    finding.evidence = vec![Evidence::new("new pods ready", format!("{done} of {want}"))];
    explain(&mut finding, trouble);
    if finding.title.cause.is_empty() && exceeded {
        "ProgressDeadlineExceeded".clone_into(&mut finding.title.cause);
    }
    finding
        .evidence
        .push(Evidence::new("available", format!("{} of {}", up(w), w.desired)));
    finding
        .evidence
        .push(Evidence::new("revision", look.world.revision_of(w)));
    finding.evidence.push(Evidence::new("image", w.image()));
    if exceeded {
        finding.evidence.push(Evidence::new(
            "progress deadline",
            format!("{} s exceeded", w.deadline_s),
        ));
    }
    let pods: Vec<ObjectRef> = new_unready(w, look).map(|(pod, _)| pod).collect();
    finding.count = pods.len();
    finding.related = pods.into_iter().take(Signal::MAX_RELATED).collect();
    finding
}

/// Fewer replicas than the strategy lets go while it rolls, or than wanted when it does not.
fn unavailable(w: &Workload, look: &Look<'_>, trouble: Option<Trouble>) -> Option<Finding> {
    let up = up(w);
    let rolling = w.updated < w.desired;
    let spare = match w.strategy {
        _ if !rolling => 0,
        Strategy::Rolling {
            max_surge,
            max_unavailable,
        } => {
            let spare = max_unavailable.of(w.desired, false);
            // Both zero is not possible: the controller then takes one.
            if spare == 0 && max_surge.of(w.desired, true) == 0 {
                1
            } else {
                spare
            }
        }
        Strategy::Ordered { .. } => 1,
        Strategy::Recreate | Strategy::OnDelete => 0,
    };
    if up >= w.desired.saturating_sub(spare) && !(up == 0 && w.desired > 0) {
        return None;
    }
    let missing: Vec<_> = look
        .world
        .pods_of(w)
        .filter(|p| !p.is_ready && p.meta.deleting.is_none())
        .collect();
    let lost = missing.iter().filter(|p| look.node_is_down(&p.node)).count();
    if up > 0 && lost > 0 && lost as u32 >= w.desired - up {
        // The node is the cause, and has its own signal.
        return None;
    }
    let severity = if up == 0 { Severity::Critical } else { Severity::Warning };
    let mut finding = begin("rollout.unavailable", severity, w);
    finding.title.state = format!("{up}/{} available", w.desired);
    finding.after = look.thresholds.unavailable_for;
    let condition = w
        .condition("Available")
        .filter(|c| &*c.status == "False")
        .and_then(|c| c.since);
    finding.since = condition.or_else(|| missing.iter().filter_map(|p| p.ready_since).min());
    finding.evidence = vec![
        Evidence::new("available", format!("{up} of {}", w.desired)),
        Evidence::new("image", w.image()),
    ];
    explain(&mut finding, trouble);
    finding.count = missing.len();
    finding.related = missing
        .iter()
        .take(Signal::MAX_RELATED)
        .map(|p| p.meta.object(Kind::Pod))
        .collect();
    Some(finding)
}

fn explain(finding: &mut Finding, trouble: Option<Trouble>) {
    if let Some(t) = trouble {
        if t.pods > 0 {
            finding
                .evidence
                .push(Evidence::new("reason", format!("{} ({} pods)", t.reason, t.pods)));
        } else {
            finding.evidence.push(Evidence::new("reason", &t.reason));
        }
        finding.title.cause = t.reason.to_string();
        finding.title.about = t.about;
    }
}

fn paused(w: &Workload, look: &Look<'_>) -> Finding {
    let mut finding = begin("rollout.paused", Severity::Warning, w);
    finding.title = Title {
        state: "paused".to_owned(),
        ..finding.title
    };
    finding.runbook = None;
    finding.after = look.thresholds.paused_for;
    finding.since = w
        .condition("Progressing")
        .filter(|c| &*c.reason == "DeploymentPaused")
        .and_then(|c| c.updated.or(c.since));
    finding.evidence = vec![Evidence::new("updated", format!("{} of {}", w.updated, w.desired))];
    finding
}
