//! A value over time for a chart: one question when somebody opens it, and again while it stays open.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus_http_query::Client;
use tokio::sync::Mutex;

use super::api::{self, Line, Said, Trouble};
use super::chart_queries::{CHARTS, fill};
use super::queries::{ALL, Query, Texts};
use crate::config::PrometheusSource;
use crate::feed::SourceContext;
use crate::feed::http::HttpServer;
use crate::model::{Found, Pick, Points, Problem, RangeAnswer, RangeAsk, Str};
use crate::text::clean;

/// Points of one answer: a real server refuses more than 11,000.
const MOST: i64 = 2_000;
/// Series of one answer that are looked at.
const SERIES: usize = 500;

/// Asks one Prometheus for values over time. Cheap to clone; all clones share one client.
#[derive(Clone)]
pub struct Ranges {
    source: Arc<PrometheusSource>,
    server: Arc<Mutex<HttpServer>>,
}

impl std::fmt::Debug for Ranges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ranges").field(&self.source.name).finish()
    }
}

impl Ranges {
    /// `None`: the source has an Alertmanager only.
    pub fn new(source: &PrometheusSource, context: &SourceContext) -> Option<Self> {
        let server = HttpServer::new(source.endpoint()?, context);
        Some(Self {
            source: Arc::new(source.clone()),
            server: Arc::new(Mutex::new(server)),
        })
    }

    /// What the configuration calls it.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// Asks once. Whatever comes back is an answer: a chart says it.
    pub async fn ask(&self, ask: &RangeAsk) -> RangeAnswer {
        let text = self.text(ask.id, ask);
        let answer = |query: &str, found: Found| RangeAnswer {
            source: self.source.name.as_str().into(),
            query: readable(query),
            found,
        };
        let Some(text) = text else {
            return answer("", Found::NotAsked);
        };
        let lines = match self.lines(&text, ask).await {
            Ok(said) => said,
            Err(problem) => return answer(&text, Found::Failed(problem.words().to_owned())),
        };
        let points = self.picked(&lines.value, ask, 1.0 / self.budget(ask));
        if points.is_empty() {
            let needs = built_in(ask.id).map_or("", |q| q.needs);
            return answer(&text, Found::NoSeries { needs: needs.into() });
        }
        // What it is held against is no more than a line: without it the chart still stands.
        let bound = match ask.bound.and_then(|id| self.text(id, ask)) {
            Some(text) => match self.lines(&text, ask).await {
                Ok(said) => self.picked(&said.value, ask, 1.0),
                Err(_) => Points::new(),
            },
            None => Points::new(),
        };
        let found = Found::Series {
            points,
            bound,
            warnings: lines.warnings,
        };
        answer(&text, found)
    }

    /// What is sent for a query; `None`: it is not one that can be asked here.
    fn text(&self, id: &'static str, ask: &RangeAsk) -> Option<String> {
        let about = |name: &str| ask.about.iter().find(|(k, _)| *k == name).map(|(_, v)| &**v);
        if id == "slo.errors" {
            let slo = self.source.slo.iter().find(|s| Some(s.name.as_str()) == about("slo"))?;
            return Texts::new(&self.source).slo_errors(slo, about("window").unwrap_or("1h"));
        }
        let own = self.source.queries.get(id).map(String::as_str);
        let text = own.or_else(|| built_in(id).map(|q| q.text).filter(|t| !t.is_empty()))?;
        let about: Vec<(&str, String)> = ask.about.iter().map(|(k, v)| (*k, v.to_string())).collect();
        Some(format!("# qd:{id}\n{}", fill(&self.source, text, &about, ask.step)))
    }

    /// The share of bad requests that an objective allows: its chart shows how often over that it is.
    fn budget(&self, ask: &RangeAsk) -> f64 {
        let name = ask.about.iter().find(|(k, _)| *k == "slo").map(|(_, v)| &**v);
        let slo = self.source.slo.iter().find(|s| Some(s.name.as_str()) == name);
        slo.filter(|_| ask.id == "slo.errors")
            .map_or(1.0, |s| (1.0 - s.target / 100.0).max(1e-9))
    }

    async fn lines(&self, text: &str, ask: &RangeAsk) -> Result<Said<Vec<Line>>, Problem> {
        let step = ask.step.max(ask.seconds / MOST).max(1);
        let client = {
            let mut server = self.server.lock().await;
            let http = server.client().await?;
            Client::from(http, server.url()).map_err(|e| Problem::Failed(e.to_string().as_str().into()))?
        };
        let answer = api::range(&client, text, ask.to - ask.seconds, ask.to, step).await;
        match answer {
            Ok(said) => Ok(said),
            Err(trouble) => {
                let mut server = self.server.lock().await;
                if matches!(trouble, Trouble::Refused(_)) {
                    server.refused();
                }
                Err(super::through(trouble, server.trouble().as_deref()))
            }
        }
    }

    /// The series that is meant, as points; of several the highest at each moment.
    fn picked(&self, lines: &[Line], ask: &RangeAsk, scale: f64) -> Points {
        let by = self.source.by.as_deref().unwrap_or("job");
        let is = |line: &Line, label: &str, value: &Str| line.labels.get(label).is_some_and(|v| clean(v) == **value);
        let fits = |line: &&Line| match &ask.pick {
            Pick::Highest => true,
            Pick::Service(name) => is(line, by, name) || lines.len() == 1 && line.labels.is_empty(),
            Pick::Instance(name) => is(line, "instance", name),
        };
        let mut all: BTreeMap<i64, f64> = BTreeMap::new();
        let points = lines.iter().filter(fits).take(SERIES).flat_map(|l| &l.points);
        for (at, value) in points.filter(|(_, v)| v.is_finite()) {
            let value = value * scale;
            all.entry(at.round() as i64)
                .and_modify(|most| *most = most.max(value))
                .or_insert(value);
        }
        all.into_iter().collect()
    }
}

/// As a person would write it: without its id, in one line.
fn readable(query: &str) -> String {
    let lines: Vec<&str> = query.lines().skip(1).map(str::trim).collect();
    lines.join(" ").replace(",}", "}")
}

fn built_in(id: &str) -> Option<&'static Query> {
    CHARTS.iter().chain(ALL).find(|q| q.id == id)
}

/// Asks the sources in turn until one has such a series. The answer of the first that had more to say than "not here"
/// stands otherwise.
pub async fn ask(sources: &[Ranges], ask: &RangeAsk) -> Option<RangeAnswer> {
    let mut first: Option<RangeAnswer> = None;
    for source in sources
        .iter()
        .filter(|s| ask.source.as_deref().is_none_or(|n| n == s.name()))
    {
        let answer = source.ask(ask).await;
        if matches!(answer.found, Found::Series { .. }) {
            return Some(answer);
        }
        if first.as_ref().is_none_or(|a| a.found == Found::NotAsked) {
            first = Some(answer);
        }
    }
    first
}
