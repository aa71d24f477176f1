//! What of a platform's sources goes through its cluster: tunnels, keys of Secrets, certificates.

use super::{Auth, Endpoint, HeaderValue, Platform, SecretRef, Via};
use crate::model::SourceKind;

impl Platform {
    /// The same platform with sources of these kinds alone, and with those that they rest on.
    #[must_use]
    pub fn only(&self, kinds: &[SourceKind]) -> Self {
        fn some<T: Clone>(list: &[T], wanted: bool) -> Vec<T> {
            if wanted { list.to_vec() } else { Vec::new() }
        }
        let has = |kind| kinds.contains(&kind);
        let queues = has(SourceKind::Queues);
        let mut redis = some(&self.redis, queues || has(SourceKind::Redis));
        // What is no trouble for a cache is one where queues live, whether these are looked at or not.
        for source in &mut redis {
            source.holds_queues |= self
                .queues
                .iter()
                .any(|q| q.redis.as_deref() == Some(source.name.as_str()));
        }
        Self {
            postgres: some(&self.postgres, has(SourceKind::Postgres)),
            redis,
            queues: some(&self.queues, queues),
            prometheus: some(&self.prometheus, queues || has(SourceKind::Prometheus)),
            certificates: some(&self.certificates, has(SourceKind::Certificates)),
            http: some(&self.http, has(SourceKind::Http)),
            ..self.clone()
        }
    }

    /// Whether a source cannot be looked at without the cluster.
    pub fn needs_cluster(&self) -> bool {
        let of_cluster = |c: &super::CertificatesSource| c.cert_manager || c.secrets || c.ingress;
        !self.ways().is_empty() || !self.cluster_secrets().is_empty() || self.certificates.iter().any(of_cluster)
    }

    /// Every way through the API server.
    pub fn ways(&self) -> Vec<&Via> {
        let postgres = self.postgres.iter().filter_map(|s| s.via.as_ref());
        let redis = self.redis.iter().filter_map(|s| s.via.as_ref());
        let prometheus = self.prometheus.iter().flat_map(|s| {
            let manager = s.alertmanager.as_ref().and_then(|a| a.via.as_ref());
            s.via.iter().chain(manager)
        });
        let http = self.http.iter().filter_map(|s| s.via.as_ref());
        postgres.chain(redis).chain(prometheus).chain(http).collect()
    }

    /// Every key of a Kubernetes Secret that a source asks for: `namespace/name/key`.
    pub fn cluster_secrets(&self) -> Vec<String> {
        let mut all: Vec<&SecretRef> = Vec::new();
        for s in &self.postgres {
            all.extend([&s.url, &s.password, &s.pgbouncer_password].into_iter().flatten());
        }
        for s in &self.redis {
            all.extend([&s.password, &s.sentinel_password].into_iter().flatten());
        }
        let endpoints: Vec<Endpoint> = self
            .prometheus
            .iter()
            .flat_map(|s| s.endpoint().into_iter().chain(s.alertmanager.clone()))
            .chain(self.http.iter().map(super::HttpSource::endpoint))
            .collect();
        for e in &endpoints {
            match &e.auth {
                Some(Auth::Bearer { bearer: secret } | Auth::Basic { password: secret, .. }) => all.push(secret),
                None => {}
            }
            all.extend(e.headers.values().filter_map(|h| match h {
                HeaderValue::Secret(secret) => Some(secret),
                HeaderValue::Plain(_) => None,
            }));
        }
        let mut names: Vec<String> = all
            .into_iter()
            .filter_map(|s| match s {
                SecretRef::Secret(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_through_the_cluster_needs_it() {
        let platform = |text: &str| toml::from_str::<Platform>(&format!("name = 'x'\n{text}")).unwrap();
        let plain = platform(
            "[[postgres]]\nname = 'a'\ndsn = 'postgres://db'\npassword = { env = 'P' }\n[[http]]\nname = 'h'\nurl = 'http://h'",
        );
        assert!(!plain.needs_cluster());
        for text in [
            "[[postgres]]\nname = 'a'\nurl = { secret = 'a/b/c' }",
            "[[redis]]\nname = 'r'\nurl = 'redis://r'\nvia = 'port-forward:svc/r:6379'",
            "[[prometheus]]\nname = 'p'\nurl = 'http://p'\nauth = { bearer = { secret = 'a/b/c' } }",
            "[[certificates]]\nname = 'c'",
        ] {
            assert!(platform(text).needs_cluster(), "{text}");
        }
        let queues = platform(
            "[[redis]]\nname = 'r'\nurl = 'redis://r'\n[[postgres]]\nname = 'a'\n[[queues]]\nname = 'q'\nredis = 'r'",
        );
        let only = queues.only(&[SourceKind::Queues]);
        assert_eq!((only.postgres.len(), only.redis.len(), only.queues.len()), (0, 1, 1));
    }
}
