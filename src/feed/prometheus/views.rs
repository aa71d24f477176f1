//! The views: which questions each asks, and what is made of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use prometheus_http_query::Client;

use super::alertmanager::alert;
use super::api::{self, Line, Said, Sample, Trouble};
use super::put;
use super::queries::{self, Query, Texts};
use crate::config::{PrometheusSource, Slo};
use crate::feed::Pace;
use crate::model::{Alert, Burn, Disk, Host, MeasuredCertificate, Problem, Prometheus, Reading, Str, Windows};
use crate::text::clean;

/// Questions at the same time.
const AT_ONCE: usize = 4;
/// A sparkline: an hour in steps of two minutes.
const HISTORY: i64 = 3600;
const STEP: i64 = 120;
/// Series of one view that are kept: more is no list that a person reads.
const MOST: usize = 200;

/// What one question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    View(&'static str),
    /// Objective and window.
    Burn(usize, usize),
    Budget(usize),
    Rate(usize),
}

/// The answer to one question, and the question's id.
type One = (For, &'static str, Result<Said<Vec<Sample>>, Trouble>);

type Answers = BTreeMap<For, Result<Vec<Sample>, Trouble>>;

/// Asks for all views. One question that fails blanks its view; a server that is not there ends it.
///
/// # Errors
/// The server as a whole does not answer or does not let us in.
pub(super) async fn read(
    source: &PrometheusSource,
    client: &Client,
    seen: &mut Prometheus,
    pace: Pace,
) -> Result<(), Trouble> {
    let texts = Texts::new(source);
    // The first alone: a server that is not there costs one deadline, not twenty.
    let first = api::instant(client, &texts.text(&queries::ERRORS)).await;
    if let Err(trouble @ (Trouble::Refused(_) | Trouble::Server(_))) = first {
        return Err(trouble);
    }
    let mut warnings: Vec<Str> = Vec::new();
    let mut answers = Answers::new();
    let mut take = |what: For, id: &str, answer: Result<Said<Vec<Sample>>, Trouble>| {
        let answer = answer.map(|said| {
            warnings.extend(said.warnings.iter().map(|w| Str::from(format!("{id}: {w}"))));
            said.value
        });
        answers.insert(what, answer);
    };
    take(For::View(queries::ERRORS.id), queries::ERRORS.id, first);
    let mut asks: Vec<(For, &'static str, String)> = queries::ALL
        .iter()
        .filter(|q| q.id != queries::ERRORS.id)
        .map(|q| (For::View(q.id), q.id, texts.text(q)))
        .collect();
    for (i, slo) in source.slo.iter().enumerate() {
        let windows = queries::WINDOWS.iter().enumerate();
        asks.extend(
            windows.filter_map(|(w, range)| Some((For::Burn(i, w), "slo.errors", texts.slo_errors(slo, range)?))),
        );
        let whole = format!("{}d", slo.days);
        asks.extend(texts.slo_errors(slo, &whole).map(|t| (For::Budget(i), "slo.errors", t)));
        asks.extend(texts.slo_traffic(slo).map(|t| (For::Rate(i), "slo.traffic", t)));
    }
    let asks: Vec<BoxFuture<'static, One>> = asks
        .into_iter()
        .map(|(what, id, text)| {
            let client = client.clone();
            Box::pin(async move { (what, id, api::instant(&client, &text).await) }) as BoxFuture<'static, One>
        })
        .collect();
    let mut running = futures_util::stream::iter(asks).buffer_unordered(AT_ONCE);
    while let Some((what, id, answer)) = running.next().await {
        if let Err(trouble @ (Trouble::Refused(_) | Trouble::Server(_))) = answer {
            return Err(trouble);
        }
        take(what, id, answer);
    }
    drop(running);
    let past = if pace == Pace::Fast {
        history(client, &texts).await
    } else {
        BTreeMap::new()
    };
    let by = source.by.as_deref().unwrap_or("job");
    let mut take = |q: &Query| answers.remove(&For::View(q.id)).unwrap_or(Ok(Vec::new()));
    for (query, view) in [
        (&queries::ERRORS, &mut seen.errors),
        (&queries::LATENCY, &mut seen.latency),
        (&queries::TRAFFIC_NOW, &mut seen.traffic),
    ] {
        let lines = past.get(query.id).map_or(&[][..], Vec::as_slice);
        let readings = some(query, take(query)).map(|s| readings(&s, lines, by));
        put(view, readings);
    }
    let hosts = hosts(
        take(&queries::HOST_CPU),
        take(&queries::HOST_MEMORY),
        take(&queries::HOST_DISK),
        take(&queries::HOST_DISK_FULL),
    );
    put(&mut seen.hosts, hosts);
    let certificates = certificates([
        ("cert-manager", take(&queries::CERT_MANAGER)),
        ("blackbox", take(&queries::CERT_BLACKBOX)),
        ("x509-exporter", take(&queries::CERT_X509)),
    ]);
    put(&mut seen.certificates, certificates);
    put(&mut seen.slos, burns(source, &answers));
    if source.alertmanager.is_none() {
        let rules = api::rules(client).await;
        if let Err(trouble @ (Trouble::Refused(_) | Trouble::Server(_))) = rules {
            return Err(trouble);
        }
        put(
            &mut seen.alerts,
            rules.map(|said| firing(said.value)).map_err(Trouble::problem),
        );
    }
    warnings.sort();
    warnings.dedup();
    if *seen.warnings != *warnings {
        seen.warnings = warnings.into();
    }
    Ok(())
}

/// Every view of Prometheus failed with this.
pub(super) fn fail_all(seen: &mut Prometheus, problem: &Problem, alerts: bool) {
    for view in [&mut seen.errors, &mut seen.latency, &mut seen.traffic] {
        view.failed(problem.clone());
    }
    seen.slos.failed(problem.clone());
    seen.hosts.failed(problem.clone());
    seen.certificates.failed(problem.clone());
    if alerts {
        seen.alerts.failed(problem.clone());
    }
}

/// No series is absent, and says which was looked for.
fn some(query: &Query, answer: Result<Vec<Sample>, Trouble>) -> Result<Vec<Sample>, Problem> {
    let samples = answer.map_err(Trouble::problem)?;
    if samples.is_empty() {
        return Err(Problem::Absent {
            what: format!("no series: {}", query.needs).into(),
            how: format!(
                "queries = {{ \"{}\" = \"…\" }} in [[platform.prometheus]] with the names that you have",
                query.id
            )
            .into(),
        });
    }
    Ok(samples)
}

fn label(labels: &BTreeMap<String, String>, name: &str) -> Str {
    labels.get(name).map_or_else(|| "".into(), |v| clean(v).into())
}

/// The label that tells services apart, else whatever a text of the configuration left.
fn service(labels: &BTreeMap<String, String>, by: &str) -> Str {
    if labels.contains_key(by) {
        return label(labels, by);
    }
    let rest: Vec<&str> = labels
        .iter()
        .filter(|(k, _)| *k != "__name__")
        .map(|(_, v)| v.as_str())
        .collect();
    clean(&rest.join("/")).into()
}

fn readings(samples: &[Sample], lines: &[Line], by: &str) -> Vec<Reading> {
    let mut all: Vec<Reading> = samples
        .iter()
        .take(MOST)
        .map(|s| Reading {
            service: service(&s.labels, by),
            value: s.value,
            history: lines
                .iter()
                .find(|l| l.labels == s.labels)
                .map_or_else(|| [].into(), |l| steps(&l.points)),
        })
        .collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.service.cmp(&b.service)));
    all
}

/// Points in equal steps up to the last; what is missing between is NaN.
fn steps(points: &[(f64, f64)]) -> Arc<[f64]> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return [].into();
    };
    let count = ((last.0 - first.0) / STEP as f64).round() as usize + 1;
    let mut all = vec![f64::NAN; count.min(1000)];
    for (at, value) in points {
        let i = ((at - first.0) / STEP as f64).round() as usize;
        if let Some(slot) = all.get_mut(i) {
            *slot = *value;
        }
    }
    all.into()
}

/// The last hour of the three that have a sparkline. What fails there costs only the sparkline.
async fn history(client: &Client, texts: &Texts<'_>) -> BTreeMap<&'static str, Vec<Line>> {
    let to = Timestamp::now().as_second() / STEP * STEP;
    let asks = [&queries::ERRORS, &queries::LATENCY, &queries::TRAFFIC_NOW].map(|q| {
        let text = texts.text(q);
        async move { (q.id, api::range(client, &text, to - HISTORY, to, STEP).await) }
    });
    let answers = futures_util::future::join_all(asks).await;
    answers
        .into_iter()
        .filter_map(|(id, answer)| Some((id, answer.ok()?.value)))
        .collect()
}

type Asked = Result<Vec<Sample>, Trouble>;

/// CPU, memory and disks of one machine.
type Parts = (Option<f64>, Option<f64>, Vec<Disk>);

fn hosts(cpu: Asked, memory: Asked, disk: Asked, full: Asked) -> Result<Vec<Host>, Problem> {
    let (Ok(cpu), Ok(memory), Ok(disk)) = (&cpu, &memory, &disk) else {
        let bad = [cpu, memory, disk].into_iter().find_map(Result::err);
        return Err(bad.map_or_else(|| Problem::Failed("no answer".into()), Trouble::problem));
    };
    if cpu.is_empty() && memory.is_empty() && disk.is_empty() {
        return Err(Problem::Absent {
            what: "no series of machines: node_cpu_seconds_total, node_memory_MemAvailable_bytes, node_filesystem_avail_bytes".into(),
            how: "run node_exporter, or override `host.cpu`, `host.memory`, `host.disk` in `queries`".into(),
        });
    }
    let full = full.unwrap_or_default();
    let mut hosts: BTreeMap<Str, Parts> = BTreeMap::new();
    for s in cpu {
        hosts.entry(label(&s.labels, "instance")).or_default().0 = Some(s.value);
    }
    for s in memory {
        hosts.entry(label(&s.labels, "instance")).or_default().1 = Some(s.value);
    }
    for s in disk {
        let full_in = full
            .iter()
            .find(|f| f.labels == s.labels)
            .and_then(|f| SignedDuration::try_from_secs_f64(f.value.clamp(0.0, 4e9)).ok());
        hosts.entry(label(&s.labels, "instance")).or_default().2.push(Disk {
            mount: label(&s.labels, "mountpoint"),
            used: s.value,
            full_in,
        });
    }
    Ok(hosts
        .into_iter()
        .take(MOST)
        .map(|(name, (cpu, memory, mut disks))| {
            disks.sort_by(|a, b| b.used.total_cmp(&a.used).then_with(|| a.mount.cmp(&b.mount)));
            Host {
                name,
                cpu,
                memory,
                disks: disks.into(),
            }
        })
        .collect())
}

fn certificates(answers: [(&'static str, Asked); 3]) -> Result<Vec<MeasuredCertificate>, Problem> {
    let mut all = Vec::new();
    for (by, answer) in answers {
        for s in answer.map_err(Trouble::problem)? {
            let parts = [
                "namespace",
                "name",
                "secret_namespace",
                "secret_name",
                "filename",
                "instance",
            ];
            let name: Vec<&str> = parts
                .iter()
                .filter_map(|p| s.labels.get(*p))
                .map(String::as_str)
                .filter(|v| !v.is_empty())
                .collect();
            let Ok(not_after) = Timestamp::from_second(s.value as i64) else {
                continue;
            };
            all.push(MeasuredCertificate {
                by,
                name: clean(&name.join("/")).into(),
                not_after,
            });
        }
    }
    if all.is_empty() {
        return Err(Problem::Absent {
            what: "no series of certificates: certmanager_certificate_expiration_timestamp_seconds, probe_ssl_earliest_cert_expiry, x509_cert_not_after".into(),
            how: "scrape cert-manager, the blackbox exporter or x509-certificate-exporter".into(),
        });
    }
    all.sort_by(|a, b| (a.not_after, &a.name).cmp(&(b.not_after, &b.name)));
    all.truncate(MOST);
    Ok(all)
}

fn burns(source: &PrometheusSource, answers: &Answers) -> Result<Vec<Burn>, Problem> {
    if source.slo.is_empty() {
        return Err(Problem::Absent {
            what: "no objectives are configured".into(),
            how: "[[platform.prometheus.slo]] with name, target and service".into(),
        });
    }
    let value = |what: For| match answers.get(&what) {
        // More than one series: the query does not say which; the worst counts.
        Some(Ok(samples)) => samples.iter().map(|s| s.value).max_by(f64::total_cmp),
        _ => None,
    };
    let bad = answers.iter().find_map(|(what, answer)| match (what, answer) {
        (For::Burn(..) | For::Budget(_), Err(trouble)) => Some(trouble.clone().problem()),
        _ => None,
    });
    let all: Vec<Burn> = source
        .slo
        .iter()
        .enumerate()
        .map(|(i, slo)| burn(i, slo, &value))
        .collect();
    let known = all.iter().any(|b| b.over != Windows::default() || b.left.is_some());
    match bad {
        Some(problem) if !known => Err(problem),
        _ => Ok(all),
    }
}

fn burn(i: usize, slo: &Slo, value: &dyn Fn(For) -> Option<f64>) -> Burn {
    let budget = 1.0 - slo.target / 100.0;
    let over = |w: usize| value(For::Burn(i, w)).map(|ratio| ratio / budget);
    Burn {
        name: clean(&slo.name).into(),
        target: slo.target,
        days: slo.days,
        over: Windows {
            minutes_5: over(0),
            minutes_30: over(1),
            hour: over(2),
            hours_6: over(3),
        },
        left: value(For::Budget(i)).map(|ratio| 1.0 - ratio / budget),
        rate: value(For::Rate(i)),
        min_rate: slo.min_rate,
    }
}

/// What fires by the rules of Prometheus: without silences, for it knows none.
fn firing(rules: api::Rules) -> Vec<Alert> {
    let mut all: Vec<Alert> = rules
        .groups
        .into_iter()
        .flat_map(|g| g.rules)
        .flat_map(|r| r.alerts.into_iter().map(move |a| (r.name.clone(), a)))
        .filter(|(_, a)| a.state == "firing")
        .map(|(name, mut a)| {
            a.labels.entry("alertname".to_owned()).or_insert(name);
            alert(&a.labels, &a.annotations, a.active_at.unwrap_or(Timestamp::UNIX_EPOCH))
        })
        .collect();
    all.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    all
}
