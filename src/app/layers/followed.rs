//! Another console's runbook and plan, as an observer sees them: to be read, not to be touched.

use crate::app::doc::Scroll;

#[derive(Clone, Debug, Default)]
pub struct FollowedView {
    pub scroll: Scroll,
}
