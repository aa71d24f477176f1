//! The demonstration's Prometheus and Alertmanager: their HTTP APIs on loopback, over a world that moves.
//!
//! It answers the console's queries by the id in their comment, and the queries that the runbooks of the platforms type;
//! anything else gets a Prometheus error that says so.

mod alertmanager;
mod charts;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::alertmanager::Silences;
use self::world::Measures;
use super::kube::Store;

/// Points of one answer: as a real server refuses more.
const MOST_POINTS: i64 = 11_000;

/// A running Prometheus with its Alertmanager. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    task: JoinHandle<()>,
    changes: Arc<AtomicU64>,
}

struct Shared {
    measures: Measures,
    silences: Mutex<Silences>,
    changes: Arc<AtomicU64>,
}

impl Prometheus {
    /// Starts it over what is in the store. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port.
    pub async fn start(store: Store) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let changes = Arc::<AtomicU64>::default();
        let shared = Arc::new(Shared {
            measures: Measures::new(store),
            silences: Mutex::default(),
            changes: Arc::clone(&changes),
        });
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let shared = shared.clone();
                            let service = service_fn(move |request| {
                                let shared = shared.clone();
                                async move { Ok::<_, std::convert::Infallible>(answer(&shared, request).await) }
                            });
                            connections.spawn(async move {
                                // A connection that ends badly is the client's doing.
                                let _ended = hyper::server::conn::http1::Builder::new()
                                    .serve_connection(TokioIo::new(stream), service)
                                    .await;
                            });
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, task, changes })
    }

    /// `http://127.0.0.1:PORT`: both APIs.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far to change something, whatever became of them.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer = Response<Full<Bytes>>;

pub(crate) fn reply(code: u16, value: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

fn data(value: Value) -> Answer {
    reply(200, &json!({"status": "success", "data": value}))
}

fn refuse(code: u16, kind: &str, why: &str) -> Answer {
    reply(code, &json!({"status": "error", "errorType": kind, "error": why}))
}

/// `a=b&c=d` of a query or a form.
fn fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (unescape(k), unescape(v)))
        .collect()
}

fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                if let (Some(high), Some(low)) = (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                    out.push((high * 16 + low) as u8);
                    bytes = ahead;
                } else {
                    out.push(b);
                }
            }
            b => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, 1 << 20)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        return refuse(413, "bad_data", "the body is too long");
    };
    let path = parts.uri.path().to_owned();
    let mut all = fields(parts.uri.query().unwrap_or_default());
    let form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if form {
        all.extend(fields(&String::from_utf8_lossy(&body)));
    }
    let field = |name: &str| all.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    let now = shared.measures.now();
    if let Some(rest) = path.strip_prefix("/api/v2/") {
        let changing = u64::from(parts.method != Method::GET);
        shared.changes.fetch_add(changing, Ordering::SeqCst);
        let alerts = shared.measures.alerts();
        let mut silences = shared.silences.lock().unwrap_or_else(PoisonError::into_inner);
        return silences.answer(&parts.method, rest, &body, &alerts, now);
    }
    match (&parts.method, path.as_str()) {
        (&Method::GET, "/-/healthy") => Response::new(Full::new(Bytes::from("Prometheus Server is Healthy.\n"))),
        (&Method::GET, "/-/ready") => Response::new(Full::new(Bytes::from("Prometheus Server is Ready.\n"))),
        (&Method::GET | &Method::POST, "/api/v1/query") => query(shared, field("query"), field("time"), now),
        (&Method::GET | &Method::POST, "/api/v1/query_range") => {
            range(shared, field("query"), [field("start"), field("end"), field("step")])
        }
        (&Method::GET, "/api/v1/rules") => data(rules(shared, now)),
        (&Method::GET, "/api/v1/alerts") => {
            let alerts: Vec<Value> = shared.measures.alerts().iter().map(|a| a.of_prometheus(now)).collect();
            data(json!({"alerts": alerts}))
        }
        (&Method::GET, "/api/v1/status/buildinfo") => {
            data(json!({"version": "3.6.0", "revision": "demo", "branch": "HEAD",
            "buildUser": "demo", "buildDate": "20260901-00:00:00", "goVersion": "go1.25.0"}))
        }
        (&Method::GET, "/api/v1/label/__name__/values") => data(json!(world::NAMES)),
        _ => refuse(
            404,
            "not_found",
            "the demonstration's Prometheus does not serve this path",
        ),
    }
}

/// Seconds since 1970, or RFC 3339.
fn moment(text: Option<&str>, default: Timestamp) -> Option<Timestamp> {
    let Some(text) = text else { return Some(default) };
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    }
    text.parse().ok()
}

fn unknown(text: &str) -> Answer {
    let text: String = text.chars().take(200).collect();
    refuse(
        422,
        "execution",
        &format!(
            "the demonstration's Prometheus knows the console's queries and those of the runbooks, and not: {text}"
        ),
    )
}

fn query(shared: &Shared, text: Option<&str>, time: Option<&str>, now: Timestamp) -> Answer {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else {
        return refuse(
            400,
            "bad_data",
            "invalid parameter \"query\": no expression found in input",
        );
    };
    let Some(at) = moment(time, now) else {
        return refuse(400, "bad_data", "invalid parameter \"time\"");
    };
    let Some(series) = shared.measures.evaluate(text, at) else {
        return unknown(text);
    };
    let result: Vec<Value> = series
        .into_iter()
        .map(|(labels, value)| json!({"metric": labels, "value": [at.as_millisecond() as f64 / 1000.0, number(value)]}))
        .collect();
    data(json!({"resultType": "vector", "result": result}))
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

fn range(shared: &Shared, text: Option<&str>, [start, end, step]: [Option<&str>; 3]) -> Answer {
    let now = shared.measures.now();
    let step = step
        .and_then(|s| s.trim_end_matches('s').parse::<f64>().ok())
        .unwrap_or(0.0) as i64;
    let (Some(text), Some(start), Some(end)) = (text, moment(start, now), moment(end, now)) else {
        return refuse(400, "bad_data", "invalid parameter");
    };
    if step <= 0 || end < start {
        return refuse(
            400,
            "bad_data",
            "zero or negative query resolution step widths are not accepted",
        );
    }
    if (end.as_second() - start.as_second()) / step > MOST_POINTS {
        return refuse(
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries",
        );
    }
    let mut all: Vec<(Value, Vec<Value>)> = Vec::new();
    let mut at = start;
    while at <= end {
        let Some(series) = shared.measures.evaluate(text, at) else {
            return unknown(text);
        };
        for (labels, value) in series {
            let point = json!([at.as_second(), number(value)]);
            match all.iter_mut().find(|(l, _)| *l == labels) {
                Some((_, points)) => points.push(point),
                None => all.push((labels, vec![point])),
            }
        }
        let Ok(next) = at.checked_add(jiff::SignedDuration::from_secs(step)) else {
            break;
        };
        at = next;
    }
    let result: Vec<Value> = all
        .into_iter()
        .map(|(labels, values)| json!({"metric": labels, "values": values}))
        .collect();
    data(json!({"resultType": "matrix", "result": result}))
}

fn rules(shared: &Shared, now: Timestamp) -> Value {
    let firing = shared.measures.alerts();
    let rules: Vec<Value> = world::RULES
        .iter()
        .map(|rule| {
            let alerts: Vec<Value> = firing.iter().filter(|a| a.name == rule.name).map(|a| a.of_prometheus(now)).collect();
            json!({"type": "alerting", "name": rule.name, "query": rule.query, "duration": 60, "keepFiringFor": 0,
                "labels": {"severity": rule.severity}, "annotations": {"summary": rule.summary, "runbook_url": rule.runbook},
                "alerts": alerts, "health": "ok", "state": if alerts.is_empty() { "inactive" } else { "firing" },
                "evaluationTime": 0.001, "lastEvaluation": now})
        })
        .collect();
    json!({"groups": [{"name": "cortex", "file": "/etc/prometheus/rules/cortex.yml", "interval": 15, "limit": 0,
        "rules": rules, "evaluationTime": 0.002, "lastEvaluation": now}]})
}
