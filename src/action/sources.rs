//! The way to the sources beside Kubernetes: what a family of them gives to the pipeline, and who does it.
//!
//! A family is one variant of [`Request`], one arm in [`draft`] and one in [`ready`]. Its draft brings its own checks
//! (the right to do it, whatever can be tried without changing anything), because only it knows how to ask; policy,
//! freeze, read-only, risk and the confirmation stay the pipeline's, and the journal is the executor's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::draft::{Draft, refuse};
use super::plan::{ActionId, Outcome, Plan, Progress, Refusal, Request, Stage, Verdict};
use super::{Actor, Planner, WriteGrant, delete_keys, pause_queue, postgres, renew, retry_jobs, run_command, silence};
use crate::config::QueueSource;
use crate::feed::postgres::Server;
use crate::feed::prometheus::{AlertmanagerWay, Ranges};
use crate::feed::redis::Way;
use crate::journal::ResponseSeen;
use crate::model::Str;

/// How the sources of the platform are reached, by their names in the configuration. Each family adds its map.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    pub postgres: BTreeMap<Str, Arc<Server>>,
    /// Redis deployments, for deleting keys.
    pub redis: BTreeMap<Str, Way>,
    /// Sets of queues.
    pub queues: BTreeMap<Str, QueueWay>,
    /// By the name of the Prometheus source that they belong to.
    pub alertmanagers: BTreeMap<Str, AlertmanagerWay>,
    /// What is asked for values over time, in the configuration's order. It reads, and no action uses it.
    pub ranges: Vec<Ranges>,
    /// Folders with templates of Jobs, the first one first.
    pub job_templates: Vec<std::path::PathBuf>,
}

/// A set of queues, and the Redis on which it is.
#[derive(Clone, Debug)]
pub struct QueueWay {
    pub source: QueueSource,
    pub way: Way,
}

/// One step that was looked at again and is ready to be carried out.
pub(super) trait Deed: Send {
    /// Does it, once: what is not sure to have been lost is never sent again. A deed that takes long tells how far
    /// it is. The second is what the server answered, for the journal.
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, tell: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)>;

    /// Looks what became of it, after [`Outcome::Applied`] only.
    fn verify<'a>(&'a mut self, tell: &'a Tell) -> BoxFuture<'a, Verdict>;

    /// What is to be watched together with the next batch of the same thing; `None`: each step has its own verdict.
    fn batch(&self) -> Option<Batch> {
        None
    }

    /// Watches what was sent in another batch, too.
    fn with(&mut self, _: Batch) {}
}

/// What was sent in one of several steps that get one verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub ids: Vec<String>,
    /// Of them, those that were left alone.
    pub left: usize,
}

/// What one action of a source contributes to a plan. It reads; a read-only console makes such plans too.
pub(super) async fn draft(planner: &Planner, request: &Request, now: Timestamp) -> Result<Draft, Refusal> {
    match request {
        Request::Postgres { source, ask } => postgres::draft(planner, source, ask, now).await,
        Request::RetryJobs { queue, which } => retry_jobs::draft(&planner.sources, queue, which).await,
        Request::PauseQueue { queue } => pause_queue::draft(&planner.sources, queue, true).await,
        Request::ResumeQueue { queue } => pause_queue::draft(&planner.sources, queue, false).await,
        Request::DeleteKeys { keys } => delete_keys::draft(&planner.sources, keys).await,
        Request::Renew { certificate } => renew::draft(planner, certificate, now).await,
        Request::Silence {
            alert,
            labels,
            minutes,
            comment,
        } => silence::draft(planner, alert, labels, *minutes, comment, now).await,
        Request::ExpireSilence { silence } => silence::draft_expire(planner, silence).await,
        Request::Run { command } => run_command::draft(planner, command),
        _ => Err(refuse(
            format!("{} is no action of a source", request.name()),
            "choose it from the list of actions",
        )),
    }
}

/// Looks again whether step `n` still holds, and prepares to carry it out.
///
/// # Errors
/// Why not: nothing was changed.
pub(super) async fn ready(actor: &Actor, plan: &Plan, n: usize) -> Result<Box<dyn Deed>, Outcome> {
    let name = plan.request.name();
    let none = || Outcome::Refused(format!("step {} of {name}: there is no such action here", n + 1));
    let step = plan.steps.get(n).ok_or_else(none)?;
    let reach = &actor.planner().sources;
    let pace = (actor.pace().poll, Duration::from_secs(plan.verify.deadline_s));
    match plan.request.of_step(step) {
        Request::RetryJobs { queue, .. } => retry_jobs::ready(reach, queue, step, pace).await,
        Request::PauseQueue { queue } => pause_queue::ready(reach, queue, step, true, pace).await,
        Request::ResumeQueue { queue } => pause_queue::ready(reach, queue, step, false, pace).await,
        Request::DeleteKeys { keys } => delete_keys::ready(reach, keys, step),
        Request::Postgres { .. } => postgres::ready(actor, plan, step).await,
        Request::Run { command } => run_command::ready(actor, plan.id, command, step),
        Request::Renew { certificate } => renew::ready(actor, certificate, step).await,
        request @ (Request::Silence { .. } | Request::ExpireSilence { .. }) => {
            silence::ready(actor, request, step).await
        }
        _ => Err(none()),
    }
}

/// Tells the screen how far a deed is.
pub(super) struct Tell {
    pub id: ActionId,
    pub progress: Sender<Progress>,
}

impl Tell {
    pub async fn stage(&self, stage: Stage) {
        let at = Timestamp::now();
        // A receiver that went away does not stop a change half way.
        let _ = self.progress.send(Progress { id: self.id, at, stage }).await;
    }

    pub async fn say(&self, text: impl Into<String>, worrying: bool) {
        let text = text.into();
        self.stage(Stage::Verifying { text, worrying }).await;
    }
}
