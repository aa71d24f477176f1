//! `[[platform.redis]]`

use serde::Deserialize;

/// `[[platform.redis]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSource {
    /// What the console calls it.
    pub name: String,
}
