//! The sources of a platform beside Kubernetes: where they are and how to be let in.

mod certificate;
mod endpoint;
mod http_check;
mod postgres;
mod prometheus;
mod queue;
mod redis;
mod via;

pub use certificate::{CertificatesSource, Probe, Protocol};
pub use endpoint::{Auth, Endpoint, HeaderValue, Tls};
pub use http_check::HttpSource;
pub use postgres::PostgresSource;
pub use prometheus::{PrometheusSource, Slo};
pub use queue::{Oldest, QueueEntry, QueueKind, QueueSource, ScoreUnit};
pub use redis::{RedisSource, RedisTarget, RedisUrl};
pub use via::{Via, ViaKind, ViaPort};
