//! Carrying out a confirmed plan: look again, write down, send once, write down, and watch what becomes of it.

mod deeds;

use std::time::{Duration, Instant};

use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use super::ledger;
use super::object::{collection, field, owner, path, selector_query, text};
use super::outcome::{classify, outcome_text, response_seen, took_effect, verdict_text};
use super::plan::{Confirmed, Outcome, PLAN_LIFE, Plan, PlanStep, Progress, Stage, Undo, Verdict};
use super::sources::Tell;
use super::verify::{Goal, Observation, Step, Verifier};
use super::wire::{self, Answer, ReadError, encode};
use super::{Actor, WriteGrant};
use crate::journal::{Entry, RecordKind, Ticket};
use crate::model::Kind;

/// Waiting times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long the one request may take.
    pub deadline: Duration,
    /// Between two looks while verifying.
    pub poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(20),
            poll: Duration::from_secs(2),
        }
    }
}

/// A scale is sent again only after a clean 409, and only while the size is still what the operator saw.
const SCALE_TRIES: usize = 5;

/// How often an unanswered change is looked for before it is called unknown.
const LOOKS: usize = 3;

/// Carries out a confirmed plan and reports each stage. The last stage is always [`Stage::Done`], whose outcome is also
/// returned.
///
/// Nothing is sent twice, except a scale after a clean conflict. Dropping the future while it verifies is harmless;
/// dropping it earlier may leave an intent without a result in the journal, which is then shown as unknown.
pub async fn execute(
    actor: &Actor,
    grant: &WriteGrant,
    confirmed: Confirmed,
    progress: Sender<Progress>,
) -> (Outcome, Option<Verdict>) {
    let run = Run {
        actor,
        plan: confirmed.plan(),
        confirmed: &confirmed,
        tell: Tell {
            id: confirmed.plan().id,
            progress,
        },
    };
    let allowed = match run.allowed().await {
        Ok(()) => run.record_confirmation().await,
        refused => refused,
    };
    let (outcome, verdict) = match allowed {
        Ok(()) if !run.plan.request.is_of_cluster() => run.all_deeds(grant).await,
        Ok(()) => run.all_steps(grant).await,
        Err(outcome) => (outcome, None),
    };
    let worked = outcome == Outcome::Applied;
    let undo = worked
        .then(|| run.plan.undo.clone())
        .filter(|u| matches!(u, Undo::By { .. }));
    run.tell(Stage::Done {
        outcome: outcome.clone(),
        verdict: verdict.clone(),
        undo,
    })
    .await;
    (outcome, verdict)
}

/// The request as bytes.
pub(super) fn http_request(step: &PlanStep, path: &str, body: &Value) -> Result<http::Request<Vec<u8>>, String> {
    http::Request::builder()
        .method(step.method.as_str())
        .uri(path)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, step.content_type.as_str())
        .body(body.to_string().into_bytes())
        .map_err(|e| format!("{} {path} is no request: {e}", step.method))
}

struct Run<'a> {
    actor: &'a Actor,
    plan: &'a Plan,
    confirmed: &'a Confirmed,
    tell: Tell,
}

/// A step that was sent, and how to watch it.
struct Sent {
    n: usize,
    outcome: Outcome,
    before: Observation,
    answer: Value,
}

impl Run<'_> {
    async fn tell(&self, stage: Stage) {
        self.tell.stage(stage).await;
    }

    async fn allowed(&self) -> Result<(), Outcome> {
        let planner = self.actor.planner();
        if planner.policy.read_only {
            return Err(Outcome::Refused("this console only reads".into()));
        }
        if !planner.place.is_same_cluster(&self.plan.place) {
            return Err(Outcome::Conflict(
                "the plan was made for another cluster: plan again".into(),
            ));
        }
        if Timestamp::now().duration_since(self.confirmed.at()) > PLAN_LIFE {
            return Err(Outcome::Conflict(
                "it was confirmed more than a minute ago: plan again".into(),
            ));
        }
        match ledger::second(self.confirmed) {
            Some(entry) => self
                .record(move |j| j.append(entry))
                .await
                .map_err(Outcome::NotRecorded)?,
            None => 0,
        };
        Ok(())
    }

    async fn all_steps(&self, grant: &WriteGrant) -> (Outcome, Option<Verdict>) {
        let mut sent: Vec<Sent> = Vec::new();
        let mut last = Outcome::NoOp;
        for (n, step) in self.plan.steps.iter().enumerate() {
            let done = self.step(grant, n, step).await;
            self.tell(Stage::Executed {
                step: n,
                outcome: done.outcome.clone(),
            })
            .await;
            last = done.outcome.clone();
            if done.outcome == Outcome::Applied {
                sent.push(done);
            } else if done.outcome != Outcome::NoOp {
                break;
            }
        }
        if sent.is_empty() {
            return (last, None);
        }
        let whole = matches!(last, Outcome::Applied | Outcome::NoOp);
        let verdict = self.watch(sent).await;
        (if whole { Outcome::Applied } else { last }, Some(verdict))
    }

    /// One request, between two records.
    async fn step(&self, grant: &WriteGrant, n: usize, step: &PlanStep) -> Sent {
        let mut sent = Sent {
            n,
            outcome: Outcome::NoOp,
            before: Observation::default(),
            answer: Value::Null,
        };
        let mut body = step.body.clone();
        match self.still_so(step).await {
            Ok(now) => renew(&mut body, &now),
            Err(outcome) => {
                sent.outcome = outcome;
                return sent;
            }
        }
        let stop = |outcome| Sent {
            outcome,
            ..Sent {
                n,
                outcome: Outcome::NoOp,
                before: Observation::default(),
                answer: Value::Null,
            }
        };
        sent.before = match self.look(step, None).await {
            Ok(seen) => seen,
            Err(e) => {
                return stop(Outcome::Refused(format!(
                    "{} could not be read, so nothing was sent: {}",
                    step.target, e.why
                )));
            }
        };
        let intent = ledger::intent(self.confirmed, step, &body);
        let ticket = match self.record(move |j| j.intent(intent)).await {
            Ok(ticket) => ticket,
            Err(why) => return stop(Outcome::NotRecorded(why)),
        };
        if n == 0 {
            self.tell(Stage::Recorded).await;
        }
        let began = Instant::now();
        let (mut outcome, answer) = self.send(grant, step, &mut body).await;
        if let Outcome::Unknown(why) = &outcome {
            outcome = self.compare(step, &sent.before, why).await;
        }
        let seen = answer.as_ref().map(response_seen);
        let result = ledger::result(self.plan, step, &body, &outcome, seen, began.elapsed());
        self.record_result(ticket, result, &outcome).await;
        sent.outcome = outcome;
        sent.answer = answer.map(|a| a.body).unwrap_or_default();
        sent
    }

    /// Reads what the plan rests on once more.
    async fn still_so(&self, step: &PlanStep) -> Result<Value, Outcome> {
        let again = "plan again";
        let at = text(&step.rests_on, "/read");
        let now = wire::get(&self.actor.planner().reader, at)
            .await
            .map_err(|e| match e.code {
                404 => Outcome::Conflict(format!("{} is gone: {again}", step.target)),
                _ => Outcome::Refused(format!(
                    "{} could not be read, so nothing was sent: {}",
                    step.target, e.why
                )),
            })?;
        let fields = step.rests_on.pointer("/fields").and_then(Value::as_object);
        for (at, want) in fields.into_iter().flatten() {
            let is = field(&now, at);
            if is != want {
                let name = at.rsplit('/').next().unwrap_or_default();
                return Err(Outcome::Conflict(match name {
                    "uid" => format!("{} was deleted and made again: {again}", step.target),
                    "generation" => format!("the spec of {} changed since the plan was made: {again}", step.target),
                    _ => format!("{name} of {} was {want} and is {is} now: {again}", step.target),
                }));
            }
        }
        Ok(now)
    }

    /// Sends once. Only a scale that met a clean conflict is sent again, while the size is what the operator saw.
    async fn send(&self, _grant: &WriteGrant, step: &PlanStep, body: &mut Value) -> (Outcome, Option<Answer>) {
        let deadline = self.actor.pace().deadline;
        let mut tries = 0;
        loop {
            tries += 1;
            let request = match http_request(step, &step.path, body) {
                Ok(request) => request,
                Err(why) => return (Outcome::Refused(why), None),
            };
            let answer = match wire::send(self.actor.act(), request, deadline).await {
                Ok(answer) => answer,
                Err(why) => return (Outcome::Unknown(why), None),
            };
            let outcome = classify(&answer, step);
            let retry = matches!(outcome, Outcome::Conflict(_)) && step.method == "PUT" && tries < SCALE_TRIES;
            if !retry {
                return (outcome, Some(answer));
            }
            match self.still_so(step).await {
                Ok(now) => renew(body, &now),
                Err(changed) => return (changed, Some(answer)),
            }
        }
    }

    /// No answer came: looks whether it happened. It is never sent again.
    async fn compare(&self, step: &PlanStep, before: &Observation, why: &str) -> Outcome {
        let goal = Goal::of(&self.plan.request, step, &self.plan.verify);
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(self.actor.pace().poll).await;
            }
            let Ok(now) = self.look(step, Some(before)).await else {
                continue;
            };
            if took_effect(step, &goal, before, &now) {
                let text = format!("no clear answer ({why}), but it took effect");
                self.tell(Stage::Verifying { text, worrying: false }).await;
                return Outcome::Applied;
            }
        }
        Outcome::Unknown(format!(
            "{why}. Looked {LOOKS} times: no effect is seen so far; it may still come. It was not sent again"
        ))
    }

    /// The target and the pods that matter to it.
    async fn look(&self, step: &PlanStep, before: Option<&Observation>) -> Result<Observation, ReadError> {
        let reader = &self.actor.planner().reader;
        let Some(target) = step.target.object() else {
            return Err(ReadError {
                code: 0,
                why: format!("{} is no Kubernetes object", step.target),
            });
        };
        let object = match wire::get(reader, &path(target)).await {
            Ok(object) => Some(object),
            Err(e) if e.code == 404 => None,
            Err(e) => return Err(e),
        };
        let selector = match target.kind {
            Kind::Hpa => None,
            // The owner's pods, found by the labels that the pod itself had.
            Kind::Pod => {
                let pod = before.and_then(|b| b.object.as_ref()).or(object.as_ref());
                pod.filter(|p| owner(p).is_some()).and_then(|p| {
                    let mut labels = field(p, "/metadata/labels").clone();
                    if let Some(map) = labels.as_object_mut() {
                        map.retain(|k, _| !PER_POD.contains(&k.as_str()));
                    }
                    selector_query(&json!({ "matchLabels": labels }))
                })
            }
            _ => object.as_ref().and_then(|o| selector_query(field(o, "/spec/selector"))),
        };
        let pods = match selector {
            None => Vec::new(),
            Some(q) => {
                let at = format!(
                    "{}?labelSelector={}",
                    collection(Kind::Pod, &target.namespace),
                    encode(&q)
                );
                let list = wire::get(reader, &at).await?;
                super::object::items(&list, "/items").cloned().collect()
            }
        };
        Ok(Observation { object, pods })
    }

    /// Verifies every step that was sent, until each has its verdict.
    async fn watch(&self, sent: Vec<Sent>) -> Verdict {
        let mut open: Vec<(Sent, Verifier)> = sent
            .into_iter()
            .filter_map(|s| {
                let step = self.plan.steps.get(s.n)?;
                let goal = Goal::of(&self.plan.request, step, &self.plan.verify);
                let verifier = Verifier::new(
                    goal,
                    step.target.object()?.kind,
                    s.before.clone(),
                    &s.answer,
                    &self.plan.verify,
                    Timestamp::now(),
                );
                Some((s, verifier))
            })
            .collect();
        let several = open.len() > 1;
        let mut verdicts: Vec<(usize, Verdict)> = Vec::new();
        let mut told = None;
        while !open.is_empty() {
            let mut texts = Vec::new();
            let mut worrying = false;
            let mut soaking = None;
            let mut still = Vec::new();
            for (s, mut verifier) in open {
                let Some(step) = self.plan.steps.get(s.n) else { continue };
                let seen = self.look(step, Some(&s.before)).await;
                let now = Timestamp::now();
                let next = match seen {
                    Ok(seen) => verifier.observe(&seen, now),
                    Err(e) => verifier.missed(&e.why, now),
                };
                match next {
                    Step::Verdict(verdict) => {
                        self.record_verdict(step, &verdict).await;
                        verdicts.push((s.n, verdict));
                        continue;
                    }
                    Step::Soak { until } => soaking = soaking.max(Some(until)),
                    Step::Wait { text, worrying: w } => {
                        worrying |= w;
                        texts.push(if several {
                            format!("{}: {text}", step.target.name())
                        } else {
                            text
                        });
                    }
                }
                still.push((s, verifier));
            }
            open = still;
            let stage = match (texts.is_empty(), soaking) {
                (false, _) => Stage::Verifying {
                    text: texts.join("; "),
                    worrying,
                },
                (true, Some(until)) => Stage::Soaking { until },
                (true, None) => continue,
            };
            if told.as_ref() != Some(&stage) {
                self.tell(stage.clone()).await;
                told = Some(stage);
            }
            tokio::time::sleep(self.actor.pace().poll).await;
        }
        self.together(verdicts)
    }

    /// One verdict of several: the worst, with the name before each.
    fn together(&self, verdicts: Vec<(usize, Verdict)>) -> Verdict {
        let rank = |v: &Verdict| match v {
            Verdict::Healthy(_) => 0,
            Verdict::Paused => 1,
            Verdict::Superseded(_) => 2,
            Verdict::Unknown(_) => 3,
            Verdict::Lost(_) => 4,
            Verdict::Failed(_) => 5,
        };
        let several = verdicts.len() > 1;
        let name = |n: usize| {
            self.plan
                .steps
                .get(n)
                .map(|s| s.target.name().to_owned())
                .unwrap_or_default()
        };
        let all: Vec<String> = verdicts
            .iter()
            .map(|(n, v)| format!("{}: {}", name(*n), verdict_text(v)))
            .collect();
        let worst = verdicts.into_iter().max_by_key(|(_, v)| rank(v)).map(|(_, v)| v);
        let all = all.join("; ");
        match worst {
            Some(v) if !several => v,
            Some(Verdict::Healthy(_)) => Verdict::Healthy(all),
            Some(Verdict::Failed(_)) => Verdict::Failed(all),
            Some(Verdict::Superseded(_)) => Verdict::Superseded(all),
            Some(Verdict::Lost(_)) => Verdict::Lost(all),
            Some(Verdict::Paused) => Verdict::Paused,
            Some(Verdict::Unknown(_)) => Verdict::Unknown(all),
            None => Verdict::Unknown("nothing was watched".into()),
        }
    }

    /// Nothing is sent before it is on disk who confirmed it.
    async fn record_confirmation(&self) -> Result<(), Outcome> {
        let Some(entry) = ledger::confirm(self.confirmed) else {
            return Ok(());
        };
        let written = self.record(move |j| j.append(entry)).await;
        written.map(|_| ()).map_err(Outcome::NotRecorded)
    }

    async fn record_result(&self, ticket: Ticket, mut result: Entry, outcome: &Outcome) {
        result.runbook = self.confirmed.run().cloned();
        if let Err(why) = self.record(move |j| j.result(ticket, result)).await {
            let text = format!(
                "it was sent ({}), but the answer could not be recorded: {why}",
                outcome_text(outcome)
            );
            self.tell(Stage::Verifying { text, worrying: true }).await;
        }
    }

    async fn record_verdict(&self, step: &PlanStep, verdict: &Verdict) {
        let mut entry = ledger::about(self.plan, RecordKind::Verify, step);
        entry.outcome = verdict_text(verdict);
        entry.runbook = self.confirmed.run().cloned();
        if let Err(why) = self.record(move |j| j.append(entry)).await {
            let text = format!("the verdict could not be recorded: {why}");
            self.tell(Stage::Verifying { text, worrying: true }).await;
        }
    }

    /// Writes to the journal off the async threads: it waits for the disk.
    async fn record<T: Send + 'static>(
        &self,
        write: impl FnOnce(&crate::journal::Journal) -> Result<T, crate::journal::JournalError> + Send + 'static,
    ) -> Result<T, String> {
        let journal = self.actor.journal().clone();
        match tokio::task::spawn_blocking(move || write(&journal)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(e)) => Err(e.to_string()),
            Err(_) => Err("the journal's writer stopped".into()),
        }
    }
}

/// Labels that a controller gives to one pod only.
const PER_POD: [&str; 6] = [
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];

/// Puts the fresh resourceVersion into a body that carries one (a scale's PUT).
fn renew(body: &mut Value, now: &Value) {
    let fresh = text(now, "/metadata/resourceVersion");
    if let Some(old) = body.pointer_mut("/metadata/resourceVersion")
        && !fresh.is_empty()
    {
        *old = fresh.into();
    }
}
