//! Runbooks.
pub mod cel;
pub mod engine;
pub mod facts;
pub mod format;
pub mod library;
pub mod lint;
pub mod request;
pub mod template;
pub mod value;
pub mod view;
