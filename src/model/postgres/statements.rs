//! `pg_stat_statements` as what happened within a window, not since it was last reset.

use serde::{Deserialize, Serialize};

/// Which statement, of whom, where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatementId {
    pub user_id: i64,
    pub database_id: i64,
    /// A signed 64-bit number, as text.
    pub query_id: String,
    /// Not called from within a function.
    pub top_level: bool,
}

/// What it has cost since the counters began, or within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Counters {
    pub calls: f64,
    pub total_ms: f64,
    pub rows: f64,
    /// Time spent reading and writing blocks; 0 unless `track_io_timing` is on.
    pub io_ms: f64,
    pub blocks_hit: f64,
    pub blocks_read: f64,
    pub temp_blocks: f64,
    pub wal_bytes: f64,
}

impl Counters {
    /// What came since `before`; `None` when the counters began anew between.
    pub fn since(&self, before: &Self) -> Option<Self> {
        let by = |a: f64, b: f64| a - b;
        (self.calls >= before.calls && self.total_ms >= before.total_ms).then(|| Self {
            calls: by(self.calls, before.calls),
            total_ms: by(self.total_ms, before.total_ms),
            rows: by(self.rows, before.rows),
            io_ms: by(self.io_ms, before.io_ms),
            blocks_hit: by(self.blocks_hit, before.blocks_hit),
            blocks_read: by(self.blocks_read, before.blocks_read),
            temp_blocks: by(self.temp_blocks, before.temp_blocks),
            wal_bytes: by(self.wal_bytes, before.wal_bytes),
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub id: StatementId,
    pub user: String,
    pub database: String,
    /// `None`: not read yet, or no right to.
    pub text: Option<super::super::Str>,
    /// Within the window; before there is one, since the counters began.
    pub window: Counters,
    /// Since the counters began.
    pub ever: Counters,
    /// The longest single call since the counters began.
    pub max_ms: f64,
}

impl Statement {
    pub fn mean_ms(&self) -> f64 {
        if self.window.calls > 0.0 {
            self.window.total_ms / self.window.calls
        } else {
            0.0
        }
    }
}

/// The statements that cost most, first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statements {
    pub rows: Vec<Statement>,
    /// Seconds that the window covers. `None`: no window yet, the numbers are since the counters began.
    pub window_s: Option<f64>,
    /// What all statements took within the window, those that are not listed included.
    pub all_ms: f64,
    /// Statements that were thrown out for want of room since the counters began; rising: raise
    /// `pg_stat_statements.max`.
    pub thrown_out: Option<i64>,
}

impl Statements {
    /// The share of one statement in the time of all, 0 to 1.
    pub fn share(&self, of: &Statement) -> f64 {
        if self.all_ms > 0.0 {
            (of.window.total_ms / self.all_ms).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Calls a second; `None` before there is a window.
    pub fn rate(&self, of: &Statement) -> Option<f64> {
        self.window_s.filter(|s| *s > 0.0).map(|s| of.window.calls / s)
    }
}
