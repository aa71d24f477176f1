//! What was done in this session, newest first.

#[derive(Clone, Debug, Default)]
pub struct ActivityView {
    pub cursor: usize,
}
