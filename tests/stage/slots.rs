//! Which object a change is about, and the change that takes it away.

use quarterdeck::model::{Change, Key as ObjectKey, Kind};

pub fn slot(change: &Change) -> (Kind, ObjectKey) {
    let (kind, key) = match change {
        Change::Pod(k, _) => (Kind::Pod, k),
        Change::Workload(kind, k, _) | Change::Revision(kind, k, _) => (*kind, k),
        Change::Hpa(k, _) => (Kind::Hpa, k),
        Change::Budget(k, _) => (Kind::Pdb, k),
        Change::Event(k, _) => (Kind::Event, k),
        Change::Node(k, _) => (Kind::Node, k),
        Change::Quota(k, _) => (Kind::Quota, k),
        Change::Job(k, _) => (Kind::Job, k),
        Change::CronJob(k, _) => (Kind::CronJob, k),
        Change::Namespace(k, _) => (Kind::Namespace, k),
    };
    (kind, key.clone())
}

pub fn removal((kind, key): &(Kind, ObjectKey)) -> Change {
    let key = key.clone();
    match kind {
        Kind::Pod => Change::Pod(key, None),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => Change::Workload(*kind, key, None),
        Kind::ReplicaSet | Kind::ControllerRevision => Change::Revision(*kind, key, None),
        Kind::Hpa => Change::Hpa(key, None),
        Kind::Pdb => Change::Budget(key, None),
        Kind::Event => Change::Event(key, None),
        Kind::Node => Change::Node(key, None),
        Kind::Quota => Change::Quota(key, None),
        Kind::Job => Change::Job(key, None),
        Kind::CronJob => Change::CronJob(key, None),
        Kind::Namespace => Change::Namespace(key, None),
        Kind::ConfigMap | Kind::Secret | Kind::Service | Kind::Ingress | Kind::ScaledObject => {
            unreachable!("{kind:?} is not watched")
        }
    }
}
