//! Set image: a strategic merge patch that finds the container by its name, as `kubectl set image` does.

use serde_json::json;

use super::draft::{Draft, change, refuse, rests_on};
use super::object::{field, last_set, path, quote, text};
use super::plan::{PlanStep, Refusal, Request, Risk};
use super::restart::{patch_need, rollout_impact, rollout_verify, rolls_out};
use super::steward;
use super::survey::{Survey, write_path};
use crate::model::ObjectRef;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    container: &str,
    image: &str,
    seen: &str,
) -> Result<Draft, Refusal> {
    rolls_out(target)?;
    if image.is_empty() || image.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(refuse(
            format!("{image:?} is no image"),
            "give it as registry/name:tag or registry/name@sha256:…",
        ));
    }
    let object = survey.target(target).await?;
    let list = ["containers", "initContainers"]
        .into_iter()
        .find(|list| !field(&object, &format!("/spec/template/spec/{list}/[name={container}]")).is_null());
    let Some(list) = list else {
        return Err(refuse(
            format!("{target} has no container {container}"),
            "choose one of its containers",
        ));
    };
    let at = format!("/spec/template/spec/{list}/[name={container}]/image");
    let now = field(&object, &at).as_str().unwrap_or_default();
    if now != seen && now != image {
        let what = format!("container {container} ran {seen} when you looked and is set to {now} now");
        return Err(refuse(what, "plan again from what it is now"));
    }
    let mut draft = Draft::new(
        format!("Set image of {target}"),
        format!("Set {container} to {}", short(image)),
        Risk::R2,
        rollout_verify(&object),
    );
    if now == image {
        draft.no_op = Some(format!("container {container} already runs {image}"));
    }
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change(format!("image {container}"), now, image)],
        same_as: survey.kubectl(
            &target.namespace,
            &format!(
                "set image {} {}",
                target.slash(),
                quote(&format!("{container}={image}"))
            ),
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/strategic-merge-patch+json".into(),
        body: json!({"spec": {"template": {"spec": { list: [{"name": container, "image": image}]}}}}),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(text(&object, "/metadata/uid"))),
                (&at, json!(now)),
            ],
        ),
    });
    draft.needs.push(patch_need(target));
    let name = format!("k:{{\"name\":\"{container}\"}}");
    let fields = ["f:spec", "f:template", "f:spec", &format!("f:{list}"), &name, "f:image"];
    draft
        .last_set
        .extend(last_set(&object, "image", &fields, short(now), survey.now));
    if object.pointer("/spec/paused").and_then(serde_json::Value::as_bool) == Some(true) {
        draft.warn_seriously("the rollout is paused: the new image waits until it is resumed");
    }
    if !image.contains('@')
        && (image.ends_with(":latest") || !image.rsplit('/').next().unwrap_or_default().contains(':'))
    {
        draft.warn("an image without a fixed tag may be another one on each node");
    }
    rollout_impact(&mut draft, &object, target);
    steward::warn(&mut draft, &object, target);
    draft.undo_by(
        format!("set {container} back to {}", short(now)),
        Request::SetImage {
            target: target.clone(),
            container: container.to_owned(),
            image: now.to_owned(),
            seen: image.to_owned(),
        },
    );
    Ok(draft)
}

/// The image without its registry and folders.
pub(super) fn short(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}
