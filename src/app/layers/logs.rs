//! Logs of a pod or of a workload: a bounded ring that says how many lines it dropped.

use std::collections::VecDeque;

use crate::app::doc::Scroll;
use crate::app::msg::{LogBatch, LogLine, LogQuery, Token};
use crate::model::Str;

/// How many lines are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogKeep(pub usize);

impl Default for LogKeep {
    fn default() -> Self {
        Self(10_000)
    }
}

#[derive(Clone, Debug)]
pub struct Logs {
    pub title: String,
    pub token: Token,
    pub query: LogQuery,
    pub lines: VecDeque<LogLine>,
    pub keep: LogKeep,
    /// Lines that fell out of the ring, and lines that came faster than they could be taken.
    pub dropped: u64,
    pub follow: bool,
    pub timestamps: bool,
    /// JSON lines are laid out as `level message key=value`.
    pub json: bool,
    /// Only lines that hold this text (lower case); empty shows all.
    pub only: String,
    pub ended: Option<String>,
    pub scroll: Scroll,
    /// Containers seen, for the picker.
    pub containers: Vec<String>,
    /// Pods seen.
    pub pods: Vec<Str>,
}

impl Logs {
    pub fn new(title: String, token: Token, query: LogQuery) -> Self {
        Self {
            title,
            token,
            query,
            lines: VecDeque::new(),
            keep: LogKeep::default(),
            dropped: 0,
            follow: true,
            timestamps: false,
            json: true,
            only: String::new(),
            ended: None,
            scroll: Scroll {
                wrap: true,
                ..Scroll::default()
            },
            containers: Vec::new(),
            pods: Vec::new(),
        }
    }

    pub fn take(&mut self, batch: LogBatch) {
        self.dropped += batch.dropped;
        for line in batch.lines {
            if !line.note && !self.containers.iter().any(|c| **c == *line.container) {
                self.containers.push(line.container.to_string());
            }
            if !line.note && !self.pods.contains(&line.pod) {
                self.pods.push(line.pod.clone());
            }
            self.lines.push_back(line);
            if self.lines.len() > self.keep.0 {
                self.lines.pop_front();
                self.dropped += 1;
                // What is on screen stays where it is while the ring moves on beneath it.
                if !self.follow {
                    self.scroll.top = self.scroll.top.saturating_sub(1);
                }
            }
        }
        if batch.ended.is_some() {
            self.ended = batch.ended;
        }
    }

    /// More than one pod: each line says whose it is.
    pub fn many_pods(&self) -> bool {
        self.pods.len() > 1
    }

    /// How many lines are shown.
    pub fn len(&self) -> usize {
        if self.only.is_empty() {
            self.lines.len()
        } else {
            self.shown().count()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn shown(&self) -> impl DoubleEndedIterator<Item = &LogLine> {
        self.lines
            .iter()
            .filter(|l| self.only.is_empty() || l.text.to_lowercase().contains(&self.only))
    }

    /// As plain text, for search and copy.
    pub fn plain(&self) -> Vec<String> {
        self.shown().map(|l| readable(&l.text, self.json)).collect()
    }

    pub fn clear(&mut self) {
        self.lines.clear();
        self.dropped = 0;
        self.scroll.top = 0;
        self.scroll.hit = None;
    }
}

/// A JSON line as `level message key=value …`; anything else as it is.
pub fn readable(text: &str, json: bool) -> String {
    if !json || !text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str::<serde_json::Value>(text) else {
        return text.to_owned();
    };
    let mut take = |names: &[&str]| {
        names.iter().find_map(|n| map.remove(*n)).map(|v| match v {
            serde_json::Value::String(s) => s,
            other => other.to_string(),
        })
    };
    let time = take(&["ts", "time", "timestamp", "@timestamp", "t"]);
    let level = take(&["level", "lvl", "severity", "levelname"]);
    let message = take(&["msg", "message", "event"]);
    let mut out = String::new();
    if let Some(level) = level {
        out.push_str(&level.to_uppercase());
        out.push(' ');
    }
    if let Some(message) = message {
        out.push_str(&message);
    }
    for (k, v) in &map {
        let v = match v {
            serde_json::Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        out.push_str(if out.is_empty() { "" } else { "  " });
        out.extend([k.as_str(), "=", &v]);
    }
    if let (true, Some(time)) = (out.is_empty(), time) {
        out = time;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::msg::LogTarget;

    #[test]
    fn json_lines_are_laid_out_and_other_lines_are_left_alone() {
        let line = r#"{"level":"error","ts":"2026-01-01T00:00:00Z","msg":"cannot connect","host":"db","try":3}"#;
        assert_eq!(readable(line, true), "ERROR cannot connect  host=db  try=3");
        assert_eq!(readable(line, false), line);
        for raw in ["plain {text}", "{not json", "", "[1,2]"] {
            assert_eq!(readable(raw, true), raw);
        }
    }

    #[test]
    fn the_ring_is_bounded_and_says_what_it_dropped() {
        let query = LogQuery {
            target: LogTarget::Labels {
                namespace: "n".into(),
                selector: "a=b".into(),
            },
            container: None,
            previous: false,
            tail: 10,
        };
        let mut logs = Logs::new("t".into(), Token(1), query);
        logs.keep = LogKeep(3);
        let line = |n: usize| LogLine {
            pod: "p".into(),
            container: "c".into(),
            at: None,
            text: n.to_string(),
            note: false,
        };
        logs.take(LogBatch {
            lines: (0..5).map(line).collect(),
            dropped: 2,
            ended: None,
        });
        assert_eq!(logs.plain(), ["2", "3", "4"]);
        assert_eq!(logs.dropped, 4);
    }
}
