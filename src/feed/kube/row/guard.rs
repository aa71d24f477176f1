//! Autoscalers, disruption budgets, quotas.

use std::sync::Arc;

use serde::Deserialize;

use super::Slim;
use super::part::{Bound, ConditionIn, Maybe, MetaIn, Pairs, SelectorIn, Text, conditions};
use crate::feed::kube::intern::Interner;
use crate::feed::kube::quantity;
use crate::model::{Budget, Change, Hpa, HpaMetric, Key, Kind, ObjectRef, Quota, QuotaItem};

#[derive(Deserialize)]
pub struct HpaIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: HpaSpec<'a>,
    #[serde(borrow, default)]
    status: HpaStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HpaSpec<'a> {
    #[serde(borrow)]
    scale_target_ref: Target<'a>,
    min_replicas: Option<u32>,
    max_replicas: u32,
    #[serde(borrow)]
    metrics: Maybe<Vec<MetricIn<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HpaStatus<'a> {
    current_replicas: u32,
    desired_replicas: u32,
    #[serde(borrow)]
    current_metrics: Maybe<Vec<MetricIn<'a>>>,
    #[serde(borrow)]
    conditions: Maybe<Vec<ConditionIn<'a>>>,
}

/// One of `spec.metrics` (with targets) or of `status.currentMetrics` (with current values).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MetricIn<'a> {
    #[serde(borrow)]
    resource: Option<SourceIn<'a>>,
    #[serde(borrow)]
    container_resource: Option<SourceIn<'a>>,
    #[serde(borrow)]
    pods: Option<SourceIn<'a>>,
    #[serde(borrow)]
    object: Option<SourceIn<'a>>,
    #[serde(borrow)]
    external: Option<SourceIn<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceIn<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    metric: Named<'a>,
    #[serde(borrow)]
    target: Amount<'a>,
    #[serde(borrow)]
    current: Amount<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    selector: Labels<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Labels<'a> {
    #[serde(borrow)]
    match_labels: Pairs<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Amount<'a> {
    average_utilization: Option<f64>,
    #[serde(borrow)]
    average_value: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

impl<'a> MetricIn<'a> {
    fn source(&self) -> Option<&SourceIn<'a>> {
        [
            &self.resource,
            &self.container_resource,
            &self.pods,
            &self.object,
            &self.external,
        ]
        .into_iter()
        .find_map(Option::as_ref)
    }
}

impl SourceIn<'_> {
    fn name(&self) -> &str {
        if self.name.is_empty() {
            &self.metric.name
        } else {
            &self.name
        }
    }
}

/// The amount of the same sort as the target: a utilisation is compared with a utilisation.
fn amount(of: &Amount<'_>, target: &Amount<'_>) -> Option<f64> {
    if target.average_utilization.is_some() {
        of.average_utilization
    } else if target.average_value.is_empty() {
        quantity::parse(&of.value)
    } else {
        quantity::parse(&of.average_value)
    }
}

impl<'a> Slim<'a> for HpaIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let metrics = self.spec.metrics.iter().filter_map(MetricIn::source).map(|wanted| {
            let now = self.status.current_metrics.iter().filter_map(MetricIn::source);
            let now = now.into_iter().find(|s| s.name() == wanted.name());
            HpaMetric {
                name: intern.text(wanted.name()),
                current: now.and_then(|n| amount(&n.current, &wanted.target)),
                target: amount(&wanted.target, &wanted.target).unwrap_or(0.0),
                labels: intern.labels(wanted.metric.selector.match_labels.iter()),
            }
        });
        let metrics: Arc<[HpaMetric]> = metrics.collect();
        let owner = self.metadata.controller().filter(|o| &*o.kind == "ScaledObject");
        let by_owner = owner.map(|o| (&*o.name, &*o.uid));
        let by_label = || Some((self.metadata.labels.get("scaledobject.keda.sh/name")?, ""));
        let keda = by_owner.or_else(by_label).map(|(name, uid)| ObjectRef {
            kind: Kind::ScaledObject,
            namespace: Arc::clone(&key.namespace),
            name: intern.text(name),
            uid: uid.into(),
        });
        let row = Hpa {
            meta: self.metadata.row(&key, intern),
            target_kind: Kind::from_api(&self.spec.scale_target_ref.kind),
            target_name: intern.text(&self.spec.scale_target_ref.name),
            min: self.spec.min_replicas.unwrap_or(1),
            max: self.spec.max_replicas,
            current: self.status.current_replicas,
            desired: self.status.desired_replicas,
            metrics,
            conditions: conditions(&self.status.conditions, intern),
            keda,
        };
        Change::Hpa(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
pub struct BudgetIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: BudgetSpec<'a>,
    #[serde(default)]
    status: BudgetStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BudgetSpec<'a> {
    #[serde(borrow)]
    selector: SelectorIn<'a>,
    min_available: Option<Bound>,
    max_unavailable: Option<Bound>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BudgetStatus {
    observed_generation: i64,
    disruptions_allowed: i32,
    current_healthy: i32,
    desired_healthy: i32,
    expected_pods: i32,
}

impl<'a> Slim<'a> for BudgetIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let rule = match (self.spec.min_available, self.spec.max_unavailable) {
            (Some(min), _) => format!("minAvailable: {min}"),
            (None, Some(max)) => format!("maxUnavailable: {max}"),
            (None, None) => String::new(),
        };
        let row = Budget {
            meta: self.metadata.row(&key, intern),
            selector: self.spec.selector.row(intern),
            allowed: self.status.disruptions_allowed,
            healthy: self.status.current_healthy,
            desired: self.status.desired_healthy,
            expected: self.status.expected_pods,
            rule: intern.text(&rule),
            observed: self.status.observed_generation >= self.metadata.generation,
        };
        Change::Budget(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
pub struct QuotaIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    status: QuotaStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct QuotaStatus<'a> {
    #[serde(borrow)]
    hard: Pairs<'a>,
    #[serde(borrow)]
    used: Pairs<'a>,
}

impl<'a> Slim<'a> for QuotaIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let items = self.status.hard.iter().map(|(resource, hard)| {
            let used = self.status.used.get(resource).unwrap_or("0");
            QuotaItem {
                resource: intern.text(resource),
                used: quantity::parse(used).unwrap_or(0.0),
                hard: quantity::parse(hard).unwrap_or(0.0),
                used_text: intern.text(used),
                hard_text: intern.text(hard),
            }
        });
        let items = items.collect();
        let row = Quota {
            meta: self.metadata.row(&key, intern),
            items,
        };
        Change::Quota(key, Some(Arc::new(row)))
    }
}
