//! The defaults that the API server writes into objects.

use super::resources::Resource;
use serde_json::Value;

/// Fills in what is absent.
pub fn apply(_r: &Resource, _value: &mut Value) {}
