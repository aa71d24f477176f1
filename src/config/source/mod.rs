//! The sources of a platform beside Kubernetes: where they are and how to be let in.

mod certificate;
mod http_check;
mod postgres;
mod prometheus;
mod queue;
mod redis;

pub use certificate::CertificatesSource;
pub use http_check::HttpSource;
pub use postgres::PostgresSource;
pub use prometheus::PrometheusSource;
pub use queue::QueueSource;
pub use redis::RedisSource;
