//! Renew a certificate now, as `cmctl renew` does: the condition Issuing is put on its status, by PUT, for that is the
//! one verb that cert-manager's own roles grant. The Secret is never touched: what is served stays good meanwhile.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::draft::{Draft, change, refuse, rests_on};
use super::object::{field, items, text, time};
use super::outcome::{classify, response_seen};
use super::plan::{Check, Outcome, PlanStep, Refusal, Risk, Verdict, VerifySpec};
use super::sources::{Deed, Tell};
use super::{Actor, FIELD_MANAGER, Pace, Planner, Target, Thing, WriteGrant, wire};
use crate::journal::ResponseSeen;
use crate::text::clean;

/// A certificate that is not there after this is not coming by itself.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);
const REASON: &str = "ManuallyTriggered";
const MESSAGE: &str = "Certificate re-issuance manually triggered";

/// The namespace is what the thing lives in.
fn path(certificate: &Thing) -> String {
    format!(
        "/apis/cert-manager.io/v1/namespaces/{}/certificates/{}",
        certificate.within, certificate.name
    )
}

fn is_issuing(object: &Value) -> bool {
    condition(object, "Issuing").is_some_and(|c| text(c, "/status") == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").find(|c| text(c, "/type") == kind)
}

fn revision(object: &Value) -> u64 {
    field(object, "/status/revision").as_u64().unwrap_or(0)
}

/// The object with the condition as cmctl sets it, and without what is of no use in a request.
fn triggered(mut object: Value, now: Timestamp) -> Value {
    let generation = field(&object, "/metadata/generation").clone();
    let before = condition(&object, "Issuing").map(|c| text(c, "/status").to_owned());
    let since = if before.as_deref() == Some("True") {
        condition(&object, "Issuing").map(|c| field(c, "/lastTransitionTime").clone())
    } else {
        None
    };
    let issuing = json!({
        "type": "Issuing", "status": "True", "reason": REASON, "message": MESSAGE, "observedGeneration": generation,
        "lastTransitionTime": since.unwrap_or_else(|| json!(format!("{}", now.strftime("%Y-%m-%dT%H:%M:%SZ")))),
    });
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if let Some(root) = object.as_object_mut() {
        let status = root.entry("status").or_insert_with(|| json!({}));
        if let Some(status) = status.as_object_mut() {
            let all = status.entry("conditions").or_insert_with(|| json!([]));
            if let Some(all) = all.as_array_mut() {
                all.retain(|c| text(c, "/type") != "Issuing");
                all.push(issuing);
            }
        }
    }
    object
}

async fn read(reader: &kube::Client, certificate: &Thing) -> Result<Value, Refusal> {
    let object = wire::get(reader, &path(certificate)).await.map_err(|e| match e.code {
        404 => refuse(
            format!("certificate {}/{} is gone", certificate.within, certificate.name),
            "look at the list again",
        ),
        403 => refuse(
            format!("the certificate may not be read: {}", clean(&e.why)),
            "grant {apiGroups: [\"cert-manager.io\"], resources: [\"certificates\"], verbs: [\"get\", \"list\"]}",
        ),
        _ => refuse(
            format!("the certificate could not be read: {}", clean(&e.why)),
            "nothing was changed; try again when the server answers",
        ),
    })?;
    if text(&object, "/metadata/uid") != &*certificate.id {
        return Err(refuse(
            format!(
                "certificate {} was deleted and made again since you looked: it is another one now",
                certificate.name
            ),
            "look at the new one first",
        ));
    }
    Ok(object)
}

/// What a renewal would do.
pub(super) async fn draft(planner: &Planner, certificate: &Thing, now: Timestamp) -> Result<Draft, Refusal> {
    let object = read(&planner.reader, certificate).await?;
    let (namespace, name) = (&certificate.within, &certificate.name);
    if let Some(issuing) = condition(&object, "Issuing").filter(|c| text(c, "/status") == "True") {
        return Err(refuse(
            format!(
                "certificate {name} is being issued already ({}, since {})",
                clean(text(issuing, "/reason")),
                clean(text(issuing, "/lastTransitionTime"))
            ),
            "look at its request, order and challenges: something may hold it up",
        ));
    }
    let secret = clean(text(&object, "/spec/secretName")).into_owned();
    let collection = format!("/apis/cert-manager.io/v1/namespaces/{namespace}/certificates");
    if let Ok(all) = wire::get(&planner.reader, &collection).await {
        let others: Vec<String> = items(&all, "/items")
            .filter(|c| text(c, "/spec/secretName") == secret && text(c, "/metadata/name") != &**name)
            .map(|c| clean(text(c, "/metadata/name")).into_owned())
            .collect();
        if !others.is_empty() {
            return Err(refuse(
                format!(
                    "{} uses the same Secret {secret}: they would overwrite each other",
                    others.join(", ")
                ),
                "give each Certificate a Secret of its own first",
            ));
        }
    }
    let next = revision(&object) + 1;
    let verify = VerifySpec {
        text: format!("issued within {} min: revision {next}, a later end", DEADLINE.as_mins()),
        deadline_s: DEADLINE.as_secs().unsigned_abs(),
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("Renew certificate {namespace}/{name}"),
        format!("Renew {name}"),
        Risk::R2,
        verify,
    );
    let context = &planner.place.context;
    let end = text(&object, "/status/notAfter").to_owned();
    draft.steps.push(PlanStep {
        target: Target::Thing(certificate.clone()),
        changes: vec![change("condition Issuing", "False", format!("True ({REASON})"))],
        same_as: format!("cmctl --context {context} -n {namespace} renew {name}"),
        method: "PUT".to_owned(),
        path: format!("{}/status?fieldManager={FIELD_MANAGER}", path(certificate)),
        content_type: "application/json".to_owned(),
        body: triggered(object.clone(), now),
        rests_on: rests_on(
            path(certificate),
            &[
                ("/metadata/uid", field(&object, "/metadata/uid").clone()),
                ("/metadata/generation", field(&object, "/metadata/generation").clone()),
                ("/status/revision", field(&object, "/status/revision").clone()),
                ("/status/notAfter", field(&object, "/status/notAfter").clone()),
            ],
        ),
    });
    draft.impact = vec![
        format!(
            "cert-manager asks {} for revision {next} and writes it to Secret {secret}",
            issuer(&object)
        ),
        "what is served now stays valid until its end; who mounts the Secret may need a restart to load the new one"
            .to_owned(),
    ];
    if !end.is_empty() {
        draft.impact.push(format!("the present one ends {}", clean(&end)));
    }
    if let Some(failed) = field(&object, "/status/failedIssuanceAttempts")
        .as_u64()
        .filter(|n| *n > 0)
    {
        draft.warn_seriously(format!(
            "{failed} attempts failed before: unless their cause is mended this one fails too (it skips the back-off)"
        ));
    }
    if let Some(left) = time(&object, "/status/notAfter").map(|t| t.duration_since(now))
        && left > SignedDuration::from_hours(30 * 24)
    {
        draft.warn(format!("it has {} days left", left.as_hours() / 24));
    }
    if let Some(warning) = rate_limits(planner, certificate, &object).await {
        draft.warn(warning);
    }
    draft.no_undo("a renewal is not taken back: the old certificate stays valid, its successor takes its place");
    draft.checks.push(permission(planner, certificate).await);
    Ok(draft)
}

fn issuer(object: &Value) -> String {
    let kind = match text(object, "/spec/issuerRef/kind") {
        "" => "Issuer",
        kind => kind,
    };
    clean(&format!("{kind} {}", text(object, "/spec/issuerRef/name"))).into_owned()
}

/// An issuer that speaks ACME counts what it issues; where it may not be read nobody knows whether it does.
async fn rate_limits(planner: &Planner, certificate: &Thing, object: &Value) -> Option<String> {
    if !matches!(text(object, "/spec/issuerRef/group"), "" | "cert-manager.io") {
        return None;
    }
    let name = wire::encode(text(object, "/spec/issuerRef/name"));
    let path = match text(object, "/spec/issuerRef/kind") {
        "ClusterIssuer" => format!("/apis/cert-manager.io/v1/clusterissuers/{name}"),
        _ => format!(
            "/apis/cert-manager.io/v1/namespaces/{}/issuers/{name}",
            certificate.within
        ),
    };
    let counts = "counts each renewal against its rate limits";
    match wire::get(&planner.reader, &path).await {
        Ok(issuer) if issuer.pointer("/spec/acme").is_some() => {
            Some(format!("{} speaks ACME: it {counts}", self::issuer(object)))
        }
        Ok(_) => None,
        Err(_) => Some(format!(
            "{} could not be read: if it speaks ACME it {counts}",
            self::issuer(object)
        )),
    }
}

async fn permission(planner: &Planner, certificate: &Thing) -> Check {
    let name = "permission".to_owned();
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "update", "group": "cert-manager.io", "resource": "certificates",
            "subresource": "status", "namespace": &*certificate.within, "name": &*certificate.name}},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match wire::review(&planner.reader, path, &body).await {
        Ok(answer) if field(&answer, "/status/allowed") == &Value::Bool(true) => Check {
            name,
            passed: Some(true),
            detail: String::new(),
        },
        Ok(_) => Check {
            name,
            passed: Some(false),
            detail: format!(
                "grant {{apiGroups: [\"cert-manager.io\"], resources: [\"certificates/status\"], verbs: [\"update\"]}} in a Role in {}",
                certificate.within
            ),
        },
        Err(e) => Check {
            name,
            passed: None,
            detail: clean(&e.why).into_owned(),
        },
    }
}

/// Looks again whether the plan still holds, and takes the object's newest version for the PUT.
pub(super) async fn ready(actor: &Actor, certificate: &Thing, step: &PlanStep) -> Result<Box<dyn Deed>, Outcome> {
    let reader = actor.planner().reader.clone();
    let object = read(&reader, certificate)
        .await
        .map_err(|r| Outcome::Conflict(r.what))?;
    if !holds(step, &object) {
        return Err(Outcome::Conflict(CHANGED.to_owned()));
    }
    Ok(Box::new(Renewal {
        act: actor.act().clone(),
        reader,
        certificate: certificate.clone(),
        step: step.clone(),
        revision: revision(&object),
        end: time(&object, "/status/notAfter"),
        body: triggered(object, Timestamp::now()),
        pace: actor.pace(),
    }))
}

const CHANGED: &str = "the certificate changed since the plan was made: somebody else may be renewing it";

/// Whether what the plan rests on is still so.
fn holds(step: &PlanStep, object: &Value) -> bool {
    let fields = step.rests_on.get("fields").and_then(Value::as_object);
    let same = fields.is_some_and(|fields| fields.iter().all(|(at, was)| field(object, at) == was));
    same && !is_issuing(object)
}

struct Renewal {
    act: kube::Client,
    reader: kube::Client,
    certificate: Thing,
    step: PlanStep,
    body: Value,
    revision: u64,
    end: Option<Timestamp>,
    pace: Pace,
}

impl Deed for Renewal {
    fn send<'a>(&'a mut self, _: &'a WriteGrant, _: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        async move {
            let mut answer = self.put().await;
            // Refused for a version that was written a moment before ours: nothing was done. The controller writes
            // this status often, so what the plan rests on decides, and once.
            if answer.as_ref().is_ok_and(|a| a.code == 409) {
                match read(&self.reader, &self.certificate).await {
                    Ok(object) if holds(&self.step, &object) => {
                        self.body = triggered(object, Timestamp::now());
                        answer = self.put().await;
                    }
                    Ok(_) => return (Outcome::Conflict(CHANGED.to_owned()), None),
                    Err(refusal) => return (Outcome::Conflict(refusal.what), None),
                }
            }
            match answer {
                Ok(answer) => {
                    // A status has no generation of its own: that it stayed says nothing.
                    let outcome = if answer.ok() {
                        Outcome::Applied
                    } else {
                        classify(&answer, &self.step)
                    };
                    (outcome, Some(response_seen(&answer)))
                }
                Err(why) => match self.took_effect().await {
                    Some(true) => (Outcome::Applied, None),
                    _ => (Outcome::Unknown(why), None),
                },
            }
        }
        .boxed()
    }

    fn verify<'a>(&'a mut self, tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        self.watch(tell).boxed()
    }
}

impl Renewal {
    async fn put(&self) -> Result<wire::Answer, String> {
        let request = Request::put(&self.step.path)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, &self.step.content_type)
            .body(self.body.to_string().into_bytes())
            .map_err(|e| e.to_string())?;
        wire::send(&self.act, request, self.pace.deadline).await
    }

    /// After an answer that was lost.
    async fn took_effect(&self) -> Option<bool> {
        let object = read(&self.reader, &self.certificate).await.ok()?;
        Some(revision(&object) > self.revision || is_issuing(&object))
    }

    async fn watch(&self, tell: &Tell) -> Verdict {
        let start = tokio::time::Instant::now();
        let limit = std::time::Duration::try_from(DEADLINE).unwrap_or_default();
        let mut said = String::new();
        loop {
            match read(&self.reader, &self.certificate).await {
                Ok(object) => {
                    if let Some(verdict) = self.judge(&object) {
                        return verdict;
                    }
                    let now = condition(&object, "Issuing")
                        .map_or_else(String::new, |c| clean(text(c, "/message")).into_owned());
                    if now != said {
                        tell.say(format!("issuing: {now}"), false).await;
                        said = now;
                    }
                }
                Err(refusal) if refusal.what.contains("is gone") || refusal.what.contains("another one") => {
                    return Verdict::Lost(refusal.what);
                }
                Err(refusal) if start.elapsed() > limit => return Verdict::Unknown(refusal.what),
                Err(_) => {}
            }
            if start.elapsed() > limit {
                let why = format!(
                    "not issued within {} min: look at its request, order and challenges",
                    DEADLINE.as_mins()
                );
                return Verdict::Failed(why);
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }

    /// `None`: still under way.
    fn judge(&self, object: &Value) -> Option<Verdict> {
        let end = time(object, "/status/notAfter");
        if is_issuing(object) {
            return None;
        }
        if revision(object) > self.revision {
            let later = end.is_some_and(|e| self.end.is_none_or(|before| e > before));
            let end = end.map_or_else(|| "an unknown time".to_owned(), |e| e.to_string());
            return Some(if later {
                Verdict::Healthy(format!(
                    "revision {} is valid until {end}; check that it is served: whoever loaded the old one may need a restart",
                    revision(object)
                ))
            } else {
                Verdict::Failed(format!(
                    "revision {} ends {end}, no later than before",
                    revision(object)
                ))
            });
        }
        let failed = field(object, "/status/failedIssuanceAttempts").as_u64().unwrap_or(0);
        let issuing = condition(object, "Issuing");
        let why = issuing.map_or("", |c| text(c, "/message"));
        (failed > 0 || issuing.is_some_and(|c| text(c, "/reason") == "Failed"))
            .then(|| Verdict::Failed(format!("the attempt failed: {}", clean(why))))
    }
}
