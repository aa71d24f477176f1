//! What is served beside what is stored and managed.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::model::{Certificates, Chain, Str};

/// What is served, stored and managed, each by what finds it: there may be thousands of each.
pub(super) struct Sides<'a> {
    served: HashMap<(&'a str, &'a str), &'a Chain>,
    /// The leaf's fingerprint, by namespace and name of the Secret.
    stored: HashMap<(&'a str, &'a str), &'a Str>,
    /// When it ends, by the same.
    managed: HashMap<(&'a str, &'a str), Timestamp>,
}

impl<'a> Sides<'a> {
    pub fn of(seen: &'a Certificates) -> Self {
        let served = seen.served.last().into_iter().flatten();
        let stored = seen.stored.last().into_iter().flatten();
        let managed = seen.managed.last().into_iter().flatten();
        Self {
            served: served
                .filter_map(|e| Some(((&*e.address, &*e.name), e.chain.last()?)))
                .collect(),
            stored: stored
                .filter_map(|s| Some(((&*s.namespace, &*s.name), &s.chain.as_ref().ok()?.leaf.sha256)))
                .collect(),
            managed: managed
                .filter_map(|c| Some(((&*c.id.namespace, &*c.secret), c.not_after?)))
                .collect(),
        }
    }

    /// Whether it serves another certificate than is stored: then it is watched more closely.
    pub fn is_behind(&self, address: &str, name: &str, secret: &str) -> bool {
        let Some(served) = self.served.get(&(address, name)) else {
            return false;
        };
        let Some(secret) = secret.split_once('/') else {
            return false;
        };
        self.stored
            .get(&secret)
            .is_some_and(|sha256| **sha256 != served.leaf.sha256)
            || self.managed.get(&secret).is_some_and(|at| *at != served.leaf.not_after)
    }
}
