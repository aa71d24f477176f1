//! How an HTTP server is reached and how we are let in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Via;
use crate::config::SecretRef;

/// `{ url = "https://prometheus.example.com/prefix", auth = …, tls = …, headers = … }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// With a path where a proxy gives one.
    pub url: String,
    /// Through the API server; the URL then says scheme, name and path only.
    pub via: Option<Via>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    /// Sent with each request (`X-Scope-OrgID = "cortex"`), with a secret where one is needed.
    pub headers: BTreeMap<String, HeaderValue>,
}

/// `{ bearer = { file = "…" } }`, `{ user = "qd", password = { env = "…" } }`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Auth {
    /// A file is read again each minute, and whenever the server refuses the token.
    Bearer {
        bearer: SecretRef,
    },
    Basic {
        user: String,
        password: SecretRef,
    },
}

/// `{ ca = "…/ca.pem", certificate = "…/client.pem", key = { file = "…/client.key" } }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Trusted instead of the system's authorities.
    pub ca: Option<PathBuf>,
    /// Ours, PEM; needs `key`.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have, where it is not the URL's.
    pub name: Option<String>,
}

/// Text that everybody may read, or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum HeaderValue {
    Plain(String),
    Secret(SecretRef),
}

/// Every path of how one is let in: the configuration makes them absolute.
pub(super) fn paths<'a>(
    auth: &'a mut Option<Auth>,
    tls: &'a mut Tls,
    headers: &'a mut BTreeMap<String, HeaderValue>,
) -> Vec<&'a mut PathBuf> {
    let mut all: Vec<&mut PathBuf> = [&mut tls.ca, &mut tls.certificate, &mut tls.key]
        .into_iter()
        .flatten()
        .collect();
    if let Some(Auth::Bearer { bearer: secret } | Auth::Basic { password: secret, .. }) = auth {
        all.extend(file(secret));
    }
    for value in headers.values_mut() {
        if let HeaderValue::Secret(secret) = value {
            all.extend(file(secret));
        }
    }
    all
}

fn file(secret: &mut SecretRef) -> Option<&mut PathBuf> {
    match secret {
        SecretRef::File(path) => Some(path),
        _ => None,
    }
}

impl Endpoint {
    pub(super) fn paths(&mut self) -> Vec<&mut PathBuf> {
        paths(&mut self.auth, &mut self.tls, &mut self.headers)
    }
}
