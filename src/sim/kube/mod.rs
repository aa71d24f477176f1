//! A Kubernetes API server in one process: a versioned store of objects, and the HTTP that answers for it.
//!
//! [`store`] keeps each object as the JSON bytes that a client gets, so a list page is bytes put one after the other.
//! Controllers (`crate::sim::world`) work on the [`Store`] directly; clients come over loopback TLS.

pub mod changes;
pub mod clock;
pub mod defaults;
pub mod faults;
pub mod forward;
pub mod managed;
pub mod object;
pub mod platform;
pub mod rbac;
pub mod resources;
pub mod selector;
pub mod server;
pub mod status;
pub mod store;
pub mod table;
pub mod tls;
pub mod validate;

mod answer;
mod convert;
mod discovery;
mod eviction;
mod gojson;
mod gotype;
mod history;
mod http;
mod kubeconfig;
mod list;
mod logs;
mod mergekeys;
mod objects;
pub mod past;
mod patch;
mod protobuf;
mod request;
mod reviews;
mod scale;
mod watch;

pub use changes::{Change, ChangeEvent, Changes};
pub use clock::Clock;
pub use faults::{Fault, Faults, RequestLog};
pub use forward::Forwards;
pub use object::{Meta, Object};
pub use platform::{LogLines, LogQuery, NoPlatform, Platform, Usage};
pub use rbac::{Role, User};
pub use resources::{RESOURCES, Resource, resource};
pub use server::{Server, ServerOptions};
pub use status::Status;
pub use store::{Store, Writer};
