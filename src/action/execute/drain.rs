//! Carrying out a drain: the cordon, then one eviction after the other. A pod that its budget holds goes to the end of the
//! line; between two pods it can be stopped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Run, http_request};
use crate::action::WriteGrant;
use crate::action::object::{field, path, text};
use crate::action::outcome::budget_message;
use crate::action::plan::{Outcome, PlanStep, Stage, Verdict};
use crate::action::wire;
use crate::model::Kind;

/// How a drain stands.
#[derive(Default)]
struct Tally {
    /// Gone by our doing.
    moved: usize,
    /// Gone already when their turn came.
    gone: usize,
    /// Name and why it cannot go.
    refused: Vec<(String, String)>,
    /// What held the last pod that had to wait.
    held: String,
}

/// What became of one pod's turn.
enum Turn {
    Moved,
    GoneAlready,
    /// A budget says no, for now.
    Held(String),
    Refused(String),
    /// It was evicted, but was still there at the deadline.
    Stays,
    /// Nobody knows, or it cannot be recorded: the drain ends here.
    End(Outcome),
}

impl Run<'_> {
    pub(super) async fn drain(&self, grant: &WriteGrant) -> (Outcome, Option<Verdict>) {
        let end = Instant::now() + Duration::from_secs(self.plan.verify.deadline_s);
        let is_pod = |s: &PlanStep| s.target.object().is_some_and(|o| o.kind == Kind::Pod);
        let mut tally = Tally::default();
        let mut applied = false;
        let steps = self.plan.steps.iter().enumerate();
        for (n, step) in steps.clone().filter(|(_, s)| !is_pod(s)) {
            let outcome = self.step(grant, n, step).await.outcome;
            self.tell(Stage::Executed {
                step: n,
                outcome: outcome.clone(),
            })
            .await;
            match outcome {
                Outcome::Applied => applied = true,
                Outcome::NoOp => {}
                other => return (other, None),
            }
        }
        let mut line: VecDeque<(usize, &PlanStep, bool)> =
            steps.filter(|(_, s)| is_pod(s)).map(|(n, s)| (n, s, false)).collect();
        let all = line.len();
        let mut in_vain = 0;
        let mut stopped = false;
        while let Some((n, step, asked)) = line.pop_front() {
            stopped = self.actor.stops().has(self.plan.id);
            if stopped || Instant::now() >= end {
                line.push_front((n, step, asked));
                break;
            }
            let turn = self.evict(grant, (n, step), asked, &tally, (all, end)).await;
            applied |= matches!(turn, Turn::Moved | Turn::Stays);
            in_vain = if matches!(turn, Turn::Held(_)) { in_vain + 1 } else { 0 };
            match turn {
                Turn::Moved => tally.moved += 1,
                Turn::GoneAlready => tally.gone += 1,
                Turn::Refused(why) => tally.refused.push((step.target.name().to_owned(), why)),
                Turn::Stays => {
                    let why = "it was evicted, and is still stopping".to_owned();
                    tally.refused.push((step.target.name().to_owned(), why));
                }
                Turn::End(outcome) => return ended_early(outcome, &tally, all, applied),
                Turn::Held(why) => {
                    tally.held.clone_from(&why);
                    line.push_back((n, step, true));
                    self.say(&tally, all, &format!("{} waits: {why}", step.target.name()), true)
                        .await;
                    // Nobody could go this time round: as kubectl does, wait before asking again.
                    if in_vain >= line.len() {
                        self.pause(end).await;
                        in_vain = 0;
                    }
                }
            }
        }
        let verdict = match self.judge(&tally, line.len(), all, stopped).await {
            // There is nothing to have a verdict on.
            Verdict::Failed(why) if !applied && tally.gone < all => return (Outcome::Refused(why), None),
            verdict => verdict,
        };
        if let Some(step) = self.plan.steps.first() {
            self.record_verdict(step, &verdict).await;
        }
        (Outcome::Applied, Some(verdict))
    }

    /// One pod's turn: evicted, and seen to be gone. `asked` before: what a budget says is tried without effect first,
    /// so that only what may succeed goes on record.
    async fn evict(
        &self,
        grant: &WriteGrant,
        (n, step): (usize, &PlanStep),
        asked: bool,
        tally: &Tally,
        (all, end): (usize, Instant),
    ) -> Turn {
        if self.is_gone(step).await == Some(true) {
            return Turn::GoneAlready;
        }
        if asked && let Some(why) = self.still_held(step).await {
            return Turn::Held(why);
        }
        let sent = self.step(grant, n, step).await;
        let busy = text(&sent.answer, "/reason") == "TooManyRequests";
        match sent.outcome {
            Outcome::Refused(why) if busy => return Turn::Held(why),
            Outcome::Throttled(_) => return Turn::Held("the server is busy".to_owned()),
            Outcome::Applied | Outcome::NoOp => {}
            Outcome::Conflict(_) if self.is_gone(step).await == Some(true) => return Turn::GoneAlready,
            Outcome::Refused(why) | Outcome::Skipped(why) | Outcome::Conflict(why) => return Turn::Refused(why),
            other @ (Outcome::Unknown(_) | Outcome::NotRecorded(_)) => return Turn::End(other),
        }
        self.tell(Stage::Executed {
            step: n,
            outcome: Outcome::Applied,
        })
        .await;
        loop {
            if self.is_gone(step).await == Some(true) {
                self.record_verdict(step, &Verdict::Healthy("gone".into())).await;
                return Turn::Moved;
            }
            if Instant::now() >= end {
                return Turn::Stays;
            }
            self.say(tally, all, &format!("{} is stopping", step.target.name()), false)
                .await;
            tokio::time::sleep(self.actor.pace().poll).await;
        }
    }

    /// Whether the pod is gone, or another one of its name is there. `None`: it cannot be told now.
    async fn is_gone(&self, step: &PlanStep) -> Option<bool> {
        let at = path(step.target.object()?);
        match wire::get(&self.actor.planner().reader, &at).await {
            Ok(pod) => Some(text(&pod, "/metadata/uid") != step.target.id()),
            Err(e) if e.code == 404 => Some(true),
            Err(_) => None,
        }
    }

    /// Asks the budget by a dry run. `None`: it may go, or that cannot be told and is tried in earnest.
    async fn still_held(&self, step: &PlanStep) -> Option<String> {
        let request = http_request(step, &format!("{}?dryRun=All", step.path), &step.body).ok()?;
        let answer = wire::send(self.actor.act(), request, self.actor.pace().deadline)
            .await
            .ok()?;
        (answer.code == 429).then(|| budget_message(&answer))
    }

    /// Five seconds with the default pace, as kubectl waits; less near the end.
    async fn pause(&self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        tokio::time::sleep((self.actor.pace().poll * 5 / 2).min(left)).await;
    }

    async fn say(&self, tally: &Tally, all: usize, text: &str, worrying: bool) {
        let text = format!("{} of {all} gone; {text}", tally.moved + tally.gone);
        self.tell(Stage::Verifying { text, worrying }).await;
    }

    /// What came of it, once nothing more is done.
    async fn judge(&self, tally: &Tally, left: usize, all: usize, stopped: bool) -> Verdict {
        let gone = tally.moved + tally.gone;
        let stays = "the node stays cordoned";
        if stopped && left > 0 {
            return Verdict::Failed(format!("stopped: {gone} of {all} pods are gone, {left} stay; {stays}"));
        }
        if left > 0 {
            let why = if tally.held.is_empty() {
                "the time is over".to_owned()
            } else {
                tally.held.clone()
            };
            return Verdict::Failed(format!(
                "{gone} of {all} pods are gone, {left} stay at the deadline: {why}; {stays}"
            ));
        }
        if let Some((name, why)) = tally.refused.first() {
            let n = tally.refused.len();
            return Verdict::Failed(format!(
                "{gone} of {all} pods are gone, {n} are not ({name}: {why}); {stays}"
            ));
        }
        match self.came_meanwhile().await {
            Some(0) => Verdict::Healthy(format!("all {all} pods are gone; {stays}")),
            Some(n) => Verdict::Failed(format!("{n} pods came meanwhile: drain again; {stays}")),
            None => Verdict::Healthy(format!("all {all} pods of the list are gone; {stays}")),
        }
    }

    /// Pods that were placed there between the list and the cordon.
    async fn came_meanwhile(&self) -> Option<usize> {
        let targets = self.plan.request.targets();
        let node = &targets.first()?.name;
        let at = format!(
            "/api/v1/pods?fieldSelector={}",
            wire::encode(&format!("spec.nodeName={node}"))
        );
        let list = wire::get(&self.actor.planner().reader, &at).await.ok()?;
        let known = |uid: &str| self.plan.steps.iter().any(|s| s.target.id() == uid);
        let new = crate::action::object::items(&list, "/items").filter(|p| {
            let daemon =
                crate::action::object::owner(p).is_some_and(|o| matches!(text(o, "/kind"), "DaemonSet" | "Node"));
            let leaving = !field(p, "/metadata/deletionTimestamp").is_null();
            !daemon
                && !leaving
                && !known(text(p, "/metadata/uid"))
                && !matches!(text(p, "/status/phase"), "Succeeded" | "Failed")
        });
        Some(new.count())
    }
}

fn ended_early(outcome: Outcome, tally: &Tally, all: usize, applied: bool) -> (Outcome, Option<Verdict>) {
    if !applied {
        return (outcome, None);
    }
    let why = crate::action::outcome::outcome_text(&outcome);
    let gone = tally.moved + tally.gone;
    (
        outcome,
        Some(Verdict::Unknown(format!("{gone} of {all} pods are gone; then: {why}"))),
    )
}
