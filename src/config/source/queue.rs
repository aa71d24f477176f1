//! `[[platform.queues]]`

use serde::Deserialize;

/// `[[platform.queues]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSource {
    /// What the console calls it.
    pub name: String,
}
