//! Every change goes through one pipeline:
//! plan → confirm → intent on disk → execute once → result on disk → verify → soak → offer undo.
//!
//! [`plan`] holds the plain data that travels between the screen and the pipeline. A [`Planner`] only reads and makes
//! plans; an [`Actor`] can also change things, and neither it nor [`execute`] can be had without a [`WriteGrant`]. Each
//! action is one file: it reads what is there, says what would happen, and gives the one request; [`pipeline`] does
//! what all actions share, [`verify`] watches what became of it.
//!
//! A change of another source goes the same way, see [`sources`]: it is one variant of [`Request`], drafted by its own
//! family, and its steps name a [`Thing`] rather than an object.
//!
//! The requests are kubectl's, byte for byte where kubectl has them, and not those of kube-rs's convenience helpers,
//! which differ in the annotation, the field manager, the patch type and the spelling of `deleteOptions`.

mod bull;
mod command;
mod delete_keys;
mod delete_pod;
mod draft;
mod evict_pod;
mod execute;
mod grant;
mod hpa_bounds;
mod ledger;
mod object;
mod objects;
mod offers;
mod outcome;
mod pause;
mod pause_queue;
pub mod pipeline;
pub mod plan;
mod pods;
mod policy;
mod postgres;
mod progress;
mod registry;
mod renew;
mod request;
mod restart;
mod retry_jobs;
mod revisions;
mod risk;
mod roll_back;
mod run_command;
mod scale;
mod scalers;
mod sealed;
mod second;
mod set_image;
mod siblings;
mod silence;
mod sources;
mod status;
mod steward;
mod survey;
mod target;
mod temporary;
pub mod temporary_state;
mod together;
pub mod verify;
mod wire;

pub use command::{Command, Hidden, Variable, quoted};
pub use execute::{Pace, execute};
pub use grant::{Actor, Planner, Stops, WriteGrant};
pub use objects::job_templates;
pub use objects::{Alphabet, NewValue, ObjectAsk, Resources, looks_secret};
pub use offers::{Offer, Offered};
pub(crate) use outcome::verdict_text as recorded_verdict;
pub use plan::{
    ActionId, Alternative, Check, Class, Confirm, Confirmation, Confirmed, FieldChange, JobFilter, Outcome, Plan,
    PlanStep, Progress, Refusal, Request, Risk, RollbackTo, Stage, Undo, Verdict, VerifySpec, Warning, WhyNot,
};
pub use policy::{Freeze, Policy};
pub use postgres::{PostgresAsk, Relation};
pub use registry::{ActionInfo, REGISTRY, Verb, info};
pub use sealed::Sealed;
pub use second::{Second, SecondPerson};
pub use sources::{QueueWay, Reach};
pub use target::{Program, Target, Thing};
pub use together::MOST_TOGETHER;
pub(crate) use together::is_answered;

/// The name under which the API server notes our changes (`managedFields`).
pub const FIELD_MANAGER: &str = "quarterdeck";
