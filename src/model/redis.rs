//! One Redis deployment as it was seen last.

/// One Redis deployment as it was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redis {}
