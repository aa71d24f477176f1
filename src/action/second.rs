//! The second person: when policy asks for one, and what stands for one.

use serde::{Deserialize, Serialize};

use super::plan::WhyNot;
use crate::journal::spool::{ASK_LIFE, Approval};

/// A plan that needs somebody else's yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondPerson {
    /// Whether one may go on alone, with a reason that goes on record. Policy decides.
    pub break_glass: bool,
}

/// What stands beside the operator's own confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Second {
    /// Somebody else approved this very plan.
    Approved(Approval),
    /// Nobody was there, and the operator goes on alone.
    Alone { reason: String },
}

impl Second {
    /// For the journal's records of the change.
    pub fn text(&self) -> String {
        match self {
            Self::Approved(by) => format!("by {}", by.by()),
            Self::Alone { .. } => "alone, without the second person that policy asks for".to_owned(),
        }
    }
}

/// How long a plan lives that waits for somebody: as long as the question does. What it rests on is looked at again
/// before anything is sent, as for every plan.
pub const APPROVED_PLAN_LIFE: jiff::SignedDuration = ASK_LIFE;

/// Whether the plan of this hash may go on with what was given.
pub(super) fn accepts(rule: Option<SecondPerson>, given: Option<&Second>, hash: &str) -> Result<(), WhyNot> {
    let Some(rule) = rule else { return Ok(()) };
    match given {
        Some(Second::Approved(approval)) if approval.hash() == hash => Ok(()),
        Some(Second::Approved(_)) => Err(WhyNot::OtherPlan),
        Some(Second::Alone { reason }) if rule.break_glass && !reason.trim().is_empty() => Ok(()),
        Some(Second::Alone { .. }) => Err(WhyNot::NotAlone),
        None => Err(WhyNot::NoSecondPerson),
    }
}
