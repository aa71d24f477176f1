//! Platforms: where to connect, and how careful to be there.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::{Scope, SourceId, SourceKind};

use super::{CertificatesSource, HttpSource, PostgresSource, PrometheusSource, QueueSource, RedisSource};

/// What the configuration says of a platform. In order of care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declared {
    Local,
    Staging,
    Production,
}

/// How careful to be, in order of care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Local,
    Staging,
    /// Nobody said: treated as production, and the typed word is the context's name.
    Unclassified,
    Production,
}

impl Class {
    /// The badge.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Staging => "STAGING",
            Self::Unclassified => "UNCLASSIFIED",
            Self::Production => "PROD",
        }
    }

    /// Whether the care of production applies.
    pub const fn is_production(self) -> bool {
        matches!(self, Self::Unclassified | Self::Production)
    }

    /// What holds when a platform is not declared: kind, minikube, k3d and loopback servers are local. `server` is the
    /// API server's URL, or its host with or without a port. A name alone is not enough (`kind-of-prod`): its server
    /// must have a private address too.
    pub fn guess(context: &str, server: &str) -> Self {
        let host = host_of(server);
        let address = host.parse::<IpAddr>().ok();
        let loopback = host == "localhost" || address.is_some_and(|a| a.is_loopback());
        let named = context.starts_with("kind-") || context.starts_with("k3d-") || context == "minikube";
        let private = host == "host.docker.internal"
            || address.is_some_and(|a| match a {
                IpAddr::V4(a) => a.is_private() || a.is_unspecified(),
                IpAddr::V6(a) => a.is_unique_local() || a.is_unspecified(),
            });
        if loopback || (named && private) {
            Self::Local
        } else {
            Self::Unclassified
        }
    }
}

impl From<Declared> for Class {
    fn from(declared: Declared) -> Self {
        match declared {
            Declared::Local => Self::Local,
            Declared::Staging => Self::Staging,
            Declared::Production => Self::Production,
        }
    }
}

/// The host of a URL or authority, without brackets.
fn host_of(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    // What stands before `@` is a user, never the host.
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    if let Some(inner) = authority.strip_prefix('[') {
        return inner.split(']').next().unwrap_or(inner);
    }
    match authority.split_once(':') {
        // More than one colon: a bare IPv6 address.
        Some((_, rest)) if rest.contains(':') => authority,
        Some((host, _)) => host,
        None => authority,
    }
}

/// `[[platform]]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub name: String,
    /// Absolute once loaded: `~` and paths relative to the file's folder are resolved.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    #[serde(default)]
    pub context: Option<String>,
    /// None: the context's own. `*` alone: all.
    #[serde(default)]
    pub namespaces: Vec<String>,
    #[serde(default)]
    pub classify: Option<Declared>,
    /// Looked at from afar while another platform is open.
    #[serde(default)]
    pub watched: bool,
    #[serde(default)]
    pub postgres: Vec<PostgresSource>,
    #[serde(default)]
    pub redis: Vec<RedisSource>,
    #[serde(default)]
    pub queues: Vec<QueueSource>,
    #[serde(default)]
    pub prometheus: Vec<PrometheusSource>,
    #[serde(default)]
    pub certificates: Vec<CertificatesSource>,
    #[serde(default)]
    pub http: Vec<HttpSource>,
}

impl Platform {
    /// The paths in the sources, for the configuration to make them absolute.
    pub(super) fn source_paths(&mut self) -> Vec<&mut PathBuf> {
        let prometheus = self.prometheus.iter_mut().flat_map(PrometheusSource::paths);
        let http = self.http.iter_mut().flat_map(HttpSource::paths);
        let certificates = self.certificates.iter_mut().filter_map(|c| c.ca.as_mut());
        let redis = self.redis.iter_mut().flat_map(RedisSource::paths);
        prometheus.chain(http).chain(certificates).chain(redis).collect()
    }

    /// Sources of a higher layer take the place of those of the same kind below.
    pub(super) fn take_sources(&mut self, new: Self) {
        fn take<T>(old: &mut Vec<T>, new: Vec<T>) {
            if !new.is_empty() {
                *old = new;
            }
        }
        take(&mut self.postgres, new.postgres);
        take(&mut self.redis, new.redis);
        take(&mut self.queues, new.queues);
        take(&mut self.prometheus, new.prometheus);
        take(&mut self.certificates, new.certificates);
        take(&mut self.http, new.http);
    }
}

/// The scope that names of namespaces mean; `None`: the context's own.
pub(super) fn scope_of(namespaces: &[String]) -> Option<Scope> {
    match namespaces {
        [] => None,
        names if names.iter().any(|n| n == "*") => Some(Scope::All),
        names => Some(Scope::Namespaces(names.to_vec())),
    }
}

impl Platform {
    /// The namespaces that it names itself; `None`: its context's own.
    pub fn scope(&self) -> Option<Scope> {
        scope_of(&self.namespaces)
    }

    /// Its sources beside Kubernetes, in the file's order.
    pub fn sources(&self) -> Vec<SourceId> {
        let named = |kind: SourceKind, name: &str| SourceId {
            kind,
            name: name.into(),
        };
        let mut out = Vec::new();
        out.extend(self.postgres.iter().map(|s| named(SourceKind::Postgres, &s.name)));
        out.extend(self.redis.iter().map(|s| named(SourceKind::Redis, &s.name)));
        out.extend(self.queues.iter().map(|s| named(SourceKind::Queues, &s.name)));
        out.extend(self.prometheus.iter().map(|s| named(SourceKind::Prometheus, &s.name)));
        out.extend(
            self.certificates
                .iter()
                .map(|s| named(SourceKind::Certificates, &s.name)),
        );
        out.extend(self.http.iter().map(|s| named(SourceKind::Http, &s.name)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_local_counts_as_local() {
        for (context, server, class) in [
            ("kind-dev", "https://127.0.0.1:40001", Class::Local),
            ("any", "https://localhost:6443/", Class::Local),
            ("any", "[::1]:6443", Class::Local),
            ("minikube", "https://192.168.49.2:8443", Class::Local),
            ("k3d-x", "https://0.0.0.0:6550", Class::Local),
            ("kind-of-prod", "https://api.example.com:6443", Class::Unclassified),
            ("kind-of-prod", "https://203.0.113.5:6443", Class::Unclassified),
            ("prod", "https://10.0.0.1:6443", Class::Unclassified),
            ("prod", "https://127.0.0.1@api.example.com", Class::Unclassified),
            ("prod", "https://localhost.example.com:6443", Class::Unclassified),
            ("prod", "", Class::Unclassified),
        ] {
            assert_eq!(Class::guess(context, server), class, "{context} {server}");
        }
        assert!(Class::Unclassified.is_production());
    }
}
