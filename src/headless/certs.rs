//! `qd certs`

use jiff::Timestamp;
use serde_json::json;

use super::source_doubts::{doubts, view};
use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::model::{CertificateRow, Link, SourceKind, World};
use crate::signal::{Thresholds, certificate_limits};
use crate::text::{age, clean};

/// All certificates at our time `now`. Wrong when one is near its end by `thresholds`, or its state is not `ok`.
///
/// JSON: `{"certificates": [{source, kind, namespace, name, secret, issuer, state, not_before, not_after,
/// leaf_not_after, renewal, revision, ready, issuing, failed_attempts, served: [{address, name, from, trust, note,
/// not_after, sha256, problem}], chain: [{subject, issuer, not_before, not_after, names, serial, sha256}],
/// steps: [{kind, name, state, says}]}], "gaps": […]}`; `state` is one of `ok`, `expired`, `placeholder`, `not
/// reloaded`, `other served`, `issuing`, `failing`, `overdue`, `not ready`, `unreadable`, `unreachable`.
pub fn certs(world: &World, thresholds: &Thresholds, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let mut doubts = doubts(world, SourceKind::Certificates);
    for (source, seen) in &world.sources.certificates {
        view(&mut doubts, source, "cert-manager", &seen.managed);
        view(&mut doubts, source, "secrets", &seen.stored);
        view(&mut doubts, source, "endpoints", &seen.served);
        doubts.extend(
            seen.gaps
                .iter()
                .map(|p| clean(&format!("{source}: {}", p.words())).into_owned()),
        );
    }
    let rows: Vec<(&str, CertificateRow<'_>)> = world
        .sources
        .certificates
        .iter()
        .flat_map(|(source, seen)| seen.rows().into_iter().map(move |row| (&**source, row)))
        .collect();
    let near = |row: &CertificateRow<'_>| {
        row.left(now)
            .is_some_and(|l| l <= certificate_limits(thresholds, row.life()).0)
    };
    let wrong = |row: &CertificateRow<'_>| near(row) || !matches!(row.state(now), "ok" | "issuing");
    let verdict = Verdict::of(rows.iter().any(|(_, row)| wrong(row)), &doubts);
    let text = match output {
        Output::Table => {
            let mut table = Table::new([
                "NAMESPACE",
                "NAME",
                "KIND",
                "LEFT",
                "NOT AFTER",
                "STATE",
                "SERVED",
                "ISSUER",
            ]);
            for (_, row) in &rows {
                let left = row.left(now).map(|l| {
                    if l.is_negative() {
                        format!("-{}", age(l.abs()))
                    } else {
                        age(l)
                    }
                });
                let served: Vec<String> = row
                    .served
                    .iter()
                    .map(|e| format!("{} {}", e.address, e.trust.words()))
                    .collect();
                table.row([
                    row.namespace().to_owned(),
                    row.name().to_owned(),
                    row.kind().to_owned(),
                    left.unwrap_or_default(),
                    row.not_after().map(|t| t.to_string()).unwrap_or_default(),
                    row.state(now).to_owned(),
                    served.join(", "),
                    issuer(row),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let all: Vec<_> = rows.iter().map(|(source, row)| one(source, row, now)).collect();
            super::json(&json!({ "certificates": all, "gaps": doubts }))
        }
    };
    Answer { text, doubts, verdict }
}

fn issuer(row: &CertificateRow<'_>) -> String {
    let managed = row.managed.map(|c| c.issuer.to_string());
    managed
        .or(row.chain().map(|c| c.leaf.issuer.to_string()))
        .unwrap_or_default()
}

fn link(l: &Link) -> serde_json::Value {
    json!({"subject": &*l.subject, "issuer": &*l.issuer, "not_before": l.not_before, "not_after": l.not_after,
        "names": l.names.iter().map(|n| &**n).collect::<Vec<_>>(), "serial": &*l.serial, "sha256": &*l.sha256})
}

fn one(source: &str, row: &CertificateRow<'_>, now: Timestamp) -> serde_json::Value {
    let served: Vec<_> = row
        .served
        .iter()
        .map(|e| {
            json!({"address": clean(&e.address), "name": clean(&e.name), "from": clean(&e.from), "trust": e.trust.words(),
                "note": &*e.note, "not_after": e.chain.fresh().map(crate::model::Chain::not_after),
                "sha256": e.chain.fresh().map(|c| &*c.leaf.sha256),
                "problem": e.chain.problem.as_ref().map(|p| clean(p.words()))})
        })
        .collect();
    let chain: Vec<_> = row
        .chain()
        .into_iter()
        .flat_map(|c| std::iter::once(&c.leaf).chain(&*c.rest))
        .map(link)
        .collect();
    let steps: Vec<_> = row
        .managed
        .into_iter()
        .flat_map(|c| &*c.steps)
        .map(|s| json!({"kind": s.kind, "name": &*s.name, "state": &*s.state, "says": &*s.says}))
        .collect();
    let c = row.managed;
    json!({
        "source": source, "kind": row.kind(), "namespace": row.namespace(), "name": clean(row.name()),
        "secret": c.map(|c| &*c.secret), "issuer": clean(&issuer(row)), "state": row.state(now),
        "not_before": c.and_then(|c| c.not_before).or(row.chain().map(|c| c.leaf.not_before)),
        "not_after": row.not_after(), "leaf_not_after": row.leaf_not_after(), "renewal": c.and_then(|c| c.renewal),
        "revision": c.map(|c| c.revision), "ready": c.map(|c| &*c.ready),
        "issuing": c.map(|c| c.issuing.is_some()), "failed_attempts": c.map(|c| c.failed_attempts),
        "served": served, "chain": chain, "steps": steps,
    })
}
