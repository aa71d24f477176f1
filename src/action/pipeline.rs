//! What every plan has in common: fresh reads, the right to do it, a dry run, policy, risk, and the confirmation.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::draft::{Draft, Need, refuse};
use super::execute::http_request;
use super::object::clean;
use super::outcome::budget_message;
use super::plan::{ActionId, Check, Class, Confirm, PLAN_LIFE, Plan, PlanStep, Refusal, Request, Risk};
use super::revisions::{template_changes, template_of};
use super::second::APPROVED_PLAN_LIFE;
use super::survey::Survey;
use super::wire::{self, Answer};
use super::{
    Actor, Planner, Target, delete_pod, evict_pod, hpa_bounds, objects, pause, registry, restart, roll_back, scale,
    sealed, set_image, sources, together,
};
use crate::model::Kind;

/// A dry run waits for webhooks as the real request does, but a plan must not take long.
const DRY_RUN_DEADLINE: Duration = Duration::from_secs(10);

/// Makes the plan of a request. It changes nothing: it reads, asks for rights, and, with an actor, sends dry runs.
///
/// # Errors
/// A [`Refusal`]: why there is no plan, with what to do instead.
pub async fn plan(
    planner: &Planner,
    actor: Option<&Actor>,
    request: Request,
    id: ActionId,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    for target in request.targets() {
        // Names go into paths: what no server accepts as a name must not steer a request elsewhere.
        let fits = |s: &str| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'))
        };
        if !fits(&target.name) || target.kind.namespaced() && !fits(&target.namespace) {
            return Err(refuse(
                format!("{:?} is no object name", target.to_string()),
                "choose the object from a list",
            ));
        }
    }
    let survey = Survey {
        planner,
        now,
        secrets: actor.is_some() && !planner.policy.read_only,
    };
    let of_cluster = request.is_of_cluster();
    let mut draft = match &request {
        Request::Together { requests, go_on } => together::draft(&survey, requests, *go_on).await?,
        one => drafted(&survey, one).await?,
    };
    let request = draft.request.take().unwrap_or(request);
    if let Some(floor) = registry::info(request.name()).map(|a| a.risk_floor) {
        draft.risk = draft.risk.max(floor);
    }
    let mut checks = Vec::new();
    if of_cluster {
        checks.push(permission(&survey, &draft.needs).await);
        match actor.filter(|_| !planner.policy.read_only) {
            Some(actor) if draft.no_op.is_none() => checks.push(dry_run(actor, &request, &mut draft).await),
            Some(_) => {}
            None => checks.push(Check {
                name: "dry run".into(),
                passed: None,
                detail: "not sent: this console is read-only, and a dry run is a write request".into(),
            }),
        }
    }
    checks.append(&mut draft.checks);
    checks.extend(planner.policy.checks(draft.risk, now));
    if planner.policy.read_only || actor.is_none() {
        checks.push(Check {
            name: "read-only".into(),
            passed: Some(false),
            detail: "this console only reads; start it without --read-only to act".into(),
        });
    }
    let class = if planner.policy.production {
        Class::Production
    } else {
        planner.class
    };
    let (confirm, reason_required) = confirmation(&draft, &request, planner, class);
    let second_person = planner.policy.second_person(draft.risk, class);
    let life = second_person.map_or(PLAN_LIFE, |_| APPROVED_PLAN_LIFE);
    Ok(Plan {
        id,
        request,
        title: draft.title,
        verb: format!("{} on {}", draft.verb, planner.place.context),
        place: planner.place.clone(),
        class,
        steps: draft.steps,
        last_set: draft.last_set,
        impact: draft.impact,
        warnings: draft.warnings,
        alternatives: draft.alternatives,
        checks,
        verify: draft.verify,
        undo: draft.undo,
        risk: draft.risk,
        confirm,
        reason_required: reason_required || planner.policy.require_reason || second_person.is_some(),
        made_at: now,
        expires_at: now + life,
        no_op: draft.no_op,
        second_person,
    })
}

/// What one request contributes.
pub(super) async fn drafted(survey: &Survey<'_>, request: &Request) -> Result<Draft, Refusal> {
    if request.is_of_cluster() {
        draft(survey, request).await
    } else {
        sources::draft(survey.planner, request, survey.now).await
    }
}

async fn draft(survey: &Survey<'_>, request: &Request) -> Result<Draft, Refusal> {
    match request {
        Request::Scale { target, replicas, seen } => scale::draft(survey, target, *replicas, *seen).await,
        Request::HpaBounds {
            target,
            min,
            max,
            seen_min,
            seen_max,
        } => hpa_bounds::draft(survey, target, (*min, *max), (*seen_min, *seen_max)).await,
        Request::Restart { target } => restart::draft(survey, target).await,
        Request::RollBack { to } => roll_back::draft(survey, to).await,
        Request::SetImage {
            target,
            container,
            image,
            seen,
        } => set_image::draft(survey, target, container, image, seen).await,
        Request::Pause { target } => pause::draft(survey, target, true).await,
        Request::Resume { target } => pause::draft(survey, target, false).await,
        Request::DeletePod { target, force } => delete_pod::draft(survey, target, *force).await,
        Request::EvictPod { target } => evict_pod::draft(survey, target).await,
        Request::Object { target, ask } => objects::draft(survey, target, ask).await,
        other => sources::draft(survey.planner, other, survey.now).await,
    }
}

/// The form of the confirmation by risk (section C2 of the safety reference): R1 a button, R2 the object's name or how
/// many they are (with the context's before it in production, and the context's alone where nobody said what the
/// platform is), R3 the whole path (of several the context and how many); a reason for R3 anywhere and for R2 in production.
fn confirmation(draft: &Draft, request: &Request, planner: &Planner, class: Class) -> (Confirm, bool) {
    let context = &planner.place.context;
    let production = class.is_production();
    let subject = match request.targets().as_slice() {
        [one] => Some(Target::from(*one)),
        _ => None,
    };
    let first = subject.as_ref().or(draft.steps.first().map(|s| &s.target));
    // Several steps about one thing (batches, the pods of a node) are still about that thing.
    let several = subject.is_none() && draft.steps.iter().any(|s| Some(&s.target) != first);
    let (name, what) = match first {
        Some(t) if several => {
            let kinds = together::plural(&together::word(t));
            (together::count(draft).to_string(), format!("the number of {kinds}"))
        }
        Some(t) => {
            let kind = t.object().map_or(t.kind(), |_| "object");
            (t.name().to_owned(), format!("the {kind}'s name"))
        }
        None => (String::new(), "nothing".to_owned()),
    };
    let typed = |word: String, what: String| Confirm::Typed { word, what };
    let in_context = || {
        typed(
            format!("{context}/{name}"),
            format!("the context's name, a slash, and {what}"),
        )
    };
    match draft.risk {
        Risk::R0 | Risk::R1 => (Confirm::Button, false),
        Risk::R2 if class == Class::Unclassified => (typed(context.clone(), "the context's name".to_owned()), true),
        Risk::R2 if production => (in_context(), true),
        // Several things may be of several namespaces: no one path is true of them.
        Risk::R3 if several => (in_context(), true),
        Risk::R2 => (typed(name, what), false),
        Risk::R3 => {
            let path = first
                .map(|t| match t.namespace() {
                    place if place.is_empty() => format!("{context}/{name}"),
                    place => format!("{context}/{place}/{name}"),
                })
                .unwrap_or_default();
            (
                typed(
                    path,
                    first.and_then(Target::object).map_or_else(
                        || "the whole path, with slashes".to_owned(),
                        |o| {
                            let place = if o.kind.namespaced() { ", the namespace" } else { "" };
                            format!("the context{place} and the name, with slashes")
                        },
                    ),
                ),
                true,
            )
        }
    }
}

/// Asks the server whether the user may do this. A server that does not answer that leaves it open.
async fn permission(survey: &Survey<'_>, needs: &[Need]) -> Check {
    let mut open = Vec::new();
    let mut denied = Vec::new();
    for need in needs {
        let t = &need.target;
        let resource = match need.subresource {
            "" => t.kind.plural().to_owned(),
            sub => format!("{}/{sub}", t.kind.plural()),
        };
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": &*t.namespace, "verb": need.verb, "group": t.kind.group(), "resource": t.kind.plural(),
                "subresource": need.subresource, "name": &*t.name,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        match wire::review(&survey.planner.reader, path, &body).await {
            Ok(answer) if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) => {}
            Ok(_) if t.namespace.is_empty() => denied.push(format!("you may not {} {resource}", need.verb)),
            Ok(_) => denied.push(format!("you may not {} {resource} in {}", need.verb, t.namespace)),
            Err(e) => open.push(format!("could not be asked: {}", e.why)),
        }
    }
    let (passed, detail) = if !denied.is_empty() {
        (Some(false), denied)
    } else if open.is_empty() {
        (Some(true), Vec::new())
    } else {
        open.truncate(1);
        (None, open)
    };
    Check {
        name: "permission".into(),
        passed,
        detail: detail.join("; "),
    }
}

/// Sends every step with `dryRun=All`: defaults, validation and admission run, nothing is stored.
async fn dry_run(actor: &Actor, request: &Request, draft: &mut Draft) -> Check {
    let check = |passed, detail: String| Check {
        name: "dry run".into(),
        passed,
        detail,
    };
    let mut unchanged = 0;
    let probed = if draft.probe_first_only { 1 } else { draft.steps.len() };
    for step in draft.steps.clone().into_iter().take(probed) {
        let sep = if step.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{sep}dryRun=All", step.path);
        let Some(body) = sealed::filled(request, &step.body) else {
            return check(Some(false), "what was held in memory is gone".into());
        };
        let sent = match http_request(&step, &path, &body) {
            Ok(r) => r,
            Err(why) => return check(Some(false), why),
        };
        let answer = match wire::send(actor.act(), sent, DRY_RUN_DEADLINE).await {
            Ok(answer) if request.is_secret() => answer.hushed(),
            Ok(answer) => answer,
            Err(why) => return check(None, format!("unknown: {why}")),
        };
        for w in &answer.warnings {
            draft.warn(format!("the server warns: {}", clean(w)));
        }
        let (passed, detail) = judge(&answer, &step);
        if passed != Some(true) {
            return check(passed, detail);
        }
        if is_unchanged(&answer.body, &step) {
            unchanged += 1;
        } else if step.target.object().is_some_and(|o| Kind::WORKLOADS.contains(&o.kind)) {
            uninvited(actor, draft, &step, &answer.body).await;
        }
    }
    if unchanged > 0 && unchanged == probed {
        draft.no_op = Some("the server says that this changes nothing".into());
    }
    check(Some(true), String::new())
}

/// What the server would change besides: an admission webhook that adds a sidecar, say.
async fn uninvited(actor: &Actor, draft: &mut Draft, step: &PlanStep, after: &Value) {
    let at = step
        .rests_on
        .pointer("/read")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Ok(now) = wire::get(&actor.planner().reader, at).await else {
        return;
    };
    if after.pointer("/spec/template").is_none() {
        return;
    }
    let more: Vec<String> = template_changes(&template_of(&now), &template_of(after))
        .into_iter()
        .map(|c| c.field)
        .filter(|f| !step.changes.iter().any(|c| c.field == *f) && !f.ends_with("/restartedAt"))
        .collect();
    if !more.is_empty() {
        draft.warn(format!(
            "the server (an admission webhook, say) would also change: {}",
            more.join(", ")
        ));
    }
}

fn judge(answer: &Answer, step: &PlanStep) -> (Option<bool>, String) {
    let message = clean(&answer.message());
    match answer.code {
        200..=299 => (Some(true), String::new()),
        // A webhook with side effects cannot be asked; that says nothing about the change itself.
        400 if message.contains("does not support dry run") => (None, message),
        429 if answer.has_cause("DisruptionBudget") => (Some(false), budget_message(answer)),
        429 => (None, format!("the server is busy: {message}")),
        // A stale resourceVersion of a busy object is no refusal: it is read again before the real request.
        409 if step.method == "PUT" => (
            None,
            "the object changes just now; it is read again before the change".into(),
        ),
        500..=599 => (None, format!("unknown: {message}")),
        _ => (Some(false), message),
    }
}

/// The dry run's generation says whether the spec would change at all.
fn is_unchanged(after: &Value, step: &PlanStep) -> bool {
    let before = step
        .rests_on
        .pointer("/fields/~1metadata~1generation")
        .and_then(Value::as_i64);
    let after = after.pointer("/metadata/generation").and_then(Value::as_i64);
    matches!((before, after), (Some(b), Some(a)) if a == b)
}
