//! How requests from outside reach a workload: an Ingress's rules and default backend, the Services that they name, and
//! what those select. Read when somebody asks for it, and never watched.

use std::sync::Arc;

use super::{Kind, ObjectRef, Selector, Str, Workload, World};

/// From where the way is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendAsk {
    pub namespace: Str,
    pub from: BackendFrom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendFrom {
    /// A TLS Secret's name: the Ingresses that serve it, and of them only the hosts that they serve with it.
    Secret(Str),
    /// An Ingress's name.
    Ingress(Str),
    /// A Service's name.
    Service(Str),
}

/// One thing that an Ingress sends requests to; or the Service alone that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub ingress: Option<ObjectRef>,
    /// Which requests: `www.example.com/api`, `everything else`. Empty for a Service alone.
    pub at: Arc<[Str]>,
    /// The Service, or what else the Ingress names; without a uid where it could not be read.
    pub to: Behind,
}

/// What is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The pods with these labels, by the Service.
    Selected { service: ObjectRef, selector: Selector },
    /// What is behind the Service is not known, and why: it has no selector, it could not be read.
    Unknown { service: ObjectRef, why: Str },
    /// `backend.resource`: `StorageBucket/assets`.
    Other(Str),
}

impl World {
    /// The workloads of a namespace whose pod template has the labels that a Service selects, in the order of their
    /// names.
    pub fn selected_by(&self, namespace: &str, selector: &Selector) -> Vec<ObjectRef> {
        let mut found = Vec::new();
        for kind in Kind::WORKLOADS {
            let all = self.workloads_of(kind).into_iter().flatten().map(|(_, w)| w);
            let chosen = |w: &&Arc<Workload>| &*w.meta.namespace == namespace && selector.matches(&w.template_labels);
            found.extend(all.filter(chosen).map(|w| w.meta.object(kind)));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}
