//! HTTP checks: one GET a round; three tries that are not good make an endpoint down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header;
use jiff::Timestamp;

use super::http::{HttpServer, words};
use super::prometheus::Reached;
use super::{Inbox, SourceContext};
use crate::config::HttpSource;
use crate::model::{Freshness, HttpChecks, HttpReply, Problem, Seen, Source, SourceId, SourceKind};
use crate::text::clean;

/// After a bad try the next comes sooner: it is known within seconds whether it was a hiccup.
const AGAIN: Duration = Duration::from_secs(5);
/// An answer that takes longer is none.
const DEADLINE: Duration = Duration::from_secs(10);
/// Tries in the sparkline.
const HISTORY: usize = 60;

/// Checks for ever; stop it by dropping the future.
pub async fn run(source: HttpSource, mut context: SourceContext, inbox: Inbox) {
    let id = SourceId {
        kind: SourceKind::Http,
        name: source.name.as_str().into(),
    };
    let every = source.every();
    let mut check = Check::new(source, &context);
    let mut reach = Reached::default();
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    loop {
        let outcome = check.once().await;
        let again = check.seen.failures > 0 && !check.seen.is_down();
        let pause = if again { AGAIN.min(every) } else { every };
        // An endpoint that is down is a finding about it; only what keeps us from asking is trouble of the source.
        inbox.reach(id.clone(), reach.state(outcome, Timestamp::now(), pause));
        inbox.source(id.clone(), Source::Http(Arc::new(check.seen.clone())));
        context.rest(pause, pause).await;
    }
}

/// One endpoint, and what was seen of it.
pub struct Check {
    source: HttpSource,
    server: HttpServer,
    pub seen: HttpChecks,
}

impl Check {
    pub fn new(source: HttpSource, context: &SourceContext) -> Self {
        Self {
            server: HttpServer::new(source.endpoint(), context),
            seen: HttpChecks {
                url: clean(without_query(&source.url)).into(),
                want: source.status,
                limit: source.limit(),
                ..HttpChecks::default()
            },
            source,
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// It could not be asked at all: no way, no credentials, no URL.
    pub async fn once(&mut self) -> Result<(), Problem> {
        let client = self
            .server
            .client()
            .await
            .inspect_err(|problem| self.seen.reply.failed(problem.clone()))?;
        let started = Instant::now();
        // The whole answer: a server that sends its head and hangs is not well.
        let answer = async {
            let answer = client.get(&self.source.url).send().await.map_err(|e| words(&e))?;
            let status = answer.status().as_u16();
            let location = answer.headers().get(header::LOCATION).and_then(|l| l.to_str().ok());
            let location = clean(without_query(location.unwrap_or_default())).into_owned();
            super::http::body(answer, 4 * 1024 * 1024).await?;
            Ok((status, location))
        };
        let answer: Result<(u16, String), Problem> = match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => {
                let why = self.server.trouble().unwrap_or(why);
                Err(Problem::Failed(why.into()))
            }
            Err(_) => Err(Problem::TimedOut(
                format!("no answer within {} s", DEADLINE.as_secs()).into(),
            )),
        };
        let (took, now) = (started.elapsed(), Timestamp::now());
        let seen = &mut self.seen;
        let mut history: Vec<f32> = seen.history.to_vec();
        history.push(if answer.is_ok() {
            took.as_secs_f32() * 1000.0
        } else {
            f32::NAN
        });
        let skip = history.len().saturating_sub(HISTORY);
        seen.history = history.into_iter().skip(skip).collect();
        let good = matches!(&answer, Ok((status, _)) if seen.good(*status));
        if matches!(&answer, Ok((401 | 403, _))) {
            self.server.refused();
        }
        let seen = &mut self.seen;
        if good {
            (seen.failures, seen.bad_since) = (0, None);
        } else {
            seen.failures = seen.failures.saturating_add(1);
            seen.bad_since.get_or_insert(now);
        }
        if good && took > seen.limit {
            seen.slow = seen.slow.saturating_add(1);
            seen.slow_since.get_or_insert(now);
        } else {
            (seen.slow, seen.slow_since) = (0, None);
        }
        match answer {
            Ok((status, location)) => {
                let location = if (300..400).contains(&status) {
                    location.into()
                } else {
                    "".into()
                };
                seen.reply = Seen::read(HttpReply { status, took, location }, now);
            }
            Err(problem) => seen.reply.failed(problem),
        }
        Ok(())
    }
}

/// A token may stand in the query; a password before the host.
fn without_query(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}
