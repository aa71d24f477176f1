//! Deployments, StatefulSets, DaemonSets; ReplicaSets and ControllerRevisions.

use std::sync::Arc;

use serde::Deserialize;

use super::Slim;
use super::part::{Annotations, Bound, ConditionIn, Maybe, MetaIn, Pairs, SelectorIn, Text, conditions};
use super::template::{ContainerIn, container_specs, queues};
use crate::feed::kube::intern::Interner;
use crate::model::{Change, IntOrPercent, Key, Kind, Revision, Steward, Strategy, Workload};

/// What the API server fills in when a Deployment or DaemonSet says nothing.
const DEFAULT_BOUND: Bound = Bound(IntOrPercent::Percent(25));

#[derive(Deserialize)]
pub struct WorkloadIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: Spec<'a>,
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    replicas: Option<u32>,
    paused: bool,
    progress_deadline_seconds: Option<u32>,
    #[serde(borrow)]
    selector: SelectorIn<'a>,
    /// Deployments.
    #[serde(borrow)]
    strategy: StrategyIn<'a>,
    /// StatefulSets and DaemonSets.
    #[serde(borrow)]
    update_strategy: StrategyIn<'a>,
    #[serde(borrow)]
    template: TemplateIn<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StrategyIn<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    rolling_update: Option<RollingIn>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RollingIn {
    max_surge: Option<Bound>,
    max_unavailable: Option<Bound>,
    partition: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TemplateIn<'a> {
    #[serde(borrow)]
    metadata: TemplateMeta<'a>,
    #[serde(borrow)]
    spec: TemplateSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TemplateMeta<'a> {
    #[serde(borrow)]
    labels: Pairs<'a>,
    #[serde(borrow)]
    annotations: Annotations<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TemplateSpec<'a> {
    #[serde(borrow)]
    containers: Maybe<Vec<ContainerIn<'a>>>,
    #[serde(borrow)]
    init_containers: Maybe<Vec<ContainerIn<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    observed_generation: i64,
    replicas: u32,
    updated_replicas: u32,
    ready_replicas: u32,
    available_replicas: u32,
    #[serde(borrow)]
    current_revision: Text<'a>,
    #[serde(borrow)]
    update_revision: Text<'a>,
    desired_number_scheduled: u32,
    current_number_scheduled: u32,
    updated_number_scheduled: u32,
    number_ready: u32,
    number_available: u32,
    #[serde(borrow)]
    conditions: Maybe<Vec<ConditionIn<'a>>>,
}

fn strategy(kind: Kind, spec: &Spec<'_>) -> Strategy {
    let given = if kind == Kind::Deployment {
        &spec.strategy
    } else {
        &spec.update_strategy
    };
    let rolling = given.rolling_update.as_ref();
    match (kind, &*given.r#type) {
        (_, "OnDelete") => Strategy::OnDelete,
        (_, "Recreate") => Strategy::Recreate,
        (Kind::StatefulSet, _) => Strategy::Ordered {
            partition: rolling.and_then(|r| r.partition).unwrap_or(0),
        },
        (Kind::DaemonSet, _) => Strategy::Rolling {
            max_surge: rolling.and_then(|r| r.max_surge).map_or(IntOrPercent::Int(0), |b| b.0),
            max_unavailable: rolling
                .and_then(|r| r.max_unavailable)
                .map_or(IntOrPercent::Int(1), |b| b.0),
        },
        _ => Strategy::Rolling {
            max_surge: rolling.and_then(|r| r.max_surge).unwrap_or(DEFAULT_BOUND).0,
            max_unavailable: rolling.and_then(|r| r.max_unavailable).unwrap_or(DEFAULT_BOUND).0,
        },
    }
}

/// Who holds the desired state elsewhere, the strongest claim first.
fn steward(kind: Kind, meta: &MetaIn<'_>) -> Option<Steward> {
    let label = |key: &str| meta.labels.get(key).filter(|v| !v.is_empty()).map(ToOwned::to_owned);
    // `app:group/Kind:namespace/name`; an annotation that names another object was copied along with a template.
    let mut argo = meta.annotations.argo.split(':');
    if let (Some(app), Some(what), Some(which)) = (argo.next(), argo.next(), argo.next())
        && what.split('/').next_back() == Some(kind.api())
        && which.split('/').next_back() == Some(&*meta.name)
    {
        return Some(Steward::ArgoCd { app: app.to_owned() });
    }
    if let Some(app) = label("argocd.argoproj.io/instance") {
        return Some(Steward::ArgoCd { app });
    }
    if let Some(name) = label("kustomize.toolkit.fluxcd.io/name") {
        return Some(Steward::FluxKustomization { name });
    }
    if let Some(name) = label("helm.toolkit.fluxcd.io/name") {
        return Some(Steward::FluxHelmRelease { name });
    }
    if let Some(owner) = meta.controller()
        && Kind::from_api(&owner.kind).is_none()
    {
        return Some(Steward::Operator {
            kind: owner.kind.to_string(),
            name: owner.name.to_string(),
        });
    }
    if meta.labels.get("app.kubernetes.io/managed-by") == Some("Helm") && !meta.annotations.helm_release.is_empty() {
        return Some(Steward::Helm {
            release: meta.annotations.helm_release.to_string(),
        });
    }
    meta.annotations.applied.then_some(Steward::KubectlApply)
}

impl<'a> Slim<'a> for WorkloadIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let (spec, status) = (&self.spec, &self.status);
        let daemon = kind == Kind::DaemonSet;
        let pick = |of_daemon: u32, of_others: u32| if daemon { of_daemon } else { of_others };
        let template = &spec.template;
        let row = Workload {
            meta: self.metadata.row(&key, intern),
            kind,
            desired: pick(status.desired_number_scheduled, spec.replicas.unwrap_or(1)),
            replicas: pick(status.current_number_scheduled, status.replicas),
            updated: pick(status.updated_number_scheduled, status.updated_replicas),
            ready: pick(status.number_ready, status.ready_replicas),
            available: pick(status.number_available, status.available_replicas),
            generation: self.metadata.generation,
            observed: status.observed_generation,
            paused: spec.paused,
            strategy: strategy(kind, spec),
            containers: container_specs(&template.spec.containers, &template.spec.init_containers, intern),
            queues: queues(&template.spec.containers, intern),
            selector: spec.selector.row(intern),
            template_labels: intern.labels(template.metadata.labels.iter()),
            conditions: conditions(&status.conditions, intern),
            revision: self.metadata.annotations.revision.parse().unwrap_or(0),
            current_revision: intern.text(&status.current_revision),
            update_revision: intern.text(&status.update_revision),
            change_cause: intern.text(&self.metadata.annotations.change_cause),
            deadline_s: spec.progress_deadline_seconds.unwrap_or(600),
            steward: steward(kind, &self.metadata),
            restarted_at: intern.text(&template.metadata.annotations.restarted_at),
        };
        Change::Workload(kind, key, Some(Arc::new(row)))
    }
}

/// A ReplicaSet (`spec`, `status`) or a ControllerRevision (`data`, `revision`).
#[derive(Deserialize)]
pub struct RevisionIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: SetSpec<'a>,
    #[serde(default)]
    status: SetStatus,
    #[serde(borrow, default)]
    data: Maybe<Data<'a>>,
    #[serde(default)]
    revision: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SetSpec<'a> {
    replicas: Option<u32>,
    #[serde(borrow)]
    template: TemplateIn<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SetStatus {
    ready_replicas: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    spec: DataSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataSpec<'a> {
    #[serde(borrow)]
    template: TemplateIn<'a>,
}

impl<'a> Slim<'a> for RevisionIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let meta = &self.metadata;
        let set = kind == Kind::ReplicaSet;
        let template = if set {
            &self.spec.template
        } else {
            &self.data.spec.template
        };
        let hash = if set {
            meta.labels.get("pod-template-hash").unwrap_or_default()
        } else {
            // StatefulSet pods carry the revision's whole name, DaemonSet pods only its hash.
            let label = meta.labels.get("controller-revision-hash");
            label
                .or_else(|| meta.labels.get("controller.kubernetes.io/hash"))
                .or_else(|| meta.name.rsplit('-').next())
                .unwrap_or_default()
        };
        let row = Revision {
            meta: meta.row(&key, intern),
            kind,
            number: if set {
                meta.annotations.revision.parse().unwrap_or(0)
            } else {
                self.revision
            },
            images: container_specs(&template.spec.containers, &template.spec.init_containers, intern),
            change_cause: intern.text(&meta.annotations.change_cause),
            hash: intern.text(hash),
            desired: self.spec.replicas.unwrap_or(u32::from(set)),
            ready: self.status.ready_replicas,
        };
        Change::Revision(kind, key, Some(Arc::new(row)))
    }
}
