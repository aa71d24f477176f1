//! Runbooks.
pub mod cel;
pub mod facts;
pub mod format;
pub mod lint;
pub mod template;
pub mod value;
