//! Queues that any PromQL counts: SQS, Kafka, NATS, …

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::inquiry::Reading;
use crate::config::QueueEntry;
use crate::model::{Problem, QueueCounts, QueueSystem};

/// One Prometheus, as far as queues need it.
pub trait Prom: Send + Sync {
    /// The values of an instant query, a sample each. No sample at all is an empty list, never a zero.
    fn samples<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<f64>, Problem>>;
}

async fn one(prom: &dyn Prom, query: &str) -> Result<f64, Problem> {
    match prom.samples(query).await?.as_slice() {
        [value] if value.is_finite() => Ok(*value),
        [] | [_] => Err(Problem::Absent {
            what: format!("no series for {query}").as_str().into(),
            how: "another query, or the exporter that should give it".into(),
        }),
        many => Err(Problem::Absent {
            what: format!("{} series for {query}", many.len()).as_str().into(),
            how: "a query that gives one: sum(…), max(…)".into(),
        }),
    }
}

/// Asks for one queue.
pub(super) async fn reading(prom: &dyn Prom, entry: &QueueEntry, now: Timestamp) -> Reading {
    let mut reading = Reading {
        system: QueueSystem::Prometheus,
        ..Reading::default()
    };
    let ready = match one(prom, entry.ready.as_deref().unwrap_or_default()).await {
        Ok(ready) => ready,
        Err(problem) => {
            reading.problem = Some(problem);
            return reading;
        }
    };
    let mut counts = QueueCounts {
        ready: ready.max(0.0) as u64,
        ..QueueCounts::default()
    };
    if let Some(query) = &entry.age {
        match one(prom, query).await {
            Ok(s) => {
                counts.oldest = now
                    .checked_sub(SignedDuration::from_secs(s.clamp(0.0, 1e9) as i64))
                    .ok();
            }
            Err(problem) => reading.missing.push(("oldest", problem)),
        }
    }
    if let Some(query) = &entry.workers {
        match one(prom, query).await {
            Ok(n) => counts.workers = Some(n.max(0.0) as u64),
            Err(problem) => reading.missing.push(("workers", problem)),
        }
    }
    reading.counts = Some(counts);
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Prom for Fixed {
        fn samples<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<f64>, Problem>> {
            Box::pin(async move {
                Ok(match query {
                    "depth" => vec![12.0],
                    "age" => vec![60.0],
                    "two" => vec![1.0, 2.0],
                    _ => vec![],
                })
            })
        }
    }

    #[tokio::test]
    async fn a_query_without_a_series_is_absent_and_never_zero() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let entry = |ready: &str| QueueEntry {
            name: "q".into(),
            ready: Some(ready.into()),
            age: Some("age".into()),
            workers: Some("none".into()),
            ..QueueEntry::default()
        };
        let r = reading(&Fixed, &entry("depth"), now).await;
        let counts = r.counts.unwrap();
        assert_eq!((counts.ready, counts.workers), (12, None));
        assert_eq!(counts.oldest, Some(now - SignedDuration::from_secs(60)));
        assert_eq!(r.missing.len(), 1);
        for query in ["none", "two"] {
            let r = reading(&Fixed, &entry(query), now).await;
            assert!(matches!(r.problem, Some(Problem::Absent { .. })));
        }
    }
}
