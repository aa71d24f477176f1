//! Runbooks: Markdown files that lead the operator from a signal to a verified fix.
//!
//! A file is read strictly ([`format`], [`lint`]) into a [`format::Runbook`]; [`library`] holds those that are built in
//! and those of the user's folders. A run ([`engine`]) is a pure state machine over [`facts`], which are computed from
//! the observed world; its conditions are bounded CEL with a third answer, *unknown* ([`cel`]), and its texts are
//! [`template`]s. It changes nothing: it asks for plans ([`request`] makes them the action pipeline's), and is told what
//! became of them. [`view`] is what the panel draws.

pub mod cel;
pub mod engine;
pub mod facts;
pub mod format;
pub mod library;
pub mod lint;
pub mod request;
pub mod said;
pub mod template;
pub mod value;
pub mod view;

pub use value::duration_text;

pub use library::Library;
