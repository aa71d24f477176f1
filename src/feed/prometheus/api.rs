//! One question to Prometheus: sent by POST, with a deadline on both sides, its warnings kept.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_http_query::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::feed::http::words;
use crate::model::{Problem, Str};

/// The server stops here …
const SERVER: Duration = Duration::from_secs(5);
/// … and we a little later: then it is the network.
const OURS: Duration = Duration::from_secs(7);
/// No answer to our questions is larger.
const MAX: usize = 16 * 1024 * 1024;

/// One series with its last value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// One series with its values in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub labels: BTreeMap<String, String>,
    /// Seconds since 1970, and the value.
    pub points: Vec<(f64, f64)>,
}

/// An answer, and what the server said beside it.
#[derive(Clone, Debug, Default)]
pub struct Said<T> {
    pub value: T,
    pub warnings: Vec<Str>,
}

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 401 or 403.
    Refused(Str),
    /// The whole server: no connection, no answer, a proxy's error.
    Server(Problem),
    /// This question alone: bad PromQL, too expensive.
    Question(Problem),
}

impl Trouble {
    pub fn problem(self) -> Problem {
        match self {
            Self::Refused(why) => Problem::Denied {
                what: why,
                grant: "`auth` of the source: a token or password that this server takes".into(),
            },
            Self::Server(p) | Self::Question(p) => p,
        }
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Instant>),
    Matrix(Vec<Range>),
    Scalar((f64, String)),
    /// Some text: of no use here.
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Instant {
    metric: BTreeMap<String, String>,
    /// Absent from a native histogram, which has `histogram` instead.
    value: Option<(f64, String)>,
}

#[derive(Deserialize)]
struct Range {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// Prometheus writes `NaN`, `+Inf`, `-Inf`.
fn value(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// An instant question. What is not a number is left out: it stands for "nothing to divide by".
pub async fn instant(client: &Client, text: &str) -> Result<Said<Vec<Sample>>, Trouble> {
    let answer = client.query(text).timeout(SERVER.as_millis() as i64).post_raw();
    let said = answered::<Data>(answer).await?;
    let samples = match said.value {
        Data::Vector(all) => all
            .into_iter()
            .filter_map(|i| {
                Some(Sample {
                    labels: i.metric,
                    value: value(&i.value?.1),
                })
            })
            .collect(),
        Data::Scalar((_, v)) => vec![Sample {
            labels: BTreeMap::new(),
            value: value(&v),
        }],
        Data::Matrix(_) | Data::String(_) => {
            let why = "the query gives no single values: take the range `[…]` away";
            return Err(Trouble::Question(Problem::Failed(why.into())));
        }
    };
    Ok(Said {
        value: samples.into_iter().filter(|s: &Sample| !s.value.is_nan()).collect(),
        warnings: said.warnings,
    })
}

/// A question over time.
pub async fn range(client: &Client, text: &str, from: i64, to: i64, step: i64) -> Result<Said<Vec<Line>>, Trouble> {
    let answer = client
        .query_range(text, from, to, step as f64)
        .timeout(SERVER.as_millis() as i64)
        .post_raw();
    let said = answered::<Data>(answer).await?;
    let Data::Matrix(all) = said.value else {
        return Err(Trouble::Question(Problem::Failed("the query gives no series".into())));
    };
    let lines = all.into_iter().map(|r| Line {
        labels: r.metric,
        points: r.values.into_iter().map(|(at, v)| (at, value(&v))).collect(),
    });
    Ok(Said {
        value: lines.collect(),
        warnings: said.warnings,
    })
}

/// The alerting rules with what fires.
pub async fn rules(client: &Client) -> Result<Said<Rules>, Trouble> {
    let answer = client.rules().kind(prometheus_http_query::RuleKind::Alerting).get_raw();
    answered(answer).await
}

#[derive(Debug, Default, Deserialize)]
pub struct Rules {
    #[serde(default)]
    pub groups: Vec<Group>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Group {
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub name: String,
    pub alerts: Vec<RuleAlert>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuleAlert {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub state: String,
    pub active_at: Option<jiff::Timestamp>,
}

async fn answered<T: DeserializeOwned>(
    answer: impl Future<Output = Result<reqwest::Response, prometheus_http_query::Error>>,
) -> Result<Said<T>, Trouble> {
    let whole = async {
        let answer = answer
            .await
            .map_err(|e| Trouble::Server(Problem::Failed(of_crate(&e).into())))?;
        let status = answer.status();
        let location = answer.headers().get(http::header::LOCATION).cloned();
        let body = crate::feed::http::body(answer, MAX)
            .await
            .map_err(|why| Trouble::Server(Problem::Failed(why.into())))?;
        Ok((status, location, body))
    };
    let (status, location, body) = tokio::time::timeout(OURS, whole).await.unwrap_or_else(|_| {
        Err(Trouble::Server(Problem::TimedOut(
            format!("no answer within {} s", OURS.as_secs()).into(),
        )))
    })?;
    let envelope: Option<Envelope<T>> = serde_json::from_slice(&body).ok();
    if let Some(e) = &envelope
        && !e.error_type.is_empty()
    {
        let why: Str = crate::text::clean(&e.error)
            .chars()
            .take(300)
            .collect::<String>()
            .into();
        return Err(match e.error_type.as_str() {
            "timeout" | "canceled" => Trouble::Question(Problem::TimedOut(why)),
            "unavailable" | "internal" => Trouble::Server(Problem::Failed(why)),
            _ => Trouble::Question(Problem::Failed(why)),
        });
    }
    match (
        status.as_u16(),
        envelope.and_then(|e| Some((e.data?, e.warnings, e.infos))),
    ) {
        (200..=299, Some((value, warnings, infos))) => Ok(Said {
            value,
            warnings: warnings
                .into_iter()
                .chain(infos)
                .map(|w| crate::text::clean(&w).into())
                .collect(),
        }),
        (401 | 403, _) => Err(Trouble::Refused(
            format!("the server refuses the credentials ({})", status.as_u16()).into(),
        )),
        (300..=399, _) => {
            let to = location.as_ref().and_then(|l| l.to_str().ok()).unwrap_or("elsewhere");
            let why = format!("the server redirects to {to}: put that in `url`, or sign in by `auth`");
            Err(Trouble::Server(Problem::Failed(crate::text::clean(&why).into())))
        }
        (404, _) => Err(Trouble::Server(Problem::Failed(
            "no Prometheus API at this URL (404): its path may have a prefix".into(),
        ))),
        (code, _) => Err(Trouble::Server(Problem::Failed(
            format!("the server answered {code} and nothing that Prometheus says").into(),
        ))),
    }
}

fn of_crate(error: &prometheus_http_query::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if let Some(e) = e.downcast_ref::<reqwest::Error>() {
            return words(e);
        }
        cause = e.source();
    }
    "the request could not be sent".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_prometheus_writes_them() {
        assert!(value("NaN").is_nan());
        assert!(value("+Inf").is_infinite() && value("+Inf") > 0.0);
        assert!((value("1.5e-3") - 0.0015).abs() < f64::EPSILON);
    }
}
