//! What is observed: small plain types. No I/O, no clock, no drawing.
//!
//! A feed turns each object of the API server into one small row as it arrives and drops the rest; [`World`] holds the
//! rows of one platform and how fresh each kind is. Everything that judges (`signal`), explains (`runbook` facts) or
//! shows (`panes`, `ui`) reads a `&World` and nothing else.

mod backend;
mod certificate;
mod certificate_row;
mod change;
mod event;
mod freshness;
mod guard;
mod http_check;
mod ids;
mod job;
mod measured;
mod namespace;
mod node;
mod pod;
pub mod postgres;
mod prometheus;
mod queue;
mod redis;
mod rollout;
mod selector;
mod source;
mod worked_by;
mod workload;
mod world;

pub use backend::{Backend, BackendAsk, BackendFrom, Behind};
pub use certificate::{
    BySecret, Certificate, CertificateId, CertificateStep, Certificates, Chain, Endpoint, Issuance, Link,
    StoredCertificate, Trust,
};
pub use certificate_row::{CertificateRow, Mismatch};
pub use change::{Batch, Change};
pub use event::Event;
pub use freshness::{FeedId, Freshness};
pub use guard::{Budget, Hpa, HpaMetric, Quota, QuotaItem};
pub use http_check::{HttpChecks, HttpReply};
pub use ids::{Key, Kind, Meta, ObjectRef, Owner, Str, Uid, text};
pub use job::{CronJob, Job};
pub use measured::{Found, Pick, Points, RangeAnswer, RangeAsk};
pub use namespace::{namespace_name, namespace_or_all};
pub use node::{Node, Usage};
pub use pod::{Container, ContainerRole, ContainerState, Ended, Phase, Pod};
pub use postgres::Postgres;
pub use prometheus::{Alert, Burn, Disk, Host, MeasuredCertificate, Prometheus, Reading, Silence, Windows};
pub use queue::{
    BullLayout, Discovery, Empties, FailedJob, FailedJobs, Queue, QueueCounts, QueueRates, QueueSystem, Queues,
};
pub use redis::{
    ClusterHealth, ClusterNode, CommandStat, KeyspaceDb, LatencyEvent, Redis, RedisClients, RedisInfo, RedisLink,
    RedisMemory, RedisNode, RedisPersistence, RedisRates, RedisReplica, RedisReplication, RedisRole, RedisSettings,
    RedisStats, SentinelHealth, SentinelSeen, SlowEntry, SlowLog, Topology,
};
pub use rollout::{RolloutState, Trouble, rollout_state, trouble_of};
pub use selector::{Requirement, Selector};
pub use source::{Problem, Seen, Source, SourceId, SourceKind, Sources};
pub use worked_by::{Known, Scaler, WorkedBy};
pub use workload::{Condition, ContainerSpec, IntOrPercent, QueueMention, Revision, Steward, Strategy, Workload};
pub use world::{Place, PodNews, Scope, Table, World};
