//! `[[platform.prometheus]]`

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Auth, Endpoint, HeaderValue, Tls, Via};

/// `[[platform.prometheus]]`: a Prometheus (or Thanos, Mimir, VictoriaMetrics), its Alertmanager, and the objectives.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusSource {
    /// What the console calls it.
    pub name: String,
    /// Empty: only the Alertmanager is asked.
    pub url: String,
    pub via: Option<Via>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    pub headers: BTreeMap<String, HeaderValue>,
    /// Label matchers of every built-in query: `{ namespace = "cortex" }`.
    pub labels: BTreeMap<String, String>,
    /// The label that tells services apart. Default `job`.
    pub by: Option<String>,
    /// PromQL by query id (`app.errors`), instead of the built-in text.
    pub queries: BTreeMap<String, String>,
    pub alertmanager: Option<Endpoint>,
    pub slo: Vec<Slo>,
}

/// `[[platform.prometheus.slo]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    pub name: String,
    /// Percent of good requests: 99.9.
    #[serde(deserialize_with = "percent")]
    pub target: f64,
    /// The service that the built-in ratio is taken of, by the label `by`.
    #[serde(default)]
    pub service: Option<String>,
    /// PromQL of the share of bad requests, with `$window` where the range stands; instead of `service`. A recording
    /// rule fits: `slo:sli_error:ratio_rate$window{sloth_slo="x"}`.
    #[serde(default)]
    pub errors: Option<String>,
    /// PromQL of requests a second with `$window`; below `min_rate` nothing burns.
    #[serde(default)]
    pub traffic: Option<String>,
    /// Requests a second in the long window, below which a burn raises nothing.
    #[serde(default)]
    pub min_rate: f64,
    /// Days that the budget is for. Default 30.
    #[serde(default = "thirty")]
    pub days: u16,
}

fn thirty() -> u16 {
    30
}

fn percent<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let p = f64::deserialize(from)?;
    if p > 0.0 && p < 100.0 {
        Ok(p)
    } else {
        Err(serde::de::Error::custom(format!(
            "{p} is no objective, expected a percentage such as 99.9"
        )))
    }
}

impl PrometheusSource {
    /// Where Prometheus is, if it is to be asked.
    pub fn endpoint(&self) -> Option<Endpoint> {
        (!self.url.is_empty()).then(|| Endpoint {
            url: self.url.clone(),
            via: self.via.clone(),
            auth: self.auth.clone(),
            tls: self.tls.clone(),
            headers: self.headers.clone(),
        })
    }

    pub(in crate::config) fn paths(&mut self) -> Vec<&mut std::path::PathBuf> {
        let mut all = super::endpoint::paths(&mut self.auth, &mut self.tls, &mut self.headers);
        all.extend(self.alertmanager.iter_mut().flat_map(Endpoint::paths));
        all
    }
}
