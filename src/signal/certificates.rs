//! Certificates that end, that nobody renews, that cannot be renewed, and that were renewed but are not served.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Subject, Thresholds, Title};
use crate::model::{CertificateRow, Certificates, Chain, Mismatch, SourceKind, Str};
use crate::text::age;

const RUNBOOK: Option<&str> = Some("certificate-renewal");

/// When time left is a warning and when it is critical: of a short life its third and its twentieth.
pub fn limits(t: &Thresholds, life: Option<SignedDuration>) -> (SignedDuration, SignedDuration) {
    let of = |most: SignedDuration, part: i32| life.map_or(most, |life| (life / part).min(most));
    (of(t.cert_warning, 3), of(t.cert_critical, 20))
}

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (source, seen) in &look.world.sources.certificates {
        for row in seen.rows() {
            expiring(look, source, &row, out);
            overdue(look, source, &row, out);
            stuck(look, source, &row, out);
            mismatch(look, source, &row, out);
        }
        blind(source, seen, out);
    }
    measured(look, out);
}

/// What cannot be read says nothing: what was raised of it stays.
fn blind(source: &Str, seen: &Certificates, out: &mut Vec<Finding>) {
    let views = [
        (
            seen.managed.problem.is_some() && seen.managed.value.is_some(),
            &["cert.expiring", "cert.overdue", "cert.stuck"][..],
        ),
        (
            seen.stored.problem.is_some() && seen.stored.value.is_some(),
            &["cert.expiring"],
        ),
        (
            seen.served.problem.is_some() && seen.served.value.is_some(),
            &["cert.expiring", "cert.mismatch"],
        ),
    ];
    for id in views.into_iter().filter(|(lost, _)| *lost).flat_map(|(_, ids)| ids) {
        out.push(Finding::blind(id, SourceKind::Certificates, source));
    }
}

fn subject(row: &CertificateRow<'_>) -> Subject {
    Subject::Named {
        kind: row.kind().into(),
        namespace: row.namespace().into(),
        name: row.name().into(),
    }
}

fn found(id: &'static str, severity: Severity, source: &Str, row: &CertificateRow<'_>) -> Finding {
    let mut finding = Finding::new(id, severity, subject(row), &[]);
    finding.of_source(SourceKind::Certificates, source);
    finding.runbook = RUNBOOK;
    finding.title.what = format!("{} {}", row.kind(), row.name());
    finding
}

fn left_words(left: SignedDuration) -> String {
    if left.is_negative() {
        format!("expired {} ago", age(left.abs()))
    } else {
        format!("{} left", age(left))
    }
}

fn expiring(look: &Look<'_>, source: &Str, row: &CertificateRow<'_>, out: &mut Vec<Finding>) {
    let (Some(left), Some(end)) = (row.left(look.now), row.not_after()) else {
        return;
    };
    let (warning, critical) = limits(look.thresholds, row.life());
    if left > warning {
        return;
    }
    let bad = left <= critical;
    let severity = if bad { Severity::Critical } else { Severity::Warning };
    let mut finding = found("cert.expiring", severity, source, row);
    finding.title.state = left_words(left);
    if let Some(c) = row.managed {
        finding.title.cause = match (&c.issuing, c.is_overdue(look.now)) {
            (Some(i), _) => format!(
                "issuing {} {}",
                i.since.map_or(String::new(), |s| age(look.now.duration_since(s))),
                i.reason
            ),
            (None, true) => "renewal overdue".to_owned(),
            (None, false) => String::new(),
        };
        finding.title.about = c.issuer.to_string();
    }
    let weak = row.leaf_not_after().is_some_and(|leaf| end < leaf);
    if weak {
        let chains = row
            .chain()
            .into_iter()
            .chain(row.served.iter().filter_map(|e| e.chain.fresh()));
        let link = chains.map(Chain::weakest).min_by_key(|l| l.not_after);
        finding.title.cause = format!("intermediate {}", link.map_or("", |l| &*l.subject));
    }
    // It has been so since the limit was passed, not since we looked.
    finding.since = end.checked_sub(if bad { critical } else { warning }).ok();
    finding.evidence = vec![Evidence::new("not after", end)];
    if let Some(leaf) = row.leaf_not_after().filter(|_| weak) {
        finding.evidence.push(Evidence::new("leaf not after", leaf));
    }
    if let Some(renewal) = row.managed.and_then(|c| c.renewal) {
        finding.evidence.push(Evidence::new("renewal", renewal));
    }
    out.push(finding);
}

fn overdue(look: &Look<'_>, source: &Str, row: &CertificateRow<'_>, out: &mut Vec<Finding>) {
    let Some(c) = row.managed.filter(|c| c.is_overdue(look.now)) else {
        return;
    };
    let left = row.left(look.now);
    // Of a short life a tenth.
    let most = look.thresholds.cert_overdue_critical;
    let limit = row.life().map_or(most, |life| (life / 10).min(most));
    let near = left.is_some_and(|l| l < limit);
    let severity = if near { Severity::Critical } else { Severity::Warning };
    let mut finding = found("cert.overdue", severity, source, row);
    (finding.since, finding.after) = (c.renewal, look.thresholds.cert_overdue_for);
    finding.title.state.push_str("renewal overdue");
    finding.title.cause = left.map(left_words).unwrap_or_default();
    finding.title.about = c.issuer.to_string();
    finding.evidence = c.renewal.map(|r| Evidence::new("renewal", r)).into_iter().collect();
    if c.failed_attempts > 0 {
        finding
            .evidence
            .push(Evidence::new("failed attempts", c.failed_attempts));
    }
    out.push(finding);
}

fn stuck(look: &Look<'_>, source: &Str, row: &CertificateRow<'_>, out: &mut Vec<Finding>) {
    let Some(c) = row.managed else { return };
    let failing = c.failed_attempts > 0;
    if c.issuing.is_none() && !failing {
        return;
    }
    let mut finding = found("cert.stuck", Severity::Warning, source, row);
    if failing {
        finding.since = c.last_failure;
        finding.title.state = format!("{} failed attempts", c.failed_attempts);
        finding.evidence = c.next_try().map(|t| Evidence::new("next try", t)).into_iter().collect();
    } else {
        (finding.since, finding.after) = (
            c.issuing.as_ref().and_then(|i| i.since),
            look.thresholds.cert_issuing_for,
        );
        finding.title.state.push_str("issuing");
    }
    // The last object on the way that is not through says why.
    let blocked = c
        .steps
        .iter()
        .rev()
        .find(|s| !matches!(&*s.state, "ready" | "valid" | ""));
    finding.title.cause = match blocked {
        Some(step) => format!("{} {}", step.kind, step.state),
        None => c.issuing.as_ref().map_or(String::new(), |i| i.reason.to_string()),
    };
    finding.title.about = blocked.map_or_else(|| c.issuer.to_string(), |s| s.says.chars().take(120).collect());
    out.push(finding);
}

fn mismatch(look: &Look<'_>, source: &Str, row: &CertificateRow<'_>, out: &mut Vec<Finding>) {
    for endpoint in &row.served {
        let (Some(kind), Some(served)) = (row.mismatch(endpoint), endpoint.chain.fresh()) else {
            continue;
        };
        let left = served.not_after().duration_since(look.now);
        let ending = left <= limits(look.thresholds, Some(served.life())).1;
        let (severity, state) = match kind {
            Mismatch::Placeholder => (Severity::Critical, "serves a placeholder certificate"),
            _ if ending => (Severity::Critical, "serves an old certificate"),
            Mismatch::Older => (Severity::Warning, "serves an old certificate"),
            // Another one, no older: two Secrets may hold a certificate of one host.
            Mismatch::Other => continue,
        };
        let name = Subject::named("endpoint", &endpoint.address);
        let mut finding = Finding::new("cert.mismatch", severity, name, &[]);
        finding.of_source(SourceKind::Certificates, source);
        finding.runbook = RUNBOOK;
        finding.after = look.thresholds.cert_mismatch_for;
        finding.title = Title {
            what: format!("endpoint {}", endpoint.address),
            state: state.to_owned(),
            cause: left_words(left),
            about: endpoint.secret.to_string(),
        };
        finding.evidence = vec![Evidence::new("served until", served.leaf.not_after)];
        if let Some(stored) = row.leaf_not_after().filter(|_| row.kind() != "endpoint") {
            finding.evidence.push(Evidence::new("stored until", stored));
        }
        out.push(finding);
    }
}

/// What only an exporter sees.
fn measured(look: &Look<'_>, out: &mut Vec<Finding>) {
    if look.world.sources.prometheus.is_empty() {
        return;
    }
    let ours = look.world.sources.certificates.values();
    let rows: Vec<CertificateRow<'_>> = ours.flat_map(|c| c.rows()).collect();
    for (source, seen) in &look.world.sources.prometheus {
        if seen.certificates.problem.is_some() && seen.certificates.value.is_some() {
            out.push(Finding::blind("cert.expiring", SourceKind::Prometheus, source));
        }
        for m in seen.certificates.fresh().into_iter().flatten() {
            let left = m.not_after.duration_since(look.now);
            let (warning, critical) = limits(look.thresholds, None);
            if left > warning || known(&rows, &m.name, m.not_after) {
                continue;
            }
            let bad = left <= critical;
            let severity = if bad { Severity::Critical } else { Severity::Warning };
            let mut finding = Finding::new("cert.expiring", severity, Subject::named("certificate", &m.name), &[]);
            finding.of_source(SourceKind::Prometheus, source);
            finding.runbook = RUNBOOK;
            finding.since = m.not_after.checked_sub(if bad { critical } else { warning }).ok();
            finding.title = Title {
                what: format!("certificate {}", m.name),
                state: left_words(left),
                cause: format!("measured by {}", m.by),
                about: String::new(),
            };
            finding.evidence = vec![Evidence::new("not after", m.not_after)];
            out.push(finding);
        }
    }
}

/// Whether we see it ourselves.
fn known(rows: &[CertificateRow<'_>], name: &str, end: Timestamp) -> bool {
    rows.iter().any(|row| {
        format!("{}/{}", row.namespace(), row.name()) == name
            || row
                .stored
                .is_some_and(|s| format!("{}/{}", s.namespace, s.name) == name)
            || (row.not_after() == Some(end) && row.served.iter().any(|e| name.contains(&*e.name)))
    })
}
