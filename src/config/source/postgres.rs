//! `[[platform.postgres]]`

use serde::Deserialize;

/// `[[platform.postgres]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// What the console calls it.
    pub name: String,
}
