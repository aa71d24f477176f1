//! Certificates of the platform as they were seen last: what cert-manager says, what is stored, what is served.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Problem, Seen, Str, Uid};

/// Certificates of the platform as they were seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificates {
    /// cert-manager's Certificates.
    pub managed: Seen<Vec<Certificate>>,
    /// TLS Secrets, of each the certificates alone.
    pub stored: Seen<Vec<StoredCertificate>>,
    /// What endpoints serve.
    pub served: Seen<Vec<Endpoint>>,
    /// Namespaces or kinds that could not be read while others could.
    pub gaps: Arc<[Problem]>,
}

/// Namespace, name and uid of a Certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateId {
    pub namespace: Str,
    pub name: Str,
    pub uid: Uid,
}

/// One Certificate of cert-manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    pub id: CertificateId,
    pub secret: Str,
    /// Of the same namespace, that use the same Secret: renewing one breaks the other.
    pub shares_secret_with: Arc<[Str]>,
    pub dns_names: Arc<[Str]>,
    /// `ClusterIssuer/letsencrypt-prod`
    pub issuer: Str,
    /// `True`, `False`, `Unknown`; empty: not said.
    pub ready: Str,
    /// Reason and message of the Ready condition, for when it is not.
    pub reason: Str,
    pub message: Str,
    /// Set while a certificate is being issued.
    pub issuing: Option<Issuance>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// When cert-manager means to renew; `None`: it does not.
    pub renewal: Option<Timestamp>,
    pub revision: u64,
    pub failed_attempts: u32,
    pub last_failure: Option<Timestamp>,
    /// Request, Order and Challenges of the issuance under way, and the issuer, for the detail.
    pub steps: Arc<[CertificateStep]>,
}

/// A certificate is being issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    pub since: Option<Timestamp>,
    pub reason: Str,
    pub message: Str,
}

/// One object on the way from a Certificate to what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStep {
    /// `CertificateRequest`, `Order`, `Challenge`, `Issuer`, `ClusterIssuer`.
    pub kind: &'static str,
    pub name: Str,
    /// `Ready`, `pending`, `valid`, `errored`; empty: not said.
    pub state: Str,
    /// Reason or message, in the object's words.
    pub says: Str,
    pub created: Option<Timestamp>,
}

impl Certificate {
    /// Its renewal time has passed and nobody is renewing.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.issuing.is_none() && self.renewal.is_some_and(|at| at < now)
    }

    /// When cert-manager tries again after failures: an hour, doubled with each, at most 32.
    pub fn next_try(&self) -> Option<Timestamp> {
        let hours = 1_i64 << self.failed_attempts.checked_sub(1)?.min(5);
        self.last_failure?.checked_add(SignedDuration::from_hours(hours)).ok()
    }
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub subject: Str,
    pub issuer: Str,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Alternative names, of a leaf.
    pub names: Arc<[Str]>,
    pub serial: Str,
    pub is_ca: bool,
    /// SHA-256 of its DER, in hexadecimal.
    pub sha256: Str,
}

/// A leaf and what was sent with it, leaf first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub leaf: Link,
    pub rest: Arc<[Link]>,
}

impl Chain {
    /// The one that expires first: with it the chain ends. A self-signed root that was sent along does not count, for
    /// nobody verifies it.
    pub fn weakest(&self) -> &Link {
        let counted = self.rest.iter().filter(|l| l.subject != l.issuer);
        counted.fold(
            &self.leaf,
            |weakest, l| if l.not_after < weakest.not_after { l } else { weakest },
        )
    }

    pub fn not_after(&self) -> Timestamp {
        self.weakest().not_after
    }

    /// How long the leaf is valid in all.
    pub fn life(&self) -> SignedDuration {
        self.leaf.not_after.duration_since(self.leaf.not_before)
    }

    /// What ingress-nginx serves when it has no certificate for a host.
    pub fn is_placeholder(&self) -> bool {
        self.leaf
            .subject
            .contains("Kubernetes Ingress Controller Fake Certificate")
            || self.leaf.subject.contains("TRAEFIK DEFAULT CERT")
    }
}

/// A TLS Secret: its certificates, never its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    pub namespace: Str,
    pub name: Str,
    /// `Err`: `tls.crt` is not what it should be, and why.
    pub chain: Result<Chain, Str>,
}

/// What an endpoint served last.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `api.cortex.example:443`
    pub address: Str,
    /// The name that was asked for.
    pub name: Str,
    /// Where it comes from: `configuration`, `ingress cortex/web`.
    pub from: Str,
    /// `namespace/name` of the Secret that it should serve; empty: not known.
    pub secret: Str,
    pub chain: Seen<Chain>,
    /// Whether a client would trust it.
    pub trust: Trust,
    /// `asks for a client certificate`; empty: nothing to say.
    pub note: Str,
}

/// What the verification with real authorities said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    #[default]
    Unknown,
    Trusted,
    SelfSigned,
    /// Valid for other names.
    WrongName,
    Expired,
    NotYetValid,
    /// An intermediate is missing, or its authority is not known here.
    UnknownIssuer,
    Other(Str),
}

impl Trust {
    pub fn words(&self) -> &str {
        match self {
            Self::Unknown => "not verified",
            Self::Trusted => "trusted",
            Self::SelfSigned => "self-signed",
            Self::WrongName => "name mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::UnknownIssuer => "unknown issuer or incomplete chain",
            Self::Other(why) => why,
        }
    }
}

impl Certificates {
    /// The stored certificate of a Secret `namespace/name`.
    pub fn stored(&self, secret: &str) -> Option<&StoredCertificate> {
        let (namespace, name) = secret.split_once('/')?;
        self.stored
            .last()?
            .iter()
            .find(|s| &*s.namespace == namespace && &*s.name == name)
    }

    /// The same for all Secrets at once: there may be thousands.
    pub fn by_secret(&self) -> BySecret<'_> {
        let stored = self.stored.last().into_iter().flatten();
        let managed = self.managed.last().into_iter().flatten();
        let served = self.served.last().into_iter().flatten();
        BySecret {
            stored: stored.map(|s| ((&*s.namespace, &*s.name), s)).collect(),
            managed: managed.map(|c| (&*c.id.namespace, &*c.secret)).collect(),
            served: served.filter_map(|e| e.secret.split_once('/')).collect(),
        }
    }
}

/// What is known of Secrets by their namespace and name.
#[derive(Debug)]
pub struct BySecret<'a> {
    stored: HashMap<(&'a str, &'a str), &'a StoredCertificate>,
    managed: HashSet<(&'a str, &'a str)>,
    served: HashSet<(&'a str, &'a str)>,
}

impl<'a> BySecret<'a> {
    /// What is stored in a Secret `namespace/name`.
    pub fn stored(&self, secret: &str) -> Option<&'a StoredCertificate> {
        self.stored.get(&secret.split_once('/')?).copied()
    }

    /// Whether a Certificate keeps the Secret, or an endpoint serves it.
    pub fn is_used(&self, namespace: &str, name: &str) -> bool {
        self.managed.contains(&(namespace, name)) || self.served.contains(&(namespace, name))
    }
}
