//! `qd alerts`

use jiff::Timestamp;
use serde_json::json;

use super::source_doubts::{doubts, view};
use super::table::Table;
use super::{Answer, Verdict};
use crate::cli::Output;
use crate::model::{Alert, Burn, Prometheus, Reading, Seen, SourceKind, World};
use crate::signal::{Thresholds, budget};
use crate::text::{age, clean};

/// What fires, the objectives, the services and the HTTP checks, at our time `now`. Wrong when an alert fires that
/// nobody silenced, an objective burns by the rule of `slo.burn` and `thresholds`, or an endpoint is down.
///
/// JSON: `{"alerts": [{source, name, severity, summary, runbook, since, silenced_by, inhibited, labels}],
/// "silences": [{source, id, matchers, from, to, by, comment}], "slos": [{source, name, target, days, left,
/// exhausted_in_s, burn: {5m, 30m, 1h, 6h}}], "services": [{source, service, errors, p95_s, rate}],
/// "http": [{name, url, status, ms, state, problem}], "warnings": […], "gaps": […]}`. What has no series is `null`.
pub fn alerts(world: &World, thresholds: &Thresholds, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let sources = &world.sources.prometheus;
    let mut doubts = if sources.is_empty() && !world.sources.http.is_empty() {
        Vec::new()
    } else {
        doubts(world, SourceKind::Prometheus)
    };
    if !world.sources.http.is_empty() {
        doubts.extend(super::source_doubts::doubts(world, SourceKind::Http));
    }
    for (source, seen) in sources {
        view(&mut doubts, source, "alerts", &seen.alerts);
        view(&mut doubts, source, "slos", &seen.slos);
        view(&mut doubts, source, "errors", &seen.errors);
        view(&mut doubts, source, "latency", &seen.latency);
        doubts.extend(
            seen.warnings
                .iter()
                .map(|w| clean(&format!("{source}: {w}")).into_owned()),
        );
    }
    let firing = |p: &Prometheus| p.alerts.fresh().is_some_and(|a| a.iter().any(Alert::is_active));
    let burns = |b: &Burn| burns(thresholds, b);
    let burning = |p: &Prometheus| p.slos.fresh().is_some_and(|b| b.iter().any(burns));
    let down = world.sources.http.values().any(|h| h.is_down());
    let wrong = down || sources.values().any(|p| firing(p) || burning(p));
    let text = match output {
        Output::Table => table(world, now),
        Output::Json => document(world, &doubts),
    };
    Answer {
        text,
        verdict: Verdict::of(wrong, &doubts),
        doubts,
    }
}

fn burns(t: &Thresholds, b: &Burn) -> bool {
    let both = |a: Option<f64>, b: Option<f64>, limit| a.is_some_and(|a| a >= limit) && b.is_some_and(|b| b >= limit);
    !b.is_idle()
        && (both(b.over.hour, b.over.minutes_5, t.burn_critical)
            || both(b.over.hours_6, b.over.minutes_30, t.burn_warning))
}

fn table(world: &World, now: Timestamp) -> String {
    let mut table = Table::new(["KIND", "NAME", "STATE", "SINCE", "WHAT"]);
    for seen in world.sources.prometheus.values() {
        for a in seen.alerts.fresh().into_iter().flatten() {
            let state = match (a.silenced_by.is_empty(), a.inhibited) {
                (false, _) => "silenced",
                (true, true) => "inhibited",
                (true, false) if a.severity.is_empty() => "firing",
                (true, false) => &a.severity,
            };
            table.row([
                "alert".to_owned(),
                a.name.to_string(),
                state.to_owned(),
                age(now.duration_since(a.since)),
                a.summary.to_string(),
            ]);
        }
        for b in seen.slos.fresh().into_iter().flatten() {
            let burn = b.over.hour.map_or_else(String::new, |h| format!("{h:.1}x over 1h"));
            table.row(["slo".to_owned(), b.name.to_string(), burn, String::new(), budget(b)]);
        }
        for (service, errors, p95, rate) in services(seen) {
            let parts: Vec<String> = [
                rate.map(|r| format!("{r:.1} req/s")),
                errors.map(|e| format!("{:.2} % errors", e * 100.0)),
                p95.map(|p| format!("p95 {:.0} ms", p * 1000.0)),
            ]
            .into_iter()
            .flatten()
            .collect();
            table.row([
                "service".to_owned(),
                service,
                String::new(),
                String::new(),
                parts.join(", "),
            ]);
        }
    }
    for (name, check) in &world.sources.http {
        let since = check.bad_since.or(check.slow_since).map(|s| age(now.duration_since(s)));
        let reply = match (&check.reply.problem, check.reply.last()) {
            (Some(problem), _) => problem.words().to_owned(),
            (None, Some(r)) => format!("{} in {} ms", r.status, r.took.as_millis()),
            (None, None) => String::new(),
        };
        table.row([
            "http".to_owned(),
            name.to_string(),
            state(check).to_owned(),
            since.unwrap_or_default(),
            reply,
        ]);
    }
    table.to_string()
}

fn state(check: &crate::model::HttpChecks) -> &'static str {
    match (
        check.is_down(),
        check.is_slow(),
        check.reply.at.is_some() || check.failures > 0,
    ) {
        (true, _, _) => "down",
        (_, true, _) => "slow",
        (_, _, true) if check.failures > 0 => "failing",
        (_, _, true) => "ok",
        _ => "unknown",
    }
}

type Service = (String, Option<f64>, Option<f64>, Option<f64>);

/// Services by name with error ratio, p95 and requests a second.
fn services(seen: &Prometheus) -> Vec<Service> {
    let mut names: Vec<String> = Vec::new();
    let all = |view: &Seen<Vec<Reading>>| view.fresh().cloned().unwrap_or_default();
    let (errors, latency, traffic) = (all(&seen.errors), all(&seen.latency), all(&seen.traffic));
    names.extend(
        errors
            .iter()
            .chain(&latency)
            .chain(&traffic)
            .map(|r| r.service.to_string()),
    );
    names.sort();
    names.dedup();
    let value = |of: &[Reading], name: &str| of.iter().find(|r| *r.service == *name).map(|r| r.value);
    names
        .into_iter()
        .map(|n| (n.clone(), value(&errors, &n), value(&latency, &n), value(&traffic, &n)))
        .collect()
}

fn document(world: &World, doubts: &[String]) -> String {
    let (mut alerts, mut silences, mut slos, mut all, mut warnings) = (vec![], vec![], vec![], vec![], vec![]);
    for (source, seen) in &world.sources.prometheus {
        for a in seen.alerts.fresh().into_iter().flatten() {
            let labels: serde_json::Map<String, serde_json::Value> = a
                .labels
                .iter()
                .map(|(k, v)| (k.to_string(), clean(v).into_owned().into()))
                .collect();
            alerts.push(
                json!({"source": &**source, "name": &*a.name, "severity": &*a.severity, "summary": &*a.summary,
                "runbook": &*a.runbook, "since": a.since, "inhibited": a.inhibited, "labels": labels,
                "silenced_by": a.silenced_by.iter().map(|s| &**s).collect::<Vec<_>>()}),
            );
        }
        for s in seen.silences.fresh().into_iter().flatten() {
            silences.push(
                json!({"source": &**source, "id": &*s.id, "from": s.from, "to": s.to, "by": &*s.by,
                "comment": &*s.comment, "matchers": s.matchers.iter().map(|m| &**m).collect::<Vec<_>>()}),
            );
        }
        for b in seen.slos.fresh().into_iter().flatten() {
            slos.push(
                json!({"source": &**source, "name": &*b.name, "target": b.target, "days": b.days, "left": b.left,
                "exhausted_in_s": b.exhausted_in().map(|d| d.as_secs()),
                "burn": {"5m": b.over.minutes_5, "30m": b.over.minutes_30, "1h": b.over.hour, "6h": b.over.hours_6}}),
            );
        }
        all.extend(services(seen).into_iter().map(|(service, errors, p95, rate)| {
            json!({"source": &**source, "service": service, "errors": errors, "p95_s": p95, "rate": rate})
        }));
        warnings.extend(seen.warnings.iter().map(ToString::to_string));
    }
    let http: Vec<_> = world
        .sources
        .http
        .iter()
        .map(|(name, c)| {
            let reply = if c.reply.problem.is_none() {
                c.reply.last()
            } else {
                None
            };
            json!({"name": &**name, "url": &*c.url, "status": reply.map(|r| r.status), "state": state(c),
                "ms": reply.map(|r| r.took.as_millis() as u64), "problem": c.reply.problem.as_ref().map(crate::model::Problem::words)})
        })
        .collect();
    super::json(
        &json!({"alerts": alerts, "silences": silences, "slos": slos, "services": all, "http": http,
        "warnings": warnings, "gaps": doubts}),
    )
}
