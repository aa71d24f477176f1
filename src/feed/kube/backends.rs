//! What is behind an Ingress: its rules and default backend, the Services that they name, and what those select. Read
//! when somebody asks for it: one list or one object, then each Service once.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde::Deserialize;

use super::access::{Ask, grant_line};
use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::wire;
use crate::model::{Backend, BackendAsk, BackendFrom, Behind, Kind, ObjectRef, Requirement, Selector, Str};
use crate::text::clean;

/// Services asked for at the same time.
const AT_ONCE: usize = 4;
/// Ingresses in one answer.
const PAGE: usize = 500;
/// Of one Ingress no more places are kept: a jump list is read by a person.
const PLACES: usize = 20;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    metadata: PageMeta,
    items: Vec<Ingress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageMeta {
    r#continue: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    name: String,
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ingress {
    metadata: Meta,
    spec: Option<IngressSpec>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IngressSpec {
    default_backend: Option<To>,
    tls: Option<Vec<Tls>>,
    rules: Option<Vec<Rule>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tls {
    hosts: Option<Vec<String>>,
    secret_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    host: Option<String>,
    http: Option<Http>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    paths: Option<Vec<Path>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Path {
    path: Option<String>,
    backend: To,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    service: Option<Named>,
    resource: Option<Resource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    metadata: Meta,
    spec: ServiceSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceSpec {
    r#type: String,
    external_name: String,
    selector: Option<BTreeMap<String, String>>,
}

/// A place to which requests go, as an Ingress names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Service(String),
    Other(String),
}

/// What is behind what was asked about, in the order of the rules.
///
/// # Errors
/// The Ingresses cannot be read; where that is denied, with the rule that a role would need.
pub async fn backends(cluster: &Cluster, ask: &BackendAsk) -> Result<Vec<Backend>, Fault> {
    let namespace = &ask.namespace;
    let ingresses = match &ask.from {
        BackendFrom::Service(name) => {
            let to = service(cluster, namespace, name).await;
            let alone = Backend {
                ingress: None,
                at: [].into(),
                to,
            };
            return Ok(vec![alone]);
        }
        BackendFrom::Ingress(name) => {
            let path = wire::object_path(&object(Kind::Ingress, namespace, name, ""));
            let one = wire::json::<Ingress>(cluster.reader(), &path).await;
            vec![one.map_err(|e| with_grant(e, Kind::Ingress, "get", namespace))?]
        }
        BackendFrom::Secret(_) => {
            let all = list(cluster, namespace).await;
            all.map_err(|e| with_grant(e, Kind::Ingress, "list", namespace))?
        }
    };
    let secret = match &ask.from {
        BackendFrom::Secret(name) => Some(&**name),
        _ => None,
    };
    let mut found: Vec<(ObjectRef, Place, Vec<String>)> = Vec::new();
    for ingress in &ingresses {
        let me = object(Kind::Ingress, namespace, &ingress.metadata.name, &ingress.metadata.uid);
        let places = ingress.spec.as_ref().map(|s| places(s, secret)).unwrap_or_default();
        found.extend(places.into_iter().map(|(to, at)| (me.clone(), to, at)));
    }
    let mut names: Vec<&str> = found.iter().filter_map(|(_, to, _)| to.service()).collect();
    names.sort_unstable();
    names.dedup();
    let services: BTreeMap<String, Behind> = futures_util::stream::iter(names.into_iter().map(str::to_owned))
        .map(|name| async move { (name.clone(), service(cluster, namespace, &name).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let backend = |(ingress, to, at): (ObjectRef, Place, Vec<String>)| {
        let to = match &to {
            Place::Service(name) => services.get(name)?.clone(),
            Place::Other(what) => Behind::Other(clean(what).into()),
        };
        Some(Backend {
            ingress: Some(ingress),
            at: at.iter().map(|at| Str::from(clean(at))).collect(),
            to,
        })
    };
    Ok(found.into_iter().filter_map(backend).collect())
}

impl Place {
    fn service(&self) -> Option<&str> {
        match self {
            Self::Service(name) => Some(name),
            Self::Other(_) => None,
        }
    }
}

fn object(kind: Kind, namespace: &str, name: &str, uid: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        uid: uid.into(),
    }
}

async fn list(cluster: &Cluster, namespace: &str) -> Result<Vec<Ingress>, Fault> {
    let path = format!("{}?limit={PAGE}", wire::collection(Kind::Ingress, Some(namespace)));
    let (mut all, mut next) = (Vec::new(), path.clone());
    loop {
        let page: Page = wire::json(cluster.reader(), &next).await?;
        all.extend(page.items);
        match page.metadata.r#continue {
            Some(more) if !more.is_empty() => {
                let more = format!("{path}&continue={}", wire::escape(&more));
                if more == next {
                    return Ok(all);
                }
                next = more;
            }
            _ => return Ok(all),
        }
    }
}

/// Where an Ingress sends what, the same place once. With a Secret, only the hosts that it serves with that: a TLS entry
/// without hosts is for all of them, and the default backend answers any host.
fn places(spec: &IngressSpec, secret: Option<&str>) -> Vec<(Place, Vec<String>)> {
    let tls = || spec.tls.iter().flatten();
    let of_secret = |t: &&Tls| secret.is_some_and(|s| t.secret_name.as_deref() == Some(s));
    if secret.is_some() && !tls().any(|t| of_secret(&t)) {
        return Vec::new();
    }
    let any = |t: &Tls| t.hosts.as_ref().is_none_or(Vec::is_empty);
    let served = |host: &str| {
        secret.is_none()
            || host.is_empty()
            || tls()
                .filter(of_secret)
                .any(|t| any(t) || t.hosts.iter().flatten().any(|h| covers(h, host)))
    };
    let mut found: Vec<(Place, Vec<String>)> = Vec::new();
    let mut add = |to: &To, at: String| {
        let place = match (&to.service, &to.resource) {
            (Some(s), _) => Place::Service(s.name.clone()),
            (None, Some(r)) => Place::Other(format!("{}/{}", r.kind, r.name)),
            (None, None) => return,
        };
        match found.iter_mut().find(|(known, _)| *known == place) {
            Some((_, all)) if all.len() < PLACES && !all.contains(&at) => all.push(at),
            Some(_) => {}
            None => found.push((place, vec![at])),
        }
    };
    for rule in spec.rules.iter().flatten() {
        let host = rule.host.as_deref().unwrap_or_default();
        if !served(host) {
            continue;
        }
        for path in rule.http.iter().flat_map(|h| h.paths.iter().flatten()) {
            add(&path.backend, format!("{host}{}", path.path.as_deref().unwrap_or("/")));
        }
    }
    if let Some(default) = &spec.default_backend {
        add(default, "everything else".to_owned());
    }
    found
}

/// Whether a TLS entry's host, maybe `*.example.com`, is for a rule's: one label stands for the star.
fn covers(entry: &str, host: &str) -> bool {
    entry == host
        || entry
            .strip_prefix("*.")
            .is_some_and(|rest| host.split_once('.').is_some_and(|(_, parent)| parent == rest))
}

async fn service(cluster: &Cluster, namespace: &str, name: &str) -> Behind {
    let bare = object(Kind::Service, namespace, name, "");
    let read = wire::json::<Service>(cluster.reader(), &wire::object_path(&bare)).await;
    let unknown = |service: ObjectRef, why: &str| Behind::Unknown {
        service,
        why: clean(why).into(),
    };
    let read = match read {
        Ok(read) => read,
        Err(e) if e.kind == FaultKind::Absent => return unknown(bare, "there is no such Service"),
        Err(e) if e.kind == FaultKind::Forbidden => {
            return unknown(bare, "it may not be read: the role needs get of services");
        }
        Err(e) => return unknown(bare, &e.say),
    };
    let service = object(Kind::Service, namespace, name, &read.metadata.uid);
    let selector = read.spec.selector.unwrap_or_default();
    if read.spec.r#type == "ExternalName" {
        return unknown(
            service,
            &format!("it is {}, outside of the cluster", read.spec.external_name),
        );
    }
    if selector.is_empty() {
        return unknown(service, "it has no selector: its addresses are set by hand");
    }
    let one = |(k, v): (String, String)| Requirement::In(k.into(), [Str::from(v)].into());
    let all = selector.into_iter().map(one).collect();
    Behind::Selected {
        service,
        selector: Selector { all },
    }
}

fn with_grant(fault: Fault, kind: Kind, verb: &'static str, namespace: &str) -> Fault {
    if fault.kind != FaultKind::Forbidden {
        return fault;
    }
    let ask = Ask::new(verb, kind.group(), kind.plural(), "", namespace);
    Fault::new(
        FaultKind::Forbidden,
        format!(
            "{} may not be read; the role needs {}",
            kind.plural(),
            grant_line(&ask, &[verb])
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secret: Option<&str>) -> Vec<String> {
        let spec = r#"{"defaultBackend": {"service": {"name": "fallback", "port": {"number": 80}}},
            "tls": [{"hosts": ["*.shop.example"], "secretName": "shop"}, {"hosts": ["blog.example"], "secretName": "blog"}],
            "rules": [
                {"host": "de.shop.example", "http": {"paths": [
                    {"path": "/", "backend": {"service": {"name": "front"}}},
                    {"path": "/api", "backend": {"service": {"name": "api"}}}]}},
                {"host": "a.de.shop.example", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "deep"}}}]}},
                {"host": "blog.example", "http": {"paths": [
                    {"path": "/", "backend": {"service": {"name": "front"}}},
                    {"path": "/img", "backend": {"resource": {"kind": "Bucket", "name": "img"}}}]}},
                {"host": "none.example"}]}"#;
        let spec: IngressSpec = serde_json::from_str(spec).unwrap();
        let words = |(to, at): (Place, Vec<String>)| format!("{to:?} {}", at.join(" "));
        places(&spec, secret).into_iter().map(words).collect()
    }

    #[test]
    fn of_an_ingress_a_secret_leads_to_the_hosts_that_are_served_with_it() {
        assert_eq!(
            found(None),
            [
                "Service(\"front\") de.shop.example/ blog.example/",
                "Service(\"api\") de.shop.example/api",
                "Service(\"deep\") a.de.shop.example/",
                "Other(\"Bucket/img\") blog.example/img",
                "Service(\"fallback\") everything else",
            ]
        );
        assert_eq!(
            found(Some("shop")),
            [
                "Service(\"front\") de.shop.example/",
                "Service(\"api\") de.shop.example/api",
                "Service(\"fallback\") everything else",
            ]
        );
        assert_eq!(found(Some("another")), [""; 0]);
    }
}
