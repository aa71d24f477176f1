//! The objects on the way from Certificates to what is signed, read no more often than they can tell something new: all
//! of them seldom, and in between only in the namespaces where something is being issued.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::DynamicObject;

use super::manager::{self, Resource};
use crate::model::{Certificate, Problem, Scope};

/// All of them are read this often.
const ALL: Duration = Duration::from_secs(600);
/// With something under way in more namespaces than this, all are read.
const NAMESPACES: usize = 8;

/// What was read of the way.
#[derive(Default)]
pub struct Way {
    /// Requests by the Certificate, orders by the request and challenges by the order that owns them.
    owned: HashMap<String, Vec<(&'static str, DynamicObject)>>,
    pub issuers: Vec<DynamicObject>,
    /// The namespaces that were read; `None`: all of the scope.
    within: Option<BTreeSet<String>>,
}

impl Way {
    /// Whether it was read where this namespace's objects would be.
    pub fn covers(&self, namespace: &str) -> bool {
        self.within.as_ref().is_none_or(|w| w.contains(namespace))
    }

    /// What the object with this uid owns of a resource.
    pub fn owned(&self, uid: &str, resource: &Resource) -> impl Iterator<Item = &DynamicObject> {
        let all = self.owned.get(uid).into_iter().flatten();
        all.filter(|(kind, _)| *kind == resource.kind).map(|(_, o)| o)
    }

    fn take(&mut self, resource: &Resource, objects: Vec<DynamicObject>) {
        for object in objects {
            for owner in object.metadata.owner_references.iter().flatten() {
                let entry = (resource.kind, object.clone());
                self.owned.entry(owner.uid.clone()).or_default().push(entry);
            }
        }
    }
}

/// When the way was read, and what could not be.
#[derive(Default)]
pub struct Ways {
    read: Option<Instant>,
    pub gaps: Vec<Problem>,
}

impl Ways {
    /// Reads what may have changed since `before`; `None`: nothing can have.
    pub async fn look(
        &mut self,
        reader: &Client,
        scope: &Scope,
        now: &[DynamicObject],
        before: &[Certificate],
    ) -> Option<Way> {
        let all = self.read.is_none_or(|at| at.elapsed() >= ALL);
        let moving: BTreeSet<String> = now
            .iter()
            .filter(|c| manager::is_under_way(c, before))
            .filter_map(|c| c.metadata.namespace.clone())
            .collect();
        if !all && moving.is_empty() {
            return None;
        }
        let within = (!all && moving.len() <= NAMESPACES).then_some(moving);
        if within.is_none() {
            self.read = Some(Instant::now());
        }
        let scope = within
            .as_ref()
            .map_or_else(|| scope.clone(), |w| Scope::Namespaces(w.iter().cloned().collect()));
        let (requests, orders, challenges, issuers, cluster) = tokio::join!(
            manager::list(reader, &manager::REQUESTS, &scope),
            manager::list(reader, &manager::ORDERS, &scope),
            manager::list(reader, &manager::CHALLENGES, &scope),
            manager::list(reader, &manager::ISSUERS, &scope),
            manager::list(reader, &manager::CLUSTER_ISSUERS, &Scope::All),
        );
        // What is missing of the way blanks the detail, not the certificate.
        let mut gaps = Vec::new();
        let mut some = |list: Result<Vec<_>, Problem>| {
            list.unwrap_or_else(|problem| {
                gaps.push(problem);
                Vec::new()
            })
        };
        let mut way = Way {
            within,
            ..Way::default()
        };
        way.take(&manager::REQUESTS, some(requests));
        way.take(&manager::ORDERS, some(orders));
        way.take(&manager::CHALLENGES, some(challenges));
        way.issuers = some(issuers);
        way.issuers.extend(some(cluster));
        gaps.dedup();
        self.gaps = gaps;
        Some(way)
    }
}
