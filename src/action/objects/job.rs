//! Make a Job and follow it to its end: from a CronJob, as `kubectl create job --from` does, or from a template of the
//! configuration. And take such a Job away again.

use serde_json::{Value, json};

use super::{ObjectAsk, job_template};
use crate::action::FIELD_MANAGER;
use crate::action::draft::{Draft, Need, change, refuse, rests_on};
use crate::action::object::{collection, count, field, flag, items, last_set, path, quote, text};
use crate::action::plan::{PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::steward;
use crate::action::survey::Survey;
use crate::model::{Kind, ObjectRef};

/// A Job that says nothing of a deadline is followed for so long, in seconds.
const FOLLOWED_S: u32 = 1800;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    template: Option<&str>,
    image: Option<&str>,
    args: &[String],
) -> Result<Draft, Refusal> {
    if image.is_some_and(|i| i.is_empty() || i.chars().any(|c| c.is_whitespace() || c.is_control())) {
        return Err(refuse(
            format!("{:?} is no image", image.unwrap_or_default()),
            "give it as registry/name:tag",
        ));
    }
    match (target.kind, template) {
        (Kind::CronJob, None) => from_cron(survey, target, image, args).await,
        (Kind::Namespace, Some(name)) => {
            let found = job_template::read(&survey.planner.sources.job_templates, name).await?;
            let namespace = &*target.name;
            let mut job = found.job;
            if !matches!(text(&job, "/metadata/namespace"), "" | "default")
                && text(&job, "/metadata/namespace") != namespace
            {
                let what = format!("template {name} is for namespace {}", text(&job, "/metadata/namespace"));
                return Err(refuse(what, format!("run it there, not in {namespace}")));
            }
            override_first(&mut job, image, args)?;
            let full = named(name);
            name_it(&mut job, &full, namespace);
            let mut extra = vec![format!("named {full}")];
            extra.extend(image.map(|i| format!("image {i}")));
            extra.extend((!args.is_empty()).then(|| format!("args {}", args.join(" "))));
            let line = format!("create -f {} # {}", quote(&found.file), extra.join(", "));
            Ok(plan(survey, (namespace, &full), job, line, json!({"read": "", "fields": {}})).await)
        }
        _ => Err(refuse(
            format!("no Job is made from {target}"),
            "choose a CronJob, or a template and a namespace",
        )),
    }
}

async fn from_cron(
    survey: &Survey<'_>,
    target: &ObjectRef,
    image: Option<&str>,
    args: &[String],
) -> Result<Draft, Refusal> {
    let cron = survey.target(target).await?;
    let template = field(&cron, "/spec/jobTemplate");
    let full = named(&format!("{}-manual", target.name));
    let mut annotations = json!({"cronjob.kubernetes.io/instantiate": "manual"});
    if let (Some(all), Some(more)) = (
        annotations.as_object_mut(),
        template.pointer("/metadata/annotations").and_then(Value::as_object),
    ) {
        all.extend(more.clone());
    }
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": full, "namespace": &*target.namespace, "annotations": annotations,
            // Not blocking: that would ask for a right on the CronJob's finalizers (kubectl leaves it out too).
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": &*target.name,
                "uid": text(&cron, "/metadata/uid"), "controller": true}],
        },
        "spec": field(template, "/spec"),
    });
    if let Some(labels) = template.pointer("/metadata/labels")
        && let Some(meta) = job.pointer_mut("/metadata").and_then(Value::as_object_mut)
    {
        meta.insert("labels".into(), labels.clone());
    }
    override_first(&mut job, image, args)?;
    let mut line = format!("create job {full} --from=cronjob/{}", target.name);
    if image.is_some() || !args.is_empty() {
        line.push_str(" --dry-run=client -o yaml # then with the image and arguments above, to kubectl create -f -");
    }
    let fields = [
        ("/metadata/uid", json!(text(&cron, "/metadata/uid"))),
        ("/spec/jobTemplate", template.clone()),
    ];
    let mut draft = plan(
        survey,
        (&target.namespace, &full),
        job,
        line,
        rests_on(path(target), &fields),
    )
    .await;
    let active = items(&cron, "/status/active").count();
    if active > 0 {
        let words = format!(
            "{active} Job of {} run{} now",
            target.name,
            if active == 1 { "s" } else { "" }
        );
        if text(&cron, "/spec/concurrencyPolicy") == "Forbid" {
            draft.warn_seriously(format!(
                "{words}, and its CronJob forbids two at once: this one runs all the same"
            ));
        } else {
            draft.warn(words);
        }
    }
    if flag(&cron, "/spec/suspend") {
        draft.warn(format!("{} is suspended: somebody did not want it to run", target.name));
    }
    draft.last_set.extend(last_set(
        &cron,
        "template",
        &["f:spec", "f:jobTemplate"],
        "",
        survey.now,
    ));
    steward::warn(&mut draft, &cron, target);
    Ok(draft)
}

/// `backup-manual-x7k2p`: within the 63 characters that a Job's name may have.
fn named(base: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let suffix: String = (0..5)
        .map(|_| fastrand::choice(LETTERS).map_or('x', |b| char::from(*b)))
        .collect();
    let base: String = base.chars().take(52).collect();
    format!("{}-{suffix}", base.trim_end_matches(['-', '.']))
}

fn name_it(job: &mut Value, name: &str, namespace: &str) {
    let Some(all) = job.as_object_mut() else { return };
    all.remove("status");
    let Some(meta) = all.entry("metadata").or_insert_with(|| json!({})).as_object_mut() else {
        return;
    };
    meta.retain(|k, _| matches!(k.as_str(), "labels" | "annotations"));
    meta.insert("name".into(), json!(name));
    meta.insert("namespace".into(), json!(namespace));
}

/// Image and arguments of the first container.
fn override_first(job: &mut Value, image: Option<&str>, args: &[String]) -> Result<(), Refusal> {
    let first = job
        .pointer_mut("/spec/template/spec/containers/0")
        .and_then(Value::as_object_mut);
    let first = first.ok_or_else(|| refuse("the template has no container", "mend it first"))?;
    if let Some(image) = image {
        first.insert("image".into(), json!(image));
    }
    if !args.is_empty() {
        first.insert("args".into(), json!(args));
    }
    Ok(())
}

/// What both ways share: `job` is the whole Job as it is sent.
async fn plan(survey: &Survey<'_>, (namespace, name): (&str, &str), job: Value, line: String, rests: Value) -> Draft {
    let wait = count(&job, "/spec/activeDeadlineSeconds", FOLLOWED_S) + 60;
    let retries = count(&job, "/spec/backoffLimit", 6);
    let verify = VerifySpec {
        text: format!("followed to its end, for {} min at most", wait.div_ceil(60)),
        deadline_s: u64::from(wait),
        soak_s: 0,
    };
    let target = ObjectRef {
        kind: Kind::Job,
        namespace: namespace.into(),
        name: name.into(),
        uid: "".into(),
    };
    let mut draft = Draft::new(format!("Run {target}"), format!("Run {name}"), Risk::R2, verify);
    let first = field(&job, "/spec/template/spec/containers")
        .get(0)
        .cloned()
        .unwrap_or_default();
    let words = |at: &str| -> String {
        let all: Vec<&str> = items(&first, at).filter_map(Value::as_str).collect();
        all.join(" ")
    };
    let command = format!("{} {}", words("/command"), words("/args"));
    draft.steps.push(PlanStep {
        target: (&target).into(),
        changes: vec![change("job", "none", text(&first, "/image"))],
        same_as: survey.kubectl(namespace, &line),
        method: "POST".into(),
        path: format!("{}?fieldManager={FIELD_MANAGER}", collection(Kind::Job, namespace)),
        content_type: "application/json".into(),
        body: job.clone(),
        rests_on: rests,
    });
    draft.needs.push(Need {
        verb: "create",
        target: target.clone(),
        subresource: "",
    });
    if !command.trim().is_empty() {
        draft.impact.push(format!("it runs: {}", command.trim()));
    }
    draft.impact.push(match retries {
        0 => "if it fails it is not tried again".to_owned(),
        n => format!("if it fails it is tried again up to {n} times: it must bear being run twice"),
    });
    crate::action::scalers::quota(survey, &mut draft, namespace, field(&job, "/spec/template"), 1).await;
    draft.undo_by(
        "delete the Job and its pods (what it did stays done)".to_owned(),
        Request::Object {
            target,
            ask: ObjectAsk::DeleteJob,
        },
    );
    draft
}

pub(super) async fn draft_delete(survey: &Survey<'_>, target: &ObjectRef) -> Result<Draft, Refusal> {
    if target.kind != Kind::Job {
        return Err(refuse(format!("{target} is no Job"), "choose one"));
    }
    let job = survey.target(target).await?;
    let uid = text(&job, "/metadata/uid");
    let target = &ObjectRef {
        uid: uid.into(),
        ..target.clone()
    };
    let active = count(&job, "/status/active", 0);
    let verify = VerifySpec {
        text: "gone".into(),
        deadline_s: 90,
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("Delete {target}"),
        format!("Delete {}", target.name),
        Risk::R2,
        verify,
    );
    let state = items(&job, "/status/conditions")
        .find(|c| text(c, "/status") == "True" && matches!(text(c, "/type"), "Complete" | "Failed"));
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: vec![change("job", state.map_or("running", |c| text(c, "/type")), "deleted")],
        same_as: survey.kubectl(
            &target.namespace,
            &format!("delete job {} --cascade=background", target.name),
        ),
        method: "DELETE".into(),
        path: path(target),
        content_type: "application/json".into(),
        body: json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
            "preconditions": {"uid": uid}}),
        rests_on: rests_on(path(target), &[("/metadata/uid", json!(uid))]),
    });
    draft.needs.push(Need {
        verb: "delete",
        target: target.clone(),
        subresource: "",
    });
    if active > 0 {
        draft.warn_seriously(format!(
            "{active} of its pods run now and are stopped in the middle of their work"
        ));
    }
    draft
        .impact
        .push("its pods and their logs go with it; what it did stays done".to_owned());
    steward::warn(&mut draft, &job, target);
    draft.no_undo("a deleted Job does not come back; make a new one");
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_name_fits_and_ends_in_something_of_its_own() {
        let long = "a".repeat(60);
        let name = named(&long);
        assert!(name.len() <= 63 && name.len() == 58, "{name}");
        assert_ne!(named("backup"), named("backup"));
    }

    #[test]
    fn image_and_arguments_go_to_the_first_container_only() {
        let mut job = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}}});
        override_first(&mut job, Some("z:1"), &["up".to_owned()]).unwrap();
        assert_eq!(
            job["spec"]["template"]["spec"]["containers"],
            json!([{"name": "a", "image": "z:1", "args": ["up"]}, {"name": "b", "image": "y"}])
        );
        assert!(override_first(&mut json!({}), None, &[]).is_err());
    }
}
