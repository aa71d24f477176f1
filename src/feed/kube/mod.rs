//! Kubernetes: find the kubeconfig, connect, watch, and read single objects and logs.
//!
//! [`connect`] makes a [`Cluster`]; [`Feeds`] watches it and fills an [`crate::feed::Inbox`]. Each object of a watch is
//! parsed once, straight from the line that arrived into the row that [`crate::model`] keeps, and the line is dropped:
//! that is why 50,000 pods fit. [`logs`], [`object`] and [`access`] answer questions about one thing.
//!
//! The transport under [`Cluster::reader`] refuses everything but reads, whatever the code above it does.

pub mod access;
pub mod backends;
pub mod connect;
pub mod exec;
pub mod fault;
mod feeds;
pub(crate) mod intern;
pub mod logs;
mod metrics;
pub mod object;
mod proxy;
mod quantity;
mod redact;
pub mod rights;
pub(crate) mod row;
mod session;
pub mod source;
pub mod survey;
mod tail;
pub mod transport;
mod watch;
mod wire;

pub use connect::{Access, Cluster, ConnectError, ContextChoice, connect};
pub use exec::{Login, SignedIn};
pub use fault::{Fault, FaultKind};
pub use feeds::{Demand, Feeds, Timing};
pub use source::{ContextInfo, Kubeconfigs, SourceError};
