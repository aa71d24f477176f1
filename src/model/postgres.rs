//! One PostgreSQL server as it was seen last.

/// One PostgreSQL server as it was seen last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Postgres {}
