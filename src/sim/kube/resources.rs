//! The table of what the server serves.

/// One kind of object and its place in the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for core.
    pub group: &'static str,
    /// The version that is stored and preferred.
    pub version: &'static str,
    /// As in URLs: `deployments`.
    pub plural: &'static str,
    /// As `deployment`.
    pub singular: &'static str,
    /// As `Deployment`.
    pub kind: &'static str,
    /// Lives in a namespace.
    pub namespaced: bool,
    /// As `po`, `deploy`.
    pub short: &'static [&'static str],
    /// Has a status subresource, so that a write to the object leaves the status alone and the other way round.
    pub status: bool,
    /// Counts generations (on changes of `spec`).
    pub generation: bool,
    /// Has a scale subresource.
    pub scale: bool,
    /// In `kubectl get all`.
    pub all: bool,
    /// `plural.group`, or `plural` in core: unique.
    pub key: &'static str,
}

impl Resource {
    /// The group and version as written in `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods` in core: as messages name it.
    pub fn qualified(&self) -> &'static str {
        self.key
    }

    /// Whether a real server serves it by a CustomResourceDefinition, which answers a little differently.
    pub(crate) fn is_custom(&self) -> bool {
        is_custom(self.group)
    }

    /// What every stored object of it begins with, kind and version. A list leaves it out.
    pub(crate) fn prefix(&self) -> String {
        format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\"", self.kind, self.api_version())
    }
}

/// Whether a group is one of CustomResourceDefinitions.
pub(crate) fn is_custom(group: &str) -> bool {
    matches!(group, "cert-manager.io" | "acme.cert-manager.io" | "keda.sh")
}

/// The resource of that group and plural name, if it is served.
pub fn resource(group: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES
        .iter()
        .copied()
        .find(|r| r.group == group && r.plural == plural)
}

/// The resource of that kind in that group.
pub fn resource_of_kind(group: &str, kind: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|r| r.group == group && r.kind == kind)
}

macro_rules! flag {
    ($r:ident cluster) => {
        $r.namespaced = false
    };
    ($r:ident $flag:ident) => {
        $r.$flag = true
    };
}

macro_rules! resources {
    ($($id:ident = $group:literal $version:literal $plural:literal $singular:literal $kind:literal $key:literal [$($short:literal)*] $($flag:ident)*;)*) => {
        $(
            #[doc = concat!("`", $key, "`")]
            pub static $id: Resource = {
                #[allow(unused_mut)]
                let mut r = Resource {
                    group: $group, version: $version, plural: $plural, singular: $singular, kind: $kind, key: $key,
                    namespaced: true, short: &[$($short),*], status: false, generation: false, scale: false, all: false,
                };
                $( flag!(r $flag); )*
                r
            };
        )*
        /// Everything that is served.
        pub static RESOURCES: &[&Resource] = &[$(&$id),*];
    };
}
resources! {
    PODS = "" "v1" "pods" "pod" "Pod" "pods" ["po"] status generation all;
    SERVICES = "" "v1" "services" "service" "Service" "services" ["svc"] status all;
    NAMESPACES = "" "v1" "namespaces" "namespace" "Namespace" "namespaces" ["ns"] cluster status;
    NODES = "" "v1" "nodes" "node" "Node" "nodes" ["no"] cluster status;
    EVENTS = "" "v1" "events" "event" "Event" "events" ["ev"];
    CONFIGMAPS = "" "v1" "configmaps" "configmap" "ConfigMap" "configmaps" ["cm"];
    SECRETS = "" "v1" "secrets" "secret" "Secret" "secrets" [];
    RESOURCEQUOTAS = "" "v1" "resourcequotas" "resourcequota" "ResourceQuota" "resourcequotas" ["quota"] status;
    PERSISTENTVOLUMECLAIMS = "" "v1" "persistentvolumeclaims" "persistentvolumeclaim" "PersistentVolumeClaim" "persistentvolumeclaims" ["pvc"] status;
    SERVICEACCOUNTS = "" "v1" "serviceaccounts" "serviceaccount" "ServiceAccount" "serviceaccounts" ["sa"];
    ENDPOINTS = "" "v1" "endpoints" "endpoints" "Endpoints" "endpoints" ["ep"];
    DEPLOYMENTS = "apps" "v1" "deployments" "deployment" "Deployment" "deployments.apps" ["deploy"] status generation scale all;
    REPLICASETS = "apps" "v1" "replicasets" "replicaset" "ReplicaSet" "replicasets.apps" ["rs"] status generation scale all;
    STATEFULSETS = "apps" "v1" "statefulsets" "statefulset" "StatefulSet" "statefulsets.apps" ["sts"] status generation scale all;
    DAEMONSETS = "apps" "v1" "daemonsets" "daemonset" "DaemonSet" "daemonsets.apps" ["ds"] status generation all;
    CONTROLLERREVISIONS = "apps" "v1" "controllerrevisions" "controllerrevision" "ControllerRevision" "controllerrevisions.apps" [];
    HORIZONTALPODAUTOSCALERS = "autoscaling" "v2" "horizontalpodautoscalers" "horizontalpodautoscaler" "HorizontalPodAutoscaler" "horizontalpodautoscalers.autoscaling" ["hpa"] status all;
    PODDISRUPTIONBUDGETS = "policy" "v1" "poddisruptionbudgets" "poddisruptionbudget" "PodDisruptionBudget" "poddisruptionbudgets.policy" ["pdb"] status generation;
    JOBS = "batch" "v1" "jobs" "job" "Job" "jobs.batch" [] status generation all;
    CRONJOBS = "batch" "v1" "cronjobs" "cronjob" "CronJob" "cronjobs.batch" ["cj"] status generation all;
    INGRESSES = "networking.k8s.io" "v1" "ingresses" "ingress" "Ingress" "ingresses.networking.k8s.io" ["ing"] status generation;
    ENDPOINTSLICES = "discovery.k8s.io" "v1" "endpointslices" "endpointslice" "EndpointSlice" "endpointslices.discovery.k8s.io" [] generation;
    CERTIFICATEREQUESTS = "cert-manager.io" "v1" "certificaterequests" "certificaterequest" "CertificateRequest" "certificaterequests.cert-manager.io" ["cr" "crs"] status generation;
    ISSUERS = "cert-manager.io" "v1" "issuers" "issuer" "Issuer" "issuers.cert-manager.io" [] status generation;
    CLUSTERISSUERS = "cert-manager.io" "v1" "clusterissuers" "clusterissuer" "ClusterIssuer" "clusterissuers.cert-manager.io" [] cluster status generation;
    ORDERS = "acme.cert-manager.io" "v1" "orders" "order" "Order" "orders.acme.cert-manager.io" [] status generation;
    CHALLENGES = "acme.cert-manager.io" "v1" "challenges" "challenge" "Challenge" "challenges.acme.cert-manager.io" [] status generation;
    SCALEDOBJECTS = "keda.sh" "v1alpha1" "scaledobjects" "scaledobject" "ScaledObject" "scaledobjects.keda.sh" ["so"] status generation;
    CERTIFICATES = "cert-manager.io" "v1" "certificates" "certificate" "Certificate" "certificates.cert-manager.io" ["cert"] status generation;
}
