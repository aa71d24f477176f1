//! What the tests agree on: a source, its rules, and an exporter of one busy service on one host.

use std::sync::Arc;

use quarterdeck::config::PrometheusSource;

use super::Exporter;

pub const RULES: &str = r#"
groups:
- name: test
  rules:
  - alert: HighErrorRate
    expr: sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
    labels: {severity: Critical, team: core}
    annotations: {summary: "5xx above 5 %", runbook_url: "https://wiki/high-error-rate"}
  - alert: Watching
    expr: vector(1) < 0
"#;

pub fn source(url: &str) -> PrometheusSource {
    PrometheusSource {
        name: "main".into(),
        url: url.to_owned(),
        ..PrometheusSource::default()
    }
}

pub fn exporter() -> Exporter {
    let exporter = Exporter::default();
    exporter.set("http_requests_total{status=\"200\"}", 1e4, 90.0);
    exporter.set("http_requests_total{status=\"500\"}", 10.0, 10.0);
    for (le, share) in [("0.1", 50.0), ("0.5", 80.0), ("1", 100.0), ("+Inf", 100.0)] {
        let name = format!("http_request_duration_seconds_bucket{{le=\"{le}\"}}");
        exporter.set(&name, share * 10.0, share);
    }
    exporter.set("node_cpu_seconds_total{mode=\"idle\",cpu=\"0\"}", 100.0, 0.15);
    exporter.set("node_memory_MemAvailable_bytes", 2e9, 0.0);
    exporter.set("node_memory_MemTotal_bytes", 1e10, 0.0);
    exporter.set(
        "node_filesystem_avail_bytes{fstype=\"ext4\",mountpoint=\"/\"}",
        5e9,
        -1e6,
    );
    exporter.set(
        "node_filesystem_size_bytes{fstype=\"ext4\",mountpoint=\"/\"}",
        1e11,
        0.0,
    );
    let name = "certmanager_certificate_expiration_timestamp_seconds{namespace=\"a\",name=\"web\"}";
    exporter.set(name, 1.8e9, 0.0);
    exporter
}

pub fn close(a: f64, b: f64, by: f64) -> bool {
    (a - b).abs() <= by
}

pub fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
