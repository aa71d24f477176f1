//! The numbers of the rules. Configuration; the defaults are these.

use jiff::SignedDuration;
use serde::Deserialize;

/// `[signals]` of the configuration. Times are written `90s`, `5m`, `26h`; shares are percent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
