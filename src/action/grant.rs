//! The right to write, as a type: without a [`WriteGrant`] nothing here can change anything.

use std::sync::Arc;

use jiff::Timestamp;

use super::execute::Pace;
use super::plan::{ActionId, Class, Plan, Refusal, Request};
use super::run_command::Stops;
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

/// Makes plans with a dry run, and carries them out. Having one means having had a grant.
#[derive(Clone)]
pub struct Actor {
    planner: Planner,
    act: kube::Client,
    journal: Journal,
    pace: Pace,
    /// What is to end before its time.
    stops: Arc<Stops>,
}

impl Actor {
    /// `act` must not retry by itself: a change that was sent twice hides what became of the first.
    pub fn new(_grant: &WriteGrant, planner: Planner, act: kube::Client, journal: Journal) -> Self {
        Self {
            planner,
            act,
            journal,
            pace: Pace::default(),
            stops: Arc::default(),
        }
    }

    /// Other waiting times than the default ones.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
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

    /// Ends a local command, or a drain between two pods; of what was sent already nothing can be called back.
    pub fn stop(&self, id: ActionId) {
        self.stops.send_modify(|ids| ids.push(id));
    }

    /// Whether it was asked to stop.
    pub(super) fn is_stopped(&self, id: ActionId) -> bool {
        self.stops.borrow().contains(&id)
    }

    pub(super) fn stops(&self) -> &Stops {
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
