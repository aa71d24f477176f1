//! Carrying out a confirmed plan: look again, write down, send once, write down, and watch what becomes of it.

mod deeds;
mod drain;
mod watch;

use std::time::{Duration, Instant};

use http::header;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::ledger;
use super::object::{field, text};
use super::outcome::{classify, outcome_text, response_seen, took_effect, verdict_text};
use super::plan::{Confirmed, Outcome, PLAN_LIFE, Plan, PlanStep, Progress, Stage, Undo, Verdict};
use super::sealed;
use super::siblings;
use super::sources::Tell;
use super::together;
use super::verify::{Goal, Observation};
use super::wire::{self, Answer};
use super::{Actor, WriteGrant};
use crate::journal::{Entry, RecordKind, Ticket};

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

/// A budget counts a successor some time after that is ready: so long an eviction is asked for again, as kubectl's drain
/// does, while it is refused for the budget alone.
const BUDGET_COUNTS: Duration = Duration::from_secs(30);

/// How often an unanswered change is looked for before it is called unknown.
const LOOKS: usize = 3;

/// Carries out a confirmed plan and reports each stage. The last stage is always [`Stage::Done`], whose outcome is also
/// returned.
///
/// Nothing is sent twice, except a scale after a clean conflict, and an eviction that a budget refused because it had not
/// counted the successor of the pod before. Dropping the future while it verifies is harmless;
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
        Ok(()) if run.plan.request.is_drain() => run.drain(grant).await,
        Ok(()) => run.all_steps(grant).await,
        Err(outcome) => {
            if let Some(step) = run.plan.steps.first() {
                run.record_unsent(step, &outcome).await;
            }
            (outcome, None)
        }
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

impl Sent {
    /// It was not sent, or it is not known that it was.
    fn none(n: usize, outcome: Outcome) -> Self {
        Self {
            n,
            outcome,
            before: Observation::default(),
            answer: Value::Null,
        }
    }
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
        let now = Timestamp::now();
        if now.duration_since(self.confirmed.at()) > PLAN_LIFE {
            return Err(Outcome::Conflict(
                "it was confirmed more than a minute ago: plan again".into(),
            ));
        }
        // A plan that waits for a second person lives long.
        if let Some(freeze) = planner.policy.frozen_since(&self.plan.checks, now) {
            return Err(Outcome::Refused(format!("a freeze began meanwhile: {freeze}")));
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
        let mut verdicts: Vec<(usize, Verdict)> = Vec::new();
        let mut last = Outcome::NoOp;
        let mut failed = None;
        for (n, step) in self.plan.steps.iter().enumerate() {
            let stays = self.stays(step, &mut sent, &mut verdicts).await;
            let done = match stays.or_else(|| self.stopped(n)) {
                Some(why) => self.unsent(n, step, Outcome::Refused(why)).await,
                None => self.step(grant, n, step).await,
            };
            self.tell(Stage::Executed {
                step: n,
                outcome: done.outcome.clone(),
            })
            .await;
            last = done.outcome.clone();
            if done.outcome == Outcome::Applied {
                sent.push(done);
            } else if done.outcome != Outcome::NoOp {
                failed.get_or_insert(done.outcome.clone());
                if together::ends_at(&self.plan.request, &done.outcome) {
                    break;
                }
            }
        }
        let last = failed.unwrap_or(last);
        verdicts.extend(self.watch(sent).await);
        if verdicts.is_empty() {
            return (last, None);
        }
        let whole = matches!(last, Outcome::Applied | Outcome::NoOp);
        verdicts.sort_by_key(|(n, _)| *n);
        let verdict = self.together(verdicts);
        (if whole { Outcome::Applied } else { last }, Some(verdict))
    }

    /// Why this step is not sent, though the one before was.
    fn stopped(&self, n: usize) -> Option<String> {
        let stopped = n > 0 && self.actor.stops().has(self.plan.id);
        stopped.then(|| "it was stopped before its turn".to_owned())
    }

    /// Waits until the pods of the same workload that went before have their successors; why this one stays where they
    /// have not.
    async fn stays(
        &self,
        step: &PlanStep,
        sent: &mut Vec<Sent>,
        verdicts: &mut Vec<(usize, Verdict)>,
    ) -> Option<String> {
        let workload = siblings::workload(step).filter(|_| siblings::waits(step))?;
        let step_of = |n: usize| self.plan.steps.get(n);
        let is_of = |n: usize| step_of(n).and_then(siblings::workload) == Some(workload);
        let (before, others): (Vec<Sent>, Vec<Sent>) = std::mem::take(sent).into_iter().partition(|s| is_of(s.n));
        *sent = others;
        verdicts.extend(self.watch(before).await);
        let is_bad = |(n, v): &&(usize, Verdict)| is_of(*n) && !matches!(v, Verdict::Healthy(_));
        let (n, verdict) = verdicts.iter().find(is_bad)?;
        let name = step_of(*n).map_or("", |s| s.target.name());
        Some(format!(
            "it stays, because {name} has no ready successor: {}",
            verdict_text(verdict)
        ))
    }

    /// One request, between two records.
    async fn step(&self, grant: &WriteGrant, n: usize, step: &PlanStep) -> Sent {
        let mut sent = Sent::none(n, Outcome::NoOp);
        let mut body = step.body.clone();
        match self.still_so(step).await {
            Ok(now) => renew(&mut body, &now),
            Err(outcome) => return self.unsent(n, step, outcome).await,
        }
        sent.before = match self.look(step, None).await {
            Ok(seen) => seen,
            Err(e) => {
                let why = format!("{} could not be read, so nothing was sent: {}", step.target, e.why);
                return self.unsent(n, step, Outcome::Refused(why)).await;
            }
        };
        let intent = ledger::intent(self.confirmed, step, &body);
        let ticket = match self.record(move |j| j.intent(intent)).await {
            Ok(ticket) => ticket,
            Err(why) => return Sent::none(n, Outcome::NotRecorded(why)),
        };
        if n == 0 {
            self.tell(Stage::Recorded).await;
        }
        let began = Instant::now();
        let patience = if n > 0 && siblings::waits(step) {
            BUDGET_COUNTS
        } else {
            Duration::ZERO
        };
        let (mut outcome, answer) = self.send(grant, step, &mut body, patience).await;
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

    /// A step that is not sent: why is on record.
    async fn unsent(&self, n: usize, step: &PlanStep, outcome: Outcome) -> Sent {
        self.record_unsent(step, &outcome).await;
        Sent::none(n, outcome)
    }

    /// Reads what the plan rests on once more.
    async fn still_so(&self, step: &PlanStep) -> Result<Value, Outcome> {
        let again = "plan again";
        let at = text(&step.rests_on, "/read");
        if at.is_empty() {
            return Ok(Value::Null);
        }
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
                    // A Job that is made from something else rests on that.
                    _ if !is_short(want) || !is_short(is) => {
                        format!("{name} of {} changed since the plan was made: {again}", step.target)
                    }
                    _ => format!("{name} of {} was {want} and is {is} now: {again}", step.target),
                }));
            }
        }
        Ok(now)
    }

    /// Sends once. Only a scale that met a clean conflict is sent again, while the size is what the operator saw, and for
    /// that long what a disruption budget refused.
    async fn send(
        &self,
        _grant: &WriteGrant,
        step: &PlanStep,
        body: &mut Value,
        patience: Duration,
    ) -> (Outcome, Option<Answer>) {
        let Pace { deadline, poll } = self.actor.pace();
        let began = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let Some(filled) = sealed::filled(&self.plan.request, body) else {
                return (Outcome::Refused("what was held in memory is gone".into()), None);
            };
            let request = match http_request(step, &step.path, &filled) {
                Ok(request) => request,
                Err(why) => return (Outcome::Refused(why), None),
            };
            let answer = match wire::send(self.actor.act(), request, deadline).await {
                Ok(answer) if self.plan.request.is_secret() => answer.hushed(),
                Ok(answer) => answer,
                Err(why) => return (Outcome::Unknown(why), None),
            };
            let outcome = classify(&answer, step);
            let again = matches!(outcome, Outcome::Conflict(_)) && step.method == "PUT" && tries < SCALE_TRIES;
            let held = answer.has_cause("DisruptionBudget") && began.elapsed() < patience;
            if !(again || held) {
                return (outcome, Some(answer));
            }
            if held {
                tokio::time::sleep(poll).await;
            }
            match self.still_so(step).await {
                Ok(now) => renew(body, &now),
                Err(changed) => return (changed, Some(answer)),
            }
        }
    }

    /// No answer came: looks whether it happened. It is never sent again.
    async fn compare(&self, step: &PlanStep, before: &Observation, why: &str) -> Outcome {
        let goal = Goal::of(self.plan.request.of_step(step), step, &self.plan.verify);
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

    /// What cannot be written is told as the outcome already; who only reads writes nothing.
    async fn record_unsent(&self, step: &PlanStep, outcome: &Outcome) {
        if matches!(outcome, Outcome::NotRecorded(_)) || self.actor.planner().policy.read_only {
            return;
        }
        let entry = ledger::unsent(self.confirmed, step, outcome);
        if let Err(why) = self.record(move |j| j.append(entry)).await {
            let text = format!("why it was not sent could not be recorded: {why}");
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

/// Whether a value may stand in a sentence: a number, a switch, a short text.
fn is_short(value: &Value) -> bool {
    !value.is_object() && !value.is_array() && value.as_str().is_none_or(|s| s.len() <= 80)
}

/// Puts the fresh resourceVersion into a body that carries one (a scale's PUT).
fn renew(body: &mut Value, now: &Value) {
    let fresh = text(now, "/metadata/resourceVersion");
    if let Some(old) = body.pointer_mut("/metadata/resourceVersion")
        && !fresh.is_empty()
    {
        *old = fresh.into();
    }
}
