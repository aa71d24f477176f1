//! Autoscalers: at their limit, or unable to scale.

use super::finding::{Finding, Look, number};
use super::{Evidence, Severity, Subject, Title};
use crate::model::{Hpa, Kind, ObjectRef};

const NEEDS: &[Kind] = &[Kind::Hpa];

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for hpa in look.world.hpas.values() {
        out.extend(unable(hpa, look));
        out.extend(limit(hpa, look));
    }
}

fn begin(id: &'static str, severity: Severity, hpa: &Hpa, look: &Look<'_>) -> Finding {
    let mut finding = Finding::new(id, severity, Subject::Object(hpa.meta.object(Kind::Hpa)), NEEDS);
    finding.runbook = Some("scale-for-load");
    finding.title.what = format!("hpa {}", hpa.meta.name);
    finding.related = target(hpa, look).into_iter().collect();
    finding.evidence = vec![
        Evidence::new("replicas", format!("{} (wants {})", hpa.current, hpa.desired)),
        Evidence::new("bounds", format!("{} to {}", hpa.min, hpa.max)),
        Evidence::new("scales", &hpa.target_name),
    ];
    finding
}

fn target(hpa: &Hpa, look: &Look<'_>) -> Option<ObjectRef> {
    let mut key = hpa.meta.key();
    key.name = std::sync::Arc::clone(&hpa.target_name);
    let workload = look.world.workloads_of(hpa.target_kind?)?.get(&key)?;
    Some(workload.meta.object(workload.kind))
}

fn unable(hpa: &Hpa, look: &Look<'_>) -> Option<Finding> {
    let c = hpa.conditions.iter().find(|c| {
        // A target scaled to zero by hand switches its scaler off: that is meant.
        (c.is("AbleToScale", "False") || c.is("ScalingActive", "False")) && &*c.reason != "ScalingDisabled"
    })?;
    let mut finding = begin("hpa.unable", Severity::Warning, hpa, look);
    finding.after = look.thresholds.hpa_unable_for;
    finding.since = c.since;
    finding.title = Title {
        state: "cannot scale".to_owned(),
        cause: c.reason.to_string(),
        about: c.message.to_string(),
        ..finding.title
    };
    Some(finding)
}

/// At its maximum and wanting more, or kept there: a scaler whose bounds are equal only is where it was put.
fn limit(hpa: &Hpa, look: &Look<'_>) -> Option<Finding> {
    let limited = hpa
        .condition("ScalingLimited")
        .filter(|c| &*c.status == "True" && &*c.reason == "TooManyReplicas");
    let at_maximum = hpa.current >= hpa.max && (limited.is_some() || (hpa.desired >= hpa.max && hpa.min < hpa.max));
    if !at_maximum {
        return None;
    }
    let hottest = hpa
        .metrics
        .iter()
        .filter_map(|m| Some((m, m.current?, m.current? / m.target)))
        .filter(|(_, _, ratio)| ratio.is_finite())
        .max_by(|a, b| a.2.total_cmp(&b.2));
    let over = f64::from(look.thresholds.hpa_over_percent) / 100.0;
    let critical = hottest.is_some_and(|(_, _, ratio)| ratio > over);
    let severity = if critical {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut finding = begin("hpa.limit", severity, hpa, look);
    finding.after = look.thresholds.hpa_limit_for;
    finding.since = limited.and_then(|c| c.since);
    finding.title.state = format!("at its maximum of {}", hpa.max);
    if let Some((metric, current, _)) = hottest {
        finding.title.cause = format!("{} {} of {}", metric.name, number(current), number(metric.target));
        finding.evidence.push(Evidence::new("metric", &finding.title.cause));
    }
    Some(finding)
}
