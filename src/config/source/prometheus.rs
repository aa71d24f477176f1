//! `[[platform.prometheus]]`

use serde::Deserialize;

/// `[[platform.prometheus]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSource {
    /// What the console calls it.
    pub name: String,
}
