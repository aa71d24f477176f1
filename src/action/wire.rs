//! Requests and answers as they are on the wire: every status, header and Status body reaches the caller.

use std::fmt::Write as _;
use std::time::Duration;

use http::{Request, header};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// How long a read may take.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// What the server said.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub code: u16,
    /// The object, or the Status; `Null` when the body was no JSON.
    pub body: Value,
    /// The body when it was no JSON (priority and fairness refuses in plain text).
    pub text: String,
    pub retry_after: Option<u32>,
    pub audit_id: String,
    /// `Warning` headers: admission policies and deprecations.
    pub warnings: Vec<String>,
}

impl Answer {
    pub const fn ok(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    /// Without whatever may quote what was sent: the server's words about a Secret may hold its values.
    #[must_use]
    pub fn hushed(mut self) -> Self {
        if self.ok() {
            self.body = Value::Null;
            self.text = String::new();
            self.warnings = Vec::new();
            return self;
        }
        let causes = self.body.pointer("/details/causes").and_then(Value::as_array).cloned();
        let bare: Vec<Value> = causes
            .into_iter()
            .flatten()
            .map(|c| serde_json::json!({"reason": c.get("reason"), "field": c.get("field"), "message": ""}))
            .collect();
        let fields: Vec<&str> = bare.iter().filter_map(|c| c.get("field")?.as_str()).collect();
        // These name the user, the Secret and its version, never what is in it.
        let safe = matches!(self.code, 401 | 403 | 404 | 409 | 429);
        let message = if safe {
            self.message()
        } else {
            format!("status {} {} {}", self.code, self.reason(), fields.join(", "))
                .trim()
                .to_owned()
        };
        self.body = serde_json::json!({"reason": self.reason(), "message": message, "details": {"causes": bare}});
        self.text = String::new();
        self
    }

    /// `reason` of the Status.
    pub fn reason(&self) -> &str {
        self.body.pointer("/reason").and_then(Value::as_str).unwrap_or_default()
    }

    /// The server's sentence, or what stands for one.
    pub fn message(&self) -> String {
        let said = self
            .body
            .pointer("/message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !said.is_empty() {
            return said.to_owned();
        }
        let text: String = self.text.chars().take(300).collect();
        if text.trim().is_empty() {
            format!("status {}", self.code)
        } else {
            text.trim().to_owned()
        }
    }

    /// `(reason, message)` of each cause.
    pub fn causes(&self) -> Vec<(String, String)> {
        let text = |c: &Value, at: &str| c.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = self.body.pointer("/details/causes").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .map(|c| (text(c, "reason"), text(c, "message")))
            .collect()
    }

    pub fn has_cause(&self, reason: &str) -> bool {
        self.causes().iter().any(|(r, _)| r == reason)
    }

    /// Seconds that the server asks us to wait, from the header or from the Status.
    pub fn wait_s(&self) -> Option<u32> {
        let told = self.body.pointer("/details/retryAfterSeconds").and_then(Value::as_u64);
        self.retry_after.or(told.map(|s| s as u32)).filter(|s| *s > 0)
    }
}

/// A read that gave nothing.
#[derive(Clone, Debug)]
pub(super) struct ReadError {
    /// HTTP status; 0 when there was no answer.
    pub code: u16,
    pub why: String,
}

/// Sends once and gives the answer, or why there was none. Never sends again.
pub(super) async fn send(client: &Client, request: Request<Vec<u8>>, deadline: Duration) -> Result<Answer, String> {
    let exchange = async {
        let response = client.send(request.map(Body::from)).await.map_err(|e| short(&e))?;
        let (head, body) = response.into_parts();
        let text_of = |name: &str| {
            let value = head.headers.get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let warnings = head.headers.get_all(header::WARNING);
        let warnings = warnings
            .iter()
            .filter_map(|w| w.to_str().ok())
            .map(warning_text)
            .collect();
        let answer = Answer {
            code: head.status.as_u16(),
            retry_after: text_of("retry-after").parse().ok(),
            audit_id: text_of("audit-id"),
            warnings,
            ..Answer::default()
        };
        let bytes = match body.collect().await {
            Ok(all) => all.to_bytes(),
            // The status line came: that is the answer, even when the rest was cut off.
            Err(_) if answer.ok() => return Ok(answer),
            Err(e) => return Err(format!("the answer was cut off: {}", short(&e))),
        };
        Ok(match serde_json::from_slice(&bytes) {
            Ok(body) => Answer { body, ..answer },
            Err(_) => Answer {
                text: String::from_utf8_lossy(&bytes).into_owned(),
                ..answer
            },
        })
    };
    match tokio::time::timeout(deadline, exchange).await {
        Ok(done) => done,
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs_f32())),
    }
}

/// Reads one object or list.
pub(super) async fn get(client: &Client, path: &str) -> Result<Value, ReadError> {
    let fail = |code, why| ReadError { code, why };
    let request = Request::get(path)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|e| fail(0, e.to_string()))?;
    let answer = send(client, request, READ_DEADLINE).await.map_err(|why| fail(0, why))?;
    if answer.ok() && !answer.body.is_null() {
        Ok(answer.body)
    } else {
        Err(fail(answer.code, answer.message()))
    }
}

/// Posts a review of the user's own rights; these are reads in the shape of a POST.
pub(super) async fn review(client: &Client, path: &str, body: &Value) -> Result<Value, ReadError> {
    let fail = |code, why| ReadError { code, why };
    let request = Request::post(path)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|e| fail(0, e.to_string()))?;
    let answer = send(client, request, READ_DEADLINE).await.map_err(|why| fail(0, why))?;
    if answer.ok() {
        Ok(answer.body)
    } else {
        Err(fail(answer.code, answer.message()))
    }
}

/// A value of a query, percent-encoded.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

/// `299 - "text"` to `text`.
fn warning_text(header: &str) -> String {
    let text = header
        .split_once('"')
        .and_then(|(_, t)| t.rsplit_once('"'))
        .map(|(t, _)| t);
    text.unwrap_or(header).to_owned()
}

/// The innermost cause of an error: the outer ones repeat it.
fn short(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    super::object::clean(&last.to_string())
}
