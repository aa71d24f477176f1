//! `[[platform.queues]]`

use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};

/// `[[platform.queues]]`: one set of queues of one kind on one Redis, or of one Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSource {
    /// What the console calls the set.
    pub name: String,
    #[serde(default)]
    pub kind: QueueKind,
    /// The `[[platform.redis]]` on which they are. All kinds but `promql` need it.
    #[serde(default)]
    pub redis: Option<String>,
    /// The `[[platform.prometheus]]` that is asked; for `promql`.
    #[serde(default)]
    pub prometheus: Option<String>,
    /// What the keys begin with: `bull` when nothing else is said, and `{bull}` in a Cluster; for `bullmq`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Names, or tables with more about one. None: they are looked for (`bullmq`, `sidekiq` and `rq` only).
    #[serde(default)]
    pub queues: Vec<QueueEntry>,
    /// The workload that works them, where a queue says no other: `deployment/cortex/cortex-worker`.
    #[serde(default)]
    pub workload: Option<String>,
    /// Take this BullMQ layout (3 to 6) for queues that do not say theirs.
    #[serde(default)]
    pub layout: Option<u8>,
    /// Look for at most this many queues; 500 when nothing is said.
    #[serde(default)]
    pub most: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueKind {
    #[default]
    Bullmq,
    List,
    Zset,
    Stream,
    Sidekiq,
    Celery,
    Rq,
    Promql,
}

/// One queue: a name alone, or a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueEntry {
    pub name: String,
    pub workload: Option<String>,
    /// The key, when it is not the name: LIST, ZSET, STREAM.
    pub key: Option<String>,
    /// A list or sorted set of jobs in work.
    pub active: Option<String>,
    /// A list or sorted set of failed jobs.
    pub failed: Option<String>,
    /// Which end of a list is the oldest; the tail when nothing is said (LPUSH in, RPOP out).
    pub oldest: Oldest,
    /// Where in a job's JSON its time stands: `meta.enqueued_at`.
    pub time: Option<String>,
    /// What the score of a sorted set counts; milliseconds when nothing is said.
    pub score: ScoreUnit,
    /// The consumer group of a stream.
    pub group: Option<String>,
    /// PromQL for the number of ready jobs (one sample), the oldest one's age in seconds, and the workers.
    pub ready: Option<String>,
    pub age: Option<String>,
    pub workers: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Oldest {
    Head,
    #[default]
    Tail,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoreUnit {
    #[default]
    Ms,
    S,
    /// The score is no time.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    workload: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    active: Option<String>,
    #[serde(default)]
    failed: Option<String>,
    #[serde(default)]
    oldest: Oldest,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    score: ScoreUnit,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    ready: Option<String>,
    #[serde(default)]
    age: Option<String>,
    #[serde(default)]
    workers: Option<String>,
}

impl<'de> Deserialize<'de> for QueueEntry {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct NameOrTable;
        impl<'de> Visitor<'de> for NameOrTable {
            type Value = QueueEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a queue's name, or a table with `name`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<QueueEntry, E> {
                Ok(QueueEntry {
                    name: name.to_owned(),
                    ..QueueEntry::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<QueueEntry, A::Error> {
                let e = Entry::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(QueueEntry {
                    name: e.name,
                    workload: e.workload,
                    key: e.key,
                    active: e.active,
                    failed: e.failed,
                    oldest: e.oldest,
                    time: e.time,
                    score: e.score,
                    group: e.group,
                    ready: e.ready,
                    age: e.age,
                    workers: e.workers,
                })
            }
        }
        from.deserialize_any(NameOrTable)
    }
}

impl QueueEntry {
    /// The key of its jobs.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.name)
    }
}

impl QueueSource {
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or("bull")
    }

    pub fn most(&self) -> usize {
        self.most.unwrap_or(500)
    }

    /// What is missing, with the key to add; `None` when the set is complete.
    pub fn problem(&self) -> Option<String> {
        let promql = self.kind == QueueKind::Promql;
        if promql && self.prometheus.is_none() {
            return Some("`kind = \"promql\"` needs `prometheus`, the name of a `[[platform.prometheus]]`".into());
        }
        if !promql && self.redis.is_none() {
            return Some("`redis` is missing: the name of the `[[platform.redis]]` on which the queues are".into());
        }
        if self.layout.is_some_and(|l| !(3..=6).contains(&l)) {
            return Some("`layout` is the major version of BullMQ: 3, 4, 5 or 6".into());
        }
        let found = matches!(self.kind, QueueKind::Bullmq | QueueKind::Sidekiq | QueueKind::Rq);
        if !found && self.queues.is_empty() {
            return Some("`queues` is empty, and queues of this kind cannot be looked for".into());
        }
        if self.kind == QueueKind::Stream && self.queues.iter().any(|q| q.group.is_none()) {
            return Some("each queue of `kind = \"stream\"` needs `group`, its consumer group".into());
        }
        if promql && self.queues.iter().any(|q| q.ready.is_none()) {
            return Some("each queue of `kind = \"promql\"` needs `ready`, the query for its depth".into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_names_or_tables() {
        let text =
            "name = 'q'\nredis = 'r'\nkind = 'list'\nqueues = ['a', { name = 'b', key = 'jobs:b', oldest = 'head' }]";
        let source: QueueSource = toml::from_str(text).unwrap();
        assert_eq!((source.queues[0].key(), source.queues[1].key()), ("a", "jobs:b"));
        assert_eq!(source.queues[1].oldest, Oldest::Head);
        assert_eq!(source.problem(), None);
        let e = toml::from_str::<QueueSource>("name = 'q'\nqueues = [{ name = 'b', kye = 'x' }]").unwrap_err();
        assert!(e.message().contains("unknown field `kye`"), "{e}");
        for text in [
            "name = 'q'",
            "name = 'q'\nredis = 'r'\nkind = 'celery'",
            "name = 'q'\nredis = 'r'\nlayout = 7",
        ] {
            assert!(toml::from_str::<QueueSource>(text).unwrap().problem().is_some());
        }
    }
}
