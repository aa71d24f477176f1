//! One connection: opened, let in, asked in pipelines, and dropped at the first sign of trouble.
//!
//! The redis crate speaks the protocol; deadlines are ours. After a timeout its multiplexed connection answers the
//! next question with the last one's answer or not at all, so a connection that missed a deadline is never used again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, Value};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::command::{Read, Write};
use crate::model::Problem;
use crate::text::clean;

/// Reaching a server and being let in.
pub const CONNECT: Duration = Duration::from_secs(3);
/// One pipeline of readings.
pub const READ: Duration = Duration::from_secs(3);
/// One change.
pub const WRITE: Duration = Duration::from_secs(5);

/// A way for bytes to a server, however it came about.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It accepts, but does not answer.
    TimedOut(String),
    /// No connection, or it broke.
    Lost(String),
    /// It answered no: the first word, and the rest.
    Refused(Refused),
    /// A secret, a certificate or a setting of ours is missing.
    Ours(String),
}

/// An error that the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `NOPERM`, `NOAUTH`, `LOADING`, `OOM`, `READONLY`, `WRONGTYPE`, …
    pub code: String,
    pub text: String,
}

/// What one command of a pipeline brought.
pub type Answer = Result<Value, Refused>;

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Done(Value),
    /// The server said no: nothing was changed.
    Refused(Refused),
    /// It never left us.
    NotSent(Fault),
    /// It was sent, and no answer came: it may have happened. It must be looked at, and never sent again by itself.
    Unknown(String),
}

impl Fault {
    /// As a view shows it. `user` is the ACL user, for the rule that is missing.
    pub fn problem(&self, user: Option<&str>) -> Problem {
        match self {
            Self::TimedOut(what) => Problem::TimedOut(clean(what).as_ref().into()),
            Self::Lost(why) | Self::Ours(why) => Problem::Failed(clean(why).as_ref().into()),
            Self::Refused(refused) => refused.problem("AUTH", "", None, user),
        }
    }

    /// One sentence.
    pub fn say(&self) -> String {
        match self {
            Self::TimedOut(what) => format!("no answer: {what}"),
            Self::Lost(why) | Self::Ours(why) => why.clone(),
            Self::Refused(refused) => refused.say(),
        }
    }
}

impl Refused {
    fn of(error: &RedisError) -> Self {
        let code = error.code().unwrap_or("ERR").to_owned();
        let text = error.detail().unwrap_or_else(|| error.category()).to_owned();
        Self { code, text }
    }

    pub fn say(&self) -> String {
        clean(&format!("{} {}", self.code, self.text)).into_owned()
    }

    /// As a view shows it: a missing right names the rule that gives it.
    pub fn problem(&self, what: &str, acl: &str, key: Option<&str>, user: Option<&str>) -> Problem {
        let user = user.unwrap_or("default");
        match self.code.as_str() {
            "NOPERM" => {
                let of_key = self.text.contains("key") && !self.text.contains("command");
                let rule = match key {
                    Some(key) if of_key => format!("%R~{}", pattern_of(key)),
                    _ => acl.to_owned(),
                };
                Problem::Denied {
                    what: clean(&format!("{what} is not permitted to the user {user}"))
                        .as_ref()
                        .into(),
                    grant: clean(&format!("ACL SETUSER {user} {rule}")).as_ref().into(),
                }
            }
            "NOAUTH" => Problem::Denied {
                what: "the server wants a password, and none is configured".into(),
                grant: "`password = { env = \"…\" }` in this [[platform.redis]]".into(),
            },
            "WRONGPASS" => Problem::Denied {
                what: clean(&format!("the server does not take the password of the user {user}"))
                    .as_ref()
                    .into(),
                grant: "`username` and `password` in this [[platform.redis]]".into(),
            },
            "LOADING" => Problem::Failed("the server is loading its data and answers nothing else yet".into()),
            _ => Problem::Failed(clean(&format!("{what}: {}", self.say())).as_ref().into()),
        }
    }
}

/// The keys that one right should cover: `bull:default:wait` → `bull:*`.
fn pattern_of(key: &str) -> String {
    key.split_once(':')
        .map_or_else(|| key.to_owned(), |(prefix, _)| format!("{prefix}:*"))
}

/// Who we are at the server.
#[derive(Clone, Default)]
pub struct Login {
    pub user: Option<String>,
    pub password: Option<SecretString>,
    pub db: u32,
}

/// An open connection.
pub struct Connection {
    inner: MultiplexedConnection,
    driver: AbortHandle,
    address: String,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A TCP stream to `host:port`.
pub(super) async fn dial(host: &str, port: u16) -> Result<TcpStream, Fault> {
    let at = format!("{host}:{port}");
    let stream = timeout(CONNECT, TcpStream::connect((host, port)))
        .await
        .map_err(|_| Fault::TimedOut(format!("{at} was not reached within {} s", CONNECT.as_secs())))?
        .map_err(|e| Fault::Lost(format!("{at} cannot be reached: {e}")))?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// TLS over it, with `name` to be found in the certificate.
pub(super) async fn encrypt(
    stream: Box<dyn Stream>,
    name: &str,
    config: Arc<rustls::ClientConfig>,
) -> Result<Box<dyn Stream>, Fault> {
    let server = rustls_pki_types::ServerName::try_from(name.to_owned())
        .map_err(|_| Fault::Ours(format!("`{name}` is no name that a certificate can have")))?;
    let connector = tokio_rustls::TlsConnector::from(config);
    let stream = timeout(CONNECT, connector.connect(server, stream))
        .await
        .map_err(|_| Fault::TimedOut(format!("TLS with {name} was not agreed within {} s", CONNECT.as_secs())))?
        .map_err(|e| Fault::Lost(format!("TLS with {name} failed: {e}")))?;
    Ok(Box::new(stream))
}

impl Connection {
    /// Says who we are on a fresh stream.
    ///
    /// # Errors
    /// No answer in time, a broken stream, or the server does not let us in.
    pub async fn open(stream: Box<dyn Stream>, address: &str, login: &Login) -> Result<Self, Fault> {
        let mut info = RedisConnectionInfo::default()
            .set_db(i64::from(login.db))
            .set_skip_set_lib_name();
        if let Some(user) = &login.user {
            info = info.set_username(user);
        }
        if let Some(password) = &login.password {
            info = info.set_password(password.expose_secret());
        }
        // Deadlines are set around each question, and their end is the connection's end.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None);
        let opened = timeout(CONNECT, MultiplexedConnection::new_with_config(&info, stream, config))
            .await
            .map_err(|_| {
                Fault::TimedOut(format!(
                    "{address} did not answer the greeting within {} s",
                    CONNECT.as_secs()
                ))
            })?;
        let (inner, driver) = opened.map_err(|e| fault(&e, address))?;
        let driver = tokio::spawn(driver).abort_handle();
        let mut connection = Self {
            inner,
            driver,
            address: address.to_owned(),
        };
        // So that an administrator who lists clients sees whose this is. Where that is not permitted, it has no name.
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg("quarterdeck");
        let _ = timeout(CONNECT, connection.inner.send_packed_command(&name))
            .await
            .map_err(|_| Fault::TimedOut(format!("{address} did not answer within {} s", CONNECT.as_secs())))?;
        Ok(connection)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks everything in one pipeline. After an error the connection must be dropped.
    ///
    /// # Errors
    /// No answer in time, or a broken connection.
    pub async fn read(&mut self, commands: &[Read]) -> Result<Vec<Answer>, Fault> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = Pipeline::with_capacity(commands.len());
        pipe.ignore_errors();
        for command in commands {
            pipe.add_command(command.cmd());
        }
        let asked = pipe.query_async::<Vec<Result<Value, RedisError>>>(&mut self.inner);
        let answers = timeout(READ, asked)
            .await
            .map_err(|_| Fault::TimedOut(format!("{} did not answer within {} s", self.address, READ.as_secs())))?
            .map_err(|e| fault(&e, &self.address))?;
        if answers.len() != commands.len() {
            return Err(Fault::Lost(format!("{} gave too few answers", self.address)));
        }
        Ok(answers.into_iter().map(|a| a.map_err(|e| Refused::of(&e))).collect())
    }

    /// PING, with its time in microseconds.
    ///
    /// # Errors
    /// As [`Connection::read`]; the inner one when the server answered an error.
    pub async fn ping(&mut self) -> Result<Result<u64, Refused>, Fault> {
        let began = Instant::now();
        let answer = self.read(&[Read::Ping]).await?.into_iter().next();
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(match answer {
            Some(Err(refused)) => Err(refused),
            _ => Ok(took),
        })
    }

    /// Sends one change, once. The connection comes back only when it answered.
    pub async fn write(mut self, command: &Write) -> (Written, Option<Self>) {
        let cmd = command.cmd();
        let answer = timeout(WRITE, self.inner.send_packed_command(&cmd)).await;
        let unknown = |why: String| (Written::Unknown(why), None);
        match answer {
            Err(_) => unknown(format!(
                "{} did not answer within {} s: it may have happened",
                self.address,
                WRITE.as_secs()
            )),
            Ok(Ok(Value::ServerError(error))) => (Written::Refused(Refused::of(&error.into())), Some(self)),
            Ok(Ok(value)) => (Written::Done(value), Some(self)),
            Ok(Err(error)) => match error.kind() {
                ErrorKind::Server(_) | ErrorKind::Extension => (Written::Refused(Refused::of(&error)), Some(self)),
                _ => unknown(format!(
                    "the connection to {} broke before the answer: it may have happened",
                    self.address
                )),
            },
        }
    }
}

fn fault(error: &RedisError, address: &str) -> Fault {
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            let text = error.detail().unwrap_or_default();
            let code = match (error.code(), text.contains("NOAUTH")) {
                (Some(code), _) => code.to_owned(),
                (None, true) => "NOAUTH".to_owned(),
                (None, false) => "WRONGPASS".to_owned(),
            };
            Fault::Refused(Refused {
                code,
                text: text.to_owned(),
            })
        }
        ErrorKind::Server(_) | ErrorKind::Extension => Fault::Refused(Refused::of(error)),
        _ => Fault::Lost(format!("the connection to {address} broke: {error}")),
    }
}

/// Reading values.
pub(crate) mod value {
    use redis::Value;

    /// A string, a status or a number as text.
    pub fn text(value: &Value) -> Option<String> {
        match value {
            Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
            Value::Okay => Some("OK".to_owned()),
            Value::Int(n) => Some(n.to_string()),
            Value::Double(n) => Some(n.to_string()),
            _ => None,
        }
    }

    pub fn int(value: &Value) -> Option<i64> {
        match value {
            Value::Int(n) => Some(*n),
            other => text(other)?.trim().parse().ok(),
        }
    }

    pub fn count(value: &Value) -> Option<u64> {
        int(value).and_then(|n| u64::try_from(n).ok())
    }

    pub fn number(value: &Value) -> Option<f64> {
        match value {
            Value::Double(n) => Some(*n),
            other => text(other)?.trim().parse().ok(),
        }
    }

    pub fn items(value: &Value) -> &[Value] {
        match value {
            Value::Array(items) | Value::Set(items) => items,
            _ => &[],
        }
    }

    /// The value beside a name, in a map or a flat list of pairs.
    pub fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
        match value {
            Value::Map(pairs) => pairs
                .iter()
                .find(|(k, _)| text(k).as_deref() == Some(name))
                .map(|(_, v)| v),
            other => items(other)
                .chunks_exact(2)
                .find(|pair| pair.first().and_then(text).as_deref() == Some(name))
                .and_then(|pair| pair.get(1)),
        }
    }
}
