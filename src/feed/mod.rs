//! Feeds: connect to a source, watch or poll it, and publish rows of the [`crate::model`] with their freshness.
//!
//! Everything that a feed learns goes into an [`Inbox`], which keeps only the latest of each object until the one
//! owner of the world takes it. A feed never draws, never decides, and never ends by itself: what is lost is marked
//! stale and tried again.

pub mod certificate;
mod context;
pub mod forward;
mod http;
pub mod http_check;
mod inbox;
pub mod kube;
pub mod postgres;
pub mod prometheus;
pub mod queue;
pub mod redis;
pub mod secret;

pub use context::{Pace, SourceContext};
pub use inbox::Inbox;
pub use kube::{Demand, Feeds};
pub use secret::Secrets;
