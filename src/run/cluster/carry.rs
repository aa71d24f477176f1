//! Plans and changes: made and carried out by tasks of their own, not tied to the screen.

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::Link;
use crate::action::{ActionId, Confirmed, Outcome, Progress, Refusal, Request, Stage, execute, is_answered};
use crate::app::Msg;
use crate::run::Event;

impl Link {
    pub fn plan(&self, id: ActionId, request: Request) {
        let (planner, actor, sender) = (self.planner.clone(), self.actor.clone(), self.sender.clone());
        tokio::spawn(async move {
            let now = Timestamp::now();
            let answer = match (actor, planner) {
                (Some(actor), _) => actor.plan(request, id, now).await,
                (None, Some(planner)) => planner.plan(request, id, now).await,
                (None, None) => Err(Refusal {
                    what: "not connected to a cluster".to_owned(),
                    hint: "wait until the light in the top bar is green".to_owned(),
                    alternatives: Vec::new(),
                }),
            };
            let _ = sender.send(Event::Msg(Msg::Planned(id, answer.map(Box::new)))).await;
        });
    }

    /// Changes of which not everything is on record yet, told to send nothing more: who leaves waits until there are none,
    /// so that no intent stays without an answer.
    pub fn wind_up(&self) -> watch::Receiver<Vec<ActionId>> {
        let open = self.in_flight.subscribe();
        open.borrow().iter().for_each(|id| self.stop(*id));
        open
    }

    /// Ends a change before its time: a local command, or whatever goes on from step to step.
    pub fn stop(&self, id: ActionId) {
        self.stops.stop(id);
    }

    /// Why no second person is asked, and whether one may go on without.
    pub fn alone(&self) -> (String, bool) {
        let production = self.planner.as_ref().is_none_or(|p| p.class.is_production());
        if production && self.config.policy.two_person_from().is_some() {
            (
                "policy asks for a second person, and there is no way to ask one".to_owned(),
                false,
            )
        } else {
            ("no policy asks for a second person here".to_owned(), true)
        }
    }

    /// Carries out a confirmed plan. The task is not tied to the screen: leaving it does not stop a change half way.
    pub fn execute(&self, confirmed: Confirmed) {
        let sender = self.sender.clone();
        let here = self.cluster.as_ref().map(crate::feed::kube::Cluster::place);
        let elsewhere = !here.is_some_and(|here| here.is_same_cluster(&confirmed.plan().place));
        let (Some(actor), Some(grant), false) = (self.actor.clone(), self.grant.clone(), elsewhere) else {
            let why = "nothing was sent: the console is not at the cluster that it was planned for".to_owned();
            let refused = super::super::performer::refused(&confirmed, why);
            tokio::spawn(async move { sender.send(Event::Msg(refused)).await });
            return;
        };
        let (progress, mut stages) = mpsc::channel::<Progress>(64);
        let in_flight = self.in_flight.clone();
        let (id, steps, request) = {
            let plan = confirmed.plan();
            (plan.id, plan.steps.len(), plan.request.clone())
        };
        in_flight.send_modify(|open| open.push(id));
        tokio::spawn(async move {
            let answered = || in_flight.send_modify(|open| open.retain(|other| *other != id));
            while let Some(progress) = stages.recv().await {
                if is_answered(&request, steps, &progress.stage) {
                    answered();
                }
                // On the way out nobody takes it any more; the change goes on all the same.
                let _ = sender.send(Event::Msg(Msg::Progress(progress))).await;
            }
            answered();
        });
        let recorder = self.recorder.clone();
        tokio::spawn(async move {
            let earlier = match recorder {
                Some(recorder) => recorder.settled().await,
                None => Ok(()),
            };
            if let Err(why) = earlier {
                let outcome = Outcome::NotRecorded(why);
                let (id, at) = (confirmed.plan().id, Timestamp::now());
                let stage = Stage::Done {
                    outcome,
                    verdict: None,
                    undo: None,
                };
                let _ = progress.send(Progress { id, at, stage }).await;
                return;
            }
            execute(&actor, &grant, confirmed, progress).await;
        });
    }
}
