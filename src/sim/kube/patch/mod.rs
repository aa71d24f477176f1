//! The three kinds of patch.

pub mod json;
pub mod merge;
pub mod strategic;
