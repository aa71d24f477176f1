//! One line a certificate: what cert-manager says, what is stored and what is served of the same thing, side by side.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{Certificate, Certificates, Chain, Endpoint, StoredCertificate};

/// A certificate from all sides. Only what is fresh is in it.
#[derive(Clone, Debug)]
pub struct CertificateRow<'a> {
    pub managed: Option<&'a Certificate>,
    pub stored: Option<&'a StoredCertificate>,
    pub served: Vec<&'a Endpoint>,
}

/// How an endpoint's certificate differs from the one that it should serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It serves the controller's own: the Secret is missing or broken.
    Placeholder,
    /// It serves one that was replaced: not reloaded.
    Older,
    /// It serves another one.
    Other,
}

impl Certificates {
    /// All certificates, in the order of their names; those that only an endpoint shows come last.
    pub fn rows(&self) -> Vec<CertificateRow<'_>> {
        let managed = self.managed.fresh().map_or(&[][..], Vec::as_slice);
        let stored = self.stored.fresh().map_or(&[][..], Vec::as_slice);
        let served = self.served.fresh().map_or(&[][..], Vec::as_slice);
        // By namespace and name of the Secret: there may be thousands.
        let mut by_secret: HashMap<(&str, &str), Vec<&Endpoint>> = HashMap::new();
        for endpoint in served {
            if let Some(secret) = endpoint.secret.split_once('/') {
                by_secret.entry(secret).or_default().push(endpoint);
            }
        }
        let secrets: HashMap<(&str, &str), &StoredCertificate> =
            stored.iter().map(|s| ((&*s.namespace, &*s.name), s)).collect();
        let kept: HashSet<(&str, &str)> = managed.iter().map(|c| (&*c.id.namespace, &*c.secret)).collect();
        let of = |secret: (&str, &str)| by_secret.get(&secret).cloned().unwrap_or_default();
        let mut rows: Vec<CertificateRow<'_>> = managed
            .iter()
            .map(|c| {
                let secret = (&*c.id.namespace, &*c.secret);
                CertificateRow {
                    managed: Some(c),
                    stored: secrets.get(&secret).copied(),
                    served: of(secret),
                }
            })
            .collect();
        rows.extend(stored.iter().filter_map(|s| {
            let secret = (&*s.namespace, &*s.name);
            (!kept.contains(&secret)).then(|| CertificateRow {
                managed: None,
                stored: Some(s),
                served: of(secret),
            })
        }));
        let placed = |e: &Endpoint| {
            let secret = e.secret.split_once('/');
            secret.is_some_and(|s| kept.contains(&s) || secrets.contains_key(&s))
        };
        rows.extend(served.iter().filter(|e| !placed(e)).map(|e| CertificateRow {
            managed: None,
            stored: None,
            served: vec![e],
        }));
        rows
    }
}

impl CertificateRow<'_> {
    /// `certificate`, `secret`, `endpoint`.
    pub fn kind(&self) -> &'static str {
        match (self.managed, self.stored) {
            (Some(_), _) => "certificate",
            (None, Some(_)) => "secret",
            (None, None) => "endpoint",
        }
    }

    /// Empty for an endpoint.
    pub fn namespace(&self) -> &str {
        let managed = self.managed.map(|c| &*c.id.namespace);
        managed.or(self.stored.map(|s| &*s.namespace)).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        let managed = self.managed.map(|c| &*c.id.name);
        let stored = self.stored.map(|s| &*s.name);
        managed
            .or(stored)
            .or(self.served.first().map(|e| &*e.address))
            .unwrap_or_default()
    }

    /// The chain that should be in use: what is stored, else what the one endpoint serves.
    pub fn chain(&self) -> Option<&Chain> {
        match (self.managed, self.stored) {
            (None, None) => self.served.first()?.chain.fresh(),
            _ => self.stored?.chain.as_ref().ok(),
        }
    }

    /// When the leaf ends.
    pub fn leaf_not_after(&self) -> Option<Timestamp> {
        self.chain()
            .map(|c| c.leaf.not_after)
            .or(self.managed.and_then(|c| c.not_after))
    }

    /// When the weakest of the chain ends, whether it stands in the Secret or was only sent by an endpoint.
    pub fn not_after(&self) -> Option<Timestamp> {
        let stored = self.chain().map(Chain::not_after);
        let managed = self.managed.and_then(|c| c.not_after);
        let mine = |e: &&&Endpoint| self.mismatch(e).is_none();
        let served = self
            .served
            .iter()
            .filter(mine)
            .filter_map(|e| e.chain.fresh())
            .map(Chain::not_after);
        stored.into_iter().chain(managed).chain(served).min()
    }

    /// How long the leaf is valid in all.
    pub fn life(&self) -> Option<SignedDuration> {
        let managed = self
            .managed
            .and_then(|c| Some(c.not_after?.duration_since(c.not_before?)));
        self.chain().map(Chain::life).or(managed)
    }

    /// Time left at `now`, negative once it has ended.
    pub fn left(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(self.not_after()?.duration_since(now))
    }

    /// How what `endpoint` serves differs from what it should serve; `None`: it does not, or that cannot be told.
    pub fn mismatch(&self, endpoint: &Endpoint) -> Option<Mismatch> {
        let served = endpoint.chain.fresh()?;
        if served.is_placeholder() {
            return Some(Mismatch::Placeholder);
        }
        let older = |not_after: Timestamp| served.leaf.not_after < not_after;
        match (
            self.stored.and_then(|s| s.chain.as_ref().ok()),
            self.managed.and_then(|c| c.not_after),
        ) {
            (Some(stored), _) if stored.leaf.sha256 == served.leaf.sha256 => None,
            (Some(stored), _) if older(stored.leaf.not_after) => Some(Mismatch::Older),
            (Some(_), _) => Some(Mismatch::Other),
            // Without the Secret only the end can be compared: the same to the second is the same.
            (None, Some(managed)) if older(managed) => Some(Mismatch::Older),
            _ => None,
        }
    }

    /// The worst of its endpoints.
    pub fn worst_mismatch(&self) -> Option<(Mismatch, &Endpoint)> {
        let found = self.served.iter().filter_map(|e| Some((self.mismatch(e)?, *e)));
        found.min_by_key(|(m, _)| *m as u8)
    }

    /// One word, worst first: `expired`, `placeholder`, `not reloaded`, `issuing`, `overdue`, `not ready`, `ok`, …
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.left(now).is_some_and(|l| l.is_negative()) {
            return "expired";
        }
        match self.worst_mismatch() {
            Some((Mismatch::Placeholder, _)) => return "placeholder",
            Some((Mismatch::Older, _)) => return "not reloaded",
            Some((Mismatch::Other, _)) => return "other served",
            None => {}
        }
        if let Some(c) = self.managed {
            return match (c.issuing.is_some(), c.is_overdue(now), &*c.ready) {
                (true, _, _) if c.failed_attempts > 0 => "failing",
                (true, _, _) => "issuing",
                (_, true, _) => "overdue",
                (_, _, "True") => "ok",
                _ => "not ready",
            };
        }
        match (self.stored.map(|s| &s.chain), self.served.first()) {
            (Some(Err(_)), _) => "unreadable",
            (None, Some(e)) if e.chain.fresh().is_none() => "unreachable",
            _ => "ok",
        }
    }
}
