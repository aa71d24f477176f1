//! What Prometheus and Alertmanager said last. A series that is not there is not there: nothing here turns it into 0.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Seen, Str};

/// What Prometheus and Alertmanager said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prometheus {
    /// What fires, silenced ones too. From the Alertmanager where one is configured, else from Prometheus's rules.
    pub alerts: Seen<Vec<Alert>>,
    /// Active and pending silences; absent without an Alertmanager.
    pub silences: Seen<Vec<Silence>>,
    /// Share of requests that fail, 0 to 1, by service.
    pub errors: Seen<Vec<Reading>>,
    /// 95th percentile in seconds, by service.
    pub latency: Seen<Vec<Reading>>,
    /// Requests a second, by service.
    pub traffic: Seen<Vec<Reading>>,
    pub slos: Seen<Vec<Burn>>,
    pub hosts: Seen<Vec<Host>>,
    /// Certificates that exporters measure.
    pub certificates: Seen<Vec<MeasuredCertificate>>,
    /// What the server said beside its answers (partial data, say), each with the id of the query.
    pub warnings: Arc<[Str]>,
}

/// One alert that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `alertname`.
    pub name: Str,
    /// The label, in lower case; empty when there is none.
    pub severity: Str,
    /// All labels, sorted by name.
    pub labels: Arc<[(Str, Str)]>,
    /// The annotation `summary`, else `description`, `message`.
    pub summary: Str,
    /// The annotation `runbook_url` or `runbook`.
    pub runbook: Str,
    pub since: Timestamp,
    /// Alertmanager's identity of it; empty from Prometheus.
    pub fingerprint: Str,
    /// The silences that hold it back.
    pub silenced_by: Arc<[Str]>,
    /// Another alert holds it back.
    pub inhibited: bool,
}

impl Alert {
    /// Whether somebody is told of it.
    pub fn is_active(&self) -> bool {
        self.silenced_by.is_empty() && !self.inhibited
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| &**k == name).map(|(_, v)| &**v)
    }
}

/// A silence of the Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub id: Str,
    /// `alertname="HighErrorRate"`, …
    pub matchers: Arc<[Str]>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub by: Str,
    pub comment: Str,
    /// It has not begun.
    pub pending: bool,
}

/// One value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value of the label that tells services apart; empty when the query has none.
    pub service: Str,
    pub value: f64,
    /// The last hour, oldest first, in equal steps; a gap is NaN. Empty while nobody looks.
    pub history: Arc<[f64]>,
}

/// How fast the budget of an objective is used up. A burn of 1 uses it up exactly in its days.
#[derive(Clone, Debug, PartialEq)]
pub struct Burn {
    pub name: Str,
    /// Percent of good requests.
    pub target: f64,
    pub days: u16,
    /// Burn over each window; `None`: no series, or no traffic.
    pub over: Windows,
    /// Share of the budget that is left, 1 to below 0; `None`: its window is not known.
    pub left: Option<f64>,
    /// Requests a second over an hour, where the query is known.
    pub rate: Option<f64>,
    /// Requests a second below which nothing burns.
    pub min_rate: f64,
}

/// Burn by window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Windows {
    pub minutes_5: Option<f64>,
    pub minutes_30: Option<f64>,
    pub hour: Option<f64>,
    pub hours_6: Option<f64>,
}

impl Burn {
    /// When the budget is gone if the last hour goes on; `None` when it does not shrink or is not known.
    pub fn exhausted_in(&self) -> Option<SignedDuration> {
        let burn = self.over.hour.filter(|b| *b > 1e-9)?;
        let left = self.left?.max(0.0);
        let seconds = left * f64::from(self.days) * 86_400.0 / burn;
        SignedDuration::try_from_secs_f64(seconds.min(4e9)).ok()
    }

    /// Too little traffic to judge by.
    pub fn is_idle(&self) -> bool {
        self.rate.is_some_and(|r| r < self.min_rate)
    }
}

/// One machine as node_exporter sees it. Shares are 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub name: Str,
    pub cpu: Option<f64>,
    pub memory: Option<f64>,
    /// Fullest first.
    pub disks: Arc<[Disk]>,
}

/// A file system.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    pub mount: Str,
    pub used: f64,
    /// When it is full if the last six hours go on.
    pub full_in: Option<SignedDuration>,
}

/// A certificate that an exporter measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredCertificate {
    /// `cert-manager`, `blackbox`, `x509-exporter`.
    pub by: &'static str,
    /// `cortex/cortex-tls`, or the probed instance.
    pub name: Str,
    pub not_after: Timestamp,
}
