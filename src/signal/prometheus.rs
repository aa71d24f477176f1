//! What Prometheus measures and what its alerts say.

use std::collections::BTreeMap;

use super::finding::{Finding, Look, number};
use super::{Evidence, Severity, Subject, Title};
use crate::model::{Alert, Burn, Host, Prometheus, Reading, Seen, SourceKind, Str};
use crate::text::age;

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (source, seen) in &look.world.sources.prometheus {
        let from = out.len();
        errors(look, seen, out);
        latency(look, seen, out);
        burns(look, seen, out);
        hosts(look, seen, out);
        alerts(look, seen, out);
        for finding in out.iter_mut().skip(from) {
            finding.of_source(SourceKind::Prometheus, source);
        }
        blind("app.errors", &seen.errors, source, out);
        blind("app.latency", &seen.latency, source, out);
        blind("slo.burn", &seen.slos, source, out);
        blind("host.pressure", &seen.hosts, source, out);
        blind("alert.firing", &seen.alerts, source, out);
    }
}

fn blind<T>(id: &'static str, view: &Seen<T>, source: &Str, out: &mut Vec<Finding>) {
    if view.problem.is_some() && view.value.is_some() {
        out.push(Finding::blind(id, SourceKind::Prometheus, source));
    }
}

/// Enough requests to judge a service by; where traffic is not known, yes.
fn busy(look: &Look<'_>, seen: &Prometheus, service: &Str) -> bool {
    let traffic = seen
        .traffic
        .fresh()
        .into_iter()
        .flatten()
        .find(|t| t.service == *service);
    traffic.is_none_or(|t| t.value >= look.thresholds.app_min_rate)
}

fn service(id: &'static str, reading: &Reading, warning: f64, critical: f64) -> Option<Finding> {
    let severity = if reading.value > critical {
        Severity::Critical
    } else if reading.value > warning {
        Severity::Warning
    } else {
        return None;
    };
    let name = if reading.service.is_empty() {
        "all"
    } else {
        &reading.service
    };
    let mut finding = Finding::new(id, severity, Subject::named("service", name), &[]);
    finding.title.what = format!("service {name}");
    Some(finding)
}

fn percent(share: f64) -> String {
    let p = share * 100.0;
    if p >= 10.0 {
        format!("{p:.0} %")
    } else {
        format!("{p:.1} %")
    }
}

fn errors(look: &Look<'_>, seen: &Prometheus, out: &mut Vec<Finding>) {
    let t = look.thresholds;
    for reading in seen.errors.fresh().into_iter().flatten() {
        if !busy(look, seen, &reading.service) {
            continue;
        }
        let (warning, critical) = (t.errors_warning_percent / 100.0, t.errors_critical_percent / 100.0);
        let Some(mut finding) = service("app.errors", reading, warning, critical) else {
            continue;
        };
        finding.after = t.app_for;
        finding.runbook = Some("high-error-rate");
        finding.title.state = format!("{} of requests fail", percent(reading.value));
        finding.evidence = vec![Evidence::new("error ratio", percent(reading.value))];
        let traffic = seen
            .traffic
            .fresh()
            .into_iter()
            .flatten()
            .find(|r| r.service == reading.service);
        finding
            .evidence
            .extend(traffic.map(|r| Evidence::new("requests", format!("{}/s", number(r.value)))));
        out.push(finding);
    }
}

fn latency(look: &Look<'_>, seen: &Prometheus, out: &mut Vec<Finding>) {
    let t = look.thresholds;
    for reading in seen.latency.fresh().into_iter().flatten() {
        if !busy(look, seen, &reading.service) {
            continue;
        }
        let limit = |ms: u32| f64::from(ms) / 1000.0;
        let (warning, critical) = (limit(t.latency_warning_ms), limit(t.latency_critical_ms));
        let Some(mut finding) = service("app.latency", reading, warning, critical) else {
            continue;
        };
        finding.after = t.app_for;
        finding.runbook = Some("high-latency");
        // A histogram knows nothing above its last bucket.
        let p95 = if reading.value.is_finite() {
            format!("{:.0} ms", reading.value * 1000.0)
        } else {
            "above its buckets".to_owned()
        };
        finding.title.state = format!("p95 {p95}");
        finding.evidence = vec![Evidence::new("p95", p95)];
        out.push(finding);
    }
}

fn burns(look: &Look<'_>, seen: &Prometheus, out: &mut Vec<Finding>) {
    let t = look.thresholds;
    for burn in seen.slos.fresh().into_iter().flatten().filter(|b| !b.is_idle()) {
        let both =
            |a: Option<f64>, b: Option<f64>, limit: f64| a.is_some_and(|a| a >= limit) && b.is_some_and(|b| b >= limit);
        let w = burn.over;
        let (severity, factor, over) = if both(w.hour, w.minutes_5, t.burn_critical) {
            (Severity::Critical, w.hour, "1h")
        } else if both(w.hours_6, w.minutes_30, t.burn_warning) {
            (Severity::Warning, w.hours_6, "6h")
        } else {
            continue;
        };
        let mut finding = Finding::new("slo.burn", severity, Subject::named("slo", &burn.name), &[]);
        finding.runbook = Some("high-error-rate");
        finding.title = Title {
            what: format!("slo {}", burn.name),
            state: format!("burns {}× over {over}", number(factor.unwrap_or_default())),
            cause: budget(burn),
            about: String::new(),
        };
        finding.evidence = [
            ("5m", w.minutes_5),
            ("30m", w.minutes_30),
            ("1h", w.hour),
            ("6h", w.hours_6),
        ]
        .into_iter()
        .filter_map(|(window, b)| Some(Evidence::new("burn", format!("{}× over {window}", number(b?)))))
        .collect();
        finding
            .evidence
            .push(Evidence::new("target", format!("{} % in {} d", burn.target, burn.days)));
        out.push(finding);
    }
}

/// `62 % of the budget left, gone in 4h`
pub fn budget(burn: &Burn) -> String {
    match (burn.left, burn.exhausted_in()) {
        (Some(left), _) if left <= 0.0 => "the budget is used up".to_owned(),
        (Some(left), Some(gone)) => format!("{} of the budget left, gone in {}", percent(left), age(gone)),
        (Some(left), None) => format!("{} of the budget left", percent(left)),
        (None, _) => String::new(),
    }
}

fn hosts(look: &Look<'_>, seen: &Prometheus, out: &mut Vec<Finding>) {
    let t = look.thresholds;
    for host in seen.hosts.fresh().into_iter().flatten() {
        let (severity, parts) = pressure(host, t);
        let Some(worst) = parts.first() else { continue };
        let mut finding = Finding::new("host.pressure", severity, Subject::named("host", &host.name), &[]);
        finding.after = t.host_for;
        finding.title = Title {
            what: format!("host {}", host.name),
            state: worst.clone(),
            cause: parts.get(1..).map(|rest| rest.join(", ")).unwrap_or_default(),
            about: String::new(),
        };
        finding.evidence = parts.into_iter().map(|p| Evidence::new("used", p)).collect();
        out.push(finding);
    }
}

/// What of a machine is over its limit, the critical first.
fn pressure(host: &Host, t: &super::Thresholds) -> (Severity, Vec<String>) {
    let over = |share: f64, percent: u32| share * 100.0 > f64::from(percent);
    let (mut critical, mut warning) = (Vec::new(), Vec::new());
    for disk in &*host.disks {
        let full = disk.full_in.filter(|f| *f < t.host_disk_full_within);
        let mut text = format!("disk {} {}", disk.mount, percent(disk.used));
        if let Some(full) = full {
            text = format!("{text}, full in {}", age(full));
        }
        if full.is_some() || over(disk.used, t.host_disk_critical_percent) {
            critical.push(text);
        } else if over(disk.used, t.host_disk_warning_percent) {
            warning.push(text);
        }
    }
    if let Some(cpu) = host.cpu.filter(|c| over(*c, t.host_cpu_percent)) {
        warning.push(format!("CPU {}", percent(cpu)));
    }
    if let Some(memory) = host.memory.filter(|m| over(*m, t.host_memory_percent)) {
        warning.push(format!("memory {}", percent(memory)));
    }
    let severity = if critical.is_empty() {
        Severity::Warning
    } else {
        Severity::Critical
    };
    critical.extend(warning);
    (severity, critical)
}

/// Alerts that fire so that somebody sees that alerting works, or to hold others back.
const NO_CAUSE: [&str; 3] = ["Watchdog", "DeadMansSwitch", "InfoInhibitor"];

fn alerts(_: &Look<'_>, seen: &Prometheus, out: &mut Vec<Finding>) {
    let mut by_name: BTreeMap<&str, Vec<(&Alert, Severity)>> = BTreeMap::new();
    let firing = seen.alerts.fresh().into_iter().flatten();
    for alert in firing.filter(|a| a.is_active() && !NO_CAUSE.contains(&&*a.name)) {
        let severity = match &*alert.severity {
            "critical" | "page" => Severity::Critical,
            "warning" => Severity::Warning,
            // Informational, or not graded: it is in the list, it is no signal.
            _ => continue,
        };
        by_name.entry(&alert.name).or_default().push((alert, severity));
    }
    for (name, alerts) in by_name {
        let worst = alerts.iter().map(|(_, s)| *s).max().unwrap_or(Severity::Warning);
        let Some((first, _)) = alerts.iter().max_by_key(|(a, s)| (*s, std::cmp::Reverse(a.since))) else {
            continue;
        };
        let mut finding = Finding::new("alert.firing", worst, Subject::named("alert", name), &[]);
        finding.since = alerts.iter().map(|(a, _)| a.since).min();
        finding.count = alerts.len();
        finding.runbook = runbook(first);
        finding.title = Title {
            what: format!("alert {name}"),
            state: if alerts.len() == 1 {
                "firing".to_owned()
            } else {
                format!("firing {} times", alerts.len())
            },
            cause: first.summary.to_string(),
            about: String::new(),
        };
        finding.evidence = first
            .labels
            .iter()
            .filter(|(k, _)| !matches!(&**k, "alertname" | "severity" | "prometheus"))
            .map(|(k, v)| Evidence::new("label", format!("{k}={v}")))
            .collect();
        if !first.runbook.is_empty() {
            finding.evidence.push(Evidence::new("runbook", &first.runbook));
        }
        out.push(finding);
    }
}

/// The built-in runbooks that an alert may name.
const RUNBOOKS: [&str; 21] = [
    "backup-restore",
    "bloated-table",
    "blocked-queries",
    "cache-clear",
    "certificate-renewal",
    "connections-exhausted",
    "crash-loop",
    "failed-jobs",
    "high-error-rate",
    "high-latency",
    "incident-response",
    "node-drain",
    "out-of-memory",
    "pending-pods",
    "redis-memory",
    "rolling-restart",
    "scale-for-load",
    "slow-queries",
    "stalled-rollout",
    "worker-backlog",
    "wraparound",
];

/// By the end of the annotation's address, else by the alert's own name: `HighErrorRate` is `high-error-rate`.
fn runbook(alert: &Alert) -> Option<&'static str> {
    let known = |id: &str| RUNBOOKS.into_iter().find(|r| *r == id);
    let address = alert.runbook.split(['?', '#']).next().unwrap_or_default();
    let last = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let kebab = |name: &str| {
        let mut out = String::new();
        for c in name.chars() {
            if c.is_uppercase() && !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
            out.extend(c.to_lowercase());
        }
        out.replace('_', "-")
    };
    known(last.trim_end_matches(".md"))
        .or_else(|| known(&kebab(last)))
        .or_else(|| known(&kebab(&alert.name)))
}
