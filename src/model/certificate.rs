//! Certificates of the platform as they were seen last.

/// Certificates of the platform as they were seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificates {}
