//! What is measured: numbers that follow from the state of the store and move with the clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::charts;
use crate::sim::kube::resources::{CERTIFICATES, DEPLOYMENTS, NODES};
use crate::sim::kube::{Store, past};
use crate::sim::world::json::time;

/// Names of series, for completion.
pub const NAMES: [&str; 5] = [
    "certmanager_certificate_expiration_timestamp_seconds",
    "http_request_duration_seconds_bucket",
    "http_requests_total",
    "node_cpu_seconds_total",
    "up",
];

/// One alerting rule.
pub struct Rule {
    pub name: &'static str,
    pub severity: &'static str,
    pub query: &'static str,
    pub summary: &'static str,
    pub runbook: &'static str,
}

pub const RULES: [Rule; 3] = [
    Rule {
        name: "HighErrorRate",
        severity: "critical",
        query: "sum(rate(http_requests_total{status=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m])) > 0.05",
        summary: "More than 5 % of the requests to cortex-api fail",
        runbook: "https://wiki.lab.example/runbooks/high-error-rate",
    },
    Rule {
        name: "HighLatency",
        severity: "warning",
        query: "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 0.5",
        summary: "p95 of cortex-api is above 500 ms",
        runbook: "https://wiki.lab.example/runbooks/high-latency",
    },
    Rule {
        name: "CertificateExpiringSoon",
        severity: "warning",
        query: "certmanager_certificate_expiration_timestamp_seconds - time() < 7 * 86400",
        summary: "A certificate has less than a week left",
        runbook: "https://wiki.lab.example/runbooks/certificate-renewal",
    },
];

/// One alert that fires.
#[derive(Clone, Debug)]
pub struct Firing {
    pub name: &'static str,
    pub labels: Value,
    pub annotations: Value,
    pub since: Timestamp,
}

impl Firing {
    pub fn of_prometheus(&self, _: Timestamp) -> Value {
        json!({"labels": self.labels, "annotations": self.annotations, "state": "firing", "activeAt": self.since, "value": "1e+00"})
    }
}

/// Services that are measured, requests a second on an ordinary day, and their p95.
const SERVICES: [(&str, f64, f64); 5] = [
    ("cortex-api", 148.0, 0.182),
    ("cortex-web", 61.0, 0.064),
    ("memory-api", 84.0, 0.121),
    ("cognition", 12.0, 0.310),
    ("docs", 3.0, 0.041),
];

/// A service's health at a moment, 0 (nothing serves) to 1, and since when it is not 1.
struct Health {
    share: f64,
    since: Timestamp,
}

pub struct Measures {
    store: Store,
}

pub(super) type Series = Vec<(Value, f64)>;

impl Measures {
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// What a service was at `at`: where instances are missing, its requests suffer.
    fn health(&self, service: &str, at: Timestamp) -> Health {
        let moments = self.store.past().workload(&DEPLOYMENTS, "cortex", service);
        match charts::trouble(&moments, at) {
            Some((share, since)) => Health {
                share: share.min(0.9),
                since,
            },
            None => Health { share: 1.0, since: at },
        }
    }

    /// Slow waves and a little noise, the same at the same moment.
    fn wave(seed: u32, at: Timestamp) -> f64 {
        let t = at.as_second() as f64;
        let s = f64::from(seed);
        (t / 307.0 + s).sin() * 0.06 + (t / 41.0 + s * 2.0).sin() * 0.03
    }

    /// The share of failed requests over the last `window` seconds.
    fn errors(&self, i: usize, service: &str, at: Timestamp, window: f64) -> f64 {
        let base = 0.0021 * (1.0 + 3.0 * Self::wave(i as u32, at));
        let health = self.health(service, at);
        if health.share >= 1.0 {
            return base.max(0.0);
        }
        let bad = 0.55 * (1.0 - health.share) * (1.0 + Self::wave(i as u32 + 9, at));
        let lasted = at.duration_since(health.since).as_secs_f64().max(0.0);
        base.max(0.0) + bad * (lasted / window).min(1.0)
    }

    fn latency(&self, i: usize, service: &str, p95: f64, at: Timestamp) -> f64 {
        let health = self.health(service, at);
        let lasted = at.duration_since(health.since).as_secs_f64();
        let strain = if health.share < 1.0 && lasted > 0.0 {
            1.0 + 2.6 * (1.0 - health.share) * (lasted / 300.0).min(1.0)
        } else {
            1.0
        };
        let moments = self.store.past().workload(&DEPLOYMENTS, "cortex", service);
        let slow = past::at(&moments, at, |m| m.at).is_some_and(|m| m.slow);
        let strain = if slow { strain * 10.0 } else { strain };
        p95 * strain * (1.0 + Self::wave(i as u32 + 3, at))
    }

    fn each(by: &str, of: impl Fn(usize, &'static str, f64, f64) -> f64) -> Series {
        SERVICES
            .iter()
            .enumerate()
            .map(|(i, (name, rate, p95))| (json!({by: name}), of(i, name, *rate, *p95)))
            .collect()
    }

    /// The answer to a query, or `None` when it is not one that the demonstration knows.
    pub fn evaluate(&self, query: &str, at: Timestamp) -> Option<Series> {
        if let Some(rest) = query.strip_prefix("# qd:") {
            let (id, body) = rest.split_once('\n')?;
            return self.by_id(id, body, at);
        }
        let plain: String = query.split_whitespace().collect();
        self.by_text(&plain, at)
    }

    /// The queries of the console.
    fn by_id(&self, id: &str, body: &str, at: Timestamp) -> Option<Series> {
        let by = if body.contains("by (service") { "service" } else { "job" };
        Some(match id {
            "app.errors" => Self::each(by, |i, s, _, _| self.errors(i, s, at, 300.0)),
            "app.latency" => Self::each(by, |i, s, _, p95| self.latency(i, s, p95, at)),
            "app.traffic" => Self::each(by, |i, _, rate, _| rate * (1.0 + Self::wave(i as u32, at))),
            "host.cpu" => self.nodes(|i| 0.41 + 0.07 * i as f64 + Self::wave(i as u32 + 20, at)),
            "host.memory" => self.nodes(|i| 0.55 + 0.06 * i as f64 + Self::wave(i as u32 + 30, at) / 4.0),
            "host.disk" => self.disks(|i| 0.48 + 0.05 * i as f64),
            // Nothing fills up.
            "host.disk-full" | "cert.blackbox" | "cert.x509" => Vec::new(),
            "cert.cert-manager" => self.certificates(),
            _ if !id.starts_with("slo.") => return self.chart(id, body, at),
            _ => {
                let window = id
                    .strip_prefix("slo.errors:")
                    .or_else(|| id.strip_prefix("slo.traffic:"))?;
                let (i, (service, rate, _)) = SERVICES.iter().enumerate().find(|(_, (s, _, _))| body.contains(s))?;
                let value = if id.starts_with("slo.errors") {
                    self.errors(i, service, at, seconds(window)?)
                } else {
                    *rate
                };
                vec![(json!({by: service}), value)]
            }
        })
    }

    /// What the runbooks of the platforms type, without its blanks.
    fn by_text(&self, plain: &str, at: Timestamp) -> Option<Series> {
        let rate = |i: usize, base: f64| base * (1.0 + Self::wave(i as u32, at));
        let counter = |base: f64| (base * at.as_second().rem_euclid(9 * 86_400) as f64).floor();
        let plain = plain
            .replace("{namespace=\"cortex\"}", "")
            .replace("{namespace=\"cortex-core\"}", "");
        let total = || -> (f64, f64) {
            SERVICES
                .iter()
                .enumerate()
                .fold((0.0, 0.0), |(bad, all), (i, (s, base, _))| {
                    let r = rate(i, *base);
                    (bad + r * self.errors(i, s, at, 300.0), all + r)
                })
        };
        Some(match plain.as_str() {
            "up" => Self::each("job", |_, _, _, _| 1.0),
            "http_requests_total" => {
                let split = |(i, (s, base, _)): (usize, &(&str, f64, f64))| {
                    let bad = self.errors(i, s, at, 300.0);
                    let one = |status: &str, share: f64| {
                        let labels = json!({"__name__": "http_requests_total", "job": s, "namespace": "cortex", "status": status});
                        (labels, counter(*base * share))
                    };
                    [one("200", 1.0 - bad), one("500", bad)]
                };
                SERVICES.iter().enumerate().flat_map(split).collect()
            }
            "rate(http_requests_total[5m])" => SERVICES
                .iter()
                .enumerate()
                .flat_map(|(i, (s, base, _))| {
                    let (r, bad) = (rate(i, *base), self.errors(i, s, at, 300.0));
                    [("200", r * (1.0 - bad)), ("500", r * bad)]
                        .map(|(status, v)| (json!({"job": s, "namespace": "cortex", "status": status}), v))
                })
                .collect(),
            "sum(rate(http_requests_total[5m]))" => vec![(json!({}), total().1)],
            "sum(rate(http_requests_total{status=~\"5..\"}[5m]))" => vec![(json!({}), total().0)],
            "sum(rate(http_requests_total{status=~\"5..\"}[5m]))/sum(rate(http_requests_total[5m]))"
            | "sum(rate(http_requests_total{status=~\"5..\"}[5m]))/sum(rate(http_requests_total[5m]))>0.01" => {
                let (bad, all) = total();
                let share = bad / all;
                if plain.ends_with(">0.01") && share <= 0.01 {
                    Vec::new()
                } else {
                    vec![(json!({}), share)]
                }
            }
            "sum(rate(http_requests_total{status!~\"5..\"}[5m]))/sum(rate(http_requests_total[5m]))" => {
                let (bad, all) = total();
                vec![(json!({}), 1.0 - bad / all)]
            }
            "histogram_quantile(0.95,rate(http_request_duration_seconds_bucket[5m]))" => {
                Self::each("job", |i, s, _, p95| self.latency(i, s, p95, at))
            }
            "certmanager_certificate_expiration_timestamp_seconds" => self.certificates(),
            _ => return None,
        })
    }

    fn nodes(&self, of: impl Fn(usize) -> f64) -> Series {
        let nodes = self.store.list(&NODES, None);
        let named = nodes
            .iter()
            .filter(|n| !crate::sim::world::is_load(&n.meta.name))
            .enumerate();
        named
            .map(|(i, n)| (json!({"instance": &*n.meta.name}), of(i)))
            .collect()
    }

    fn disks(&self, of: impl Fn(usize) -> f64) -> Series {
        let all = self.nodes(of).into_iter().map(|(mut labels, v)| {
            crate::sim::world::json::set_path(&mut labels, &["mountpoint"], json!("/"));
            (labels, v)
        });
        all.collect()
    }

    fn certificates(&self) -> Series {
        let all = self.store.list(&CERTIFICATES, None);
        all.iter()
            .filter_map(|c| {
                let end = time(&c.value(), "/status/notAfter")?;
                Some((
                    json!({"namespace": &*c.meta.namespace, "name": &*c.meta.name}),
                    end.as_second() as f64,
                ))
            })
            .collect()
    }

    /// What fires now.
    pub fn alerts(&self) -> Vec<Firing> {
        let now = self.now();
        let mut all = Vec::new();
        let mut fire = |name: &str, labels: Value, since: Timestamp| {
            let Some(rule) = RULES.iter().find(|r| r.name == name) else {
                return;
            };
            let mut labels = labels;
            if let Some(map) = labels.as_object_mut() {
                map.insert("alertname".to_owned(), rule.name.into());
                map.insert("severity".to_owned(), rule.severity.into());
                map.insert("namespace".to_owned(), "cortex".into());
            }
            all.push(Firing {
                name: rule.name,
                labels,
                annotations: json!({"summary": rule.summary, "runbook_url": rule.runbook}),
                since,
            });
        };
        for (i, (service, _, p95)) in SERVICES.iter().enumerate() {
            let since = self.health(service, now).since;
            if self.errors(i, service, now, 300.0) > 0.05 {
                fire(
                    "HighErrorRate",
                    json!({"job": service}),
                    since + SignedDuration::from_secs(75),
                );
            }
            if self.latency(i, service, *p95, now) > 0.5 {
                fire(
                    "HighLatency",
                    json!({"job": service}),
                    since + SignedDuration::from_secs(90),
                );
            }
        }
        for certificate in self.store.list(&CERTIFICATES, None) {
            let Some(end) = time(&certificate.value(), "/status/notAfter") else {
                continue;
            };
            let week = SignedDuration::from_hours(7 * 24);
            if end.duration_since(now) < week {
                fire(
                    "CertificateExpiringSoon",
                    json!({"name": &*certificate.meta.name}),
                    end - week,
                );
            }
        }
        all
    }
}

/// `5m`, `1h`, `30d`.
fn seconds(window: &str) -> Option<f64> {
    let (number, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}
