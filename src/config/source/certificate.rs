//! `[[platform.certificates]]`

use serde::Deserialize;

/// `[[platform.certificates]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificatesSource {
    /// What the console calls it.
    pub name: String,
}
