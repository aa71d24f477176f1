//! The Alertmanager: alerts with their silences, and silences that are made and expired.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::world::Firing;
use super::{Answer, reply};
use crate::sim::world::json::set;

/// The silences by id.
#[derive(Default)]
pub struct Silences {
    all: BTreeMap<String, Value>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    text(value, key).parse().ok()
}

impl Silences {
    pub fn answer(&mut self, method: &Method, path: &str, body: &[u8], alerts: &[Firing], now: Timestamp) -> Answer {
        let words: Vec<&str> = path.split('/').collect();
        match (method, words.as_slice()) {
            (&Method::GET, ["status"]) => reply(
                200,
                &json!({"versionInfo": {"version": "0.28.1"}, "uptime": now,
                "cluster": {"status": "disabled", "peers": []}, "config": {"original": ""}}),
            ),
            (&Method::GET, ["alerts"]) => {
                let all: Vec<Value> = alerts.iter().map(|a| self.alert(a, now)).collect();
                reply(200, &json!(all))
            }
            (&Method::GET, ["silences"]) => {
                let all: Vec<Value> = self.all.values().map(|s| shown(s, now)).collect();
                reply(200, &json!(all))
            }
            (&Method::GET, ["silence", id]) => match self.all.get(*id) {
                Some(silence) => reply(200, &shown(silence, now)),
                None => reply(404, &json!("silence not found")),
            },
            (&Method::POST, ["silences"]) => self.make(body, now),
            (&Method::DELETE, ["silence", id]) => match self.all.get_mut(*id) {
                Some(silence) => {
                    set(silence, "/endsAt", json!(now));
                    reply(200, &Value::Null)
                }
                None => reply(404, &json!("silence not found")),
            },
            _ => reply(
                404,
                &json!({"code": 404, "message": format!("path /api/v2/{path} was not found")}),
            ),
        }
    }

    fn make(&mut self, body: &[u8], now: Timestamp) -> Answer {
        let Ok(mut silence) = serde_json::from_slice::<Value>(body) else {
            return reply(400, &json!("parsing silence body failed"));
        };
        let matchers = silence.get("matchers").and_then(Value::as_array).map_or(0, Vec::len);
        let (Some(from), Some(to)) = (time(&silence, "startsAt"), time(&silence, "endsAt")) else {
            return reply(400, &json!("startsAt and endsAt are needed"));
        };
        if matchers == 0 || to <= from || to <= now || text(&silence, "createdBy").is_empty() {
            return reply(
                400,
                &json!("invalid silence: it needs matchers, an end in the future, and an author"),
            );
        }
        if from < now {
            set(&mut silence, "/startsAt", json!(now));
        }
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            fastrand::u32(..),
            fastrand::u16(..),
            fastrand::u16(..4096),
            fastrand::u16(..4096),
            fastrand::u64(..1 << 48)
        );
        set(&mut silence, "/id", json!(id));
        set(&mut silence, "/updatedAt", json!(now));
        self.all.insert(id.clone(), silence);
        reply(200, &json!({"silenceID": id}))
    }

    fn alert(&self, alert: &Firing, now: Timestamp) -> Value {
        let by: Vec<&String> = self
            .all
            .iter()
            .filter(|(_, s)| state(s, now) == "active" && covers(s, &alert.labels))
            .map(|(id, _)| id)
            .collect();
        let state = if by.is_empty() { "active" } else { "suppressed" };
        let print = Sha256::digest(alert.labels.to_string());
        let print = print
            .iter()
            .take(8)
            .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        let print = format!("{print:016x}");
        json!({"labels": alert.labels, "annotations": alert.annotations, "fingerprint": print, "startsAt": alert.since,
            "endsAt": now + jiff::SignedDuration::from_mins(4), "updatedAt": now, "receivers": [{"name": "on-call"}],
            "generatorURL": "", "status": {"state": state, "silencedBy": by, "inhibitedBy": [], "mutedBy": []}})
    }
}

fn state(silence: &Value, now: Timestamp) -> &'static str {
    if time(silence, "endsAt").is_none_or(|t| t <= now) {
        "expired"
    } else if time(silence, "startsAt").is_some_and(|t| t > now) {
        "pending"
    } else {
        "active"
    }
}

fn shown(silence: &Value, now: Timestamp) -> Value {
    let mut silence = silence.clone();
    let state = state(&silence, now);
    set(&mut silence, "/status", json!({ "state": state }));
    silence
}

/// Equality only: a regular expression matches when it is the value.
fn covers(silence: &Value, labels: &Value) -> bool {
    let matchers = silence.get("matchers").and_then(Value::as_array);
    matchers.into_iter().flatten().all(|m| {
        let same = text(labels, text(m, "name")) == text(m, "value");
        same == m.get("isEqual").and_then(Value::as_bool).unwrap_or(true)
    })
}
