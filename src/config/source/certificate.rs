//! `[[platform.certificates]]`

use std::path::PathBuf;

use serde::Deserialize;

/// `[[platform.certificates]]`: which certificates are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificatesSource {
    /// What the console calls it.
    pub name: String,
    /// cert-manager's Certificates in the platform's namespaces.
    pub cert_manager: bool,
    /// TLS Secrets in the platform's namespaces, where the operator may read them: only `tls.crt` is looked at. Never
    /// in a read-only console, which must not ask for keys.
    pub secrets: bool,
    /// The hosts of Ingresses are probed.
    pub ingress: bool,
    /// Where the hosts of Ingresses are reached (`10.0.0.5:443`), when not by their names.
    pub ingress_address: Option<String>,
    /// Endpoints to probe.
    pub probe: Vec<Probe>,
    /// Authorities that count as trusted beside the system's.
    pub ca: Option<PathBuf>,
}

impl Default for CertificatesSource {
    fn default() -> Self {
        Self {
            name: String::new(),
            cert_manager: true,
            secrets: true,
            ingress: true,
            ingress_address: None,
            probe: Vec::new(),
            ca: None,
        }
    }
}

/// `{ address = "db.example.com:5432", protocol = "postgres" }`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Host and port; 443 when there is none.
    pub address: String,
    /// The name that is asked for and that the certificate must have; default: the host.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub protocol: Protocol,
    /// The Secret that it should serve: `namespace/name`.
    #[serde(default)]
    pub secret: Option<String>,
}

/// What stands before TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Nothing: HTTPS, Redis with TLS, LDAPS.
    #[default]
    Tls,
    /// The same, by its own name.
    Redis,
    /// An SSLRequest.
    Postgres,
}
