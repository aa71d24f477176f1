//! What limits a workload: autoscalers, disruption budgets, quotas.

use std::sync::Arc;

use super::{Condition, Kind, Meta, ObjectRef, Selector, Str};

#[derive(Clone, Debug, PartialEq)]
pub struct HpaMetric {
    pub name: Str,
    /// In the metric's own unit; utilisation in percent.
    pub current: Option<f64>,
    pub target: f64,
    /// The selector of a metric from outside the cluster.
    pub labels: Arc<[(Str, Str)]>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hpa {
    pub meta: Meta,
    /// None when the target is a kind that the console does not show.
    pub target_kind: Option<Kind>,
    pub target_name: Str,
    pub min: u32,
    pub max: u32,
    pub current: u32,
    pub desired: u32,
    pub metrics: Arc<[HpaMetric]>,
    pub conditions: Arc<[Condition]>,
    /// The ScaledObject that owns it, when KEDA made it: never patch such an HPA, it is reconciled back.
    pub keda: Option<ObjectRef>,
}

impl Hpa {
    /// Where its bounds are set: in KEDA's ScaledObject when that made it, else in itself.
    pub fn bounds_at(&self) -> ObjectRef {
        self.keda.clone().unwrap_or_else(|| self.meta.object(Kind::Hpa))
    }

    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub meta: Meta,
    pub selector: Selector,
    pub allowed: i32,
    pub healthy: i32,
    pub desired: i32,
    pub expected: i32,
    /// `minAvailable: 1` or `maxUnavailable: 25%`, as written.
    pub rule: Str,
    /// `status.disruptionsAllowed` is only as good as this.
    pub observed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct QuotaItem {
    /// `requests.cpu`, `pods`, …
    pub resource: Str,
    /// In base units: cores, bytes, counts.
    pub used: f64,
    pub hard: f64,
    /// As the server writes them.
    pub used_text: Str,
    pub hard_text: Str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    pub meta: Meta,
    pub items: Arc<[QuotaItem]>,
}
