//! One set of queues as it was seen last.

/// One set of queues as it was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queues {}
