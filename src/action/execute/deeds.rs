//! Carrying out the steps of a source beside Kubernetes: the same records and stages, another wire.

use std::time::Instant;

use super::Run;
use crate::action::plan::{Outcome, PlanStep, Stage, Verdict};
use crate::action::sources::{self, Deed};
use crate::action::{WriteGrant, ledger, together};

impl Run<'_> {
    /// The steps of another source, one after the other, each seen to its end. Batches of one thing are sent before any
    /// of them is judged: they get one verdict, that of the last one.
    pub(super) async fn all_deeds(&self, grant: &WriteGrant) -> (Outcome, Option<Verdict>) {
        let mut verdicts: Vec<(usize, Verdict)> = Vec::new();
        let mut applied = false;
        let mut last = Outcome::NoOp;
        let mut failed = None;
        // Sent, and judged with the next batch of the same thing.
        let mut open: Option<(usize, &PlanStep, Box<dyn Deed>)> = None;
        for (n, step) in self.plan.steps.iter().enumerate() {
            if open.as_ref().is_some_and(|(_, sent, _)| sent.target != step.target)
                && let Some((n, sent, mut deed)) = open.take()
            {
                verdicts.push((n, self.judged(sent, &mut *deed).await));
            }
            let (outcome, deed) = self.deed(grant, n, step).await;
            self.tell(Stage::Executed {
                step: n,
                outcome: outcome.clone(),
            })
            .await;
            last = outcome;
            match (&last, deed) {
                (Outcome::Applied, Some(mut deed)) => {
                    applied = true;
                    if let Some((_, _, earlier)) = open.take()
                        && let Some(batch) = earlier.batch()
                    {
                        deed.with(batch);
                    }
                    let more = self
                        .plan
                        .steps
                        .get(n + 1)
                        .is_some_and(|next| next.target == step.target);
                    if more && deed.batch().is_some() {
                        open = Some((n, step, deed));
                    } else {
                        verdicts.push((n, self.judged(step, &mut *deed).await));
                    }
                }
                (Outcome::NoOp, _) => {}
                (outcome, deed) => {
                    if together::fails(&self.plan.request, outcome) {
                        failed.get_or_insert(outcome.clone());
                    } else if let Outcome::Skipped(why) = outcome {
                        let batch = deed.as_ref().and_then(|d| d.batch());
                        match (batch, deed, &mut open) {
                            // A batch of which nothing was left to do is told with the others.
                            (Some(batch), _, Some((_, _, earlier))) => earlier.with(batch),
                            (Some(_), Some(deed), None) => open = Some((n, step, deed)),
                            _ => verdicts.push((n, Verdict::Failed(format!("skipped: {why}")))),
                        }
                    }
                    if together::ends_at(&self.plan.request, outcome) {
                        break;
                    }
                }
            }
        }
        if !applied {
            return (failed.unwrap_or(last), None);
        }
        if let Some((n, sent, mut deed)) = open {
            verdicts.push((n, self.judged(sent, &mut *deed).await));
        }
        (failed.unwrap_or(Outcome::Applied), Some(self.together(verdicts)))
    }

    async fn judged(&self, step: &PlanStep, deed: &mut dyn Deed) -> Verdict {
        let verdict = deed.verify(&self.tell).await;
        self.record_verdict(step, &verdict).await;
        verdict
    }

    /// One deed, between two records.
    async fn deed(&self, grant: &WriteGrant, n: usize, step: &PlanStep) -> (Outcome, Option<Box<dyn Deed>>) {
        let ready = match self.stopped(n) {
            Some(why) => Err(Outcome::Refused(why)),
            None => sources::ready(self.actor, self.plan, n).await,
        };
        let mut deed = match ready {
            Ok(deed) => deed,
            Err(outcome) => {
                self.record_unsent(step, &outcome).await;
                return (outcome, None);
            }
        };
        let intent = ledger::intent(self.confirmed, step, &step.body);
        let ticket = match self.record(move |j| j.intent(intent)).await {
            Ok(ticket) => ticket,
            Err(why) => return (Outcome::NotRecorded(why), None),
        };
        if n == 0 {
            self.tell(Stage::Recorded).await;
        }
        let began = Instant::now();
        let (outcome, answer) = deed.send(grant, &self.tell).await;
        let result = ledger::result(self.plan, step, &step.body, &outcome, answer, began.elapsed());
        self.record_result(ticket, result, &outcome).await;
        (outcome, Some(deed))
    }
}
