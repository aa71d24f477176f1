//! `[[platform.http]]`

use std::time::Duration;

use serde::Deserialize;

use super::{Auth, Endpoint, HeaderValue, Tls, Via};

/// `[[platform.http]]`: an endpoint that is asked with GET, three times before it counts as down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// What the console calls it.
    pub name: String,
    pub url: String,
    #[serde(default)]
    pub via: Option<Via>,
    #[serde(default)]
    pub auth: Option<Auth>,
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, HeaderValue>,
    /// The status that is good; default any of 200 to 299. A redirect is not followed: expect 301 where one is right.
    #[serde(default)]
    pub status: Option<u16>,
    /// The answer takes no longer than this. Default 2000.
    #[serde(default)]
    pub limit_ms: Option<u64>,
    /// Seconds between two rounds. Default 30, at least 5.
    #[serde(default)]
    pub every_s: Option<u64>,
}

impl HttpSource {
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            url: self.url.clone(),
            via: self.via.clone(),
            auth: self.auth.clone(),
            tls: self.tls.clone(),
            headers: self.headers.clone(),
        }
    }

    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms.unwrap_or(2000).clamp(1, 60_000))
    }

    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every_s.unwrap_or(30).clamp(5, 3600))
    }

    pub(in crate::config) fn paths(&mut self) -> Vec<&mut std::path::PathBuf> {
        super::endpoint::paths(&mut self.auth, &mut self.tls, &mut self.headers)
    }
}
