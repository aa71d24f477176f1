//! A Kubernetes API server in one process: a versioned store of objects, and the HTTP that answers for it.
//!
//! [`store`] keeps each object as the JSON bytes that a client gets, so a list page is bytes put one after the other.
//! Controllers (`crate::sim::world`) work on the [`Store`] directly; clients come over loopback TLS.

pub mod changes;
pub mod clock;
pub mod defaults;
pub mod managed;
pub mod object;
pub mod platform;
pub mod resources;
pub mod status;
pub mod store;

mod history;
mod mergekeys;

pub use changes::{Change, ChangeEvent, Changes};
pub use clock::Clock;
pub use object::{Meta, Object};
pub use platform::{LogLines, LogQuery, NoPlatform, Platform, Usage};
pub use resources::{RESOURCES, Resource, resource};
pub use status::Status;
pub use store::{Store, Writer};
