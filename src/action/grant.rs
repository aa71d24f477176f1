//! The right to write, as a type: without a [`WriteGrant`] nothing here can change anything.

/// The right to change things. Made once at start, and never in read-only mode; it can be neither copied nor made
/// anywhere else.
#[derive(Debug)]
pub struct WriteGrant(());

impl WriteGrant {
    /// The one place where a grant is made.
    pub fn at_start(read_only: bool) -> Option<Self> {
        (!read_only).then_some(Self(()))
    }
}
