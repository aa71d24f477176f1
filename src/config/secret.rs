//! Where a secret is to be found. The configuration never holds one.

use std::path::PathBuf;

use serde::Deserialize;

/// `{ env = "PGPASSWORD" }`, `{ file = "~/.qd/pw" }`, `{ command = ["pass", "show", "pg"] }`,
/// `{ secret = "cortex/postgres/password" }` (a key of a Kubernetes Secret: namespace, name, key).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a program prints: argv, no shell.
    Command(Vec<String>),
    /// `namespace/name/key` of a Kubernetes Secret, read with the operator's own rights.
    Secret(String),
}
