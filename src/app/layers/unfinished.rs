//! What was left unfinished, and what to do about it.

#[derive(Clone, Debug, Default)]
pub struct UnfinishedView {
    /// Index into the items.
    pub cursor: usize,
}
