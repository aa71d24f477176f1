//! The log lines and measurements of the recordings, as a platform.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use quarterdeck::sim::kube::{LogLines, LogQuery, Object, Platform, Status, Usage};
use serde_json::Value;

use super::recording;

/// Log lines and measurements as recorded.
pub struct Recorded {
    lines: Vec<(Timestamp, String)>,
    usage: HashMap<String, Vec<Usage>>,
}

impl Recorded {
    pub fn read() -> Self {
        let mut lines = BTreeMap::new();
        for e in recording("logs")
            .iter()
            .filter(|e| e.path.contains("limitBytes") || e.path.contains("sinceSeconds"))
        {
            for line in e.body.as_str().unwrap().lines() {
                let at: Timestamp = line.split(' ').next().unwrap().parse().unwrap();
                lines.insert(at, line.to_owned());
            }
        }
        let number = |v: &Value, unit: &str| v.as_str().unwrap().trim_end_matches(unit).parse::<u64>().unwrap();
        let mut usage = HashMap::new();
        for e in recording("lists").iter().filter(|e| e.path.contains("metrics")) {
            for pod in e.body["items"].as_array().unwrap() {
                let containers = pod["containers"].as_array().unwrap().iter().map(|c| Usage {
                    name: c["name"].as_str().unwrap().to_owned(),
                    cpu_nano: number(&c["usage"]["cpu"], "n"),
                    memory_bytes: number(&c["usage"]["memory"], "Ki") * 1024,
                });
                usage.insert(
                    pod["metadata"]["name"].as_str().unwrap().to_owned(),
                    containers.collect(),
                );
            }
        }
        Self {
            lines: lines.into_iter().collect(),
            usage,
        }
    }
}

impl Platform for Recorded {
    fn logs(&self, _pod: &Value, query: &LogQuery) -> Result<LogLines, Status> {
        if query.previous {
            return Ok(Vec::new());
        }
        let mut lines: LogLines = self
            .lines
            .iter()
            .filter(|(at, _)| query.since.is_none_or(|since| *at >= since))
            .cloned()
            .collect();
        if let Some(tail) = query.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Ok(lines)
    }

    fn pod_metrics(&self, pod: &Object) -> Option<Vec<Usage>> {
        self.usage.get(&*pod.meta.name).cloned()
    }

    fn node_metrics(&self, _node: &Object) -> Option<Usage> {
        None
    }

    fn has_kubelet(&self) -> bool {
        false
    }
}
