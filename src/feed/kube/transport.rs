//! The layers under every request: one refuses to write, one counts and notes the server's clock.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use tower::{BoxError, Service};

/// A request that the read-only transport did not send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sent: {method} {path} is not a read, and this connection only reads")]
pub struct Refused {
    pub method: String,
    pub path: String,
}

/// Reviews of our own rights: POSTs that change nothing.
const REVIEWS: [&str; 3] = [
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
];

/// Subresources that a GET can change something with, or tunnel through.
const TUNNELS: [&str; 5] = ["exec", "attach", "portforward", "proxy", "ephemeralcontainers"];

/// Whether a request only reads. An allow-list: what is not known to read does not.
pub fn only_reads(method: &Method, path: &str) -> bool {
    // No name that the console reads needs an escape; one might hide a subresource.
    if path.contains('%') || path.contains("//") || path.split('/').any(|s| s == ".." || s == ".") {
        return false;
    }
    let path = path.trim_end_matches('/');
    if *method == Method::POST {
        return REVIEWS.contains(&path);
    }
    *method == Method::GET && !is_tunnel(path)
}

fn is_tunnel(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let rooted = match parts.next() {
        Some("api") => parts.next().is_some(),
        Some("apis") => parts.next().is_some() && parts.next().is_some(),
        _ => return false,
    };
    let mut rest: Vec<&str> = parts.collect();
    if rest.first() == Some(&"namespaces") && rest.len() > 2 {
        rest.drain(..2);
    }
    // The old form `/api/v1/proxy/…` stood before the resource.
    rooted && (rest.first() == Some(&"proxy") || rest.get(2).is_some_and(|sub| TUNNELS.contains(sub)))
}

/// Lets only reads through, whatever the code above it asks for.
#[derive(Clone)]
pub struct ReadOnly<S> {
    inner: S,
}

impl<S> ReadOnly<S> {
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B, R> Service<Request<B>> for ReadOnly<S>
where
    S: Service<Request<B>, Response = R, Error = BoxError>,
{
    type Response = R;
    type Error = BoxError;
    type Future = Either<Ready<Result<R, BoxError>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let upgrade = request.headers().contains_key(http::header::UPGRADE);
        if upgrade || !only_reads(request.method(), request.uri().path()) {
            let refused = Refused {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
            };
            return Either::Left(ready(Err(refused.into())));
        }
        Either::Right(self.inner.call(request))
    }
}

/// What went over the wire.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    writes: AtomicU64,
    clock: Mutex<Option<(Timestamp, Timestamp)>>,
}

impl Meter {
    /// Requests sent since the connection was made, watches and re-sent ones included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Those of them that were not reads.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The server's clock when it was last heard, and ours at that moment.
    pub fn clock(&self) -> Option<(Timestamp, Timestamp)> {
        self.clock.lock().ok().and_then(|c| *c)
    }

    fn sent(&self, method: &Method, path: &str) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !only_reads(method, path) {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn heard<B>(&self, answer: &Response<B>, ours: Timestamp) {
        let date = answer.headers().get(http::header::DATE);
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        if let Some(server) = date.and_then(|d| parser.parse_timestamp(d.as_bytes()).ok())
            && let Ok(mut clock) = self.clock.lock()
        {
            *clock = Some((server, ours));
        }
    }
}

/// The way to the server: a fresh credential on each request, counted, its answer mended.
#[derive(Clone)]
pub(super) struct Way {
    pub session: std::sync::Arc<super::session::Session>,
    pub meter: std::sync::Arc<Meter>,
    /// For reads: a 401 renews the credentials and sends once more; the head of an answer has a deadline. Writes have
    /// neither: what was sent is sent once, and their callers have deadlines of their own.
    pub reads: Option<std::time::Duration>,
    /// Host and port, for people.
    pub server: std::sync::Arc<str>,
}

impl Service<Request<Body>> for Way {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let way = self.clone();
        Box::pin(way.go(request))
    }
}

impl Way {
    async fn go(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (parts, body) = request.into_parts();
        let again = self.reads.and_then(|_| Some((parts.clone(), body.try_clone()?)));
        let (answer, lease) = self.once(Request::from_parts(parts, body)).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.session.renew(lease).await? {
            return mend(answer).await;
        }
        match again {
            Some((parts, body)) => mend(self.once(Request::from_parts(parts, body)).await?.0).await,
            None => mend(answer).await,
        }
    }

    async fn once(&self, mut request: Request<Body>) -> Result<(Response<Body>, u64), BoxError> {
        let lease = self.session.lease().await?;
        if let Some(bearer) = lease.bearer {
            request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
        }
        self.meter.sent(request.method(), request.uri().path());
        let sending = lease.client.send(request);
        let answer = match self.reads {
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .map_err(|_| super::Fault::slow("a request", limit))?
                .map_err(|e| super::Fault::from(e).at(&self.server))?,
            None => sending.await?,
        };
        self.meter.heard(&answer, Timestamp::now());
        Ok((answer, lease.number))
    }
}

/// API Priority and Fairness answers 429 in plain text; everything above expects a `Status` object.
async fn mend(answer: Response<Body>) -> Result<Response<Body>, BoxError> {
    if answer.status() != StatusCode::TOO_MANY_REQUESTS {
        return Ok(answer);
    }
    let wait = retry_after(&answer);
    let (mut parts, body) = answer.into_parts();
    let body = http_body_util::Limited::new(body, 64 * 1024)
        .collect()
        .await?
        .to_bytes();
    let is_status = serde_json::from_slice::<serde_json::Value>(&body)
        .is_ok_and(|v| v.get("kind").and_then(|k| k.as_str()) == Some("Status"));
    if is_status {
        return Ok(Response::from_parts(parts, Body::from(body.to_vec())));
    }
    let words: String = String::from_utf8_lossy(&body).trim().chars().take(200).collect();
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 429,
        "reason": "TooManyRequests", "message": words,
        "details": {"retryAfterSeconds": wait.map_or(1, |w| w.as_secs())},
    });
    parts.headers.remove(http::header::CONTENT_LENGTH);
    parts.headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    Ok(Response::from_parts(parts, Body::from(status.to_string().into_bytes())))
}

/// The `Retry-After` header in seconds.
pub(super) fn retry_after<B>(answer: &Response<B>) -> Option<std::time::Duration> {
    let value = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(std::time::Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn the_read_only_transport_sends_nothing_but_reads() {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let wire = tower::service_fn(move |_: Request<()>| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, BoxError>(()) }
        });
        let pod = "/api/v1/namespaces/a/pods/b";
        let reads = [
            ("GET", "/api/v1/pods".to_owned()),
            ("GET", format!("{pod}/log")),
            ("GET", "/version".to_owned()),
            // A pod may be called "exec", a namespace "proxy".
            ("GET", "/api/v1/namespaces/proxy/pods/exec".to_owned()),
            ("GET", "/apis/apps/v1/namespaces/a/deployments/b/scale".to_owned()),
            (
                "POST",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            ),
            ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews".to_owned()),
        ];
        let mut writes: Vec<(&str, String)> = ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "QUERY"]
            .into_iter()
            .map(|m| (m, pod.to_owned()))
            .collect();
        for sub in [
            "exec",
            "attach",
            "portforward",
            "proxy",
            "ephemeralcontainers",
            "proxy/metrics",
            "%65xec",
        ] {
            writes.push(("GET", format!("{pod}/{sub}")));
        }
        for path in [
            "/api/v1/nodes/n/proxy/pods",
            "/api/v1/proxy/nodes/n",
            "/api/v1/namespaces/a/services/s/proxy/",
            "/api/v1//namespaces/a/pods/b/exec",
            "/api/v1/x/../namespaces/a/pods/b/exec",
        ] {
            writes.push(("GET", path.to_owned()));
        }
        for path in [
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            "/api/v1/namespaces/a/pods",
        ] {
            writes.push(("POST", path.to_owned()));
        }
        for (method, path) in &reads {
            let request = Request::builder().method(*method).uri(path).body(()).unwrap();
            assert!(
                ReadOnly::new(wire.clone()).oneshot(request).await.is_ok(),
                "{method} {path}"
            );
        }
        assert_eq!(sent.load(Ordering::SeqCst), reads.len());
        for (method, path) in &writes {
            let request = Request::builder().method(*method).uri(path).body(()).unwrap();
            let error = ReadOnly::new(wire.clone()).oneshot(request).await.unwrap_err();
            assert!(error.downcast_ref::<Refused>().is_some(), "{method} {path}");
        }
        let upgrade = Request::get(pod).header("upgrade", "websocket").body(()).unwrap();
        assert!(ReadOnly::new(wire.clone()).oneshot(upgrade).await.is_err());
        assert_eq!(sent.load(Ordering::SeqCst), reads.len());
    }

    #[tokio::test]
    async fn a_plain_text_429_becomes_a_status_with_its_wait() {
        let answer = Response::builder()
            .status(429)
            .header("retry-after", "9")
            .body(Body::from(b"Too many requests, please try again later.\n".to_vec()))
            .unwrap();
        let body = mend(answer)
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes();
        let v: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(v["details"]["retryAfterSeconds"], 9);
        assert_eq!(v["message"], "Too many requests, please try again later.");
    }

    #[test]
    fn the_servers_clock_is_read_from_its_answers() {
        let meter = Meter::default();
        let answer = Response::builder()
            .header("date", "Sat, 21 Nov 2026 11:20:00 GMT")
            .body(())
            .unwrap();
        let ours: Timestamp = "2026-11-21T11:19:55Z".parse().unwrap();
        meter.heard(&answer, ours);
        assert_eq!(meter.clock(), Some(("2026-11-21T11:20:00Z".parse().unwrap(), ours)));
    }
}
