//! The panel of a runbook's run.

use crate::app::doc::Scroll;

#[derive(Clone, Debug, Default)]
pub struct RunView {
    /// [`crate::app::RunEntry::number`].
    pub run: u64,
    /// The step that is looked at, when it is not the current one.
    pub look: Option<usize>,
    pub scroll: Scroll,
    /// Which of the offered ways is under the cursor.
    pub choice: usize,
}
