//! Every change goes through one pipeline:
//! plan → confirm → intent on disk → execute once → result on disk → verify → soak → offer undo.
//!
//! [`plan`] holds the plain data that travels between the screen and the pipeline.

mod grant;
pub mod plan;

pub use grant::WriteGrant;
pub use plan::{
    ActionId, Alternative, Check, Class, Confirm, Confirmation, Confirmed, FieldChange, Outcome, Plan, PlanStep,
    Progress, Refusal, Request, Risk, RollbackTo, Stage, Undo, Verdict, VerifySpec, Warning, WhyNot,
};
