//! The PromQL texts. Each is sent with its id in a comment, and each can be replaced in the configuration.
//!
//! `$labels` are the matchers of the configuration, `$by` the label that tells services apart, `$window` a range.

use std::fmt::Write as _;

use crate::config::{PrometheusSource, Slo};

/// One built-in text.
pub struct Query {
    pub id: &'static str,
    pub text: &'static str,
    /// The series that it needs, for the sentence when there are none.
    pub needs: &'static str,
}

/// Where no request failed there may be no series of failed requests: `or … * 0` makes that a true zero, but only for a
/// service whose requests are counted at all.
const RATIO: &str = "(sum by ($by) (rate(http_requests_total{status=~\"5..\",$labels}[$window])) \
     or sum by ($by) (rate(http_requests_total{code=~\"5..\",$labels}[$window])) \
     or sum by ($by) (rate(http_requests_total{$labels}[$window])) * 0) \
     / sum by ($by) (rate(http_requests_total{$labels}[$window]))";

const TRAFFIC: &str = "sum by ($by) (rate(http_requests_total{$labels}[$window]))";

pub const ERRORS: Query = Query {
    id: "app.errors",
    text: RATIO,
    needs: "http_requests_total",
};
pub const LATENCY: Query = Query {
    id: "app.latency",
    text: "histogram_quantile(0.95, sum by ($by, le) (rate(http_request_duration_seconds_bucket{$labels}[$window])))",
    needs: "http_request_duration_seconds_bucket",
};
pub const TRAFFIC_NOW: Query = Query {
    id: "app.traffic",
    text: TRAFFIC,
    needs: "http_requests_total",
};
pub const HOST_CPU: Query = Query {
    id: "host.cpu",
    text: "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))",
    needs: "node_cpu_seconds_total",
};
pub const HOST_MEMORY: Query = Query {
    id: "host.memory",
    text: "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    needs: "node_memory_MemAvailable_bytes",
};
pub const HOST_DISK: Query = Query {
    id: "host.disk",
    text: "max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay|squashfs|ramfs\"} \
           / (node_filesystem_size_bytes > 0))",
    needs: "node_filesystem_avail_bytes",
};
/// Seconds until full.
pub const HOST_DISK_FULL: Query = Query {
    id: "host.disk-full",
    text: "min by (instance, mountpoint) (node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay|squashfs|ramfs\"} \
           / -(deriv(node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay|squashfs|ramfs\"}[6h]) < 0))",
    needs: "node_filesystem_avail_bytes",
};
pub const CERT_MANAGER: Query = Query {
    id: "cert.cert-manager",
    text: "min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds)",
    needs: "certmanager_certificate_expiration_timestamp_seconds",
};
pub const CERT_BLACKBOX: Query = Query {
    id: "cert.blackbox",
    text: "min by (instance) (probe_ssl_earliest_cert_expiry)",
    needs: "probe_ssl_earliest_cert_expiry",
};
pub const CERT_X509: Query = Query {
    id: "cert.x509",
    text: "min by (secret_namespace, secret_name, filename) (x509_cert_not_after)",
    needs: "x509_cert_not_after",
};

/// All of them.
pub const ALL: [&Query; 10] = [
    &ERRORS,
    &LATENCY,
    &TRAFFIC_NOW,
    &HOST_CPU,
    &HOST_MEMORY,
    &HOST_DISK,
    &HOST_DISK_FULL,
    &CERT_MANAGER,
    &CERT_BLACKBOX,
    &CERT_X509,
];

/// The windows over which burn is measured, as ids and ranges.
pub const WINDOWS: [&str; 4] = ["5m", "30m", "1h", "6h"];

/// Fills the texts in for one source.
pub struct Texts<'a> {
    source: &'a PrometheusSource,
}

impl<'a> Texts<'a> {
    pub const fn new(source: &'a PrometheusSource) -> Self {
        Self { source }
    }

    /// What is sent for a query.
    pub fn text(&self, query: &Query) -> String {
        let text = self.source.queries.get(query.id).map_or(query.text, String::as_str);
        self.fill(query.id, text, "5m", None)
    }

    /// The share of bad requests of an objective over `window`. `None` when the configuration says of what neither by
    /// `errors` nor by `service`.
    pub fn slo_errors(&self, slo: &Slo, window: &str) -> Option<String> {
        let text = slo.errors.as_deref().or(slo.service.as_ref().map(|_| RATIO))?;
        Some(self.fill("slo.errors", text, window, slo.service.as_deref()))
    }

    /// Requests a second of an objective.
    pub fn slo_traffic(&self, slo: &Slo) -> Option<String> {
        let text = slo.traffic.as_deref().or(slo.service.as_ref().map(|_| TRAFFIC))?;
        Some(self.fill("slo.traffic", text, "1h", slo.service.as_deref()))
    }

    fn fill(&self, id: &str, text: &str, window: &str, service: Option<&str>) -> String {
        let by = self.source.by.as_deref().unwrap_or("job");
        let mut labels = String::new();
        let matchers = self.source.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        for (k, v) in matchers.chain(service.map(|s| (by, s))) {
            let _ = write!(
                labels,
                "{k}=\"{}\",",
                v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
            );
        }
        let text = text
            .replace("$labels", &labels)
            .replace("$by", by)
            .replace("$window", window);
        // The comment ends with the line, so it stands first.
        format!(
            "# qd:{id}{}\n{text}",
            if id.starts_with("slo.") {
                format!(":{window}")
            } else {
                String::new()
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_carry_their_id_and_take_labels_that_cannot_break_out() {
        let mut source = PrometheusSource::default();
        source.labels.insert("namespace".into(), "a\"} or vector(1)".into());
        source.by = Some("service".into());
        let text = Texts::new(&source).text(&TRAFFIC_NOW);
        assert_eq!(
            text,
            "# qd:app.traffic\nsum by (service) (rate(http_requests_total{namespace=\"a\\\"} or vector(1)\",}[5m]))"
        );
        source.queries.insert("app.errors".into(), "my:ratio{$labels}".into());
        source.labels.clear();
        assert_eq!(Texts::new(&source).text(&ERRORS), "# qd:app.errors\nmy:ratio{}");
    }
}
