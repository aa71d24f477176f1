//! What went wrong with a request, in one short sentence for a person, and as a kind for the code.

use std::error::Error as _;
use std::time::Duration;

use super::exec::ExecError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No connection, or it was cut.
    Link,
    /// No answer in time.
    Slow,
    /// 401, or no credentials can be had.
    SignIn,
    /// 403.
    Forbidden,
    /// 404.
    Absent,
    /// 410: the resource version or the continue token is too old.
    Gone,
    /// 429.
    Throttled,
    /// 5xx.
    Server,
    /// Any other 4xx; its code.
    Refused(u16),
    /// An answer that is not what was asked for.
    Garbled,
}

/// A request that did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{say}")]
pub struct Fault {
    pub kind: FaultKind,
    /// One sentence, without debug chains and without secrets.
    pub say: String,
    /// How long the server asks us to wait.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(kind: FaultKind, say: impl Into<String>) -> Self {
        Self {
            kind,
            say: say.into(),
            retry_after: None,
        }
    }

    /// With the server's address, where it was not reached: of several clusters it must be plain which.
    #[must_use]
    pub fn at(mut self, server: &str) -> Self {
        if self.kind == FaultKind::Link && !server.is_empty() && !self.say.contains(server) {
            self.say = self.say.replacen("the server", &format!("the server {server}"), 1);
        }
        self
    }

    /// No answer within `after`.
    pub fn slow(what: &str, after: Duration) -> Self {
        Self::new(
            FaultKind::Slow,
            format!("no answer to {what} within {} s", after.as_secs()),
        )
    }

    /// From an answer with an error status: the `Status` object's sentence, or the body's first line.
    pub fn of_answer(code: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let words = if status.message.is_empty() {
            let text = String::from_utf8_lossy(body);
            let line = text.trim().lines().next().unwrap_or_default();
            // A proxy's HTML page says nothing in its first line.
            let line = if line.starts_with('<') { "" } else { line };
            line.chars().filter(|c| !c.is_control()).take(200).collect()
        } else {
            status.message
        };
        let kind = match code {
            401 => FaultKind::SignIn,
            403 => FaultKind::Forbidden,
            404 => FaultKind::Absent,
            410 => FaultKind::Gone,
            429 => FaultKind::Throttled,
            500.. => FaultKind::Server,
            code => FaultKind::Refused(code),
        };
        let say = match kind {
            FaultKind::SignIn => "the server refuses the credentials (401): sign in again".to_owned(),
            FaultKind::Throttled => format!("the server asks for fewer requests (429): {words}"),
            FaultKind::Forbidden | FaultKind::Absent if !words.is_empty() => words,
            _ if words.is_empty() => format!("the server answered {code}"),
            _ => format!("the server answered {code}: {words}"),
        };
        let told = status.details.retry_after_seconds;
        Self {
            kind,
            say,
            retry_after: retry_after.or((told > 0).then(|| Duration::from_secs(told))),
        }
    }
}

impl From<kube::Error> for Fault {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = &error {
            let wait = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
            let wait = (wait > 0).then(|| Duration::from_secs(u64::from(wait)));
            let body = serde_json::json!({"message": status.message}).to_string();
            return Self::of_answer(status.code, wait, body.as_bytes());
        }
        if let kube::Error::SerdeError(e) = &error {
            return Self::new(FaultKind::Garbled, format!("the answer cannot be read: {e}"));
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut last = String::new();
        while let Some(e) = cause {
            if let Some(exec) = e.downcast_ref::<ExecError>() {
                return Self::new(FaultKind::SignIn, exec.to_string());
            }
            if let Some(fault) = e.downcast_ref::<Fault>() {
                return fault.clone();
            }
            if let Some(refused) = e.downcast_ref::<super::transport::Refused>() {
                return Self::new(FaultKind::Refused(0), refused.to_string());
            }
            if let Some(tls) = e.downcast_ref::<rustls::Error>() {
                return Self::new(FaultKind::Link, format!("TLS with the server fails: {tls}"));
            }
            if let Some(io) = e.downcast_ref::<std::io::Error>()
                && let Some(say) = link_words(io)
            {
                return Self::new(FaultKind::Link, say);
            }
            last = e.to_string();
            // An io::Error hides what it carries from `source`.
            cause = match e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => e.source(),
            };
        }
        let _ = error.source();
        Self::new(FaultKind::Link, format!("no connection to the server: {last}"))
    }
}

fn link_words(io: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind as K;
    let text = io.to_string();
    Some(match io.kind() {
        K::ConnectionRefused => "no connection to the server: connection refused".to_owned(),
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::UnexpectedEof => {
            "the connection to the server was cut".to_owned()
        }
        K::TimedOut => "no connection to the server: it does not answer".to_owned(),
        K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => {
            "no connection to the server: the network does not reach it".to_owned()
        }
        _ if text.contains("failed to lookup address") => {
            "no connection to the server: its name cannot be resolved".to_owned()
        }
        _ => return None,
    })
}

#[derive(Default, serde::Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, serde::Deserialize)]
struct Details {
    #[serde(default, rename = "retryAfterSeconds")]
    retry_after_seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_the_servers_words() {
        let body =
            br#"{"kind":"Status","message":"pods is forbidden: User \"operator\" cannot list resource","code":403}"#;
        let f = Fault::of_answer(403, None, body);
        assert_eq!(f.kind, FaultKind::Forbidden);
        assert!(f.say.starts_with("pods is forbidden"), "{}", f.say);
        let f = Fault::of_answer(
            429,
            None,
            br#"{"message":"slow down","details":{"retryAfterSeconds":7}}"#,
        );
        assert_eq!(f.retry_after, Some(Duration::from_secs(7)));
        let f = Fault::of_answer(502, None, b"<html><head>Bad gateway");
        assert_eq!(f.say, "the server answered 502");
    }

    #[test]
    fn a_lost_link_is_one_short_sentence() {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let fault = Fault::from(kube::Error::Service(Box::new(io)));
        assert_eq!(fault.say, "no connection to the server: connection refused");
        let fault = fault.at("10.0.0.1:6443");
        assert_eq!(
            fault.say,
            "no connection to the server 10.0.0.1:6443: connection refused"
        );
        assert_eq!(fault.clone().at("10.0.0.1:6443"), fault, "it is named once");
    }
}
