//! The right to write, as a type: without a [`WriteGrant`] nothing here can change anything.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::execute::Pace;
use super::plan::{ActionId, Class, Plan, Refusal, Request};
use super::{Policy, Reach, pipeline};
use crate::journal::Journal;
use crate::model::Place;

/// The right to change things. Made once at start, and never in read-only mode; it can be neither copied nor made
/// anywhere else.
///
/// ```compile_fail
/// let forged = quarterdeck::action::WriteGrant(());
/// ```
/// ```compile_fail
/// let grant = quarterdeck::action::WriteGrant::at_start(false).unwrap();
/// let copy = grant.clone();
/// ```
#[derive(Debug)]
pub struct WriteGrant(());

impl WriteGrant {
    /// The one place where a grant is made.
    pub fn at_start(read_only: bool) -> Option<Self> {
        (!read_only).then_some(Self(()))
    }
}

/// Makes plans. It only reads, so a read-only console has one too.
#[derive(Clone)]
pub struct Planner {
    /// Refuses everything but reads and reviews of the user's own rights.
    pub reader: kube::Client,
    pub place: Place,
    pub class: Class,
    /// As the API server names the user; empty when it would not say.
    pub user: String,
    pub policy: Policy,
    /// The sources beside the cluster.
    pub sources: Reach,
}

impl Planner {
    /// A plan without the server-side dry run, which is itself a write request.
    ///
    /// # Errors
    /// Why there is no plan, with what to do instead.
    pub async fn plan(&self, request: Request, id: ActionId, now: Timestamp) -> Result<Plan, Refusal> {
        pipeline::plan(self, None, request, id, now).await
    }
}

/// The changes of a console that are to end before their time: a local command, and whatever goes on from step to step.
/// Whoever carries them out looks here, also once the console went on to another cluster.
#[derive(Clone, Debug, Default)]
pub struct Stops(Arc<watch::Sender<Vec<ActionId>>>);

impl Stops {
    /// Of what was sent already nothing can be called back.
    pub fn stop(&self, id: ActionId) {
        self.0.send_modify(|ids| ids.push(id));
    }

    /// Whether it was asked to stop.
    pub(super) fn has(&self, id: ActionId) -> bool {
        self.0.borrow().contains(&id)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Vec<ActionId>> {
        self.0.subscribe()
    }
}

/// Makes plans with a dry run, and carries them out. Having one means having had a grant.
#[derive(Clone)]
pub struct Actor {
    planner: Planner,
    act: kube::Client,
    journal: Journal,
    pace: Pace,
    stops: Stops,
}

impl Actor {
    /// `act` must not retry by itself: a change that was sent twice hides what became of the first.
    pub fn new(_grant: &WriteGrant, planner: Planner, act: kube::Client, journal: Journal) -> Self {
        Self {
            planner,
            act,
            journal,
            pace: Pace::default(),
            stops: Stops::default(),
        }
    }

    /// Other waiting times than the default ones.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Ends what these say before its time.
    #[must_use]
    pub fn with_stops(mut self, stops: Stops) -> Self {
        self.stops = stops;
        self
    }

    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// What the API server calls the user, once it has said so.
    pub fn set_user(&mut self, user: &str) {
        user.clone_into(&mut self.planner.user);
    }

    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub const fn stops(&self) -> &Stops {
        &self.stops
    }

    pub(super) const fn pace(&self) -> Pace {
        self.pace
    }

    pub(super) const fn act(&self) -> &kube::Client {
        &self.act
    }

    /// # Errors
    /// Why there is no plan, with what to do instead.
    pub async fn plan(&self, request: Request, id: ActionId, now: Timestamp) -> Result<Plan, Refusal> {
        pipeline::plan(&self.planner, Some(self), request, id, now).await
    }
}
