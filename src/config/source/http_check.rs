//! `[[platform.http]]`

use serde::Deserialize;

/// `[[platform.http]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// What the console calls it.
    pub name: String,
}
