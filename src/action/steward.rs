//! Who holds the desired state elsewhere and will undo a change made by hand.

use serde_json::Value;

use super::draft::Draft;
use super::object::{annotation, clean, items, label, owner, text};
use crate::model::{Kind, ObjectRef, Steward};

/// All that claim this object; one may have several (Argo CD deploying a Helm chart).
pub(super) fn stewards(v: &Value) -> Vec<Steward> {
    let mut found = Vec::new();
    let some = |s: &str| (!s.is_empty()).then(|| clean(s));
    let (kind, name, namespace) = (
        text(v, "/kind"),
        text(v, "/metadata/name"),
        text(v, "/metadata/namespace"),
    );
    // `app:group/Kind:namespace/name`; a copied annotation that names another object does not count.
    let tracking = annotation(v, "argocd.argoproj.io/tracking-id");
    let mut parts = tracking.splitn(3, ':');
    let (app, what, which) = (parts.next(), parts.next(), parts.next());
    let about_us = what.is_some_and(|w| kind.is_empty() || w.ends_with(&format!("/{kind}")))
        && which == Some(format!("{namespace}/{name}").as_str());
    let managed_by = |manager: &str| items(v, "/metadata/managedFields").any(|m| text(m, "/manager") == manager);
    if about_us && let Some(app) = app.and_then(some) {
        found.push(Steward::ArgoCd { app });
    } else if managed_by("argocd-controller") {
        let app = some(label(v, "app.kubernetes.io/instance")).unwrap_or_default();
        found.push(Steward::ArgoCd { app });
    }
    if let Some(name) = some(label(v, "kustomize.toolkit.fluxcd.io/name")) {
        found.push(Steward::FluxKustomization { name });
    }
    if let Some(name) = some(label(v, "helm.toolkit.fluxcd.io/name")) {
        found.push(Steward::FluxHelmRelease { name });
    } else if label(v, "app.kubernetes.io/managed-by") == "Helm"
        && let Some(release) = some(annotation(v, "meta.helm.sh/release-name"))
    {
        found.push(Steward::Helm { release });
    }
    if let Some(o) = owner(v) {
        let kind = text(o, "/kind");
        if Kind::from_api(kind).is_none() {
            found.push(Steward::Operator {
                kind: clean(kind),
                name: clean(text(o, "/name")),
            });
        }
    }
    if !annotation(v, "kubectl.kubernetes.io/last-applied-configuration").is_empty() {
        found.push(Steward::KubectlApply);
    }
    found
}

/// Says who will undo this, and what lasts instead.
pub(super) fn warn(draft: &mut Draft, v: &Value, target: &ObjectRef) {
    for s in stewards(v) {
        let where_to = match &s {
            Steward::ArgoCd { app } => format!(
                "Argo CD application {app} holds {}: with self-heal on this is undone within about 5 s; the change that \
                 lasts is in Git",
                target.slash()
            ),
            Steward::FluxKustomization { name } => format!(
                "Flux Kustomization {name} holds {}: this is undone at its next reconcile; suspend it, or change Git",
                target.slash()
            ),
            Steward::FluxHelmRelease { name } => format!(
                "Flux HelmRelease {name} holds {}: with drift correction on this is undone; suspend it, or change Git",
                target.slash()
            ),
            Steward::Operator { kind, name } => format!(
                "{kind} {name} owns {}: its operator may undo this; change the {kind} instead",
                target.slash()
            ),
            Steward::Helm { release } => {
                draft.warn(format!(
                    "Helm release {release}: the next upgrade overwrites this; note it for the chart"
                ));
                continue;
            }
            Steward::KubectlApply => {
                draft.warn("made with kubectl apply: the next apply of its file may undo this");
                continue;
            }
        };
        draft.warn_seriously(where_to);
    }
}

/// Flux removes the restart annotation again unless it belongs to this manager, which makes a second rollout.
pub(super) fn restart_manager(v: &Value) -> Option<&'static str> {
    stewards(v)
        .iter()
        .any(|s| matches!(s, Steward::FluxKustomization { .. }))
        .then_some("flux-client-side-apply")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_copied_tracking_id_of_another_object_does_not_count() {
        let of = |id: &str| {
            json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop",
                "annotations": {"argocd.argoproj.io/tracking-id": id}}})
        };
        let argo = vec![Steward::ArgoCd { app: "shop".into() }];
        assert_eq!(stewards(&of("shop:apps/Deployment:shop/web")), argo);
        assert_eq!(stewards(&of("shop:apps/Deployment:shop/other")), vec![]);
        assert_eq!(stewards(&of("shop:apps/StatefulSet:shop/web")), vec![]);
    }

    #[test]
    fn every_steward_is_recognised_by_its_own_marks() {
        let v = json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop",
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "web", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "ownerReferences": [{"kind": "WebApp", "name": "w", "controller": true}]}});
        let badges: Vec<_> = stewards(&v).iter().map(Steward::badge).collect();
        assert_eq!(badges, ["flux", "helm", "operator", "apply"]);
        assert_eq!(restart_manager(&v), Some("flux-client-side-apply"));
    }
}
