//! How dangerous a change is, and how the platform is classed on which it happens.

use serde::{Deserialize, Serialize};

/// How dangerous, by section C2 of the safety reference; decides the form of the confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Risk {
    /// Reads only.
    R0,
    /// Reversible and small.
    R1,
    /// Disruptive.
    R2,
    /// Destructive or irreversible.
    R3,
}

/// How the platform is classed. Undeclared counts as production and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Production,
    Unclassified,
    Staging,
    Local,
}

impl Class {
    pub const fn badge(self) -> &'static str {
        match self {
            Self::Production => "PROD",
            Self::Unclassified => "UNCLASSIFIED",
            Self::Staging => "STAGING",
            Self::Local => "LOCAL",
        }
    }

    /// Whether confirmations treat it as production.
    pub const fn is_production(self) -> bool {
        matches!(self, Self::Production | Self::Unclassified)
    }
}
