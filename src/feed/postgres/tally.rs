//! Counters of statements over a window, and their texts, each fetched once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::model::Str;
use crate::model::postgres::{Counters, Statement, StatementId, Statements};

/// What a row of `pg_stat_statements` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RawStatement {
    #[serde(flatten)]
    id: StatementId,
    user: Option<String>,
    database: Option<String>,
    #[serde(flatten)]
    ever: Counters,
    max_ms: f64,
    all_ms: f64,
}

/// The window that rates are over, once so much was seen.
const WINDOW: Duration = Duration::from_secs(300);
/// The oldest of the snapshots that are kept is at most this much older than the window asks.
const BETWEEN: Duration = Duration::from_secs(55);
/// The view's own LIMIT: what has so many rows may lack some.
const LIMIT: usize = 1000;
/// Statements that are shown.
const SHOWN: usize = 200;
/// Texts kept: of 4000 characters at most.
const TEXTS: usize = 2000;
/// Texts asked for at a time. The server reads all that it has, however few are asked for.
const ASKED: usize = 500;
/// Texts are read again at the soonest after this long, and after so many times what the last reading took: with
/// thousands of statements of 100 kB it takes seconds and half a gigabyte of temporary files.
const TEXTS_PAUSE: Duration = Duration::from_secs(30);
const TEXTS_SHARE: u32 = 100;

struct Snapshot {
    at: Instant,
    all_ms: f64,
    whole: bool,
    counters: HashMap<StatementId, Counters>,
}

#[derive(Default)]
pub(super) struct Tally {
    past: VecDeque<Snapshot>,
    now: Vec<RawStatement>,
    now_at: Option<Instant>,
    texts: BTreeMap<String, Option<Str>>,
    ask_again: Option<Instant>,
    pause: Duration,
}

impl Tally {
    /// Another server may answer now (a failover): its counters are its own.
    pub fn connected(&mut self) {
        self.past.clear();
        self.now.clear();
        self.now_at = None;
        self.ask_again = None;
        self.pause = Duration::ZERO;
    }

    pub fn take(&mut self, rows: Vec<RawStatement>, at: Instant) {
        let all_ms = rows.first().map_or(0.0, |r| r.all_ms);
        // Somebody reset the counters.
        if self.past.back().is_some_and(|p| all_ms < p.all_ms) {
            self.past.clear();
        }
        if self.past.back().is_none_or(|p| at.duration_since(p.at) >= BETWEEN) {
            self.past.push_back(Snapshot {
                at,
                all_ms,
                whole: rows.len() < LIMIT,
                counters: rows.iter().map(|r| (r.id.clone(), r.ever)).collect(),
            });
        }
        // The oldest that is still within the window, or the one just before it.
        while self
            .past
            .get(1)
            .is_some_and(|next| at.duration_since(next.at) >= WINDOW)
        {
            self.past.pop_front();
        }
        self.now = rows;
        self.now_at = Some(at);
    }

    /// The window's statements, those first that took most of it.
    pub fn statements(&self, thrown_out: Option<i64>) -> Statements {
        let base = self.past.front().zip(self.now_at).filter(|(p, now)| *now > p.at);
        let all_now = self.now.first().map_or(0.0, |r| r.all_ms);
        let mut rows: Vec<Statement> = self
            .now
            .iter()
            .map(|r| {
                let window = match base {
                    None => r.ever,
                    Some((p, _)) => match p.counters.get(&r.id) {
                        Some(before) => r.ever.since(before).unwrap_or(r.ever),
                        None if p.whole => r.ever,
                        // It was there already, below those that are listed: unknown how much of it is new.
                        None => Counters::default(),
                    },
                };
                Statement {
                    id: r.id.clone(),
                    user: r.user.clone().unwrap_or_default(),
                    database: r.database.clone().unwrap_or_default(),
                    text: self.texts.get(&r.id.query_id).cloned().flatten(),
                    window,
                    ever: r.ever,
                    max_ms: r.max_ms,
                }
            })
            .filter(|s| s.window.calls > 0.0)
            .collect();
        rows.sort_by(|a, b| {
            b.window
                .total_ms
                .total_cmp(&a.window.total_ms)
                .then_with(|| a.id.cmp(&b.id))
        });
        rows.truncate(SHOWN);
        Statements {
            rows,
            window_s: base.map(|(p, now)| now.duration_since(p.at).as_secs_f64()),
            all_ms: base.map_or(all_now, |(p, _)| all_now - p.all_ms),
            thrown_out,
        }
    }

    /// Statements whose text was never asked for, if it is time to ask because one of them shows.
    pub fn without_text(&self, now: Instant) -> Vec<String> {
        if self.ask_again.is_some_and(|at| now < at) {
            return Vec::new();
        }
        let unknown = |id: &String| !self.texts.contains_key(id);
        let shown = self.statements(None).rows.into_iter().map(|s| s.id.query_id);
        let mut ids: Vec<String> = shown.filter(unknown).collect();
        if !ids.is_empty() {
            // Those that may show next come along.
            ids.extend(self.now.iter().map(|r| r.id.query_id.clone()).filter(unknown));
        }
        let mut once = HashSet::new();
        ids.retain(|id| once.insert(id.clone()));
        ids.truncate(ASKED);
        ids
    }

    /// Takes what reading them brought, and how long the server took for it.
    pub fn texts(&mut self, found: &HashMap<String, String>, asked: &[String], took: Duration, now: Instant) {
        if self.texts.len() + asked.len() > TEXTS {
            self.texts.clear();
        }
        for id in asked {
            let text = found.get(id).map(|t| Arc::from(crate::text::clean(t).as_ref()));
            self.texts.insert(id.clone(), text);
        }
        self.pause = Duration::ZERO;
        self.ask_again = now.checked_add(TEXTS_PAUSE.max(took * TEXTS_SHARE));
    }

    pub fn texts_failed(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(Duration::from_secs(300), Duration::from_secs(3600));
        self.ask_again = now.checked_add(self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, calls: f64, total_ms: f64, all_ms: f64) -> RawStatement {
        let value = serde_json::json!({
            "user_id": 10, "database_id": 5, "query_id": id.to_string(), "top_level": true, "user": "app",
            "database": "cortex", "calls": calls, "total_ms": total_ms, "rows": 1.0, "io_ms": 0.0, "blocks_hit": 0.0,
            "blocks_read": 0.0, "temp_blocks": 0.0, "wal_bytes": 0.0, "max_ms": 9.0, "all_ms": all_ms,
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn rates_are_of_the_window_and_a_reset_begins_a_new_one() {
        let mut tally = Tally::default();
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        tally.take(
            vec![row(1, 1000.0, 90_000.0, 100_000.0), row(2, 10.0, 10_000.0, 100_000.0)],
            at(0),
        );
        let first = tally.statements(None);
        assert_eq!(
            (first.window_s, first.rows[0].id.query_id.as_str()),
            (None, "1"),
            "lifetime, and says so"
        );
        tally.take(
            vec![row(1, 1001.0, 90_010.0, 100_110.0), row(2, 20.0, 10_100.0, 100_110.0)],
            at(20),
        );
        let second = tally.statements(None);
        assert_eq!(second.window_s, Some(20.0));
        assert_eq!(
            second.rows[0].id.query_id, "2",
            "what was slow last week is not what is slow now"
        );
        assert!((second.share(&second.rows[0]) - 100.0 / 110.0).abs() < 1e-9);
        assert_eq!(
            (second.rate(&second.rows[0]), second.rows[0].mean_ms()),
            (Some(0.5), 10.0)
        );
        tally.take(vec![row(1, 3.0, 30.0, 30.0)], at(40));
        assert_eq!(tally.statements(None).window_s, None);
    }

    #[test]
    fn the_window_moves_on_and_texts_are_asked_for_once() {
        let mut tally = Tally::default();
        let t0 = Instant::now();
        for n in 0..100_u32 {
            let total = f64::from(n) * 10.0;
            tally.take(
                vec![row(1, f64::from(n), total, total)],
                t0 + Duration::from_secs(15) * n,
            );
        }
        let window = tally.statements(None).window_s.unwrap();
        assert!((300.0..=375.0).contains(&window), "{window}");
        let asked = tally.without_text(t0);
        assert_eq!(asked, ["1"]);
        let found = HashMap::from([("1".to_owned(), "SELECT $1".to_owned())]);
        tally.texts(&found, &asked, Duration::from_millis(5), t0);
        assert!(tally.without_text(t0 + Duration::from_secs(600)).is_empty());
        assert_eq!(tally.statements(None).rows[0].text.as_deref(), Some("SELECT $1"));
    }

    #[test]
    fn texts_that_take_seconds_to_read_are_read_a_hundredth_of_the_time() {
        let mut tally = Tally::default();
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        tally.take(vec![row(1, 9.0, 9.0, 10.0), row(2, 1.0, 1.0, 10.0)], at(0));
        assert_eq!(tally.without_text(at(0)), ["1", "2"]);
        tally.texts(&HashMap::new(), &["1".to_owned()], Duration::from_secs(2), at(0));
        assert!(tally.without_text(at(199)).is_empty());
        assert_eq!(tally.without_text(at(200)), ["2"]);
        tally.texts(&HashMap::new(), &["2".to_owned()], Duration::from_millis(5), at(200));
        tally.take(vec![row(3, 9.0, 9.0, 20.0)], at(210));
        assert!(tally.without_text(at(229)).is_empty());
        assert_eq!(tally.without_text(at(230)), ["3"]);
    }
}
