//! What of a platform can be seen in its namespaces: Services by their ports, keys that hold a connection URL, hosts.
//!
//! Of Secrets and ConfigMaps only the names of keys are looked at: their values are passed over while the answer is
//! read, so that none is ever in our memory as a text.

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::access::{Ask, grant_line};
use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::wire;
use crate::config::{Findings, FoundKind, FoundService, FoundUrl};
use crate::model::Scope;
use crate::text::clean;

/// Objects in one answer.
const PAGE: usize = 500;
/// Pages of one list, at most.
const PAGES: usize = 40;

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    #[serde(default, rename = "continue")]
    more: String,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Service {
    metadata: Meta,
    #[serde(default)]
    spec: ServiceSpec,
}

#[derive(Default, Deserialize)]
struct ServiceSpec {
    #[serde(default)]
    ports: Vec<Port>,
    /// Of the labels the names alone.
    #[serde(default, deserialize_with = "keys")]
    selector: Vec<String>,
    #[serde(default, rename = "clusterIP")]
    cluster_ip: String,
}

#[derive(Deserialize)]
struct Port {
    port: u16,
}

/// A Secret or a ConfigMap without its values.
#[derive(Deserialize)]
struct Holder {
    metadata: Meta,
    #[serde(default, deserialize_with = "keys")]
    data: Vec<String>,
}

/// The keys of an object; its values are passed over.
fn keys<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object, or null")
        }

        fn visit_unit<E>(self) -> Result<Vec<String>, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    from.deserialize_any(Keys)
}

#[derive(Deserialize)]
struct Ingress {
    metadata: Meta,
    #[serde(default)]
    spec: IngressSpec,
}

#[derive(Default, Deserialize)]
struct IngressSpec {
    #[serde(default)]
    rules: Vec<IngressRule>,
    #[serde(default)]
    tls: Vec<IngressTls>,
}

#[derive(Deserialize)]
struct IngressRule {
    #[serde(default)]
    host: String,
}

#[derive(Deserialize)]
struct IngressTls {
    #[serde(default)]
    hosts: Vec<String>,
}

/// Looks at the namespaces of the scope. What may not be read is said in [`Findings::gaps`]. Secrets are left alone
/// where `secrets` is false: a read-only console does not ask for them.
///
/// # Errors
/// The server does not answer, or not as whom we ask: that nothing was found would say nothing.
pub async fn survey(cluster: &Cluster, scope: &Scope, secrets: bool) -> Result<Findings, Fault> {
    let mut found = Findings::default();
    let look = Look { cluster, scope };
    let services: Vec<Service> = match look.pages("api/v1", "services").await {
        Ok(services) => services,
        Err(fault) if fault.kind == FaultKind::Forbidden => {
            look.gap(&mut found, "", "services", &fault);
            Vec::new()
        }
        Err(fault) => return Err(fault),
    };
    for service in services {
        // Without pods there is nothing to tunnel to; a headless twin says the same again.
        let headless = service.spec.cluster_ip == "None";
        if service.spec.selector.is_empty() {
            continue;
        }
        let kinds = service.spec.ports.iter();
        for (kind, port) in kinds.filter_map(|p| Some((FoundKind::of_port(p.port)?, p.port))) {
            let one = FoundService {
                kind,
                namespace: clean(&service.metadata.namespace).into_owned(),
                name: clean(&service.metadata.name).into_owned(),
                port,
                headless,
            };
            found.services.push(one);
        }
    }
    found.drop_twins();
    let mut holders: Vec<(bool, Holder)> = Vec::new();
    if secrets {
        let list: Vec<Holder> = look.list(&mut found, "", "api/v1", "secrets").await;
        holders.extend(list.into_iter().map(|h| (true, h)));
    } else {
        found
            .gaps
            .push("Secrets were not looked at: this is read-only".to_owned());
    }
    let list: Vec<Holder> = look.list(&mut found, "", "api/v1", "configmaps").await;
    holders.extend(list.into_iter().map(|h| (false, h)));
    for (is_secret, holder) in holders {
        for key in holder.data {
            if let Some(kind) = FoundKind::of_key(&key) {
                found.urls.push(FoundUrl {
                    kind,
                    is_secret,
                    namespace: clean(&holder.metadata.namespace).into_owned(),
                    name: clean(&holder.metadata.name).into_owned(),
                    key: clean(&key).into_owned(),
                });
            }
        }
    }
    let group = "networking.k8s.io";
    let ingresses: Vec<Ingress> = look
        .list(&mut found, group, "apis/networking.k8s.io/v1", "ingresses")
        .await;
    for ingress in ingresses {
        let tls: Vec<String> = ingress.spec.tls.into_iter().flat_map(|t| t.hosts).collect();
        for host in ingress.spec.rules.into_iter().map(|r| r.host).filter(|h| !h.is_empty()) {
            let encrypted = tls.contains(&host);
            let from = clean(&format!("{}/{}", ingress.metadata.namespace, ingress.metadata.name)).into_owned();
            found.hosts.push((clean(&host).into_owned(), encrypted, from));
        }
    }
    found.hosts.sort();
    found.hosts.dedup_by(|a, b| a.0 == b.0);
    let managed = look.pages::<Holder>("apis/cert-manager.io/v1", "certificates").await;
    found.cert_manager = match managed {
        Ok(_) => true,
        Err(fault) => fault.kind == FaultKind::Forbidden,
    };
    Ok(found)
}

struct Look<'a> {
    cluster: &'a Cluster,
    scope: &'a Scope,
}

impl Look<'_> {
    async fn list<T: DeserializeOwned>(&self, found: &mut Findings, group: &str, root: &str, plural: &str) -> Vec<T> {
        match self.pages(root, plural).await {
            Ok(list) => list,
            Err(fault) => {
                self.gap(found, group, plural, &fault);
                Vec::new()
            }
        }
    }

    fn gap(&self, found: &mut Findings, group: &str, plural: &str, fault: &Fault) {
        let gap = if fault.kind == FaultKind::Forbidden {
            let place = match self.scope {
                Scope::All => "",
                Scope::Namespaces(list) => list.first().map_or("", String::as_str),
            };
            let grant = grant_line(&Ask::new("", group, plural, "", place), &["list"]);
            format!("{plural} may not be listed: grant {grant}")
        } else {
            clean(&format!("{plural}: {}", fault.say)).into_owned()
        };
        found.gaps.push(gap);
    }

    async fn pages<T: DeserializeOwned>(&self, root: &str, plural: &str) -> Result<Vec<T>, Fault> {
        let paths: Vec<String> = match self.scope {
            Scope::All => vec![format!("/{root}/{plural}")],
            Scope::Namespaces(list) => list
                .iter()
                .map(|ns| format!("/{root}/namespaces/{}/{plural}", wire::escape(ns)))
                .collect(),
        };
        let mut all = Vec::new();
        for path in paths {
            let mut more = String::new();
            for _ in 0..PAGES {
                let page: List<T> =
                    wire::json(self.cluster.reader(), &format!("{path}?limit={PAGE}&continue={more}")).await?;
                all.extend(page.items);
                more = wire::escape(&page.metadata.more);
                if more.is_empty() {
                    break;
                }
            }
        }
        Ok(all)
    }
}
