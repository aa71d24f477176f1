//! Paths, whole answers with a deadline, and streams read line by line.

use std::fmt::Write as _;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;

use super::connect::READ;
use super::fault::{Fault, FaultKind};
use super::transport::retry_after;
use crate::model::{Kind, ObjectRef};

/// An error answer longer than this is not a `Status`.
const MAX_ERROR: usize = 256 * 1024;
/// No object is longer: etcd's limit is 1.5 MiB, and JSON may be some larger.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// `/apis/apps/v1/namespaces/a/deployments`.
pub fn collection(kind: Kind, namespace: Option<&str>) -> String {
    let (group, version, plural) = (kind.group(), kind.version(), kind.plural());
    let root = if group.is_empty() {
        "/api/".to_owned()
    } else {
        format!("/apis/{group}/")
    };
    match namespace {
        Some(ns) if kind.namespaced() => format!("{root}{version}/namespaces/{}/{plural}", escape(ns)),
        _ => format!("{root}{version}/{plural}"),
    }
}

pub fn object_path(object: &ObjectRef) -> String {
    format!("{}/{}", collection(object.kind, Some(&object.namespace)), object.name)
}

/// Escapes a query value.
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for b in value.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

fn get(path: &str) -> Result<http::request::Builder, Fault> {
    let uri: http::Uri = path
        .parse()
        .map_err(|_| Fault::new(FaultKind::Refused(400), format!("{path} is not a path")))?;
    Ok(Request::get(uri).header(http::header::ACCEPT, "application/json"))
}

async fn send(client: &Client, request: Request<Body>) -> Result<http::Response<Body>, Fault> {
    let answer = client.send(request).await?;
    let code = answer.status();
    if !code.is_client_error() && !code.is_server_error() {
        return Ok(answer);
    }
    let wait = retry_after(&answer);
    let body = http_body_util::Limited::new(answer.into_body(), MAX_ERROR).collect();
    let body = tokio::time::timeout(READ, body).await;
    let body = body
        .ok()
        .and_then(Result::ok)
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Err(Fault::of_answer(code.as_u16(), wait, &body))
}

/// A whole answer, within `deadline`.
pub async fn bytes(client: &Client, path: &str, deadline: Duration) -> Result<hyper::body::Bytes, Fault> {
    let request = get(path)?
        .body(Body::empty())
        .map_err(|e| Fault::from(kube::Error::HttpError(e)))?;
    let whole = async {
        let answer = send(client, request).await?;
        let body = answer.into_body().collect().await?;
        Ok(body.to_bytes())
    };
    match tokio::time::timeout(deadline, whole).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::slow(path.split('?').next().unwrap_or(path), deadline)),
    }
}

/// A whole answer, parsed.
pub async fn json<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Fault> {
    let body = bytes(client, path, READ).await?;
    serde_json::from_slice(&body).map_err(|e| garbled(path, &e))
}

/// A POST that only asks (reviews of our own rights).
pub async fn ask<T: DeserializeOwned>(client: &Client, path: &str, body: &serde_json::Value) -> Result<T, Fault> {
    let request = Request::post(path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string().into_bytes()))
        .map_err(|e| Fault::from(kube::Error::HttpError(e)))?;
    let whole = async {
        let body = send(client, request).await?.into_body().collect().await?;
        serde_json::from_slice(&body.to_bytes()).map_err(|e| garbled(path, &e))
    };
    match tokio::time::timeout(READ, whole).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::slow(path, READ)),
    }
}

pub fn garbled(path: &str, error: &serde_json::Error) -> Fault {
    let path = path.split('?').next().unwrap_or(path);
    Fault::new(
        FaultKind::Garbled,
        format!("the answer to {path} cannot be read: {error}"),
    )
}

/// A body that never ends by itself, read line by line.
pub struct Lines {
    body: Body,
    buf: Vec<u8>,
    /// Where the unread part begins.
    at: usize,
    /// How far it was searched for a line's end.
    searched: usize,
    ended: bool,
}

/// Opens a stream. Not compressed: from 1.37 on the server compresses each event of a watch apart, and the layer below
/// reads only the first.
pub async fn lines(client: &Client, path: &str) -> Result<Lines, Fault> {
    let request = get(path)?
        .header(http::header::ACCEPT_ENCODING, "identity")
        .body(Body::empty())
        .map_err(|e| Fault::from(kube::Error::HttpError(e)))?;
    let answer = send(client, request).await?;
    Ok(Lines {
        body: answer.into_body(),
        buf: Vec::new(),
        at: 0,
        searched: 0,
        ended: false,
    })
}

impl Lines {
    /// A line that has already arrived whole.
    pub fn ready(&mut self) -> Option<&[u8]> {
        let found = self
            .buf
            .get(self.searched..)
            .and_then(|rest| memchr::memchr(b'\n', rest));
        let end = match found {
            Some(i) => self.searched + i,
            None if self.ended && self.at < self.buf.len() => self.buf.len(),
            None => {
                self.searched = self.buf.len();
                return None;
            }
        };
        let from = self.at;
        self.at = (end + 1).min(self.buf.len());
        self.searched = self.at;
        self.buf.get(from..end)
    }

    /// Waits for more bytes; `false` at the end of the stream. Cancelling it loses nothing.
    pub async fn more(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        if self.buf.len() - self.at > MAX_LINE {
            return Err(Fault::new(FaultKind::Garbled, "the server sent a line without an end"));
        }
        let frame = self.body.frame().await;
        // Only now: what was read is dropped once there is something to put in its place.
        self.buf.drain(..self.at);
        self.searched -= self.at;
        self.at = 0;
        if self.buf.is_empty() && self.buf.capacity() > 1024 * 1024 {
            self.buf = Vec::new();
        }
        match frame {
            None => {
                self.ended = true;
                Ok(!self.buf.is_empty())
            }
            Some(Err(e)) => Err(e.into()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.buf.extend_from_slice(&data);
                }
                Ok(true)
            }
        }
    }
}
