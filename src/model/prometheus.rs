//! What Prometheus and Alertmanager said last.

/// What Prometheus and Alertmanager said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prometheus {}
