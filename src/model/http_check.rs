//! HTTP endpoints as they answered last.

/// HTTP endpoints as they answered last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpChecks {}
