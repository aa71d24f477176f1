//! Certificates: what cert-manager means to do, what is stored, and what is served.
//!
//! Of a TLS Secret only `tls.crt` is looked at, and the object is dropped at once; a read-only console does not ask for
//! Secrets at all, for with them comes the key.

pub mod manager;
pub mod probe;
mod sides;
mod way;
pub mod x509;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::ListParams;
use kube::{Api, Client};
use rustls::RootCertStore;

use self::sides::Sides;
use self::way::Ways;
use super::kube::{Access, Fault, FaultKind};
use super::prometheus::Reached;
use super::{Inbox, SourceContext};
use crate::config::{CertificatesSource, Protocol};
use crate::model::{
    Certificate, Certificates, Endpoint, Freshness, Problem, Scope, Seen, Source, SourceId, SourceKind,
    StoredCertificate, Str, Trust,
};

/// How often the cluster is asked.
const SLOW: Duration = Duration::from_secs(60);
const FAST: Duration = Duration::from_secs(10);
/// Secrets are read less often: each reading carries keys over the wire.
const SECRETS: Duration = Duration::from_secs(300);
/// An endpoint is probed this often; one that could not be reached a little sooner; one that serves another certificate
/// than the stored one soon, since somebody waits for that.
const PROBE: Duration = Duration::from_secs(300);
const PROBE_AGAIN: Duration = Duration::from_secs(30);
const PROBE_BEHIND: Duration = Duration::from_secs(9);
/// As long after its beginning a certificate is new: authorities date them back by an hour.
const NEW: SignedDuration = SignedDuration::from_hours(3);
/// Probes at the same time.
const AT_ONCE: usize = 8;

/// Polls for ever; stop it by dropping the future.
pub async fn run(source: CertificatesSource, mut context: SourceContext, inbox: Inbox) {
    let id = SourceId {
        kind: SourceKind::Certificates,
        name: source.name.as_str().into(),
    };
    let mut poll = Poll::new(source, &context);
    let mut shown = None;
    let mut reach = Reached::default();
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    loop {
        let outcome = poll.round().await;
        let now = Timestamp::now();
        let slow = if poll.is_changing(now) { FAST } else { SLOW };
        let (slow, fast) = reach.pauses(outcome.is_err(), slow, FAST, SLOW);
        // Many Certificates take the server long: it is asked a twentieth of the time at most.
        let fast = fast.max(poll.listing * 20).min(SLOW);
        let slow = slow.max(fast);
        inbox.reach(id.clone(), reach.state(outcome, now, slow));
        if shown.as_ref() != Some(&poll.seen) {
            inbox.source(id.clone(), Source::Certificates(Arc::new(poll.seen.clone())));
            shown = Some(poll.seen.clone());
        }
        context.rest(slow, fast).await;
    }
}

/// One endpoint that is to be probed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Where the connection goes.
    connect: String,
    /// What it is called: host and port.
    address: String,
    name: String,
    protocol: Protocol,
    from: Str,
    secret: Str,
}

/// The certificates of one platform, and what was seen of them.
pub struct Poll {
    source: CertificatesSource,
    reader: Option<Client>,
    scope: Scope,
    read_only: bool,
    roots: Result<Arc<RootCertStore>, String>,
    secrets_read: Option<Instant>,
    ways: Ways,
    /// How long the last reading of Certificates took.
    listing: Duration,
    /// When each endpoint was probed last, and whether that gave a chain.
    probed: BTreeMap<(String, String), (Instant, bool)>,
    pub seen: Certificates,
}

impl Poll {
    pub fn new(source: CertificatesSource, context: &SourceContext) -> Self {
        let cluster = context.cluster.as_ref();
        let roots = match &source.ca {
            None => Ok(Arc::new(super::http::system_roots().clone())),
            Some(path) => super::http::read_certificates(path).map(|extra| {
                let mut roots = super::http::system_roots().clone();
                roots.add_parsable_certificates(extra);
                Arc::new(roots)
            }),
        };
        Self {
            source,
            reader: cluster.map(|c| c.reader().clone()),
            scope: cluster.map_or(Scope::All, |c| c.place().scope.clone()),
            read_only: context.grant.is_none() || cluster.is_some_and(|c| c.access() == Access::ReadOnly),
            roots,
            secrets_read: None,
            ways: Ways::default(),
            listing: Duration::ZERO,
            probed: BTreeMap::new(),
            seen: Certificates::default(),
        }
    }

    /// Looks at everything that is due.
    ///
    /// # Errors
    /// Nothing at all could be read, and why.
    pub async fn round(&mut self) -> Result<(), Problem> {
        let mut gaps = Vec::new();
        let reader = self.reader.clone();
        let mut ingresses = Vec::new();
        if let Some(reader) = &reader {
            self.managed(reader, &mut gaps).await;
            self.stored(reader).await;
            if self.source.ingress {
                match hosts(reader, &self.scope, self.source.ingress_address.as_deref()).await {
                    Ok(targets) => ingresses = targets,
                    Err(problem) => gaps.push(problem),
                }
            }
        } else {
            let none = Problem::Absent {
                what: "no cluster is connected".into(),
                how: "give a kubeconfig".into(),
            };
            self.seen.managed.failed(none.clone());
            self.seen.stored.failed(none);
        }
        self.probe(ingresses).await;
        if *self.seen.gaps != *gaps {
            self.seen.gaps = gaps.into();
        }
        let views = [
            self.seen.managed.problem.as_ref(),
            self.seen.stored.problem.as_ref(),
            self.seen.served.problem.as_ref(),
        ];
        if let [Some(first), Some(_), Some(_)] = views {
            return Err(first.clone());
        }
        Ok(())
    }

    async fn managed(&mut self, reader: &Client, gaps: &mut Vec<Problem>) {
        if !self.source.cert_manager {
            self.seen.managed = off("cert_manager");
            return;
        }
        let began = Instant::now();
        let certificates = match manager::list(reader, &manager::CERTIFICATES, &self.scope).await {
            Ok(list) => list,
            Err(problem) => {
                self.seen.managed.failed(problem);
                return;
            }
        };
        let before = self.seen.managed.last().map_or(&[][..], Vec::as_slice);
        let way = self.ways.look(reader, &self.scope, &certificates, before).await;
        let rows = manager::rows(&certificates, way.as_ref(), before);
        gaps.extend(self.ways.gaps.iter().cloned());
        put(&mut self.seen.managed, Ok(rows));
        self.listing = began.elapsed();
    }

    async fn stored(&mut self, reader: &Client) {
        if !self.source.secrets {
            self.seen.stored = off("secrets");
            return;
        }
        if self.read_only {
            self.seen.stored.failed(Problem::Denied {
                what: "a read-only console does not read TLS Secrets: with them comes the key".into(),
                grant: "nothing: what is served and what cert-manager says are enough for a look".into(),
            });
            return;
        }
        // A renewal changes what is stored: look again at once when a Certificate has moved on.
        if self.secrets_read.is_some_and(|at| at.elapsed() < SECRETS) && !self.renewed() {
            return;
        }
        self.secrets_read = Some(Instant::now());
        let read = secrets(reader, &self.scope).await;
        put(&mut self.seen.stored, read);
    }

    /// Whether a Certificate's notAfter is not the one that its Secret holds.
    fn renewed(&self) -> bool {
        let managed = self.seen.managed.fresh().into_iter().flatten();
        let stored = self.seen.stored.last().into_iter().flatten();
        let stored: HashMap<(&str, &str), _> = stored.map(|s| ((&*s.namespace, &*s.name), s)).collect();
        managed.filter(|c| c.issuing.is_none()).any(|c| {
            let stored = stored
                .get(&(&*c.id.namespace, &*c.secret))
                .and_then(|s| s.chain.as_ref().ok());
            stored.is_some_and(|s| c.not_after.is_some_and(|at| at != s.leaf.not_after))
        }) && self.secrets_read.is_none_or(|at| at.elapsed() > FAST / 2)
    }

    async fn probe(&mut self, ingresses: Vec<Target>) {
        let roots = match &self.roots {
            Ok(roots) => Arc::clone(roots),
            Err(why) => {
                self.seen.served.failed(Problem::Failed(why.as_str().into()));
                return;
            }
        };
        let mut targets: Vec<Target> = self.source.probe.iter().map(configured).collect();
        let mut known: HashSet<(String, String)> = targets.iter().map(key).collect();
        targets.extend(ingresses.into_iter().filter(|t| known.insert(key(t))));
        if targets.is_empty() {
            self.seen.served = Seen::default();
            self.seen.served.failed(Problem::Absent {
                what: "no endpoint is known: no Ingress with TLS, and none is configured".into(),
                how: "probe = [{ address = \"www.example.com:443\" }] in [[platform.certificates]]".into(),
            });
            return;
        }
        let now = Instant::now();
        let sides = Sides::of(&self.seen);
        let due = |t: &Target| {
            let Some((at, good)) = self.probed.get(&key(t)) else {
                return true;
            };
            let pause = match *good {
                true if sides.is_behind(&t.address, &t.name, &t.secret) => PROBE_BEHIND,
                true => PROBE,
                false => PROBE_AGAIN,
            };
            now.duration_since(*at) >= pause
        };
        let wanted: Vec<Target> = targets.iter().filter(|t| due(t)).cloned().collect();
        let probes: Vec<_> = wanted
            .into_iter()
            .map(|t| {
                let roots = Arc::clone(&roots);
                Box::pin(async move {
                    let served = probe::probe(&t.connect, &t.name, t.protocol, &roots).await;
                    (t, served)
                }) as futures_util::future::BoxFuture<'static, _>
            })
            .collect();
        let answers: Vec<(Target, Result<probe::Served, Problem>)> = futures_util::stream::iter(probes)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let before = self.seen.served.last().cloned().unwrap_or_default();
        let known: HashMap<(&str, &str), &Endpoint> = before.iter().map(|e| ((&*e.address, &*e.name), e)).collect();
        let answered: HashMap<(String, String), _> = answers.iter().map(|(t, a)| (key(t), a)).collect();
        let mut rows: Vec<Endpoint> = Vec::with_capacity(targets.len());
        for target in &targets {
            let known = known.get(&(target.address.as_str(), target.name.as_str()));
            let mut row = known.copied().cloned().unwrap_or_else(|| Endpoint {
                address: target.address.as_str().into(),
                name: target.name.as_str().into(),
                from: "".into(),
                secret: "".into(),
                chain: Seen::default(),
                trust: Trust::Unknown,
                note: "".into(),
            });
            (row.from, row.secret) = (target.from.clone(), target.secret.clone());
            if let Some(answer) = answered.get(&key(target)) {
                self.probed.insert(key(target), (now, answer.is_ok()));
                match answer {
                    Ok(served) => {
                        put(&mut row.chain, Ok(served.chain.clone()));
                        row.trust = served.trust.clone();
                        row.note = served.note.into();
                    }
                    Err(problem) => row.chain.failed(problem.clone()),
                }
            }
            rows.push(row);
        }
        self.probed.retain(|k, _| targets.iter().any(|t| key(t) == *k));
        put(&mut self.seen.served, Ok(rows));
    }

    /// Whether somebody waits for what comes next: one is being issued, or was just now and is not served yet.
    fn is_changing(&self, now: Timestamp) -> bool {
        let managed = || self.seen.managed.last().into_iter().flatten();
        if managed().any(|c| c.issuing.is_some()) {
            return true;
        }
        let is_new = |c: &&Certificate| c.not_before.is_some_and(|at| now.duration_since(at) < NEW);
        let new: BTreeSet<String> = managed()
            .filter(is_new)
            .map(|c| format!("{}/{}", c.id.namespace, c.secret))
            .collect();
        if new.is_empty() {
            return false;
        }
        let sides = Sides::of(&self.seen);
        let mut served = self.seen.served.last().into_iter().flatten();
        served.any(|e| new.contains(&*e.secret) && sides.is_behind(&e.address, &e.name, &e.secret))
    }
}

fn key(target: &Target) -> (String, String) {
    (target.address.clone(), target.name.clone())
}

fn off<T>(switch: &str) -> Seen<T> {
    let mut seen = Seen::default();
    seen.failed(Problem::Absent {
        what: "switched off in the configuration".into(),
        how: format!("{switch} = true in [[platform.certificates]]").into(),
    });
    seen
}

fn put<T: PartialEq>(seen: &mut Seen<T>, read: Result<T, Problem>) {
    match read {
        Ok(value) if seen.problem.is_none() && seen.last() == Some(&value) => {}
        Ok(value) => *seen = Seen::read(value, Timestamp::now()),
        Err(problem) => seen.failed(problem),
    }
}

fn configured(probe: &crate::config::Probe) -> Target {
    let bracketed = probe.address.starts_with('[');
    let has_port = probe
        .address
        .rsplit_once(':')
        .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (bracketed || !host.contains(':')));
    let address = if has_port {
        probe.address.clone()
    } else {
        format!("{}:443", probe.address)
    };
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Target {
        connect: address.clone(),
        name: probe.name.clone().unwrap_or_else(|| host.to_owned()),
        address,
        protocol: probe.protocol,
        from: "configuration".into(),
        secret: probe.secret.as_deref().unwrap_or_default().into(),
    }
}

/// The hosts of Ingresses that have TLS, with the Secret that each should serve.
async fn hosts(reader: &Client, scope: &Scope, address: Option<&str>) -> Result<Vec<Target>, Problem> {
    let mut found = Vec::new();
    let places: Vec<Option<&str>> = match scope {
        Scope::All => vec![None],
        Scope::Namespaces(list) => list.iter().map(|n| Some(n.as_str())).collect(),
    };
    for place in places {
        let api: Api<Ingress> =
            place.map_or_else(|| Api::all(reader.clone()), |ns| Api::namespaced(reader.clone(), ns));
        let list = api.list(&ListParams::default().limit(500)).await;
        let list = list.map_err(|e| denied(Fault::from(e), "networking.k8s.io", "ingresses", place))?;
        for ingress in list.items {
            let (namespace, name) = (
                ingress.metadata.namespace.unwrap_or_default(),
                ingress.metadata.name.unwrap_or_default(),
            );
            for tls in ingress.spec.and_then(|s| s.tls).unwrap_or_default() {
                let secret: Str = tls
                    .secret_name
                    .map(|s| format!("{namespace}/{s}"))
                    .unwrap_or_default()
                    .into();
                for host in tls.hosts.unwrap_or_default() {
                    // A wildcard has no address of its own: it is asked for where the operator said.
                    if host.starts_with('*') && address.is_none() {
                        continue;
                    }
                    found.push(Target {
                        connect: address.map_or_else(|| format!("{host}:443"), str::to_owned),
                        address: format!("{host}:443"),
                        name: host,
                        protocol: Protocol::Tls,
                        from: format!("ingress {namespace}/{name}").into(),
                        secret: secret.clone(),
                    });
                }
            }
        }
    }
    Ok(found)
}

fn denied(fault: Fault, group: &str, plural: &str, place: Option<&str>) -> Problem {
    match fault.kind {
        FaultKind::Forbidden => Problem::Denied {
            what: fault.say.into(),
            grant: format!(
                "{{apiGroups: [\"{group}\"], resources: [\"{plural}\"], verbs: [\"list\"]}} in {}",
                place.map_or_else(|| "a ClusterRole".to_owned(), |ns| format!("a Role in {ns}"))
            )
            .into(),
        },
        FaultKind::Slow => Problem::TimedOut(fault.say.into()),
        _ => Problem::Failed(fault.say.into()),
    }
}

/// The certificates of TLS Secrets. The objects, with their keys, live as long as one page is read.
async fn secrets(reader: &Client, scope: &Scope) -> Result<Vec<StoredCertificate>, Problem> {
    let mut found = Vec::new();
    let places: Vec<Option<&str>> = match scope {
        Scope::All => vec![None],
        Scope::Namespaces(list) => list.iter().map(|n| Some(n.as_str())).collect(),
    };
    for place in places {
        let api: Api<Secret> = place.map_or_else(|| Api::all(reader.clone()), |ns| Api::namespaced(reader.clone(), ns));
        let mut params = ListParams::default().fields("type=kubernetes.io/tls").limit(50);
        loop {
            let page = api.list(&params).await;
            let page = page.map_err(|e| denied(Fault::from(e), "", "secrets", place))?;
            found.extend(page.items.into_iter().map(stored));
            match page.metadata.continue_ {
                Some(more) if !more.is_empty() && params.continue_token.as_ref() != Some(&more) => {
                    params = params.continue_token(&more);
                }
                _ => break,
            }
        }
    }
    found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Ok(found)
}

fn stored(mut secret: Secret) -> StoredCertificate {
    let pem = secret.data.take().and_then(|mut data| data.remove("tls.crt"));
    let chain = match pem {
        Some(pem) => x509::chain_of_pem(&pem.0),
        None => Err("it has no tls.crt".into()),
    };
    StoredCertificate {
        namespace: secret.metadata.namespace.unwrap_or_default().into(),
        name: secret.metadata.name.unwrap_or_default().into(),
        chain,
    }
}

/// For a caller that has the row: what a Certificate is now.
///
/// # Errors
/// It cannot be read.
pub async fn read_one(reader: &Client, namespace: &str, name: &str) -> Result<Certificate, Fault> {
    let api = Api::namespaced_with(reader.clone(), namespace, &manager::CERTIFICATES.api());
    let all = Api::<kube::api::DynamicObject>::list(&api, &ListParams::default()).await?;
    let rows = manager::rows(&all.items, None, &[]);
    rows.into_iter()
        .find(|c| &*c.id.name == name)
        .ok_or_else(|| Fault::new(FaultKind::Absent, format!("certificate {namespace}/{name} not found")))
}
