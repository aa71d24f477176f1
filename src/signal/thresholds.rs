//! The numbers of the rules. Configuration; the defaults are these.

use jiff::SignedDuration;
use serde::Deserialize;

/// `[signals]` of the configuration. Times are written `90s`, `5m`, `26h`; shares are percent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Good for this long before a signal clears.
    #[serde(with = "lasting")]
    pub clear_after: SignedDuration,
    /// A kill for want of memory counts for this long …
    #[serde(with = "lasting")]
    pub oom_window: SignedDuration,
    /// … and two of them within this are critical.
    #[serde(with = "lasting")]
    pub oom_twice: SignedDuration,
    /// More restarts than `restarts_warning` or `restarts_critical` within this.
    #[serde(with = "lasting")]
    pub restarts_window: SignedDuration,
    pub restarts_warning: u32,
    pub restarts_critical: u32,
    #[serde(with = "lasting")]
    pub pending_for: SignedDuration,
    #[serde(with = "lasting")]
    pub not_ready_for: SignedDuration,
    #[serde(with = "lasting")]
    pub stalled_for: SignedDuration,
    #[serde(with = "lasting")]
    pub unavailable_for: SignedDuration,
    #[serde(with = "lasting")]
    pub paused_for: SignedDuration,
    #[serde(with = "lasting")]
    pub hpa_limit_for: SignedDuration,
    /// Metric over target, in percent, from which a scaler at its maximum is critical.
    pub hpa_over_percent: u32,
    #[serde(with = "lasting")]
    pub hpa_unable_for: SignedDuration,
    #[serde(with = "lasting")]
    pub pdb_blocks_for: SignedDuration,
    #[serde(with = "lasting")]
    pub node_for: SignedDuration,
    pub quota_warning_percent: u32,
    pub quota_critical_percent: u32,
    /// A failed Job that no CronJob owns is news for this long.
    #[serde(with = "lasting")]
    pub job_window: SignedDuration,
    /// The last success of a backup may be this old.
    #[serde(with = "lasting")]
    pub backup_max_age: SignedDuration,
    /// A CronJob is a backup when its name contains one of these.
    pub backup_names: Vec<String>,
    #[serde(with = "lasting")]
    pub source_for: SignedDuration,
    /// Time left of a certificate; of a shorter life its third …
    #[serde(with = "lasting")]
    pub cert_warning: SignedDuration,
    /// … and its twentieth.
    #[serde(with = "lasting")]
    pub cert_critical: SignedDuration,
    /// The renewal time may have passed for this long …
    #[serde(with = "lasting")]
    pub cert_overdue_for: SignedDuration,
    /// … and with less than this left it is critical.
    #[serde(with = "lasting")]
    pub cert_overdue_critical: SignedDuration,
    #[serde(with = "lasting")]
    pub cert_issuing_for: SignedDuration,
    #[serde(with = "lasting")]
    pub cert_mismatch_for: SignedDuration,
    /// Burn over 1 h and 5 min.
    pub burn_critical: f64,
    /// Burn over 6 h and 30 min.
    pub burn_warning: f64,
    pub errors_warning_percent: f64,
    pub errors_critical_percent: f64,
    pub latency_warning_ms: u32,
    pub latency_critical_ms: u32,
    #[serde(with = "lasting")]
    pub app_for: SignedDuration,
    /// Requests a second below which a service is not judged.
    pub app_min_rate: f64,
    pub host_cpu_percent: u32,
    pub host_memory_percent: u32,
    pub host_disk_warning_percent: u32,
    pub host_disk_critical_percent: u32,
    #[serde(with = "lasting")]
    pub host_disk_full_within: SignedDuration,
    #[serde(with = "lasting")]
    pub host_for: SignedDuration,
    /// The longest wait for a lock below one blocker …
    #[serde(with = "lasting")]
    pub pg_blocked_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub pg_blocked_critical: SignedDuration,
    /// … or more sessions than these below it: critical.
    pub pg_blocked_waiters: u32,
    #[serde(with = "lasting")]
    pub pg_long_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub pg_long_critical: SignedDuration,
    #[serde(with = "lasting")]
    pub pg_idle_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub pg_idle_critical: SignedDuration,
    /// Of the connections that are not reserved.
    pub pg_connections_warning_percent: u32,
    pub pg_connections_critical_percent: u32,
    #[serde(with = "lasting")]
    pub pg_connections_for: SignedDuration,
    /// A statement's mean within the window, and its share of all time.
    #[serde(with = "lasting")]
    pub pg_slow_mean: SignedDuration,
    pub pg_slow_share_percent: u32,
    #[serde(with = "lasting")]
    pub pg_slow_for: SignedDuration,
    /// Dead rows in units of the table's own threshold.
    pub pg_dead_warning: u32,
    pub pg_dead_critical: u32,
    /// Fewer dead rows than these are nobody's trouble.
    pub pg_dead_least: u32,
    #[serde(with = "lasting")]
    pub pg_dead_for: SignedDuration,
    /// Of the freeze max age.
    pub pg_wraparound_percent: u32,
    /// Transactions.
    pub pg_wraparound_critical: u32,
    #[serde(with = "lasting")]
    pub pg_lag_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub pg_lag_critical: SignedDuration,
    pub pg_lag_mib: u32,
    #[serde(with = "lasting")]
    pub pg_lag_for: SignedDuration,
    /// What an inactive slot retains.
    pub pg_slot_warning_gib: u32,
    pub pg_slot_critical_gib: u32,
    #[serde(with = "lasting")]
    pub pg_slot_for: SignedDuration,
    /// How long a client waits for a connection of its pool.
    #[serde(with = "lasting")]
    pub pgbouncer_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub pgbouncer_critical: SignedDuration,
    #[serde(with = "lasting")]
    pub pgbouncer_for: SignedDuration,
    /// Ready jobs from which a queue that grows by `queue_growth_per_hour` is a backlog, and from which any is.
    pub queue_ready_warning: u64,
    pub queue_ready_critical: u64,
    pub queue_growth_per_hour: u64,
    #[serde(with = "lasting")]
    pub queue_backlog_for: SignedDuration,
    #[serde(with = "lasting")]
    pub queue_oldest_warning: SignedDuration,
    #[serde(with = "lasting")]
    pub queue_oldest_critical: SignedDuration,
    #[serde(with = "lasting")]
    pub queue_no_worker_for: SignedDuration,
    /// Failed of finished jobs in ten minutes; fewer than `queue_failed_least` failures prove nothing.
    pub queue_failed_warning_percent: u32,
    pub queue_failed_critical_percent: u32,
    pub queue_failed_least: u64,
    #[serde(with = "lasting")]
    pub queue_paused_for: SignedDuration,
    pub redis_memory_warning_percent: u32,
    pub redis_memory_critical_percent: u32,
    #[serde(with = "lasting")]
    pub redis_memory_for: SignedDuration,
    /// Keys a second that a cache may evict.
    pub redis_evictions: u32,
    #[serde(with = "lasting")]
    pub redis_evictions_for: SignedDuration,
    #[serde(with = "lasting")]
    pub redis_lag: SignedDuration,
    #[serde(with = "lasting")]
    pub redis_link_for: SignedDuration,
    /// New entries of the slow log, a minute.
    pub redis_slow_per_minute: u32,
    /// Milliseconds of a PING.
    pub redis_ping_ms: u32,
    #[serde(with = "lasting")]
    pub redis_slow_for: SignedDuration,
}

impl Default for Thresholds {
    fn default() -> Self {
        let minutes = SignedDuration::from_mins;
        Self {
            clear_after: minutes(1),
            oom_window: minutes(60),
            oom_twice: minutes(15),
            restarts_window: minutes(10),
            restarts_warning: 3,
            restarts_critical: 10,
            pending_for: minutes(5),
            not_ready_for: minutes(5),
            stalled_for: minutes(2),
            unavailable_for: minutes(1),
            paused_for: minutes(30),
            hpa_limit_for: minutes(5),
            hpa_over_percent: 150,
            hpa_unable_for: minutes(3),
            pdb_blocks_for: minutes(10),
            node_for: minutes(1),
            quota_warning_percent: 85,
            quota_critical_percent: 95,
            job_window: SignedDuration::from_hours(24),
            backup_max_age: SignedDuration::from_hours(26),
            backup_names: vec!["backup".to_owned(), "dump".to_owned()],
            source_for: minutes(1),
            cert_warning: SignedDuration::from_hours(30 * 24),
            cert_critical: SignedDuration::from_hours(3 * 24),
            cert_overdue_for: minutes(60),
            cert_overdue_critical: SignedDuration::from_hours(7 * 24),
            cert_issuing_for: minutes(10),
            cert_mismatch_for: minutes(10),
            burn_critical: 14.4,
            burn_warning: 6.0,
            errors_warning_percent: 1.0,
            errors_critical_percent: 5.0,
            latency_warning_ms: 500,
            latency_critical_ms: 1000,
            app_for: minutes(5),
            app_min_rate: 0.1,
            host_cpu_percent: 80,
            host_memory_percent: 85,
            host_disk_warning_percent: 80,
            host_disk_critical_percent: 90,
            host_disk_full_within: SignedDuration::from_hours(24),
            host_for: minutes(5),
            pg_blocked_warning: SignedDuration::from_secs(10),
            pg_blocked_critical: minutes(1),
            pg_blocked_waiters: 10,
            pg_long_warning: SignedDuration::from_secs(30),
            pg_long_critical: minutes(5),
            pg_idle_warning: minutes(1),
            pg_idle_critical: minutes(10),
            pg_connections_warning_percent: 80,
            pg_connections_critical_percent: 90,
            pg_connections_for: minutes(2),
            pg_slow_mean: SignedDuration::from_millis(500),
            pg_slow_share_percent: 5,
            pg_slow_for: minutes(5),
            pg_dead_warning: 2,
            pg_dead_critical: 10,
            pg_dead_least: 1000,
            pg_dead_for: minutes(10),
            pg_wraparound_percent: 150,
            pg_wraparound_critical: 1_200_000_000,
            pg_lag_warning: SignedDuration::from_secs(30),
            pg_lag_critical: minutes(5),
            pg_lag_mib: 256,
            pg_lag_for: minutes(1),
            pg_slot_warning_gib: 1,
            pg_slot_critical_gib: 10,
            pg_slot_for: minutes(5),
            pgbouncer_warning: SignedDuration::from_secs(1),
            pgbouncer_critical: SignedDuration::from_secs(10),
            pgbouncer_for: SignedDuration::from_secs(30),
            queue_ready_warning: 500,
            queue_ready_critical: 5000,
            queue_growth_per_hour: 1000,
            queue_backlog_for: minutes(5),
            queue_oldest_warning: minutes(5),
            queue_oldest_critical: minutes(15),
            queue_no_worker_for: SignedDuration::from_secs(30),
            queue_failed_warning_percent: 5,
            queue_failed_critical_percent: 25,
            queue_failed_least: 5,
            queue_paused_for: minutes(10),
            redis_memory_warning_percent: 80,
            redis_memory_critical_percent: 90,
            redis_memory_for: minutes(2),
            redis_evictions: 100,
            redis_evictions_for: minutes(1),
            redis_lag: SignedDuration::from_secs(10),
            redis_link_for: SignedDuration::from_secs(30),
            redis_slow_per_minute: 10,
            redis_ping_ms: 100,
            redis_slow_for: minutes(2),
        }
    }
}

/// A duration that is not negative, as people write it.
mod lasting {
    use jiff::SignedDuration;
    use serde::de::{Deserialize, Deserializer, Error};

    /// A year: no rule waits longer, and adding it to a time cannot overflow.
    const MOST: SignedDuration = SignedDuration::from_hours(24 * 366);

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
        let text = String::deserialize(from)?;
        text.parse::<SignedDuration>()
            .ok()
            .filter(|d| !d.is_negative() && *d <= MOST)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no duration, expected one such as \"90s\", \"5m\" or \"26h\""
                ))
            })
    }
}
