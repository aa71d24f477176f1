//! Prometheus and its Alertmanager: polled, each view on its own, so that one bad query blanks one view.

pub mod alertmanager;
mod api;
mod asker;
mod chart;
mod chart_queries;
mod queries;
mod views;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_http_query::Client;

use self::alertmanager::Alertmanager;
pub use self::api::Trouble;
pub use self::asker::Asker;
pub use self::chart::{Ranges, ask as ask_range};
pub use self::chart_queries::CHARTS;
pub use self::queries::{ALL as QUERIES, Query, Texts};
use super::http::HttpServer;
use super::{Inbox, Pace, SourceContext};
use crate::config::PrometheusSource;
use crate::model::{Freshness, Problem, Prometheus, Seen, Source, SourceId, SourceKind, Str};

/// How often it is asked. Rules are evaluated every 15 to 60 s: faster shows nothing new.
const SLOW: Duration = Duration::from_secs(30);
const FAST: Duration = Duration::from_secs(10);
/// The longest pause after failures.
const LONGEST: Duration = Duration::from_secs(120);

/// Polls for ever; stop it by dropping the future.
pub async fn run(source: PrometheusSource, mut context: SourceContext, inbox: Inbox) {
    let id = SourceId {
        kind: SourceKind::Prometheus,
        name: source.name.as_str().into(),
    };
    let mut poll = Poll::new(source, &context);
    let mut shown = None;
    let mut reach = Reached::default();
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    loop {
        let pace = *context.pace.borrow();
        let outcome = poll.round(pace).await;
        let now = Timestamp::now();
        let (slow, fast) = reach.pauses(outcome.is_err(), SLOW, FAST, LONGEST);
        inbox.reach(id.clone(), reach.state(outcome, now, slow));
        if shown.as_ref() != Some(&poll.seen) {
            let seen = Arc::new(poll.seen.clone());
            inbox.source(id.clone(), Source::Prometheus(seen));
            shown = Some(poll.seen.clone());
        }
        context.rest(slow, fast).await;
    }
}

/// How an action reaches an Alertmanager. Cheap to clone; all clones share one client.
#[derive(Clone)]
pub struct AlertmanagerWay {
    url: Str,
    server: Arc<tokio::sync::Mutex<HttpServer>>,
}

impl std::fmt::Debug for AlertmanagerWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AlertmanagerWay").field(&self.url).finish()
    }
}

impl AlertmanagerWay {
    pub fn new(endpoint: crate::config::Endpoint, context: &SourceContext) -> Self {
        let server = HttpServer::new(endpoint, context);
        Self {
            url: server.url().into(),
            server: Arc::new(tokio::sync::Mutex::new(server)),
        }
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that is let in.
    ///
    /// # Errors
    /// A credential or the way is missing.
    pub async fn client(&self) -> Result<reqwest::Client, Problem> {
        self.server.lock().await.client().await
    }
}

/// How well a source was reached so far: what becomes of its light.
#[derive(Default)]
pub(super) struct Reached {
    last: Option<Timestamp>,
    failures: u32,
}

impl Reached {
    /// The pauses after this round: longer with each failure in a row.
    pub fn pauses(&mut self, failed: bool, slow: Duration, fast: Duration, longest: Duration) -> (Duration, Duration) {
        if !failed {
            self.failures = 0;
            return (slow, fast);
        }
        self.failures = self.failures.saturating_add(1);
        let more = 1_u32 << self.failures.min(5).saturating_sub(1);
        (slow.max((fast * more).min(longest)), (fast * more).min(longest))
    }

    pub fn state(&mut self, outcome: Result<(), Problem>, now: Timestamp, pause: Duration) -> Freshness {
        let retry_at = now.checked_add(pause).unwrap_or(now);
        match outcome {
            Ok(()) => {
                self.last = Some(now);
                Freshness::Fresh
            }
            Err(Problem::Denied { what, grant }) if self.last.is_none() => Freshness::Forbidden {
                why: format!("{what}; {grant}").into(),
            },
            Err(Problem::Absent { what, .. }) if self.last.is_none() => Freshness::Absent { why: what },
            Err(problem) => {
                let why = problem.words().into();
                match self.last {
                    Some(since) => Freshness::Stale { since, why, retry_at },
                    None => Freshness::Failed { why, retry_at },
                }
            }
        }
    }
}

/// One Prometheus with its Alertmanager, and what was seen of them.
pub struct Poll {
    source: PrometheusSource,
    prometheus: Option<HttpServer>,
    alertmanager: Option<HttpServer>,
    pub seen: Prometheus,
}

impl Poll {
    pub fn new(source: PrometheusSource, context: &SourceContext) -> Self {
        Self {
            prometheus: source.endpoint().map(|e| HttpServer::new(e, context)),
            alertmanager: source.alertmanager.clone().map(|e| HttpServer::new(e, context)),
            source,
            seen: Prometheus::default(),
        }
    }

    /// Asks everything once.
    ///
    /// # Errors
    /// Why the source counts as not reached: Prometheus did not answer, or the Alertmanager where there is none.
    pub async fn round(&mut self, pace: Pace) -> Result<(), Problem> {
        let (metrics, alerts) = tokio::join!(
            metrics(&self.source, self.prometheus.as_mut(), &self.seen, pace),
            alerts(self.alertmanager.as_mut()),
        );
        let (mut seen, mut outcome) = match metrics {
            None => (self.seen.clone(), None),
            Some((seen, outcome)) => (seen, Some(outcome)),
        };
        if let Some((alerts, silences)) = alerts {
            let trouble = alerts.as_ref().err().cloned();
            put(&mut seen.alerts, alerts);
            put(&mut seen.silences, silences);
            outcome.get_or_insert(trouble.map_or(Ok(()), Err));
        } else {
            let problem = Problem::Absent {
                what: "no Alertmanager is configured: silences are not known".into(),
                how: "alertmanager = { url = \"…\" } in [[platform.prometheus]]".into(),
            };
            seen.silences.failed(problem);
        }
        self.seen = seen;
        outcome.unwrap_or_else(|| {
            Err(Problem::Failed(
                "neither `url` nor `alertmanager` is set: there is nothing to ask".into(),
            ))
        })
    }
}

type Read<T> = Result<T, Problem>;

/// What was read takes the place of what was read before; a value that did not change keeps its moment, so that
/// nothing is drawn again for the sake of a clock.
fn put<T: PartialEq>(seen: &mut Seen<T>, read: Read<T>) {
    match read {
        Ok(value) if seen.problem.is_none() && seen.last() == Some(&value) => {}
        Ok(value) => *seen = Seen::read(value, Timestamp::now()),
        Err(problem) => seen.failed(problem),
    }
}

async fn alerts(
    server: Option<&mut HttpServer>,
) -> Option<(Read<Vec<crate::model::Alert>>, Read<Vec<crate::model::Silence>>)> {
    let server = server?;
    let client = match server.client().await {
        Ok(client) => client,
        Err(problem) => return Some((Err(problem.clone()), Err(problem))),
    };
    let manager = Alertmanager {
        client: &client,
        url: server.url(),
    };
    let (alerts, silences) = tokio::join!(manager.alerts(), manager.silences());
    let refused = matches!(alerts, Err(Trouble::Refused(_)));
    if refused {
        server.refused();
    }
    let way = server.trouble();
    let alerts = alerts.map_err(|t| through(t, way.as_deref())).map(|mut all| {
        all.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        all
    });
    Some((alerts, silences.map_err(|t| through(t, way.as_deref()))))
}

/// Where the way through the API server failed, its words say more than "the connection was cut".
fn through(trouble: Trouble, way: Option<&str>) -> Problem {
    match (trouble, way) {
        (Trouble::Server(Problem::Failed(_)), Some(way)) => Problem::Failed(way.into()),
        (trouble, _) => trouble.problem(),
    }
}

async fn metrics(
    source: &PrometheusSource,
    server: Option<&mut HttpServer>,
    before: &Prometheus,
    pace: Pace,
) -> Option<(Prometheus, Result<(), Problem>)> {
    let server = server?;
    let mut seen = before.clone();
    let client = match server.client().await {
        Ok(client) => Client::from(client, server.url())
            .map_err(|_| Problem::Failed(format!("`{}` is no URL", source.url).into())),
        Err(problem) => Err(problem),
    };
    let outcome = match client {
        Ok(client) => views::read(source, &client, &mut seen, pace).await,
        Err(problem) => Err(Trouble::Server(problem)),
    };
    let outcome = outcome.map_err(|trouble| {
        if matches!(trouble, Trouble::Refused(_)) {
            server.refused();
        }
        let problem = through(trouble, server.trouble().as_deref());
        views::fail_all(&mut seen, &problem, source.alertmanager.is_none());
        problem
    });
    Some((seen, outcome))
}
