//! Answers: bodies, headers, streams.

use super::status::Status;
use futures_util::stream::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::Value;
use std::io;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// Every answer.
pub(crate) type Answer = Response<Body>;

fn build(code: u16, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}

/// A whole body.
pub(crate) fn bytes(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    build(
        code,
        content_type,
        Full::new(body.into()).map_err(|never| match never {}).boxed_unsync(),
    )
}

/// A JSON document.
pub(crate) fn json(code: u16, value: &Value) -> Answer {
    bytes(code, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// Plain text.
pub(crate) fn text(code: u16, body: impl Into<Bytes>) -> Answer {
    bytes(code, "text/plain; charset=utf-8", body)
}

/// A body that comes in pieces.
pub(crate) fn stream(
    content_type: &'static str,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Answer {
    use futures_util::TryStreamExt as _;
    build(
        200,
        content_type,
        StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(),
    )
}

/// A refusal.
pub(crate) fn refusal(status: &Status) -> Answer {
    let mut answer = if status.code == 404 && status.reason.is_empty() {
        text(404, status.message.clone())
    } else {
        json(status.code, &status.value())
    };
    if let Some(seconds) = status.retry_after
        && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
    {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    answer
}
