//! The numbers of the rules. Configuration; the defaults are these.

use jiff::SignedDuration;
use serde::Deserialize;

/// `[signals]` of the configuration. Times in seconds, shares in percent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thresholds {
    /// Good for this long before a signal clears.
    pub clear_after_s: u32,
    /// A kill for memory counts for this long …
    pub oom_window_s: u32,
    /// … and two of them within this are critical.
    pub oom_twice_s: u32,
    /// More restarts than these within the window.
    pub restarts_window_s: u32,
    pub restarts_warning: u32,
    pub restarts_critical: u32,
    pub pending_for_s: u32,
    pub not_ready_for_s: u32,
    pub stalled_for_s: u32,
    pub unavailable_for_s: u32,
    pub paused_for_s: u32,
    pub hpa_limit_for_s: u32,
    /// Metric over target, in percent, at which a scaler at its limit is critical.
    pub hpa_over_percent: u32,
    pub hpa_unable_for_s: u32,
    pub budget_for_s: u32,
    pub node_for_s: u32,
    pub quota_warning_percent: u32,
    pub quota_critical_percent: u32,
    /// A failed Job that no CronJob owns is news for this long.
    pub job_window_s: u32,
    /// The last success of a backup may be this old.
    pub backup_max_age_s: u32,
    /// A CronJob is a backup when its name or a label's value contains one of these.
    pub backup_names: Vec<String>,
    pub source_for_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            clear_after_s: 60,
            oom_window_s: 3600,
            oom_twice_s: 900,
            restarts_window_s: 600,
            restarts_warning: 3,
            restarts_critical: 10,
            pending_for_s: 300,
            not_ready_for_s: 300,
            stalled_for_s: 120,
            unavailable_for_s: 60,
            paused_for_s: 1800,
            hpa_limit_for_s: 300,
            hpa_over_percent: 150,
            hpa_unable_for_s: 180,
            budget_for_s: 600,
            node_for_s: 60,
            quota_warning_percent: 85,
            quota_critical_percent: 95,
            job_window_s: 86_400,
            backup_max_age_s: 26 * 3600,
            backup_names: vec!["backup".to_owned(), "dump".to_owned()],
            source_for_s: 60,
        }
    }
}

/// Seconds of the configuration as a duration.
pub(super) fn secs(s: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(s))
}
